"""Weights of rows, as numbers of measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.exceptions import InputError

__all__ = ["read_weights"]


def read_weights(
    sample_weight: Any, row_labels: np.ndarray | None, n_rows: int
) -> np.ndarray:
    """Return the weight of each row, (n_rows,) float64; ones for None.

    Raises
    ------
    InputError
        If they are not one number of 0 or more for each row, or all are 0.
    """
    if sample_weight is None:
        return np.ones(n_rows)
    try:
        weights = column_or_1d(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"sample_weight must be one number for each of the {n_rows} rows: {error}"
        raise InputError(msg) from error
    if len(weights) != n_rows:
        msg = f"sample_weight has {len(weights)} numbers, but X has {n_rows} rows."
        raise InputError(msg)
    (wrong,) = np.nonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        found = list_offenders(
            wrong.tolist(),
            lambda row: f"{name_row(row, row_labels)}: {float(weights[row])}",
        )
        msg = f"sample_weight must be finite numbers of 0 or more, got {found}."
        raise InputError(msg)
    if not weights.any():
        msg = "sample_weight is zero in all rows; at least one must count."
        raise InputError(msg)
    return weights
