"""Atomic writing of files, and digests of arrays."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import stat
import struct
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np

__all__ = [
    "BAD_ARRAYS",
    "digest",
    "naming_folder",
    "regular_size",
    "replacing",
    "write_atomically",
]

# Errors that numpy and zipfile raise for a damaged npz file. A damaged byte can look
# like an unknown compression (NotImplementedError) or a password (RuntimeError).
BAD_ARRAYS = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, SyntaxError, MemoryError),
    *(RuntimeError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error),
    tokenize.TokenError,
)

_PART = re.compile(
    r"\..*\.part-(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,9})-[0-9a-f]{8}(\..*)?"
)
_DAY = 86_400  # s
_CLEAN: set[Path] = set()


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
    Whoever stops in between leaves the target as it was; what a process that was
    killed left in the folder is deleted. A durable file also survives a power cut,
    which takes a few milliseconds.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if durable or target.parent not in _CLEAN:  # a cache has many files: once
        _CLEAN.add(target.parent)
        _delete_left_parts(target.parent)
    part = _new_part(target)
    try:
        with naming_folder(target):
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
    """Write a file so that it is there whole or not at all.

    Where the system can, it has no name until it is complete: a process that is killed
    leaves nothing behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not _write_unnamed(target, content):
        with replacing(target) as part, part.open("xb") as file:
            file.write(content)


def _write_unnamed(target: Path, content: bytes) -> bool:
    """Write a file that gets its name when it is complete (O_TMPFILE of Linux).

    Returns whether it was written: not each disk can.
    """
    part = _new_part(target)
    try:
        _delete_left_parts(target.parent)
        with _open_folder("/proc/self/fd") as names:
            handle = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY, 0o666)
            with open(handle, "wb") as file:  # noqa: PTH123 (a number, not a path)
                file.write(content)
                file.flush()
                os.fsync(handle)
                os.link(str(handle), part, src_dir_fd=names, follow_symlinks=True)
        part.replace(target)
    except (AttributeError, OSError):  # no such flag on other systems
        part.unlink(missing_ok=True)
        return False
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)
    return True


@contextmanager
def naming_folder(target: Path) -> Iterator[None]:
    """Say in an error of the disk which file and folder it is about."""
    try:
        yield
    except OSError as error:
        named = error.filename is None or Path(error.filename).parent == target.parent
        says_more = error.strerror != os.strerror(error.errno or 0)
        if error.errno is None or not named or says_more:
            raise
        reason = (
            f"{os.strerror(error.errno)}: {target.name} cannot be written, what was "
            "there is unchanged"
        )
        raise OSError(error.errno, reason, str(target.parent)) from error


def _new_part(target: Path) -> Path:
    """Return a name beside a file that says which process writes it."""
    stem = target.stem[:80]
    mark = f"{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f".{stem}.part-{mark}{target.suffix}")


def _delete_left_parts(folder: Path) -> None:
    """Delete what processes that have ended left of files that they were writing.

    Whether those of other machines have ended cannot be seen: after a day they have.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            match = _PART.fullmatch(entry.name)
            if match and _is_left(entry, match["machine"], int(match["pid"])):
                Path(entry).unlink(missing_ok=True)


def _is_left(entry: os.DirEntry[str], machine: str, pid: int) -> bool:
    """Tell whether nobody writes a file any longer."""
    try:
        if time.time() - entry.stat(follow_symlinks=False).st_mtime > _DAY:
            return True
        if machine != _machine() or os.name != "posix":
            return False
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # the file is gone, or the process is another user's
        return False
    return False


@cache
def _machine() -> str:
    """Return a mark of this machine, and of the container that numbers processes."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()}{space}".encode()).hexdigest()[:8]


def _flush_folder(folder: Path) -> None:
    """Flush the directory entry to disk, on systems that support it."""
    with suppress(OSError), _open_folder(folder) as handle:
        os.fsync(handle)


@contextmanager
def _open_folder(folder: str | Path) -> Iterator[int]:
    """Open a folder, which Windows cannot."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)
