"""Input of a network: treatments, with each cell and condition once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from sklearn_csg2a.nn.molecules import MoleculeBatch

__all__ = ["TreatmentBatch"]


@dataclass
class TreatmentBatch:
    """A batch of treatments, with each of their cells and conditions once.

    A condition is a distinct (compound, dose, time).
    """

    basal: Tensor  # (cells, genes)
    interactome_term: Tensor  # (cells, genes), A_PPI g; (cells, 0) where unused
    compound: Tensor | MoleculeBatch  # (conditions, compound_dim), or to be encoded
    dose: Tensor  # (conditions,) uM
    time: Tensor  # (conditions,) hours
    cell_counts: Tensor  # (cells,) number of rows of each cell
    condition_counts: Tensor  # (conditions,)
    cell_index: Tensor  # (rows,) into the cells of the batch
    condition_index: Tensor  # (rows,)
    encoded_conditions: Tensor | None  # (conditions, genes) if already encoded

    def __len__(self) -> int:
        return len(self.cell_index)
