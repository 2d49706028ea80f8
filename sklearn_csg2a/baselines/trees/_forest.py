"""A random forest, grown level by level on sums by cell line, compound and dose.

All nodes of one level of some trees are divided at once. Their rows are kept in order
of node and level of a factor, once for each factor.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from joblib import Parallel, delayed

from sklearn_csg2a.baselines.trees._columns import sort_columns
from sklearn_csg2a.baselines.trees._search import (
    CONSTANT,
    Candidates,
    ColumnDraws,
    Runs,
    Splits,
    search,
)
from sklearn_csg2a.baselines.trees._trees import Nodes, Trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.baselines.trees._columns import Columns, Factor

__all__ = ["ForestSettings", "grow_forest"]

_ROWS_AT_ONCE = 2**18  # of trees that are grown together


class ForestSettings(NamedTuple):
    """The parameters of RandomForestResponse, `max_samples` as a number."""

    n_estimators: int
    max_depth: int | None
    min_samples_leaf: int
    max_features: float | str | None
    max_samples: int


def grow_forest(
    factors: Sequence[Factor],
    response: np.ndarray,
    settings: ForestSettings,
    seed: int,
    n_jobs: int | None,
) -> Trees:
    """Return trees fitted to draws of the rows; `response` has a number for each."""
    start = float(response[0] + np.mean(response - response[0]))
    groups = sort_columns(factors)
    at_once = max(_ROWS_AT_ONCE // settings.max_samples, 1)
    numbers = [
        min(at_once, settings.n_estimators - first)
        for first in range(0, settings.n_estimators, at_once)
    ]
    seeds = np.random.RandomState(seed).randint(2**31 - 1, size=len(numbers))
    residual = response - start
    parts = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_grow)(
            factors, groups, residual, settings, n_trees, np.random.RandomState(own)
        )
        for n_trees, own in zip(numbers, seeds, strict=True)
    )
    return Trees(start, parts, numbers)


def _grow(
    factors: Sequence[Factor],
    groups: Sequence[Columns],
    response: np.ndarray,
    settings: ForestSettings,
    n_trees: int,
    rng: np.random.RandomState,
) -> Nodes:
    """Return some trees."""
    growing = _Growing(factors, groups, response, settings, n_trees, rng)
    depth = 0
    while len(growing.sizes):
        depth += 1
        growing.divide(growing.find_splits(), last=depth == settings.max_depth)
    return growing.finish()


def _count_candidates(max_features: float | str | None, n_columns: int) -> int:
    """Return the number of columns to draw for a split."""
    if max_features is None:
        return n_columns
    if max_features == "sqrt":
        return max(int(np.sqrt(n_columns)), 1)
    if max_features == "log2":
        return max(int(np.log2(n_columns)), 1)
    if isinstance(max_features, Integral):
        return min(int(max_features), n_columns)
    return max(int(float(max_features) * n_columns), 1)


class _Growing:
    """Some trees that grow: the nodes of their last level that may be divided.

    `orders` has the drawn rows of these nodes for each factor, by node and level,
    `sizes` the number of drawn rows of each node, `numbers` its number in the last of
    the `generations`.
    """

    def __init__(
        self,
        factors: Sequence[Factor],
        groups: Sequence[Columns],
        response: np.ndarray,
        settings: ForestSettings,
        n_trees: int,
        rng: np.random.RandomState,
    ) -> None:
        self.groups = groups
        self.settings = settings
        self.rng = rng
        self.n_trees = n_trees
        drawn = [
            np.unique(
                rng.randint(len(response), size=settings.max_samples),
                return_counts=True,
            )
            for _ in range(n_trees)
        ]
        row = np.concatenate([rows for rows, _ in drawn])
        tree = np.repeat(np.arange(n_trees), [len(rows) for rows, _ in drawn])
        self.weight = np.concatenate([times for _, times in drawn]).astype(np.float64)
        self.response = response[row]
        self.total = self.weight * self.response
        self.levels = [factor.level[row] for factor in factors]
        self.orders = [np.lexsort((level, tree)) for level in self.levels]
        sizes = [len(group.numbers) for group in groups]
        self.group_of_columns = np.repeat(np.arange(len(groups)), sizes)
        self.n_candidates = _count_candidates(settings.max_features, sum(sizes))
        self.generations: list[Nodes] = []
        self._begin(np.bincount(tree, minlength=n_trees), last=False)

    def _begin(self, sizes: np.ndarray, *, last: bool) -> None:
        """Begin with new nodes, and keep the rows of those that may be divided."""
        firsts = np.cumsum(sizes) - sizes
        rows = self.orders[0]
        response, weight = self.response[rows], self.weight[rows]
        of_node = np.add.reduceat(weight, firsts)
        nodes = Nodes.of_leaves(len(sizes))
        nodes.value[:] = np.add.reduceat(self.total[rows], firsts) / of_node
        nodes.value[:] /= self.settings.n_estimators
        self.generations.append(nodes)
        differ = np.minimum.reduceat(response, firsts) < np.maximum.reduceat(
            response, firsts
        )
        enough = of_node >= 2 * self.settings.min_samples_leaf
        kept = differ & enough & (not last)
        self.numbers = np.flatnonzero(kept)
        self.sizes = sizes[kept]
        stay = np.repeat(kept, sizes)
        self.orders = [order[stay] for order in self.orders]

    def find_splits(self) -> Splits:
        """Return the best split of each node by columns that are drawn for it.

        More are drawn where none of them divides a node. Of two rows, any column that
        divides them is as good as any other.
        """
        # In one order for all levels, a column beside a better one would not be used.
        self.draws = [ColumnDraws(group, self.rng) for group in self.groups]
        self.runs = [self._find_runs(k) for k in range(len(self.orders))]
        splits = Splits.none(len(self.sizes))
        two = self.sizes == 2
        self._search(splits, np.flatnonzero(two), 1)
        self._search(splits, np.flatnonzero(~two), self.n_candidates)
        return splits

    def _find_runs(self, factor: int) -> Runs:
        """Return the runs of a factor, from rows in order of node and level."""
        order = self.orders[factor]
        level = self.levels[factor][order]
        ends = np.cumsum(self.sizes)
        begins = np.empty(len(level), dtype=bool)
        np.not_equal(level[1:], level[:-1], out=begins[1:])
        begins[0] = begins[ends[:-1]] = True
        first = np.flatnonzero(begins)
        return Runs(
            level[first],
            np.add.reduceat(self.weight[order], first),
            np.add.reduceat(self.total[order], first),
            np.searchsorted(first, [0, *ends]),
        )

    def _search(self, splits: Splits, nodes: np.ndarray, n_candidates: int) -> None:
        """Search the best splits of some nodes among some columns, or more."""
        places = [draws.begin(len(nodes)) for draws in self.draws]
        n_groups, end = len(self.groups), 0
        used = np.zeros(n_groups, dtype=np.int64)
        order = self.rng.permutation(self.group_of_columns)
        while len(nodes) and end < len(order):
            begin, end = end, max(2 * end, n_candidates)
            drawn = np.bincount(order[begin:end], minlength=n_groups)
            for number in np.flatnonzero(drawn).tolist():
                candidates = Candidates(
                    self.draws[number],
                    (places[number] + used[number]) % self.draws[number].n_columns,
                    int(drawn[number]),
                )
                runs = self.runs[self.groups[number].factor]
                least = self.settings.min_samples_leaf
                splits.improve(nodes, search(candidates, runs, nodes, number, least))
            used += drawn
            left = splits.worth[nodes] == CONSTANT
            nodes, places = nodes[left], [place[left] for place in places]

    def divide(self, splits: Splits, *, last: bool) -> None:
        """Divide the nodes that have a split; the others predict their mean."""
        divided = splits.worth >= 0
        nodes = self.generations[-1]
        above = np.zeros(len(self.weight), dtype=bool)
        node = np.repeat(np.arange(len(self.sizes)), self.sizes)
        for number, group in enumerate(self.groups):
            mine = divided & (splits.group == number)
            at = np.flatnonzero(mine[node])
            of_rows = node[at]
            rows = self.orders[group.factor][at]
            codes = group.codes[self.levels[group.factor][rows], splits.column[of_rows]]
            above[rows] = codes > splits.code[of_rows]
            column, code = splits.column[mine], splits.code[mine]
            nodes.column[self.numbers[mine]] = group.numbers[column]
            nodes.threshold[self.numbers[mine]] = group.threshold(
                column, code, splits.next_code[mine]
            )
        nodes.below[self.numbers[divided]] = 2 * np.arange(np.count_nonzero(divided))
        if not divided.all():
            stay = divided[node]
            self.orders = [order[stay] for order in self.orders]
        sizes = self.sizes[divided]
        if len(sizes):
            self._begin(self._part(above, sizes), last=last)
        else:
            self.sizes = sizes

    def _part(self, above: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Move the rows above a threshold behind the others of their node.

        Return the sizes of the parts of each node, one after the other.
        """
        firsts = np.cumsum(sizes) - sizes
        n_above = np.add.reduceat(above[self.orders[0]], firsts, dtype=np.int64)
        n_below = sizes - n_above
        before = np.cumsum(n_above) - n_above  # above, in earlier nodes
        shift = np.repeat(before, sizes)
        begin = np.repeat(firsts + n_below, sizes)  # of those above
        every = np.arange(len(shift))
        for k, order in enumerate(self.orders):
            is_above = above[order]
            rank = np.cumsum(is_above) - is_above - shift  # rows above before this one
            parted = np.empty_like(order)
            parted[np.where(is_above, begin + rank, every - rank)] = order
            self.orders[k] = parted
        return np.column_stack([n_below, n_above]).ravel()

    def finish(self) -> Nodes:
        """Return the trees."""
        ends = np.cumsum([len(nodes.column) for nodes in self.generations])
        for nodes, end in zip(self.generations, ends, strict=True):
            nodes.below[:] += end
        return Nodes(*map(np.concatenate, zip(*self.generations, strict=True)))
