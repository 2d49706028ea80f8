"""Which compound a SMILES string means, whatever its salt, stereo or spelling."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

from sklearn_csg2a.chem import _counterions
from sklearn_csg2a.chem._parts import Parts, has_carbon, split_parts
from sklearn_csg2a.chem._tautomers import inchi_block, keto_block
from sklearn_csg2a.chem.smiles import canonical_smiles, parse_smiles

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["compound_identities", "compound_identity", "parent_smiles"]

_LETTERS = 10  # of the second block, as in an InChIKey
_LITHIUM = "Li"
_ALIPHATIC_AMINE = "[NX3;H2,H1;+0;$(N[CX4]);!$(N-[!#6])]"
_CARBOCYCLE_OF_FIVE = "[#6]1~[#6]~[#6]~[#6]~[#6]~1"


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
        Where InChI has no answer, the canonical SMILES without stereo.

    Raises
    ------
    InvalidSmilesError
        See :func:`~sklearn_csg2a.chem.parse_smiles`.

    Notes
    -----
    Joined are

    * charged and neutral forms, isotopes and stereoisomers: thalidomide and its
      enantiomers are one compound, and so are fumarate and maleate;
    * salts and solvates with their drug, whatever the size of the counterion; which
      counterions and solvents there are is a list, in ``chem/_counterions.py``. A
      compound of counterions alone is itself (citric acid, zinc acetate), its base if
      it has one (choline citrate), and lithium if it has no base but lithium;
    * the spellings of a metal complex: ionic, dative and covalent, with hydrogens,
      charges and oxidation state as they may be. The metal counts and so do its
      ligands, but not water, nor ammonia beside ligands that hold carbon. Lithium to
      caesium and magnesium to barium are counterions, other metals are not: zinc
      pyrithione is not pyrithione. Arsenic and antimony of states III and V differ;
    * tautomers that differ in hydrogens on hetero atoms, and enols with their ketones.

    Not joined are mixtures of two drugs with either of them, ring and chain forms,
    imines and enamines, azo compounds and hydrazones, esters of boronic acids with the
    acid.

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
        The compound without its salts and solvents; charges stay as written. Of a
        mixture the largest drug; of a metal complex in an ionic spelling the largest
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
    return _read_compound(canonical_smiles(smiles)).parent


@dataclass(frozen=True)
class _Compound:
    """What is known of a compound."""

    identity: str
    parent: str
    drugs: tuple[str, ...]  # the identities of its parts that are drugs


@dataclass(frozen=True)
class _Molecule:
    """A molecule of a compound, neutral, with what the lists say of it."""

    mol: Chem.Mol
    block: str
    name: str | None  # on the list of counterions and solvents

    @property
    def is_organic(self) -> bool:
        """Whether it is more than a mineral acid, water or ammonia."""
        return has_carbon(self.mol) and self.name not in _counterions.INORGANIC

    @property
    def rank(self) -> int:
        """How well it can name a compound: drugs first, mineral acids last."""
        if not self.is_organic:
            return 0
        if self.name in _counterions.SOLVENTS:
            return 1
        if self.name is None:
            return 4
        is_base = self.name in _counterions.BASES
        return 3 if is_base or self.name in _counterions.ALSO_DRUGS else 2


@lru_cache(maxsize=65536)
def _read_compound(canonical: str) -> _Compound:
    """Find the identity of a canonical SMILES, and its parent."""
    parts = split_parts(parse_smiles(canonical))
    molecules = [_Molecule(mol, *_named_block(mol)) for mol in parts.molecules]
    if parts.metals:
        identity = _identity_of_complex(parts.metals, molecules)
        return _Compound(identity, _largest_fragment(canonical), (identity,))
    best = max((one.rank for one in molecules), default=0)
    if best == 0 or (best == 2 and _LITHIUM in parts.ions):
        identity = _identity_of_ions(parts, molecules)
        return _Compound(identity, canonical, (identity,))
    named = sorted(
        (tuple(-n for n in _size(one.mol)), one.block, written)
        for one, written in zip(molecules, parts.written, strict=True)
        if one.rank == best
    )
    _, identity, parent = named[0]
    drugs = tuple(sorted({block for _, block, _ in named}))
    if len(drugs) > 1:
        identity = f"{identity}-{_letters('.'.join(drugs))}"
    return _Compound(identity, canonical_smiles(parent), drugs)


def _named_block(mol: Chem.Mol) -> tuple[str, str | None]:
    """Return the key of a neutral molecule, and its name as a counterion."""
    block = keto_block(mol)
    return block, _names().get(block)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Return the names of counterions and solvents by the key of each."""
    return {
        keto_block(split_parts(Chem.MolFromSmiles(text)).molecules[0]): name
        for listed in (
            _counterions.ACIDS,
            _counterions.BASES,
            _counterions.SOLVENTS,
            _counterions.INORGANIC,
        )
        for name, text in listed.items()
    }


def _identity_of_complex(metals: tuple[str, ...], molecules: list[_Molecule]) -> str:
    """Return the key of metals and the ligands that count."""
    inner = [
        one
        for one in molecules
        if one.name not in _counterions.OUTSIDE_COMPLEXES
        and one.name not in _counterions.SOLVENTS
    ]
    organic = [one for one in inner if one.is_organic]
    if organic:
        inner = [one for one in inner if not _is_ammonia(one.mol)]
    counts = Counter([*metals, *(_ligand_key(one) for one in inner)])
    second = _letters(_formula(counts))
    if not organic:
        return f"{_letters('.'.join(sorted(set(metals))), 14)}-{second}"
    lead = min(organic, key=lambda one: (*(-n for n in _size(one.mol)), one.block))
    return f"{inchi_block(_with_amides(lead.mol))}-{second}"


def _identity_of_ions(parts: Parts, molecules: list[_Molecule]) -> str:
    """Return the key of a salt of which no part is a drug, or lithium's."""
    if _LITHIUM in parts.ions:
        return f"{_letters(_LITHIUM, 14)}-{_letters(_LITHIUM)}"
    blocks = [one.block for one in molecules if one.name not in _counterions.SOLVENTS]
    counts = Counter([*parts.ions, *blocks])
    if len(counts) == 1:
        return next(iter(counts))
    if not counts:
        return molecules[0].block
    return f"{max(counts, key=str)}-{_letters(_formula(counts))}"


def _formula(counts: Counter[str]) -> str:
    """Write parts with their smallest whole numbers."""
    unit = gcd(*counts.values())
    return ".".join(f"{n // unit} {name}" for name, n in sorted(counts.items()))


def _ligand_key(ligand: _Molecule) -> str:
    """Return the key of a ligand; of one for a metallocene without its hydrogens."""
    if not ligand.mol.HasSubstructMatch(Chem.MolFromSmarts(_CARBOCYCLE_OF_FIVE)):
        return ligand.block
    skeleton = Chem.RWMol()
    for atom in ligand.mol.GetAtoms():
        skeleton.AddAtom(Chem.Atom(atom.GetAtomicNum()))
    for bond in ligand.mol.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        skeleton.AddBond(*ends, Chem.BondType.SINGLE)
    for atom in skeleton.GetAtoms():
        atom.SetNoImplicit(True)  # noqa: FBT003
    return str(Chem.MolToSmiles(skeleton))


def _with_amides(mol: Chem.Mol) -> Chem.Mol:
    """Write aliphatic amines as anions, as public tables write those of platinum.

    The first block of the key decides the place of a complex among sorted compounds,
    and with it folds: in this form it stays where such tables have it.
    """
    editable = Chem.RWMol(mol)
    for (index,) in mol.GetSubstructMatches(Chem.MolFromSmarts(_ALIPHATIC_AMINE)):
        atom = editable.GetAtomWithIdx(index)
        atom.SetFormalCharge(-1)
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(False)  # noqa: FBT003
    editable.UpdatePropertyCache(strict=False)
    return editable.GetMol()


def _is_ammonia(mol: Chem.Mol) -> bool:
    """Tell whether a molecule is one nitrogen atom."""
    return mol.GetNumHeavyAtoms() == 1 and any(
        atom.GetAtomicNum() == 7 for atom in mol.GetAtoms()
    )


def _largest_fragment(canonical: str) -> str:
    """Return the largest fragment with carbon as it is written, or all."""
    fragments = Chem.GetMolFrags(parse_smiles(canonical), asMols=True)
    organic = [one for one in fragments if has_carbon(one)]
    if not organic:
        return canonical
    size = max(map(_size, organic))
    largest = [one for one in organic if _size(one) == size]
    named = min((inchi_block(one), Chem.MolToSmiles(one)) for one in largest)
    return canonical_smiles(named[1])


def _size(mol: Chem.Mol) -> tuple[int, int]:
    """Return heavy atoms and the sum of atomic numbers, hydrogens left out."""
    heavy = [n for n in (a.GetAtomicNum() for a in mol.GetAtoms()) if n > 1]
    return len(heavy), sum(heavy)


def _letters(text: str, count: int = _LETTERS) -> str:
    """Return capital letters that stand for a text."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    letters = ""
    for _ in range(count):
        number, digit = divmod(number, 26)
        letters += chr(ord("A") + digit)
    return letters
