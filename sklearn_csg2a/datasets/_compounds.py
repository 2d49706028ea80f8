"""Structures of compounds, looked up by id or name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.names import NameMatches, describe_unmatched, match_names
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.chem import compound_identity, smiles_problem
from sklearn_csg2a.datasets.readers._text import is_missing
from sklearn_csg2a.datasets.readers._text_tables import (
    find_column,
    plain_column,
    read_text_table,
)
from sklearn_csg2a.exceptions import InputError

__all__ = ["CompoundTable", "find_smiles"]

CompoundTable = Mapping[Any, str] | pd.Series | pd.DataFrame | str | os.PathLike[str]

# Placeholders for unpublished structures, besides codes for missing values.
_NO_STRUCTURE = ("restricted",)

_EXPECTED = "a table of compounds with a column of SMILES and a column of ids or names"
_SMILES = (
    "smiles",
    "canonicalsmiles",
    "isosmiles",
    "isomericsmiles",
    "smilesstring",
    "smile",
    "connectivitysmiles",
)
# Text columns that do not identify compounds.
_NO_IDS = (
    "inchi",
    "inchikey",
    "target",
    "targetpathway",
    "pathway",
    "moa",
    "mechanism",
)


def find_smiles(ids: pd.Series, compounds: CompoundTable) -> pd.DataFrame:
    """Look up the structure of each compound by its id or a spelling of it.

    Returns for each row of `ids`: `smiles` and `problem`, one of which is None, and
    `name`, which describes the id, with the nearest known ids if it is unknown.
    """
    unique = {value: _spell(value) for value in ids.dropna().unique()}
    known = _smiles_by_id(compounds, list(unique.values()))
    matches = match_names(list(unique.values()), list(known))
    if unique and not matches.matched:
        msg = (
            f"compounds has none of the {len(unique)} ids, such as "
            f"{describe_unmatched(matches, limit=3)}; its ids look like "
            f"{list_offenders(map(repr, list(known)[:3]))}."
        )
        raise InputError(msg)
    results = {
        value: (*_find(spelt, known, matches), _show(value, spelt, matches))
        for value, spelt in unique.items()
    }
    no_id = (None, "no compound", "none")
    rows = [results.get(value, no_id) for value in ids.astype(object)]
    return pd.DataFrame(
        rows, index=ids.index, columns=["smiles", "problem", "name"], dtype=object
    )


def _find(
    spelt: str, known: dict[str, Any], matches: NameMatches
) -> tuple[str | None, str | None]:
    """Return the structure of one compound, or why it has none."""
    if spelt in matches.matched:
        return _judge(known[matches.matched[spelt]])
    if is_missing(spelt):
        return None, "no compound"
    if spelt in matches.ambiguous:
        return None, "several compounds fit the name"
    return None, "compounds= has no such id"


def _show(value: Any, spelt: str, matches: NameMatches) -> str:
    """Describe an id, with the known ids that it may mean."""
    if spelt in matches.matched:
        return repr(value)
    match = NameMatches(
        {},
        {value: matches.ambiguous[spelt]} if spelt in matches.ambiguous else {},
        {value: matches.nearest[spelt]} if spelt in matches.nearest else {},
    )
    return describe_unmatched(match)


def _spell(value: Any) -> str:
    """Write an id as text; integers that pandas read as floats have no decimals."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _smiles_by_id(compounds: CompoundTable, wanted: list[str]) -> dict[str, Any]:
    """Return the SMILES by id from a table of any kind."""
    if isinstance(compounds, str | os.PathLike):
        compounds = read_text_table(compounds, _EXPECTED)
    if isinstance(compounds, pd.DataFrame):
        return _from_frame(compounds, wanted)
    if not isinstance(compounds, Mapping | pd.Series):
        msg = (
            f"compounds must be a mapping or Series of SMILES by id, a DataFrame or a "
            f"path, not {type(compounds).__name__}."
        )
        raise InputError(msg)
    table = pd.Series(compounds, dtype=object)
    return _unique(table.index, table.to_numpy(dtype=object))


def _from_frame(table: pd.DataFrame, wanted: list[str]) -> dict[str, Any]:
    """Find the column of SMILES and the id column that matches most compounds."""
    smiles = find_column(table, _SMILES)
    columns = list_offenders(map(repr, table.columns), limit=10)
    if smiles is None:
        msg = (
            f"compounds has no column of SMILES, only {columns}. Name it 'smiles'; a "
            "list of compounds without structures, as GDSC's, has to be joined with "
            "their SMILES first."
        )
        raise InputError(msg)
    index = [pd.Series(table.index, dtype=object)]
    candidates = [
        table[column].reset_index(drop=True)
        for column in table.columns[~table.columns.duplicated()]
        if column != smiles and plain_column(column) not in _NO_IDS
    ]
    numbered = isinstance(table.index, pd.RangeIndex)
    candidates = [*candidates, *index] if numbered else [*index, *candidates]
    sought = frozenset(wanted)
    best = max(candidates, key=lambda ids: _n_matched(ids, wanted, sought))
    return _unique(best, table[smiles].to_numpy(dtype=object))


def _n_matched(
    ids: pd.Series, wanted: list[str], sought: frozenset[str]
) -> tuple[int, int]:
    """Count the wanted ids in a column: exactly, or else as spellings of one."""
    known = [_spell(value) for value in ids.dropna()]
    exact = len(sought.intersection(known))
    if exact == len(sought):
        return exact, exact
    return len(match_names(wanted, known).matched), exact


def _unique(ids: Any, smiles: np.ndarray) -> dict[str, Any]:
    """Join ids with their SMILES; refuse an id with two different compounds."""
    table: dict[str, Any] = {}
    repeated = []
    for value, structure in zip(ids, smiles, strict=True):
        if pd.isna(value):
            continue
        spelt = _spell(value)
        if spelt not in table or _judge(table[spelt])[0] is None:
            table[spelt] = structure
        elif not _same_compound(table[spelt], structure):
            repeated.append(spelt)
    if repeated:
        msg = (
            "compounds gives more than one SMILES for "
            f"{list_offenders(map(repr, dict.fromkeys(repeated)))}; give each id once."
        )
        raise InputError(msg)
    return table


def _same_compound(one: Any, other: Any) -> bool:
    """Tell whether a second structure is that of the same compound."""
    if one == other or _judge(other)[0] is None:
        return True
    return compound_identity(one) == compound_identity(other)


def _judge(smiles: Any) -> tuple[str | None, str | None]:
    """Return a valid structure, or what is wrong with it."""
    if (
        not isinstance(smiles, str)
        or is_missing(smiles)
        or smiles.strip() in _NO_STRUCTURE
    ):
        return None, "no structure"
    if smiles_problem(smiles.strip()) is not None:
        return None, "structure cannot be read"
    return smiles.strip(), None
