"""Molecules as graphs: atoms, bonds and distances, as networks take them."""

from sklearn_csg2a.chem.graphs.mat import (
    N_NODE_FEATURES,
    MoleculeGraph,
    molecule_graph,
    molecule_graphs,
    unsupported_elements,
)

__all__ = [
    "N_NODE_FEATURES",
    "MoleculeGraph",
    "molecule_graph",
    "molecule_graphs",
    "unsupported_elements",
]
