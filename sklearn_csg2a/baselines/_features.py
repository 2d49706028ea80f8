"""Regressors on features of cells and compounds: reading X, scaling features."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.choices import MissingGenes, OnInvalidSmiles, options
from sklearn_csg2a._utils.sklearn_compat import StrOptions, fit_context
from sklearn_csg2a.encoders import encode_compounds, resolve_encoder
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.treatments import read_response
from sklearn_csg2a.treatments._read import TreatmentRegressor, require_two_rows
from sklearn_csg2a.treatments._units import measure_scale

if TYPE_CHECKING:
    from typing import Self

    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "AmountScaler",
    "Conditions",
    "FeatureRegressor",
    "Standardizer",
    "find_distinct_columns",
]

_BLOCK_COLUMNS = 2048


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
        self.floor = np.array(smallest) / 10  # replaces 0
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
        starts = range(0, max(n_columns - 1, 1), _BLOCK_COLUMNS)  # none for it alone
        edges = [*starts, n_columns]
        for columns in map(slice, edges, edges[1:]):
            exact = values[:, columns].astype(np.float64)
            self.mean[columns], spread = exact.mean(axis=0), exact.std(axis=0)
            varies = np.ptp(exact, axis=0) > 0
            self.spread[columns] = np.where(varies, spread, 1.0)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the standardised values, (n, n_columns) float64."""
        scaled = values - self.mean
        scaled /= self.spread
        return scaled


class FeatureRegressor(TreatmentRegressor):
    """A regressor on basal expression, encoded compounds, dose and time."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "expression": [pd.DataFrame, None],
        "compound_encoder": "no_validation",
        "columns": [dict, None],
        "missing_genes": [StrOptions(options(MissingGenes))],
        "on_invalid_smiles": [StrOptions(options(OnInvalidSmiles))],
    }

    compound_encoder: Any

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
        with steady_threads():
            return self._fit_a_copy(X, y)

    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Read X and y, then fit."""
        treatments = self._read_for_fit(X)
        response = read_response(y, treatments, estimator_name=type(self).__name__)
        require_two_rows(treatments)
        self.genes_ = np.asarray(treatments.genes, dtype=object)
        self._fitted_ranges = {  # a constant dose or time has no effect
            name: limits
            for name, limits in treatments.ranges.items()
            if len(set(limits)) > 1
        }
        self._expression_scale = measure_scale(treatments)
        self._fit(X, y, treatments, response)

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
        return self._predict_rows(X, self._predict)

    @abstractmethod
    def _fit(
        self, X: Any, y: Any, treatments: Treatments, response: np.ndarray
    ) -> None:
        """Fit to treatments and response (n_rows,); X and y are as passed to `fit`."""

    @abstractmethod
    def _predict(self, treatments: Treatments) -> np.ndarray:
        """Return the response of treatments whose compounds are valid, (n_rows,)."""

    def _fit_encoder(self, treatments: Treatments) -> np.ndarray:
        """Fit the compound encoder; return its encodings, (n_compounds, dim)."""
        self.encoder_ = None
        if treatments.has_compounds:
            encoder = resolve_encoder(self.compound_encoder)
            self.encoder_ = encoder.fit(list(treatments.smiles))
        return self._encode(treatments)

    def _encode(self, treatments: Treatments) -> np.ndarray:
        """Return the encodings of the compounds; without any, a single empty one."""
        if self.encoder_ is None:
            return np.zeros((1, 0), dtype=np.float32)
        return encode_compounds(self.encoder_, list(treatments.smiles))


def find_distinct_columns(values: np.ndarray) -> np.ndarray:
    """Return positions of non-constant columns that differ from all earlier ones."""
    varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
    seen: dict[bytes, int] = {}
    for column in varying.tolist():
        seen.setdefault(values[:, column].tobytes(), column)
    return np.fromiter(seen.values(), dtype=np.int64, count=len(seen))


def _amounts(treatments: Treatments) -> np.ndarray:
    """Return dose and time, (n_rows, 2)."""
    return np.column_stack([treatments.dose, treatments.time])
