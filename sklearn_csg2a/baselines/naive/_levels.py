"""Levels of a factor, and their means."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_csg2a.metrics._two_factors import indicator

__all__ = ["code_levels", "find_levels", "level_means"]


def find_levels(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the code of each key (n,), -1 for missing, and the distinct keys."""
    codes, levels = pd.factorize(keys)
    return codes.astype(np.int64), np.asarray(levels, dtype=object)


def code_levels(keys: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the position of each key among known levels (n,), -1 where unseen."""
    codes, distinct = pd.factorize(keys)
    known = pd.Index(levels, dtype=object).get_indexer(pd.Index(distinct, dtype=object))
    return np.append(known, -1)[codes]


def level_means(codes: np.ndarray, n_levels: int, response: np.ndarray) -> np.ndarray:
    """Return the mean of response (n, outputs) in each level, (n_levels, outputs)."""
    counts = np.bincount(codes[codes >= 0], minlength=n_levels)
    totals = indicator(codes, n_levels).T @ response
    return totals / np.maximum(counts, 1)[:, None]
