"""Levels of compounds: means over cell lines, measured or predicted by a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import column_or_1d

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import fit_mean_effects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.treatments import Identifiers

__all__ = ["CompoundLevels"]


class CompoundLevels:
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
    identifiers : Identifiers
        Cell and compound of each row.
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
        identifiers: Identifiers,
        *,
        smiles_column: str,
        shrinkage: float,
    ) -> None:
        code, distinct = pd.factorize(identifiers.compound)
        effects = fit_mean_effects(
            response, identifiers.cell, code, shrinkage=shrinkage
        )
        self.mean = effects.intercept
        self.levels = self.mean + effects.drug_effects.sort_index().to_numpy()
        self.identities = [str(one) for one in distinct]
        self.smiles_column = smiles_column
        self.model: Any = None
        self.template = pd.DataFrame()
        self.of_rows = self.levels[code]
        if identifiers.has_compounds and len(distinct) > 1:
            first = np.unique(code, return_index=True)[1]
            self.template = X.iloc[[0]].reset_index(drop=True)
            rows = self._rows_of(X[smiles_column].iloc[first].tolist())
            self.model = clone(model).fit(rows, self.levels)

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
        return {k: v for k, v in self.__dict__.items() if k != "of_rows"}
