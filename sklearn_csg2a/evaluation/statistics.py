"""Statistics over folds: intervals, paired tests, ranks and critical differences.

Folds of one cross-validation share training rows, so their results are not
independent. The interval and the test are corrected as in Nadeau and Bengio (Machine
Learning 52, 2003): the variance of the mean is that of the folds times
1 / n_folds + n_test / n_train, instead of 1 / n_folds.

Friedman's test, ranks and quantiles are SciPy's. Nemenyi's critical difference is a few
lines and stays here: scikit-posthocs gives p-values without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range, t

LEVEL = 0.05


@dataclass(frozen=True)
class PairedTest:
    """Mean of paired differences, its interval, and the p-value of "it is 0"."""

    n_folds: int
    mean: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class RankTest:
    """Mean ranks of models (1 is best), Friedman's p and the critical difference."""

    n_folds: int
    ranks: np.ndarray  # (n_models,)
    p: float
    critical_difference: float


def t_interval(values: np.ndarray, test_to_train: float = 0.0) -> tuple[float, float]:
    """Return the 95 % interval of the mean of (n_folds,); NaN below two folds.

    `test_to_train` is n_test / n_train; 0 disables the correction.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    mean = float(np.mean(values))
    half = float(t.ppf(1 - LEVEL / 2, len(values) - 1)) * _error(values, test_to_train)
    return mean - half, mean + half


def corrected_t_test(differences: np.ndarray, test_to_train: float) -> PairedTest:
    """Test paired differences (n_folds,) by the corrected resampled t-test.

    Below two folds, p and the interval are NaN. Differences that are all 0 have p = 1.
    """
    n_folds = len(differences)
    mean = float(np.mean(differences)) if n_folds else float("nan")
    low, high = t_interval(differences, test_to_train)
    if n_folds < 2:
        return PairedTest(n_folds, mean, low, high, float("nan"))
    error = _error(differences, test_to_train)
    if error == 0:
        return PairedTest(n_folds, mean, low, high, 1.0 if mean == 0 else 0.0)
    p = 2 * float(t.sf(abs(mean) / error, n_folds - 1))
    return PairedTest(n_folds, mean, low, high, p)


def _error(values: np.ndarray, test_to_train: float) -> float:
    """Return the corrected standard error of the mean of (n_folds,)."""
    variance = float(np.var(values, ddof=1))
    return float(np.sqrt((1 / len(values) + test_to_train) * variance))


def mean_ranks(errors: np.ndarray) -> np.ndarray:
    """Rank models within folds, the lowest first, ties by the mean: (n_models,).

    `errors` is (n_folds, n_models).
    """
    return np.asarray(rankdata(errors, axis=1).mean(axis=0), dtype=float)


def compare_ranks(errors: np.ndarray) -> RankTest:
    """Compare (n_folds, n_models), three models at least, by Friedman and Nemenyi."""
    n_folds, n_models = errors.shape
    ranks = mean_ranks(errors)
    is_tied = bool((errors == errors[:, :1]).all())
    p = 1.0 if is_tied else float(friedmanchisquare(*errors.T).pvalue)
    return RankTest(n_folds, ranks, p, critical_difference(n_models, n_folds))


def critical_difference(n_models: int, n_folds: int) -> float:
    """Return the difference of mean ranks that Nemenyi's test calls significant."""
    quantile = studentized_range.ppf(1 - LEVEL, n_models, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_models * (n_models + 1) / (6 * n_folds)))


def find_cliques(ranks: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """Find the longest runs of models whose ranks differ by less than `difference`.

    Each run is its first and last position in the order of `ranks`, which is sorted.
    """
    runs: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = int(np.searchsorted(ranks, rank + difference)) - 1
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs
