"""Mapping of cell line ids and names from one source to another."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.names import (
    TWIN_LINES,
    NameMatches,
    describe_unmatched,
    match_names,
    plain_spelling,
)
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.mapping._model_tables import Lookup, ModelTable, spell_id
from sklearn_csg2a.exceptions import InputError, UnknownCellLineError

__all__ = ["map_cell_lines"]

Tier = tuple[Lookup, Callable[[str], str]]


def map_cell_lines(
    ids: Iterable[Any],
    models: pd.DataFrame | str | os.PathLike[str],
    to: str = "depmap",
    *,
    from_: str | None = None,
    unmatched: Literal["raise", "nan"] = "raise",
) -> pd.Series:
    """Find the ids that another source has for cell lines.

    Parameters
    ----------
    ids : Series, Index, array or list of shape (n,)
        Ids or names, possibly of several sources: DepMap (ACH-000001),
        Sanger (SIDM00001), COSMIC (906826, also as a float), Cellosaurus (CVCL_0132),
        CCLE (A375_SKIN), names and synonyms.
    models : DataFrame or path
        The list of cell lines with their ids: DepMap's `Model.csv` or
        `sample_info.csv`, or `model_list_....csv` of the Cell Model Passports; others
        with such columns.
    to : str, default="depmap"
        Kind of the result: "depmap", "sanger", "cosmic", "rrid", "ccle" or "name", or a
        column of `models`.
    from_ : str or None, default=None
        The kind of `ids`, as for `to`; None tries all.
    unmatched : {"raise", "nan"}, default="raise"
        What to do with ids that are unknown, fit several cell lines, or whose cell
        line has no id of the kind `to`, or several.

    Returns
    -------
    mapped : Series of shape (n,)
        The ids as text, with the index of `ids` if it is a Series, NaN where there is
        none and `unmatched="nan"`.

    Raises
    ------
    InputError
        If `models` has no ids of the kind, or a parameter is unknown.
    UnknownCellLineError
        If ids have no match and `unmatched="raise"`. The message lists similar names.

    Warns
    -----
    UserWarning
        If ids have no match and `unmatched="nan"`.

    Notes
    -----
    Ids are first matched exactly. Names without a match are compared without case,
    blanks and punctuation (A375 is A-375), and then with synonyms; a match must be
    unique. TT and T-T, KMH-2 and KM-H2 are different cell lines, so their spellings
    without punctuation are refused.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.datasets import map_cell_lines
    >>> models = pd.DataFrame(
    ...     {
    ...         "ModelID": ["ACH-000219", "ACH-000019"],
    ...         "CellLineName": ["A-375", "MCF7"],
    ...         "COSMICID": [906793.0, 905946.0],
    ...     }
    ... )
    >>> map_cell_lines(["a375", 905946.0], models).tolist()
    ['ACH-000219', 'ACH-000019']
    >>> map_cell_lines(["ACH-000219"], models, to="cosmic").tolist()
    ['906793']
    """
    if unmatched not in ("raise", "nan"):
        msg = f"unmatched={unmatched!r} is unknown; choose raise or nan."
        raise InputError(msg)
    if isinstance(ids, str):
        msg = f"ids={ids!r} is one string; give a list of ids."
        raise InputError(msg)
    given = ids if isinstance(ids, pd.Series) else pd.Series(list(ids), dtype=object)
    table = ModelTable(models)
    targets = table.targets(to)
    tiers = _tiers(table, from_)
    entities, labels = table.entities(), table.labels()
    spelt = {value: spell_id(value) for value in given.dropna().unique()}
    mapped: dict[str, str] = {}
    ambiguous: dict[str, list[str]] = {}
    unknown: list[str] = []
    not_one: dict[str, list[str]] = {}
    for name in dict.fromkeys(spelt.values()):
        rows, is_twin = _find(name, tiers)
        matches = list(dict.fromkeys(value for row in rows for value in targets[row]))
        if not rows:
            unknown.append(name)
        elif is_twin or len(set(entities[rows])) > 1:
            ambiguous[name] = [labels[row] for row in rows]
        elif len(matches) == 1:
            mapped[name] = matches[0]
        else:
            not_one[name] = matches
    result = given.astype(object).map(
        {value: mapped.get(name, np.nan) for value, name in spelt.items()}
    )
    if result.isna().any():
        parts = [
            _describe_unknown(ambiguous, unknown, given.nunique(), table),
            *_describe_targets(not_one, to),
            _describe_missing(given),
        ]
        message = ". ".join(filter(None, parts)) + "."
        if unmatched == "raise":
            msg = f"{message} Correct them, or use unmatched='nan' and drop them."
            raise UnknownCellLineError(msg)
        warnings.warn(message, stacklevel=2)
    result.name = "cell_line" if given.name is None else given.name
    return result


def _tiers(table: ModelTable, from_: str | None) -> list[Tier]:
    """Return the lookup tables, the most reliable first."""
    exact, loose = str.upper, plain_spelling
    if from_ is not None and from_ != "name":
        kind, column = table.find(from_, "from_")
        tiers: list[Tier] = [({}, exact), ({}, loose)]
        for lookup, spell in tiers:
            table.add_column(lookup, kind, column, spell)
        return tiers
    ids = [] if from_ == "name" else ["depmap", "sanger", "cosmic", "rrid", "ccle"]
    ccle = [] if from_ == "name" else ["ccle"]
    return [
        (table.rows_by([*ids, "name"], exact), exact),
        (table.rows_by(["name", "stripped", *ccle], loose), loose),
        (table.rows_by(["synonym"], exact), exact),
        (table.rows_by(["synonym"], loose), loose),
    ]


def _find(name: str, tiers: list[Tier]) -> tuple[list[int], bool]:
    """Return the rows that match a name, and whether its spelling is ambiguous."""
    for lookup, spell in tiers:
        rows = lookup.get(spell(name), [])
        if rows:
            is_twin = spell is plain_spelling and plain_spelling(name) in TWIN_LINES
            return rows, is_twin
    return [], False


def _describe_unknown(
    ambiguous: dict[str, list[str]], unknown: list[str], n_ids: int, table: ModelTable
) -> str:
    """Describe ids with no or several cell lines, and similar names."""
    if not ambiguous and not unknown:
        return ""
    known = [
        value
        for kind in ("name", "stripped", "ccle")
        for column in table.columns.get(kind, ())
        for values in table.values(kind, column)
        for value in values
    ]
    near = match_names(unknown, known).nearest
    matches = NameMatches({}, ambiguous, {name: near.get(name, []) for name in unknown})
    return (
        f"{len(ambiguous) + len(unknown)} of {n_ids} ids do not name one cell line of "
        f"{table.source}: {describe_unmatched(matches)}"
    )


def _describe_targets(not_one: dict[str, list[str]], to: str) -> Iterator[str]:
    """Describe cell lines with no or several ids of the requested kind."""
    without = [repr(name) for name, found in not_one.items() if not found]
    if without:
        yield f"{len(without)} have no {to} id there: {list_offenders(without)}"
    several = [
        f"{name!r} ({', '.join(found)})" for name, found in not_one.items() if found
    ]
    if several:
        yield f"{len(several)} have several {to} ids there: {list_offenders(several)}"


def _describe_missing(ids: pd.Series) -> str:
    """Describe missing ids: number and first row."""
    missing = ids.index[ids.isna().to_numpy()]
    if not len(missing):
        return ""
    return f"{len(missing)} are missing, the first in row {missing[0]!r}"
