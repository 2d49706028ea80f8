"""Pairs of a cell and a compound, in batches with each cell and compound once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_csg2a.training.data import block_order, distinct_entities, epoch_order

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PairBatch", "PairDataset", "PairTensors"]


@dataclass
class PairBatch:
    """A batch of pairs, with each of their cells and compounds once."""

    cells: Tensor  # (cells, ...)
    compounds: tuple[Tensor, ...]  # each (compounds, ...); empty without compounds
    cell_counts: Tensor  # (cells,) rows of each cell in the batch
    compound_counts: Tensor  # (compounds,)
    cell_index: Tensor  # (rows,) into the cells of the batch
    compound_index: Tensor  # (rows,)

    def __len__(self) -> int:
        return len(self.cell_index)


@dataclass
class PairTensors:
    """All pairs of a fit or a prediction on the device."""

    cells: Tensor  # (cells, ...)
    compounds: tuple[Tensor, ...]  # each (compounds, ...)
    cell_index: Tensor  # (rows,)
    compound_index: Tensor  # (rows,)

    @classmethod
    def build(
        cls,
        cells: np.ndarray,
        compounds: Sequence[np.ndarray],
        cell_index: np.ndarray,
        compound_index: np.ndarray,
        device: torch.device,
    ) -> PairTensors:
        """Move arrays to a device."""
        return cls(
            cells=_move(cells, device),
            compounds=tuple(_move(part, device) for part in compounds),
            cell_index=_move(cell_index, device),
            compound_index=_move(compound_index, device),
        )

    @property
    def n_compounds(self) -> int:
        """Number of compounds; 1 if there are none, as if all rows had the same."""
        return len(self.compounds[0]) if self.compounds else 1


@dataclass
class PairDataset(Dataset[Any]):
    """Rows of PairTensors with their targets; shuffled if there is a generator.

    With `rows_of_block`, rows are shuffled in blocks of about that many; see
    `block_order`.
    """

    tensors: PairTensors
    rows: Tensor  # (rows,)
    target: Tensor  # (rows, 1)
    generator: torch.Generator | None = None
    rows_of_block: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def order(self) -> Tensor:
        """Return positions (rows,) in the order of an epoch."""
        if self.rows_of_block is None:
            order = epoch_order(len(self), self.generator)
        else:
            order = block_order(
                self.tensors.cell_index[self.rows].cpu(),
                self.tensors.compound_index[self.rows].cpu(),
                self.rows_of_block,
                self.generator,
            )
        return order.to(self.rows.device)

    def batch(self, positions: Tensor) -> tuple[PairBatch, Tensor]:
        """Collate the rows at `positions` (batch,) of this data set."""
        data = self.tensors
        rows = self.rows[positions]
        cells, cell_index, cell_counts = distinct_entities(
            data.cell_index[rows], len(data.cells), present_alone=True
        )
        compounds, compound_index, compound_counts = distinct_entities(
            data.compound_index[rows], data.n_compounds, present_alone=True
        )
        batch = PairBatch(
            cells=data.cells[cells],
            compounds=tuple(part[compounds] for part in data.compounds),
            cell_counts=cell_counts,
            compound_counts=compound_counts,
            cell_index=cell_index,
            compound_index=compound_index,
        )
        return batch, self.target[positions]


def _move(values: np.ndarray, device: torch.device) -> Tensor:
    """Return an array as a tensor on the device."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)
