"""TreatmentRegressor: reading X for fit and predict, and a fit that fails cleanly."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_csg2a._utils.sharing import SharesTables
from sklearn_csg2a._utils.sklearn_compat import validate_plain
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._columns import is_plain
from sklearn_csg2a.treatments._identifiers import Identifiers
from sklearn_csg2a.treatments._read import read_treatments
from sklearn_csg2a.treatments._scale import warn_other_scale
from sklearn_csg2a.treatments._treatments import Treatments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    import pandas as pd

__all__ = ["TreatmentRegressor", "require_two_rows"]

Rows = TypeVar("Rows", Treatments, Identifiers)


class TreatmentRegressor(SharesTables, RegressorMixin, BaseEstimator):
    """A regressor whose X follows the column contract.

    A subclass defines `_fit_in_place` and calls `_fit_a_copy` in `fit`. Its parameters
    `expression`, `columns`, `missing_genes` and `on_invalid_smiles` say how X is read;
    one that reads ids alone has only some of them and uses `_record` and `_check`.
    """

    expression: pd.DataFrame | None
    columns: Mapping[str, str] | None
    missing_genes: str
    on_invalid_smiles: str

    genes_: np.ndarray
    _has_compounds: bool
    _fitted_ranges: Mapping[str, Sequence[float]] | None = None  # of dose and time

    @abstractmethod
    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Fit; an error may leave the estimator half fitted."""

    def _fit_a_copy(self, X: Any, y: Any) -> Self:
        """Fit a copy and take over its state; an error leaves the model as it was."""
        fitted = type(self).__new__(type(self))
        fitted.__dict__.update(self.__dict__)
        fitted._fit_in_place(X, y)  # noqa: SLF001 (its own class)
        forgotten = set(self.__dict__) - set(fitted.__dict__)
        self.__dict__.update(fitted.__dict__)
        for name in forgotten:
            del self.__dict__[name]
        return self

    def _read_for_fit(self, X: Any) -> Treatments:
        """Read X and set what scikit-learn records of it."""
        return self._record(
            X,
            lambda plain: read_treatments(
                X,
                expression=self.expression,
                columns=self.columns,
                genes=self._genes_to_read(plain=plain),
                missing_genes=self.missing_genes,
                estimator_name=type(self).__name__,
                **self._amount_defaults(),
            ),
        )

    def _read_for_predict(self, X: Any) -> Treatments:
        """Read X as the fitted model knows it."""
        self._check(X)
        return read_treatments(
            X,
            expression=self.expression,
            columns=self.columns,
            genes=tuple(self.genes_),
            missing_genes=self.missing_genes,
            on_invalid_smiles=self.on_invalid_smiles,
            fitted_ranges=self._fitted_ranges,
            has_compounds=self._has_compounds,
            estimator_name=type(self).__name__,
            **self._amount_defaults(),
        )

    def _predict_rows(
        self,
        X: Any,
        predict: Callable[[Treatments], np.ndarray],
        width: int | None = None,
    ) -> np.ndarray:
        """Apply `predict` to the valid rows of X; NaN in the others.

        Returns (n_rows, width), or (n_rows,) where `width` is None, as `predict` does.
        """
        treatments = self._read_for_predict(X)
        warn_other_scale(self, treatments)
        valid = treatments.compound_index >= 0
        if valid.all():
            return predict(treatments)
        n_rows = treatments.n_rows
        result = np.full(n_rows if width is None else (n_rows, width), np.nan)
        if valid.any():
            result[valid] = predict(treatments.take(valid))
        return result

    def _record(self, X: Any, read: Callable[[bool], Rows]) -> Rows:
        """Return ``read(plain)``; set what scikit-learn records of X in fit."""
        plain = is_plain(X, self.columns, getattr(self, "expression", None))
        if plain:
            validate_plain(self, X, reset=True)
        rows = read(plain)
        if not plain:
            validate_data(self, X, reset=True, skip_check_array=True)
        self._has_compounds = rows.has_compounds
        return rows

    def _check(self, X: Any) -> None:
        """Refuse to predict before fit, or from a plain X of another shape."""
        check_is_fitted(self)
        if not self._has_compounds and is_plain(X, self.columns, None):
            validate_plain(self, X, reset=False)

    def _genes_to_read(self, *, plain: bool) -> tuple[str, ...] | None:
        """Return the genes that fit must find; None takes those that are there."""
        del plain
        return None

    def _amount_defaults(self) -> dict[str, Any]:
        """Return dose and time where X has none, if not those of `read_treatments`."""
        return {}


def require_two_rows(treatments: Treatments) -> None:
    """Refuse to train on a single treatment."""
    if treatments.n_rows < 2:
        msg = "Found n_samples=1; training needs at least 2 treatments."
        raise InputError(msg)
