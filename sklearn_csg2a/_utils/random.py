"""Seeds and generators that never touch the process-wide random states."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.utils import check_random_state

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["draw_seeds", "private_random_state", "seeded_initialisation"]

_GLOBAL_GENERATOR_LOCK = threading.RLock()


def private_random_state(
    random_state: int | np.random.RandomState | None,
) -> np.random.RandomState:
    """Return a RandomState; None gives a fresh one, not NumPy's global one."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def draw_seeds(
    random_state: int | np.random.RandomState | None, n_seeds: int
) -> list[int]:
    """Draw `n_seeds` integers; a RandomState instance is consumed by it."""
    rng = private_random_state(random_state)
    return [int(seed) for seed in rng.randint(2**31 - 1, size=n_seeds)]


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
