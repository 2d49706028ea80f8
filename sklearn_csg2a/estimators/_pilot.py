"""PilotRegressor: a few measurements of a new compound, without another fit."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_csg2a._utils.choices import MissingGenes, options
from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a._utils.sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
)
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments import read_response
from sklearn_csg2a.treatments._read import TreatmentRegressor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.utils import Tags

    from sklearn_csg2a._utils.choices import OnInvalidSmiles
    from sklearn_csg2a.treatments import Treatments

__all__ = ["PilotRegressor"]


class PilotRegressor(MetaEstimatorMixin, TreatmentRegressor):
    """Correct a regressor by a few measurements of the compound to predict.

    `fit` fits the regressor as usual. `partial_fit` then takes pilot rows: a new
    compound, measured in a few cell lines. They change the predictions of that compound
    in all cell lines, but the regressor is not fitted again: per compound, a Gaussian
    process of its residuals is solved exactly.

    Parameters
    ----------
    estimator : regressor
        The regressor. In a `sklearn.frozen.FrozenEstimator` it keeps its fit, and
        `partial_fit` needs no call of `fit`.
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene.
    level_std : float, default=1.9
        Standard deviation of the error in the level of a compound, in the unit of y.
        As all defaults, it is that of ln IC50 in GDSC2: multiply it with the unit of
        another response.
    ranking_std : float, default=0.85
        Standard deviation of the error that similar cell lines share, beside that of
        the level, in the unit of y.
    slope_std : float, default=0.3
        Standard deviation of the error in how strongly the compound tells cell lines
        apart, as a share of the predicted differences between them.
    noise_std : float, default=1.0
        Standard deviation of the remaining error of a row, in the unit of y.
    gamma : float, default=0.3
        Two cell lines share ``exp(-gamma * d)`` of the variance of `ranking_std`, where
        d is their mean squared difference over genes, in standard deviations.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores. The estimator has its own parameter.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.

    Attributes
    ----------
    estimator_ : regressor
        The fitted regressor.
    n_pilot_rows_ : int
        Number of pilot rows so far.
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    sklearn_csg2a.baselines.MeanEffects : What pilot rows give without a model.
    LevelRankingRegressor : Levels of compounds of which there is no measurement.

    Notes
    -----
    The residual of a compound in cell line c, its measured response minus that of the
    estimator, f(c), is a Gaussian process with mean 0 and covariance
    ``level_std^2 + ranking_std^2 exp(-gamma d(c, c')) + slope_std^2 u(c) u(c')``, where
    u(c) is f(c) minus its mean over the pilot rows, and rows have independent noise
    besides. By default, one pilot row moves the level by about two thirds of its
    residual. Spellings and salts of a compound are the same
    compound, and its doses and times are not told apart.

    The time is cubic in the number of pilot rows of a compound, of which some thousand
    are feasible.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn_csg2a import PilotRegressor
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> is_new = screen.X["smiles"] == screen.X["smiles"].iloc[-1]
    >>> model = PairwiseKernelRidge(expression=screen.expression)
    >>> model = model.fit(screen.X[~is_new], screen.y[~is_new])
    >>> pilot = PilotRegressor(FrozenEstimator(model), expression=screen.expression)
    >>> X, y = screen.X[is_new], screen.y[is_new]
    >>> pilot = pilot.partial_fit(X.iloc[:5], y.iloc[:5])
    >>> errors = [abs(one.predict(X.iloc[5:]) - y.iloc[5:]) for one in (model, pilot)]
    >>> bool(errors[1].mean() < errors[0].mean())
    True
    """

    on_invalid_smiles: OnInvalidSmiles = "nan"  # the estimator says what it does

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "expression": [pd.DataFrame, None],
        "level_std": [Interval(Real, 0, None, closed="left")],
        "ranking_std": [Interval(Real, 0, None, closed="left")],
        "slope_std": [Interval(Real, 0, None, closed="left")],
        "noise_std": [Interval(Real, 0, None, closed="neither")],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "missing_genes": [StrOptions(options(MissingGenes))],
        "columns": [dict, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        expression: pd.DataFrame | None = None,
        level_std: float = 1.9,
        ranking_std: float = 0.85,
        slope_std: float = 0.3,
        noise_std: float = 1.0,
        gamma: float = 0.3,
        missing_genes: MissingGenes = "error",
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.estimator = estimator
        self.expression = expression
        self.level_std = level_std
        self.ranking_std = ranking_std
        self.slope_std = slope_std
        self.noise_std = noise_std
        self.gamma = gamma
        self.missing_genes = missing_genes
        self.columns = columns

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any) -> PilotRegressor:
        """Fit the regressor; earlier pilot rows are forgotten.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, by the column contract of the package.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.

        Returns
        -------
        self : PilotRegressor
            The fitted model.

        Raises
        ------
        InputError
            If X or y cannot be used; the message names row, column and value.
        """
        with one_warning_of_a_kind():
            return self._fit_a_copy(X, y)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any) -> PilotRegressor:
        """Add pilot rows. The regressor is not fitted again.

        If there was no call of `fit`, the rows are pilot rows of a frozen estimator,
        and any other is fitted to them.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, in the form of those of `fit`.
        y : array-like of shape (n_rows,)
            Measured response, in the row order of X.

        Returns
        -------
        self : PilotRegressor
            The model with the pilot rows.

        Raises
        ------
        InputError
            If X or y cannot be used, the estimator predicts NaN for a row, or it is
            fitted, but not frozen.
        """
        with one_warning_of_a_kind():
            if hasattr(self, "estimator_"):
                return self._add(X, y)
            is_frozen = isinstance(self.estimator, FrozenEstimator)
            if not is_frozen:
                _refuse_fitted(self.estimator)
            self._fit_a_copy(X, y)
            return self._add(X, y) if is_frozen else self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        response : ndarray of shape (n_rows,)
            In the unit of y. Compounds without pilot rows are predicted by the
            estimator alone.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        if self._asks_whether_fitted(X):
            return np.full(1, np.nan)
        with one_warning_of_a_kind():
            treatments = self._read_for_predict(X)
            predicted = _predict(self.estimator_, X)
        if self.n_pilot_rows_:
            predicted += self._correct(treatments, predicted)
        return predicted

    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Fit the estimator, and read what cell lines will be compared by."""
        treatments = self._read_for_fit(X)
        response = read_response(y, treatments, estimator_name=type(self).__name__)
        self.estimator_ = clone(self.estimator).fit(X, response)
        self.genes_ = np.asarray(treatments.genes, dtype=object)
        cells = treatments.basal_expression
        if self.expression is not None and treatments.genes_named:
            known = self.expression[list(treatments.genes)].to_numpy(dtype=np.float64)
            cells = known[np.isfinite(known).all(axis=1)]
        self._mean, spread = cells.mean(axis=0), cells.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        self.n_pilot_rows_ = 0
        self._pilot_compounds: list[str] = []  # identity of each pilot row
        self._pilot_cells = np.empty((0, len(self.genes_)), dtype=np.float32)
        self._pilot_base = self._pilot_dual = self._pilot_residual = np.empty(0)

    def _add(self, X: Any, y: Any) -> PilotRegressor:
        """Add pilot rows; an error leaves the model as it was."""
        treatments = self._read_for_predict(X)
        response = read_response(y, treatments, estimator_name=type(self).__name__)
        base = _predict(self.estimator_, X)
        _check_finite(base, treatments)
        compounds = [*self._pilot_compounds, *_identify(treatments)]
        cells = self._scale(treatments)[treatments.cell_index]
        cells = np.vstack([self._pilot_cells, cells.astype(np.float32)])
        base = np.append(self._pilot_base, base)
        residual = np.append(self._pilot_residual, response - base[-len(response) :])
        dual = np.empty(len(base))
        for rows in _rows_of(compounds).values():
            deviation = base[rows] - base[rows].mean()
            kernel = self._covary(cells[rows], cells[rows], deviation, deviation)
            kernel[np.diag_indices_from(kernel)] += self.noise_std**2
            dual[rows] = cho_solve(cho_factor(kernel), residual[rows])
        self._pilot_compounds, self._pilot_cells = compounds, cells
        self._pilot_base, self._pilot_residual, self._pilot_dual = base, residual, dual
        self.n_pilot_rows_ = len(base)
        self.compounds_ = list(dict.fromkeys([*self.compounds_, *treatments.smiles]))
        return self

    def _correct(self, treatments: Treatments, predicted: np.ndarray) -> np.ndarray:
        """Return what the pilot rows add to the predictions of the estimator."""
        pilot = _rows_of(self._pilot_compounds)
        cells = self._scale(treatments)
        correction = np.zeros(treatments.n_rows)
        for compound, rows in _rows_of(_identify(treatments)).items():
            if compound not in pilot:
                continue
            known = pilot[compound]
            mean = self._pilot_base[known].mean()
            kernel = self._covary(
                cells[treatments.cell_index[rows]],
                self._pilot_cells[known],
                predicted[rows] - mean,
                self._pilot_base[known] - mean,
            )
            # one row after the other: the same bits whatever else is predicted
            correction[rows] = [(row * self._pilot_dual[known]).sum() for row in kernel]
        return correction

    def _covary(
        self, left: np.ndarray, right: np.ndarray, u: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        """Return the covariance of residuals of a compound in cells, (left, right)."""
        distance = cdist(left, right, "sqeuclidean") / max(left.shape[1], 1)
        shared = self.ranking_std**2 * np.exp(-self.gamma * distance)
        return self.level_std**2 + shared + self.slope_std**2 * np.outer(u, v)

    def _scale(self, treatments: Treatments) -> np.ndarray:
        """Return standardised expression of the cells, 0 for genes that are missing."""
        scaled = (treatments.basal_expression - self._mean) / self._spread
        if treatments.filled is not None:
            scaled[:, treatments.filled] = 0.0
        return scaled

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: how well it predicts depends on the estimator."""
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            of_estimator = get_tags(self.estimator).regressor_tags
            poor = of_estimator is None or of_estimator.poor_score
            tags.regressor_tags.poor_score = poor
        return tags


def _identify(treatments: Treatments) -> list[str]:
    """Return the identity of the compound of each row; "" without compounds."""
    if not treatments.has_compounds:
        return [""] * treatments.n_rows
    identities = [*compound_identities(treatments.smiles), ""]  # -1: an invalid SMILES
    return [str(identities[k]) for k in treatments.compound_index]


def _rows_of(compounds: list[str]) -> dict[str, np.ndarray]:
    """Return the rows of each compound."""
    codes, distinct = pd.factorize(np.array(compounds, dtype=object))
    return {one: np.flatnonzero(codes == k) for k, one in enumerate(distinct)}


def _refuse_fitted(estimator: Any) -> None:
    """Refuse an estimator whose fit would be lost."""
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):  # TypeError: without tags or attributes
        return
    name = type(estimator).__name__
    msg = (
        f"The {name} is fitted, but partial_fit would fit a clone of it to the pilot "
        f"rows alone. Write PilotRegressor(FrozenEstimator(fitted)), with 'from "
        "sklearn.frozen import FrozenEstimator', or call fit with the training rows."
    )
    raise InputError(msg)


def _check_finite(predicted: np.ndarray, treatments: Treatments) -> None:
    """Refuse pilot rows that the estimator cannot predict."""
    bad = np.flatnonzero(~np.isfinite(predicted) | (treatments.compound_index < 0))
    if len(bad):
        rows = list_offenders(
            bad, lambda row: name_row(int(row), treatments.row_labels)
        )
        msg = (
            f"The estimator predicts no number for {len(bad)} pilot rows: {rows}. "
            "Correct their SMILES or leave these rows out."
        )
        raise InputError(msg)


def _predict(model: Any, X: Any) -> np.ndarray:
    """Return the predictions of a model, (n_rows,) float64, from a column too."""
    return np.array(column_or_1d(model.predict(X)), dtype=np.float64)
