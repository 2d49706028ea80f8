"""Memory that one operation frees and the next one uses, kept by the process."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import Any

__all__ = ["keep_freed_memory", "return_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
_MB = 2**20
_MOST = 32 * _MB  # of the second; where glibc itself arrives after larger blocks


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks of up to 32 MB, a gigabyte of them.

    Each step of a training frees what the next one allocates. By default glibc returns
    much of it to the system, which then clears it page by page: a tenth of the time of
    a step. On other systems this does nothing.
    """
    _set(_MMAP_THRESHOLD, _MOST)
    _set(_TRIM_THRESHOLD, 1024 * _MB)


def return_freed_memory() -> None:
    """Let glibc return memory again, as after any program that frees large blocks."""
    _set(_TRIM_THRESHOLD, _of_environment("MALLOC_TRIM_THRESHOLD_", 2 * _MOST))
    _set(_MMAP_THRESHOLD, _of_environment("MALLOC_MMAP_THRESHOLD_", _MOST))


def _of_environment(name: str, default: int) -> int:
    """Return the number in an environment variable that glibc reads."""
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        return default


def _set(name: int, value: int) -> None:
    library = _glibc()
    if library is not None:
        library.mallopt(name, min(value, 2**31 - 1))


@cache
def _glibc() -> Any:
    """Return the C library of this process if it is glibc, else None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
