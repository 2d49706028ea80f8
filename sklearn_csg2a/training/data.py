"""Treatments as tensors, in batches of unique cells and conditions, in some order."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_csg2a.nn import CSG2A, Molecules, TreatmentBatch
from sklearn_csg2a.nn.blocks import ENTITIES, in_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "Batches",
    "TreatmentDataset",
    "TreatmentTensors",
    "block_order",
    "distinct_entities",
    "epoch_order",
    "interactome_terms",
    "order_by_compound",
]

_MOST_CODES = 2**62  # of the distinct rows of a table, in 64 bits
_ROWS_OF_A_COMPOUND = 8  # consecutive rows, if compounds are encoded in every batch


@dataclass
class TreatmentTensors:
    """All treatments of a fit on the device, by unique cell and condition.

    A condition is a distinct (compound, dose, time). `encoded_conditions` is set if the
    condition encoder is frozen, so that it runs once per fit.
    """

    basal: Tensor  # (cells, genes)
    interactome_term: Tensor  # (cells, genes) or (cells, 0)
    compounds: Tensor | Molecules  # (compounds, compound_dim), or to be encoded
    condition_compound: Tensor  # (conditions,)
    dose: Tensor  # (conditions,) uM
    time: Tensor  # (conditions,) hours
    cell_index: Tensor  # (rows,)
    condition_index: Tensor  # (rows,)
    encoded_conditions: Tensor | None = None  # (conditions, genes)

    @classmethod
    def build(
        cls,
        treatments: Treatments,
        compounds: np.ndarray | Molecules,
        csg2a: CSG2A,
        device: torch.device,
    ) -> TreatmentTensors:
        """Move treatments to a device; compounds are encodings or molecules."""
        compound_index = treatments.compound_index
        triples = np.column_stack(
            [compound_index.astype(float), treatments.dose, treatments.time]
        )
        conditions, condition_index = _unique_rows(triples)
        basal = torch.from_numpy(treatments.basal_expression).to(device)
        return cls(
            basal=basal,
            interactome_term=interactome_terms(csg2a, basal),
            compounds=(
                compounds
                if isinstance(compounds, Molecules)
                else torch.from_numpy(compounds).to(device)
            ),
            condition_compound=_index(conditions[:, 0], device),
            dose=torch.from_numpy(conditions[:, 1].astype(np.float32)).to(device),
            time=torch.from_numpy(conditions[:, 2].astype(np.float32)).to(device),
            cell_index=_index(treatments.cell_index, device),
            condition_index=_index(condition_index, device),
        )


@dataclass
class TreatmentDataset(Dataset[Any]):
    """Rows of a TreatmentTensors with their centred targets."""

    tensors: TreatmentTensors
    rows: Tensor  # (rows,)
    target: Tensor  # (rows, outputs)
    generator: torch.Generator | None = field(default=None)  # shuffles if given

    @classmethod
    def take(
        cls,
        tensors: TreatmentTensors,
        target: np.ndarray,
        rows: np.ndarray,
        generator: torch.Generator | None = None,
    ) -> TreatmentDataset:
        """Take some rows of all; `target` is (all rows, outputs)."""
        device = tensors.basal.device
        return cls(
            tensors,
            torch.from_numpy(np.asarray(rows, dtype=np.int64)).to(device),
            torch.from_numpy(target[rows].astype(np.float32)).to(device),
            generator,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def encodes_compounds(self) -> bool:
        """Whether the network encodes the compounds in every batch."""
        return isinstance(self.tensors.compounds, Molecules)

    def order(self) -> Tensor:
        """Return positions (rows,) in the order of an epoch."""
        if self.encodes_compounds:
            data = self.tensors
            compound = data.condition_compound[data.condition_index[self.rows]]
            order = order_by_compound(compound.cpu(), self.generator)
        else:
            order = epoch_order(len(self), self.generator)
        return order.to(self.rows.device)

    def batch(self, positions: Tensor) -> tuple[TreatmentBatch, Tensor]:
        """Collate the rows at `positions` (batch,) of this data set."""
        data = self.tensors
        rows = self.rows[positions]  # (batch,)
        cells, cell_index, cell_counts = distinct_entities(
            data.cell_index[rows], len(data.basal)
        )
        conditions, condition_index, condition_counts = distinct_entities(
            data.condition_index[rows],
            len(data.dose),
            present_alone=self.encodes_compounds,
        )
        encoded = data.encoded_conditions
        batch = TreatmentBatch(
            basal=data.basal[cells],
            interactome_term=data.interactome_term[cells],
            compound=data.compounds[data.condition_compound[conditions]],
            dose=data.dose[conditions],
            time=data.time[conditions],
            cell_counts=cell_counts,
            condition_counts=condition_counts,
            cell_index=cell_index,
            condition_index=condition_index,
            encoded_conditions=None if encoded is None else encoded[conditions],
        )
        return batch, self.target[positions]


class Batches:
    """Iterate over a data set, shuffled if it has a generator.

    A last batch of one row is merged into the previous one, because batch norm cannot
    train on it; no row is dropped. `share` is (rank, number of processes): only that
    part of each batch is yielded, at least two rows.

    Notes
    -----
    If the network encodes compounds, which is then the most expensive step, rows of one
    compound come in groups of about eight instead of one by one; see `train_encoder` of
    the estimators.
    """

    def __init__(
        self,
        dataset: TreatmentDataset,
        batch_size: int,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.share = share

    def sizes(self) -> list[int]:
        """Return the rows of each batch, over all processes."""
        n_rows = len(self.dataset)
        starts = list(range(0, n_rows, self.batch_size))
        if len(starts) > 1 and n_rows - starts[-1] < 2 * self.share[1]:
            starts.pop()
        return [b - a for a, b in pairwise([*starts, n_rows])]

    def __iter__(self) -> Iterator[tuple[TreatmentBatch, Tensor]]:
        which, n_shares = self.share
        for rows in self.dataset.order().split(self.sizes()):
            yield self.dataset.batch(rows.tensor_split(n_shares)[which])


def distinct_entities(
    index: Tensor, n_entities: int, *, present_alone: bool = False
) -> tuple[Tensor | slice, Tensor, Tensor]:
    """Return the entities of a batch, their position for each row, and counts.

    If there are at most as many entities as rows, all are used, some with a count of
    zero: nothing is copied, and shapes are constant. With `present_alone`, for entities
    that are expensive to compute, only those present are used.
    """
    if present_alone or (n_entities > len(index) and index.device.type == "cpu"):
        return torch.unique(index, return_inverse=True, return_counts=True)
    if n_entities > len(index):
        return _distinct_padded(index)
    return slice(None), index, _count(index, n_entities)


def _distinct_padded(index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the result of torch.unique, padded to as many entities as rows.

    The shape does not depend on the values, which avoids synchronisation with the
    device. The padding is entity 0 with a count of zero.
    """
    ascending, order = index.sort()
    is_first = torch.ones_like(ascending)
    is_first[1:] = ascending[1:] != ascending[:-1]
    group = is_first.cumsum(0) - 1  # (batch,), of the rows in ascending order
    entities = torch.zeros_like(index).scatter_(0, group, ascending)
    position = torch.empty_like(index).scatter_(0, order, group)
    return entities, position, _count(group, len(index))


def _count(index: Tensor, n: int) -> Tensor:
    """Count each of 0 to n - 1, like bincount, without synchronising the device."""
    return index.new_zeros(n).index_add_(0, index, torch.ones_like(index))


def _index(values: np.ndarray, device: torch.device) -> Tensor:
    """Return an int64 tensor of positions."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)


def _unique_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of a (rows, few) table and the position of each row."""
    codes, n_codes = np.zeros(len(table), dtype=np.int64), 1
    for column in table.T:
        if (column == column[:1]).all():
            continue
        levels, inverse = np.unique(column, return_inverse=True)
        if n_codes * len(levels) > _MOST_CODES:
            known, codes = np.unique(codes, return_inverse=True)
            n_codes = len(known)
        codes, n_codes = codes * len(levels) + inverse, n_codes * len(levels)
    _, first, index = np.unique(codes, return_index=True, return_inverse=True)
    return table[first], index


@torch.no_grad()
def interactome_terms(csg2a: CSG2A, basal: Tensor) -> Tensor:
    """Return A_PPI g of each cell; `basal` is (cells, genes)."""
    return in_blocks(
        basal, ENTITIES, lambda i: csg2a.attention.interactome_term(basal[i])
    )


def epoch_order(n_rows: int, generator: torch.Generator | None) -> Tensor:
    """Return positions (rows,), shuffled if there is a generator."""
    if generator is None:
        return torch.arange(n_rows)
    return torch.randperm(n_rows, generator=generator)


def order_by_compound(compound: Tensor, generator: torch.Generator | None) -> Tensor:
    """Order rows so that a batch has few compounds; `compound` is (rows,).

    With a generator, the rows of each compound are randomly split into groups of 8 to
    15 rows (all rows if there are fewer), and the groups are shuffled. A batch then has
    about an eighth as many compounds as rows, in new combinations in each epoch.
    """
    if generator is None:
        return compound.argsort(stable=True)
    order = torch.randperm(len(compound), generator=generator)
    order = order[compound[order].argsort(stable=True)]  # by compound
    counts = torch.bincount(compound)  # (compounds,)
    n_portions = (counts // _ROWS_OF_A_COMPOUND).clamp(min=1)
    ends, last_portions = counts.cumsum(0), n_portions.cumsum(0)
    compound = compound[order]
    place = torch.arange(len(order)) - (ends - counts)[compound]
    portion = (last_portions - n_portions)[compound] + place % n_portions[compound]
    shuffled = torch.randperm(int(last_portions[-1]), generator=generator)
    return order[shuffled[portion].argsort(stable=True)]


def block_order(
    cell_index: Tensor,
    compound_index: Tensor,
    rows_of_block: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return an order (rows,) in which a batch has few cells and compounds.

    Cells and compounds are split into groups, at random with a generator. The rows of a
    group of cells and an equally large group of compounds, about `rows_of_block` in
    total, are consecutive; these blocks are in random order. For a complete table, a
    batch of n rows then has about 2 sqrt(n) entities, whereas rows drawn individually
    would have nearly all of them. Each call gives new combinations.
    """
    cells, cell_index = cell_index.unique(return_inverse=True)
    compounds, compound_index = compound_index.unique(return_inverse=True)
    n_blocks = max(len(cell_index) / rows_of_block, 1)
    side = (len(cells) * len(compounds) / n_blocks) ** 0.5  # entities of a group
    cell_group, n_cell_groups = _deal(len(cells), side, generator)
    compound_group, n_compound_groups = _deal(len(compounds), side, generator)
    place = epoch_order(n_cell_groups * n_compound_groups, generator)
    block = cell_group[cell_index] * n_compound_groups + compound_group[compound_index]
    return place[block].argsort(stable=True)


def _deal(
    n_entities: int, size: float, generator: torch.Generator | None
) -> tuple[Tensor, int]:
    """Return the group of each entity (entities,) and the number of groups."""
    n_groups = max(round(n_entities / size), 1)
    return epoch_order(n_entities, generator) % n_groups, n_groups
