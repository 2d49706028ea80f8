"""Texts of variable length in HDF5 files.

An array of them holds a length and a place for each. HDF5 takes memory for the length
before it looks at the place, up to 4 GB for a damaged one, so lengths are read first.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_csg2a.datasets.readers._text import decode_text

__all__ = ["count_bytes", "decode_texts"]

_DEFLATE, _SHUFFLE = 1, 2  # numbers of filters in HDF5
_LENGTH = np.dtype("<u4")  # the first field of an entry


def decode_texts(values: np.ndarray) -> np.ndarray:
    """Return an array with bytes as str, equal ones once in memory."""
    if values.dtype.kind not in "SO":
        return values
    known: dict[Any, Any] = {}
    texts = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        text = known.get(value)
        if text is None:
            text = decode_text(value) if isinstance(value, bytes) else str(value)
            known[value] = text
        texts[row] = text
    return texts


def count_bytes(array: Any, path: str | os.PathLike[str]) -> int | None:
    """Return the length of all texts of an array together, in bytes.

    None if they are compressed by a filter other than gzip, or not stored apart.
    """
    if not array.size or not array.id.get_storage_size():
        return 0
    with Path(path).open("rb") as file:
        if array.chunks is None:
            offset = array.id.get_offset()
            if offset is None:
                return None
            file.seek(offset)
            return _sum_lengths(file.read(array.id.get_storage_size()), array.size)
        plan = array.id.get_create_plist()
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if not set(filters) <= {_DEFLATE, _SHUFFLE}:
            return None
        pieces: list[Any] = []
        array.id.chunk_iter(pieces.append)
        total = 0
        for piece in pieces:
            file.seek(piece.byte_offset)
            used = [
                code for i, code in enumerate(filters) if not piece.filter_mask >> i & 1
            ]
            entries = _unpack(file.read(piece.size), used, array.chunks[0])
            total += _sum_lengths(entries, array.chunks[0])
    return total


def _unpack(content: bytes, filters: list[int], n_entries: int) -> bytes:
    """Undo the filters of a chunk, the last first."""
    for code in reversed(filters):
        if code == _DEFLATE:
            content = zlib.decompress(content)
        else:
            width = len(content) // n_entries
            planes = np.frombuffer(content[: width * n_entries], dtype=np.uint8)
            content = planes.reshape(width, n_entries).T.tobytes()
    return content


def _sum_lengths(entries: bytes, n_entries: int) -> int:
    """Add up the lengths, which come first in each entry."""
    width = len(entries) // n_entries
    if width < _LENGTH.itemsize:
        return 0
    table = np.frombuffer(entries[: width * n_entries], dtype=np.uint8)
    lengths = table.reshape(n_entries, width)[:, : _LENGTH.itemsize]
    return int(np.ascontiguousarray(lengths).view(_LENGTH).sum(dtype=np.uint64))
