"""Treatments as tensors, cut into batches by unique cell and condition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_csg2a._inference import interactome_terms
from sklearn_csg2a.nn import CSG2A, TreatmentBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn_csg2a.treatments import Treatments

__all__ = ["Batches", "TreatmentDataset", "TreatmentTensors"]


@dataclass
class TreatmentTensors:
    """All treatments of a fit on the device, by unique cell and condition.

    A condition is a distinct (compound, dose, time). `encoded_conditions` is
    set where the condition encoder is frozen, so that it runs once per fit.
    """

    basal: Tensor  # (cells, genes)
    interactome_term: Tensor  # (cells, genes) or (cells, 0)
    compounds: Tensor  # (compounds, compound_dim)
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
        encodings: np.ndarray,
        csg2a: CSG2A,
        device: torch.device,
    ) -> TreatmentTensors:
        """Move treatments and compound `encodings` (compounds, dim) to a device."""
        compound_index = treatments.compound_index
        triples = np.column_stack(
            [compound_index.astype(float), treatments.dose, treatments.time]
        )
        conditions, condition_index = _unique_rows(triples)
        basal = torch.from_numpy(treatments.basal_expression).to(device)
        return cls(
            basal=basal,
            interactome_term=interactome_terms(csg2a, basal),
            compounds=torch.from_numpy(encodings).to(device),
            condition_compound=_index(conditions[:, 0], device),
            dose=torch.from_numpy(conditions[:, 1].astype(np.float32)).to(device),
            time=torch.from_numpy(conditions[:, 2].astype(np.float32)).to(device),
            cell_index=_index(treatments.cell_index, device),
            condition_index=_index(condition_index, device),
        )


@dataclass
class TreatmentDataset(Dataset):
    """Rows of a TreatmentTensors with their centred targets."""

    tensors: TreatmentTensors
    rows: Tensor  # (rows,)
    target: Tensor  # (rows, outputs)
    generator: torch.Generator | None = field(default=None)  # shuffles if given

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, positions: Tensor) -> tuple[TreatmentBatch, Tensor]:
        """Collate the rows at `positions` (batch,) of this data set."""
        data = self.tensors
        rows = self.rows[positions]
        cells, cell_index, cell_counts = _entities(
            data.cell_index[rows], len(data.basal)
        )
        conditions, condition_index, condition_counts = _entities(
            data.condition_index[rows], len(data.dose)
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
    """Iterate over a data set, shuffled where it has a generator.

    A last batch of one row is merged into the one before, because batch norm
    cannot train on it; no row is ever dropped.
    """

    def __init__(self, dataset: TreatmentDataset, batch_size: int) -> None:
        self.dataset = dataset
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[TreatmentBatch, Tensor]]:
        n_rows = len(self.dataset)
        device = self.dataset.rows.device
        if self.dataset.generator is None:
            order = torch.arange(n_rows, device=device)
        else:
            order = torch.randperm(n_rows, generator=self.dataset.generator).to(device)
        starts = list(range(0, n_rows, self.batch_size))
        if len(starts) > 1 and n_rows - starts[-1] == 1:
            starts.pop()
        for start, stop in zip(starts, [*starts[1:], n_rows], strict=True):
            yield self.dataset.batch(order[start:stop])


def _entities(index: Tensor, n_entities: int) -> tuple[Tensor | slice, Tensor, Tensor]:
    """Return the entities of a batch, each row's position among them, and counts.

    Where there are no more entities than rows, all are taken, some with a count of
    zero: nothing is copied, and shapes stay the same from batch to batch.
    """
    if n_entities <= len(index):
        return slice(None), index, torch.bincount(index, minlength=n_entities)
    return torch.unique(index, return_inverse=True, return_counts=True)


def _index(values: np.ndarray, device: torch.device) -> Tensor:
    """Return an int64 tensor of positions."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)


def _unique_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of a (rows, few) table and each row's position."""
    codes = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        levels, inverse = np.unique(column, return_inverse=True)
        codes = np.unique(codes * len(levels) + inverse, return_inverse=True)[1]
    _, first, index = np.unique(codes, return_index=True, return_inverse=True)
    return table[first], index
