"""Shared parts of the naive models: reading X and y, shape of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sklearn_csg2a._utils.choices import OnInvalidSmiles, options
from sklearn_csg2a._utils.sklearn_compat import StrOptions, fit_context
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.treatments import Identifiers, read_identifiers, read_response
from sklearn_csg2a.treatments._read import TreatmentRegressor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sklearn.utils import Tags

__all__ = ["SHARED_CONSTRAINTS", "NaiveRegressor"]


SHARED_CONSTRAINTS: dict[str, list[Any]] = {
    "columns": [dict, None],
    "on_invalid_smiles": [StrOptions(options(OnInvalidSmiles))],
}


class NaiveRegressor(TreatmentRegressor):
    """A regressor that only uses the drug, cell line and tissue of a row."""

    _parameter_constraints: ClassVar[dict[str, Any]] = SHARED_CONSTRAINTS
    _uses_cells: ClassVar[bool] = False

    def __init__(
        self,
        *,
        columns: Mapping[str, str] | None = None,
        on_invalid_smiles: OnInvalidSmiles = "raise",
    ) -> None:
        self.columns = columns
        self.on_invalid_smiles = on_invalid_smiles

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit the means.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments; basal expression is not needed where X has ``cell_line``.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Response.

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
        name = type(self).__name__
        identifiers = self._record(
            X,
            lambda _: read_identifiers(
                X, columns=self.columns, cells=self._uses_cells, estimator_name=name
            ),
        )
        response = read_response(
            y,
            identifiers.n_rows,
            identifiers.row_labels,
            multi_output=True,
            estimator_name=name,
        )
        self._cell_genes = identifiers.genes
        self._n_dims = response.ndim
        table = response.reshape(len(response), -1)  # (n_rows, n_outputs)
        self._n_outputs = table.shape[1]
        self._fit(X, identifiers, table)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        response : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            In the shape of y in fit; NaN in rows whose SMILES is invalid, if
            `on_invalid_smiles` is "nan".

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        if self._asks_whether_fitted(X):
            return np.full((1, self._n_outputs)[: self._n_dims], np.nan)
        identifiers = self._identify(X)
        return self._to_shape(self._predict(X, identifiers), identifiers)

    def _identify(self, X: Any) -> Identifiers:
        """Read the ids of the rows to predict."""
        self._check(X)
        name = type(self).__name__
        identifiers = read_identifiers(
            X,
            columns=self.columns,
            cells=self._uses_cells,
            genes=self._cell_genes,
            on_invalid_smiles=self.on_invalid_smiles,
            has_compounds=self._has_compounds,
            estimator_name=name,
        )
        if self._uses_cells and self._cell_genes is None and identifiers.genes:
            raise InputError(
                f"X has no column 'cell_line', by which {name} was fitted. Columns "
                "may be renamed with columns={'cell_line': '<its name>'}."
            )
        return identifiers

    def _to_shape(self, table: np.ndarray, identifiers: Identifiers) -> np.ndarray:
        """Return what `_predict` does in the shape of y, NaN for invalid SMILES."""
        table[~identifiers.valid] = np.nan
        return table[:, 0] if self._n_dims == 1 else table

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        """Fit to the response (n_rows, n_outputs)."""
        self.mean_ = response.mean(axis=0)

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        """Return a new array (n_rows, n_outputs)."""
        return np.tile(self.mean_, (identifiers.n_rows, 1))

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: several outputs; means fit plain data poorly."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        tags.regressor_tags.poor_score = not self._uses_cells
        return tags
