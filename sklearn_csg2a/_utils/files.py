"""Atomic writing of files, and digests of arrays."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

import numpy as np

__all__ = ["digest", "write_atomically"]


def digest(*arrays: np.ndarray) -> str:
    """Return the sha256 of arrays, their types and shapes included."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def write_atomically(target: Path, content: bytes) -> None:
    """Write to a temporary file in the same folder, flush, then rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


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
