"""ResidualRegressor: a second model, fitted to out-of-fold residuals of a first."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.model_selection import KFold, check_cv
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import (
    _check_method_params,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sklearn_csg2a._utils.interrupts import check_uninterrupted, was_interrupted
from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a._utils.sklearn_compat import (
    HasMethods,
    Interval,
    fit_context,
    num_samples,
    safe_indexing,
)
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.training.rows import seed_splitter
from sklearn_csg2a.treatments import read_response

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["ResidualRegressor"]


class ResidualRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Fit a second model to the out-of-fold residuals of a first one.

    `base` is fitted on the training rows of each fold of `cv`, `regressor` to the
    residuals of the held-out rows, and then `base` again on all rows. The prediction
    is the sum of both.

    Parameters
    ----------
    base : regressor
        The first model, such as :class:`~sklearn_csg2a.baselines.LatentFactors`. It is
        fitted once for each split of `cv` and once more, so it should be fast.
    regressor : regressor
        The second model, fitted to the residuals of `base`, such as
        :class:`~sklearn_csg2a.DrugResponseRegressor`.
    cv : int, splitter or iterable of (train, test) rows, default=5
        Which rows are held out together. Give a splitter that holds out what the test
        will: with `CellBlindKFold` the second model learns the errors of `base` for new
        cell lines. An integer is a number of random folds of rows.
    weight : float, default=1.0
        Weight of the second prediction in the sum. `regressor` is fitted to errors of
        models with fewer training rows and may overfit them; a weight below 1
        corrects for that.
    random_state : int, RandomState instance or None, default=None
        Controls the folds, if `cv` is an integer or shuffles with
        ``random_state=None``, and seeds the models that were given no `random_state` of
        their own.

    Attributes
    ----------
    base_, regressor_ : regressor
        The fitted models.
    residual_ : ndarray of shape (n_rows,)
        Residuals that the second model was fitted to, in the unit of y; NaN in rows
        that `cv` never held out, which it was not fitted to.
    interrupted_ : bool
        Whether the fit was stopped from the keyboard.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    sklearn.ensemble.VotingRegressor : The mean of models that are fitted
        independently.

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
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.6
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "base": [HasMethods(["fit", "predict"])],
        "regressor": [HasMethods(["fit", "predict"])],
        "cv": ["cv_object"],
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

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, **params: Any) -> ResidualRegressor:
        """Fit the first model, then the second one.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, or whatever both models take.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.
        **params : dict
            Metadata, routed to the models and to `cv` as they request it, if
            ``sklearn.set_config(enable_metadata_routing=True)``. Otherwise only
            `groups`, for `cv`.

        Returns
        -------
        self : ResidualRegressor
            The fitted model.

        Raises
        ------
        InputError
            If X is sparse, y cannot be used, `cv` holds out fewer than two rows or a
            row more than once, or `base` predicts a value that is not finite.
        """
        _raise_for_params(params, self, "fit", allow=["groups"])
        with one_warning_of_a_kind():
            return self._fit(X, y, params)

    def _fit(self, X: Any, y: Any, params: dict[str, Any]) -> ResidualRegressor:
        """Fit both models."""
        if y is None:
            msg = "ResidualRegressor requires y to be passed, but the target y is None."
            raise InputError(msg)
        _refuse_sparse(X)
        (X,) = indexable(X)  # X that can only be converted to an array
        labels = X.index if hasattr(X, "iloc") else None
        response = read_response(
            y, num_samples(X), labels, estimator_name=type(self).__name__
        )
        routed = self._route("fit", params)
        seed, *model_seeds = draw_seeds(self.random_state, 3)
        base, regressor = (
            self._with_seed(model, model_seed)
            for model, model_seed in zip(
                (self.base, self.regressor), model_seeds, strict=True
            )
        )
        held_out, known = self._predict_held_out(base, X, response, routed, seed)
        residual = response - held_out
        _check_finite(residual, known, labels)
        base.fit(X, response, **routed["base"]["fit"])
        check_uninterrupted(base)
        of_known = _check_method_params(X, routed["regressor"]["fit"], known)
        regressor.fit(safe_indexing(X, known), residual[known], **of_known)
        self.base_, self.regressor_, self.residual_ = base, regressor, residual
        self.interrupted_ = was_interrupted(regressor)
        validate_data(self, X, reset=True, skip_check_array=True)
        return self

    def predict(self, X: Any, **params: Any) -> np.ndarray:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.
        **params : dict
            Metadata, routed to the models as they request it, if
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        response : ndarray of shape (n_rows,)
            In the unit of y.

        Raises
        ------
        InputError
            If X is sparse, or one of the models cannot use it.
        """
        check_is_fitted(self)
        _raise_for_params(params, self, "predict")
        _refuse_sparse(X)
        routed = self._route("predict", params)
        with one_warning_of_a_kind():
            first, second = (
                _predict(model, X, routed[name]["predict"])
                for name, model in (
                    ("base", self.base_),
                    ("regressor", self.regressor_),
                )
            )
        return first + self.weight * second

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the metadata routing.

        Returns
        -------
        routing : MetadataRouter
            Metadata of `fit` goes to `fit` of both models, to `predict` of `base` for
            held-out rows and to `split` of `cv`, that of `predict` to `predict`.
        """
        router = MetadataRouter(owner=type(self).__name__)
        router.add(
            base=self.base,
            method_mapping=MethodMapping()
            .add(caller="fit", callee="fit")
            .add(caller="fit", callee="predict")
            .add(caller="predict", callee="predict"),
        )
        router.add(
            regressor=self.regressor,
            method_mapping=MethodMapping()
            .add(caller="fit", callee="fit")
            .add(caller="predict", callee="predict"),
        )
        router.add(
            splitter=self._make_splitter(),
            method_mapping=MethodMapping().add(caller="fit", callee="split"),
        )
        return router

    def _make_splitter(self) -> Any:
        """Return `cv` as a splitter; a number means random folds of rows."""
        if self.cv is None or isinstance(self.cv, Integral):
            return KFold(self.cv or 5, shuffle=True)
        return check_cv(self.cv)

    def _route(self, method: str, params: dict[str, Any]) -> Bunch:
        """Return the metadata of each part and method, by both their names."""
        if _routing_enabled():
            return process_routing(self, method, **params)
        split = {"groups": params["groups"]} if "groups" in params else {}
        models: dict[str, dict[str, Any]] = {"fit": {}, "predict": {}}
        return Bunch(base=models, regressor=models, splitter={"split": split})

    def _with_seed(self, model: Any, seed: int) -> Any:
        """Return a clone of a model; set its unset seeds if this model has one."""
        copy = clone(model)
        if self.random_state is None or not hasattr(copy, "get_params"):
            return copy
        unseeded = {
            name: seed
            for name, value in copy.get_params(deep=True).items()
            if value is None and name.rpartition("__")[2] == "random_state"
        }
        return copy.set_params(**unseeded)

    def _predict_held_out(
        self, base: Any, X: Any, response: np.ndarray, routed: Bunch, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return out-of-fold predictions of `base` (n_rows,), and the rows held out."""
        cv = seed_splitter(self._make_splitter(), seed)
        predicted = np.full(len(response), np.nan)
        is_known = np.zeros(len(response), dtype=bool)
        for train, test in cv.split(X, response, **routed["splitter"]["split"]):
            if is_known[test].any():
                row = int(np.arange(len(response))[test][is_known[test]][0])
                msg = (
                    f"cv={self.cv!r} holds out row {row} (position in X) more than "
                    "once; expected a splitter that holds out each row at most once."
                )
                raise InputError(msg)
            is_known[test] = True
            model = clone(base).fit(
                safe_indexing(X, train),
                response[train],
                **_check_method_params(X, routed["base"]["fit"], train),
            )
            check_uninterrupted(model)
            of_test = _check_method_params(X, routed["base"]["predict"], test)
            predicted[test] = _predict(model, safe_indexing(X, test), of_test)
        known = np.flatnonzero(is_known)
        if len(known) < 2:
            msg = f"cv={self.cv!r} holds out {len(known)} rows; expected at least 2."
            raise InputError(msg)
        return predicted, known

    def __sklearn_tags__(self) -> Tags:
        """Return the tags that follow from the two models."""
        tags = super().__sklearn_tags__()
        parts = [
            get_tags(model)
            for model in (self.base, self.regressor)
            if hasattr(model, "__sklearn_tags__")
        ]
        inputs = [part.input_tags for part in parts]
        tags.input_tags.allow_nan = all(part.allow_nan for part in inputs)
        tags.input_tags.string = all(part.string for part in inputs)
        tags.regressor_tags.poor_score = all(
            part.regressor_tags is None or part.regressor_tags.poor_score
            for part in parts
        )
        return tags


def _refuse_sparse(X: Any) -> None:
    """Refuse sparse X, even if the models accept it."""
    if sparse.issparse(X):
        msg = (
            f"ResidualRegressor does not take sparse X, got a {type(X).__name__} of "
            f"shape {X.shape}; use X.toarray()."
        )
        raise InputError(msg)


def _predict(model: Any, X: Any, params: dict[str, Any]) -> np.ndarray:
    """Return the predictions of a model, (n_rows,) float64, from a column too."""
    return np.asarray(column_or_1d(model.predict(X, **params)), dtype=np.float64)


def _check_finite(residual: np.ndarray, known: np.ndarray, labels: Any) -> None:
    """Refuse residuals of held-out rows that are not finite."""
    bad = known[~np.isfinite(residual[known])]
    if len(bad):
        names = None if labels is None else np.asarray(labels, dtype=object)
        rows = list_offenders(bad, lambda row: name_row(int(row), names))
        msg = (
            f"base predicts NaN or infinity for {len(bad)} held-out rows: {rows}. "
            "Leave these rows out or give another base."
        )
        raise InputError(msg)
