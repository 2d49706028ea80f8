"""The only module that imports private names of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
)
from sklearn.utils._param_validation import (
    validate_params as _validate_params,
)
from sklearn.utils._pprint import _EstimatorPrettyPrinter
from sklearn.utils.validation import _num_samples, validate_data

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = [
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "RealNotInt",
    "StrOptions",
    "boosting_tree_class",
    "fit_context",
    "num_samples",
    "print_nested_as",
    "safe_indexing",
    "validate_params",
    "validate_plain",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def fit_context(
    *, prefer_skip_nested_validation: bool
) -> Callable[[Function], Function]:
    """Return scikit-learn's decorator of `fit`, with its type."""
    decorate: Callable[[Function], Function] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorate


def validate_params(
    constraints: dict[str, Any], *, prefer_skip_nested_validation: bool
) -> Callable[[Function], Function]:
    """Return scikit-learn's decorator of functions, with its type."""
    decorate: Callable[[Function], Function] = _validate_params(
        constraints, prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorate


num_samples = _num_samples
safe_indexing = _safe_indexing


def validate_plain(estimator: BaseEstimator, X: Any, *, reset: bool) -> None:
    """Run scikit-learn's checks on a plain array or table, except for finiteness.

    Sets or checks `n_features_in_` and `feature_names_in_`. NaN and infinity are
    left to `read_treatments`, which names the row and the column.
    """
    validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite=False)


def print_nested_as(method: Callable[..., str], stand_in: Callable[[Any], Any]) -> None:
    """Let estimators with this `__repr__` print as what stands in for them.

    scikit-learn asks the outermost estimator alone for its text, and prints those in
    a pipeline or an ensemble by their parameters.
    """

    def print_stand_in(printer: Any, estimator: Any, *place: Any) -> None:
        printer._format(stand_in(estimator), *place)  # noqa: SLF001

    _EstimatorPrettyPrinter._dispatch[method] = print_stand_in  # noqa: SLF001


def boosting_tree_class() -> Any:
    """Return the class of a tree of gradient boosting on histograms."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import (  # noqa: PLC0415
        TreePredictor,
    )

    return TreePredictor
