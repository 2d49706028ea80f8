"""Atoms and directed bonds of a compound as feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rdkit import Chem

from sklearn_csg2a.chem._compounds import parse_smiles

__all__ = ["N_ATOM_BOND_FEATURES", "BondGraph", "bond_graph", "pad_bond_graphs"]

N_ATOM_BOND_FEATURES = (133, 14)  # of an atom, of a bond

_CHARGES = (-1, -2, 1, 2, 0)
_HYBRIDIZATIONS = (
    Chem.HybridizationType.SP,
    Chem.HybridizationType.SP2,
    Chem.HybridizationType.SP3,
    Chem.HybridizationType.SP3D,
    Chem.HybridizationType.SP3D2,
)
_BONDS = (
    Chem.BondType.SINGLE,
    Chem.BondType.DOUBLE,
    Chem.BondType.TRIPLE,
    Chem.BondType.AROMATIC,
)


@dataclass(frozen=True)
class BondGraph:
    """Atoms, and each bond in both directions, consecutively.

    Attributes
    ----------
    atoms : ndarray of shape (n_atoms, 133), dtype float32
        Features of atoms.
    bonds : ndarray of shape (n_directed_bonds, 14), dtype float32
        Features of bonds; bond 2k + 1 is the reverse of bond 2k.
    begin : ndarray of shape (n_directed_bonds,), dtype int64
        Atom in which a directed bond begins.
    incoming : ndarray of shape (n_atoms, max_degree), dtype int64
        Directed bonds that end in each atom, padded with -1.
    """

    atoms: np.ndarray
    bonds: np.ndarray
    begin: np.ndarray
    incoming: np.ndarray


@lru_cache(maxsize=16384)
def bond_graph(smiles: str) -> BondGraph:
    """Build the graph of one compound; it is cached, so do not modify it.

    Parameters
    ----------
    smiles : str
        One compound.

    Returns
    -------
    graph : BondGraph
        Atoms in the order of the SMILES, without hydrogens.

    Examples
    --------
    >>> from sklearn_csg2a.chem.graphs.bonds import bond_graph
    >>> graph = bond_graph("CCO")
    >>> graph.begin.tolist(), graph.incoming.tolist()
    ([0, 1, 1, 2], [[1, -1], [0, 3], [2, -1]])
    """
    mol = parse_smiles(smiles)
    atoms = np.array([_atom_features(atom) for atom in mol.GetAtoms()], np.float32)
    bonds = np.zeros((2 * mol.GetNumBonds(), N_ATOM_BOND_FEATURES[1]), np.float32)
    begin = np.zeros(len(bonds), dtype=np.int64)
    lists: list[list[int]] = [[] for _ in atoms]
    for k, bond in enumerate(mol.GetBonds()):
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonds[2 * k : 2 * k + 2] = _bond_features(bond)
        begin[2 * k : 2 * k + 2] = ends
        lists[ends[1]].append(2 * k)
        lists[ends[0]].append(2 * k + 1)
    incoming = np.full((len(atoms), max(1, *map(len, lists), 1)), -1, dtype=np.int64)
    for row, indices in zip(incoming, lists, strict=True):
        row[: len(indices)] = indices
    for array in (atoms, bonds, begin, incoming):
        array.flags.writeable = False
    return BondGraph(atoms, bonds, begin, incoming)


def pad_bond_graphs(graphs: Sequence[BondGraph]) -> tuple[np.ndarray, ...]:
    """Pad graphs of different sizes to arrays of one shape.

    Parameters
    ----------
    graphs : sequence of BondGraph
        At least one.

    Returns
    -------
    arrays : tuple of ndarray
        Atoms (n_graphs, max_atoms, 133), incoming bonds (n_graphs, max_atoms,
        max_degree), numbers of atoms (n_graphs,), bonds (n_graphs, max_bonds, 14),
        their first atoms (n_graphs, max_bonds) and their numbers (n_graphs,).

    Examples
    --------
    >>> from sklearn_csg2a.chem.graphs.bonds import bond_graph, pad_bond_graphs
    >>> arrays = pad_bond_graphs([bond_graph(smiles) for smiles in ("C", "CCO")])
    >>> [part.shape for part in arrays]
    [(2, 3, 133), (2, 3, 2), (2,), (2, 4, 14), (2, 4), (2,)]
    """
    n_atoms = np.array([len(graph.atoms) for graph in graphs], dtype=np.int64)
    n_bonds = np.array([len(graph.bonds) for graph in graphs], dtype=np.int64)
    degree = max(graph.incoming.shape[1] for graph in graphs)
    width, bond_width = N_ATOM_BOND_FEATURES
    shape = (len(graphs), int(n_atoms.max()))
    bond_shape = (len(graphs), max(1, int(n_bonds.max())))
    atoms = np.zeros((*shape, width), dtype=np.float32)
    incoming = np.full((*shape, degree), -1, dtype=np.int64)
    bonds = np.zeros((*bond_shape, bond_width), dtype=np.float32)
    begin = np.zeros(bond_shape, dtype=np.int64)
    for i, graph in enumerate(graphs):
        atoms[i, : n_atoms[i]] = graph.atoms
        incoming[i, : n_atoms[i], : graph.incoming.shape[1]] = graph.incoming
        bonds[i, : n_bonds[i]] = graph.bonds
        begin[i, : n_bonds[i]] = graph.begin
    return atoms, incoming, n_atoms, bonds, begin, n_bonds


def _atom_features(atom: Chem.Atom) -> list[float]:
    """Return the 133 features of an atom."""
    return [
        *_one_hot(atom.GetAtomicNum(), range(1, 101)),
        *_one_hot(atom.GetTotalDegree(), range(6)),
        *_one_hot(atom.GetFormalCharge(), _CHARGES),
        *_one_hot(int(atom.GetChiralTag()), range(4)),
        *_one_hot(atom.GetTotalNumHs(), range(5)),
        *_one_hot(atom.GetHybridization(), _HYBRIDIZATIONS),
        float(atom.GetIsAromatic()),
        0.01 * atom.GetMass(),
    ]


def _bond_features(bond: Chem.Bond) -> list[float]:
    """Return the 14 features of a bond; the first, for absent bonds, is 0."""
    return [
        0.0,
        *(float(bond.GetBondType() == kind) for kind in _BONDS),
        float(bond.GetIsConjugated()),
        float(bond.IsInRing()),
        *_one_hot(int(bond.GetStereo()), range(6)),
    ]


def _one_hot(value: object, choices: Sequence[object]) -> list[float]:
    """One-hot encode a value; the last column is for unlisted values."""
    hot = [float(value == choice) for choice in choices]
    return [*hot, float(not any(hot))]
