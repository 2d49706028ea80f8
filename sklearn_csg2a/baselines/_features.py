"""Regressors on descriptors of cells and compounds: reading X, blocks of features."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_csg2a._utils.sharing import SharesTables
from sklearn_csg2a._utils.sklearn_compat import StrOptions, fit_context, validate_plain
from sklearn_csg2a.encoders import encode_compounds, resolve_encoder
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.threads import steady_threads
from sklearn_csg2a.treatments import is_plain, read_response, read_treatments
from sklearn_csg2a.treatments._scale import measure_scale, warn_other_scale

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "AmountScaler",
    "Conditions",
    "FeatureRegressor",
    "Standardizer",
    "find_distinct_columns",
]

_COLUMNS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Conditions:
    """Unique conditions (n_conditions, ...) and the condition of each row (n_rows,)."""

    compound: np.ndarray
    amounts: np.ndarray
    index: np.ndarray

    @property
    def n_conditions(self) -> int:
        """Number of unique conditions."""
        return len(self.compound)


class AmountScaler:
    """Logarithms of dose and time, standardised, where training rows differ in them."""

    def __init__(self, treatments: Treatments) -> None:
        columns = _amounts(treatments)
        self.used = [k for k in range(2) if np.ptp(columns[:, k]) > 0]
        kept = columns[:, self.used]
        smallest = [column[column > 0].min() for column in kept.T]
        self.floor = np.array(smallest) / 10  # stands for zero
        logs = np.log10(np.maximum(kept, self.floor))
        self.mean, spread = logs.mean(axis=0), logs.std(axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)

    def conditions(self, treatments: Treatments) -> Conditions:
        """Return the unique compounds, or unique triples with dose and time."""
        n_rows = treatments.n_rows
        if not self.used:
            n_conditions = max(treatments.n_compounds, 1)
            compound = np.arange(n_conditions)
            return Conditions(
                compound, np.empty((n_conditions, 0)), treatments.compound_index
            )
        logs = np.log10(np.maximum(_amounts(treatments)[:, self.used], self.floor))
        scaled = (logs - self.mean) / self.spread  # (n_rows, n_used)
        keys = np.column_stack([treatments.compound_index, scaled])
        unique, index = np.unique(keys, axis=0, return_inverse=True)
        compound = unique[:, 0].astype(np.int64)
        return Conditions(compound, unique[:, 1:], index.reshape(n_rows))


class Standardizer:
    """Mean 0 and variance 1 of each column; constant columns become 0 in training."""

    def __init__(self, values: np.ndarray) -> None:
        n_columns = values.shape[1]
        self.mean, self.spread = np.empty(n_columns), np.empty(n_columns)
        starts = range(0, max(n_columns - 1, 1), _COLUMNS_AT_ONCE)  # none of the last
        edges = [*starts, n_columns]
        for columns in map(slice, edges, edges[1:]):
            exact = values[:, columns].astype(np.float64)
            self.mean[columns], spread = exact.mean(axis=0), exact.std(axis=0)
            varies = np.ptp(exact, axis=0) > 0
            self.spread[columns] = np.where(varies, spread, 1.0)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the standardised values, (n, n_columns) float64."""
        return (values - self.mean) / self.spread


class FeatureRegressor(SharesTables, RegressorMixin, BaseEstimator):
    """A regressor that sees basal expression, encoded compounds, dose and time."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "expression": [pd.DataFrame, None],
        "compound_encoder": "no_validation",
        "columns": [dict, None],
        "missing_genes": [StrOptions({"error", "zero"})],
        "on_invalid_smiles": [StrOptions({"raise", "nan"})],
    }

    expression: pd.DataFrame | None
    compound_encoder: Any
    columns: Mapping[str, str] | None
    missing_genes: str
    on_invalid_smiles: str

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, by the column contract of the package.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        InputError
            If X or y cannot be used; the message names row, column and value.
        """
        treatments = self._read_for_fit(X)
        response = read_response(y, treatments, estimator_name=type(self).__name__)
        if treatments.n_rows < 2:
            msg = "Found n_samples=1; training needs at least 2 treatments."
            raise InputError(msg)
        self.genes_ = np.asarray(treatments.genes, dtype=object)
        self._has_compounds = treatments.has_compounds
        self._expression_scale = measure_scale(treatments)
        with steady_threads():
            self._fit(X, y, treatments, response)
        return self

    @steady_threads()
    def predict(self, X: Any) -> np.ndarray:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        response : ndarray of shape (n_rows,)
            In the unit of y; NaN in rows whose SMILES is invalid, if
            `on_invalid_smiles` is "nan".

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        treatments = self._read_for_predict(X)
        valid = treatments.compound_index >= 0
        response = np.full(treatments.n_rows, np.nan)
        if valid.all():
            return self._predict(treatments)
        if valid.any():
            response[valid] = self._predict(treatments.take(valid))
        return response

    @abstractmethod
    def _fit(
        self, X: Any, y: Any, treatments: Treatments, response: np.ndarray
    ) -> None:
        """Learn from treatments and response (n_rows,); X and y are as given."""

    @abstractmethod
    def _predict(self, treatments: Treatments) -> np.ndarray:
        """Return the response of treatments whose compounds are valid, (n_rows,)."""

    def _read_for_fit(self, X: Any) -> Treatments:
        """Read X and set what scikit-learn records of it."""
        plain = is_plain(X, self.columns, self.expression)
        if plain:
            validate_plain(self, X, reset=True)
        treatments = read_treatments(
            X,
            expression=self.expression,
            columns=self.columns,
            missing_genes=self.missing_genes,
            estimator_name=type(self).__name__,
        )
        if not plain:
            validate_data(self, X, reset=True, skip_check_array=True)
        self._fitted_ranges = {  # what never changes is not learned from
            name: ends for name, ends in treatments.ranges.items() if len(set(ends)) > 1
        }
        return treatments

    def _read_for_predict(self, X: Any) -> Treatments:
        """Read X as the fitted model knows it."""
        check_is_fitted(self)
        if not self._has_compounds and is_plain(X, self.columns, None):
            validate_plain(self, X, reset=False)
        treatments = read_treatments(
            X,
            expression=self.expression,
            columns=self.columns,
            genes=tuple(self.genes_),
            missing_genes=self.missing_genes,
            on_invalid_smiles=self.on_invalid_smiles,
            fitted_ranges=self._fitted_ranges,
            has_compounds=self._has_compounds,
            estimator_name=type(self).__name__,
        )
        warn_other_scale(self, treatments)
        return treatments

    def _fit_encoder(self, treatments: Treatments) -> np.ndarray:
        """Fit the compound encoder; return its encodings, (n_compounds, dim)."""
        self.encoder_ = None
        if treatments.has_compounds:
            encoder = resolve_encoder(self.compound_encoder)
            self.encoder_ = encoder.fit(list(treatments.smiles))
        return self._encode(treatments)

    def _encode(self, treatments: Treatments) -> np.ndarray:
        """Return one encoding per compound, a single empty one without any."""
        if self.encoder_ is None:
            return np.zeros((1, 0), dtype=np.float32)
        return encode_compounds(self.encoder_, list(treatments.smiles))


def find_distinct_columns(values: np.ndarray) -> np.ndarray:
    """Return positions of columns that vary and differ from every one before."""
    varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
    seen: dict[bytes, int] = {}
    for column in varying.tolist():
        seen.setdefault(values[:, column].tobytes(), column)
    return np.fromiter(seen.values(), dtype=np.int64, count=len(seen))


def _amounts(treatments: Treatments) -> np.ndarray:
    """Return dose and time, (n_rows, 2)."""
    return np.column_stack([treatments.dose, treatments.time])
