"""Networks with a tower for cells and one for compounds."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn.blocks import map_blocks, padded_blocks
from sklearn_csg2a.nn.layers import Dense, dense

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sklearn_csg2a.baselines.deep._data import PairBatch, PairTensors

__all__ = [
    "AbsentCompound",
    "Codes",
    "ConcatenationNetwork",
    "InputTower",
    "PairDense",
    "PairNetwork",
    "predict_pairs",
    "to_autocast_dtype",
]

# Output of a tower: tensors, all with cells or compounds along the first axis.
Codes = tuple[Tensor, ...]

_BLOCK_CELLS = 64


def to_autocast_dtype(x: Tensor) -> Tensor:
    """Return `x` in the data type of matrix products, which is lower under autocast.

    A product of such a tensor needs no conversion, and has the same type. If only ReLU
    or dropout come between two products, no precision is lost.
    """
    kind = x.device.type
    if not torch.is_autocast_enabled(kind):
        return x
    return x.to(torch.get_autocast_dtype(kind))


class PairNetwork(nn.Module):
    """Predict rows from codes that are computed once per cell and per compound."""

    block_rows: ClassVar[int] = 256  # of a prediction

    @abstractmethod
    def encode_cells(self, cells: Tensor, counts: Tensor | None = None) -> Codes:
        """Apply the cell tower; `counts` (cells,): rows of each cell in the batch."""

    @abstractmethod
    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Apply the compound tower; the tuple is empty if there are no compounds."""

    @abstractmethod
    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response of rows, (rows, 1)."""

    def sizes(self, compounds: Codes) -> Tensor | None:
        """Return what shapes in `combine` depend on, (compounds,); None: on nothing.

        `predict_pairs` combines rows of one size at a time.
        """
        del compounds
        return None

    def forward(self, batch: PairBatch) -> Tensor:
        """Return the response of a batch, (rows, 1)."""
        cells = self.encode_cells(batch.cells, batch.cell_counts)
        compounds = self.encode_compounds(batch.compounds, batch.compound_counts)
        response = self.combine(
            cells, compounds, batch.cell_index, batch.compound_index
        )
        return response.float()


class PairDense(Dense):
    """A dense layer on a cell's vector and a compound's, concatenated.

    Its two blocks of weights are applied once per cell and once per compound; the sum
    of both results in a row equals the layer on the concatenation.
    """

    def __init__(self, cell_width: int, compound_width: int, width: int) -> None:
        super().__init__(cell_width + compound_width, width)
        self.cell_width = cell_width

    def cell_terms(self, x: Tensor) -> Tensor:
        """Return the terms of cells, bias included: (cells, width)."""
        return dense(x, self.weight[:, : self.cell_width], self.bias)

    def compound_terms(self, x: Tensor) -> Tensor:
        """Return the terms of compounds (compounds, width)."""
        return dense(x, self.weight[:, self.cell_width :])


class AbsentCompound(nn.Module):
    """The compound tower if there are no compounds: one learned vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(1, width))

    def forward(self, *_: object) -> Tensor:
        """Return the vector, (1, width)."""
        return self.vector


class InputTower(nn.Module):
    """A tower that returns its input."""

    def forward(
        self, x: Tensor | tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Tensor:
        """Return the vectors of cells or compounds, (n, width)."""
        del counts
        return x[0] if isinstance(x, tuple) else x


class ConcatenationNetwork(PairNetwork):
    """A dense head on the concatenation of two towers.

    Parameters
    ----------
    cell_tower, compound_tower : nn.Module
        From inputs and counts to (cells or compounds, width).
    first : PairDense
        First layer of the head.
    rest : nn.Module
        The other layers, from (rows, width) to (rows, 1).
    """

    def __init__(
        self,
        cell_tower: nn.Module,
        compound_tower: nn.Module,
        first: PairDense,
        rest: nn.Module,
    ) -> None:
        super().__init__()
        self.cell_tower = cell_tower
        self.compound_tower = compound_tower
        self.first = first
        self.rest = rest

    def encode_cells(self, cells: Tensor, counts: Tensor | None = None) -> Codes:
        """Return the cells' terms of the first layer, (cells, width)."""
        return (self.first.cell_terms(self.cell_tower(cells, counts)),)

    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Return the compounds' terms of the first layer, (compounds, width)."""
        return (self.first.compound_terms(self.compound_tower(compounds, counts)),)

    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response of rows, (rows, 1)."""
        x = cells[0].index_select(0, cell_index)
        x = x + compounds[0].index_select(0, compound_index)
        return self.rest(to_autocast_dtype(x))


@torch.no_grad()
def predict_pairs(network: PairNetwork, data: PairTensors) -> Tensor:
    """Return the response of all rows, (rows, 1).

    The result of a row must not depend on the other rows, but matrix products of
    different shapes may round differently. So cells and rows are processed in blocks of
    one shape, and compounds, whose inputs differ in size, one at a time. They are
    copied, because sums over a view with another alignment may round differently.
    """
    cell_blocks = list(padded_blocks(len(data.cells), _BLOCK_CELLS, data.cells.device))

    def encode_cells(block: int) -> Codes:
        index, kept = cell_blocks[block]
        return tuple(part[:kept] for part in network.encode_cells(data.cells[index]))

    cells = _join(map_blocks(encode_cells, len(cell_blocks)))

    def encode_compound(position: int) -> Codes:
        one = slice(position, position + 1)
        return network.encode_compounds(
            tuple(part[one].clone() for part in data.compounds)
        )

    compounds = _join(
        encode_compound(k) for k in range(data.n_compounds)
    )  # small operations
    blocks = [
        (rows[index], kept)
        for rows in _rows_by_size(network.sizes(compounds), data.compound_index)
        for index, kept in padded_blocks(len(rows), network.block_rows, rows.device)
    ]

    def predict(block: int) -> Tensor:
        rows, kept = blocks[block]
        response = network.combine(
            cells, compounds, data.cell_index[rows], data.compound_index[rows]
        )
        return response[:kept].float()

    predicted = torch.cat(map_blocks(predict, len(blocks)))
    order = torch.cat([rows[:kept] for rows, kept in blocks])
    return torch.empty_like(predicted).index_copy_(0, order, predicted)


def _rows_by_size(sizes: Tensor | None, compound_index: Tensor) -> Iterator[Tensor]:
    """Yield the positions of rows whose compounds are of one size."""
    if sizes is None:
        yield torch.arange(len(compound_index), device=compound_index.device)
        return
    row_sizes = sizes[compound_index]
    for size in row_sizes.unique():
        yield torch.nonzero(row_sizes == size)[:, 0]


def _join(blocks: Iterable[Codes]) -> Codes:
    """Concatenate the codes of blocks."""
    return tuple(torch.cat(parts) for parts in zip(*blocks, strict=True))
