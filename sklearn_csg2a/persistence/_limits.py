"""Limits of what a model file may ask for, so that a small one stays small."""

from __future__ import annotations

from typing import Any

from sklearn_csg2a.exceptions import ModelFileError

__all__ = ["MemoryAllowance", "check_depth"]

_MAX_DEPTH = 200  # objects and lists inside one another; models of models need 50
_FREE = 2**29  # bytes that any file may ask for
_FACTOR = 128  # equal arrays are stored once: an ensemble has one for each member


class MemoryAllowance:
    """Memory that a file may ask for beyond the bytes it contains.

    Parameters
    ----------
    n_bytes : int
        Size of its arrays.
    """

    def __init__(self, n_bytes: int) -> None:
        self.left = _FREE + _FACTOR * n_bytes

    def take(self, n_bytes: int) -> None:
        """Count memory that is about to be allocated.

        Raises
        ------
        ModelFileError
            If the file has asked for more than its size explains.
        """
        if n_bytes < 0 or n_bytes > self.left:
            msg = (
                f"it claims a value of {n_bytes} bytes in memory, far more than its "
                "size explains; it is damaged or was made to exhaust memory."
            )
            raise ModelFileError(msg)
        self.left -= n_bytes


def check_depth(manifest: Any) -> None:
    """Reject values that are nested more deeply than those of any model."""
    level, depth = [manifest], 0
    while level:
        if depth > _MAX_DEPTH:
            msg = f"its manifest is nested more than {_MAX_DEPTH} levels deep."
            raise ModelFileError(msg)
        level = [inner for item in level for inner in _inner(item)]
        depth += 1


def _inner(item: Any) -> list[Any]:
    """Return the objects and lists directly inside another."""
    if isinstance(item, dict):
        item = item.values()
    elif not isinstance(item, list):
        return []
    return [value for value in item if isinstance(value, (dict, list))]
