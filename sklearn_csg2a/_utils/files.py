"""Atomic writing of files, and digests of arrays."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

__all__ = ["digest", "regular_size", "replacing", "write_atomically"]


def digest(*arrays: np.ndarray) -> str:
    """Return the sha256 of arrays, their types and shapes included."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def regular_size(path: Path) -> int:
    """Return the size of a regular file, in bytes, without opening it.

    A device or a pipe can be read for ever; it is an OSError, like a folder.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        problem = "a device, pipe or socket, not a regular file"
        raise OSError(errno.EINVAL, problem, str(path))
    return status.st_size


@contextmanager
def replacing(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a path to write to, which becomes the target if all goes well.

    It lies in the folder of the target, which is made, and ends in the same suffix.
    Whoever stops in between leaves the target as it was. A durable one also survives
    a power cut, which takes a few milliseconds.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.stem}.{secrets.token_hex(8)}{target.suffix}")
    try:
        yield part
        if durable:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if durable:
        _flush_folder(target.parent)


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    with replacing(target) as part, part.open("xb") as file:
        file.write(content)


def _flush_folder(folder: Path) -> None:
    """Flush the directory entry to disk, on systems that support it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
