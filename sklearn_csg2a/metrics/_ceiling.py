"""How well two measurements of the same pairs agree: a ceiling for predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import check_pair
from sklearn_csg2a.metrics._grouped import group_codes, within_group_correlation
from sklearn_csg2a.metrics._measures import pearson, rmse

__all__ = ["NoiseCeiling", "noise_ceiling"]


@dataclass(frozen=True)
class NoiseCeiling:
    """Agreement of two measurements of the same pairs of cell line and compound.

    Attributes
    ----------
    n_pairs, n_groups : int
        Number of pairs, and of groups used within groups.
    bias : float
        Mean of second minus first.
    rmse, pearson : float
        Of one measurement as a prediction of the other.
    rmse_within : float
        The same after the mean difference of each group was subtracted.
    pearson_within : float
        Mean correlation within groups.
    noise : float
        Standard deviation of a single measurement: `rmse_within`, corrected for the
        means it takes, over the square root of 2.
    best_pearson, best_pearson_within : float
        Square roots of the correlations: those of the true response with one
        measurement of it. 0 for a negative correlation.
    """

    n_pairs: int
    n_groups: int
    bias: float
    rmse: float
    pearson: float
    rmse_within: float
    pearson_within: float
    noise: float

    @property
    def best_pearson(self) -> float:
        """Correlation of the true response with one measurement."""
        return float(np.sqrt(max(self.pearson, 0.0)))

    @property
    def best_pearson_within(self) -> float:
        """The same within groups."""
        return float(np.sqrt(max(self.pearson_within, 0.0)))


def noise_ceiling(
    first: Any, second: Any, groups: Any, *, min_rows: int = 3
) -> NoiseCeiling:
    """Compare two measurements of the same pairs, overall and within groups.

    Parameters
    ----------
    first, second : array-like of shape (n,)
        The two measurements of each pair, in one unit.
    groups : array-like of shape (n,)
        Group of each pair, such as the compound, compared as given. The two may
        differ by a constant in each group, the effect of the assay.
    min_rows : int, default=3
        Minimum number of pairs of a group for its correlation, at least 2.

    Returns
    -------
    NoiseCeiling
        Correlations and errors, overall and within groups.

    Raises
    ------
    InputError
        If lengths differ, a value is not finite, a group is missing, no group can be
        used or every pair is a group of its own.

    See Also
    --------
    sklearn_csg2a.datasets.paired_measurements : The pairs of GDSC measured twice.
    within_group_correlation : The correlation within groups.

    Notes
    -----
    `noise` and the best correlations assume that both measurements have the same
    noise, independent of each other. Whatever an assay repeats in both of its
    measurements, such as an extrapolated curve, is not noise to it: between two assays
    the noise is too large as a limit for a model trained and tested on one of them,
    and such a model can be better. Within one assay it is too small for new
    conditions.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import noise_ceiling
    >>> ceiling = noise_ceiling([1, 2, 4, 1, 2, 4], [2, 3, 5, 0, 3, 4], list("aaabbb"))
    >>> round(ceiling.rmse, 3), round(ceiling.rmse_within, 3)
    (0.913, 0.577)
    """
    one, other = check_pair(first, second, ("first", "second"))
    if one.ndim != 1:
        msg = f"first and second must have the shape (n,); got {one.shape}."
        raise InputError(msg)
    codes, names = group_codes(groups, one)
    n_free = len(one) - len(names)
    if n_free < 1:
        msg = (
            f"Each of the {len(one)} pairs is a group of its own, so noise and the "
            "effect of a group cannot be told apart. Give the compound as group."
        )
        raise InputError(msg)
    within = within_group_correlation(one, other, groups, min_rows=min_rows)
    squares = _squares_within(other - one, codes)
    return NoiseCeiling(
        n_pairs=len(one),
        n_groups=within.n_groups,
        bias=float((other - one).mean()),
        rmse=rmse(one, other),
        pearson=pearson(one, other),
        rmse_within=float(np.sqrt(squares / len(one))),
        pearson_within=within.mean,
        noise=float(np.sqrt(squares / n_free / 2)),
    )


def _squares_within(values: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return the sum of squares around the mean of each group."""
    means = np.bincount(codes, values) / np.bincount(codes)
    return float(((values - means[codes]) ** 2).sum())
