"""Profiles of other compounds over known cell lines, as rows of a model of rankings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders, quote_names
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.encoders._base import read_smiles
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import fit_mean_effects

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["profile_rows"]

_FEWEST_CELLS = 3  # that a compound must have been measured in


def profile_rows(
    profiles: pd.DataFrame,
    exclude: Iterable[str] | None,
    cells: pd.DataFrame,
    cell_ids: np.ndarray,
    rankings: np.ndarray,
    cell: np.ndarray,
    compound: np.ndarray,
    *,
    smiles_column: str,
    shrinkage: float,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows of the compounds of another screen, and their rankings.

    Rankings of the screen are what is left of its values without effects of its
    compounds and cell lines, scaled to the spread that the same has in the rows, plus
    the effect of the cell line in the rows.

    Parameters
    ----------
    profiles : DataFrame of shape (n_others, n_columns)
        Index SMILES, columns ids of cell lines.
    exclude : list of str or None
        Compounds whose profiles are not used.
    cells : DataFrame of shape (n_cells, n_columns)
        A row of X for each training cell line.
    cell_ids : ndarray of shape (n_cells,)
        Their ids.
    rankings, cell, compound : ndarray of shape (n_rows,)
        What is left of the response without levels, and ids of the training rows.
    smiles_column : str
        Name of the column of compounds.
    shrinkage : float
        Penalty on effects, in rows.

    Returns
    -------
    rows : DataFrame of shape (n_values, n_columns)
    rankings : ndarray of shape (n_values,)

    Raises
    ------
    InputError
        If the table cannot be used.
    """
    table = _read_table(profiles, exclude, cell_ids)
    smiles = table.index.to_numpy(dtype=object)
    row, column = np.nonzero(table.notna().to_numpy())
    place = pd.Series(np.arange(len(cell_ids)), index=cell_ids)
    at = place.loc[table.columns].to_numpy()[column]
    own = fit_mean_effects(rankings, cell, compound, shrinkage=shrinkage)
    left = rankings - own.predict(cell, compound)
    values = table.to_numpy(dtype=np.float64)[row, column]
    found = fit_mean_effects(values, column, row, shrinkage=shrinkage)
    others = values - found.predict(column, row)
    spread = float(others.std())
    others *= float(left.std()) / spread if spread > 0 else 0.0
    effects = own.cell_effects.reindex(cell_ids).to_numpy()
    rows = cells.iloc[at].reset_index(drop=True).assign(**{smiles_column: smiles[row]})
    return rows, others + effects[at]


def _read_table(
    profiles: pd.DataFrame, exclude: Iterable[str] | None, cell_ids: np.ndarray
) -> pd.DataFrame:
    """Return the profiles that are used, over training cell lines, as numbers."""
    smiles = read_smiles(profiles.index.to_series(), user="The index of profiles")
    identities = compound_identities(smiles).astype(str)
    excluded = read_smiles([] if exclude is None else exclude, user="exclude=")
    others = ~np.isin(identities, compound_identities(excluded).astype(str))
    if profiles.columns.has_duplicates:
        twice = profiles.columns[profiles.columns.duplicated()].unique()
        msg = f"profiles has the columns {quote_names(twice)} more than once."
        raise InputError(msg)
    known = profiles.columns.isin(cell_ids)
    if not known.any():
        msg = (
            "profiles has none of the cell lines of X as a column: it has "
            f"{quote_names(profiles.columns, 3)}, X {quote_names(cell_ids, 3)}. Give "
            "both the same ids."
        )
        raise InputError(msg)
    table = profiles.loc[others, known]
    try:
        table = table.astype(np.float64)
    except (TypeError, ValueError) as error:
        msg = f"profiles must hold numbers, compounds by cell lines: {error}"
        raise InputError(msg) from error
    infinite = np.argwhere(np.isinf(table.to_numpy())).tolist()
    if infinite:
        places = list_offenders(
            infinite, lambda at: f"{table.index[at[0]]!r}, {table.columns[at[1]]!r}"
        )
        msg = f"profiles must be finite, NaN where not measured; found in {places}."
        raise InputError(msg)
    table = table[(table.notna().sum(axis=1) >= _FEWEST_CELLS).to_numpy()]
    if table.empty:
        msg = (
            "profiles has no compound, beside those of exclude=, that was measured in "
            f"{_FEWEST_CELLS} of the cell lines of X."
        )
        raise InputError(msg)
    return table
