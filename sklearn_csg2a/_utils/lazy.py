"""Lazy imports: names of a package that are imported on first use."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

__all__ = ["attach"]


def attach(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package whose names load on first use.

    Parameters
    ----------
    package : str
        Name of the package, its ``__name__``.
    homes : mapping of str to str
        The module of this package that each name is imported from.

    Returns
    -------
    getattr, dir : callable
        To be bound to ``__getattr__`` and ``__dir__`` in the package.
    """

    def load(name: str) -> Any:
        if name not in homes:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        within = homes[name].partition(".")[2]  # a module of this package, no other
        with _interrupts_wait():
            value = getattr(import_module(f".{within}", "sklearn_csg2a"), name)
        setattr(sys.modules[package], name, value)  # once
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return load, names


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Answer Ctrl-C at the end: torch cannot be imported again if it stops half-way."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) != signal.default_int_handler:
        yield
        return
    received: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *interrupt: received.append(interrupt))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if received:
            signal.default_int_handler(*received[0])
