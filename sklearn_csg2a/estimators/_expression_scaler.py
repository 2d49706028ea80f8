"""The scaler of basal expression, fitted and applied once per unique cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

if TYPE_CHECKING:
    from sklearn_csg2a.treatments import Treatments

__all__ = ["fit_scaler", "scale_expression"]


def fit_scaler(scaler: Any, treatments: Treatments, train_rows: np.ndarray) -> Any:
    """Return a copy of the scaler fitted on the cells that train; None stays None."""
    if scaler is None:
        return None
    return clone(scaler).fit(treatments.take(train_rows).basal_expression)


def scale_expression(scaler: Any, treatments: Treatments) -> Treatments:
    """Apply a fitted scaler; None changes nothing."""
    if scaler is None:
        return treatments
    scaled = np.asarray(scaler.transform(treatments.basal_expression))
    scaled = scaled.astype(np.float32)
    return replace(treatments, basal_expression=scaled, table_rows=None)
