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
    "lower",
    "predict_pairs",
]

# What a tower returns: tensors, all with the entities along the first axis.
Codes = tuple[Tensor, ...]

_CELLS = 64  # cells in a block


def lower(x: Tensor) -> Tensor:
    """Return `x` in the precision of products, which is lower under autocast.

    A product of such a tensor needs no conversion, and has the same type. Parts of a
    network that only rectify or drop between two products lose nothing by it.
    """
    kind = x.device.type
    if not torch.is_autocast_enabled(kind):
        return x
    return x.to(torch.get_autocast_dtype(kind))


class PairNetwork(nn.Module):
    """Predict rows from codes that are computed once per cell and per compound."""

    rows_at_once: ClassVar[int] = 256  # in a block of a prediction

    @abstractmethod
    def encode_cells(self, cells: Tensor, counts: Tensor | None = None) -> Codes:
        """Run the tower of cells; `counts` (cells,) are rows of each in the batch."""

    @abstractmethod
    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Run the tower of compounds; the tuple is empty where there are none."""

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
        """Return on what the shapes in `combine` depend, (compounds,); None: nothing.

        In a prediction only rows of one size meet.
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

    Its two blocks are applied once per cell and once per compound; their sum, once
    gathered for the rows, equals the layer on the concatenation.
    """

    def __init__(self, cell_width: int, compound_width: int, width: int) -> None:
        super().__init__(cell_width + compound_width, width)
        self.cell_width = cell_width

    def of_cells(self, x: Tensor) -> Tensor:
        """Return the terms of cells, bias included: (cells, width)."""
        return dense(x, self.weight[:, : self.cell_width], self.bias)

    def of_compounds(self, x: Tensor) -> Tensor:
        """Return the terms of compounds (compounds, width)."""
        return dense(x, self.weight[:, self.cell_width :])


class AbsentCompound(nn.Module):
    """Stands for a tower of compounds where there are none: one learned vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(1, width))

    def forward(self, *_: object) -> Tensor:
        """Return the vector, (1, width)."""
        return self.vector


class InputTower(nn.Module):
    """A tower that passes on the vectors it is given."""

    def forward(
        self, x: Tensor | tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Tensor:
        """Return the vectors, (entities, width)."""
        del counts
        return x[0] if isinstance(x, tuple) else x


class ConcatenationNetwork(PairNetwork):
    """A dense head on the concatenation of two towers.

    Parameters
    ----------
    cell_tower, compound_tower : nn.Module
        From inputs and counts to (entities, width).
    first : PairDense
        First layer of the head.
    rest : nn.Module
        What follows it, from (rows, width) to (rows, 1).
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
        return (self.first.of_cells(self.cell_tower(cells, counts)),)

    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Return the compounds' terms of the first layer, (compounds, width)."""
        return (self.first.of_compounds(self.compound_tower(compounds, counts)),)

    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response of rows, (rows, 1)."""
        of_cell = cells[0].index_select(0, cell_index)
        x = of_cell + compounds[0].index_select(0, compound_index)
        return self.rest(lower(x))


@torch.no_grad()
def predict_pairs(network: PairNetwork, data: PairTensors) -> Tensor:
    """Return the response of all rows, (rows, 1).

    A row's result must not depend on the rows beside it, and matrix products of
    different shapes may round differently. So cells and rows come in blocks of one
    shape, and compounds, whose inputs differ in size, come one by one: as copies, for
    a view may start at an address from which the processor adds up in another order.
    """
    of_cells = list(padded_blocks(len(data.cells), _CELLS, data.cells.device))

    def encode_cells(block: int) -> Codes:
        index, kept = of_cells[block]
        return tuple(part[:kept] for part in network.encode_cells(data.cells[index]))

    cells = _join(map_blocks(encode_cells, len(of_cells)))

    def encode(compound: int) -> Codes:
        alone = slice(compound, compound + 1)
        return network.encode_compounds(
            tuple(part[alone].clone() for part in data.compounds)
        )

    compounds = _join(encode(k) for k in range(data.n_compounds))  # small operations
    blocks = [
        (alike[index], kept)
        for alike in _rows_by_size(network.sizes(compounds), data.compound_index)
        for index, kept in padded_blocks(len(alike), network.rows_at_once, alike.device)
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
    of_row = sizes[compound_index]
    for size in of_row.unique():
        yield torch.nonzero(of_row == size)[:, 0]


def _join(blocks: Iterable[Codes]) -> Codes:
    """Join the codes of blocks along the entities."""
    return tuple(torch.cat(parts) for parts in zip(*blocks, strict=True))
