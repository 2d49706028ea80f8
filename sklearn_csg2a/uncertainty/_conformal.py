"""ConformalRegressor: intervals that hold for the kind of novelty that cv holds out."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from sklearn_csg2a._utils.interrupts import check_uninterrupted, was_interrupted
from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind, warn_of_input
from sklearn_csg2a._utils.sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    num_samples,
    safe_indexing,
)
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.training.rows import seed_splitter
from sklearn_csg2a.treatments import read_response
from sklearn_csg2a.uncertainty._calibration import (
    Calibration,
    check_held_out,
    find_units,
    takes_groups,
    weigh_rows,
)
from sklearn_csg2a.uncertainty._known_errors import KnownErrors, KnownUnits
from sklearn_csg2a.uncertainty._widths import (
    Adapt,
    ErrorsByRegressor,
    LogLinearErrors,
    RowNovelty,
)

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["ConformalRegressor"]


class ConformalRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Give the predictions of a regressor intervals with a known coverage.

    The regressor is fitted once for each split of `cv`, and the errors of held-out rows
    say how wide intervals are; then it is fitted to all rows. What `cv` holds out
    together counts as one draw: with `DrugBlindKFold`, a compound with 600 rows is one
    compound, and intervals hold for new compounds.

    Parameters
    ----------
    estimator : regressor
        Any regressor of this package or of scikit-learn. It is fitted once for each
        split of `cv`, and once more.
    cv : int, splitter or iterable of (train, test) rows
        What is new at prediction: `DrugBlindKFold` for new compounds, `CellBlindKFold`
        for new cell lines, `DisjointKFold` for both, `MixedKFold` for new pairs of
        known ones. Other splitters hold out the units that `groups` of `fit` names, or
        single rows. An integer is a number of random folds of rows.
    coverage : float, default=0.9
        Share of new rows whose response the interval contains, between 0 and 1.
    adapt : {"errors", "tanimoto", "cell_distance", "spread"}, regressor or None, \
            default="errors"
        What the width of an interval depends on, beside the prediction. "errors": how
        large held-out errors of the same compound and of the same cell line are, where
        `cv` does not hold these out, and X has the columns that name them.
        "tanimoto": similarity to the nearest training compound; "cell_distance":
        distance to the nearest training cell lines; "spread": the standard deviation
        that the estimator itself has (Gaussian processes, ensembles, passes with
        dropout). A regressor is fitted to rows of X and their absolute errors. None:
        all intervals have the same width.
    random_state : int, RandomState instance or None, default=0
        Controls the folds, if `cv` is an integer or shuffles with
        ``random_state=None``.

    Attributes
    ----------
    estimator_ : regressor
        The regressor, fitted to all rows.
    n_units_ : list of int
        Number of units that the intervals are calibrated on: of compounds, say; of
        cell lines and compounds, if `cv` holds out both.
    scores_ : ndarray of shape (n_held_out,)
        Absolute errors of held-out rows, ascending; divided by their relative width, if
        `adapt` is not None.
    interrupted_ : bool
        Whether the fit was stopped from the keyboard.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    sklearn_csg2a.model_selection : Splitters, by what they hold out.

    Notes
    -----
    The interval is the prediction plus and minus a quantile of the absolute errors of
    held-out rows (hierarchical conformal prediction [1]_). The errors are weighted as
    if a unit were drawn first, then one of its rows, and one more unit with an infinite
    error stands for the new one: with K units it has the weight 1 / (K + 1). If `cv`
    holds out cell lines and compounds at the same time, all pairs with a new one stand
    for the unknown: a share of 1 - K / (K + 1) * L / (L + 1).

    What is covered at the nominal level is a row of a new unit, on average over units,
    if new units are drawn as those of the training rows were. It is no promise for each
    unit: of some compounds all rows are covered, of others few. New compounds that are
    far more potent than predicted are missed in most of their rows, and which ones is
    hardly known before they are measured.

    Held-out errors are those of models with fewer training units than the final one,
    so that intervals are slightly wide, more so with few folds. With errors of the
    same models the coverage would be exact; here it is approximate, as the final model
    is fitted to all rows. The alternative that predicts with the models of all folds
    (CV+) guarantees only ``2 * coverage - 1``, and stores and evaluates each of them.

    If the width adapts, errors are divided by their expected size [2]_, with "errors"
    by its power 0.7: at the same coverage the mean width is smallest between constant
    widths and widths in proportion. The model of expected sizes is itself fitted to
    other units than those that it is used for. Where `cv` leaves no others, as a single
    split does, "errors" makes constant widths.

    A coverage above K / (K + 1) needs more than K units: `predict_interval` then
    returns infinite intervals and warns.

    References
    ----------
    .. [1] Lee Y., Barber R.F., Willett R. "Distribution-free inference with
       hierarchical data", 2023. arXiv:2306.06342.
    .. [2] Lei J., G'Sell M., Rinaldo A., Tibshirani R.J., Wasserman L.
       "Distribution-free predictive inference for regression", Journal of the American
       Statistical Association 113, 2018, section 5.2.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.model_selection import DrugBlindKFold
    >>> from sklearn_csg2a.uncertainty import ConformalRegressor
    >>> screen = make_screen(random_state=0)
    >>> train, test = next(DrugBlindKFold(5).split(screen.X))
    >>> model = ConformalRegressor(
    ...     PairwiseKernelRidge(expression=screen.expression), cv=DrugBlindKFold(5))
    >>> model.fit(screen.X.iloc[train], screen.y.iloc[train]).n_units_
    [32]
    >>> lower, upper = model.predict_interval(screen.X.iloc[test]).T
    >>> y = screen.y.iloc[test]
    >>> bool(0.8 < ((lower <= y) & (y <= upper)).mean() <= 1)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "cv": ["cv_object"],
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "adapt": [
            StrOptions(set(get_args(Adapt))),
            HasMethods(["fit", "predict"]),
            None,
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        cv: Any,
        coverage: float = 0.9,
        adapt: Adapt | Any = "errors",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.estimator = estimator
        self.cv = cv
        self.coverage = coverage
        self.adapt = adapt
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, groups: Any = None) -> ConformalRegressor:
        """Fit the regressor, and calibrate its intervals on held-out rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, or whatever the estimator takes.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.
        groups : array-like of shape (n_rows,) or (n_rows, 2), default=None
            Passed to `cv`. For a splitter of scikit-learn, the unit of each row.

        Returns
        -------
        self : ConformalRegressor
            The fitted model.

        Raises
        ------
        InputError
            If y cannot be used, the estimator is frozen or predicts NaN for held-out
            rows, or `cv` has rows of one unit in training and test.
        """
        with one_warning_of_a_kind():
            return self._fit(X, y, groups)

    def _fit(self, X: Any, y: Any, groups: Any) -> ConformalRegressor:
        """Fit and calibrate; attributes are set at the end."""
        _check_estimator(self.estimator, y)
        (X,) = indexable(X)  # X that can only be converted to an array
        if X is None:
            raise InputError("X is None; expected the rows to fit.")
        labels = X.index if hasattr(X, "iloc") else None
        response = read_response(
            y, num_samples(X), labels, estimator_name=type(self).__name__
        )
        rows, folds, predicted, features, units = self._hold_out(X, response, groups)
        errors = np.abs(response[rows] - predicted)
        _check_finite(errors, rows, labels)
        novelty = self._make_novelty()
        inputs = safe_indexing(X, rows) if features is None else features
        if isinstance(novelty, KnownUnits):
            inputs = novelty.fit(inputs, units)(inputs, None, predicted)
        expected, errors_model = self._expect_held_out(inputs, errors, folds, units)
        estimator = clone(self.estimator).fit(X, response)
        if isinstance(novelty, RowNovelty):
            novelty.fit(X)
        self.estimator_, self._novelty, self._errors = estimator, novelty, errors_model
        self._calibration = Calibration(errors / expected, units)
        self.interrupted_ = was_interrupted(estimator)
        self.scores_ = self._calibration.scores
        self.n_units_ = self._calibration.n_units
        validate_data(self, X, reset=True, skip_check_array=True)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        response : ndarray of shape (n_rows,)
            In the unit of y; NaN where the estimator predicts NaN.
        """
        check_is_fitted(self)
        with one_warning_of_a_kind():
            return _predict(self.estimator_, X)

    def predict_interval(self, X: Any, coverage: float | None = None) -> np.ndarray:
        """Predict an interval for the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.
        coverage : float, default=None
            Share of new rows whose response the interval contains; None takes the
            parameter `coverage`. No new fit is needed.

        Returns
        -------
        interval : ndarray of shape (n_rows, 2)
            Lower and upper end, in the unit of y; NaN where the prediction is NaN.
            Infinite, with a warning, if there were too few units for the coverage.

        Raises
        ------
        InputError
            If `coverage` is not between 0 and 1.
        """
        check_is_fitted(self)
        coverage = self.coverage if coverage is None else coverage
        if not isinstance(coverage, Real) or not 0 < coverage < 1:
            msg = f"coverage must be a number between 0 and 1; got {coverage!r}."
            raise InputError(msg)
        with one_warning_of_a_kind():
            predicted = _predict(self.estimator_, X)
            half = self._quantile(float(coverage)) * self._expect(X, predicted)
        return np.column_stack([predicted - half, predicted + half])

    def _quantile(self, coverage: float) -> float:
        """Return the quantile of the scores; warn if it is infinite."""
        quantile = self._calibration.quantile(coverage)
        if np.isinf(quantile):
            counts = " and ".join(map(str, self.n_units_))
            largest = self._calibration.largest_coverage
            msg = (
                f"Intervals are infinite: cv={self.cv!r} held out {counts} units, "
                f"which allows a coverage of {largest:.3f}, not {coverage:g}. Fit to "
                "more units, or ask for less coverage."
            )
            warn_of_input("too few units", msg)
        return quantile

    def _expect(self, X: Any, predicted: np.ndarray) -> np.ndarray:
        """Return the expected size of errors, 1 if all are alike: (n_rows,)."""
        expected = np.where(np.isnan(predicted), np.nan, 1.0)
        valid = np.flatnonzero(~np.isnan(predicted))
        if self._errors is None or len(valid) == 0:
            return expected
        inputs = safe_indexing(X, valid)
        if self._novelty is not None:
            inputs = self._novelty(inputs, self.estimator_, predicted[valid])
        expected[valid] = self._errors.predict(inputs)
        return expected

    def _make_novelty(self) -> RowNovelty | KnownUnits | None:
        """Return what the width depends on, unless it is all of X or nothing."""
        if not isinstance(self.adapt, str):
            return None
        if self.adapt == "errors":
            return KnownUnits(self.estimator)
        return RowNovelty(self.adapt, self.estimator)

    def _hold_out(self, X: Any, response: np.ndarray, groups: Any) -> tuple[Any, ...]:
        """Return held-out rows, their folds, predictions, features and units."""
        seed = draw_seeds(self.random_state, 1)[0]
        cv = seed_splitter(self._make_splitter(), seed)
        units = find_units(cv, X, groups, len(response))
        rows, predicted, features = [], [], []
        positions = np.arange(len(response))
        for split in cv.split(X, response, groups if takes_groups(cv) else None):
            train, test = (positions[some] for some in split)
            check_held_out(units, train, test, self.cv)
            of_train, of_test = safe_indexing(X, train), safe_indexing(X, test)
            model = clone(self.estimator).fit(of_train, response[train])
            check_uninterrupted(model)
            rows.append(test)
            predicted.append(_predict(model, of_test))
            novelty = self._make_novelty()
            if isinstance(novelty, RowNovelty):
                novelty.fit(of_train)
                features.append(novelty(of_test, model, predicted[-1]))
        held_out = np.concatenate(rows)
        folds = np.repeat(np.arange(len(rows)), [len(test) for test in rows])
        described = np.concatenate(features) if features else None
        return held_out, folds, np.concatenate(predicted), described, units[held_out]

    def _make_splitter(self) -> Any:
        """Return `cv` as a splitter; a number means random folds of rows."""
        if self.cv is None or isinstance(self.cv, Integral):
            return KFold(self.cv or 5, shuffle=True)
        return check_cv(self.cv)

    def _fit_errors(self, inputs: Any, errors: np.ndarray, units: np.ndarray) -> Any:
        """Fit the model of expected sizes of errors."""
        model: Any = ErrorsByRegressor(self.adapt)
        if isinstance(self.adapt, str):
            model = KnownErrors() if self.adapt == "errors" else LogLinearErrors()
        weights, counts = weigh_rows(units)
        return model.fit(inputs, errors, weights, min(counts))

    def _expect_held_out(
        self, inputs: Any, errors: np.ndarray, folds: np.ndarray, units: np.ndarray
    ) -> tuple[np.ndarray, Any]:
        """Return the expected size of each error, from those of other units alone.

        And the model fitted to all errors. For constant widths, ones and None.
        """
        expected = np.ones(len(errors))
        if self.adapt is None:
            return expected, None
        novelty = self._make_novelty()
        for fold in np.unique(folds):
            here = np.flatnonzero(folds == fold)
            shared = [np.isin(kind, kind[here]) for kind in units.T]
            others = np.flatnonzero(~np.any(shared, axis=0))
            if len(others) == 0 and isinstance(novelty, KnownUnits):
                return np.ones(len(errors)), None
            if len(others) == 0:
                msg = (
                    f"cv={self.cv!r} leaves no units for the widths of fold {fold}: "
                    "adapt needs at least two splits that hold out different units."
                )
                raise InputError(msg)
            model = self._fit_errors(
                safe_indexing(inputs, others), errors[others], units[others]
            )
            expected[here] = model.predict(safe_indexing(inputs, here))
        return expected, self._fit_errors(inputs, errors, units)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of the estimator."""
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator)
            tags.input_tags.allow_nan = inner.input_tags.allow_nan
            tags.input_tags.sparse = inner.input_tags.sparse
            tags.input_tags.string = inner.input_tags.string
            tags.regressor_tags.poor_score = (
                inner.regressor_tags is None or inner.regressor_tags.poor_score
            )
        return tags


def _check_estimator(estimator: Any, y: Any) -> None:
    """Refuse a model that cannot be fitted again, and a y that is missing."""
    if isinstance(estimator, type):
        msg = (
            f"estimator is the class {estimator.__name__}; expected a regressor: "
            f"{estimator.__name__}()."
        )
        raise InputError(msg)
    if isinstance(estimator, FrozenEstimator):
        msg = (
            "ConformalRegressor measures errors of models that have not seen the rows, "
            "and a FrozenEstimator is not fitted again. Give the unfitted estimator."
        )
        raise InputError(msg)
    if y is None:
        msg = "ConformalRegressor requires y to be passed, but the target y is None."
        raise InputError(msg)


def _predict(model: Any, X: Any) -> np.ndarray:
    """Return the predictions of a model, (n_rows,) float64, from a column too."""
    return np.asarray(column_or_1d(model.predict(X)), dtype=np.float64)


def _check_finite(errors: np.ndarray, rows: np.ndarray, labels: Any) -> None:
    """Refuse errors of held-out rows that are not finite."""
    bad = rows[~np.isfinite(errors)]
    if len(bad):
        names = None if labels is None else np.asarray(labels, dtype=object)
        shown = list_offenders(bad, lambda row: name_row(int(row), names))
        msg = (
            f"The estimator predicts NaN or infinity for {len(bad)} held-out rows: "
            f"{shown}. Leave these rows out, or give another estimator."
        )
        raise InputError(msg)
