"""ResidualRegressor: a second model for what a first one leaves."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    RegressorMixin,
    _fit_context,
    clone,
)
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import (
    _num_samples,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sklearn_csg2a._random import draw_seeds
from sklearn_csg2a.estimators._training_rows import seed_splitter
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["ResidualRegressor"]


class ResidualRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Predict with one model, and add what a second one makes of its errors.

    The errors that the second model learns from are those on held-out rows: `base` is
    fitted on the folds of `cv` first. Then it is fitted on all rows.

    Parameters
    ----------
    base : regressor
        Predicts first, such as
        :class:`~sklearn_csg2a.baselines.LatentFactors`. It is fitted once for each
        split of `cv` and once more, so it should be a fast one.
    regressor : regressor
        Learns what `base` leaves, such as
        :class:`~sklearn_csg2a.DrugResponseRegressor`.
    cv : int or splitter, default=5
        Which rows are held out together. Give a splitter that holds out what the test
        will: with `CellBlindKFold` the second model learns what `base` gets wrong
        about new cell lines. An integer means so many random folds of rows.
    weight : float, default=1.0
        Share of the second prediction that is added. `regressor` sees errors of models
        with fewer training rows, and may learn them by heart; less than 1 takes that
        back.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, if `cv` is an integer or shuffles with
        ``random_state=None``.

    Attributes
    ----------
    base_, regressor_ : regressor
        The fitted models.
    residual_ : ndarray of shape (n_rows,)
        What the second model learned from, in the unit of y; NaN in rows that `cv`
        never held out, which it has not seen.
    n_features_in_ : int
        Number of columns of X in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in fit, if all are strings.

    See Also
    --------
    sklearn.ensemble.VotingRegressor : The mean of models that know nothing of each
        other.

    Notes
    -----
    The prediction is ``base(x) + weight * regressor(x)``. `DisjointKFold` with
    ``design="grid"`` holds out each row once; with ``design="diagonal"`` most rows are
    never held out.

    Examples
    --------
    >>> from sklearn_csg2a import DrugResponseRegressor, ResidualRegressor
    >>> from sklearn_csg2a.baselines import MeanEffects
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.model_selection import MixedKFold
    >>> screen = make_screen(random_state=0)
    >>> network = DrugResponseRegressor(
    ...     expression=screen.expression, max_epochs=2, random_state=0)
    >>> model = ResidualRegressor(MeanEffects(), network, cv=MixedKFold(3))
    >>> model.fit(screen.X, screen.y).predict(screen.X).shape == screen.y.shape
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "base": [HasMethods(["fit", "predict"])],
        "regressor": [HasMethods(["fit", "predict"])],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split", "get_n_splits"]),
        ],
        "weight": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        base: Any,
        regressor: Any,
        *,
        cv: Any = 5,
        weight: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.base = base
        self.regressor = regressor
        self.cv = cv
        self.weight = weight
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any) -> ResidualRegressor:
        """Fit the first model, then the second one.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, or whatever both models take.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.

        Returns
        -------
        self : ResidualRegressor
            The fitted model.

        Raises
        ------
        InputError
            If `cv` holds out fewer than two rows, or a row more than once.
        """
        response = column_or_1d(y, warn=True)
        check_consistent_length(X, response)
        held_out = self._predict_held_out(X, response)
        known = np.flatnonzero(~np.isnan(held_out))
        if len(known) < 2:
            msg = f"cv={self.cv!r} holds out {len(known)} rows; expected at least 2."
            raise InputError(msg)
        self.base_ = clone(self.base).fit(X, y)
        self.residual_ = response - held_out
        self.regressor_ = clone(self.regressor).fit(
            _safe_indexing(X, known), self.residual_[known]
        )
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
            In the unit of y.
        """
        check_is_fitted(self)
        first = np.asarray(self.base_.predict(X), dtype=float)
        return first + self.weight * np.asarray(self.regressor_.predict(X))

    def _predict_held_out(self, X: Any, response: np.ndarray) -> np.ndarray:
        """Return what `base` predicts of each row, (n_rows,), NaN if never held out."""
        predicted = np.full(len(response), np.nan)
        for train, test in self._split(X, response):
            if not np.isnan(predicted[test]).all():
                row = int(np.asarray(test)[~np.isnan(predicted[test])][0])
                msg = (
                    f"cv={self.cv!r} holds out row {row} (position in X) more than "
                    "once; expected a splitter that holds out each row at most once."
                )
                raise InputError(msg)
            model = clone(self.base)
            model.fit(_safe_indexing(X, train), response[train])
            predicted[test] = model.predict(_safe_indexing(X, test))
        return predicted

    def _split(
        self, X: Any, response: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the splits of `cv`."""
        (seed,) = draw_seeds(self.random_state, 1)
        if not isinstance(self.cv, Integral):
            yield from seed_splitter(self.cv, seed).split(X, response)
            return
        folds = KFold(self.cv, shuffle=True, random_state=seed)
        yield from folds.split(np.zeros(_num_samples(X)))
