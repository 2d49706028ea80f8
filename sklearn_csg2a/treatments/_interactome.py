"""From edges or an adjacency to the entries of A_PPI over the model's genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_csg2a.exceptions import GeneMismatchError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_interactome"]


def read_interactome(
    interactome: Any, genes: Sequence[str], *, genes_named: bool
) -> sparse.coo_array:
    """Return the symmetric adjacency with ones on the diagonal, (genes, genes).

    `interactome` is a table of edges (`source`, `target`, optional `score`
    between 0 and 1 as the weight), a dense or sparse (genes, genes) adjacency in
    the order of `genes`, a DataFrame adjacency labelled by gene, or None.
    """
    n_genes = len(genes)
    if interactome is None:
        off_diagonal = sparse.coo_array((n_genes, n_genes))
    elif isinstance(interactome, pd.DataFrame) and "source" in interactome.columns:
        off_diagonal = _from_edges(interactome, genes, genes_named=genes_named)
    else:
        off_diagonal = _from_adjacency(interactome, genes)
    off_diagonal = sparse.coo_array(off_diagonal)
    kept = off_diagonal.row != off_diagonal.col
    rows = np.concatenate([off_diagonal.row[kept], np.arange(n_genes)])
    columns = np.concatenate([off_diagonal.col[kept], np.arange(n_genes)])
    values = np.concatenate([off_diagonal.data[kept], np.ones(n_genes)])
    return sparse.coo_array((values, (rows, columns)), shape=(n_genes, n_genes))


def _from_edges(
    edges: pd.DataFrame, genes: Sequence[str], *, genes_named: bool
) -> sparse.coo_array:
    """Build the adjacency from undirected edges between known genes."""
    if "target" not in edges.columns:
        msg = (
            "interactome has a column 'source' but no 'target'; its columns are "
            f"{list(edges.columns)}. Name the two ends of an edge source and target."
        )
        raise InputError(msg)
    if not genes_named:
        msg = (
            "interactome is a table of edges between named genes, but X is a plain "
            "array without gene names. Pass X as a DataFrame, or an adjacency matrix."
        )
        raise InputError(msg)
    position = pd.Series(np.arange(len(genes)), index=list(genes))
    source = position.reindex(edges["source"]).to_numpy()
    target = position.reindex(edges["target"]).to_numpy()
    known = ~(np.isnan(source) | np.isnan(target))
    if not known.any():
        msg = (
            f"None of the {len(edges)} edges of interactome joins two of the "
            f"{len(genes)} genes (a gene of the model: {genes[0]!r}; an edge: "
            f"{edges['source'].iloc[0] if len(edges) else 'none'!r}). "
            "Use the same gene symbols."
        )
        raise GeneMismatchError(msg)
    weight = _edge_weights(edges)[known]
    ends = np.column_stack([source[known], target[known]]).astype(np.int64)
    low, high = ends.min(axis=1), ends.max(axis=1)
    code, first = np.unique(low * len(genes) + high, return_index=True)
    low, high, weight = code // len(genes), code % len(genes), weight[first]
    return sparse.coo_array(
        (
            np.concatenate([weight, weight]),
            (np.concatenate([low, high]), np.concatenate([high, low])),
        ),
        shape=(len(genes), len(genes)),
    )


def _edge_weights(edges: pd.DataFrame) -> np.ndarray:
    """Return the score of each edge, 1 where there is none."""
    if "score" not in edges.columns:
        return np.ones(len(edges))
    scores = pd.to_numeric(edges["score"], errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    if len(bad):
        msg = (
            f"interactome column 'score', row {bad[0]} (index "
            f"{edges.index[bad[0]]!r}): {edges['score'].iloc[bad[0]]!r} is not between "
            f"0 and 1 ({len(bad)} such rows). Divide STRING's scores by 1000."
        )
        raise InputError(msg)
    return scores


def _from_adjacency(interactome: Any, genes: Sequence[str]) -> sparse.coo_array:
    """Check a (genes, genes) adjacency, dense, sparse or labelled."""
    n_genes = len(genes)
    if isinstance(interactome, pd.DataFrame):
        missing = [g for g in genes if g not in interactome.index]
        missing += [g for g in genes if g not in interactome.columns]
        if missing:
            msg = (
                f"interactome lacks {len(set(missing))} of {n_genes} genes as row or "
                f"column labels (first: {missing[0]!r})."
            )
            raise GeneMismatchError(msg)
        interactome = interactome.loc[list(genes), list(genes)].to_numpy()
    adjacency = sparse.coo_array(interactome, dtype=np.float64)
    if adjacency.shape != (n_genes, n_genes):
        msg = (
            f"interactome has shape {adjacency.shape}, expected ({n_genes}, "
            f"{n_genes}), one row and column per gene in the order of the genes."
        )
        raise InputError(msg)
    if not np.isfinite(adjacency.data).all():
        msg = "interactome holds NaN or infinite values; use 0 where there is no edge."
        raise InputError(msg)
    if abs(adjacency - adjacency.T).max() > 0:
        msg = (
            "interactome is not symmetric; protein interactions have no direction. "
            "Use (A + A.T) / 2 or the maximum of both."
        )
        raise InputError(msg)
    return adjacency
