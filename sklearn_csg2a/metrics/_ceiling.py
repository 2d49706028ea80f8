"""How well two measurements of the same pairs agree: a ceiling for predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import as_finite, check_pair
from sklearn_csg2a.metrics._grouped import group_codes, within_group_correlation
from sklearn_csg2a.metrics._measures import pearson, rmse, skill

__all__ = ["NoiseCeiling", "ceiling_share", "noise_ceiling", "replicate_noise"]


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


def replicate_noise(y: Any, groups: Any, *, min_repeats: int = 10) -> float:
    """Estimate the noise of a single measurement from repeated measurements.

    Parameters
    ----------
    y : array-like of shape (n,)
        Measured values.
    groups : array-like of shape (n,)
        Group of each row: rows of one group are measurements of the same thing, such
        as a pair of cell line and compound at the same dose and time. Groups of one
        row do not count.
    min_repeats : int, default=10
        Least number of repeats: measurements beyond the first of their group.

    Returns
    -------
    float
        Standard deviation within groups, in the unit of `y`: the RMSE of a model that
        predicts the true value of each group.

    Raises
    ------
    InputError
        If there are fewer repeats than `min_repeats`, lengths differ, a value is not
        finite or a group is missing.

    See Also
    --------
    noise_ceiling : Two measurements of each pair, by two assays.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import replicate_noise
    >>> y = [1.0, 2.0, 4.0, 5.0, 9.0]
    >>> round(replicate_noise(y, ["a", "a", "b", "b", "c"], min_repeats=2), 3)
    0.707
    """
    values = as_finite(y, "y")
    codes, names = group_codes(groups, values)
    n_repeats = len(values) - len(names)
    if n_repeats < min_repeats:
        msg = (
            f"{len(values)} rows are {len(names)} groups: {n_repeats} repeated "
            f"measurements, which is fewer than min_repeats={min_repeats}. Noise "
            "cannot be estimated; give it as a number where it is known."
        )
        raise InputError(msg)
    return float(np.sqrt(_squares_within(values, codes) / n_repeats))


def ceiling_share(y_true: Any, y_pred: Any, naive_pred: Any, noise: float) -> float:
    """Compute which share of the way from the naive model to the noise is gone.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        Measured and predicted values.
    naive_pred : array-like of shape (n,)
        Predictions of the naive model of the split, as for `skill`.
    noise : float
        Standard deviation of a single measurement, in the unit of the values, such as
        `NoiseCeiling.noise` or `replicate_noise`.

    Returns
    -------
    float
        ``(MSE_naive - MSE) / (MSE_naive - noise**2)``: 0 is as good as the naive
        model, 1 is as good as the noise allows, negative values are worse than naive.
        NaN if the naive model itself is within the noise. With `noise` 0 it is the
        skill.

    Raises
    ------
    InputError
        If shapes differ, a value is no finite real number or `noise` is negative.

    See Also
    --------
    skill : The share of the way to a perfect prediction.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import ceiling_share
    >>> share = ceiling_share([1.0, 3.0], [1.5, 2.5], naive_pred=[2.0, 2.0], noise=0.4)
    >>> round(share, 3)
    0.893
    """
    gained = skill(y_true, y_pred, naive_pred)
    naive_rmse = rmse(y_true, naive_pred)
    return float(share_of_ceiling(gained, naive_rmse, check_noise(noise)))


def check_noise(noise: Any) -> float:
    """Return the noise as a number that is not negative."""
    value = as_finite([noise], "noise")[0]
    if value < 0:
        msg = f"noise is a standard deviation and must not be negative; got {noise!r}."
        raise InputError(msg)
    return float(value)


def share_of_ceiling(skill: Any, naive_rmse: Any, noise: float) -> Any:
    """Turn skill into the share of the way to the noise; NaN where none is left."""
    if noise == 0:
        return skill
    within_reach = 1 - np.square(noise / np.maximum(naive_rmse, noise))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(within_reach > 0, skill / within_reach, np.nan)[()]


def _squares_within(values: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Return the sum of squares around the mean of each group."""
    means = np.bincount(codes, values) / np.bincount(codes)
    return float(((values - means[codes]) ** 2).sum())
