"""HDF5 groups and arrays, checked where they lie before HDF5 opens them.

HDF5 takes memory for a block of a header and follows what it refers to, whatever it
says: with a damaged file it can hang, take gigabytes or end the process. Checked are
the headers, the trees and lists of names of groups, and the trees of the pieces of
arrays. Newer forms of these trees have checksums, which HDF5 compares itself.
"""

from __future__ import annotations

import mmap
import struct

import numpy as np

from sklearn_csg2a.datasets.readers._hdf5_headers import (
    NOWHERE,
    Message,
    is_shared,
    list_attributes,
    list_messages,
    list_roots,
    place_at,
    place_of_shared,
)

__all__ = ["is_sound_file", "is_sound_object"]

# Types of messages
_TYPE, _EXTERNAL, _LAYOUT, _SYMBOL_TABLE = 3, 7, 8, 17

# A tree of names or pieces: a mark, its kind, its height above the leaves, the number
# of its children; keys and places of children alternate. The key of a piece begins with
# its size, and ends with its place among the values.
_TREE = struct.Struct("<4sBBH16x")
_OF_NAMES, _OF_PIECES = 0, 1
_NAME_KEY, _PIECE_KEY = 8, 8

# A list of names: a mark and the number of its entries. Each has the place of a name in
# a heap, that of a header, what else is known, and for a link where it leads.
_NAMES = struct.Struct("<4s2xH")
_ENTRY = struct.Struct("<QQI4xI12x")
_IS_LINK = 2

# A heap of names: a mark, its size, where its first gap is, and its own place. A gap
# begins with where the next one is.
_HEAP = struct.Struct("<4s4xQQQ")
_FREE = struct.Struct("<Q8x")
_NONE_FREE = 1

# Layouts of arrays
_IN_PIECES, _LAST_WITHOUT_CHECKSUMS = 2, 3

# Types of values that are made of others, and how deep they may be
_LIST, _ARRAY, _TYPE_BYTES = 9, 10, 8
_MOST_NESTED = 32


def is_sound_file(content: mmap.mmap, base: int) -> bool:
    """Whether HDF5 can open the file: whether its first headers are sound."""
    roots = list_roots(content, base)
    return roots is not None and all(
        is_sound_object(content, place, base) for place in roots
    )


def is_sound_object(content: mmap.mmap, place: int, base: int) -> bool:
    """Whether the header of an object, and what it refers to, are in the file."""
    try:
        messages = list_messages(content, place, base)
        return (
            messages is not None
            and all(
                _is_sound_type(content, start, base, shared=shared)
                for start, shared in _list_types(content, messages)
            )
            and all(_is_sound_message(content, one, base) for one in messages)
        )
    except (struct.error, IndexError):  # outside the file
        return False


def _is_sound_message(content: mmap.mmap, message: Message, base: int) -> bool:
    """Whether what a message refers to is in the file."""
    at = message.start
    if message.kind == _SYMBOL_TABLE:
        tree, heap = place_at(content, at), place_at(content, at + 8)
        return _is_sound_group(content, tree, heap, base)
    if message.kind == _EXTERNAL:
        return _read_heap(content, place_at(content, at + 8), base) is not None
    if message.kind == _LAYOUT:
        return _has_sound_pieces(content, at, base)
    return True


def _list_types(content: mmap.mmap, messages: list[Message]) -> list[tuple[int, bool]]:
    """Return where types of values are described, and whether in another header."""
    return [
        *((one.start, is_shared(one)) for one in messages if one.kind == _TYPE),
        *(
            (one.type_start, one.has_shared_type)
            for one in list_attributes(content, messages)
        ),
    ]


def _is_sound_type(content: mmap.mmap, start: int, base: int, *, shared: bool) -> bool:
    """Whether a type of values is described, and does not nest without end."""
    if shared:
        messages = list_messages(content, place_of_shared(content, start), base)
        types = [one for one in messages or [] if one.kind == _TYPE]
        return bool(types) and all(
            not is_shared(one)
            and _is_sound_type(content, one.start, base, shared=False)
            for one in types
        )
    for _ in range(_MOST_NESTED):
        kind, version = content[start] & 15, content[start] >> 4
        start += _TYPE_BYTES
        if kind == _ARRAY:
            n_axes = content[start]
            start += 1 + 4 * n_axes if version > 2 else 4 + 8 * n_axes
        elif kind != _LIST:
            return True
    return False


def _is_sound_group(content: mmap.mmap, tree: int, heap: int, base: int) -> bool:
    """Whether the tree, the lists and the heap of the names of a group are sound."""
    names = _read_heap(content, heap, base)
    leaves = _list_leaves(content, tree, base, _OF_NAMES, _NAME_KEY)
    if names is None or leaves is None:
        return False
    places = [int(place) for leaf in leaves for place in leaf["child"]]
    if len(set(places)) < len(places):
        return False
    for place in places:
        mark, n_entries = _NAMES.unpack_from(content, base + place)
        if mark != b"SNOD":
            return False
        for k in range(n_entries):
            at = base + place + _NAMES.size + k * _ENTRY.size
            name, _, known, target = _ENTRY.unpack_from(content, at)
            if names.find(b"\0", name) < 0:
                return False
            if known == _IS_LINK and names.find(b"\0", target) < 0:
                return False
    return True


def _read_heap(content: mmap.mmap, place: int, base: int) -> bytes | None:
    """Return the names in a heap; None if it is not sound."""
    mark, n_bytes, free, start = _HEAP.unpack_from(content, base + place)
    if mark != b"HEAP" or base + start + n_bytes > len(content):
        return None
    names = content[base + start : base + start + n_bytes]
    for _ in range(n_bytes // _FREE.size + 1):
        if free in (_NONE_FREE, NOWHERE):
            return names
        (free,) = _FREE.unpack_from(names, free)
    return None


def _has_sound_pieces(content: mmap.mmap, start: int, base: int) -> bool:
    """Whether the pieces of an array are in the file."""
    version = content[start]
    if version == _LAST_WITHOUT_CHECKSUMS:
        kind, n_axes, at = content[start + 1], content[start + 2], start + 3
    elif version < _LAST_WITHOUT_CHECKSUMS:
        kind, n_axes, at = content[start + 2], content[start + 1], start + 8
    else:
        return True
    if kind != _IN_PIECES or place_at(content, at) == NOWHERE:
        return True
    key = _PIECE_KEY + 8 * n_axes
    leaves = _list_leaves(content, place_at(content, at), base, _OF_PIECES, key)
    if leaves is None:
        return False
    n_bytes = len(content) - base
    return all(
        np.all(leaf["child"] <= n_bytes)
        and np.all(leaf["size"] <= n_bytes - leaf["child"])
        for leaf in leaves
    )


def _list_leaves(
    content: mmap.mmap, root: int, base: int, kind: int, key: int
) -> list[np.ndarray] | None:
    """Return places of the children of the leaves of a tree, and what their keys say.

    None if the tree is not sound.
    """
    form = np.dtype(
        {
            "names": ["size", "child"],
            "formats": ["<u4", "<u8"],
            "offsets": [0, key],
            "itemsize": key + 8,
        }
    )
    leaves: list[np.ndarray] = []
    nodes: list[tuple[int, int | None]] = [(root, None)]
    known: set[int] = set()
    while nodes:
        place, expected = nodes.pop()
        mark, found, height, n_children = _TREE.unpack_from(content, base + place)
        start = base + place + _TREE.size
        end = start + n_children * form.itemsize
        if (
            mark != b"TREE"
            or found != kind
            or place in known
            or expected not in (None, height)
            or end + key > len(content)
        ):
            return None
        known.add(place)
        children = np.frombuffer(content[start:end], form)
        if height:
            nodes.extend((int(child), height - 1) for child in children["child"])
        else:
            leaves.append(children)
    return leaves
