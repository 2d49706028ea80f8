"""Warnings that models inside of another one give once between them."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["one_warning_of_a_kind", "warn_of_input"]

_KINDS_SAID: ContextVar[set[str] | None] = ContextVar("kinds_said", default=None)


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
    kind: str,
    message: str,
    category: type[Warning] = UserWarning,
    stacklevel: int = 2,
) -> None:
    """Warn about X or y, unless a block around has said this kind already."""
    said = _KINDS_SAID.get()
    if said is not None:
        if kind in said:
            return
        said.add(kind)
    warnings.warn(message, category, stacklevel=stacklevel + 1)
