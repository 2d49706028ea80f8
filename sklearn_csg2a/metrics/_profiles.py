"""Metrics of predicted changes of expression: direction, recall, discrimination."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import check_pair, read_labels
from sklearn_csg2a.metrics._measures import center_rows

__all__ = ["discrimination_score", "most_changed_recall", "sign_agreement"]

Distance = Literal["euclidean", "manhattan", "correlation"]

_ROWS_AT_ONCE = 512


def sign_agreement(Y_true: Any, Y_pred: Any, *, n_top: int = 50) -> float:
    """Compute how often the direction of change is right in the most changed genes.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, n_genes)
        Measured and predicted changes, such as perturbed minus control.
    n_top : int, default=50
        Number of genes of each row, those of the largest measured change.

    Returns
    -------
    float
        Mean over rows of the share of these genes with the right sign. A predicted
        change of 0 counts half, so that "no change" has 0.5, as chance does. What all
        treatments do in common is above 0.5, too: compare with the mean change.

    Raises
    ------
    InputError
        If shapes differ, a value is not finite, or `n_top` is not from 1 to n_genes.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import sign_agreement
    >>> sign_agreement([[3.0, -2.0, 0.1]], [[1.0, 1.0, 9.0]], n_top=2)
    0.5
    """
    true, pred = _check_profiles(Y_true, Y_pred, "sign_agreement")
    top = _most_changed(true, n_top)
    signs = (np.sign(np.take_along_axis(each, top, axis=1)) for each in (true, pred))
    return float((0.5 + next(signs) * next(signs) / 2).mean())


def most_changed_recall(Y_true: Any, Y_pred: Any, *, n_top: int = 50) -> float:
    """Compute the share of the most changed genes that a prediction finds.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, n_genes)
        Measured and predicted changes, such as perturbed minus control.
    n_top : int, default=50
        Number of genes of each row, those of the largest absolute change.

    Returns
    -------
    float
        Mean over rows of the share of measured genes that are among the predicted ones.
        ``n_top / n_genes`` is chance, and the value of a constant prediction.

    Raises
    ------
    InputError
        If shapes differ, a value is not finite, or `n_top` is not from 1 to n_genes.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import most_changed_recall
    >>> most_changed_recall([[3.0, -2.0, 0.1]], [[1.0, 0.0, 9.0]], n_top=2)
    0.5
    """
    true, pred = _check_profiles(Y_true, Y_pred, "most_changed_recall")
    measured = np.zeros(true.shape, dtype=bool)
    np.put_along_axis(measured, _most_changed(true, n_top), values=True, axis=1)
    size = np.abs(pred)
    border = -np.partition(-size, n_top - 1, axis=1)[:, n_top - 1 : n_top]
    above, ties = size > border, size == border
    # genes of one size share the places that are left
    left = (n_top - above.sum(axis=1)) / ties.sum(axis=1)
    found = (measured & above).sum(axis=1) + (measured & ties).sum(axis=1) * left
    return float((found / n_top).mean())


def discrimination_score(
    Y_true: Any,
    Y_pred: Any,
    compounds: Any,
    *,
    within: Any = None,
    distance: Distance = "euclidean",
) -> float:
    """Compute how well predictions tell the measured profiles of compounds apart.

    A prediction that is right on average, for every treatment the same, can have a high
    correlation; it tells nothing apart.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, n_genes)
        Measured and predicted profiles, or changes.
    compounds : array-like of shape (n,)
        Compound of each row, compared as given. Other rows of the compound are not
        compared with.
    within : array-like of shape (n,), default=None
        Only rows with the same value are compared, such as the cell line or the plate,
        which would be told apart otherwise.
    distance : {"euclidean", "manhattan", "correlation"}, default="euclidean"
        Distance of profiles; "correlation" is 1 minus Pearson's.

    Returns
    -------
    float
        Mean over rows of the share of other measured profiles that are farther from
        the prediction than its own: 1 is perfect and 0.5 is chance, and the value of a
        constant prediction. Rows without any to compare with do not count.

    Raises
    ------
    InputError
        If shapes differ, a value is not finite, a compound is missing, or no row has
        another to compare with.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import discrimination_score
    >>> Y = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    >>> discrimination_score(Y, Y, compounds=["a", "b", "c"])
    1.0
    >>> discrimination_score(Y, [[0.5, 0.5]] * 3, compounds=["a", "b", "c"])
    0.5
    """
    if distance not in get_args(Distance):
        words = ", ".join(map(repr, get_args(Distance)))
        raise InputError(f"distance={distance!r}; expected one of {words}.")
    true, pred = _check_profiles(Y_true, Y_pred, "discrimination_score")
    compound = read_labels(compounds, len(true), "compounds")
    place = np.zeros(len(true), dtype=np.int64)
    if within is not None:
        place = read_labels(within, len(true), "within")
    scores = []
    for value in pd.unique(place):
        rows = np.flatnonzero(place == value)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            far = _distances(pred[some], true[rows], distance)
            own = _distances_of_pairs(pred[some], true[some], distance)[:, None]
            others = compound[some][:, None] != compound[rows]
            tie = np.isclose(far, own, rtol=1e-9, atol=1e-12)
            farther = np.where(tie, 0.5, far > own) * others
            n_others = others.sum(axis=1)
            known = n_others > 0
            scores.append(farther[known].sum(axis=1) / n_others[known])
    found = np.concatenate(scores)
    if not len(found):
        raise InputError(
            "No row has a row of another compound to compare with; give at least two "
            "compounds in one group of `within`."
        )
    return float(found.mean())


def _check_profiles(
    Y_true: Any, Y_pred: Any, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two arrays (n, n_genes) of at least two genes."""
    true, pred = check_pair(Y_true, Y_pred, ("Y_true", "Y_pred"))
    if true.ndim != 2:
        raise InputError(
            f"{name} compares profiles: give arrays of shape (n, n_genes) with two "
            f"genes or more; got {true.shape}."
        )
    return true, pred


def _most_changed(values: NDArray[np.float64], n_top: int) -> NDArray[np.int64]:
    """Return the places of the largest absolute values of each row, (n, n_top)."""
    n_genes = values.shape[1]
    if not isinstance(n_top, Integral) or not 1 <= n_top <= n_genes:
        raise InputError(
            f"n_top={n_top!r}; expected a number of genes from 1 to {n_genes}."
        )
    return np.argsort(-np.abs(values), axis=1, kind="stable")[:, :n_top]


def _distances(
    pred: NDArray[np.float64], true: NDArray[np.float64], distance: Distance
) -> NDArray[np.float64]:
    """Return distances of all pairs of rows, (n_pred, n_true)."""
    if distance == "correlation":
        return 1.0 - center_rows(pred) @ center_rows(true).T
    name = {"manhattan": "cityblock"}.get(distance, distance)
    return cdist(pred, true, name)


def _distances_of_pairs(
    pred: NDArray[np.float64], true: NDArray[np.float64], distance: Distance
) -> NDArray[np.float64]:
    """Return the distance of each prediction to its own truth, (n,)."""
    if distance == "correlation":
        return 1.0 - (center_rows(pred) * center_rows(true)).sum(axis=1)
    difference = pred - true
    if distance == "manhattan":
        return np.abs(difference).sum(axis=1)
    return np.linalg.norm(difference, axis=1)
