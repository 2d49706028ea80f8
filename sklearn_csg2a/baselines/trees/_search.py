"""The best splits of many nodes at once, each among some columns of its own.

A *run* is what a node has of one cell line, compound, dose or time. Sums over the runs
of a node on one side of a threshold come from histograms, or from the runs in order
where they are fewer than the bins of a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn_csg2a.baselines.trees._columns import Columns

__all__ = ["CONSTANT", "Candidates", "ColumnDraws", "Runs", "Splits", "search"]

_VALUES_AT_ONCE = 2**18
_MOST_KEYS = 2**16  # that are sorted by counting
_TOO_FEW = -1.0  # worth of a split that leaves too few rows on one side
CONSTANT = -2.0  # worth of a split that leaves none


class Runs(NamedTuple):
    """The runs of all nodes in one factor, by node.

    `level`, `weight` and `total` have the level of each run, the number of its rows and
    the sum of their responses; `first` has the first run of each node, and the end.
    """

    level: np.ndarray
    weight: np.ndarray
    total: np.ndarray
    first: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Number of runs of each node."""
        return np.diff(self.first)

    def of_nodes(self, nodes: np.ndarray) -> Runs:
        """Return the runs of some nodes."""
        counts = self.counts[nodes]
        first = np.concatenate([[0], np.cumsum(counts)])
        at = np.arange(first[-1]) + np.repeat(self.first[nodes] - first[:-1], counts)
        return Runs(self.level[at], self.weight[at], self.total[at], first)

    def sum_nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return weight and total of each node."""
        firsts = self.first[:-1]
        return np.add.reduceat(self.weight, firsts), np.add.reduceat(self.total, firsts)


class Splits(NamedTuple):
    """A split of each node, arrays of shape (n_nodes,).

    Rows with a code above `code` in a column of a group leave the others; the next code
    of these rows is `next_code`. There is no split where `worth` is negative.
    """

    worth: np.ndarray
    group: np.ndarray
    column: np.ndarray
    code: np.ndarray
    next_code: np.ndarray

    @classmethod
    def none(cls, n_nodes: int) -> Splits:
        """Return no split for any node."""
        numbers = (np.zeros(n_nodes, dtype=np.int64) for _ in range(4))
        return cls(np.full(n_nodes, CONSTANT), *numbers)

    def improve(self, at: np.ndarray, found: Splits) -> None:
        """Replace the splits of the nodes `at` where those found are better."""
        better = found.worth > self.worth[at]
        for mine, other in zip(self, found, strict=True):
            mine[at[better]] = other[better]


class ColumnDraws:
    """The columns of a group in a random order, of which nodes have some each.

    Those of a node follow one another in this order, from a random one on.
    """

    def __init__(self, columns: Columns, rng: np.random.RandomState) -> None:
        self.n_bins = columns.n_bins
        self.n_columns = len(columns.numbers)
        self.rng = rng
        order = rng.permutation(self.n_columns)
        self.order = np.concatenate([order, order])
        self.codes = columns.codes[:, self.order]

    def begin(self, n_nodes: int) -> np.ndarray:
        """Return a place in the order for each node."""
        return self.rng.randint(self.n_columns, size=n_nodes)

    def codes_at(
        self, level: np.ndarray, places: np.ndarray, n_drawn: int
    ) -> np.ndarray:
        """Return the codes of levels in `n_drawn` columns from a place on."""
        return sliding_window_view(self.codes, n_drawn, axis=1)[level, places]


class Candidates(NamedTuple):
    """Columns that may split nodes: `n_drawn` from a place in a random order on."""

    draws: ColumnDraws
    places: np.ndarray
    n_drawn: int


def search(
    candidates: Candidates, runs: Runs, nodes: np.ndarray, group: int, least: int
) -> Splits:
    """Return the best splits of some nodes that leave `least` rows on both sides."""
    draws, places, n_drawn = candidates
    splits = Splits.none(len(nodes))
    counts = runs.counts[nodes]
    many = counts >= draws.n_bins
    by_histogram = _search_bits if draws.n_bins == 2 else _search_histograms
    for chosen, find in ((many, by_histogram), (~many & (counts > 1), _search_sorted)):
        at_once = max(_VALUES_AT_ONCE // n_drawn, 1), _MOST_KEYS // draws.n_bins
        for at in _in_parts(np.flatnonzero(chosen), counts, *at_once):
            own = runs.of_nodes(nodes[at])
            node = np.repeat(np.arange(len(at)), counts[at])
            codes = draws.codes_at(own.level, places[at][node], n_drawn)
            worth, slot, code, next_code = find(codes, node, own, draws.n_bins, least)
            column = draws.order[places[at] + slot]
            found = Splits(worth, np.full(len(at), group), column, code, next_code)
            splits.improve(at, found)
    return splits


def _in_parts(
    nodes: np.ndarray, counts: np.ndarray, most_runs: int, most_nodes: int
) -> Iterator[np.ndarray]:
    """Yield some nodes at a time; one of them may have more than `most_runs`."""
    if len(nodes):
        part = (np.cumsum(counts[nodes]) - 1) // most_runs
        part += np.arange(len(nodes)) // most_nodes * (part[-1] + 1)
        yield from np.split(nodes, np.flatnonzero(np.diff(part)) + 1)


_Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _search_bits(
    codes: np.ndarray, node: np.ndarray, runs: Runs, n_bins: int, least: int
) -> _Found:
    """Return worth, slot, code and next code of the best splits, by two bins."""
    n_nodes, n_slots = len(runs.first) - 1, codes.shape[1]
    run, slot = codes.nonzero()
    place, size = node[run] * n_slots + slot, n_nodes * n_slots
    weight, total = (
        np.bincount(place, of[run], size).reshape(n_nodes, n_slots)
        for of in (runs.weight, runs.total)
    )
    whole_weight, whole_total = (whole[:, None] for whole in runs.sum_nodes())
    worth = _rate(weight, total, whole_weight, whole_total, least)
    slot = worth.argmax(axis=1)
    code = np.zeros(n_nodes, dtype=np.int64)
    return worth[np.arange(n_nodes), slot], slot, code, code + (n_bins - 1)


def _search_histograms(
    codes: np.ndarray, node: np.ndarray, runs: Runs, n_bins: int, least: int
) -> _Found:
    """Return worth, slot, code and next code of the best splits, by all bins."""
    n_nodes, n_slots = len(runs.first) - 1, codes.shape[1]
    place = codes + (node * (n_slots * n_bins))[:, None]
    place += np.arange(n_slots) * n_bins
    place, shape = place.ravel(), (n_nodes, n_slots, n_bins)
    weight, total = (
        np.bincount(place, np.repeat(of, n_slots), n_nodes * n_slots * n_bins)
        for of in (runs.weight, runs.total)
    )
    weight = weight.reshape(shape)
    weight_below, total_below = (
        weight.cumsum(axis=2),
        total.reshape(shape).cumsum(axis=2),
    )
    worth = _rate(
        weight_below[:, :, :-1],
        total_below[:, :, :-1],
        weight_below[:, :1, -1:],
        total_below[:, :1, -1:],
        least,
    )
    worth = worth.reshape(n_nodes, -1)
    best = worth.argmax(axis=1)
    slot, code = np.divmod(best, n_bins - 1)
    every = np.arange(n_nodes)
    above = (weight[every, slot] > 0) & (np.arange(n_bins) > code[:, None])
    return worth[every, best], slot, code, above.argmax(axis=1)


def _search_sorted(
    codes: np.ndarray, node: np.ndarray, runs: Runs, n_bins: int, least: int
) -> _Found:
    """Return worth, slot, code and next code of the best splits, by sorted runs."""
    key = np.add(codes.T, (node * n_bins).astype(np.uint16), order="C")
    order = key.argsort(axis=1, kind="stable")
    key.sort(axis=1, kind="stable")
    whole_weight, whole_total = runs.sum_nodes()
    worth = _rate(
        _sum_in_order(runs.weight, order, whole_weight, node),
        _sum_in_order(runs.total, order, whole_total, node),
        whole_weight[node],
        whole_total[node],
        least,
    )
    worth[:, :-1][key[:, 1:] == key[:, :-1]] = CONSTANT
    of_runs = worth.max(axis=0)
    best = np.maximum.reduceat(of_runs, runs.first[:-1])
    at = np.flatnonzero(of_runs == best[node])
    at = at[np.diff(node[at], prepend=-1) > 0]  # of several runs, the first
    slot = worth[:, at].argmax(axis=0)
    following = np.minimum(at + 1, len(node) - 1)
    return best, slot, key[slot, at] % n_bins, key[slot, following] % n_bins


def _sum_in_order(
    values: np.ndarray, order: np.ndarray, of_nodes: np.ndarray, node: np.ndarray
) -> np.ndarray:
    """Return the sums up to each run within its node, in some orders of the runs."""
    sums = values[order].cumsum(axis=1)
    sums -= (np.cumsum(of_nodes) - of_nodes)[node]
    return sums


def _rate(
    weight: np.ndarray,
    total: np.ndarray,
    whole_weight: np.ndarray,
    whole_total: np.ndarray,
    least: int,
) -> np.ndarray:
    """Return what splits gain, divided by the number of rows of the node.

    With sums s and t over m and n rows, s^2 / m + t^2 / n - (s + t)^2 / (m + n) is
    m + n times (s - m (s + t) / (m + n))^2 / (m n).
    """
    worth = weight * (whole_total / whole_weight)
    np.subtract(total, worth, out=worth)
    worth *= worth
    product = whole_weight - weight
    product *= weight
    worth /= np.maximum(product, 1.0)  # numbers of rows: at least 1 if there is a split
    if least > 1:
        too_few = (weight < least) | (whole_weight - weight < least)
        np.copyto(worth, _TOO_FEW, where=too_few)
    np.copyto(worth, CONSTANT, where=product < 1.0)
    return worth
