"""What is set apart from a network: levels of compounds, effects of cell lines."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy import linalg
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a._utils.stored_tables import StoresTables
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.encoders._fingerprints import mean_similarity
from sklearn_csg2a.estimators._preparation import chosen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import fit_mean_effects
from sklearn_csg2a.treatments._columns import as_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.treatments import Treatments

__all__ = ["CompoundLevels", "PredictsLevels", "StructureLevels"]

SHRINKAGE = 1.0
STRUCTURE = "structure"


class StructureLevels(RegressorMixin, BaseEstimator):
    """Gaussian process of the levels of compounds, on their mean Tanimoto similarity.

    Similarities by nine fingerprints are averaged.

    Parameters
    ----------
    smiles_column : str, default="smiles"
        Name of the column of compounds.
    noise : float, default=0.15
        Variance of what structures do not explain, relative to the rest.

    Attributes
    ----------
    smiles_ : list of str of length n_compounds
        The training compounds.
    mean_ : float
        Mean of their levels.
    dual_coef_ : ndarray of shape (n_compounds,)
        Weight of each of them.
    """

    def __init__(self, smiles_column: str = "smiles", noise: float = 0.15) -> None:
        self.smiles_column = smiles_column
        self.noise = noise

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Self:
        """Fit to a row, and its level in y, for each compound."""
        self.smiles_ = X[self.smiles_column].tolist()
        self.mean_ = float(np.mean(y))
        kernel = mean_similarity(self.smiles_, self.smiles_)
        kernel[np.diag_indices_from(kernel)] += self.noise
        self.dual_coef_ = linalg.solve(kernel, y - self.mean_, assume_a="pos")
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Predict the level of the compound of each row, (n_rows,)."""
        kernel = mean_similarity(X[self.smiles_column].tolist(), self.smiles_)
        # A sum for each row, whose bits do not depend on the other rows.
        return self.mean_ + (kernel * self.dual_coef_).sum(axis=1)


class CompoundLevels(StoresTables):
    """Level of each training compound, a model for all others, effects of cell lines.

    Levels of training compounds are their effects, adjusted for the cell lines that
    they were measured in, and shrunk. The model is fitted to one row for each of them,
    in which the compound is the only thing that varies.

    Parameters
    ----------
    model : regressor or "structure"
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
    cell_names : sequence of str of length n_cells, default=None
        What the training cell lines are known by, if their effects are to be set apart.

    Attributes
    ----------
    of_rows : ndarray of shape (n_rows,)
        Level of the compound of each row, and the effect of its cell line; not kept in
        copies.
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
        cell_names: Sequence[str] | None = None,
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
        self.of_cells: dict[str, float] = {}
        if cell_names is not None:
            of_cell = effects.cell_effects
            names = [cell_names[cell] for cell in of_cell.index]
            self.of_cells = dict(zip(names, of_cell.tolist(), strict=True))
            self.of_rows = self.of_rows + of_cell.reindex(cell).to_numpy()
        if len(distinct) > 1:
            first = np.unique(code, return_index=True)[1]
            self.template = X.iloc[[0]].reset_index(drop=True)
            rows = self._rows_of(X[smiles_column].iloc[first].tolist())
            if isinstance(model, str):
                model = StructureLevels(smiles_column)
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

    def effects_of(self, cell_names: Sequence[str]) -> np.ndarray:
        """Return the effect of cell lines, (n_cells,); 0 for unknown ones."""
        return np.array([self.of_cells.get(name, 0.0) for name in cell_names])

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
            and what is added for the cell line.

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

    def _subtract_known_part(
        self, X: Any, treatments: Treatments, response: np.ndarray
    ) -> np.ndarray:
        """Fit levels, and effects of cell lines that will be known; return the rest."""
        level = chosen(self, "level")
        if level == STRUCTURE and not treatments.has_compounds:
            return response
        compound = np.zeros(1, dtype=object)
        if treatments.has_compounds:
            compound = compound_identities(treatments.smiles)
        self._levels = CompoundLevels(
            level,
            as_frame(X),
            response,
            cell=treatments.cell_index,
            compound=compound[treatments.compound_index],
            smiles_column=(self.columns or {}).get("smiles", "smiles"),
            shrinkage=SHRINKAGE,
            cell_names=_name_cells(treatments)
            if chosen(self, "cell_effects")
            else None,
        )
        self.level_ = self._levels.model
        return response - self._levels.of_rows

    def _known_part_of(self, treatments: Treatments) -> np.ndarray:
        """Return what is added to the predictions of the network, (rows,)."""
        known = self._levels_of(treatments)
        if self._levels is None or not self._levels.of_cells:
            return known
        effects = self._levels.effects_of(_name_cells(treatments))
        return known + effects[treatments.cell_index]

    def _levels_of(self, treatments: Treatments) -> np.ndarray:
        """Return the level of each valid treatment, (rows,); 0 without a model."""
        if self._levels is None:
            return np.zeros(treatments.n_rows)
        if not treatments.has_compounds:
            return np.full(treatments.n_rows, self._levels.mean)
        return self._levels.predict(treatments.smiles)[treatments.compound_index]


def _name_cells(treatments: Treatments) -> list[str]:
    """Return what cells are recognised by, in light and wide rows: their expression."""
    cells = treatments.unscaled
    if cells is None:
        cells = treatments.basal_expression
    rows = np.ascontiguousarray(cells, dtype=np.float32) + np.float32(0)  # no -0.0
    return [blake2b(row.tobytes(), digest_size=16).hexdigest() for row in rows]
