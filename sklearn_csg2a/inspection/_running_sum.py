"""The running sum that shows whether the genes of a set are at one end of a list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_orders", "leading_places", "rank_scores", "running_sums"]


def rank_scores(
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the place of each gene, highest score first, and the weights by place.

    Ties keep the order of the genes.
    """
    order = np.argsort(-scores, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place, np.abs(scores[order])


def running_sums(
    places: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the extreme of the running sum of sets of one size, (n_sets,).

    `places` (n_sets, size) are those of the genes of each set, in ascending order, and
    `weights` (n_genes,) those of all places. Positive: the genes are at the top. 0 for
    a set of all genes.
    """
    if places.shape[1] in (0, len(weights)):
        return np.zeros(len(places))
    after, before = _sums_at_genes(places, weights)
    highest, lowest = after.max(axis=1), before.min(axis=1)
    return np.where(highest >= -lowest, highest, lowest)


def leading_places(
    places: NDArray[np.int64], weights: NDArray[np.float64], extreme: float
) -> NDArray[np.int64]:
    """Return the places of one set, (size,), from its end to the extreme."""
    if extreme == 0:
        return places[:0]
    after, before = _sums_at_genes(places[None], weights)
    if extreme > 0:
        return places[: int(np.argmax(after[0])) + 1]
    return places[int(np.argmin(before[0])) :]


def _sums_at_genes(
    places: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the running sums just after and just before each gene of a set."""
    n_genes, size = len(weights), places.shape[1]
    steps = weights[places]
    total = steps.sum(axis=1, keepdims=True)
    steps = np.where(total > 0, steps / np.where(total > 0, total, 1.0), 1.0 / size)
    found = np.cumsum(steps, axis=1)
    missed = (places - np.arange(size)) / (n_genes - size)
    return found - missed, found - steps - missed


def draw_orders(
    n_draws: int, n_genes: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw orders of all genes, (n_draws, n_genes); the first k are a random set."""
    return rng.permuted(np.tile(np.arange(n_genes), (n_draws, 1)), axis=1)
