"""One row of features for each treatment, of its cell, compound, dose and time.

What depends on a cell or a condition alone is computed once for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_csg2a.encoders._resolve import (
    encode_compounds,
    fit_alone,
    resolve_encoder,
)

if TYPE_CHECKING:
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "AmountScaler",
    "Conditions",
    "PairBlocks",
    "PairLayout",
    "encode_treatments",
    "fit_encoder",
]


@dataclass(frozen=True, eq=False)
class Conditions:
    """Unique conditions (n_conditions, ...) and the condition of each row (n_rows,)."""

    compound: np.ndarray
    amounts: np.ndarray
    index: np.ndarray

    @property
    def n_conditions(self) -> int:
        """Number of unique conditions."""
        return len(self.compound)


class AmountScaler:
    """Logarithms of dose and time, standardised, where training rows differ in them."""

    def __init__(self, treatments: Treatments) -> None:
        columns = _amounts(treatments)
        self.used = [k for k in range(2) if np.ptp(columns[:, k]) > 0]
        kept = columns[:, self.used]
        smallest = [column[column > 0].min() for column in kept.T]
        self.floor = np.array(smallest) / 10  # replaces 0
        logs = np.log10(np.maximum(kept, self.floor))
        self.mean, spread = logs.mean(axis=0), logs.std(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)

    def conditions(self, treatments: Treatments) -> Conditions:
        """Return the unique compounds, or unique triples with dose and time."""
        n_rows = treatments.n_rows
        if not self.used:
            n_conditions = max(treatments.n_compounds, 1)
            compound = np.arange(n_conditions)
            return Conditions(
                compound, np.empty((n_conditions, 0)), treatments.compound_index
            )
        logs = np.log10(np.maximum(_amounts(treatments)[:, self.used], self.floor))
        scaled = (logs - self.mean) / self.spread  # (n_rows, n_used)
        code = treatments.compound_index
        for column in scaled.T:  # much faster than unique rows
            values, at = np.unique(column, return_inverse=True)
            code = code * len(values) + at
        _, first, index = np.unique(code, return_index=True, return_inverse=True)
        return Conditions(
            treatments.compound_index[first], scaled[first], index.reshape(n_rows)
        )


@dataclass(frozen=True, eq=False)
class PairBlocks:
    """Features of unique cells and conditions, and the cell and condition of rows."""

    cells: np.ndarray
    conditions: np.ndarray
    cell_index: np.ndarray
    condition_index: np.ndarray

    def rows(self, at: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
        """Return features of rows (n_at, n_columns); a zero column if there is none."""
        n_cells, n_conditions = self.cells.shape[1], self.conditions.shape[1]
        width = n_cells + n_conditions
        rows = np.zeros((len(at), max(width, 1)), dtype=dtype)
        rows[:, :n_cells] = self.cells[self.cell_index[at]]
        rows[:, n_cells:width] = self.conditions[self.condition_index[at]]
        return rows


class PairLayout:
    """Which columns of genes and encodings a row of features has.

    Columns that are constant over the training cells or compounds, or equal to an
    earlier one, tell no two training rows apart and are left out.
    """

    def __init__(self, treatments: Treatments, encodings: np.ndarray) -> None:
        self.amount_scaler = AmountScaler(treatments)
        self.compound_columns = find_distinct_columns(encodings)
        self.gene_columns = find_distinct_columns(treatments.basal_expression)

    @property
    def width(self) -> int:
        """Number of columns of a row, at least one."""
        n_amounts = len(self.amount_scaler.used)
        return max(len(self.gene_columns) + len(self.compound_columns) + n_amounts, 1)

    def blocks(self, treatments: Treatments, encodings: np.ndarray) -> PairBlocks:
        """Return genes, and encoded compounds with dose and time."""
        conditions = self.amount_scaler.conditions(treatments)
        compounds = encodings[:, self.compound_columns]
        return PairBlocks(
            treatments.basal_expression[:, self.gene_columns],
            np.hstack([compounds[conditions.compound], conditions.amounts]),
            treatments.cell_index,
            conditions.index,
        )


def fit_encoder(encoder: Any, treatments: Treatments) -> Any | None:
    """Return a fitted compound encoder; None for treatments without compounds."""
    if not treatments.has_compounds:
        return None
    return fit_alone(resolve_encoder(encoder), list(treatments.smiles))


def encode_treatments(encoder: Any | None, treatments: Treatments) -> np.ndarray:
    """Return the encodings of the compounds; without any, a single empty one."""
    if encoder is None:
        return np.zeros((1, 0), dtype=np.float32)
    return encode_compounds(encoder, list(treatments.smiles))


def find_distinct_columns(values: np.ndarray) -> np.ndarray:
    """Return positions of non-constant columns that differ from all earlier ones."""
    varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
    seen: dict[bytes, int] = {}
    for column in varying.tolist():
        seen.setdefault(values[:, column].tobytes(), column)
    return np.fromiter(seen.values(), dtype=np.int64, count=len(seen))


def _amounts(treatments: Treatments) -> np.ndarray:
    """Return dose and time, (n_rows, 2)."""
    return np.column_stack([treatments.dose, treatments.time])
