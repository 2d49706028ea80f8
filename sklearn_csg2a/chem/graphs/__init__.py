"""Molecules as graphs of atoms, bonds and distances: the input of networks."""

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
