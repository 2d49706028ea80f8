"""Compounds: strict reading of SMILES, a canonical form, and one identity of each.

Strings that RDKit accepts by accident are rejected. The identity is independent of salt
form, stereochemistry and spelling.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdqueries

from sklearn_csg2a.chem._cxsmiles import add_radicals, has_extension, split_extension
from sklearn_csg2a.chem._identify import Compound, identify, list_relations
from sklearn_csg2a.chem._unreadable import (
    describe_other_identifier,
    describe_parse_failure,
    describe_type,
    shorten,
)
from sklearn_csg2a.exceptions import InvalidSmilesError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "canonical_smiles",
    "compound_identities",
    "compound_identity",
    "compound_relations",
    "parent_smiles",
    "parse_smiles",
    "smiles_problem",
]

_MISSING_TEXTS = frozenset({"nan", "none", "null", "na", "n/a", "<na>"})
_REACTION_ARROW = re.compile(r"(?<!-)>")
_ROUND_TRIPS = 3
_COMMA = re.compile(r", ?")
_KEPT = 2**18  # strings whose reading is remembered: those of 100,000 compounds
_KEPT_MOLECULES = 2**9  # strings whose molecule is: those of a screen
_DUMMY = rdqueries.AtomNumEqualsQueryAtom(0)
_WITH_MAP = rdqueries.HasPropQueryAtom("molAtomMapNumber")


def parse_smiles(smiles: object) -> Chem.Mol:
    """Read a SMILES string into a sanitized RDKit molecule.

    RDKit reads the empty string as a molecule without atoms, ignores what follows a
    space and drops letters outside ASCII. Here each of these is an error, so that no
    string is read as another molecule. Two forms that occur in public tables are read:
    CXSMILES (``"C/C=C/C |r,t:1|"``), whose extension may be about stereo or drawing and
    is dropped, or about radicals (``"CC[O] |^1:2|"``), and a list of spellings of one
    compound (``"CCO, OCC"``), of which the first is used.

    Parameters
    ----------
    smiles : str
        One compound. Salts, mixtures, charges, isotopes and stereo are accepted.
        Atom map numbers are dropped.

    Returns
    -------
    mol : rdkit.Chem.Mol
        Molecule with hydrogens implied and at least one heavy atom.

    Raises
    ------
    InvalidSmilesError
        If `smiles` is not text, empty, padded or followed by other text, not ASCII, a
        reaction, a list of different compounds, not readable, or has a dummy atom
        ``*``, an undefined bond ``~`` or no heavy atom. The message gives the reason.

    Examples
    --------
    >>> from sklearn_csg2a.chem import parse_smiles
    >>> parse_smiles("CCO").GetNumAtoms()
    3
    >>> parse_smiles("CCO ethanol")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.exceptions.InvalidSmilesError: 'CCO ethanol': white space is \
not part of a SMILES string; strip it and drop the text behind it
    """
    if isinstance(smiles, str):
        problem, mol = _read_text(str(smiles))
        if mol is not None:
            return Chem.Mol(mol)  # the kept one must not change
        raise InvalidSmilesError(problem)
    raise InvalidSmilesError(describe_type(smiles))


def canonical_smiles(smiles: object) -> str:
    """Return the canonical SMILES string of a compound.

    Parameters
    ----------
    smiles : str
        One compound, in any spelling.

    Returns
    -------
    canonical : str
        RDKit's canonical isomeric SMILES. It depends on the RDKit version.

    Raises
    ------
    InvalidSmilesError
        See :func:`parse_smiles`.

    Examples
    --------
    >>> from sklearn_csg2a.chem import canonical_smiles
    >>> canonical_smiles("OCC"), canonical_smiles("C(O)C")
    ('CCO', 'CCO')
    """
    if isinstance(smiles, str):
        return _canonical_text(str(smiles))
    raise InvalidSmilesError(describe_type(smiles))


def smiles_problem(smiles: object) -> str | None:
    """Say what is wrong with a SMILES string.

    Parameters
    ----------
    smiles : object
        One value of a column of compounds, of any type.

    Returns
    -------
    problem : str or None
        The message of the error that :func:`parse_smiles` raises, or None
        when the string is valid.

    Examples
    --------
    >>> from sklearn_csg2a.chem import smiles_problem
    >>> smiles_problem("c1ccccc1") is None
    True
    >>> smiles_problem("C1CC")
    "'C1CC': RDKit cannot read it (ring bond 1 is opened but not closed)"
    """
    if isinstance(smiles, str):
        return _problem_of_text(str(smiles))
    return describe_type(smiles)


def _problem_of_text(text: str) -> str | None:
    """Return the problem of a string, None if it is valid."""
    return _rewrite(text)[0] or None


@lru_cache(maxsize=_KEPT)
def _canonical_text(text: str) -> str:
    """Return the canonical form of a string, unchanged when read again."""
    problem, canonical = _rewrite(text)
    if problem:
        raise InvalidSmilesError(problem)
    for _ in range(_ROUND_TRIPS):
        _, again = _rewrite(canonical)
        if again in ("", canonical):
            break
        canonical = again
    return canonical


@lru_cache(maxsize=_KEPT)
def _rewrite(text: str) -> tuple[str, str]:
    """Return ("", what RDKit writes for a string) or (problem, "")."""
    problem, mol = _read_text(text)
    return ("", Chem.MolToSmiles(mol)) if mol is not None else (problem, "")


@lru_cache(maxsize=_KEPT_MOLECULES)
def _read_text(text: str) -> tuple[str, Chem.Mol | None]:
    """Return ("", molecule) or (problem, None)."""
    if "|" in text:
        text, radicals = split_extension(text)
        if radicals:
            return _read_with_radicals(text, radicals)
        if has_extension(text):
            problem = (
                "the part between bars (CXSMILES) changes the structure; give a SMILES "
                "string that contains it"
            )
            return f"{shorten(text)}: {problem}", None
    return _read_list(text) if "," in text else _read_one(text)


def _read_with_radicals(text: str, radicals: str) -> tuple[str, Chem.Mol | None]:
    """Read a SMILES string and the radicals of its CXSMILES extension."""
    problem, mol = _read_one(text)
    if mol is None:
        return problem, None
    mol = add_radicals(text, radicals)
    if mol is None:
        return f"{shorten(text)}: no atom can have the radicals |{radicals}|", None
    return "", _without_atom_maps(mol)


def _read_list(text: str) -> tuple[str, Chem.Mol | None]:
    """Read the first of several comma-separated spellings of one compound."""
    read = [_read_one(spelling) for spelling in _COMMA.split(text)]
    failed = [problem for problem, mol in read if mol is None]
    if len(failed) == len(read) or (failed and ", " not in text):
        return _read_one(text)  # a name or an InChI
    if failed:
        return f"{shorten(text)}: in this list, {failed[0]}", None
    compounds = {identify(mol).identity for _, mol in read}
    if len(compounds) > 1:
        problem = (
            f"a list of {len(compounds)} different compounds; give each of them "
            "a separate row"
        )
        return f"{shorten(text)}: {problem}", None
    return read[0]


def _read_one(text: str) -> tuple[str, Chem.Mol | None]:
    """Read a string without extension or list: ("", molecule) or (problem, None)."""
    problem = _problem_of_spelling(text)
    if problem:
        return f"{shorten(text)}: {_identifier_or(problem, text)}", None
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(text)
        if mol is None:
            failure = _identifier_or(describe_parse_failure(text), text)
            return f"{shorten(text)}: {failure}", None
        if ":" in text:
            mol = _without_atom_maps(mol)
    problem = _problem_of_molecule(mol, text)
    if problem:
        return f"{shorten(text)}: {problem}", None
    return "", mol


def _identifier_or(problem: str, text: str) -> str:
    """Return which other identifier a text is, or else its problem."""
    if not text.strip() or text.strip().lower() in _MISSING_TEXTS:
        return problem
    return describe_other_identifier(text) or problem


def _problem_of_spelling(text: str) -> str:
    """Return what is wrong with the characters, "" if nothing is."""
    if not text:
        return "empty string; every row needs a SMILES string"
    if text.lower() in _MISSING_TEXTS:
        return "text of a missing value; every row needs a SMILES string"
    if len(text.split()) != 1 or text != text.strip():
        return (
            "white space is not part of a SMILES string; strip it and drop the "
            "text behind it"
        )
    if not (text.isascii() and text.isprintable()):
        foreign = sorted({c for c in text if not (c.isascii() and c.isprintable())})
        listed = ", ".join(f"{c!r} (U+{ord(c):04X})" for c in foreign[:5])
        return f"characters outside printable ASCII: {listed}; retype them"
    if _REACTION_ARROW.search(text):
        return "a reaction, not a compound; give one of its compounds"
    return ""


def _problem_of_molecule(mol: Chem.Mol, text: str) -> str:
    """Return why the molecule of a text cannot be used, "" if it can."""
    if len(mol.GetAtomsMatchingQuery(_DUMMY)):
        return "it has a dummy atom '*'; give the whole compound"
    undefined = (Chem.BondType.UNSPECIFIED, Chem.BondType.ZERO)
    if "~" in text and any(
        bond.HasQuery() or bond.GetBondType() in undefined for bond in mol.GetBonds()
    ):
        return "it has an undefined bond '~'; give the bond order"
    if mol.GetNumHeavyAtoms() == 0:
        return "it has no atom other than hydrogen"
    return ""


def _without_atom_maps(mol: Chem.Mol) -> Chem.Mol:
    """Drop atom map numbers, and stereo that exists only because of them."""
    marked = mol.GetAtomsMatchingQuery(_WITH_MAP)
    mapped = [atom for atom in marked if atom.GetAtomMapNum()]
    if not mapped:
        return mol
    for atom in mapped:
        atom.SetAtomMapNum(0)
    return Chem.MolFromSmiles(Chem.MolToSmiles(mol)) or mol


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
    * boronic acids with their hydrated anions and their anhydrides, such as boroxines;
    * tautomers that differ in hydrogens on hetero atoms, and enols with their ketones.

    These have different identities: mixtures of two drugs and either of them, ring and
    chain forms, imines and enamines, azo compounds and hydrazones, esters and
    trifluoroborates of boronic acids and the acid.
    :func:`~sklearn_csg2a.model_selection.audit_split` reports tautomers in a wider
    sense, and drugs within mixtures.

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


@lru_cache(maxsize=_KEPT)
def _read_relations(canonical: str) -> frozenset[str]:
    """List the relations of a canonical SMILES."""
    return list_relations(parse_smiles(canonical))


@lru_cache(maxsize=_KEPT)
def _read_compound(canonical: str) -> Compound:
    """Identify the compound of a canonical SMILES."""
    return identify(parse_smiles(canonical))
