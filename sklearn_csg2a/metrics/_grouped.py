"""Correlations that are 0 for naive models: within groups, and of residuals."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import check_pair
from sklearn_csg2a.metrics._measures import RELATIVE_NOISE, pearson

Correlation = Literal["pearson", "spearman"]


class WithinGroupCorrelation(NamedTuple):
    """Mean correlation within groups, and the number of groups used.

    Attributes
    ----------
    mean : float
        Mean over the groups used.
    n_groups : int
        Number of groups used.
    per_group : Series of shape (n_groups,)
        Correlation of each group used, indexed by group.
    """

    mean: float
    n_groups: int
    per_group: pd.Series


def within_group_correlation(
    y_true: Any,
    y_pred: Any,
    groups: Any,
    *,
    method: Correlation = "pearson",
    min_rows: int = 3,
) -> WithinGroupCorrelation:
    """Compute the mean over groups of the correlation within the group.

    Within drug, differences in potency between drugs do not contribute; within cell
    line, differences in sensitivity between cell lines do not.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        Measured and predicted values.
    groups : array-like of shape (n,)
        Group of each row: the drug for "within drug", compared as given.
    method : {"pearson", "spearman"}, default="pearson"
        The correlation.
    min_rows : int, default=3
        Minimum number of rows of a group, at least 2.

    Returns
    -------
    WithinGroupCorrelation
        `mean`, all groups weighted equally; `n_groups`, the number of groups with at
        least `min_rows` rows and non-constant measured values; `per_group`, a Series
        of their correlations. A group with constant predictions counts as 0.

    Raises
    ------
    InputError
        If lengths differ, a value is not finite, a group is missing or no group can
        be used.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import within_group_correlation
    >>> result = within_group_correlation(
    ...     [1, 2, 3, 1, 2, 3, 9], [1, 2, 3, 5, 5, 5, 9], list("aaabbbc")
    ... )
    >>> result.mean, result.n_groups
    (0.5, 2)
    """
    true, pred = check_pair(y_true, y_pred)
    if method not in get_args(Correlation):
        msg = f"method must be one of {get_args(Correlation)}; got {method!r}."
        raise InputError(msg)
    if min_rows < 2:
        msg = f"min_rows must be at least 2; got {min_rows!r}."
        raise InputError(msg)
    codes, names = group_codes(groups, true)
    if method == "spearman":
        true, pred = _rank_within(true, codes), _rank_within(pred, codes)
    true, pred = _center_within(true, codes), _center_within(pred, codes)
    varies = np.bincount(codes, true**2) > 0
    usable = varies & (np.bincount(codes) >= min_rows)
    if not usable.any():
        msg = (
            f"None of the {len(names)} groups has at least min_rows={min_rows} rows "
            "and non-constant measured values: no correlation within groups can be "
            "computed. Use a larger test set or a smaller min_rows."
        )
        raise InputError(msg)
    correlations = np.clip(np.bincount(codes, true * pred), -1.0, 1.0)[usable]
    return WithinGroupCorrelation(
        mean=float(correlations.mean()),
        n_groups=int(usable.sum()),
        per_group=pd.Series(correlations, index=pd.Index(names)[usable]),
    )


def residual_correlation(y_true: Any, y_pred: Any, naive_pred: Any) -> float:
    """Correlate measured and predicted residuals of a naive model.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        Measured and predicted values.
    naive_pred : array-like of shape (n,)
        Predictions of mean effects fitted on the training rows, from
        `fit_mean_effects` or a baseline estimator.

    Returns
    -------
    float
        Correlation of ``y_true - naive_pred`` with ``y_pred - naive_pred``, between -1
        and 1. A model identical to the naive one scores 0.

    Raises
    ------
    InputError
        If shapes differ or a value is not finite.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import fit_mean_effects, residual_correlation
    >>> cell, drug = list("aabb"), list("xyxy")
    >>> naive = fit_mean_effects([1, 2, 3, 4], cell, drug).predict(cell, drug)
    >>> residual_correlation([2, 1, 3, 5], naive, naive)
    0.0
    """
    true, pred = check_pair(y_true, y_pred)
    _, naive = check_pair(true, naive_pred, ("y_true", "naive_pred"))
    added = pred - naive
    scale = max(np.abs(pred).max(), np.abs(naive).max())
    if np.abs(added).max() <= RELATIVE_NOISE * scale:
        return 0.0
    return pearson(true - naive, added)


def group_codes(
    groups: Any, true: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Turn groups into codes (n,) and names (n_groups,)."""
    codes, names = pd.factorize(np.asarray(groups, dtype=object))
    if true.ndim != 1 or codes.shape != true.shape:
        msg = (
            "Correlation within groups needs one value and one group per row; got "
            f"values of shape {true.shape} and groups of shape {np.shape(groups)}."
        )
        raise InputError(msg)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        msg = f"groups is missing in row {row}: fill it in or drop the row."
        raise InputError(msg)
    return codes, np.asarray(names)


def _rank_within(
    values: NDArray[np.float64], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Rank the values within their group, ties by the mean rank: (n,)."""
    ranks = pd.Series(values).groupby(codes).rank()
    return np.asarray(ranks, dtype=np.float64)


def _center_within(
    values: NDArray[np.float64], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give each group mean 0 and norm 1, and constant groups norm 0: (n,)."""
    n_rows = np.bincount(codes)
    scale = np.zeros(len(n_rows))
    np.maximum.at(scale, codes, np.abs(values))
    scaled = values / np.where(scale > 0, scale, 1.0)[codes]
    centered = scaled - (np.bincount(codes, scaled) / n_rows)[codes]
    norm = np.sqrt(np.bincount(codes, centered**2))
    is_constant = norm <= RELATIVE_NOISE * np.sqrt(n_rows)
    weight = np.where(is_constant, 0.0, 1.0 / np.where(is_constant, 1.0, norm))
    return np.asarray(weight[codes] * centered, dtype=np.float64)
