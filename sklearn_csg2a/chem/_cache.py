"""Bounded memory caches and checked disk caches for results per compound."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.files import BAD_ARRAYS, replacing

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

__all__ = ["ArrayStore", "MemoryCache", "content_hash"]


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the sha256 of a mapping of plain values, independent of its order."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class MemoryCache:
    """Least-recently-used cache of limited total size; thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the entries."""
        return {"max_bytes": self.max_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start empty."""
        self.__init__(**state)  # type: ignore[misc]

    def get(self, key: Hashable) -> Any:
        """Return the entry, or None, and mark it as used."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, value: Any, n_bytes: int) -> None:
        """Add an entry and drop the least recently used ones."""
        with self._lock:
            if key in self._entries:
                self._n_bytes -= self._entries.pop(key)[1]
            self._entries[key] = (value, n_bytes)
            self._n_bytes += n_bytes
            while self._n_bytes > self.max_bytes:
                _, (_, dropped) = self._entries.popitem(last=False)
                self._n_bytes -= dropped

    def clear(self) -> None:
        """Drop every entry."""
        with self._lock:
            self._entries.clear()
            self._n_bytes = 0


# Folders that could not be written, and when they are tried again.
_UNWRITABLE: dict[Path, float] = {}
_PAUSE = 60.0  # s


class ArrayStore:
    """Store small groups of arrays in a folder, one npz file per key.

    Files are written atomically and contain no pickle. A file that is damaged or
    belongs to another key counts as absent.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.directory / f"{key}.npz"

    def has(self, key: str) -> bool:
        """Tell whether there is a file of a key."""
        try:
            return self.path(key).exists()
        except OSError:
            return False

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a key, or None."""
        try:
            with self.path(key).open("rb") as stream:
                file = np.load(stream, allow_pickle=False)
                arrays = {name: file[name] for name in file.files}
        except BAD_ARRAYS:  # recomputed, like one that is absent
            return None
        if str(arrays.pop("key", "")) != key:
            return None
        return arrays

    def store(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays of a key atomically.

        A folder that cannot be written is no reason to fail: the work goes on without
        it, with one warning, and after a minute it is tried again.
        """
        if time.monotonic() < _UNWRITABLE.get(self.directory, 0.0):
            return
        try:
            # Not durable: an entry lost in a power cut is computed anew.
            with (
                replacing(self.path(key), durable=False) as part,
                part.open("xb") as file,
            ):
                np.savez(file, **{"key": np.asarray(key), **arrays})  # type: ignore[arg-type]
        except OSError as error:
            _UNWRITABLE[self.directory] = time.monotonic() + _PAUSE
            reason = os.strerror(error.errno) if error.errno else str(error)
            warnings.warn(
                f"The cache in {self.directory} cannot be written ({reason}): results "
                "are computed, but not kept there.",
                stacklevel=find_stacklevel(),
            )
