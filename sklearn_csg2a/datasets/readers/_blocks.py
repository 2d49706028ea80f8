"""Rows of a matrix in a file, read by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a.exceptions import InputError

__all__ = ["ReadRows", "check_block_size", "dense_rows", "fill_rows"]

# Rows further apart than this are not read together.
_MAX_GAP = 64
_BLOCK_BYTES = 2**26

ReadRows = Callable[[int, int], np.ndarray]


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
