"""Scorers for `scoring=`: callables (estimator, X, y) where greater is better.

`neg_rmse_scorer` is minus the root mean squared error, in the unit of y;
`pearson_scorer` and `spearman_scorer` are the correlation over all rows, 0 for constant
predictions; `profile_scorer` is the mean over rows of the correlation over genes. They
are made by `make_scorer`, so that several of them share the predictions.

`within_drug_scorer` and `within_cell_scorer` read a column of X, which `make_scorer`
does not support, so they are separate callables.

Examples
--------
>>> from sklearn.dummy import DummyRegressor
>>> from sklearn_csg2a.metrics import neg_rmse_scorer, pearson_scorer
>>> model = DummyRegressor().fit([[0], [1]], [1.0, 3.0])
>>> neg_rmse_scorer(model, [[0], [1]], [1.0, 3.0])
-1.0
>>> pearson_scorer(model, [[0], [1]], [1.0, 3.0])
0.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.metrics import make_scorer

from sklearn_csg2a.metrics._grouped import Correlation, within_group_correlation
from sklearn_csg2a.metrics._measures import (
    pearson,
    profile_correlation,
    rmse,
    spearman,
)
from sklearn_csg2a.treatments._ids import COMPOUND, read_ids

neg_rmse_scorer = make_scorer(rmse, greater_is_better=False)
pearson_scorer = make_scorer(pearson)
spearman_scorer = make_scorer(spearman)
profile_scorer = make_scorer(profile_correlation)


@dataclass(frozen=True)
class WithinGroupScorer:
    """Scorer returned by `within_group_scorer`, where it is documented."""

    column: str
    method: Correlation = "pearson"
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
    column: str, *, method: Correlation = "pearson", min_rows: int = 3
) -> WithinGroupScorer:
    """Make a scorer of the mean correlation within the groups of a column of X.

    Parameters
    ----------
    column : str
        Column of X with the group. If its name contains "smiles", all spellings
        of a compound form one group.
    method : {"pearson", "spearman"}, default="pearson"
        The correlation.
    min_rows : int, default=3
        Minimum number of rows of a group.

    Returns
    -------
    callable
        ``scorer(estimator, X, y) -> float``, for `scoring=`; it can be pickled.

    See Also
    --------
    within_group_correlation : The metric, with the number of groups used.

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
