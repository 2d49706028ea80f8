"""Text tables: CSV, TSV or workbook, compressed or not, with any separator."""

from __future__ import annotations

import csv
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO
from xml.parsers import expat

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._text import open_text, start_of_file
from sklearn_csg2a.datasets.readers._workbooks import check_compression, read_workbook
from sklearn_csg2a.exceptions import DataFileError, MissingDependencyError

__all__ = [
    "find_column",
    "is_workbook",
    "last_fields",
    "open_table",
    "plain_column",
    "read_header",
    "read_text_table",
]

_ZIP_MAGIC = b"PK"
_OLD_WORKBOOK_MAGIC = b"\xd0\xcf\x11\xe0"

# Errors that zipfile raises for damaged archives, ...
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, struct.error)
# ... and those that pandas and openpyxl, which checks little, raise for damaged tables.
_BAD_TABLE = (
    *(*_BAD_ZIP, OSError, ValueError, LookupError, ArithmeticError, csv.Error),
    *(TypeError, AttributeError, AssertionError, SyntaxError, expat.ExpatError),
)
_OF_WORKBOOKS = "[Content_Types].xml"
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"

# A line of an expression table has a field per gene.
_MAX_FIELD = 2**31 - 1


@contextmanager
def open_table(path: str | os.PathLike[str], expected: str) -> Iterator[IO[str]]:
    """Open a text file, gzip-compressed, alone in a zip archive, or uncompressed."""
    if not start_of_file(path, expected).startswith(_ZIP_MAGIC):
        with open_text(path, expected) as lines:
            yield lines
        return
    try:
        with _open_member(path, expected) as file:
            yield io.TextIOWrapper(file, encoding="utf-8", newline="")
    except (*_BAD_ZIP, UnicodeDecodeError) as error:
        msg = f"{path} cannot be decompressed ({error}); {expected} was expected."
        raise DataFileError(msg) from error


@contextmanager
def _open_member(path: str | os.PathLike[str], expected: str) -> Iterator[IO[bytes]]:
    """Open the only file in a zip archive."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            name = _only_member(archive, path)
            file = stack.enter_context(archive.open(name))
        except DataFileError:
            raise
        except (*_BAD_ZIP, OSError, ValueError, LookupError) as error:
            msg = f"{path} cannot be decompressed ({error}); {expected} was expected."
            raise DataFileError(msg) from error
        yield file


def _only_member(archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> str:
    """Return the file in an archive, which must be the only one."""
    check_compression(archive.infolist(), path)
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX")
    ]
    if len(names) != 1:
        msg = (
            f"{path} contains {len(names)} files ({list_offenders(map(repr, names))}); "
            "unpack it and give the path of one."
        )
        raise DataFileError(msg)
    return names[0]


def read_header(
    lines: IO[str], path: str | os.PathLike[str], expected: str
) -> tuple[list[str], str]:
    """Read the first line; return its fields and the separator."""
    line = lines.readline().lstrip(_BYTE_ORDER_MARK)
    if line.lower().startswith("sep=") and len(line.strip()) <= len("sep=;"):
        line = lines.readline()  # the first line is Excel's note of the separator
    if not line.strip():
        msg = f"{path} begins with an empty line; {expected} was expected."
        raise DataFileError(msg)
    csv.field_size_limit(_MAX_FIELD)
    fields = {
        separator: _split(line, separator, path, expected)
        for separator in ("\t", ",", ";")
    }
    best = max(fields, key=lambda separator: len(fields[separator]))
    return [field.strip() for field in fields[best]], best


def _split(
    line: str, separator: str, path: str | os.PathLike[str], expected: str
) -> list[str]:
    """Split a line into fields."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error as error:
        msg = f"{path}, line {line[:40]!r}: {error}; {expected} was expected."
        raise DataFileError(msg) from error


def last_fields(
    path: str | os.PathLike[str], expected: str, separator: str
) -> tuple[list[str], bool]:
    """Return the fields of the last line, and whether the line ends."""
    last = ""
    with open_table(path, expected) as lines:
        for line in lines:
            last = line if line.strip() else last
    return _split(last, separator, path, expected), last.endswith(("\n", "\r"))


def read_text_table(path: str | os.PathLike[str], expected: str) -> pd.DataFrame:
    """Read a table as text, with empty cells as missing values."""
    start_of_file(path, expected)  # an OSError stays one
    try:
        if is_workbook(path, expected):
            table = _parse(*read_workbook(path), separator=",")
        else:
            with open_table(path, expected) as lines:
                header, separator = read_header(lines, path, expected)
                table = _parse([*header, ""], lines, separator)
            if len(table) and table.iloc[-1, len(header) - 1 :].isna().all():
                _refuse_cut(path, expected, separator, len(header))
    except (DataFileError, MissingDependencyError):
        raise
    except _BAD_TABLE as error:
        msg = f"{path} cannot be read ({error}); {expected} was expected."
        raise DataFileError(msg) from error
    table = _drop_empty(table, path)
    if table.empty:
        msg = f"{path} has no rows; {expected} was expected."
        raise DataFileError(msg)
    return table.apply(lambda column: column.str.strip())


def _refuse_cut(
    path: str | os.PathLike[str], expected: str, separator: str, width: int
) -> None:
    """Reject a file whose last line neither ends nor has all fields."""
    fields, ends = last_fields(path, expected, separator)
    if not ends and len(fields) < width:
        msg = (
            f"{path}, last row ({', '.join(fields)[:40]!r}): it ends after "
            f"{len(fields)} of {width} fields; the file is cut off. Download it again."
        )
        raise DataFileError(msg)


def _parse(header: list[str], lines: IO[str], separator: str) -> pd.DataFrame:
    """Read the rows below a header."""
    table = pd.read_csv(
        lines,
        sep=separator,
        header=None,
        names=range(len(header)),
        index_col=False,
        dtype=str,
        skipinitialspace=True,
    )
    return table.set_axis(_tell_apart(header), axis=1)


def _tell_apart(names: list[str]) -> list[str]:
    """Give a number to columns that repeat a name ("smiles.1"), as pandas does."""
    counts: dict[str, int] = {}
    apart = []
    for name in names:
        count = counts[name] = counts.get(name, -1) + 1
        apart.append(f"{name}.{count}" if name and count else name)
    return apart


def _drop_empty(table: pd.DataFrame, path: str | os.PathLike[str]) -> pd.DataFrame:
    """Drop empty rows, and empty columns without a name; the others need one."""
    table = table.dropna(how="all")
    filled = table.notna().any().to_numpy()
    unnamed = np.array(
        [not str(name) or str(name).startswith("Unnamed:") for name in table]
    )
    if unnamed[-1] and filled[-1] and not str(table.columns[-1]):
        row = table.index[table.iloc[:, -1].notna()][0]
        msg = (
            f"{path}, row {row}: more fields than the header has. Is its text quoted "
            "where it holds the separator, or a decimal comma?"
        )
        raise DataFileError(msg)
    return table.loc[:, filled | ~unnamed].reset_index(drop=True)


def is_workbook(path: str | os.PathLike[str], expected: str) -> bool:
    """Tell whether a file is a workbook (.xlsx); that of an old Excel is an error."""
    start = start_of_file(path, expected)
    if start.startswith(_OLD_WORKBOOK_MAGIC):
        msg = f"{path} is a workbook of Excel 97: save it as .xlsx or CSV."
        raise DataFileError(msg)
    if not start.startswith(_ZIP_MAGIC):
        return False
    if not zipfile.is_zipfile(path):
        return Path(path).suffix.casefold() == ".xlsx"
    try:
        with zipfile.ZipFile(path) as archive:
            return _OF_WORKBOOKS in archive.namelist()
    except (*_BAD_ZIP, OSError, ValueError, LookupError) as error:
        msg = f"{path} cannot be read ({error}); {expected} was expected."
        raise DataFileError(msg) from error


def plain_column(name: object) -> str:
    """Spell a column without case, blanks and punctuation: 'DepMap_ID' is depmapid."""
    return "".join(filter(str.isalnum, str(name))).casefold()


def find_column(table: pd.DataFrame, names: Iterable[str]) -> object | None:
    """Return the first column that has one of these plain names, best name first."""
    spelt: dict[str, object] = {}
    for column in table.columns:
        spelt.setdefault(plain_column(column), column)
    return next((spelt[name] for name in names if name in spelt), None)
