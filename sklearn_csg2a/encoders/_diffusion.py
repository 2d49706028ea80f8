"""Terms that are genes, spread over their neighbors in an interactome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_csg2a.encoders._annotation_table import fold_term
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.treatments._genes import read_interactome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Interactome", "spread_terms"]

_COLUMNS_AT_ONCE = 256
_LEFT = 1e-4  # of the walk, where it is cut off
_SMALLEST = 1e-3  # of the nearness of two genes that is kept


class Interactome:
    """Nearness of genes by a random walk with restart.

    The walk steps to a random neighbor, or back to its gene with the probability
    `restart`. Transitions are scaled by the degrees of both ends, so that nearness is
    symmetric; divided by that of both genes to themselves, it is 1 of a gene to itself
    and below 1 of any two others.

    Parameters
    ----------
    interactome : DataFrame or mapping
        Edges, `source`, `target` and optionally `score`, or a labelled adjacency.
    restart : float
        Probability to go back, above 0; 1 spreads nothing.
    """

    def __init__(self, interactome: Any, restart: float) -> None:
        self.restart = restart
        self.genes = _list_genes(interactome)
        adjacency = read_interactome(interactome, self.genes, genes_named=True).tocsr()
        adjacency.setdiag(0)
        scale = np.maximum(adjacency.sum(axis=1), 1e-12) ** -0.5
        scale[scale > 1e5] = 0  # a gene without neighbors
        self._steps = sparse.csr_array(
            sparse.diags_array(scale) @ adjacency @ sparse.diags_array(scale)
        )

    def nearness(self, terms: Sequence[str]) -> sparse.csr_array | None:
        """Return the nearness of terms, (n, n); None if none of them is a gene.

        Terms that are no gene are near to themselves alone.
        """
        place = {fold_term(gene): row for row, gene in enumerate(self.genes)}
        rows = np.array([place.get(fold_term(term), -1) for term in terms], dtype=int)
        among = np.flatnonzero(rows >= 0)
        if len(among) == 0:
            return None
        visits = np.hstack(
            [
                self._visit(rows[some])[rows[among]]
                for some in _in_blocks(among, _COLUMNS_AT_ONCE)
            ]
        )
        own = np.sqrt(visits.diagonal())
        near = visits / own[:, None] / own
        near[near < _SMALLEST] = 0
        np.fill_diagonal(near, 1)
        entries = sparse.coo_array(near)
        ends = among[entries.row], among[entries.col]
        size = (len(terms), len(terms))
        others = np.setdiff1d(np.arange(len(terms)), among)
        alone = sparse.coo_array((np.ones(len(others)), (others, others)), size)
        return (sparse.coo_array((entries.data, ends), size) + alone).tocsr()

    def _visit(self, start: np.ndarray) -> np.ndarray:
        """Return how often walks from some genes visit each, (n_genes, n_start)."""
        first = np.zeros((len(self.genes), len(start)))
        first[start, np.arange(len(start))] = self.restart
        visits, left = first.copy(), 1 - self.restart
        while left > _LEFT:
            visits = first + (1 - self.restart) * (self._steps @ visits)
            left *= 1 - self.restart
        return visits


def _list_genes(interactome: Any) -> list[str]:
    """Return the genes of edges or of a labelled adjacency."""
    if not isinstance(interactome, pd.DataFrame):
        msg = (
            "interactome must be a table of edges with columns 'source' and 'target', "
            "or an adjacency as a DataFrame labelled by gene, got "
            f"{type(interactome).__name__}."
        )
        raise InputError(msg)
    if "source" in interactome.columns and "target" in interactome.columns:
        ends = pd.concat([interactome["source"], interactome["target"]])
        return list(pd.unique(ends.dropna()))
    return list(interactome.index)


def _in_blocks(values: np.ndarray, size: int) -> Iterable[np.ndarray]:
    """Yield consecutive blocks of at most so many values."""
    for first in range(0, len(values), size):
        yield values[first : first + size]


def spread_terms(
    marks: dict[str, sparse.csr_array],
    terms: dict[str, list[str]],
    interactome: Interactome,
) -> dict[str, sparse.csr_array]:
    """Return the terms of compounds spread over near genes, by column.

    Raises
    ------
    GeneMismatchError
        If no term of any column is a gene of the interactome.
    """
    near = {name: interactome.nearness(of_it) for name, of_it in terms.items()}
    if all(one is None for one in near.values()):
        some = next((of_it[0] for of_it in terms.values() if of_it), None)
        msg = (
            f"None of the terms of the columns {list(terms)} is one of the "
            f"{len(interactome.genes)} genes of interactome (a term: {some!r}; a gene: "
            f"{interactome.genes[0]!r}). Use the same gene symbols, or no interactome."
        )
        raise GeneMismatchError(msg)
    return {
        name: marks[name] if one is None else sparse.csr_array(marks[name] @ one)
        for name, one in near.items()
    }
