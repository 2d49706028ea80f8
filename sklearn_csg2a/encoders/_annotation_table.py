"""Tables of what is known of compounds: terms, such as targets, by compound."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders, quote_names
from sklearn_csg2a.chem._compounds import compound_identities
from sklearn_csg2a.encoders._base import read_smiles
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Annotation", "fold_term", "read_annotation", "split_terms"]

_SMILES = "smiles"
# Between the terms of a cell: a bar, a semicolon, a line break, or a comma, unless it
# stands in brackets or between digits, as in names of chemicals.
_SEPARATOR = re.compile(r"[|;\n]|,(?!\d)(?![^()]*\))|,\s+(?![^()]*\))")
_SAYS_NOTHING = frozenset(
    (
        *("", "-", "--", "?", ".", "na", "n/a", "nan", "none", "null", "<na>"),
        *("unknown", "unclassified", "unspecified"),
    )
)


@dataclass(frozen=True, eq=False)
class Annotation:
    """Compounds of a table, each once, and their terms.

    Attributes
    ----------
    compounds : dict of str to str
        A canonical SMILES of each compound, by identity.
    terms : dict of str to dict of str to tuple of str
        By column and identity the terms of a compound; compounds without any are left
        out.
    """

    compounds: dict[str, str]
    terms: dict[str, dict[str, tuple[str, ...]]]


def read_annotation(table: Any, columns: Sequence[str]) -> Annotation:
    """Read the terms of the compounds of a table.

    Rows of the same compound are joined, in any spelling and salt form. Terms that
    differ in case or blanks alone are one, spelt as in the first row.

    Raises
    ------
    InputError
        If a column is missing or a cell cannot be read; the message names it.
    InvalidSmilesError
        If a row has no valid SMILES.
    """
    smiles = read_smiles(_compounds_of(table), user="The table of annotation")
    _require_columns(table, columns)
    identities = compound_identities(smiles).tolist()
    compounds: dict[str, str] = {}
    for identity, text in zip(identities, smiles, strict=True):
        compounds.setdefault(identity, text)
    terms = {name: _join_rows(table[name], identities) for name in columns}
    return Annotation(compounds, terms)


def split_terms(cell: Any) -> list[str]:
    """Return the terms of a cell: text with separators, a list of text, or missing."""
    if isinstance(cell, str):
        parts: Iterable[Any] = _SEPARATOR.split(cell)
    elif isinstance(cell, Iterable):
        parts = cell
    elif pd.isna(cell):
        return []
    else:
        msg = f"{cell!r} is neither text nor a list of text"
        raise InputError(msg)
    terms = [" ".join(str(part).split()) for part in parts]
    return [term for term in terms if fold_term(term) not in _SAYS_NOTHING]


def fold_term(term: str) -> str:
    """Return what the spellings of a term have in common."""
    return " ".join(term.casefold().split())


def _compounds_of(table: Any) -> pd.Series:
    """Return the SMILES of each row: a column of this name, or the index."""
    if not isinstance(table, pd.DataFrame):
        msg = (
            "table must be a DataFrame with a row for each compound, got "
            f"{type(table).__name__}."
        )
        raise InputError(msg)
    if len(table) == 0:
        msg = "table has no rows; give at least one compound with its annotation."
        raise InputError(msg)
    if _SMILES in table.columns:
        return table[_SMILES]
    if isinstance(table.index, pd.RangeIndex):
        msg = (
            "table has neither a column 'smiles' nor an index of SMILES; its columns "
            f"are {quote_names(table.columns)}."
        )
        raise InputError(msg)
    return table.index.to_series()


def _require_columns(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse names that are not columns of the table, or no name at all."""
    if isinstance(columns, str) or len(columns) == 0:
        msg = f"columns={columns!r} must be a list of at least one column of the table."
        raise InputError(msg)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        msg = (
            f"table has no column {quote_names(missing)}; its columns are "
            f"{quote_names(table.columns)}. Name those to encode in columns=."
        )
        raise InputError(msg)
    repeated = table.columns[table.columns.duplicated()].intersection(list(columns))
    if len(repeated) or len(set(columns)) < len(columns):
        names = [*repeated, *columns] if len(repeated) else columns
        msg = f"columns must be different, got {quote_names(names)}."
        raise InputError(msg)


def _join_rows(
    cells: pd.Series, identities: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the terms of each compound, over all of its rows."""
    spelt: dict[str, str] = {}
    joined: dict[str, dict[str, None]] = {}
    wrong: list[str] = []
    rows = zip(cells.index, cells.to_numpy(dtype=object), identities, strict=True)
    for label, cell, identity in rows:
        try:
            terms = split_terms(cell)
        except InputError as error:
            wrong.append(f"row {label!r}: {error}")
            continue
        for term in terms:
            first = spelt.setdefault(fold_term(term), term)
            joined.setdefault(identity, {})[first] = None
    if wrong:
        msg = (
            f"Column {cells.name!r} of the table must hold text, such as 'EGFR|ERBB2', "
            f"or lists of text. {len(wrong)} found: {list_offenders(wrong)}."
        )
        raise InputError(msg)
    return {identity: tuple(terms) for identity, terms in joined.items()}
