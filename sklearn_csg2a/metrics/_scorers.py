"""Scorers for `scoring=`: callables (estimator, X, y) where greater is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn_csg2a.metrics._grouped import within_group_correlation
from sklearn_csg2a.metrics._measures import (
    pearson,
    profile_correlation,
    rmse,
    spearman,
)
from sklearn_csg2a.treatments._ids import COMPOUND, read_ids


def neg_rmse_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score a fitted estimator by minus its root mean squared error.

    Parameters
    ----------
    estimator : object
        Anything with `predict`.
    X : DataFrame of shape (n_rows, n_columns)
        Treatments.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Measured values.

    Returns
    -------
    float
        At most 0, in the unit of `y`.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_csg2a.metrics import neg_rmse_scorer
    >>> model = DummyRegressor().fit([[0], [1]], [1.0, 3.0])
    >>> neg_rmse_scorer(model, [[0], [1]], [1.0, 3.0])
    -1.0
    """
    return -rmse(y, estimator.predict(X))


def pearson_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score a fitted estimator by Pearson's correlation; constants score 0.

    Parameters
    ----------
    estimator : object
        Anything with `predict`.
    X : DataFrame of shape (n_rows, n_columns)
        Treatments.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Measured values.

    Returns
    -------
    float
        Between -1 and 1.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_csg2a.metrics import pearson_scorer
    >>> model = DummyRegressor().fit([[0], [1]], [1.0, 3.0])
    >>> pearson_scorer(model, [[0], [1]], [1.0, 3.0])
    0.0
    """
    return pearson(y, estimator.predict(X))


def spearman_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score a fitted estimator by Spearman's correlation; constants score 0.

    Parameters
    ----------
    estimator : object
        Anything with `predict`.
    X : DataFrame of shape (n_rows, n_columns)
        Treatments.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Measured values.

    Returns
    -------
    float
        Between -1 and 1.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_csg2a.metrics import spearman_scorer
    >>> model = DummyRegressor().fit([[0], [1]], [1.0, 3.0])
    >>> spearman_scorer(model, [[0], [1]], [1.0, 3.0])
    0.0
    """
    return spearman(y, estimator.predict(X))


def profile_scorer(estimator: Any, X: Any, y: Any) -> float:
    """Score predicted profiles by the mean correlation over the genes of a row.

    Parameters
    ----------
    estimator : object
        Anything with `predict`.
    X : DataFrame of shape (n_rows, n_columns)
        Treatments.
    y : array-like of shape (n_rows, n_genes)
        Measured profiles.

    Returns
    -------
    float
        Between -1 and 1.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_csg2a.metrics import profile_scorer
    >>> model = DummyRegressor().fit([[0], [1]], [[1.0, 2.0], [3.0, 4.0]])
    >>> round(profile_scorer(model, [[0], [1]], [[1.0, 2.0], [3.0, 4.0]]), 6)
    1.0
    """
    return profile_correlation(y, estimator.predict(X))


@dataclass(frozen=True)
class WithinGroupScorer:
    """Scorer of `within_group_scorer`, which documents it."""

    column: str
    method: str = "pearson"
    min_rows: int = 3

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score a fitted estimator by the mean correlation within groups."""
        what = COMPOUND if "smiles" in self.column.lower() else "group"
        owner = f"within_group_scorer({self.column!r})"
        groups = read_ids(X, None, column=self.column, what=what, owner=owner).codes
        return within_group_correlation(
            y,
            estimator.predict(X),
            groups,
            method=self.method,
            min_rows=self.min_rows,
        ).mean


def within_group_scorer(
    column: str, *, method: str = "pearson", min_rows: int = 3
) -> WithinGroupScorer:
    """Make a scorer of the mean correlation within the groups of a column of X.

    Parameters
    ----------
    column : str
        Column of X with the group. If "smiles" is in its name, the spellings of one
        compound are one group.
    method : {"pearson", "spearman"}, default="pearson"
        The correlation.
    min_rows : int, default=3
        Smallest group that counts.

    Returns
    -------
    callable
        ``scorer(estimator, X, y) -> float``, for `scoring=`; it can be pickled.

    See Also
    --------
    within_group_correlation : The measure, with the number of groups used.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_csg2a.metrics import within_group_scorer
    >>> X = pd.DataFrame({"drug": ["a"] * 3 + ["b"] * 3})
    >>> y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    >>> within_group_scorer("drug")(DummyRegressor().fit(X, y), X, y)
    0.0
    """
    return WithinGroupScorer(column, method, min_rows)


within_drug_scorer = within_group_scorer("smiles")
within_cell_scorer = within_group_scorer("cell_line")
