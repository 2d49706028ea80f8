"""Which compound a SMILES string means, whatever its salt, stereo or spelling."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem, rdBase

from sklearn_csg2a.chem.smiles import canonical_smiles, parse_smiles

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["compound_identities", "compound_identity", "parent_smiles"]

_FIRST_BLOCK_LENGTH = 14
_CARBON = 6


def compound_identity(smiles: object) -> str:
    """Return one key for all spellings, salts and stereo forms of a compound.

    The key is the first block of the InChIKey of the largest fragment.
    "Largest" is the most heavy atoms among the fragments that hold carbon,
    then the heavier one, then the alphabetically first key. A compound
    without any carbon (sodium chloride, cisplatin) is taken whole.

    Parameters
    ----------
    smiles : str
        One compound.

    Returns
    -------
    identity : str
        14 letters. Where InChI has no answer, the canonical SMILES of the
        fragment without stereo.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import compound_identity
    >>> compound_identity("CC(=O)[O-].[Na+]") == compound_identity("OC(C)=O")
    True
    """
    return _identity_and_parent(canonical_smiles(smiles))[0]


def compound_identities(smiles: Iterable[object]) -> np.ndarray:
    """Return the identity of each compound, computed once per distinct string.

    Parameters
    ----------
    smiles : iterable of str of length n
        Compounds.

    Returns
    -------
    identities : ndarray of shape (n,), dtype object
        See :func:`compound_identity`.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import compound_identities
    >>> compound_identities(["CCO", "OCC", "CCO.Cl"]).tolist()
    ['LFQSCWFLJHTTHZ', 'LFQSCWFLJHTTHZ', 'LFQSCWFLJHTTHZ']
    """
    keys = [compound_identity(one) for one in smiles]
    identities = np.empty(len(keys), dtype=object)
    identities[:] = keys
    return identities


def parent_smiles(smiles: object) -> str:
    """Return the canonical SMILES of the fragment that names the compound.

    Parameters
    ----------
    smiles : str
        One compound.

    Returns
    -------
    parent : str
        The compound without its salts and solvents; charges stay as written.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import parent_smiles
    >>> parent_smiles("Cl.CCN")
    'CCN'
    """
    return _identity_and_parent(canonical_smiles(smiles))[1]


@lru_cache(maxsize=65536)
def _identity_and_parent(canonical: str) -> tuple[str, str]:
    """Return key and canonical SMILES of the largest fragment."""
    mol = parse_smiles(canonical)
    fragments = Chem.GetMolFrags(mol, asMols=True)
    organic = [one for one in fragments if _has_carbon(one)]
    if not organic:
        return _inchi_block(mol), canonical
    sizes = [_size(one) for one in organic]
    largest = [
        one for one, size in zip(organic, sizes, strict=True) if size == max(sizes)
    ]
    named = [(_inchi_block(one), Chem.MolToSmiles(one)) for one in largest]
    identity, parent = min(named)
    return identity, canonical_smiles(parent)


def _has_carbon(mol: Chem.Mol) -> bool:
    """Tell whether a fragment has a carbon atom."""
    return any(atom.GetAtomicNum() == _CARBON for atom in mol.GetAtoms())


def _size(mol: Chem.Mol) -> tuple[int, int]:
    """Return heavy atoms and the sum of atomic numbers, hydrogens left out."""
    heavy = [n for n in (a.GetAtomicNum() for a in mol.GetAtoms()) if n > 1]
    return len(heavy), sum(heavy)


def _inchi_block(mol: Chem.Mol) -> str:
    """Return the InChIKey's first block, or SMILES without stereo."""
    with rdBase.BlockLogs():
        key = Chem.MolToInchiKey(mol)
    if key:
        return str(key[:_FIRST_BLOCK_LENGTH])
    return str(Chem.MolToSmiles(mol, isomericSmiles=False))
