"""Shrunken effects of two factors, such as drugs and cell lines, fitted jointly."""

from __future__ import annotations

import numpy as np
from scipy import linalg, sparse

__all__ = ["fit_two_factors", "indicator"]


def fit_two_factors(
    fewer: tuple[np.ndarray, int],
    longer: tuple[np.ndarray, int],
    response: np.ndarray,
    shrinkage: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solve the ridge normal equations exactly, eliminating the longer factor.

    The remaining system is dense in the shorter factor and the intercept. Unlike
    `metrics.fit_mean_effects`, it fits the intercept together with the shrunken
    effects, and many outputs at once, such as the genes of a profile.
    """
    few, n_few = fewer
    more, n_more = longer
    mean = response.mean(axis=0)
    centered = response - mean
    few_matrix = indicator(few, n_few)
    more_matrix = indicator(more, n_more)
    few_counts = np.bincount(few, minlength=n_few)
    more_counts = np.bincount(more, minlength=n_more)
    gram = np.zeros((n_few + 1, n_few + 1))  # last row and column: intercept
    gram[:n_few, :n_few] = np.diag(few_counts + shrinkage)
    gram[:n_few, n_few] = gram[n_few, :n_few] = few_counts
    gram[n_few, n_few] = len(response)
    cross = np.vstack(
        [(few_matrix.T @ more_matrix).toarray(), more_counts]
    )  # (n_few + 1, n_more)
    weighted = cross / (more_counts + shrinkage)
    totals = np.vstack([few_matrix.T @ centered, centered.sum(axis=0)])
    more_totals = more_matrix.T @ centered
    solution = linalg.solve(
        gram - weighted @ cross.T, totals - weighted @ more_totals, assume_a="sym"
    )
    more_effects = (more_totals - cross.T @ solution) / (more_counts + shrinkage)[
        :, None
    ]
    return mean + solution[n_few], solution[:n_few], more_effects


def indicator(codes: np.ndarray, n_levels: int) -> sparse.csr_array:
    """Return the (n, n_levels) matrix with a one at each row's level."""
    rows = np.flatnonzero(codes >= 0)
    ones = np.ones(len(rows))
    return sparse.csr_array((ones, (rows, codes[rows])), (len(codes), n_levels))
