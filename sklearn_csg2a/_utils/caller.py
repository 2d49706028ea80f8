"""Who calls: the line of the user, and whether a fit is one of several."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = [
    "find_stacklevel",
    "is_one_of_several",
    "is_part_of_more",
    "library_calls",
    "library_of",
]

_LIBRARIES = {"sklearn", "sklearn_csg2a"}
# Modules of scikit-learn that fit an estimator once and keep it.
_FIT_ONCE = {
    "sklearn.base",
    "sklearn.compose._target",
    "sklearn.frozen._frozen",
    "sklearn.pipeline",
    "sklearn.utils._available_if",
    "sklearn.utils._metadata_requests",
    "sklearn.utils.validation",
}
_ROOMS, _STUDIES = "sklearn_csg2a.", "sklearn_csg2a.evaluation."
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


def is_one_of_several() -> bool:
    """Whether a search, an ensemble or joblib calls, rather than the user.

    What Ctrl-C leaves of a fit is useful to a user, but not to those: they would go on
    with the next fit.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module == "joblib.parallel":
            return True
        if module.startswith("sklearn.") and module not in _FIT_ONCE:
            return True
        frame = frame.f_back
    return False


def is_part_of_more() -> bool:
    """Whether the fit is one of several, or one step of another estimator or a study.

    The user who calls those names one `checkpoint` for all of their fits.
    """
    if is_one_of_several():
        return True
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        is_fit = module.startswith(_ROOMS) and frame.f_code.co_name == "fit"
        if is_fit and not hasattr(frame.f_locals.get("self"), "checkpoint"):
            return True
        if module.startswith(_STUDIES):
            return True
        frame = frame.f_back
    return False
