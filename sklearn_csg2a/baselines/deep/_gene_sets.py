"""Gene sets as positions among the genes of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from sklearn_csg2a.exceptions import GeneMismatchError, InputError

__all__ = [
    "choose_gene_sets",
    "find_gene_sets",
    "group_genes",
    "membership",
    "nest_modules",
]

_MIN_GENES_PER_MODULE = 5  # on average, if there are many modules
_FEW_MODULES = 20


def choose_gene_sets(
    gene_sets: Mapping[str, Iterable[str]] | None,
    genes: Sequence[str],
    min_genes: int,
    make_modules: Callable[[], dict[str, list[int]]],
) -> tuple[dict[str, list[str]], dict[str, list[int]]]:
    """Return names and positions of the genes in each set; None: those of modules."""
    if gene_sets is None:
        found = make_modules()
    else:
        found = find_gene_sets(gene_sets, genes, min_genes)
    names = {name: [genes[i] for i in members] for name, members in found.items()}
    return names, found


def find_gene_sets(
    gene_sets: Mapping[str, Iterable[str]], genes: Iterable[str], min_genes: int
) -> dict[str, list[int]]:
    """Return the positions of the genes of each set, without sets that are too small.

    If all of them are, the error shows a gene of the model and one of a set.
    """
    position = {gene: i for i, gene in enumerate(genes)}
    found: dict[str, list[int]] = {}
    for name, members in gene_sets.items():
        if isinstance(members, str):
            msg = (
                f"gene_sets[{name!r}] is the string {members!r}; give a list of "
                "gene symbols."
            )
            raise InputError(msg)
        inside = {position[gene] for gene in members if gene in position}
        if len(inside) >= min_genes:
            found[str(name)] = sorted(inside)
    if not found:
        first = next((list(members)[:1] for members in gene_sets.values()), [])
        msg = (
            f"None of the {len(gene_sets)} gene_sets holds {min_genes} or more of the "
            f"{len(position)} genes (a gene of the model: {next(iter(position))!r}; of "
            f"a set: {first[0] if first else 'none'!r}). Use the same gene symbols, "
            "or a smaller min_genes."
        )
        raise GeneMismatchError(msg)
    return found


def group_genes(
    expression: np.ndarray, n_modules: int, seed: int
) -> dict[str, list[int]]:
    """Group genes of similar expression (cells, genes) by k-means."""
    profiles = expression.T.astype(np.float64)  # (genes, cells)
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(profiles, axis=1, keepdims=True)
    profiles = profiles / np.where(norms > 0, norms, 1.0)
    n_distinct = len(np.unique(profiles, axis=0))
    n_most = max(_FEW_MODULES, n_distinct // _MIN_GENES_PER_MODULE)
    n_modules = min(n_modules, n_most, n_distinct)
    kmeans: Any = KMeans(n_modules, n_init=1, random_state=seed)
    labels = kmeans.fit_predict(profiles)
    modules = [np.flatnonzero(labels == k).tolist() for k in range(n_modules)]
    return {f"module{k}": genes for k, genes in enumerate(modules) if genes}


def nest_modules(
    expression: np.ndarray, n_modules: int, seed: int
) -> dict[str, list[int]]:
    """Group genes; if there are few modules, add half as many larger ones, and so on.

    ReLU discards half of the values of a pathway with one gene, so a gene should be in
    several pathways, as in published collections.
    """
    modules = group_genes(expression, n_modules, seed)
    n_larger = len(modules) if len(modules) <= _FEW_MODULES else 0
    while n_larger := n_larger // 2:
        larger = group_genes(expression, n_larger, seed)
        for genes in larger.values():
            modules[f"module{len(modules)}"] = genes
    return modules


def membership(gene_sets: Mapping[str, list[int]], n_genes: int) -> np.ndarray:
    """Return a table (sets, genes) that is 1 if the set holds the gene, else 0."""
    table = np.zeros((len(gene_sets), n_genes), dtype=np.float32)
    for row, members in zip(table, gene_sets.values(), strict=True):
        row[members] = 1.0
    return table
