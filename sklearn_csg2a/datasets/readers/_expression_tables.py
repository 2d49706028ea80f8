"""Shared parts of the expression readers: numeric tables, repeated genes and cells."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._text_tables import (
    last_fields,
    open_table,
    read_header,
)
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = [
    "Join",
    "LeftOut",
    "check_join",
    "finish_expression",
    "join_repeated",
    "read_first_line",
    "read_numbers",
]

Join = Literal["error", "mean", "drop"]

_CHUNK = 2_000


@dataclass
class LeftOut:
    """Ids that a reader leaves out or averages, with reasons, for one warning."""

    path: str | os.PathLike[str]
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, ids: Sequence[str], what: str, reason: str) -> None:
        """Record ids that were left out, and the reason."""
        if len(ids):
            self.reasons |= dict.fromkeys(map(str, ids), reason)
            listed = list_offenders(map(repr, map(str, ids)))
            self.notes.append(f"{len(ids)} {what} left out ({reason}): {listed}")

    def warn(self, stacklevel: int) -> None:
        """Issue one warning about everything recorded, if anything."""
        if self.notes:
            where = " All of them: attrs['dropped']." if self.reasons else ""
            warnings.warn(
                f"{self.path}: {'. '.join(self.notes)}.{where}",
                stacklevel=stacklevel + 1,
            )


def check_join(name: str, value: str) -> None:
    """Reject an unknown option for repeated ids."""
    if value not in ("error", "mean", "drop"):
        msg = f"{name}={value!r} is unknown; choose one of error, mean, drop."
        raise InputError(msg)


def read_numbers(
    path: str | os.PathLike[str],
    expected: str,
    *,
    header: list[str],
    separator: str,
    text: Sequence[int],
    n_first: int = 1,
    left_out: Sequence[int] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a table below `n_first` header lines; columns are named by position.

    Returns the columns `text`, and all others except `left_out`, as float32.
    """
    numbers = sorted(set(range(len(header))) - {*text, *left_out})
    how: dict[str, Any] = {
        "sep": separator,
        "header": None,
        "names": range(len(header)),
        "index_col": False,
        "skiprows": n_first,
        "low_memory": False,  # small chunks of wide tables are slow
    }
    types: dict[int, Any] = dict.fromkeys(range(len(header)), np.float32)
    types |= dict.fromkeys(text, str) | dict.fromkeys(left_out, "category")
    problem: Exception | None = None
    for decimal in (".",) if separator == "," else (".", ","):
        try:
            table = _parse(path, expected, dtype=types, decimal=decimal, **how)
        except (ValueError, pd.errors.ParserWarning) as error:
            problem = problem or error
            continue
        _refuse_cut(table, path, expected, separator)
        # One block of numbers instead of one for each column: much faster.
        values = table[numbers].to_numpy(dtype=np.float32)
        return table[list(text)], pd.DataFrame(values, columns=numbers)
    place = _foreign_place(path, expected, header, [*text, *left_out], how)
    msg = f"{path}: {place or problem}. {expected} was expected."
    raise DataFileError(msg) from problem


def _parse(path: str | os.PathLike[str], expected: str, **how: Any) -> pd.DataFrame:
    """Read the table; rows with more fields than the header are an error."""
    with open_table(path, expected) as lines, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(lines, **how)


def _foreign_place(
    path: str | os.PathLike[str],
    expected: str,
    header: list[str],
    text: list[int],
    how: dict[str, Any],
) -> str | None:
    """Describe the first cell that should be a number and is not."""
    with open_table(path, expected) as lines, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            for part in pd.read_csv(lines, dtype=str, chunksize=_CHUNK, **how):
                labels = part[part.columns[0]]
                for column in sorted(set(range(len(header))) - set(text)):
                    entries = part[column]
                    wrong = entries.notna() & pd.to_numeric(
                        entries, errors="coerce"
                    ).isna().to_numpy(dtype=bool)
                    if wrong.any():
                        row = int(np.flatnonzero(wrong)[0])
                        return (
                            f"column {header[column]!r}, row {part.index[row]} "
                            f"({labels.iloc[row]!r}): {entries.iloc[row]!r} is not a "
                            "number"
                        )
        except (ValueError, pd.errors.ParserWarning):
            return None
    return None


def _refuse_cut(
    table: pd.DataFrame, path: str | os.PathLike[str], expected: str, separator: str
) -> None:
    """Reject a table without rows, or with an incomplete last row."""
    if table.empty:
        msg = f"{path} has no rows below its header; {expected} was expected."
        raise DataFileError(msg)
    if not table[table.columns[-1]].isna().iloc[-1]:
        return
    if len(last_fields(path, expected, separator)[0]) < table.shape[1]:
        msg = (
            f"{path}, last row ({table.iloc[-1, 0]!r}): the values end early; the "
            "file is cut off. Download it again."
        )
        raise DataFileError(msg)


def read_first_line(
    path: str | os.PathLike[str], expected: str
) -> tuple[list[str], str]:
    """Read the names of the columns and the separator."""
    with open_table(path, expected) as lines:
        return read_header(lines, path, expected)


def join_repeated(
    values: pd.DataFrame, how: str, *, what: str, parameter: str, left_out: LeftOut
) -> pd.DataFrame:
    """Handle rows with the same id by `how`: "error", "mean" or "drop"."""
    repeated = values.index.duplicated(keep=False)
    if not repeated.any():
        return values
    ids = [str(name) for name in values.index[repeated].unique()]
    if how == "error":
        msg = (
            f"{left_out.path}: {len(ids)} {what} occur more than once: "
            f"{list_offenders(map(repr, ids))}. {parameter}='mean' takes the mean of "
            f"each, {parameter}='drop' leaves all of them out."
        )
        raise InputError(msg)
    if how == "drop":
        left_out.add(ids, what, "repeated")
        return values[~repeated]
    if not all(kind == np.float32 for kind in values.dtypes):
        values = values.astype(np.float64)
    means = values[repeated].groupby(level=0, sort=False).mean()
    first = ~values.index.duplicated()
    joined = values[first].copy()
    joined.loc[means.index] = means.astype(values.dtypes)  # in some versions, wider
    return joined


def finish_expression(
    values: pd.DataFrame,
    *,
    duplicates: str,
    replicates: str,
    left_out: LeftOut,
    stacklevel: int,
) -> pd.DataFrame:
    """Handle repeated cells and genes of (cells, genes), warn once, name the index."""
    values = join_repeated(
        values,
        replicates,
        what="cell lines",
        parameter="replicates",
        left_out=left_out,
    )
    if values.columns.has_duplicates:
        values = join_repeated(
            values.T,
            duplicates,
            what="gene symbols",
            parameter="duplicates",
            left_out=left_out,
        ).T
    if values.empty:
        msg = f"{left_out.path}: no cell line or no gene is left."
        raise DataFileError(msg)
    gaps = values.columns[values.isna().any().to_numpy()]
    if len(gaps):
        left_out.notes.append(
            f"{len(gaps)} genes have no value in some cell lines, such as "
            f"{list_offenders(map(repr, gaps), limit=3)}; dropna(axis='columns') "
            "leaves them out"
        )
    left_out.warn(stacklevel + 1)
    values.index = pd.Index(values.index.tolist(), name="cell_line")
    values.columns = pd.Index(values.columns.tolist())
    values.attrs["dropped"] = dict(left_out.reasons)
    return values
