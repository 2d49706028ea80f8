"""Atoms of a compound as feature vectors, with the neighbors of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rdkit import Chem

from sklearn_csg2a.chem._compounds import parse_smiles

__all__ = [
    "N_ATOM_FEATURES",
    "AtomGraph",
    "atom_graph",
    "pad_atom_graphs",
]

_ELEMENTS = [
    "C",
    "N",
    "O",
    "S",
    "F",
    "Si",
    "P",
    "Cl",
    "Br",
    "Mg",
    "Na",
    "Ca",
    "Fe",
    "As",
    "Al",
    "I",
    "B",
    "V",
    "K",
    "Tl",
    "Yb",
    "Sb",
    "Sn",
    "Ag",
    "Pd",
    "Co",
    "Se",
    "Ti",
    "Zn",
    "H",
    "Li",
    "Ge",
    "Cu",
    "Au",
    "Ni",
    "Cd",
    "In",
    "Mn",
    "Zr",
    "Cr",
    "Pt",
    "Hg",
    "Pb",
]
_HYBRIDIZATIONS = (
    Chem.HybridizationType.SP,
    Chem.HybridizationType.SP2,
    Chem.HybridizationType.SP3,
    Chem.HybridizationType.SP3D,
    Chem.HybridizationType.SP3D2,
)

N_ATOM_FEATURES = {"graphdrp": 78, "drpreter": 77}


@dataclass(frozen=True)
class AtomGraph:
    """Atoms with features, and the bonds between them.

    Attributes
    ----------
    features : ndarray of shape (n_atoms, n_features), dtype float32
        One row per atom.
    neighbors : ndarray of shape (n_atoms, max_degree), dtype int64
        Neighbors of each atom, padded with -1.
    """

    features: np.ndarray
    neighbors: np.ndarray


@lru_cache(maxsize=16384)
def atom_graph(smiles: str, kind: str) -> AtomGraph:
    """Build the graph of one compound; it is cached, so do not modify it.

    Parameters
    ----------
    smiles : str
        One compound.
    kind : {"graphdrp", "drpreter"}
        Feature set: 78 features that sum to one for each atom, or 77.

    Returns
    -------
    graph : AtomGraph
        Atoms in the order of the SMILES, without hydrogens.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem.graphs.atoms import atom_graph
    >>> graph = atom_graph("CCO", "graphdrp")
    >>> graph.features.shape, graph.neighbors.tolist()
    ((3, 78), [[1, -1], [0, 2], [1, -1]])
    """
    mol = parse_smiles(smiles)
    describe = _DESCRIPTIONS[kind]
    features = np.array([describe(atom) for atom in mol.GetAtoms()], dtype=np.float32)
    lists = [[other.GetIdx() for other in a.GetNeighbors()] for a in mol.GetAtoms()]
    graph = AtomGraph(features, _pad_lists(lists))
    graph.features.flags.writeable = False
    graph.neighbors.flags.writeable = False
    return graph


def pad_atom_graphs(
    graphs: Sequence[AtomGraph],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pad graphs of different sizes to arrays of one shape.

    Parameters
    ----------
    graphs : sequence of AtomGraph
        At least one.

    Returns
    -------
    features : ndarray of shape (n_graphs, max_atoms, n_features)
        Padded with zeros.
    neighbors : ndarray of shape (n_graphs, max_atoms, max_degree)
        Positions in the same graph, padded with -1.
    n_atoms : ndarray of shape (n_graphs,)
        Number of atoms of each graph.

    Examples
    --------
    >>> from sklearn_csg2a.chem.graphs.atoms import atom_graph, pad_atom_graphs
    >>> graphs = [atom_graph(one, "drpreter") for one in ("C", "CCO")]
    >>> [part.shape for part in pad_atom_graphs(graphs)]
    [(2, 3, 77), (2, 3, 2), (2,)]
    """
    n_atoms = np.array([len(graph.features) for graph in graphs], dtype=np.int64)
    degree = max(graph.neighbors.shape[1] for graph in graphs)
    shape = (len(graphs), int(n_atoms.max()))
    features = np.zeros((*shape, graphs[0].features.shape[1]), dtype=np.float32)
    neighbors = np.full((*shape, degree), -1, dtype=np.int64)
    for i, graph in enumerate(graphs):
        features[i, : n_atoms[i]] = graph.features
        neighbors[i, : n_atoms[i], : graph.neighbors.shape[1]] = graph.neighbors
    return features, neighbors, n_atoms


def _pad_lists(lists: Sequence[Sequence[int]]) -> np.ndarray:
    """Return lists as rows of an array, padded with -1; at least one column."""
    width = max(1, *(len(indices) for indices in lists), 1)
    padded = np.full((len(lists), width), -1, dtype=np.int64)
    for row, indices in zip(padded, lists, strict=True):
        row[: len(indices)] = indices
    return padded


def _graphdrp_features(atom: Chem.Atom) -> list[float]:
    """Return element, degree, hydrogens, valence and aromaticity; they sum to one."""
    values = [
        *_one_hot(atom.GetSymbol(), [*_ELEMENTS, "other"], last_is_other=True),
        *_one_hot(atom.GetDegree(), range(11), last_is_other=True),
        *_one_hot(atom.GetTotalNumHs(), range(11), last_is_other=True),
        *_one_hot(_implicit_valence(atom), range(11), last_is_other=True),
        float(atom.GetIsAromatic()),
    ]
    total = sum(values)
    return [value / total for value in values]


def _drpreter_features(atom: Chem.Atom) -> list[float]:
    """Return the 77 features; a group is all zero for an unlisted value."""
    return [
        *_one_hot(atom.GetSymbol(), _ELEMENTS),
        *_one_hot(atom.GetDegree(), range(11)),
        *_one_hot(_implicit_valence(atom), range(7)),
        float(atom.GetFormalCharge()),
        float(atom.GetNumRadicalElectrons()),
        *_one_hot(atom.GetHybridization(), _HYBRIDIZATIONS),
        float(atom.GetIsAromatic()),
        *_one_hot(atom.GetTotalNumHs(), range(5)),
        float(atom.IsInRing()),
        *_one_hot(_chirality(atom), ("R", "S")),
    ]


_DESCRIPTIONS: dict[str, Callable[[Chem.Atom], list[float]]] = {
    "graphdrp": _graphdrp_features,
    "drpreter": _drpreter_features,
}


def _one_hot(
    value: object, choices: Sequence[object], *, last_is_other: bool = False
) -> list[float]:
    """One-hot encode a value; an unlisted value gives zeros or the last column."""
    hot = [float(value == choice) for choice in choices]
    if last_is_other and not any(hot):
        hot[-1] = 1.0
    return hot


def _implicit_valence(atom: Chem.Atom) -> int:
    """Return the valence of implicit hydrogens."""
    return atom.GetNumImplicitHs()


def _chirality(atom: Chem.Atom) -> str:
    """Return R, S or an empty string."""
    return atom.GetProp("_CIPCode") if atom.HasProp("_CIPCode") else ""
