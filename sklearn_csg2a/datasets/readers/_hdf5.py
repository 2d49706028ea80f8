"""HDF5 files of expression profiles, read by block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.datasets.readers._text import GZIP_MAGIC, decode_text, start_of_file
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = [
    "check_block_size",
    "check_size",
    "dense_rows",
    "fill_rows",
    "open_hdf5",
    "read_texts",
    "require",
]

# Rows further apart than this are not read together.
_MAX_GAP = 64
_BLOCK_BYTES = 2**26

# Errors that h5py, numpy and scipy raise for damaged files.
_DAMAGE = (
    *(OSError, LookupError, ValueError, TypeError, AttributeError),
    *(RuntimeError, ArithmeticError, MemoryError),
)

# An array of up to this many bytes is read whatever the size of its file. A larger one
# may be so many times larger than its compressed form on disk.
_SMALL = 2**24
_MAX_RATIO = 1032

ReadRows = Callable[[int, int], np.ndarray]


@contextmanager
def open_hdf5(path: str | os.PathLike[str], expected: str) -> Iterator[Any]:
    """Open an HDF5 file for reading; raise an informative error if that fails."""
    h5py = import_optional("h5py", extra="h5", purpose=f"Reading {path}")
    if start_of_file(path, expected).startswith(GZIP_MAGIC):
        msg = (
            f"{path} is gzip-compressed; decompress it first (gunzip): "
            f"{expected} was expected."
        )
        raise DataFileError(msg)
    if not h5py.is_hdf5(path):
        msg = f"{path} is not an HDF5 file; {expected} was expected."
        raise DataFileError(msg)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except _DAMAGE as error:
        msg = (
            f"{path} cannot be read ({error}): it is cut off or damaged; {expected} "
            "was expected. Download the file again."
        )
        raise DataFileError(msg) from error


def require(file: Any, name: str, expected: str) -> Any:
    """Return a group or array of an HDF5 file, or raise an error."""
    if name not in file:
        where = f"{file.file.filename}, {file.name}"
        msg = f"{where} has no {name!r}; {expected} was expected."
        raise DataFileError(msg)
    return file[name]


def check_size(array: Any) -> None:
    """Reject an array whose declared size is larger than its file allows."""
    n_bytes = array.size * array.dtype.itemsize
    if n_bytes > max(_SMALL, _MAX_RATIO * array.id.get_storage_size()):
        msg = (
            f"{array.file.filename}, {array.name}: an array of {array.shape} does not "
            "fit in the file. It is cut off or damaged; download it again."
        )
        raise DataFileError(msg)


def read_texts(array: Any) -> np.ndarray:
    """Read an array; text of fixed or variable length becomes str."""
    if getattr(array, "shape", None) is None or not array.shape:
        msg = (
            f"{array.file.filename}, {array.name} is not an array. The file is "
            "damaged or of another kind."
        )
        raise DataFileError(msg)
    check_size(array)
    values = array[()]
    if values.dtype.kind not in "SO":
        return values
    return np.array(
        [decode_text(value) if isinstance(value, bytes) else value for value in values],
        dtype=object,
    )


def check_block_size(block_size: int) -> None:
    """Reject an invalid number of profiles per block."""
    if isinstance(block_size, bool) or not isinstance(block_size, int):
        msg = f"block_size={block_size!r} is not an integer."
        raise InputError(msg)
    if block_size < 1:
        msg = f"block_size={block_size!r} must be at least 1."
        raise InputError(msg)


def dense_rows(matrix: Any, columns: np.ndarray) -> ReadRows:
    """Return a function that reads rows start to stop of some columns."""
    if not len(columns):
        return lambda start, stop: np.empty((stop - start, 0), dtype=np.float32)
    first, last = int(columns.min()), int(columns.max()) + 1
    within = columns - first
    every = np.array_equal(within, np.arange(last - first))

    def read(start: int, stop: int) -> np.ndarray:
        block = matrix[start:stop, first:last]
        return block if every else block[:, within]

    return read


def fill_rows(read: ReadRows, rows: np.ndarray, width: int, span: int) -> pd.DataFrame:
    """Read rows in any order, by runs of neighbours, as float32 (rows, width).

    `span` is the number of columns that a row has in the file.
    """
    values = np.empty((len(rows), width), dtype=np.float32)
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    max_rows = max(1, _BLOCK_BYTES // (4 * max(span, 1)))
    start = 0
    while start < len(ordered):
        stop = _end_of_run(ordered, start, max_rows)
        first = int(ordered[start])
        block = read(first, int(ordered[stop - 1]) + 1)
        values[order[start:stop]] = block[ordered[start:stop] - first]
        start = stop
    return pd.DataFrame(values, copy=False)


def _end_of_run(ordered: np.ndarray, start: int, max_rows: int) -> int:
    """Return the end of the run of nearby rows that begins at `start`."""
    limit = int(np.searchsorted(ordered, ordered[start] + max_rows))
    gaps = np.flatnonzero(np.diff(ordered[start:limit]) > _MAX_GAP)
    return start + int(gaps[0]) + 1 if len(gaps) else limit
