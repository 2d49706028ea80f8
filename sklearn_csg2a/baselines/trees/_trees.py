"""Fitted regression trees as plain arrays, and their predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sklearn_csg2a.exceptions import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.baselines.trees._columns import Factor

__all__ = ["Nodes", "Trees"]

_BLOCK_ROWS = 8192


class Nodes(NamedTuple):
    """Nodes of one tree or several, each array of shape (n_nodes,); roots first.

    Rows whose value of `column` is larger than `threshold` go to the node after the one
    at `below`, others to that one. A node without any below has a column of -1 and
    predicts `value`.
    """

    column: np.ndarray
    threshold: np.ndarray
    below: np.ndarray
    value: np.ndarray

    @classmethod
    def of_leaves(cls, n_nodes: int) -> Nodes:
        """Return nodes without any below, which predict 0."""
        return cls(
            np.full(n_nodes, -1),
            np.zeros(n_nodes),
            np.zeros(n_nodes, dtype=np.int64),
            np.zeros(n_nodes),
        )


class Trees:
    """The sum of some trees, plus a constant.

    Parameters
    ----------
    start : float
        What is predicted without any tree.
    parts : list of Nodes
        The nodes of one tree or several.
    n_trees : list of int
        The number of trees of each part.
    """

    def __init__(
        self, start: float, parts: Sequence[Nodes], n_trees: Sequence[int]
    ) -> None:
        self.start = start
        ends = np.cumsum([len(nodes.column) for nodes in parts])
        firsts = [0, *ends[:-1].tolist()]
        self.first = np.concatenate(
            [first + np.arange(n) for first, n in zip(firsts, n_trees, strict=True)]
        )
        self.column = np.concatenate([n.column for n in parts]).astype(np.int32)
        self.threshold = np.concatenate([nodes.threshold for nodes in parts])
        self.below = np.concatenate(
            [nodes.below + first for nodes, first in zip(parts, firsts, strict=True)]
        ).astype(np.int32)
        self.value = np.concatenate([nodes.value for nodes in parts])

    def __len__(self) -> int:
        """Return the number of trees."""
        return len(self.first)

    def predict(self, factors: Sequence[Factor]) -> np.ndarray:
        """Return the predictions, (n_rows,), from the factors that were in the fit."""
        widths = [factor.values.shape[1] for factor in factors]
        edges = np.cumsum([0, *widths])
        self._check_nodes(edges[-1])
        factor_of = np.searchsorted(edges, self.column, side="right") - 1
        within = self.column - edges[factor_of]  # number within the factor
        values = np.concatenate([factor.values.ravel() for factor in factors])
        starts = np.cumsum([0, *(factor.values.size for factor in factors)])
        place = np.stack(  # of the first value of each row in each factor
            [
                start + factor.level * width
                for start, factor, width in zip(starts, factors, widths, strict=False)
            ]
        )
        predicted = np.full(place.shape[1], self.start)
        for first in range(0, len(predicted), _BLOCK_ROWS):
            rows = slice(first, first + _BLOCK_ROWS)
            for root in self.first.tolist():
                leaf = self._descend(root, values, place[:, rows], factor_of, within)
                predicted[rows] += self.value[leaf]
        return predicted

    def _check_nodes(self, n_columns: int) -> None:
        """Reject nodes of a damaged model, which rows would never leave."""
        splits = np.flatnonzero(self.column >= 0)
        below = self.below[splits]
        if (below <= splits).any() or (below >= len(self.column) - 1).any():
            raise ModelFileError(
                "The model has a tree whose nodes point outside of it."
            )
        if (self.column >= n_columns).any():
            raise ModelFileError(
                "The model has a tree that splits at a missing column."
            )

    def _descend(
        self,
        root: int,
        values: np.ndarray,
        place: np.ndarray,
        factor_of: np.ndarray,
        within: np.ndarray,
    ) -> np.ndarray:
        """Return the last node of each row."""
        last = np.full(place.shape[1], root, dtype=np.int32)
        rows = np.arange(len(last))
        while True:
            node = last[rows]
            splits = self.column[node] >= 0
            if not splits.all():
                rows, node = rows[splits], node[splits]
            if not len(rows):
                return last
            value = values[place[factor_of[node], rows] + within[node]]
            last[rows] = self.below[node] + (value > self.threshold[node])
