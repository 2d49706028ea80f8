"""Headers of HDF5 objects, read where they lie, without HDF5.

A header is a chain of blocks of messages with a type, a size, flags and a content;
a further block is announced by a message. Places are counted from the start of the
HDF5 part of a file. The format is public (HDF5 File Format Specification, version 3).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "NOWHERE",
    "Attribute",
    "Message",
    "find_start",
    "is_shared",
    "list_attributes",
    "list_messages",
    "list_roots",
    "place_at",
    "place_of_shared",
]

NOWHERE = 2**64 - 1  # a place that is not there

_MAGIC = b"\x89HDF\r\n\x1a\n"
_FIRST_GAP = 512  # bytes of the user's own before a file, doubled until it begins
_WIDTHS = b"\x08\x08"  # bytes of a place and of a length
# Places in the start of a file: widths, and what is not part of the file itself or a
# header, by its version.
_OF_WIDTHS = {0: 13, 1: 13, 2: 9, 3: 9}
_OF_DRIVER = {0: 48, 1: 52}
_OF_ROOTS = {0: (64,), 1: (68,), 2: (20, 36), 3: (20, 36)}

_ATTRIBUTE, _CONTINUATION = 12, 16
_IS_SHARED = 2  # a flag
_OLD, _NEW, _NEW_BLOCK = 1, b"OHDR", b"OCHK"
_OLD_MESSAGE, _NEW_MESSAGE = struct.Struct("<HHB3x"), struct.Struct("<BHB")
_BLOCK = struct.Struct("<QQ")  # place and size of a further block
_SIZES = struct.Struct("<HHH")  # of name, type and shape of an attribute


class Message(NamedTuple):
    """A message of a header: its type, its flags, where its content begins and ends."""

    kind: int
    flags: int
    start: int
    end: int


class Attribute(NamedTuple):
    """An attribute in a header: its name, and where its type and its value begin."""

    name: bytes
    has_shared_type: bool
    type_start: int
    value_start: int
    end: int


def find_start(content: mmap.mmap) -> int | None:
    """Return where the HDF5 part of a file begins."""
    start = 0
    while start + len(_MAGIC) <= len(content):
        if content[start : start + len(_MAGIC)] == _MAGIC:
            return start
        start = 2 * start or _FIRST_GAP
    return None


def list_roots(content: mmap.mmap, base: int) -> list[int] | None:
    """Return the places of the headers that HDF5 reads to open a file.

    None if it is of another form, or in several files.
    """
    version = content[base + len(_MAGIC)]
    if version not in _OF_WIDTHS:
        return None
    widths = base + _OF_WIDTHS[version]
    if content[widths : widths + 2] != _WIDTHS:
        return None
    if (
        version in _OF_DRIVER
        and place_at(content, base + _OF_DRIVER[version]) != NOWHERE
    ):
        return None
    places = [place_at(content, base + at) for at in _OF_ROOTS[version]]
    return [place for place in places if place != NOWHERE]


def list_messages(content: mmap.mmap, place: int, base: int) -> list[Message] | None:
    """Return the messages of a header; None if one of its blocks cannot be."""
    header = base + place
    if header + _BLOCK.size > len(content):
        return None
    is_new = content[header : header + 4] == _NEW
    if is_new:
        flags = content[header + 5]
        at = header + 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16)
        width = 1 << (flags & 3)
        size = int.from_bytes(content[at : at + width], "little")
        blocks = [(at + width, at + width + size)]
        form, skipped = _NEW_MESSAGE, 2 * bool(flags & 4)
    elif content[header] == _OLD:
        size = int.from_bytes(content[header + 8 : header + 12], "little")
        blocks = [(header + 16, header + 16 + size)]
        form, skipped = _OLD_MESSAGE, 0
    else:
        return None
    messages: list[Message] = []
    known: set[int] = set()  # where blocks begin
    n_left = len(content)
    for start, end in blocks:
        n_left -= end - start  # blocks do not overlap: together, they are in the file
        if start in known or not start <= end <= len(content) or n_left < 0:
            return None
        known.add(start)
        at = start
        while at + form.size + skipped <= end:
            kind, n_bytes, flags = form.unpack_from(content, at)
            at += form.size + skipped
            if at + n_bytes > end:
                return None
            messages.append(Message(kind, flags, at, at + n_bytes))
            at += n_bytes
            if kind == _CONTINUATION:
                block = _further_block(content, messages[-1], base, is_new=is_new)
                if block is None:
                    return None
                blocks.append(block)
    return messages


def _further_block(
    content: mmap.mmap, message: Message, base: int, *, is_new: bool
) -> tuple[int, int] | None:
    """Return where the messages of a further block begin and end."""
    if message.end - message.start < _BLOCK.size:
        return None
    place, n_bytes = _BLOCK.unpack_from(content, message.start)
    start, end = base + place, base + place + n_bytes
    if is_new:  # a mark before, a checksum behind
        if content[start : start + 4] != _NEW_BLOCK:
            return None
        start, end = start + 4, end - 4
    return start, end


def list_attributes(content: mmap.mmap, messages: list[Message]) -> Iterator[Attribute]:
    """Yield the attributes in a header, if they are not elsewhere."""
    for message in messages:
        if message.kind != _ATTRIBUTE or is_shared(message):
            continue
        version, has_shared = content[message.start], content[message.start + 1] & 1
        sizes = _SIZES.unpack_from(content, message.start + 2)
        at = message.start + (9 if version == 3 else 8)
        if version == 1:  # each part fills multiples of eight bytes
            sizes = tuple(-(-one // 8) * 8 for one in sizes)
        name = content[at : at + sizes[0]].split(b"\0")[0]
        yield Attribute(
            name,
            bool(version > 1 and has_shared),
            at + sizes[0],
            at + sum(sizes),
            message.end,
        )


def is_shared(message: Message) -> bool:
    """Whether the content of a message is in another header, to which it refers."""
    return bool(message.flags & _IS_SHARED)


def place_of_shared(content: mmap.mmap, start: int) -> int:
    """Return the place of the header that the content of a shared message refers to."""
    return place_at(content, start + (8 if content[start] == 1 else 2))


def place_at(content: bytes | mmap.mmap, start: int) -> int:
    """Return the place that is stored somewhere."""
    return int.from_bytes(content[start : start + 8], "little")
