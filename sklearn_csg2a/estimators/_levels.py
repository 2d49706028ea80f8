"""Levels of compounds: means over cell lines, measured or predicted by a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a._utils.stored_tables import StoresTables
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import fit_mean_effects
from sklearn_csg2a.treatments._columns import as_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.treatments import Treatments

__all__ = ["CompoundLevels", "PredictsLevels"]

SHRINKAGE = 1.0


class CompoundLevels(StoresTables):
    """Level of each training compound, and a model for all others.

    Levels of training compounds are their effects, adjusted for the cell lines that
    they were measured in, and shrunk. The model is fitted to one row for each of them,
    in which the compound is the only thing that varies.

    Parameters
    ----------
    model : regressor
        Unfitted model of levels.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        Treatments.
    response : ndarray of shape (n_rows,)
        Response.
    cell, compound : ndarray of shape (n_rows,)
        Ids of the cell line and of the compound of each row; the one compound is "" in
        rows without.
    smiles_column : str
        Name of the column of compounds.
    shrinkage : float
        Penalty on effects, in rows.

    Attributes
    ----------
    of_rows : ndarray of shape (n_rows,)
        Level of the compound of each row; not kept in copies.
    """

    of_rows: np.ndarray

    def __init__(
        self,
        model: Any,
        X: Any,
        response: np.ndarray,
        *,
        cell: np.ndarray,
        compound: np.ndarray,
        smiles_column: str,
        shrinkage: float,
    ) -> None:
        code, distinct = pd.factorize(compound)
        effects = fit_mean_effects(response, cell, code, shrinkage=shrinkage)
        self.mean = effects.intercept
        self.levels = self.mean + effects.drug_effects.sort_index().to_numpy()
        self.identities = [str(one) for one in distinct]
        self.smiles_column = smiles_column
        self.model: Any = None
        self.template = pd.DataFrame()
        self.of_rows = self.levels[code]
        if len(distinct) > 1:
            first = np.unique(code, return_index=True)[1]
            self.template = X.iloc[[0]].reset_index(drop=True)
            rows = self._rows_of(X[smiles_column].iloc[first].tolist())
            self.model = clone(model).fit(rows, self.levels)
            check_uninterrupted(self.model)

    def predict(self, smiles: Sequence[str]) -> np.ndarray:
        """Return levels of compounds, (n_compounds,): measured where they are known."""
        place = {identity: row for row, identity in enumerate(self.identities)}
        rows = np.array([place.get(one, -1) for one in compound_identities(smiles)])
        levels = np.where(rows >= 0, self.levels[rows], self.mean)
        new = np.flatnonzero(rows < 0).tolist()
        if self.model is not None and new:
            found = self.model.predict(self._rows_of([smiles[k] for k in new]))
            levels[new] = column_or_1d(found)
            if not np.isfinite(levels).all():
                bad = smiles[int(np.flatnonzero(~np.isfinite(levels))[0])]
                msg = (
                    f"The model of levels, {self.model}, predicts a level that is no "
                    f"finite number for the compound {bad!r}. Give another level=."
                )
                raise InputError(msg)
        return levels

    def _rows_of(self, smiles: Sequence[str]) -> pd.DataFrame:
        """Return a row for each compound, otherwise the first row of `fit`."""
        rows = self.template.iloc[np.zeros(len(smiles), dtype=int)]
        rows = rows.reset_index(drop=True)
        return rows.assign(**{self.smiles_column: list(smiles)})

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the levels of the training rows."""
        state = super().__getstate__()
        return {k: v for k, v in state.items() if k != "of_rows"}


class PredictsLevels:
    """A regressor on treatments that leaves levels of compounds to another model."""

    level: Any
    level_: Any
    columns: Any
    _levels: CompoundLevels | None = None

    def predict_parts(self, X: Any) -> pd.DataFrame:
        """Predict the level of compounds and the ranking of cell lines apart.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.

        Returns
        -------
        parts : DataFrame of shape (n_treatments, 2)
            Columns `level` and `ranking`, in the unit of y, with the index of X: what
            `level` predicts of the compound, or the level that was measured in `fit`,
            and what the network adds.

        Raises
        ------
        InputError
            If `level` is None, or X cannot be used; the message says why.
        """
        check_is_fitted(self)
        if self._levels is None:
            msg = f"{type(self).__name__} was fitted with level=None: it has no parts."
            raise InputError(msg)
        predicted = self.predict(X)  # type: ignore[attr-defined]
        level = self._predict_rows(X, self._levels_of)  # type: ignore[attr-defined]
        frame = as_frame(X)
        index = None if frame is None else frame.index
        return pd.DataFrame({"level": level, "ranking": predicted - level}, index=index)

    def _subtract_levels(
        self, X: Any, treatments: Treatments, response: np.ndarray
    ) -> np.ndarray:
        """Fit the levels; return what is left of the response."""
        compound = np.zeros(1, dtype=object)
        if treatments.has_compounds:
            compound = compound_identities(treatments.smiles)
        self._levels = CompoundLevels(
            self.level,
            as_frame(X),
            response,
            cell=treatments.cell_index,
            compound=compound[treatments.compound_index],
            smiles_column=(self.columns or {}).get("smiles", "smiles"),
            shrinkage=SHRINKAGE,
        )
        self.level_ = self._levels.model
        return response - self._levels.of_rows

    def _levels_of(self, treatments: Treatments) -> np.ndarray:
        """Return the level of each valid treatment, (rows,); 0 without a model."""
        if self._levels is None:
            return np.zeros(treatments.n_rows)
        if not treatments.has_compounds:
            return np.full(treatments.n_rows, self._levels.mean)
        return self._levels.predict(treatments.smiles)[treatments.compound_index]
