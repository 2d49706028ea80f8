"""First weights from a seed, without a trace in torch's own random state."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["seeded_initialisation"]

_GLOBAL_GENERATOR_LOCK = threading.RLock()


@contextmanager
def seeded_initialisation(seed: int) -> Iterator[None]:
    """Let torch's modules initialise themselves from `seed`, then restore.

    Modules draw their first weights from torch's process-wide CPU generator;
    a lock keeps fits in parallel threads apart while it is borrowed.
    """
    with _GLOBAL_GENERATOR_LOCK:
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            torch.default_generator.set_state(state)
