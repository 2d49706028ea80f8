"""The memory of this machine: matrices that cannot fit are refused before they grow."""

from __future__ import annotations

import os
from pathlib import Path

from sklearn_csg2a.exceptions import DeviceMemoryError

__all__ = ["refuse_without_memory"]

_GB = 1e9
_LIMITS = (  # of a container, version 2 and 1
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def refuse_without_memory(n_bytes: float, what: str, remedy: str) -> None:
    """Raise DeviceMemoryError where something needs more than the machine has.

    `what` is the subject of the sentence, such as "The kernel of 100,000 compounds".
    """
    available = _memory_of_machine()
    if n_bytes > available:
        msg = (
            f"{what} needs about {n_bytes / _GB:.0f} GB of memory; this machine has "
            f"{available / _GB:.0f} GB. {remedy}"
        )
        raise DeviceMemoryError(msg)


def _memory_of_machine() -> float:
    """Return the bytes that this process may use; infinity where none can say."""
    limits = [_physical_memory()]
    for path in _LIMITS:
        try:
            limits.append(float(path.read_text(encoding="ascii")))
        except (OSError, ValueError):  # no container, or "max"
            continue
    return min(limits)


def _physical_memory() -> float:
    """Return the bytes of memory in the machine; infinity where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not POSIX, or without these names
        return float("inf")
