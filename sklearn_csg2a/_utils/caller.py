"""The line of the caller, which a warning points at."""

from __future__ import annotations

import contextlib
import inspect
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["find_stacklevel"]

# Packages that may be between a caller and the code that warns: searches and pipelines,
# decorators, training loops.
_BETWEEN = ("joblib", "sklearn", "skorch", "torch")


def find_stacklevel() -> int:
    """Return the `stacklevel` of the first caller outside of this package.

    Callers inside of scikit-learn, joblib, skorch and torch do not count either: a
    warning in a search points at the line that started the search.
    """
    inside = _inside()
    frame = inspect.currentframe()
    level = 0
    while frame is not None and frame.f_code.co_filename.startswith(inside):
        frame = frame.f_back
        level += 1
    return level


@cache
def _inside() -> tuple[str, ...]:
    """Return how the names of files begin that are not a caller's."""
    found = [find_spec(name) for name in _BETWEEN]
    origins = [spec.origin for spec in found if spec is not None and spec.origin]
    folders = [Path(__file__).parents[1], *(Path(origin).parent for origin in origins)]
    return (*(f"{folder}{os.sep}" for folder in folders), contextlib.__file__)
