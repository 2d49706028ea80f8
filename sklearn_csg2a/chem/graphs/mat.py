"""Molecule graphs: the input of the Molecule Attention Transformer."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.chem._compounds import canonical_smiles, parse_smiles
from sklearn_csg2a.chem._conformers import embed_conformers
from sklearn_csg2a.exceptions import InputError, UnsupportedElementWarning

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from rdkit import Chem

__all__ = [
    "DUMMY_DISTANCE",
    "FEATURE_GROUPS",
    "N_NODE_FEATURES",
    "MoleculeGraph",
    "build_graph",
    "check_elements",
    "molecule_graph",
    "molecule_graphs",
    "unsupported_elements",
]

# The order is part of published checkpoints. The last entry of each group is also used
# for unlisted values.
_ELEMENTS = (5, 6, 7, 8, 9, 15, 16, 17, 35, 53, "other")
_DEGREES = (0, 1, 2, 3, 4, 5)
_HYDROGENS = (0, 1, 2, 3, 4)
_CHARGES = (-1, 0, 1)
_GROUPS = (_ELEMENTS, _DEGREES, _HYDROGENS, _CHARGES)
_STARTS = (1, 12, 18, 23)  # column 0 marks the dummy node
_RING_COLUMN = 26
_AROMATIC_COLUMN = 27

FEATURE_GROUPS = {
    "element": slice(1, 12),
    "degree": slice(12, 18),
    "hydrogens": slice(18, 23),
    "charge": slice(23, 26),
    "ring": slice(_RING_COLUMN, _RING_COLUMN + 1),
    "aromatic": slice(_AROMATIC_COLUMN, _AROMATIC_COLUMN + 1),
}
N_NODE_FEATURES = 28
DUMMY_DISTANCE = 1e6


@dataclass(frozen=True)
class MoleculeGraph:
    """Nodes and their relations; node 0 is the dummy node, then heavy atoms.

    Attributes
    ----------
    node_features : ndarray of shape (n_heavy + 1, 28), dtype float32
        Column 0 marks the dummy node, then one-hot groups: element (11),
        heavy neighbors (6), hydrogens (5), charge (3), ring, aromatic.
    adjacency : ndarray of shape (n_heavy + 1, n_heavy + 1), dtype float32
        1 for bonds and on the diagonal of real atoms. The dummy's row is 0.
    distance : ndarray of shape (n_heavy + 1, n_heavy + 1), dtype float32
        Distances in angstrom; the dummy's row and column are 1e6.
    timed_out : bool
        As in :class:`Conformer`: another run may give other distances.
    """

    node_features: np.ndarray
    adjacency: np.ndarray
    distance: np.ndarray
    timed_out: bool = False


def molecule_graph(mol: Chem.Mol, coordinates: np.ndarray) -> MoleculeGraph:
    """Build the graph of one molecule, without nodes for hydrogens.

    Parameters
    ----------
    mol : rdkit.Chem.Mol
        Sanitized molecule. Explicit hydrogens are counted, but are not nodes.
    coordinates : ndarray of shape (n_heavy, 3)
        Positions of the heavy atoms in angstrom, in the order of `mol`.

    Returns
    -------
    graph : MoleculeGraph
        Node features, adjacency and distances.

    Raises
    ------
    InputError
        If `coordinates` does not have one finite row per heavy atom.

    Warns
    -----
    UnsupportedElementWarning
        If an element falls into the class "other".

    Examples
    --------
    >>> from sklearn_csg2a.chem import embed_conformer, molecule_graph, parse_smiles
    >>> conformer = embed_conformer("CCO")
    >>> graph = molecule_graph(parse_smiles("CCO"), conformer.coordinates)
    >>> graph.adjacency.astype(int).tolist()  # the first node is the dummy
    [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]
    >>> graph.node_features[3].nonzero()[0].tolist()
    [4, 13, 19, 24]
    """
    elements = unsupported_elements(mol)
    if elements:
        _warn_unsupported({"the molecule": elements})
    return build_graph(mol, coordinates)


def molecule_graphs(
    smiles: Sequence[str],
    *,
    seed: int = 0,
    n_jobs: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    max_attempts: int = 20,
    timeout: int = 60,
    max_atoms: int = 200,
) -> list[MoleculeGraph]:
    """Build the graphs of many compounds, once per distinct compound.

    Parameters
    ----------
    smiles : sequence of str of length n
        Compounds, in any spelling. Salts stay disconnected graphs.
    seed, n_jobs, cache_dir, max_attempts, timeout, max_atoms
        See :func:`~sklearn_csg2a.chem.embed_conformers`.

    Returns
    -------
    graphs : list of MoleculeGraph
        One per compound, in the order given, nodes in the atom order of the
        canonical SMILES. Equal compounds share one object.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.
    InputError
        See :func:`~sklearn_csg2a.chem.embed_conformer`.

    Warns
    -----
    UnsupportedElementWarning
        Once per call, naming elements and compounds.

    Examples
    --------
    >>> from sklearn_csg2a.chem import molecule_graphs
    >>> [len(graph.adjacency) for graph in molecule_graphs(["CCO", "c1ccccc1"])]
    [4, 7]
    """
    canonical = [canonical_smiles(text) for text in smiles]
    unique = list(dict.fromkeys(canonical))
    conformers = embed_conformers(
        unique,
        seed=seed,
        n_jobs=n_jobs,
        cache_dir=cache_dir,
        max_attempts=max_attempts,
        timeout=timeout,
        max_atoms=max_atoms,
    )
    graphs = {
        text: build_graph(
            parse_smiles(text), conformer.coordinates, conformer.timed_out
        )
        for text, conformer in zip(unique, conformers, strict=True)
    }
    check_elements(unique)
    return [graphs[text] for text in canonical]


def check_elements(smiles: Sequence[str]) -> None:
    """Warn once about elements in the class "other"."""
    elements_of = {
        repr(text): unsupported_elements(parse_smiles(text)) for text in smiles
    }
    unsupported = {text: elements for text, elements in elements_of.items() if elements}
    if unsupported:
        _warn_unsupported(unsupported)


def unsupported_elements(mol: Chem.Mol) -> tuple[str, ...]:
    """Return the elements of a molecule in the class "other".

    Parameters
    ----------
    mol : rdkit.Chem.Mol
        Molecule.

    Returns
    -------
    elements : tuple of str
        Element symbols in alphabetical order, without hydrogen.

    Examples
    --------
    >>> from sklearn_csg2a.chem import parse_smiles, unsupported_elements
    >>> unsupported_elements(parse_smiles("N[Pt](N)(Cl)Cl"))
    ('Pt',)
    """
    symbols = {
        atom.GetSymbol()
        for atom in mol.GetAtoms()
        if atom.GetAtomicNum() > 1 and atom.GetAtomicNum() not in _ELEMENTS
    }
    return tuple(sorted(symbols))


def _warn_unsupported(elements_of: Mapping[str, tuple[str, ...]]) -> None:
    """Name elements and compounds in one warning."""
    elements = sorted(
        {symbol for symbols in elements_of.values() for symbol in symbols}
    )
    warnings.warn(
        f"Elements {', '.join(elements)} have no separate column and share "
        f"'other', in {list_offenders(elements_of)}. The encoder cannot "
        "distinguish them; MorganEncoder can.",
        UnsupportedElementWarning,
        stacklevel=find_stacklevel(),
    )


def build_graph(
    mol: Chem.Mol, coordinates: np.ndarray, timed_out: bool = False
) -> MoleculeGraph:
    """Fill the three arrays of a graph."""
    heavy = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    n_atoms = len(heavy)
    coordinates = np.asarray(coordinates, dtype=np.float64)
    if coordinates.shape != (n_atoms, 3) or not np.isfinite(coordinates).all():
        msg = (
            f"coordinates must be finite and of shape ({n_atoms}, 3), one row per "
            f"heavy atom; got shape {coordinates.shape}."
        )
        raise InputError(msg)
    node = {atom.GetIdx(): row for row, atom in enumerate(heavy, start=1)}
    node_features = np.zeros((n_atoms + 1, N_NODE_FEATURES), dtype=np.float32)
    adjacency = np.zeros((n_atoms + 1, n_atoms + 1), dtype=np.float32)
    node_features[0, 0] = 1.0
    for atom in heavy:
        row = node[atom.GetIdx()]
        neighbors = [
            node[b.GetIdx()] for b in atom.GetNeighbors() if b.GetIdx() in node
        ]
        node_features[row] = _atom_features(atom, len(neighbors))
        adjacency[row, [row, *neighbors]] = 1.0
    distance = np.full((n_atoms + 1, n_atoms + 1), DUMMY_DISTANCE, dtype=np.float32)
    difference = coordinates[:, None, :] - coordinates[None, :, :]
    distance[1:, 1:] = np.sqrt((difference**2).sum(axis=-1))
    return MoleculeGraph(node_features, adjacency, distance, timed_out)


def _atom_features(atom: Chem.Atom, degree: int) -> np.ndarray:
    """Return the 28 columns of one atom."""
    features = np.zeros(N_NODE_FEATURES, dtype=np.float32)
    hydrogens = atom.GetTotalNumHs(includeNeighbors=True)
    values = (atom.GetAtomicNum(), degree, hydrogens, atom.GetFormalCharge())
    for value, group, start in zip(values, _GROUPS, _STARTS, strict=True):
        place = group.index(value) if value in group else len(group) - 1
        features[start + place] = 1.0
    features[_RING_COLUMN] = atom.IsInRing()
    features[_AROMATIC_COLUMN] = atom.GetIsAromatic()
    return features
