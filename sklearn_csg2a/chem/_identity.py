"""Identity of compounds, independent of salt form, stereochemistry and spelling."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sklearn_csg2a.chem._identify import Compound, identify, list_relations
from sklearn_csg2a.chem._smiles import canonical_smiles, parse_smiles

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "compound_identities",
    "compound_identity",
    "compound_relations",
    "parent_smiles",
]


def compound_identity(smiles: object) -> str:
    """Return one key for all spellings, salts and stereo forms of a compound.

    Parameters
    ----------
    smiles : str
        One compound.

    Returns
    -------
    identity : str
        14 letters, the first block of the InChIKey of the drug. Complexes of metals
        and mixtures of drugs have a second block: 14 letters, a dash and 10 letters.
        If InChI fails, the canonical SMILES without stereo.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Notes
    -----
    The following have the same identity:

    * charged and neutral forms, isotopes and stereoisomers: thalidomide and its
      enantiomers are one compound, and so are fumarate and maleate;
    * salts and solvates with their drug, whatever the size of the counterion; the known
      counterions and solvents are listed in ``chem/_counterions.py``. A compound of
      counterions alone is itself (citric acid, zinc acetate), its base if it has one
      (choline citrate), and lithium if it has no base but lithium;
    * the spellings of a metal complex: ionic, dative and covalent, with any hydrogens,
      charges and oxidation state. The metal and its ligands count, but not water, nor
      ammonia next to ligands with carbon. Lithium to caesium and magnesium to barium
      are counterions, other metals are not: zinc pyrithione is not pyrithione. Arsenic
      and antimony of states III and V differ;
    * tautomers that differ in hydrogens on hetero atoms, and enols with their ketones.

    These have different identities: mixtures of two drugs and either of them, ring and
    chain forms, imines and enamines, azo compounds and hydrazones, esters of boronic
    acids and the acid. :func:`~sklearn_csg2a.model_selection.audit_split` reports
    tautomers in a wider sense, and drugs within mixtures.

    Examples
    --------
    >>> from sklearn_csg2a.chem import compound_identity
    >>> compound_identity("CC(=O)[O-].[Na+]") == compound_identity("OC(C)=O")
    True
    >>> cisplatin = compound_identity("N.N.Cl[Pt]Cl")
    >>> cisplatin == compound_identity("[NH2-].[NH2-].[Cl-].[Cl-].[Pt+4]")
    True
    """
    return _read_compound(canonical_smiles(smiles)).identity


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
    keys = [compound_identity(text) for text in smiles]
    identities = np.empty(len(keys), dtype=object)
    identities[:] = keys
    return identities


def parent_smiles(smiles: object) -> str:
    """Return the canonical SMILES of the fragment that identifies the compound.

    Parameters
    ----------
    smiles : str
        One compound.

    Returns
    -------
    parent : str
        The compound without its salts and solvents; charges stay as written. For a
        mixture the largest drug; for a metal complex in an ionic spelling the largest
        ligand.

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
    return canonical_smiles(_read_compound(canonical_smiles(smiles)).parent)


def compound_relations(smiles: object) -> frozenset[str]:
    """Return keys that related compounds of different identity share.

    Parameters
    ----------
    smiles : str
        One compound.

    Returns
    -------
    relations : frozenset of str
        Two compounds with a common key are the same compound, tautomers in a wider
        sense than in :func:`compound_identity` (or isomers that differ in the position
        of a hydrogen), or contain the same drug.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.
    """
    return _read_relations(canonical_smiles(smiles))


@lru_cache(maxsize=65536)
def _read_relations(canonical: str) -> frozenset[str]:
    """List the relations of a canonical SMILES."""
    return list_relations(parse_smiles(canonical))


@lru_cache(maxsize=65536)
def _read_compound(canonical: str) -> Compound:
    """Identify the compound of a canonical SMILES."""
    return identify(parse_smiles(canonical))
