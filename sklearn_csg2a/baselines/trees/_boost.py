"""Gradient boosting for squared errors, on sums by cell line, compound and dose."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sklearn_csg2a.baselines.trees._columns import sort_columns
from sklearn_csg2a.baselines.trees._trees import Nodes, Trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.baselines.trees._columns import Factor

__all__ = ["BoostingSettings", "boost"]

_MOST_BYTES = 2**28  # of the sums kept for nodes that may be split


class BoostingSettings(NamedTuple):
    """The parameters of GradientBoostingResponse of the same names."""

    max_iter: int
    learning_rate: float
    max_leaf_nodes: int | None
    min_samples_leaf: int
    max_features: float
    l2_regularization: float


class _Split(NamedTuple):
    """Rows with a code above `code` in a column of a group leave the others."""

    group: int
    column: int
    code: int


@dataclass(eq=False)
class _Node:
    """A node of a growing tree.

    `sums` has an array (2, n_levels) for each group of columns, with the sum of the
    residuals and the number of rows of each level, `above` an array
    (2, n_bins - 1, n_columns) with the same above each threshold. Both are empty where
    they are not known.
    """

    number: int
    rows: np.ndarray
    sums: list[np.ndarray]
    above: list[np.ndarray] = field(default_factory=list)
    split: _Split | None = None
    gain: float = 0.0


def boost(
    factors: Sequence[Factor],
    response: np.ndarray,
    settings: BoostingSettings,
    rng: np.random.RandomState,
) -> Trees:
    """Fit trees to the response (n_rows,), one after the other."""
    start = float(response[0] + np.mean(response - response[0]))
    residual = response - start
    grower = _Grower(factors, settings, rng)
    trees = [grower.grow(residual) for _ in range(settings.max_iter)]
    return Trees(start, trees, [1] * len(trees))


class _Grower:
    """Grow trees by the split with the largest gain of all nodes."""

    def __init__(
        self,
        factors: Sequence[Factor],
        settings: BoostingSettings,
        rng: np.random.RandomState,
    ) -> None:
        self.groups = sort_columns(factors)
        self.levels = [factors[group.factor].level for group in self.groups]
        self.rows = np.arange(len(factors[0].level))
        self.settings = settings
        self.rng = rng
        self.n_columns = sum(len(group.numbers) for group in self.groups)
        numbers = sum(g.smallest.size + len(g.codes) for g in self.groups)
        self.most_kept = _MOST_BYTES // max(16 * numbers, 1)

    def grow(self, residual: np.ndarray) -> Nodes:
        """Fit a tree to the residuals, and subtract what it predicts from them."""
        root = _Node(0, self.rows, self._sum_rows(self.rows, residual))
        self._find_split(root)
        nodes = [root]
        divided: dict[int, tuple[_Split, int]] = {}
        waiting = [(-root.gain, 0)]
        most = self.settings.max_leaf_nodes or len(self.rows)
        while waiting and len(divided) < most - 1:
            node = nodes[heapq.heappop(waiting)[1]]
            if node.split is None:
                continue
            divided[node.number] = node.split, len(nodes)
            halves = self._divide(node, node.split, len(nodes), residual)
            nodes += halves
            if len(divided) < most - 1:
                self._find_splits(node, halves)
            for half in halves:
                if len(waiting) > self.most_kept:
                    half.sums, half.above = [], []
                heapq.heappush(waiting, (-half.gain, half.number))
            node.rows, node.sums, node.above = self.rows[:0], [], []
        return self._finish(nodes, divided, residual)

    def _sum_rows(self, rows: np.ndarray, residual: np.ndarray) -> list[np.ndarray]:
        """Return the sums of residuals and rows of each level, by group."""
        weights = residual[rows]
        sums = []
        for group, level in zip(self.groups, self.levels, strict=True):
            places, n_levels = level[rows], len(group.codes)
            of_residuals = np.bincount(places, weights, n_levels)
            sums.append(np.stack([of_residuals, np.bincount(places, None, n_levels)]))
        return sums

    def _divide(
        self, node: _Node, split: _Split, number: int, residual: np.ndarray
    ) -> tuple[_Node, _Node]:
        """Return the two nodes below, numbered from `number`."""
        if not node.sums:
            node.sums = self._sum_rows(node.rows, residual)
        group = self.groups[split.group]
        is_above = group.codes[:, split.column] > split.code
        above = is_above[self.levels[split.group][node.rows]]
        rows = node.rows[~above], node.rows[above]
        small = int(len(rows[1]) < len(rows[0]))
        few = self._sum_rows(rows[small], residual)
        rest = [both - one for both, one in zip(node.sums, few, strict=True)]
        first, second = (rest, few) if small else (few, rest)
        return _Node(number, rows[0], first), _Node(number + 1, rows[1], second)

    def _find_splits(self, node: _Node, halves: tuple[_Node, _Node]) -> None:
        """Find the splits of the halves of a node."""
        if node.above:
            for k, of_node in enumerate(node.above):
                n_levels = [np.count_nonzero(half.sums[k][1]) for half in halves]
                few, many = halves if n_levels[0] <= n_levels[1] else halves[::-1]
                few.above.append(self.groups[k].sums_above(few.sums[k]))
                many.above.append(np.subtract(of_node, few.above[k], out=of_node))
        for half in halves:
            self._find_split(half)

    def _find_split(self, node: _Node) -> None:
        """Find the best split of a node, if there is any."""
        if not self.groups or len(node.rows) < 2 * self.settings.min_samples_leaf:
            return
        if not node.above:
            pairs = zip(self.groups, node.sums, strict=True)
            node.above = [group.sums_above(sums) for group, sums in pairs]
        total, n_rows = node.sums[0][0].sum(), len(node.rows)
        unused = self._draw_unused()
        best = 0.0
        for number, above in enumerate(node.above):
            worth = self._rate_thresholds(above, total, n_rows)
            worth[:, unused[number]] = 0.0
            code, column = np.unravel_index(worth.argmax(), worth.shape)
            if worth[code, column] > best:
                best = worth[code, column]
                node.split = _Split(number, int(column), int(code))
        penalty = self.settings.l2_regularization
        both = n_rows + 2 * penalty
        change = total**2 / both - total**2 / (n_rows + penalty)
        node.gain = best * both + change
        if node.gain <= 0:
            node.split = None

    def _rate_thresholds(
        self, above: np.ndarray, total: float, n_rows: int
    ) -> np.ndarray:
        """Return a linear function of the gain of each threshold, at least 0.

        With sums s and t of the two halves, numbers m and n of their rows plus the
        penalty, the gain is s^2 / m + t^2 / n = (s + t)^2 / (m + n) + (m + n) worth,
        worth = (s - m (s + t) / (m + n))^2 / (m n), less that of the node.
        """
        settings = self.settings
        sums, numbers = above
        least = settings.min_samples_leaf
        too_few = (numbers < least) | (numbers > n_rows - least)
        if settings.l2_regularization:
            numbers = numbers + settings.l2_regularization
        both = n_rows + 2 * settings.l2_regularization
        worth = numbers * (-total / both)
        worth += sums
        worth *= worth
        product = both - numbers
        product *= numbers
        product[too_few] = np.inf
        worth /= product
        return worth

    def _draw_unused(self) -> Sequence[np.ndarray | slice]:
        """Return the columns of each group that may not split a node."""
        share = self.settings.max_features
        if share == 1.0:
            return [slice(0, 0)] * len(self.groups)
        n_used = max(int(share * self.n_columns), 1)
        unused = np.ones(self.n_columns, dtype=bool)
        unused[self.rng.permutation(self.n_columns)[:n_used]] = False
        ends = np.cumsum([len(group.numbers) for group in self.groups])
        return np.split(unused, ends[:-1])

    def _finish(
        self,
        nodes: list[_Node],
        divided: dict[int, tuple[_Split, int]],
        residual: np.ndarray,
    ) -> Nodes:
        """Return the nodes, and subtract what they predict from the residuals."""
        tree = Nodes.of_leaves(len(nodes))
        for number, (split, below) in divided.items():
            group = self.groups[split.group]
            tree.column[number] = group.numbers[split.column]
            tree.threshold[number] = group.threshold(split.column, split.code)
            tree.below[number] = below
        for node in nodes:
            if node.number not in divided:
                of_rows = residual[node.rows]
                weight = len(of_rows) + self.settings.l2_regularization
                value = self.settings.learning_rate * of_rows.sum() / weight
                tree.value[node.number] = value
                residual[node.rows] = of_rows - value
        return tree
