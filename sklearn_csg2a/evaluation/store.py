"""A CSV file with one row per key, to which several processes can write."""

from __future__ import annotations

import csv
import fcntl
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import DataFileError, InputError

DIGITS = 6
_REMEDY = "The file is damaged: delete the line, or give the path of another file."

Key = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows of text, identified by a key.

    Changes are written to a new file that replaces the old one atomically, while the
    folder is locked: an interrupted process leaves either the old or the new file,
    and no process overwrites rows added by another.
    """

    path: Path
    key: Sequence[str]
    columns: Sequence[str]
    numbers: Sequence[str] = ()  # columns that hold a number or nothing

    def read(self) -> dict[Key, dict[str, str]]:
        """Return the rows by key; empty if there is no file yet."""
        if not self.path.is_file():
            return {}
        with self.path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            try:
                return self._read(reader)
            except (csv.Error, UnicodeDecodeError) as error:
                msg = f"{self.path} is not a table of text ({error}). {_REMEDY}"
                raise DataFileError(msg) from error

    def _read(self, reader: csv.DictReader[str]) -> dict[Key, dict[str, str]]:
        """Return the rows by key; refuse those that were not written here."""
        header = reader.fieldnames or []
        absent = [name for name in self.key if name not in header]
        if absent:
            msg = (
                f"{self.path} has no columns {absent}: it is not a file of stored "
                "results. Give the path of another file."
            )
            raise InputError(msg)
        rows = {}
        for row in reader:
            problem = self._problem(row)
            if problem:
                msg = f"{self.path}, line {reader.line_num}: {problem}. {_REMEDY}"
                raise DataFileError(msg)
            texts = {name: row.get(name) or "" for name in self.columns}
            rows[self.key_of(row)] = texts
        return rows

    def _problem(self, row: Mapping[str | None, Any]) -> str:
        """Say what is wrong with a row; nothing if it is whole."""
        if None in row or None in row.values():
            return "more or fewer fields than the header"
        wrong = [
            name for name in self.numbers if row.get(name) and not _is_number(row[name])
        ]
        return list_offenders(wrong, lambda name: f"{name} is {row[name][:40]!r}")

    def key_of(self, row: Mapping[str, Any]) -> Key:
        """Return the key of a row."""
        return tuple(str(row[name]) for name in self.key)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; each one replaces an earlier one of the same key."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path.parent):
            known = self.read()
            known.update(self._as_texts(rows))
            ordered = [known[key] for key in sorted(known, key=_natural)]
            with (
                replacing(self.path) as part,
                part.open("w", newline="", encoding="utf-8") as lines,
            ):
                writer = csv.DictWriter(lines, self.columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(ordered)

    def _as_texts(self, rows: Iterable[Mapping[str, Any]]) -> dict[Key, dict[str, str]]:
        """Return rows as they are stored, by key."""
        return {
            self.key_of(row): {name: _as_text(row.get(name)) for name in self.columns}
            for row in rows
        }


@dataclass(frozen=True)
class MemoryTable(Table):
    """The same rows, kept for as long as this process runs."""

    rows: dict[Key, dict[str, str]] = field(default_factory=dict)

    def read(self) -> dict[Key, dict[str, str]]:
        """Return the rows by key."""
        return dict(self.rows)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; each one replaces an earlier one of the same key."""
        self.rows.update(self._as_texts(rows))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder; the lock is released when the process ends, even if killed."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_number(text: str) -> bool:
    """Whether text is a number, as a table of results has it: NaN is empty there."""
    try:
        return not math.isnan(float(text)) and text.isascii() and "_" not in text
    except ValueError:
        return False


def _as_text(value: Any) -> str:
    """Format a value; empty for None and NaN."""
    if value is None or value != value:  # noqa: PLR0124 (NaN differs from itself)
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)


def _natural(key: Key) -> tuple[tuple[int, str], ...]:
    """Order numbers by value: 2 before 10."""
    return tuple((int(part) if part.isdigit() else -1, part) for part in key)
