"""Structural similarity, scaffolds and clusters of compounds."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklearn_csg2a.chem._compounds import (
    canonical_smiles,
    compound_identity,
    parent_smiles,
    parse_smiles,
)
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "murcko_scaffold",
    "nearest_tanimoto",
    "tanimoto_clusters",
    "tanimoto_matrix",
]

_RADIUS = 2
_N_BITS = 2048


def tanimoto_matrix(
    query: Sequence[str], reference: Sequence[str] | None = None
) -> np.ndarray:
    """Compute Tanimoto similarities between compounds.

    Morgan fingerprints (radius 2, 2048 bits, no stereo) of the largest fragments are
    compared, so a salt equals its parent.

    Parameters
    ----------
    query : sequence of str of length n_query
        Compounds of the rows.
    reference : sequence of str of length n_reference, default=None
        Compounds of the columns; `query` itself if None.

    Returns
    -------
    similarity : ndarray of shape (n_query, n_reference), dtype float64
        Between 0 and 1.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import tanimoto_matrix
    >>> tanimoto_matrix(["CCO", "CCN"], ["OCC.Cl"]).round(2).tolist()
    [[1.0], [0.33]]
    """
    rows = [_fingerprint(parent_smiles(text)) for text in query]
    columns = (
        rows
        if reference is None
        else [_fingerprint(parent_smiles(text)) for text in reference]
    )
    similarity = np.empty((len(rows), len(columns)), dtype=np.float64)
    for row, fingerprint in enumerate(rows):
        similarity[row] = DataStructs.BulkTanimotoSimilarity(fingerprint, columns)
    return similarity


def similarity_of_products(
    product: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Return the Tanimoto similarity from x.y (n_left, n_right), |x|^2 and |y|^2."""
    joint = left[:, None] + right - product
    return np.divide(product, joint, out=np.ones_like(product), where=joint > 0)


def nearest_tanimoto(query: Sequence[str], reference: Sequence[str]) -> np.ndarray:
    """Compute the similarity of each compound to its nearest reference.

    Parameters
    ----------
    query : sequence of str of length n_query
        Compounds.
    reference : sequence of str of length n_reference
        Reference compounds, at least one.

    Returns
    -------
    similarity : ndarray of shape (n_query,), dtype float64
        Largest Tanimoto similarity; see :func:`tanimoto_matrix`.

    Raises
    ------
    InputError
        If `reference` is empty.
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import nearest_tanimoto
    >>> nearest_tanimoto(["CCO"], ["c1ccccc1", "OCC"]).tolist()
    [1.0]
    """
    parents = list(dict.fromkeys(parent_smiles(compound) for compound in reference))
    if not parents:
        msg = "nearest_tanimoto needs at least one reference compound, got none."
        raise InputError(msg)
    columns = [_fingerprint(compound) for compound in parents]
    queries = [parent_smiles(compound) for compound in query]
    nearest = {
        compound: max(
            DataStructs.BulkTanimotoSimilarity(_fingerprint(compound), columns)
        )
        for compound in dict.fromkeys(queries)
    }
    return np.asarray([nearest[compound] for compound in queries], dtype=np.float64)


def murcko_scaffold(smiles: object) -> str:
    """Return the Bemis-Murcko scaffold of a compound.

    Parameters
    ----------
    smiles : str
        One compound; its largest fragment is used.

    Returns
    -------
    scaffold : str
        Canonical SMILES of rings and linkers, without stereo. The empty
        string for a compound without rings.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import murcko_scaffold
    >>> murcko_scaffold("Cc1ccccc1.Cl"), murcko_scaffold("CCO")
    ('c1ccccc1', '')
    """
    return _scaffold(parent_smiles(smiles))


def tanimoto_clusters(smiles: Sequence[str], threshold: float = 0.5) -> np.ndarray:
    """Group compounds so that similar compounds are in the same group.

    Groups are the connected components of the graph that connects compounds of the same
    identity and compounds with a similarity of at least `threshold` (single linkage).

    Parameters
    ----------
    smiles : sequence of str of length n
        Compounds.
    threshold : float, default=0.5
        Smallest similarity that connects two compounds, above 0 and at most 1.

    Returns
    -------
    labels : ndarray of shape (n,), dtype int64
        Group of each compound. The labels depend on the set of compounds, not
        on their order, spelling or number of repeats.

    Raises
    ------
    InputError
        If `threshold` is out of range.
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import tanimoto_clusters
    >>> tanimoto_clusters(["CCCCO", "c1ccccc1", "CCCCCO"]).tolist()
    [0, 1, 0]
    """
    if not 0 < threshold <= 1:
        msg = f"threshold={threshold!r} must be above 0 and at most 1."
        raise InputError(msg)
    parents = [parent_smiles(compound) for compound in smiles]
    unique = sorted(set(parents))
    component = _components(unique, threshold)
    # components are numbered by their first member in alphabetical order
    number = {c: i for i, c in enumerate(dict.fromkeys(component.tolist()))}
    label = {
        compound: number[int(component[row])] for row, compound in enumerate(unique)
    }
    return np.asarray([label[compound] for compound in parents], dtype=np.int64)


def _components(parents: list[str], threshold: float) -> np.ndarray:
    """Return a component number per compound: (n,) int."""
    rows: list[int] = []
    columns: list[int] = []
    fingerprints = [_fingerprint(one) for one in parents]
    first_of: dict[str, int] = {}
    for row, one in enumerate(parents):
        rows.append(row)
        columns.append(first_of.setdefault(compound_identity(one), row))
        alike = DataStructs.BulkTanimotoSimilarity(
            fingerprints[row], fingerprints[:row]
        )
        near = np.flatnonzero(np.asarray(alike) >= threshold).tolist()
        rows.extend([row] * len(near))
        columns.extend(near)
    n = len(parents)
    edges = sparse.coo_matrix((np.ones(len(rows), bool), (rows, columns)), (n, n))
    return connected_components(edges, directed=False)[1]


@lru_cache(maxsize=65536)
def _fingerprint(parent: str) -> Any:
    """Return the bit vector of a canonical parent."""
    generator = rdFingerprintGenerator.GetMorganGenerator(
        radius=_RADIUS, fpSize=_N_BITS
    )
    return generator.GetFingerprint(parse_smiles(parent))


@lru_cache(maxsize=65536)
def _scaffold(parent: str) -> str:
    """Return the scaffold of a canonical parent."""
    mol = parse_smiles(parent)
    Chem.RemoveStereochemistry(mol)
    scaffold = Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol))
    return canonical_smiles(scaffold) if scaffold else ""
