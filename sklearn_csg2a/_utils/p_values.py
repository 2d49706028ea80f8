"""Adjustment of p-values for the number of tests.

Both methods are a few lines each: statsmodels adjusts to the same numbers, but counts
a missing p-value as a test, and SciPy refuses it.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control

__all__ = ["adjust_benjamini_hochberg", "adjust_holm"]


def adjust_holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust (n_tests,) p-values by Holm's method; NaN values are ignored and kept."""
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return adjusted


def adjust_benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjust (n_tests,) p-values for the false discovery rate; NaN values are kept."""
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), np.nan)
    tested = ~np.isnan(p_values)
    if tested.any():
        adjusted[tested] = false_discovery_control(p_values[tested], method="bh")
    return adjusted
