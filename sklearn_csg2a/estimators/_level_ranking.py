"""LevelRankingRegressor: separate models of compound levels and cell rankings."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import column_or_1d, has_fit_parameter

from sklearn_csg2a._utils.choices import OnInvalidSmiles, options
from sklearn_csg2a._utils.interrupts import was_interrupted
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a._utils.sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
)
from sklearn_csg2a.estimators._levels import CompoundLevels
from sklearn_csg2a.estimators._profiles import profile_rows
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments import Identifiers, read_identifiers, read_response
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.treatments._read import TreatmentRegressor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Self

    from sklearn.utils import Tags

__all__ = ["LevelRankingRegressor"]

_BLOCK_VALUES = 2**24  # of the grid that rankings are centred on: 128 MB


class LevelRankingRegressor(MetaEstimatorMixin, TreatmentRegressor):
    """Predict the level of a compound and the ranking of cell lines by two models.

    The level of a compound is its mean response; the ranking is the remaining response
    within the compound. Most of the variance of drug response is between levels, of
    which there are only as many as compounds. A single model of rows weights compounds
    by their rows and fits both; here each has its own model.

    Parameters
    ----------
    level : regressor
        Model of levels, such as :class:`~sklearn_csg2a.baselines.PotencyRegressor`. It
        is fitted to one row for each compound.
    ranking : regressor
        Model of rows, such as :class:`~sklearn_csg2a.baselines.PairwiseKernelRidge` or
        :class:`DrugResponseRegressor`, fitted to the response without the level of the
        compound.
    shrinkage : float, default=1.0
        Weight of the penalty on effects of compounds and cell lines from which levels
        of training compounds are estimated, in rows.
    profiles : DataFrame of shape (n_others, n_cell_lines), default=None
        Another screen, whose compounds are further rows of `ranking`: index SMILES,
        columns ids of cell lines, NaN where not measured. Only training cell lines are
        used, so that nothing is said of new ones. Units do not matter, but large values
        should have the meaning of large y.
    profile_weight : float, default=0.15
        Weight of such a row beside 1 of the rows of X: screens agree on how potent a
        compound is, but much less on how cell lines differ. `ranking` must take weights
        in `fit` (``sample_weight``).
    exclude : list of str, default=None
        Compounds, in any spelling and salt form, whose profiles are not used: those of
        the test rows, or all of a data set that is split later.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``. Give
        them to both models, too.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    level_ : regressor or None
        The fitted model of levels; None without compounds, or with only one.
    ranking_ : regressor
        The fitted model of rankings.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    levels_ : ndarray of shape (n_compounds,)
        Level of each, in the unit of y.
    interrupted_ : bool
        Whether the fit was stopped from the keyboard.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    ResidualRegressor : A second model for the errors of a first one.

    Notes
    -----
    Levels of training compounds are intercept + effect of the compound, fitted jointly
    with effects of cell lines, all shrunk, so that a compound does not seem potent
    because it was only measured in sensitive cell lines. They are also predicted for
    these compounds; `level` predicts new ones. The rows that `level` is fitted to are
    copies of the first row of X that only differ in the column ``smiles``.

    The ranking of a compound is centred over the training cell lines, each as in its
    first row: the mean of the predictions of `ranking` for them is subtracted. So the
    predicted level is the mean of the predictions over the training cell lines. If X
    has no compounds, the level is the mean of y.

    Examples
    --------
    >>> from sklearn_csg2a import LevelRankingRegressor
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge, PotencyRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> model = LevelRankingRegressor(
    ...     PotencyRegressor(),
    ...     PairwiseKernelRidge(expression=screen.expression, identity_weight=1.0))
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.9
    True
    >>> parts = model.predict_parts(screen.X)
    >>> bool(np.allclose(parts["level"] + parts["ranking"], model.predict(screen.X)))
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "level": [HasMethods(["fit", "predict"])],
        "ranking": [HasMethods(["fit", "predict"])],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "profiles": [pd.DataFrame, None],
        "profile_weight": [Interval(Real, 0, None, closed="neither")],
        "exclude": ["array-like", None],
        "columns": [dict, None],
        "on_invalid_smiles": [StrOptions(options(OnInvalidSmiles))],
    }

    def __init__(
        self,
        level: Any,
        ranking: Any,
        *,
        shrinkage: float = 1.0,
        profiles: pd.DataFrame | None = None,
        profile_weight: float = 0.15,
        exclude: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
        on_invalid_smiles: OnInvalidSmiles = "raise",
    ) -> None:
        self.level = level
        self.ranking = ranking
        self.shrinkage = shrinkage
        self.profiles = profiles
        self.profile_weight = profile_weight
        self.exclude = exclude
        self.columns = columns
        self.on_invalid_smiles = on_invalid_smiles

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit both models.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, by the column contract of the package.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.

        Returns
        -------
        self : LevelRankingRegressor
            The fitted model.

        Raises
        ------
        InputError
            If X or y cannot be used; the message names row, column and value.
        """
        with one_warning_of_a_kind():
            return self._fit_a_copy(X, y)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        response : ndarray of shape (n_rows,)
            Level plus ranking, in the unit of y; NaN in rows whose SMILES is invalid,
            if `on_invalid_smiles` is "nan".

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        if self._asks_whether_fitted(X):
            return np.full(1, np.nan)
        return self.predict_parts(X).sum(axis=1, skipna=False).to_numpy()

    def predict_parts(self, X: Any) -> pd.DataFrame:
        """Predict level and ranking.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        parts : DataFrame of shape (n_rows, 2)
            Columns `level` and `ranking`, in the unit of y, with the index of X.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        self._check(X)
        identifiers = self._identify(
            X,
            cells=False,
            on_invalid_smiles=self.on_invalid_smiles,
            has_compounds=self._has_compounds,
        )
        frame = as_frame(X)
        values = np.full((identifiers.n_rows, 2), np.nan)
        valid = np.flatnonzero(identifiers.valid)
        with one_warning_of_a_kind():
            if frame is None or not self._has_compounds:
                values[:, 0] = self._levels.mean
                values[:, 1] = _predict(self.ranking_, X) - self._center
            elif len(valid):
                values[valid] = self._predict_rows_of_compounds(frame.iloc[valid])
        index = None if frame is None else frame.index
        return pd.DataFrame(values, index=index, columns=["level", "ranking"])

    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Read X and y, then fit both models."""
        identifiers = self._record(X, lambda _: self._identify(X))
        response = read_response(
            y,
            identifiers.n_rows,
            identifiers.row_labels,
            estimator_name=type(self).__name__,
        )
        rows: Any = as_frame(X) if identifiers.has_compounds else X
        self._levels = CompoundLevels(
            self.level,
            rows,
            response,
            cell=identifiers.cell,
            compound=identifiers.compound,
            smiles_column=self._smiles_column,
            shrinkage=self.shrinkage,
        )
        self.level_ = self._levels.model
        rankings = response - self._levels.of_rows
        self.ranking_ = self._fit_ranking(rows, rankings, identifiers)
        self.interrupted_ = was_interrupted(self.ranking_)
        self.levels_ = self._levels.levels
        self.compounds_: list[str] = []
        if not identifiers.has_compounds:
            self._center = float(_predict(self.ranking_, X).mean())
            return
        first = _first_rows(identifiers.compound)
        self.compounds_ = rows[self._smiles_column].iloc[first].tolist()
        self._cells = rows.iloc[_first_rows(identifiers.cell)].reset_index(drop=True)

    def _fit_ranking(
        self, rows: Any, rankings: np.ndarray, identifiers: Identifiers
    ) -> Any:
        """Return the fitted model of rankings."""
        ranking = clone(self.ranking)
        if self.profiles is None:
            return ranking.fit(rows, rankings)
        if not identifiers.has_compounds or identifiers.genes is not None:
            msg = "profiles= needs compounds and ids of cell lines in X, to look up."
            raise InputError(msg)
        if not has_fit_parameter(ranking, "sample_weight"):
            msg = (
                "profiles= needs a model of rankings that takes sample_weight in fit, "
                f"such as PairwiseKernelRidge; got {ranking!r}."
            )
            raise InputError(msg)
        first = _first_rows(identifiers.cell)
        others, of_others = profile_rows(
            self.profiles,
            self.exclude,
            rows.iloc[first],
            identifiers.cell[first],
            rankings,
            identifiers.cell,
            identifiers.compound,
            smiles_column=self._smiles_column,
            shrinkage=self.shrinkage,
        )
        weights = np.repeat([1.0, self.profile_weight], [len(rows), len(others)])
        every = pd.concat([rows, others], ignore_index=True)
        targets = np.concatenate([rankings, of_others])
        return ranking.fit(every, targets, sample_weight=weights)

    @property
    def _smiles_column(self) -> str:
        """Name of the column of compounds."""
        return (self.columns or {}).get("smiles", "smiles")

    def _identify(self, X: Any, **options: Any) -> Identifiers:
        """Read the ids of cells and compounds."""
        name = type(self).__name__
        return read_identifiers(X, columns=self.columns, estimator_name=name, **options)

    def _predict_rows_of_compounds(self, rows: pd.DataFrame) -> np.ndarray:
        """Return level and ranking of rows with valid compounds, (n_rows, 2)."""
        code, distinct = pd.factorize(rows[self._smiles_column].astype(object))
        smiles = distinct.tolist()
        level, center = self._levels.predict(smiles), self._find_centers(smiles)
        ranking = _predict(self.ranking_, rows) - center[code]
        return np.column_stack([level[code], ranking])

    def _find_centers(self, smiles: Sequence[str]) -> np.ndarray:
        """Return the mean prediction of `ranking` over the training cells."""
        n_cells, n_columns = self._cells.shape
        size = max(_BLOCK_VALUES // (n_cells * n_columns), 1)
        centers = []
        for first in range(0, len(smiles), size):
            some = smiles[first : first + size]
            rows = self._cells.iloc[np.tile(np.arange(n_cells), len(some))]
            grid = rows.reset_index(drop=True).assign(
                **{self._smiles_column: np.repeat(some, n_cells)}
            )
            predicted = _predict(self.ranking_, grid)
            centers.append(predicted.reshape(len(some), n_cells).mean(axis=1))
        return np.concatenate(centers)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: X without compounds is predicted by `ranking` alone."""
        tags = super().__sklearn_tags__()
        if hasattr(self.ranking, "__sklearn_tags__"):
            of_ranking = get_tags(self.ranking).regressor_tags
            tags.regressor_tags.poor_score = of_ranking is None or of_ranking.poor_score
        return tags


def _first_rows(keys: np.ndarray) -> np.ndarray:
    """Return the first row of each distinct key, in order of appearance."""
    return np.unique(pd.factorize(keys)[0], return_index=True)[1]


def _predict(model: Any, X: Any) -> np.ndarray:
    """Return the predictions of a model, (n_rows,) float64, from a column too."""
    return np.asarray(column_or_1d(model.predict(X)), dtype=np.float64)
