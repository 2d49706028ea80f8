"""Texts in attributes of HDF5 objects, checked where they lie before HDF5 reads them.

The value of such an attribute is a length, a place and a number for each text. HDF5
takes memory for the length, and looks for a text of the number at the place, whatever
they are: with a damaged one it can hang, take gigabytes or end the process.
"""

from __future__ import annotations

import mmap
import struct

from sklearn_csg2a.datasets.readers._hdf5_headers import (
    list_attributes,
    list_messages,
)
from sklearn_csg2a.datasets.readers._hdf5_texts import list_objects

__all__ = ["find_attribute", "has_all_texts"]

_TEXT = struct.Struct("<IQI")  # length, place of the heap, number in it


def find_attribute(
    content: mmap.mmap, place: int, base: int, name: str
) -> bytes | None:
    """Return the value of an attribute as it is stored; None if it is elsewhere.

    `place` is that of the header of its object. Where an object has many attributes,
    they are not in the header.
    """
    messages = list_messages(content, place, base) or []
    for one in list_attributes(content, messages):
        if one.name == name.encode():
            return content[one.value_start : one.end]
    return None


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
