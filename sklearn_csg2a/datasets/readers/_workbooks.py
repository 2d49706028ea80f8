"""The first sheet of a workbook (.xlsx), checked before it is read.

A workbook is a zip archive of XML: a small file can unpack to one larger than the
memory, and one cell at the edge makes a sheet of billions.
"""

from __future__ import annotations

import csv
import io
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.parsers import expat

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["check_compression", "read_workbook"]

# A workbook is no larger than this number of times its file (real ones are 5 to 30
# times as large); what unpacks to fewer bytes than the second number is read anyway.
_MAX_RATIO = 100
_SMALL = 2**22

_MAX_MEMBERS = 10_000
_MAX_DEPTH = 100  # of elements of XML; about 20 occur
_MAX_ROWS = 2**20  # of a sheet, by its format
_TEXT_RATIO = 16  # texts that occur often are stored once


def read_workbook(path: str | os.PathLike[str]) -> tuple[list[str], io.StringIO]:
    """Return the names of the columns of the first sheet, and its rows as CSV.

    A column without a name is called by its number ("Unnamed: 3"), as pandas does.

    Errors of zipfile and openpyxl pass: a damaged workbook raises almost anything.
    """
    openpyxl = import_optional(
        "openpyxl",
        extra="excel",
        purpose=f"Reading the workbook {path}, which could be saved as CSV,",
    )
    n_bytes = _check_members(path)
    with Path(path).open("rb") as file, warnings.catch_warnings():
        # about extensions that have no bearing on the values of cells
        warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
        book = openpyxl.load_workbook(
            file, read_only=True, data_only=True, keep_links=False
        )
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # which many programs write wrongly
        rows = list(_read_rows(sheet, max(n_bytes, _SMALL), path))
        book.close()
    width = max(map(len, rows), default=0)
    if not width:
        msg = f"{path} has no cell in its first sheet."
        raise DataFileError(msg)
    if width * len(rows) > max(4 * n_bytes, _SMALL):
        msg = (
            f"{path}: a cell far from the others makes a table of {len(rows)} rows and "
            f"{width} columns. Delete what is beside and below the table."
        )
        raise DataFileError(msg)
    lines = io.StringIO()
    csv.writer(lines).writerows(row + [""] * (width - len(row)) for row in rows[1:])
    lines.seek(0)
    names = [name.strip() for name in rows[0]] + [""] * (width - len(rows[0]))
    return [name or f"Unnamed: {at}" for at, name in enumerate(names)], lines


def _read_rows(
    sheet: Any, limit: int, path: str | os.PathLike[str]
) -> Iterator[list[str]]:
    """Yield the cells of each row that has any, as text; bound all that is read."""
    n_cells = n_characters = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_spell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        n_cells += len(row)
        n_characters += sum(map(len, cells))
        if (
            number > _MAX_ROWS
            or n_cells > 4 * limit
            or n_characters > _TEXT_RATIO * limit
        ):
            msg = (
                f"{path}, row {number} of the first sheet: more rows, cells or text "
                "than fit in the file. It is damaged; save it again, or as CSV."
            )
            raise DataFileError(msg)
        if cells:
            yield cells


def _spell(value: Any) -> str:
    """Write the value of a cell as text; whole numbers have no decimals."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _check_members(path: str | os.PathLike[str]) -> int:
    """Check sizes and nesting of the XML in a workbook; return its size in bytes."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        check_compression(members, path)
        n_bytes = sum(member.file_size for member in members)
        limit = max(_SMALL, _MAX_RATIO * Path(path).stat().st_size)
        if n_bytes > limit or len(members) > _MAX_MEMBERS:
            msg = (
                f"{path}: {len(members)} members of {n_bytes} bytes in all are more "
                "than a workbook of its size has. It is damaged; save it again, or as "
                "CSV."
            )
            raise DataFileError(msg)
        for member in members:
            if member.filename.endswith((".xml", ".rels")):
                _check_xml(archive, member, path)
    return n_bytes


def check_compression(
    members: list[zipfile.ZipInfo], path: str | os.PathLike[str]
) -> None:
    """Reject methods of compression that have no bound, and encryption."""
    for member in members:
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            problem = f"compressed by method {member.compress_type}"
        elif member.flag_bits & 1:
            problem = "encrypted"
        else:
            continue
        msg = f"{path}: {member.filename!r} is {problem}. Unpack it, or save it as CSV."
        raise DataFileError(msg)


def _check_xml(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str | os.PathLike[str]
) -> None:
    """Reject XML that declares entities, or is nested too deeply.

    Faults of other kinds are for openpyxl to find: it does not read every member.
    """
    parser = expat.ParserCreate()
    depth = 0

    def refuse(problem: str) -> None:
        msg = f"{path}, {member.filename}: {problem}; a workbook was expected."
        raise DataFileError(msg)

    def enter(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            refuse(f"elements are nested more than {_MAX_DEPTH} deep")

    def leave(_name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = enter, leave
    parser.StartDoctypeDeclHandler = lambda *_: refuse("it has a document type")
    with archive.open(member) as file, suppress(expat.ExpatError):
        parser.ParseFile(file)
