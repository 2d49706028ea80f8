"""Scorers against the naive model of a split, which is fitted to the training rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._ceiling import ceiling_share, check_noise
from sklearn_csg2a.metrics._check import as_finite
from sklearn_csg2a.metrics._two_factors import fit_two_factors
from sklearn_csg2a.treatments._ids import read_cells_and_drugs

__all__ = ["ceiling_share_scorer", "skill_scorer"]

_SHRINKAGE = 1.0  # rows without effect, as in baselines.MeanEffects
Scheme = Literal["mixed", "cell", "drug", "disjoint"]


@dataclass(frozen=True, eq=False)
class NaiveScorer:
    """Scorer returned by `skill_scorer` and `ceiling_share_scorer`."""

    index: pd.Index = field(repr=False)
    response: NDArray[np.float64] = field(repr=False)  # (n_rows,)
    cells: NDArray[np.int64] = field(repr=False)  # (n_rows,)
    drugs: NDArray[np.int64] = field(repr=False)  # (n_rows,)
    scheme: Scheme
    noise: float = 0.0

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score a fitted estimator on rows of the table; the others train the naive."""
        test = self._find(X)
        naive = self._predict_naive(test)
        return ceiling_share(y, estimator.predict(X), naive, self.noise)

    def _find(self, X: Any) -> NDArray[np.int64]:
        """Return the positions of the rows of X in the whole table."""
        labels = getattr(X, "index", None)
        if not isinstance(labels, pd.Index):
            msg = (
                "This scorer finds the rows of X in the whole table by their index; "
                f"pass a DataFrame, not a {type(X).__name__}."
            )
            raise InputError(msg)
        rows = self.index.get_indexer(labels)
        if (rows < 0).any():
            shown = list_offenders(labels[rows < 0], repr)
            msg = (
                f"Rows of X are not in the table that the scorer was made with: {shown}"
                ". Give skill_scorer the X that is split."
            )
            raise InputError(msg)
        return rows

    def _predict_naive(self, test: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predict the test rows by the naive model of the scheme: (n_test,)."""
        train = np.ones(len(self.response), dtype=bool)
        train[test] = False
        if self.scheme in {"cell", "disjoint"}:
            train &= ~np.isin(self.cells, self.cells[test])
        if self.scheme in {"drug", "disjoint"}:
            train &= ~np.isin(self.drugs, self.drugs[test])
        if not train.any():
            msg = (
                f"No row is left to fit the naive model of scheme={self.scheme!r} to: "
                "the rows of X are not a test set of this scheme."
            )
            raise InputError(msg)
        y, cells, drugs = self.response[train], self.cells[train], self.drugs[train]
        if self.scheme == "mixed":
            return self._predict_effects(train, test)
        if self.scheme == "cell":
            return _group_means(y, drugs, self.drugs[test])
        if self.scheme == "drug":
            return _group_means(y, cells, self.cells[test])
        return np.full(len(test), y.mean())

    def _predict_effects(
        self, train: NDArray[np.bool_], test: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Predict by mean effects as `baselines.MeanEffects` does: (n_test,)."""
        sides = [(codes, int(codes.max()) + 1) for codes in (self.cells, self.drugs)]
        (cells, n_cells), (drugs, n_drugs) = sides
        intercept, cell_effects, drug_effects = fit_two_factors(
            (cells[train], n_cells),
            (drugs[train], n_drugs),
            self.response[train][:, None],
            _SHRINKAGE,
        )
        predicted = intercept + cell_effects[cells[test]] + drug_effects[drugs[test]]
        return np.asarray(predicted[:, 0], dtype=np.float64)


def skill_scorer(
    X: Any,
    y: Any,
    scheme: Scheme,
    *,
    cell: str = "cell_line",
    drug: str = "smiles",
) -> NaiveScorer:
    """Make a scorer of the skill over the naive model of a split.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The whole table that is split, with an index of unique labels: the rows that
        are not scored are the training rows of the naive model.
    y : array-like of shape (n_rows,)
        Response of all rows.
    scheme : {"mixed", "cell", "drug", "disjoint"}
        What the split holds out, which says what the naive model is: mean effects,
        the mean of the drug, the mean of the cell line or the overall mean. Rows that
        share a held-out cell line or compound with the rows scored are left out.
    cell, drug : str, default="cell_line", "smiles"
        Columns of X with the cell line and the compound.

    Returns
    -------
    callable
        ``scorer(estimator, X, y) -> float``, for `scoring=`; it can be pickled.

    Raises
    ------
    InputError
        If a label of X occurs twice, the columns are missing, `y` has another length
        or `scheme` is unknown.

    See Also
    --------
    skill : The measure.
    ceiling_share_scorer : The same, with the noise as the best there is.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_csg2a.baselines import DrugMean
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.metrics import skill_scorer
    >>> from sklearn_csg2a.model_selection import CellBlindKFold
    >>> screen = make_screen(random_state=0)
    >>> scorer = skill_scorer(screen.X, screen.y, "cell")
    >>> scores = cross_val_score(
    ...     DrugMean(), screen.X, screen.y, cv=CellBlindKFold(3), scoring=scorer)
    >>> bool((abs(scores) < 1e-9).all())
    True
    """
    if scheme not in get_args(Scheme):
        msg = f"scheme must be one of {get_args(Scheme)}; got {scheme!r}."
        raise InputError(msg)
    labels = getattr(X, "index", None)
    if not isinstance(labels, pd.Index) or not labels.is_unique:
        msg = (
            "skill_scorer tells rows apart by their index: pass X as a DataFrame whose "
            "labels are unique, such as X.reset_index(drop=True)."
        )
        raise InputError(msg)
    response = as_finite(y, "y")
    if response.shape != (len(X),):
        msg = f"y must have the shape ({len(X)},), as X; got {response.shape}."
        raise InputError(msg)
    cells, drugs = read_cells_and_drugs(
        X, None, cell=cell, drug=drug, owner="skill_scorer"
    )
    return NaiveScorer(labels, response, cells.codes, drugs.codes, scheme)


def ceiling_share_scorer(
    X: Any,
    y: Any,
    scheme: Scheme,
    noise: float,
    *,
    cell: str = "cell_line",
    drug: str = "smiles",
) -> NaiveScorer:
    """Make a scorer of the share of the way from the naive model to the noise.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The whole table that is split, as for `skill_scorer`.
    y : array-like of shape (n_rows,)
        Response of all rows.
    scheme : {"mixed", "cell", "drug", "disjoint"}
        What the split holds out, as for `skill_scorer`.
    noise : float
        Standard deviation of a single measurement, in the unit of `y`, such as
        `NoiseCeiling.noise` or `replicate_noise`.
    cell, drug : str, default="cell_line", "smiles"
        Columns of X with the cell line and the compound.

    Returns
    -------
    callable
        ``scorer(estimator, X, y) -> float``, for `scoring=`; it can be pickled.

    See Also
    --------
    ceiling_share : The measure.
    noise_ceiling : Noise from two measurements of the same pairs.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_csg2a.baselines import CellMean
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.metrics import ceiling_share_scorer
    >>> from sklearn_csg2a.model_selection import DrugBlindKFold
    >>> screen = make_screen(random_state=0)
    >>> scorer = ceiling_share_scorer(screen.X, screen.y, "drug", noise=0.1)
    >>> scores = cross_val_score(
    ...     CellMean(), screen.X, screen.y, cv=DrugBlindKFold(3), scoring=scorer)
    >>> bool((abs(scores) < 1e-9).all())
    True
    """
    scorer = skill_scorer(X, y, scheme, cell=cell, drug=drug)
    return NaiveScorer(
        scorer.index,
        scorer.response,
        scorer.cells,
        scorer.drugs,
        scheme,
        check_noise(noise),
    )


def _group_means(
    y: NDArray[np.float64], groups: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean of each wanted group, the overall mean where it is unseen."""
    means = pd.Series(y).groupby(groups).mean()
    found = means.reindex(wanted).fillna(y.mean())
    return np.asarray(found, dtype=np.float64)
