"""Texts in attributes of HDF5 objects, checked where they lie before HDF5 reads them.

The value of such an attribute is a length, a place and a number for each text. HDF5
takes memory for the length, and looks for a text of the number at the place, whatever
they are: with a damaged one it can hang, take gigabytes or end the process.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator

from sklearn_csg2a.datasets.readers._hdf5_texts import list_objects

__all__ = ["find_attribute", "has_all_texts"]

# Headers of objects are blocks of messages: a type, a size, flags and a content.
_ATTRIBUTE, _CONTINUATION = 12, 16
_MOST_BLOCKS = 64
_OLD, _NEW = 1, b"OHDR"
_OLD_MESSAGE, _NEW_MESSAGE = struct.Struct("<HHB3x"), struct.Struct("<BHB")
_PLACE = struct.Struct("<QQ")  # of a further block, and its size
_SIZES = struct.Struct("<HHH")  # of name, type and shape of an attribute
_TEXT = struct.Struct("<IQI")  # length, place of the heap, number in it


def find_attribute(
    content: mmap.mmap, header: int, base: int, name: str
) -> bytes | None:
    """Return the value of an attribute as it is stored; None if it is elsewhere.

    `header` is the place of the header of its object, `base` where places are counted
    from. Where an object has many attributes, they are not in the header.
    """
    for start, size in _list_attributes(content, header, base):
        version = content[start]
        sizes = _SIZES.unpack_from(content, start + 2)
        at = start + (9 if version == 3 else 8)
        if version == 1:  # each part fills multiples of eight bytes
            sizes = tuple(-(-one // 8) * 8 for one in sizes)
        found = content[at : at + sizes[0]].split(b"\0")[0]
        if found == name.encode():
            return content[at + sum(sizes) : start + size]
    return None


def _list_attributes(
    content: mmap.mmap, header: int, base: int
) -> Iterator[tuple[int, int]]:
    """Yield place and size of the attributes in a header."""
    is_new = content[header : header + 4] == _NEW
    if is_new:
        flags = content[header + 5]
        at = header + 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16)
        width = 1 << (flags & 3)
        size = int.from_bytes(content[at : at + width], "little")
        blocks = [(at + width, size)]
        message, skipped = _NEW_MESSAGE, 2 * bool(flags & 4)
    elif content[header] == _OLD:
        size = int.from_bytes(content[header + 8 : header + 12], "little")
        blocks = [(header + 16, size)]
        message, skipped = _OLD_MESSAGE, 0
    else:
        return
    for start, size in blocks:
        at, end = start, min(start + size, len(content))
        while at + message.size + skipped <= end:
            kind, n_bytes, _ = message.unpack_from(content, at)
            at += message.size + skipped
            if kind == _ATTRIBUTE:
                yield at, n_bytes
            elif kind == _CONTINUATION and len(blocks) < _MOST_BLOCKS:
                place, length = _PLACE.unpack_from(content, at)
                # a further block of the newer form has a mark and a checksum
                blocks.append((base + place + 4 * is_new, length - 8 * is_new))
            at += n_bytes


def has_all_texts(value: bytes, n_texts: int, content: mmap.mmap, base: int) -> bool:
    """Whether a stored value refers to texts that exist and have these lengths."""
    if len(value) < n_texts * _TEXT.size:
        return False
    heaps: dict[int, dict[int, int] | None] = {}
    for k in range(n_texts):
        length, place, number = _TEXT.unpack_from(value, k * _TEXT.size)
        if not length:
            continue
        if place not in heaps:
            heaps[place] = list_objects(content, base + place)
        objects = heaps[place]
        if objects is None or objects.get(number, 0) < length:
            return False
    return True
