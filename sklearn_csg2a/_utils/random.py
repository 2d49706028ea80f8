"""Seeds and generators that do not use the global random state."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["draw_seeds", "private_random_state"]


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
