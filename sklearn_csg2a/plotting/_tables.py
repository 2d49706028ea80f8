"""Tables that pictures are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders, name_row, quote_names
from sklearn_csg2a._utils.validation import parse_numbers
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._columns import as_frame, label_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_count", "read_labels", "read_table"]


def read_table(
    table: Any,
    *,
    name: str,
    source: str,
    numbers: Sequence[str] = (),
    texts: Sequence[str] = (),
    may_miss: Sequence[str] = (),
    optional: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> pd.DataFrame:
    """Return a copy of a table with the columns that a picture needs.

    Parameters
    ----------
    table : DataFrame
        The table.
    name : str
        Name of the parameter, for messages.
    source : str
        What returns such a table, for messages.
    numbers, texts : sequence of str
        Columns that are read, as float64 and as they are.
    may_miss : sequence of str
        Those that may have missing values.
    optional : sequence of str
        Columns that need not be there: the result has those that are. They are numbers
        that may be missing, unless `texts` has them.
    flags : sequence of str
        Columns of True and False, which become 1, 0 and, if missing, NaN.

    Returns
    -------
    DataFrame
        With these columns and the index of the table.

    Raises
    ------
    InputError
        If it is no table or is empty, or a column is absent or holds something else.
    """
    frame = as_frame(table)
    expected = f"Expected the table that {source} returns"
    if frame is None:
        raise InputError(f"{name} is a {type(table).__name__}. {expected}.")
    needed = [name for name in (*texts, *flags, *numbers) if name not in optional]
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name} has no column {quote_names(missing)}; its columns are "
            f"{quote_names(frame.columns)}. {expected}, with the columns "
            f"{quote_names(needed, limit=len(needed))}."
        )
    numbers = [*numbers, *(set(optional) - {*numbers, *texts, *flags})]
    wanted = [name for name in (*texts, *numbers, *flags) if name in frame]
    twice = [column for column in wanted if list(frame.columns).count(column) > 1]
    if twice:
        raise InputError(
            f"{name} has more than one column {quote_names(twice)}. {expected}."
        )
    if frame.empty:
        raise InputError(f"{name} has no rows, so that there is nothing to draw.")
    result = frame[wanted].copy()
    for column in wanted:
        if column in numbers:
            free = column in may_miss or column in optional
            result[column] = _read_numbers(frame, column, name, may_miss=free)
        elif column in flags:
            result[column] = _read_flags(frame, column, name)
        elif column not in may_miss:
            _refuse_missing(frame, column, frame[column].isna().to_numpy(), name)
    return result


def _read_numbers(
    frame: pd.DataFrame, column: str, name: str, *, may_miss: bool
) -> np.ndarray:
    """Return a column as float64."""
    values, wrong = parse_numbers(frame[column])
    if wrong.any():
        entries = frame[column].to_numpy(dtype=object)
        shown = list_offenders(
            np.flatnonzero(wrong),
            lambda row: f"{name_row(row, label_rows(frame))}: {entries[row]!r}",
        )
        raise InputError(
            f"{name}, column {column!r}: not a number in {shown}. Expected numbers."
        )
    if not may_miss:
        _refuse_missing(frame, column, np.isnan(values), name)
    return values


def _read_flags(frame: pd.DataFrame, column: str, name: str) -> np.ndarray:
    """Return a column of True and False as 1, 0 and NaN."""
    entries = frame[column].to_numpy(dtype=object, copy=True)
    missing = pd.isna(entries)
    wrong = [
        row for row in np.flatnonzero(~missing) if entries[row] not in (True, False)
    ]
    if wrong:
        labels = label_rows(frame)
        shown = list_offenders(
            wrong, lambda row: f"{name_row(row, labels)}: {entries[row]!r}"
        )
        raise InputError(f"{name}, column {column!r}: {shown}. Expected True or False.")
    entries[missing] = np.nan
    return entries.astype(np.float64)


def _refuse_missing(
    frame: pd.DataFrame, column: str, missing: np.ndarray, name: str
) -> None:
    """Raise an error for rows without a value."""
    if missing.any():
        labels = label_rows(frame)
        shown = list_offenders(
            np.flatnonzero(missing), lambda row: name_row(row, labels)
        )
        raise InputError(
            f"{name}, column {column!r}: no value in {shown}. Drop these rows."
        )


def read_labels(values: Any, *, name: str, n_rows: int, expected: str) -> np.ndarray:
    """Return one label for each row, (n_rows,) objects; none may be missing."""
    labels = pd.Series(values, dtype=object) if not np.isscalar(values) else None
    if labels is None or len(labels) != n_rows:
        found = repr(values) if labels is None else f"{len(labels)} entries"
        raise InputError(
            f"{name} is {found}; expected {expected} for each of {n_rows} rows."
        )
    missing = np.flatnonzero(labels.isna())
    if len(missing):
        raise InputError(
            f"{name} is missing in {list_offenders(missing, name_row)}; expected "
            f"{expected} for each row. Fill or drop these rows."
        )
    return labels.to_numpy()


def check_count(value: Any, name: str) -> int:
    """Return a number of things to draw, at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name}={value!r}; expected an integer, 1 or more.")
    return int(value)


def read_column_or_labels(X: Any, given: Any, *, name: str) -> Any:
    """Return a column of X if its name is given, else what is given."""
    if not isinstance(given, str):
        return given
    frame = as_frame(X)
    if frame is None:
        raise InputError(
            f"{name}={given!r} is a column, and X is a {type(X).__name__}, which has "
            "none. Expected one value for each row of X."
        )
    if given not in frame.columns:
        raise InputError(
            f"{name}={given!r} is not a column of X, whose columns are "
            f"{quote_names(frame.columns)}. Expected the name of a column, or one "
            "value for each row of X."
        )
    return frame[given]
