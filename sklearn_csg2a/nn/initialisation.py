"""Initial weights from a seed, without changing torch's global random state."""

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
    """Initialise torch modules from `seed`, then restore the random state.

    Modules draw their initial weights from torch's global CPU generator; a lock
    separates fits in parallel threads.
    """
    with _GLOBAL_GENERATOR_LOCK:
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            torch.default_generator.set_state(state)
