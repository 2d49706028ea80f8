"""Covariance of the responses to conditions, learned from an incomplete table.

The response of a cell to all conditions is a normal vector with covariance S (D, D),
the same for all cells, and each measurement adds noise. With A the covariance of the
measurements of a cell and r these measurements, an EM step needs only the vectors
``A^-1 r`` and the sum of ``A^-1`` over the cells, both scattered to all conditions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from sklearn_csg2a.nn.blocks import count_blocks, map_blocks

__all__ = ["ResponseCovariance", "learn_covariance"]

_START = 0.5  # first variance of each condition, relative to that of the measurements
_NOISE_PAIRS = 10.0  # pairs with average noise that are added to each condition


@dataclass(frozen=True, eq=False)
class ResponseCovariance:
    """Covariance (D, D) and variance of the noise (D,), and the number of EM steps."""

    covariance: np.ndarray
    noise: np.ndarray
    n_iter: int


@dataclass(frozen=True, eq=False)
class _Sums:
    """What an EM step needs from some cells."""

    scores: np.ndarray  # (n_cells, D), A^-1 r
    precision: np.ndarray  # (D, D), upper triangle of the sum of A^-1
    excess: np.ndarray  # (D,), sum of (score^2 - diagonal of A^-1) / count


def learn_covariance(
    residuals: np.ndarray,
    counts: np.ndarray,
    *,
    noise: float,
    shrinkage: float,
    max_iter: int,
    tol: float,
) -> ResponseCovariance:
    """Fit covariance and noise by expectation maximisation.

    `residuals` (C, D) are centered means of `counts` (C, D) measurements, of any value
    where there is none. The mean of the noise stays at `noise`, and `shrinkage` cells
    with a multiple of the identity as covariance are added.
    """
    n_cells, n_conditions = residuals.shape
    patterns, pattern_of = np.unique(counts, axis=0, return_inverse=True)
    groups = [np.flatnonzero(pattern_of.ravel() == k) for k in range(len(patterns))]
    n_pairs = np.count_nonzero(counts, axis=0)
    covariance = _START * np.eye(n_conditions)
    noises = np.full(n_conditions, noise)
    n_iter, change = 0, np.inf
    while n_iter < max_iter and change > tol:
        sums = _sum_over_cells(residuals, counts, groups, covariance, noises)
        half = sums.scores.T @ sums.scores - sums.precision
        update = covariance @ half @ covariance / n_cells
        updated = covariance + (update + update.T) / 2
        prior = np.trace(updated) / n_conditions * np.eye(n_conditions)
        updated = (n_cells * updated + shrinkage * prior) / (n_cells + shrinkage)
        squares = n_pairs * noises + noises**2 * sums.excess  # expected, of the noise
        relative = (squares + _NOISE_PAIRS * noise) / (n_pairs + _NOISE_PAIRS)
        noises = noise * relative / relative.mean()
        change = float(linalg.norm(updated - covariance) / linalg.norm(updated))
        covariance = updated
        n_iter += 1
    return ResponseCovariance(covariance, noises, n_iter)


def _sum_over_cells(
    residuals: np.ndarray,
    counts: np.ndarray,
    groups: list[np.ndarray],
    covariance: np.ndarray,
    noises: np.ndarray,
) -> _Sums:
    """Sum over groups of cells whose measured conditions and counts are the same."""
    n_blocks = min(count_blocks(len(groups) * len(covariance) ** 3), len(groups))
    edges = np.linspace(0, len(groups), n_blocks + 1).astype(int)
    parts = map_blocks(
        lambda k: _sum_over_groups(
            residuals, counts, groups[edges[k] : edges[k + 1]], covariance, noises
        ),
        n_blocks,
    )
    precision = np.sum([part.precision for part in parts], axis=0)
    return _Sums(
        np.sum([part.scores for part in parts], axis=0),
        precision + np.triu(precision, 1).T,
        np.sum([part.excess for part in parts], axis=0),
    )


def _sum_over_groups(
    residuals: np.ndarray,
    counts: np.ndarray,
    groups: list[np.ndarray],
    covariance: np.ndarray,
    noises: np.ndarray,
) -> _Sums:
    """Return the sums over some groups; scores of other cells are 0."""
    scores = np.zeros(residuals.shape)
    precision, excess = np.zeros(covariance.shape), np.zeros(len(covariance))
    for cells in groups:
        measured = np.flatnonzero(counts[cells[0]])
        at = np.ix_(measured, measured)
        count = counts[cells[0], measured]
        system = covariance[at]
        system.flat[:: len(measured) + 1] += noises[measured] / count
        factor = linalg.cho_factor(
            system.T, lower=True, overwrite_a=True, check_finite=False
        )
        of_cells = np.ix_(cells, measured)
        score = linalg.cho_solve(factor, residuals[of_cells].T, check_finite=False)
        inverse, _ = lapack.dpotri(factor[0], lower=True)
        inverse = np.tril(inverse).T  # upper triangle, in the order of rows
        scores[of_cells] = score.T
        precision[at] += len(cells) * inverse
        surplus = (score**2).sum(axis=1) - len(cells) * inverse.diagonal()
        excess[measured] += surplus / count
    return _Sums(scores, precision, excess)
