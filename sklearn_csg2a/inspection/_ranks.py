"""Ranks of absolute values, and where a null puts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sklearn_csg2a.nn.blocks import map_blocks, steady_threads

if TYPE_CHECKING:
    from sklearn_csg2a.estimators._group_maps import GroupMaps

__all__ = ["count_exceeding", "gather_pairs", "rank_in_null", "sample_pairs"]

_MOST_PAIRS = 20_000  # that stand for all pairs


def count_exceeding(sizes: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """Count how many of `among`, or of themselves, exceed each of `sizes` (n,)."""
    known = np.sort(sizes if among is None else among)
    return len(known) - np.searchsorted(known, sizes, side="right")


def rank_in_null(above: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the null's ranks, and the empirical p of the observed ones.

    Ranks count what is stronger: `above` observed (...), `drawn` (draws, ...). p is the
    share of draws, the observation counted as one of them, that rank an entry at least
    as high.
    """
    at_least = (drawn <= above).sum(0)
    return drawn.mean(0), (1 + at_least) / (1 + len(drawn))


def sample_pairs(n_genes: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return positions of pairs that stand for all, and the number of all pairs."""
    n_pairs = n_genes * (n_genes - 1) // 2
    if n_pairs <= _MOST_PAIRS:
        return *np.triu_indices(n_genes, 1), n_pairs
    drawn = np.random.default_rng(0).integers(n_genes, size=(2, 2 * _MOST_PAIRS))
    first, second = drawn[:, drawn[0] != drawn[1]][:, :_MOST_PAIRS]
    return first, second, n_pairs


@steady_threads()
def gather_pairs(
    maps: GroupMaps, pairs: list[tuple[np.ndarray, np.ndarray]]
) -> list[np.ndarray]:
    """Return the absolute score of pairs of each group, of its stronger direction."""
    slices = maps.reader.blocks(len(pairs))
    sizes = [np.zeros(len(first)) for first, _ in pairs]

    def read(number: int) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        genes = slices[number]
        found = []
        for values, (first, second) in zip(maps.read(genes), pairs, strict=True):
            block = values.abs().cpu().numpy()
            both = []
            for source, changed in ((first, second), (second, first)):
                where = np.flatnonzero((source >= genes.start) & (source < genes.stop))
                both.append((where, block[changed[where], source[where] - genes.start]))
            found.append(both)
        return found

    for found in map_blocks(read, len(slices)):
        for size, both in zip(sizes, found, strict=True):
            for where, values in both:
                size[where] = np.maximum(size[where], values)
    return sizes
