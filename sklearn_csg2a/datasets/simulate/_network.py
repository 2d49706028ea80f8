"""A modular interactome and the effects of perturbing its targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Effects", "make_network", "pick_targets", "plant_effects"]

MODULE_SIZE = 12
SELF = -0.8  # effect of a perturbation on the target itself
DECAY = {1: 1.0, 2: 0.5}  # factor of the weight at each step


class Effects(NamedTuple):
    """Planted effect of every target: matrices and the edges they act through."""

    matrices: np.ndarray  # (targets, changed gene, source gene)
    edges: list[
        tuple[int, int, int, float, int]
    ]  # target, source, changed, weight, step


def make_network(
    n_genes: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Grow modules by preferential attachment; return adjacency and module labels.

    Shapes (n_genes, n_genes) bool and (n_genes,) int.
    """
    module = np.minimum(np.arange(n_genes) // MODULE_SIZE, n_genes // MODULE_SIZE - 1)
    adjacency = np.zeros((n_genes, n_genes), dtype=bool)
    for label in np.unique(module):
        members = np.flatnonzero(module == label)
        for position, gene in enumerate(members[1:], start=1):
            older = members[:position]
            chance = adjacency[older].sum(axis=1) + 1.0
            n_links = min(2, position)
            partners = rng.choice(
                older, n_links, replace=False, p=chance / chance.sum()
            )
            adjacency[gene, partners] = adjacency[partners, gene] = True
    for gene in rng.permutation(n_genes)[: n_genes // 4]:
        others = np.flatnonzero(module != module[gene])
        chance = adjacency[others].sum(axis=1) + 1.0
        partner = rng.choice(others, p=chance / chance.sum())
        adjacency[gene, partner] = adjacency[partner, gene] = True
    return adjacency, module


def pick_targets(
    adjacency: np.ndarray, module: np.ndarray, n_targets: int
) -> np.ndarray:
    """Choose the hub of every module in turn, then the second hubs, and so on."""
    degree = adjacency.sum(axis=1)
    ranked: list[tuple[int, int, int]] = []
    for label in np.unique(module):
        members = np.flatnonzero(module == label)
        by_degree = members[np.argsort(-degree[members], kind="stable")]
        ranked += [(rank, int(label), int(g)) for rank, g in enumerate(by_degree)]
    return np.array([gene for _, _, gene in sorted(ranked)[:n_targets]])


def plant_effects(
    adjacency: np.ndarray,
    module: np.ndarray,
    targets: np.ndarray,
    rng: np.random.Generator,
) -> Effects:
    """Propagate every perturbation over two steps of the interactome.

    The first step follows all edges of the target, the second reaches genes of the
    target's module with half the weight. A strongly expressed source lowers the
    expression of the genes it reaches (for one edge in seven it raises it).
    """
    n_genes = len(adjacency)
    matrices = np.zeros((len(targets), n_genes, n_genes))
    edges: list[tuple[int, int, int, float, int]] = []
    for index, target in enumerate(targets.tolist()):
        matrices[index, target, target] = SELF
        first = np.flatnonzero(adjacency[target])
        steps = [(target, gene, 1) for gene in first.tolist()]
        reached = {target, *first.tolist()}
        for source in first.tolist():
            for gene in np.flatnonzero(adjacency[source]).tolist():
                if gene not in reached and module[gene] == module[target]:
                    reached.add(gene)
                    steps.append((source, gene, 2))
        for source, gene, step in steps:
            size = rng.uniform(1.5, 3.0) * DECAY[step]
            weight = size if rng.random() < 1 / 7 else -size
            matrices[index, gene, source] = weight
            edges.append((index, source, gene, weight, step))
    return Effects(matrices, edges)
