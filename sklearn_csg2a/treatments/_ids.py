"""Ids of cells and compounds as integer codes, read from X or from groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.one_warning import warn_of_input
from sklearn_csg2a.chem import compound_identities, smiles_problem
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.treatments._columns import find_near_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPOUND = "compound"
SUSPECT_SHARE = 0.1  # ids that are SMILES but for so few of them deserve a warning
NO_ID = frozenset({"", "nan", "None", "<NA>", "NaT"})  # what numpy makes of missing ids


@dataclass(frozen=True)
class IdColumn:
    """Values of one id, one per row, before they are compared."""

    what: str  # "cell line", "compound", "tissue"
    name: str | None  # the column they come from, where known
    content: pd.Series  # (n_rows,), default index
    row_labels: pd.Index | None

    @property
    def source(self) -> str:
        """Say where the values come from, for messages."""
        return "groups" if self.name is None else f"column {self.name!r}"

    def row(self, position: int) -> str:
        """Name one row by position and, where there is one, by label."""
        if self.row_labels is None:
            return f"row {position}"
        return f"row {position} (index {self.row_labels[position]!r})"


@dataclass(frozen=True)
class Ids:
    """Codes of one id: equal codes mean the same cell, compound or group."""

    what: str
    source: str
    codes: NDArray[np.int64]  # (n_rows,)
    names: NDArray[np.str_]  # (n_ids,), sorted: the order does not depend on rows
    spellings: tuple[tuple[str, ...], ...]  # per id, the texts that were merged
    is_smiles: bool

    @property
    def count(self) -> int:
        """Number of distinct ids."""
        return len(self.names)


def read_id_column(
    X: Any,
    groups: Any,
    *,
    column: str,
    what: str,
    position: int | None = 0,
    owner: str,
) -> IdColumn:
    """Find the values of one id in `groups` where given, else in a column of X.

    `position` is the column that this id has in a two-column `groups`
    (0 for the cell, 1 for the drug); None where `groups` holds this id alone.
    """
    labels = _row_labels(X)
    if groups is None:
        if not hasattr(X, "columns"):
            msg = (
                f"{owner} reads the {what} of each row from column {column!r}, but X "
                f"is a {type(X).__name__} without column names. Give a DataFrame or "
                "pass groups=."
            )
            raise InputError(msg)
        return IdColumn(what, column, _column(X, column, what, owner), labels)
    if hasattr(groups, "columns"):
        column = _group_column(groups, column, what, position, owner)
        return IdColumn(what, column, _column(groups, column, what, owner), labels)
    name = getattr(groups, "name", None)
    values = _group_values(groups, what, position, owner)
    return IdColumn(what, None if name is None else str(name), values, labels)


def factorize(column: IdColumn, owner: str) -> Ids:
    """Turn ids into codes over their sorted distinct keys."""
    try:
        codes, uniques = pd.factorize(column.content)
    except TypeError as error:  # a list or dict among them
        raise _refusal_of_containers(column, owner) from error
    texts = [_text(value) for value in uniques]
    blank = np.array([text.strip() in NO_ID for text in texts], dtype=bool)
    missing = codes < 0
    if blank.any():
        missing |= blank[codes] & (codes >= 0)
    if missing.any():
        rows = np.flatnonzero(missing)
        shown = list_offenders(
            rows, lambda i: f"{column.row(i)}: {column.content.iloc[i]!r}"
        )
        msg = (
            f"{owner}: no {column.what} in {column.source}, {shown}. A row without one "
            "cannot be placed in a fold: fill it in or drop the row."
        )
        raise InputError(msg)
    is_smiles = column.what == COMPOUND and _are_smiles(
        list(uniques), texts, codes, column, owner
    )
    keys = compound_identities(texts) if is_smiles else texts
    names, code_of = np.unique(np.asarray(keys, dtype=str), return_inverse=True)
    merged: list[list[str]] = [[] for _ in names]
    for text, code in zip(texts, code_of, strict=True):
        merged[code].append(text)
    if not is_smiles:
        _warn_of_spellings(names.tolist(), column, owner)
    return Ids(
        what=column.what,
        source=column.source,
        codes=code_of.astype(np.int64)[codes],
        names=names,
        spellings=tuple(tuple(sorted(set(group))) for group in merged),
        is_smiles=is_smiles,
    )


def _refusal_of_containers(column: IdColumn, owner: str) -> InputError:
    """Return the error for ids that are lists, dicts and the like."""
    rows = [i for i, value in enumerate(column.content) if not _is_hashable(value)]
    shown = list_offenders(
        rows, lambda i: f"{column.row(i)}: {column.content.iloc[i]!r}"
    )
    msg = (
        f"{owner}: {column.source} has values that are no {column.what}, {shown}. "
        "Expected text or a number in each row."
    )
    return InputError(msg)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def read_ids(
    X: Any,
    groups: Any,
    *,
    column: str,
    what: str,
    position: int | None = 0,
    owner: str,
) -> Ids:
    """Read one id and turn it into codes."""
    values = read_id_column(
        X, groups, column=column, what=what, position=position, owner=owner
    )
    return factorize(values, owner)


def read_cells_and_drugs(
    X: Any,
    groups: Any,
    *,
    cell: str,
    drug: str,
    owner: str,
) -> tuple[Ids, Ids]:
    """Read the two ids of every row."""
    _check_two_ids(groups, owner)
    cells = read_ids(X, groups, column=cell, what="cell line", position=0, owner=owner)
    drugs = read_ids(X, groups, column=drug, what=COMPOUND, position=1, owner=owner)
    return cells, drugs


def _warn_of_spellings(names: list[str], column: IdColumn, owner: str) -> None:
    """Warn where ids differ in case or blanks alone: one may be in two folds.

    Dashes count: TT and T-T are two cell lines.
    """
    spellings: dict[str, list[str]] = {}
    for name in names:
        spellings.setdefault("".join(name.split()).casefold(), []).append(name)
    several = [group for group in spellings.values() if len(group) > 1]
    if several:
        shown = list_offenders([" and ".join(map(repr, group)) for group in several])
        msg = (
            f"{owner}: ids in {column.source} differ in case or blanks alone: {shown}. "
            f"Each is taken for a {column.what} of its own, and may stand in training "
            "and test under two names: give one spelling to each."
        )
        warn_of_input(f"spelling of {column.what}", msg)


def _are_smiles(
    uniques: list[Any],
    texts: list[str],
    codes: NDArray[np.int64],
    column: IdColumn,
    owner: str,
) -> bool:
    """Decide whether drug ids are SMILES (see the Notes of the splitters)."""
    problems = [
        smiles_problem(text) if isinstance(value, str) else f"{value!r} is not text"
        for value, text in zip(uniques, texts, strict=True)
    ]
    bad = [k for k, problem in enumerate(problems) if problem is not None]
    if not bad:
        return True
    named_smiles = column.name is not None and "smiles" in column.name.lower()
    if not named_smiles and len(bad) > SUSPECT_SHARE * len(uniques):
        return False
    shown = list_offenders(
        bad,
        lambda k: f"{column.row(int(np.argmax(codes == k)))}: {problems[k]}",
    )
    if not named_smiles:
        msg = (
            f"{owner}: nearly all drug ids in {column.source} are SMILES, but not "
            f"{shown}. All are compared as plain text, so that two spellings of a "
            "compound are two drugs: correct these rows."
        )
        warn_of_input("ids as SMILES", msg)
        return False
    msg = (
        f"{owner}: {column.source} holds compounds that cannot be read, {shown}. "
        "Correct or drop these rows; for ids that are not SMILES, name their column "
        "with drug=."
    )
    raise InvalidSmilesError(msg)


def _text(value: Any) -> str:
    """Write an id as text, so that 7, 7.0 and "7" are one id."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _row_labels(X: Any) -> pd.Index | None:
    """Return the index of a pandas frame, to name rows in messages."""
    return X.index if isinstance(X, pd.DataFrame) else None


def _column(frame: Any, column: str, what: str, owner: str) -> pd.Series:
    """Take one column of a pandas or polars frame as a plain Series."""
    names = list(frame.columns)
    if names.count(column) != 1:
        found = "no column" if column not in names else "more than one column"
        shown = list_offenders([repr(name) for name in names])
        near = [] if column in names else _near_columns(column, names)
        meant = f" (is {near[0]!r} meant?)" if near else ""
        msg = (
            f"{owner} reads the {what} of each row from column {column!r}, and there "
            f"is {found} of that name among {shown}{meant}. Add or rename it, name "
            "another column, or pass groups=."
        )
        raise InputError(msg)
    values = frame[column]
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    return pd.Series(list(values), dtype=object)


def _near_columns(column: str, names: list[Any]) -> list[Any]:
    """Return the columns that a name of the column contract may mean."""
    known = column in {"cell_line", "smiles"}
    return find_near_columns(column, names) if known else []


def _group_column(
    groups: Any, column: str, what: str, position: int | None, owner: str
) -> str:
    """Name the column of a `groups` frame that holds this id."""
    names = list(groups.columns)
    if column in names:
        return column
    if len(names) == 1:
        return names[0]
    if len(names) == 2 and position is not None:
        return names[position]
    msg = (
        f"{owner} needs the {what} of each row, and groups has the columns {names}: "
        f"give one named {column!r}, or two columns, cell then drug."
    )
    raise InputError(msg)


def _group_values(
    groups: Any, what: str, position: int | None, owner: str
) -> pd.Series:
    """Take one id of a `groups` array, (n,) or (n, 2) with cell then drug."""
    if isinstance(groups, pd.Series):
        return groups.reset_index(drop=True)
    # dtype=object: numpy would write a missing value in a list of strings as "nan"
    is_array = isinstance(groups, np.ndarray)
    array = groups if is_array else np.array(list(groups), dtype=object)
    if array.ndim == 1:
        return pd.Series(array, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        return pd.Series(array[:, 0], dtype=object)
    if array.ndim == 2 and array.shape[1] == 2 and position is not None:
        return pd.Series(array[:, position], dtype=object)
    msg = (
        f"{owner} needs the {what} of each row, and groups has the shape "
        f"{array.shape}: give an array of shape (n,), or (n, 2) with cell then drug."
    )
    raise InputError(msg)


def _check_two_ids(groups: Any, owner: str) -> None:
    """Refuse a `groups` with one id per row where two are needed."""
    if groups is None:
        return
    if hasattr(groups, "columns"):
        width = len(groups.columns)
    else:
        shape = np.shape(groups)
        width = shape[1] if len(shape) == 2 else 1
    if width < 2:
        msg = (
            f"{owner} needs two ids per row, and groups holds one: give a DataFrame or "
            "an (n, 2) array, cell then drug."
        )
        raise InputError(msg)
