"""Regressors on features of cells and compounds: reading X, scaling features."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.choices import MissingGenes, OnInvalidSmiles, options
from sklearn_csg2a._utils.sklearn_compat import StrOptions, fit_context
from sklearn_csg2a.encoders._pair_layout import encode_treatments, fit_encoder
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.treatments import read_response
from sklearn_csg2a.treatments._read import TreatmentRegressor, require_two_rows

if TYPE_CHECKING:
    from typing import Self

    from sklearn_csg2a.treatments import Treatments

__all__ = ["FeatureRegressor", "Standardizer"]

_BLOCK_COLUMNS = 2048


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

    def _fit_in_place(self, X: Any, y: Any, *more: Any) -> None:
        """Read X and y, then fit; `more` is passed on to `_fit`."""
        treatments = self._read_for_fit(X)
        response = read_response(y, treatments, estimator_name=type(self).__name__)
        require_two_rows(treatments)
        self._remember(treatments)
        self._fit(X, y, treatments, response, *more)

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
        self.encoder_ = fit_encoder(self.compound_encoder, treatments)
        return self._encode(treatments)

    def _encode(self, treatments: Treatments) -> np.ndarray:
        """Return the encodings of the compounds; without any, a single empty one."""
        return encode_treatments(self.encoder_, treatments)
