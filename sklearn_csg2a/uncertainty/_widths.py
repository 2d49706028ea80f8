"""How large an error is expected: what the widths of intervals follow."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesRegressor,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.utils.validation import column_or_1d

from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a._utils.stored_tables import StoresTables
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments import read_treatments
from sklearn_csg2a.uncertainty._novelty import (
    CellDistances,
    nearest_of_rows,
    read_smiles,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Adapt",
    "ErrorsByRegressor",
    "LogLinearErrors",
    "RowNovelty",
    "reader_parameters",
    "spread_of",
]

Adapt = Literal["errors", "tanimoto", "cell_distance", "spread"]

_BAGGED = (BaggingRegressor, ExtraTreesRegressor, RandomForestRegressor)
_FLOOR = 0.05  # of the mean error: smaller errors are rounding, not information
_SMALLEST = 0.2  # of the mean error, of what a regressor expects
_TINY = 1e-300  # of errors that are all zero, which are not to be divided by zero
_PENALTY = 5.0  # units that the ridge penalty of slopes is worth


class RowNovelty(StoresTables):
    """What an expected error is predicted from, for one named way to adapt.

    Parameters
    ----------
    adapt : {"tanimoto", "cell_distance", "spread"}
        The quantity beside the prediction.
    estimator : regressor
        Its parameters say how X is read.
    """

    def __init__(self, adapt: str, estimator: Any) -> None:
        self.adapt = adapt
        self.how = reader_parameters(estimator)
        self.known: Any = None

    def fit(self, X: Any) -> RowNovelty:
        """Keep the compounds or the cells of the training rows."""
        if self.adapt == "tanimoto":
            codes, texts = self._read_smiles(X)
            self.known = [texts[code] for code in np.unique(codes[codes >= 0])]
        elif self.adapt == "cell_distance":
            self.known = CellDistances(self._read_cells(X))
        return self

    def __call__(
        self, X: Any, model: Any, predicted: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the quantity, the prediction and its square: (n_rows, 3)."""
        if self.adapt == "tanimoto":
            value = nearest_of_rows(*self._read_smiles(X), self.known)
        elif self.adapt == "cell_distance":
            treatments = self._read_cells(X, genes=tuple(self.known.genes))
            distance = self.known(treatments.basal_expression, treatments.genes)
            value = distance[treatments.cell_index]
        else:
            value = np.log(spread_of(model, X) + 1e-6)
        return np.column_stack([value, predicted, predicted**2])

    def _read_smiles(self, X: Any) -> tuple[NDArray[np.int64], list[str]]:
        return read_smiles(X, self.how.get("columns"), "adapt='tanimoto'")

    def _read_cells(self, X: Any, genes: tuple[str, ...] | None = None) -> Any:
        return read_treatments(X, genes=genes, on_invalid_smiles="nan", **self.how)


class LogLinearErrors:
    """Expected size of an error: its logarithm is linear in a few quantities.

    Slopes are shrunk by a ridge penalty that is worth a few units, and quantities are
    limited to the range of the calibration rows: nothing is extrapolated.
    """

    def fit(
        self,
        features: NDArray[np.float64],
        errors: NDArray[np.float64],
        weights: NDArray[np.float64],
        n_units: int,
    ) -> LogLinearErrors:
        """Fit to absolute errors (n_rows,), weighted so that units are equal."""
        self.lowest, self.highest = features.min(axis=0), features.max(axis=0)
        self.mean = weights @ features
        spread = np.sqrt(weights @ (features - self.mean) ** 2)
        self.spread = np.where(spread > 0, spread, 1.0)
        self.floor = max(_FLOOR * float(weights @ errors), _TINY)
        target = np.log(errors + self.floor)
        self.level = float(weights @ target)
        scaled = (features - self.mean) / self.spread
        gram = scaled.T @ (weights[:, None] * scaled)
        gram[np.diag_indices_from(gram)] += _PENALTY / n_units
        rest = weights * (target - self.level)
        self.slopes = np.linalg.solve(gram, scaled.T @ rest)
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected size of errors: (n_rows,), positive."""
        scaled = (
            np.clip(features, self.lowest, self.highest) - self.mean
        ) / self.spread
        return np.exp(self.level + scaled @ self.slopes)


class ErrorsByRegressor:
    """Expected size of an error, from a regressor of rows of X.

    Parameters
    ----------
    regressor : regressor
        It is cloned, and fitted to absolute errors.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(
        self,
        X: Any,
        errors: NDArray[np.float64],
        weights: NDArray[np.float64],
        n_units: int,
    ) -> ErrorsByRegressor:
        """Fit to absolute errors (n_rows,)."""
        del n_units
        self.regressor = clone(self.regressor).fit(X, errors)
        check_uninterrupted(self.regressor)
        mean_error = float(weights @ errors)
        self.smallest = _SMALLEST * max(mean_error, np.finfo(float).tiny)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the expected size of errors: (n_rows,), positive."""
        expected = np.asarray(column_or_1d(self.regressor.predict(X)), dtype=float)
        return np.maximum(expected, self.smallest)


def spread_of(model: Any, X: Any) -> NDArray[np.float64]:
    """Return the standard deviation that a fitted model has for each row.

    That of a Gaussian process, of passes with dropout, or of the members of a voting,
    bagging or forest ensemble.
    """
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    accepted = signature(last.predict).parameters
    for name in ("return_std", "return_spread"):
        if name in accepted:
            return np.asarray(model.predict(X, **{name: True})[1], dtype=float)
    if isinstance(model, VotingRegressor):
        return np.std(model.transform(X), axis=1)
    if isinstance(model, _BAGGED):
        return np.std(_members(model, np.asarray(X)), axis=0)
    msg = (
        f"adapt='spread' needs a model that says how sure it is: one whose predict has "
        f"return_std or return_spread, or a voting, bagging or forest ensemble; "
        f"got a {type(model).__name__}."
    )
    raise InputError(msg)


def _members(model: Any, X: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return the predictions of each member of an ensemble on arrays."""
    columns = getattr(model, "estimators_features_", [slice(None)] * len(model))
    return [
        one.predict(X[:, some])
        for one, some in zip(model.estimators_, columns, strict=True)
    ]


def reader_parameters(estimator: Any) -> dict[str, Any]:
    """Return how an estimator, or the first one in it that says so, reads X."""
    found: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=True).items():
        parameter = name.rpartition("__")[2]
        if (
            parameter in {"expression", "columns", "missing_genes"}
            and value is not None
        ):
            found.setdefault(parameter, value)
    return found
