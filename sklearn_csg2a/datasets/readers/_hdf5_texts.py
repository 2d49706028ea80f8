"""Texts of variable length in HDF5 files.

An array of them holds a length and a place for each, in a heap of objects. HDF5 takes
memory for the length before it looks at the place, up to 4 GB for a damaged one, and
walks through a damaged heap without end: lengths and heaps are checked first.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_csg2a.datasets.readers._text import decode_text

__all__ = ["count_bytes", "decode_texts", "find_broken_heap", "list_objects"]

_DEFLATE, _SHUFFLE = 1, 2  # numbers of filters in HDF5
_LENGTH = np.dtype("<u4")  # the first field of an entry
# A heap: a mark, its size, and objects of a number, a size and their content. Number 0
# is the rest that is free; content fills multiples of eight bytes.
_HEAP = re.compile(rb"GCOL\x01\0\0\0")
_HEAP_SIZE = struct.Struct("<8xQ")
_OBJECT = struct.Struct("<HHIQ")
_MAX_SEARCHED = 2**30  # bytes of a file


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


def find_broken_heap(content: mmap.mmap) -> int | None:
    """Return the place of the first heap whose objects do not follow each other."""
    for match in _HEAP.finditer(content, 0, _MAX_SEARCHED):
        if list_objects(content, match.start()) is None:
            return match.start()
    return None


def list_objects(content: mmap.mmap, start: int) -> dict[int, int] | None:
    """Return the size of each object of a heap, by its number; None if it is broken."""
    sizes: dict[int, int] = {}
    if not _HEAP.match(content, start) or start + _HEAP_SIZE.size > len(content):
        return None
    (n_bytes,) = _HEAP_SIZE.unpack_from(content, start)
    if not _HEAP_SIZE.size < n_bytes <= len(content) - start:
        return None
    at = _HEAP_SIZE.size
    while at + _OBJECT.size <= n_bytes:
        number, _, _, size = _OBJECT.unpack_from(content, start + at)
        step = size if number == 0 else _OBJECT.size + -(-size // 8) * 8
        if step < _OBJECT.size or at + step > n_bytes:
            return None
        if number:
            sizes[number] = size
        at += step
    return sizes
