"""The line of the user's call, which a warning points at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["find_stacklevel", "library_calls", "library_of"]

_LIBRARIES = {"sklearn", "sklearn_csg2a"}
_DECORATORS = {"contextlib"}  # around methods of this package


def library_calls() -> list[FrameType]:
    """Return the calls from the caller of this function out to the one of the user.

    The latter is the outermost into scikit-learn or this package: in a search, the call
    that started the search. What lies between, such as joblib, is included.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 (as pandas finds it)
    calls: list[FrameType] = []
    n_found = 0
    while frame is not None:
        library = library_of(frame)
        is_outside = n_found < len(calls)
        calls.append(frame)
        if library in _LIBRARIES or (library in _DECORATORS and not is_outside):
            n_found = len(calls)
        frame = frame.f_back
    return calls[:n_found]


def library_of(frame: FrameType) -> str:
    """Return the name of the package that a frame runs code of."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def find_stacklevel() -> int:
    """Return the `stacklevel` with which a warning points at the user's line."""
    return len(library_calls())
