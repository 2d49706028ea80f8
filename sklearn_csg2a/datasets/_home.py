"""Location of the files of public screens, and reading of their tables."""

from __future__ import annotations

import os
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import Csg2aError, DataFileError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "DATA_HOME_VARIABLE",
    "DataNotFoundError",
    "find_file",
    "find_home",
    "list_columns",
    "look_up",
    "read_arrays",
    "read_matrix",
    "read_table",
]

DATA_HOME_VARIABLE = "SKLEARN_CSG2A_DATA"

# Errors that pandas and numpy raise for damaged files.
_DAMAGE = (
    *(ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError),
    *(OSError, zipfile.BadZipFile, zlib.error, MemoryError),
)


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
) -> pd.DataFrame:
    """Read a CSV file in the order of its rows; columns in `text` stay strings."""
    path = find_file(data_home, name)
    with _named_damage(path):
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str), low_memory=False)
    absent = [column for column in columns if column not in table.columns]
    if absent:
        msg = (
            f"{path} lacks the columns {list_offenders(map(repr, absent))}; it has "
            f"{list_offenders(map(repr, table.columns))}. Is it the right file?"
        )
        raise InputError(msg)
    return table


def read_matrix(data_home: str | os.PathLike[str] | None, name: str) -> pd.DataFrame:
    """Read a CSV file of numbers, first column ids, as float32 with a named index."""
    path = find_file(data_home, name)
    with _named_damage(path):
        ids = pd.read_csv(path, nrows=0).columns[0]
        table = pd.read_csv(path, dtype={ids: str}, low_memory=False).set_index(ids)
        values = table.to_numpy(dtype=np.float32)  # one block, faster to select from
        return pd.DataFrame(values, index=table.index, columns=table.columns)


def read_arrays(
    data_home: str | os.PathLike[str] | None, name: str, keys: Sequence[str]
) -> dict[str, np.ndarray]:
    """Read arrays of numbers and text from an NPZ file, without pickled objects."""
    path = find_file(data_home, name)
    with (
        _named_damage(path),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        absent = [key for key in keys if key not in archive]
        if absent:
            msg = (
                f"{path} lacks the arrays {list_offenders(map(repr, absent))}; it has "
                f"{list_offenders(map(repr, archive.files))}. Is it the right file?"
            )
            raise InputError(msg)
        return {key: archive[key] for key in keys}


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
    ids: pd.Series, table: pd.DataFrame, key: str, column: str, name: str
) -> pd.Series:
    """Look up `column` by `key` for every id; all must be in `table` (file `name`)."""
    known = table.drop_duplicates(key).set_index(key)[column]
    unknown = ids[~ids.isin(known.index)].drop_duplicates()
    if len(unknown):
        msg = (
            f"{ids.name} {list_offenders(map(repr, unknown))}: not in column {key!r} "
            f"of {name}. The files are from different releases; use those of one."
        )
        raise InputError(msg)
    return ids.map(known)
