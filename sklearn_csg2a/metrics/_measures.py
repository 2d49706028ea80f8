"""Metrics over all rows, and over the genes of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import check_pair

# A spread this small relative to the values is rounding error: treated as constant.
RELATIVE_NOISE = 1e-12


def rmse(y_true: Any, y_pred: Any) -> float:
    """Compute the root mean squared error.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_outputs)
        Measured and predicted values, in the same unit (ln uM for ln IC50). One column,
        (n, 1), is the same as its values, (n,), in every measure.

    Returns
    -------
    float
        The error over all outputs, in the unit of the values.

    Raises
    ------
    InputError
        If shapes differ or a value is no finite real number.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import rmse
    >>> rmse([1.0, 2.0], [1.0, 4.0]) == 2**0.5
    True
    """
    true, pred = check_pair(y_true, y_pred)
    return float(np.sqrt(np.mean((true - pred) ** 2)))


def pearson(y_true: Any, y_pred: Any) -> float:
    """Compute Pearson's correlation; 0 if either argument is constant.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_outputs)
        Measured and predicted values. Multiple outputs are flattened;
        see `profile_correlation` for one correlation per row.

    Returns
    -------
    float
        Between -1 and 1.

    Raises
    ------
    InputError
        If shapes differ or a value is no finite real number.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import pearson
    >>> round(pearson([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), 6)
    0.5
    >>> pearson([1.0, 2.0, 3.0], [7.0, 7.0, 7.0])
    0.0
    """
    true, pred = check_pair(y_true, y_pred)
    return float(correlate_rows(true.reshape(1, -1), pred.reshape(1, -1))[0])


def spearman(y_true: Any, y_pred: Any) -> float:
    """Compute Spearman's rank correlation; 0 if either argument is constant.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_outputs)
        Measured and predicted values. Multiple outputs are flattened.

    Returns
    -------
    float
        Between -1 and 1; ties get their mean rank.

    Raises
    ------
    InputError
        If shapes differ or a value is no finite real number.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import spearman
    >>> spearman([1.0, 2.0, 30.0], [1.0, 20.0, 300.0])
    1.0
    """
    true, pred = check_pair(y_true, y_pred)
    return pearson(rankdata(true), rankdata(pred))


def profile_correlation(Y_true: Any, Y_pred: Any) -> float:
    """Compute the mean over rows of Pearson's correlation over the genes.

    Parameters
    ----------
    Y_true, Y_pred : array-like of shape (n, n_genes)
        Measured and predicted profiles.

    Returns
    -------
    float
        Between -1 and 1. A row with a constant profile counts as 0.

    Raises
    ------
    InputError
        If shapes differ, a value is not finite, or there is only one gene.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import profile_correlation
    >>> profile_correlation([[1, 2, 3], [1, 2, 3]], [[2, 4, 6], [5, 5, 5]])
    0.5
    """
    true, pred = check_pair(Y_true, Y_pred, ("Y_true", "Y_pred"))
    if true.ndim != 2:
        msg = (
            "profile_correlation correlates over the genes of each row: give arrays "
            f"of shape (n, n_genes) with at least two genes; got {true.shape}."
        )
        raise InputError(msg)
    return float(correlate_rows(true, pred).mean())


def skill(y_true: Any, y_pred: Any, naive_pred: Any) -> float:
    """Compute the relative reduction of the naive model's squared error.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_outputs)
        Measured and predicted values.
    naive_pred : array-like of shape (n,) or (n, n_outputs)
        Predictions of the naive model of the split, fitted to the training rows:
        mean effects for a mixed split, the mean of the drug for a cell-blind one,
        the mean of the cell for a drug-blind one, and the overall mean for a
        disjoint one.

    Returns
    -------
    float
        ``1 - MSE / MSE_naive``: 1 is perfect, 0 is as good as the naive model, and
        negative values are worse. If the naive model is perfect, 0 for a perfect
        model and minus infinity otherwise.

    Raises
    ------
    InputError
        If shapes differ or a value is no finite real number.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import skill
    >>> skill([1.0, 3.0], [1.5, 2.5], naive_pred=[2.0, 2.0])
    0.75
    """
    true, pred = check_pair(y_true, y_pred)
    _, naive = check_pair(true, naive_pred, ("y_true", "naive_pred"))
    error = float(np.mean((true - pred) ** 2))
    naive_error = float(np.mean((true - naive) ** 2))
    if naive_error == 0:
        return 0.0 if error == 0 else float("-inf")
    return 1.0 - error / naive_error


def correlate_rows(
    true: NDArray[np.float64], pred: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Correlate two arrays row by row: (n, m), (n, m) -> (n,); 0 for constants."""
    true, pred = center_rows(true), center_rows(pred)
    product = np.einsum("ij,ij->i", true, pred)
    return np.clip(product, -1.0, 1.0)


def center_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each row mean 0 and norm 1, and constant rows norm 0: (n, m)."""
    scale = np.abs(values).max(axis=1, keepdims=True)
    scaled = values / np.where(scale > 0, scale, 1.0)  # avoids overflow when squared
    centered = scaled - scaled.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centered, axis=1, keepdims=True)
    is_constant = norm <= RELATIVE_NOISE * np.sqrt(values.shape[1])
    return np.where(is_constant, 0.0, centered / np.where(is_constant, 1.0, norm))
