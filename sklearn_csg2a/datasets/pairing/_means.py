"""Means of groups of profiles that are read in blocks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError

__all__ = ["ProfileMeans", "average_profiles"]


class ProfileMeans:
    """Sums of profiles by group, float32 (groups, genes), and their counts."""

    def __init__(self, n_groups: int, genes: pd.Index) -> None:
        self.genes = genes
        self.sums = np.zeros((n_groups, len(genes)), dtype=np.float32)
        self.counts = np.zeros(n_groups, dtype=np.int64)

    def add(self, groups: np.ndarray, values: np.ndarray) -> None:
        """Add the profiles of one block to their groups."""
        order = np.argsort(groups, kind="stable")
        found, starts, counts = np.unique(
            groups[order], return_index=True, return_counts=True
        )
        if len(found) == len(groups):
            self.sums[groups] += values
        else:
            self.sums[found] += np.add.reduceat(values[order], starts, axis=0)
        self.counts[found] += counts

    def table(self, index: pd.Index) -> pd.DataFrame:
        """Return the means; this overwrites the sums."""
        self.sums /= np.maximum(self.counts, 1)[:, None].astype(np.float32)
        return pd.DataFrame(self.sums, index=index, columns=self.genes, copy=False)


def average_profiles(
    blocks: Iterable[pd.DataFrame],
    ids: pd.Index,
    targets: np.ndarray,
    n_groups: tuple[int, ...],
) -> tuple[list[ProfileMeans], np.ndarray]:
    """Average profiles by group, in several groupings at once.

    `targets` (groupings, ids) holds the group of each id, or -1. Returns the means of
    each grouping, and a mask of the ids found.
    """
    means: list[ProfileMeans] = []
    found = np.zeros(len(ids), dtype=bool)
    for block in blocks:
        if not means:
            means = [ProfileMeans(number, block.columns) for number in n_groups]
        elif not block.columns.equals(means[0].genes):
            msg = "profiles: the blocks do not have the same genes in the same order."
            raise InputError(msg)
        positions = ids.get_indexer(block.index)
        _check_positions(positions, block.index, found)
        found[positions] = True
        values = block.to_numpy(dtype=np.float32)
        for mean, target in zip(means, targets, strict=True):
            groups = target[positions]
            chosen = np.flatnonzero(groups >= 0)
            if len(chosen):
                mean.add(groups[chosen], values[chosen])
    if not means:
        msg = "profiles has no block of profiles."
        raise InputError(msg)
    return means, found


def _check_positions(positions: np.ndarray, index: pd.Index, found: np.ndarray) -> None:
    """Reject profiles that are not in metadata, or are repeated."""
    unknown = index[positions < 0]
    if len(unknown):
        msg = (
            f"profiles: {list_offenders(map(repr, unknown))} not in the index of "
            "metadata."
        )
        raise InputError(msg)
    twice = index[found[positions] | pd.Index(positions).duplicated()]
    if len(twice):
        msg = f"profiles: {list_offenders(map(repr, twice))} occur more than once."
        raise InputError(msg)
