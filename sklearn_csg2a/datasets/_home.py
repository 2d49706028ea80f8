"""Location of the files of public screens, and reading of their tables."""

from __future__ import annotations

import math
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.lib import format as npy

from sklearn_csg2a._utils.files import BAD_ARRAYS
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._text import GZIP_MAGIC
from sklearn_csg2a.datasets.readers._workbooks import check_compression
from sklearn_csg2a.exceptions import Csg2aError, DataFileError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "DATA_HOME_VARIABLE",
    "DataNotFoundError",
    "check_profiles",
    "find_file",
    "find_home",
    "list_columns",
    "look_up",
    "read_arrays",
    "read_matrix",
    "read_table",
    "refuse_missing",
    "refuse_text",
]

DATA_HOME_VARIABLE = "SKLEARN_CSG2A_DATA"

# Errors that pandas raises for damaged files, besides those of numpy.
_DAMAGE = (*BAD_ARRAYS, AttributeError)


class DataNotFoundError(Csg2aError, FileNotFoundError):
    """A file of a public screen was not found."""


def find_home(data_home: str | os.PathLike[str] | None) -> Path:
    """Return the data folder, which need not exist."""
    home = os.environ.get(DATA_HOME_VARIABLE) if data_home is None else data_home
    if not home:
        msg = (
            f"No data folder is known: pass data_home=, or set {DATA_HOME_VARIABLE} "
            "to it."
        )
        raise DataNotFoundError(msg)
    return Path(home).expanduser()


def find_file(data_home: str | os.PathLike[str] | None, name: str) -> Path:
    """Return the path of `name` ("gdsc2/cells.csv") in the data folder."""
    home = os.environ.get(DATA_HOME_VARIABLE) if data_home is None else data_home
    if not home:
        msg = (
            f"{name} cannot be located: no data folder is known. Pass data_home=, or "
            f"set the environment variable {DATA_HOME_VARIABLE} to the folder that "
            f"holds {name}."
        )
        raise DataNotFoundError(msg)
    path = Path(home).expanduser() / name
    if not path.is_file():
        origin = DATA_HOME_VARIABLE if data_home is None else "data_home"
        msg = (
            f"{name} is missing: looked for {path} ({origin} is {os.fspath(home)!r}). "
            f"Pass data_home= or set {DATA_HOME_VARIABLE} to the folder that holds "
            f"{name}."
        )
        raise DataNotFoundError(msg)
    return path


def read_table(
    data_home: str | os.PathLike[str] | None,
    name: str,
    columns: Sequence[str],
    *,
    text: Sequence[str] = (),
    numbers: Sequence[str] = (),
    complete: Sequence[str] = (),
) -> pd.DataFrame:
    """Read a CSV file in the order of its rows; columns in `text` stay strings.

    Those in `numbers` hold numbers or nothing, those in `complete` something in each
    row.
    """
    path = find_file(data_home, name)
    _refuse_cut(path)
    with _named_damage(path):
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str), low_memory=False)
    absent = [column for column in columns if column not in table.columns]
    if absent:
        msg = (
            f"{path} lacks the columns {list_offenders(map(repr, absent))}; it has "
            f"{list_offenders(map(repr, table.columns))}. Is it the right file?"
        )
        raise InputError(msg)
    refuse_text(table[list(numbers)], path)
    refuse_missing(table[list(complete)], path)
    return table


def read_matrix(data_home: str | os.PathLike[str] | None, name: str) -> pd.DataFrame:
    """Read a CSV file of numbers, first column ids, as float32 with a named index."""
    path = find_file(data_home, name)
    _refuse_cut(path)
    with _named_damage(path):
        ids = pd.read_csv(path, nrows=0).columns[0]
        table = pd.read_csv(path, dtype={ids: str}, low_memory=False).set_index(ids)
        refuse_text(table, path)
        values = table.to_numpy(dtype=np.float32)  # one block, faster to select from
        return pd.DataFrame(values, index=table.index, columns=table.columns)


def refuse_missing(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Reject a table that lacks a value."""
    lacking = np.argwhere(table.isna().to_numpy())
    if len(lacking):
        listed = list_offenders(
            f"column {table.columns[at]!r}, row {table.index[row]!r}"
            for row, at in lacking
        )
        msg = f"{path}: no value in {listed}. Is it cut off, or another file?"
        raise DataFileError(msg)


def _refuse_cut(path: Path) -> None:
    """Reject a text file that ends within a line; a compressed one has checksums."""
    with path.open("rb") as file:
        start = file.read(2)
        if start.startswith(GZIP_MAGIC):
            return
        file.seek(-1 if start else 0, os.SEEK_END)
        last = file.read(1)
    if last not in {b"\n", b"\r"}:
        msg = (
            f"{path} {'ends within a line' if start else 'is empty'}: it is cut off. "
            "Copy it again; if it is complete, end its last line."
        )
        raise DataFileError(msg)


def refuse_text(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Reject text among numbers."""
    wrong: list[str] = []
    for column, kind in table.dtypes.items():
        if isinstance(kind, np.dtype) and kind.kind in "iuf":
            continue
        entries = table[column]
        is_text = entries.notna() & pd.to_numeric(
            entries.astype(str), errors="coerce"
        ).isna().to_numpy(dtype=bool)
        wrong += [
            f"column {column!r}, row {row!r}: {entry!r:.40}"
            for row, entry in entries[is_text].items()
        ]
    if wrong:
        msg = f"{path}: not a number in {list_offenders(wrong)}. Is it damaged?"
        raise DataFileError(msg)


def read_arrays(
    data_home: str | os.PathLike[str] | None, name: str, keys: Sequence[str]
) -> dict[str, np.ndarray]:
    """Read arrays of numbers and text from an NPZ file, without pickled objects."""
    path = find_file(data_home, name)
    with _named_damage(path), zipfile.ZipFile(path) as archive:
        members = {
            info.filename.removesuffix(".npy"): info for info in archive.infolist()
        }
        absent = [key for key in keys if key not in members]
        if absent:
            msg = (
                f"{path} lacks the arrays {list_offenders(map(repr, absent))}; it has "
                f"{list_offenders(map(repr, members))}. Is it the right file?"
            )
            raise InputError(msg)
        check_compression(archive.infolist(), path)
        return {key: _read_array(archive, members[key], path) for key in keys}


def _read_array(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path
) -> np.ndarray:
    """Read one array, which must have the size that its header announces."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read_header = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(file)
    n_bytes = math.prod(shape) * dtype.itemsize
    if not 0 <= n_bytes <= min(member.file_size, 1032 * path.stat().st_size):
        msg = (
            f"{path}: the array {member.filename!r} of {shape} {dtype} does not fit in "
            "the file. It is cut off or damaged; copy it again."
        )
        raise DataFileError(msg)
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)


def check_profiles(arrays: dict[str, np.ndarray], name: str) -> None:
    """Reject `perturbed` and `control` without a number for each of the `genes`."""
    genes = arrays["genes"]
    for key in ("perturbed", "control"):
        values = arrays[key]
        fits = values.shape[1:] == genes.shape and values.ndim == 2
        if not fits or values.dtype.kind not in "iuf":
            msg = (
                f"{name}: the array {key!r} is {values.shape} of {values.dtype} for "
                f"genes of shape {genes.shape}. The file is damaged or another one."
            )
            raise DataFileError(msg)


def list_columns(path: Path) -> list[str]:
    """Return the columns of a CSV file, or the names of the arrays of an NPZ file."""
    with _named_damage(path):
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return list(archive.files)
        return [str(name) for name in pd.read_csv(path, nrows=0).columns]


@contextmanager
def _named_damage(path: Path) -> Iterator[None]:
    """Convert errors of pandas and numpy to an error that names the file."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        msg = (
            f"{path} cannot be read ({error}): it is cut off, damaged or another file."
        )
        raise DataFileError(msg) from error


def look_up(
    ids: pd.Series, table: pd.DataFrame, key: str, column: str, name: str, *, of: str
) -> pd.Series:
    """Look up `column` by `key` for every id; all must be in `table` (file `name`).

    `of` is the file of the ids.
    """
    known = table.drop_duplicates(key).set_index(key)[column]
    unknown = ids[~ids.isin(known.index)].drop_duplicates()
    if len(unknown):
        msg = (
            f"{of}, {ids.name} {list_offenders(map(repr, unknown))}: not in column "
            f"{key!r} of {name}. The files are from different releases, or one is "
            "damaged; use those of one release."
        )
        raise InputError(msg)
    return ids.map(known)
