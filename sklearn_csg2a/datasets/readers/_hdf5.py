"""HDF5 files: groups and arrays, checked before they are read.

A file of a few kilobytes can announce an array of terabytes, refer to other files, or
be linked to itself. Sizes are compared with the size of the file before memory is
taken, and only values within the file are read.
"""

from __future__ import annotations

import math
import mmap
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.datasets.readers._hdf5_attributes import (
    find_attribute,
    has_all_texts,
)
from sklearn_csg2a.datasets.readers._hdf5_headers import find_start, place_at
from sklearn_csg2a.datasets.readers._hdf5_objects import (
    is_sound_file,
    is_sound_object,
)
from sklearn_csg2a.datasets.readers._hdf5_texts import (
    count_bytes,
    decode_texts,
    find_broken_heap,
)
from sklearn_csg2a.datasets.readers._text import (
    GZIP_MAGIC,
    decode_text,
    start_of_file,
)
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["Hdf5File", "open_hdf5"]

# Errors that h5py raises for damaged files, and pandas and scipy for their tables.
_DAMAGE = (
    *(OSError, LookupError, ValueError, TypeError, RuntimeError, OverflowError),
    zlib.error,
)

# No filter of HDF5 makes an array smaller than by this factor, that of deflate. What is
# no larger than the second number, in bytes, is read whatever the size of its file.
_MAX_RATIO = 1032
_SMALL = 2**22
_ALL_SMALL = 2**25

# Links followed from one name to the next, as many as HDF5 itself follows.
_MAX_LINKS = 16

# Text of variable length whose length is not known before is read in pieces, such that
# a text that is referred to many times does not fill the memory.
_PIECES = (64, 8192)
_PIECE_BYTES = 2**28
_CACHE_BYTES = 2**25


class Hdf5File:
    """An open HDF5 file.

    Parameters
    ----------
    file : h5py.File
        The open file.
    path : str or path
        Its path, for messages.
    expected : str
        What the file should be, for messages.
    content : mmap
        The bytes of the file.
    """

    def __init__(
        self,
        file: Any,
        path: str | os.PathLike[str],
        expected: str,
        content: mmap.mmap,
    ) -> None:
        self.path = path
        self._file = file
        self._expected = expected
        self._content = content
        self._base = file.userblock_size
        self._size = len(content)
        self._sound: set[int] = set()  # places of headers
        self._has_sound_heaps = False
        self._left = max(_ALL_SMALL, _MAX_RATIO * self._size)
        self._h5py = import_optional("h5py", extra="h5", purpose=f"Reading {path}")

    def refuse(self, where: str, problem: str) -> DataFileError:
        """Return the error for a part of the file."""
        return DataFileError(
            f"{self.path}, {where}: {problem}; {self._expected} was expected. It is "
            "damaged or another file: download it again."
        )

    def has(self, name: str, parent: Any = None) -> bool:
        """Tell whether a name leads to a group or array."""
        return self._resolve(self._file if parent is None else parent, name) is not None

    def is_array(self, found: Any) -> bool:
        """Tell whether something found is an array."""
        return isinstance(found, self._h5py.Dataset)

    def find(self, name: str, parent: Any = None) -> Any:
        """Return a group or array by its name, or raise an error."""
        parent = self._file if parent is None else parent
        found = self._resolve(parent, name)
        if found is None:
            msg = (
                f"{self.path}, {parent.name} has no {name!r}; {self._expected} was "
                "expected."
            )
            raise DataFileError(msg)
        if self.is_array(found):
            return self._checked(found)
        if not isinstance(found, self._h5py.Group):
            raise self.refuse(found.name, "neither a group nor an array")
        return found

    def group(self, name: str, parent: Any = None) -> Any:
        """Return a group by its name."""
        found = self.find(name, parent)
        if self.is_array(found):
            raise self.refuse(found.name, "an array, not a group")
        return found

    def array(self, name: str, parent: Any = None) -> Any:
        """Return an array by its name; its values are still on disk."""
        found = self.find(name, parent)
        if not self.is_array(found):
            raise self.refuse(found.name, "a group, not an array")
        return found

    def at(self, reference: Any) -> Any:
        """Return the array that a reference points to."""
        if not isinstance(reference, self._h5py.Reference):
            raise self.refuse("/", f"{reference!r:.40} is not a reference")
        found = self._file[reference]
        if not self.is_array(found):
            raise self.refuse(str(found.name), "not an array")
        return self._checked(found)

    def attribute(self, owner: Any, name: str) -> Any:
        """Return an attribute of a group or array, None if it has none of the name."""
        if name not in owner.attrs:
            return None
        stored = owner.attrs.get_id(name)
        n_bytes = math.prod(stored.shape or ()) * stored.dtype.itemsize
        if n_bytes > self._size:
            raise self.refuse(
                owner.name, f"attribute {name!r} does not fit in the file"
            )
        self._check_type(stored.dtype, owner.name, f"attribute {name!r} is")
        if stored.dtype.kind == "O":
            self._check_objects(owner, name, stored)
        return owner.attrs[name]

    def check_table(self, shape: tuple[int, ...], where: str) -> None:
        """Reject a table of numbers that is too large to come from this file."""
        n_bytes = 4 * math.prod(shape)
        if n_bytes > max(_ALL_SMALL, _MAX_RATIO * self._size):
            raise self.refuse(where, f"a table of {shape} does not fit in the file")

    def values(self, array: Any) -> np.ndarray:
        """Read a list of numbers or text; text of any kind becomes str."""
        if len(array.shape) != 1:
            raise self.refuse(array.name, f"not a list: its shape is {array.shape}")
        is_text = self._h5py.check_string_dtype(array.dtype) is not None
        if not is_text and array.dtype.kind not in "biuf":
            raise self.refuse(
                array.name, f"of type {array.dtype!s:.80}, not numbers or text"
            )
        self._take(array)
        if array.dtype.kind == "O":
            return self._read_texts(array)
        return decode_texts(array[()])

    def records(self, array: Any) -> np.ndarray:
        """Read a table of records."""
        if len(array.shape) != 1:
            raise self.refuse(array.name, f"not a table: its shape is {array.shape}")
        self._check_type(array.dtype, array.name, "a table")
        self._take(array)
        return array[()]

    def _read_texts(self, array: Any) -> np.ndarray:
        """Read text of variable length; all of it must be in the file."""
        self._check_heaps()
        n_bytes = count_bytes(array, self.path)
        if n_bytes is not None and n_bytes > self._size:
            raise self.refuse(array.name, "its texts do not fit in the file")
        if n_bytes is not None:
            return decode_texts(array[()])
        step = min(max(_PIECE_BYTES // self._size, _PIECES[0]), _PIECES[1])
        values = np.empty(len(array), dtype=object)
        n_bytes = 0
        for start in range(0, len(array), step):
            piece = decode_texts(array[start : start + step])
            n_bytes += sum(map(len, piece))
            if n_bytes > max(self._size, _SMALL):
                raise self.refuse(array.name, "its texts do not fit in the file")
            values[start : start + step] = piece
        return values

    def _check_type(self, dtype: np.dtype, where: str, what: str) -> None:
        """Refuse lists of variable length, which HDF5 reads without checking them.

        Where one is damaged, the library ends the process.
        """
        fields = (dtype.fields or {"": (dtype,)}).values()
        objects = [field[0].base for field in fields if field[0].base.hasobject]
        for one in objects:
            if one.fields is not None:
                self._check_type(one, where, what)
            elif not (
                self._h5py.check_string_dtype(one) or self._h5py.check_ref_dtype(one)
            ):
                raise self.refuse(where, f"{what} of lists of variable length")
        if objects:
            self._check_heaps()

    def _check_objects(self, owner: Any, name: str, stored: Any) -> None:
        """Refuse texts and references of an attribute that are not where it says."""
        header = self._h5py.h5o.get_info(owner.id).addr
        value = find_attribute(self._content, header, self._base, name)
        if value is None:
            return
        n_values = math.prod(stored.shape or ())
        if self._h5py.check_ref_dtype(stored.dtype) is not None:
            for k in range(n_values):
                self._check_object(place_at(value, 8 * k), owner.name)
        elif not has_all_texts(value, n_values, self._content, self._base):
            raise self.refuse(owner.name, f"attribute {name!r} has no such texts")

    def _check_object(self, place: int, where: str) -> None:
        """Refuse a group or array that HDF5 cannot open."""
        if place not in self._sound:
            if not is_sound_object(self._content, place, self._base):
                raise self.refuse(where, f"a broken header at byte {place}")
            self._sound.add(place)

    def _check_heaps(self) -> None:
        """Check once where texts of variable length lie."""
        if not self._has_sound_heaps:
            place = find_broken_heap(self._content)
            if place is not None:
                raise self.refuse(f"byte {place}", "a heap of texts that is broken")
            self._has_sound_heaps = True

    def _take(self, array: Any) -> None:
        """Count an array that will be read whole; all of them must fit in the file."""
        n_bytes = array.size * max(array.dtype.itemsize, 8)
        stored = array.id.get_storage_size()
        self._left -= n_bytes
        if n_bytes > _SMALL and array.size * array.dtype.itemsize > _MAX_RATIO * stored:
            raise self.refuse(
                array.name, f"an array of {array.shape} does not fit in the file"
            )
        if self._left < 0:
            raise self.refuse(array.name, "the arrays up to it do not fit in the file")

    def _checked(self, array: Any) -> Any:
        """Reject an array whose values are not in this file, or larger than it."""
        if array.shape is None:
            raise self.refuse(array.name, "an array without a shape")
        if array.is_virtual or array.external:
            raise self.refuse(array.name, "its values are in another file")
        limit = max(_ALL_SMALL, _MAX_RATIO * self._size)
        for shape in (array.shape, array.chunks or ()):
            if math.prod(shape) * array.dtype.itemsize > limit:
                raise self.refuse(
                    array.name, f"an array of {shape} does not fit in the file"
                )
        return array

    def _resolve(self, parent: Any, name: str) -> Any:
        """Follow a name and the links within the file, None if it leads nowhere."""
        h5l = self._h5py.h5l
        parts = name.split("/")
        n_links = 0
        while parts:
            part = parts.pop(0)
            if not part:
                continue
            if not isinstance(parent, self._h5py.Group):
                return None
            links, key = parent.id.links, part.encode()
            if not links.exists(key):
                return None
            link = links.get_info(key)
            if link.type == h5l.TYPE_SOFT:
                n_links += 1
                if n_links > _MAX_LINKS:
                    raise self.refuse(parent.name, f"the links of {part!r} do not end")
                path = decode_text(links.get_val(key))
                parent = self._file if path.startswith("/") else parent
                parts = [*path.split("/"), *parts]
            elif link.type == h5l.TYPE_HARD:
                self._check_object(link.u, f"{parent.name}, {part!r}")
                parent = parent[part]
            else:
                raise self.refuse(parent.name, f"{part!r} is a link to another file")
        return parent


@contextmanager
def open_hdf5(path: str | os.PathLike[str], expected: str) -> Iterator[Hdf5File]:
    """Open an HDF5 file for reading; raise an informative error if that fails."""
    h5py = import_optional("h5py", extra="h5", purpose=f"Reading {path}")
    if start_of_file(path, expected).startswith(GZIP_MAGIC):
        msg = (
            f"{path} is gzip-compressed; decompress it first (gunzip): "
            f"{expected} was expected."
        )
        raise DataFileError(msg)
    try:
        with _mapped(path) as content:
            start = None if content is None else find_start(content)
            if content is None or start is None:
                msg = f"{path} is not an HDF5 file; {expected} was expected."
                raise DataFileError(msg)
            if not is_sound_file(content, start):
                msg = (
                    f"{path}: the start of the file or the header of its first group "
                    f"is broken; {expected} was expected. It is damaged: download it "
                    "again."
                )
                raise DataFileError(msg)
            with h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES) as file:
                yield Hdf5File(file, path, expected, content)
    except InputError:
        raise
    except MemoryError as error:
        msg = (
            f"{path} needs more memory than there is. Choose genes= or profiles=, or "
            "read it by block."
        )
        raise DataFileError(msg) from error
    except _DAMAGE as error:
        msg = (
            f"{path} cannot be read ({error}): it is cut off or damaged; {expected} "
            "was expected. Download the file again."
        )
        raise DataFileError(msg) from error


@contextmanager
def _mapped(path: str | os.PathLike[str]) -> Iterator[mmap.mmap | None]:
    """Open the bytes of a file; None if it is empty."""
    with Path(path).open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            yield None
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
