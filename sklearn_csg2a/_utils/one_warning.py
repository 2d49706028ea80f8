"""Warnings about data that several models read in one call of the user's.

Ensembles, searches and cross-validation hand the same rows, or parts of them, to many
models. What is wrong with these rows is said once, at the user's line.
"""

from __future__ import annotations

import inspect
import warnings
import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from sklearn_csg2a._utils.caller import library_calls, library_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

__all__ = ["one_warning_of_a_kind", "warn_of_input"]

_KINDS_SAID: ContextVar[set[str] | None] = ContextVar("kinds_said", default=None)
# What was said in which call: see `_name_call`. The references forget calls whose
# arguments are gone, so that no other object is taken for one of them.
_CALLS: dict[tuple[Any, ...], list[weakref.ref[Any]]] = {}


@contextmanager
def one_warning_of_a_kind() -> Iterator[None]:
    """Let `warn_of_input` say each kind of warning once inside of this block."""
    if _KINDS_SAID.get() is not None:  # a model inside of a model of models
        yield
        return
    token = _KINDS_SAID.set(set())
    try:
        yield
    finally:
        _KINDS_SAID.reset(token)


def warn_of_input(
    kind: str, message: str, category: type[Warning] = UserWarning
) -> None:
    """Warn about X or y at the line that passed it, once for each kind and call.

    Inside of `one_warning_of_a_kind` each kind is said once. So it is inside of a
    function or method of scikit-learn that was given a table: another call with the
    same table and the same estimator, from the same line, counts as the same call.
    Processes of a search do not know what the others say.
    """
    said = _KINDS_SAID.get()
    if said is not None and kind in said:
        return
    calls = library_calls()
    given = _given_to(calls)
    call = (kind, *_name_call(calls[-1], given))
    if call in _CALLS:
        return
    warnings.warn(message, category, stacklevel=len(calls) + 1)
    if said is not None:
        said.add(kind)
    if given:
        _CALLS[call] = [weakref.ref(one, lambda _: _forget(call)) for one in given]


def _given_to(calls: list[FrameType]) -> list[Any]:
    """Return what the outermost call was given and can be told apart by.

    Empty where no table is among the arguments, and unless scikit-learn itself is at
    work: in a fit of this package only its wrapper around the method is.
    """
    if not all(library_of(call) == "sklearn" for call in calls[-2:]):
        return []
    arguments = inspect.getargvalues(calls[-1])
    values = [arguments.locals[name] for name in arguments.args]
    values += arguments.locals[arguments.varargs] if arguments.varargs else ()
    named = arguments.locals[arguments.keywords] if arguments.keywords else {}
    values += named.values()
    given = [one for one in values if type(one).__weakrefoffset__]
    return given if any(hasattr(one, "shape") for one in given) else []


def _name_call(call: FrameType, given: list[Any]) -> tuple[Any, ...]:
    """Return the line that made a call, and which objects it gave."""
    line = call.f_back
    where = () if line is None else (line.f_code.co_filename, line.f_lineno)
    return (*where, *map(id, given))


def _forget(call: tuple[Any, ...]) -> None:
    """Forget what was said in a call, as one of its arguments is gone."""
    _CALLS.pop(call, None)
