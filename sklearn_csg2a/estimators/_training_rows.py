"""Which rows train and which judge early stopping, and how many make a batch."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from sklearn_csg2a.exceptions import InputError

__all__ = ["choose_batch_size", "split_rows"]


def split_rows(
    validation: Any, X: Any, y: Any, n_rows: int, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return training and validation rows; None where nothing is held out.

    `validation` is a fraction, a splitter whose first split is used, or None.
    """
    if validation is None:
        return np.arange(n_rows), None
    if not isinstance(validation, Real):
        train, valid = map(np.asarray, next(iter(validation.split(X, y))))
        if len(train) < 2 or len(valid) < 1:
            msg = (
                f"validation={validation!r} gives {len(train)} training and "
                f"{len(valid)} validation rows of {n_rows}; training needs at "
                "least 2 and validation 1. Use fewer folds, more rows or a "
                "fraction."
            )
            raise InputError(msg)
        return train, valid
    n_valid = round(float(validation) * n_rows)
    if n_valid < 1 or n_rows - n_valid < 2:
        return np.arange(n_rows), None
    order = np.random.RandomState(seed).permutation(n_rows)
    return np.sort(order[n_valid:]), np.sort(order[:n_valid])


def choose_batch_size(batch_size: int | str, n_train: int) -> int:
    """Resolve "auto": about 100 steps an epoch, between 32 and 512 rows."""
    if batch_size == "auto":
        return int(np.clip(2 ** round(np.log2(max(n_train / 100, 1))), 32, 512))
    return int(batch_size)
