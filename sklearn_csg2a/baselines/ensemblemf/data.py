"""Batches in which each member has its own rows, with their cells and compounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sklearn_csg2a.baselines.deep._data import PairDataset

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MemberBatch", "MemberDataset"]


@dataclass
class MemberBatch:
    """Some pairs of each member, padded to as many cells and compounds."""

    cells: Tensor  # (members, cells, genes)
    compounds: tuple[Tensor, ...]  # each (members, compounds, ...)
    cell_index: Tensor  # (members, rows)
    compound_index: Tensor  # (members, rows)

    def __len__(self) -> int:
        return self.cell_index.shape[1]


@dataclass
class MemberDataset(PairDataset):
    """Rows of PairTensors, shuffled by one generator for each member."""

    generators: Sequence[torch.Generator] = ()

    def order(self) -> Tensor:
        """Return positions (rows, members) in the order of an epoch."""
        orders = [
            PairDataset(
                self.tensors, self.rows, self.target, generator, self.rows_of_block
            ).order()
            for generator in self.generators
        ]
        return torch.stack(orders, dim=1)

    def batch(self, positions: Tensor) -> tuple[Any, Tensor]:
        """Collate the rows at `positions` (batch, members), or (batch,) for all."""
        if positions.dim() == 1:
            return super().batch(positions)
        data = self.tensors
        rows = self.rows[positions]  # (batch, members)
        cells, cell_index = _distinct(data.cell_index[rows].T, len(data.cells))
        compounds, compound_index = _distinct(
            data.compound_index[rows].T, data.n_compounds
        )
        batch = MemberBatch(
            cells=data.cells[cells],
            compounds=tuple(part[compounds] for part in data.compounds),
            cell_index=cell_index,
            compound_index=compound_index,
        )
        return batch, self.target[positions].squeeze(-1)


def _distinct(index: Tensor, n_entities: int) -> tuple[Tensor, Tensor]:
    """Return the entities of each member, padded with 0, and where the rows find them.

    `index` is (members, rows); returns (members, entities) and (members, rows).
    """
    n_members = len(index)
    members = torch.arange(n_members, device=index.device)
    of_all, place = torch.unique(
        index + n_entities * members[:, None], return_inverse=True
    )  # ascending: member after member
    member = of_all // n_entities
    counts = torch.bincount(member, minlength=n_members)
    starts = counts.cumsum(0) - counts
    entities = index.new_zeros(n_members, int(counts.max()))
    position = torch.arange(len(of_all), device=index.device) - starts[member]
    entities[member, position] = of_all % n_entities
    return entities, place - starts[:, None]
