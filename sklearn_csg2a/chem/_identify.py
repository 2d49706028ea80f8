"""Identify a compound: the drug among the parts of a molecule.

The parts are metals, simple ions and neutral molecules.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from sklearn_csg2a.chem import _counterions
from sklearn_csg2a.chem._tautomers import (
    as_boronic_acid,
    inchi_block,
    keto_block,
    loose_tautomer_key,
)

__all__ = [
    "Compound",
    "Parts",
    "has_carbon",
    "identify",
    "list_relations",
    "split_parts",
]

_BORON = 5
_LETTERS = 10  # of the second block, as in an InChIKey
_LITHIUM = "Li"
_ALIPHATIC_AMINE = "[NX3;H2,H1;+0;$(N[CX4]);!$(N-[!#6])]"
_CARBOCYCLE_OF_FIVE = "[#6]1~[#6]~[#6]~[#6]~[#6]~1"

_NON_METALS = frozenset(
    {1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 34, 35, 36, 53, 54, 85, 86}
)
# Elements that are drawn like non-metals and stay bound to carbon (arsonic acids),
# unlike tin in stannanes.
_METALLOIDS = frozenset({32, 33, 51, 52})
_SIMPLE_IONS = frozenset({3, 11, 12, 19, 20, 37, 38, 55, 56, 87, 88})
_CARBON = 6


@dataclass(frozen=True)
class Compound:
    """Identity and parent of a compound."""

    identity: str
    parent: str


@dataclass(frozen=True)
class _Molecule:
    """A neutral molecule of a compound, with its entry in the lists."""

    mol: Chem.Mol
    written: str  # with its original charges
    block: str
    name: str | None  # on the list of counterions and solvents

    @property
    def texts(self) -> tuple[str, str]:
        """Sort key among molecules of one size and among stereoisomers."""
        return self.block, self.written

    @property
    def is_organic(self) -> bool:
        """Whether it is more than a mineral acid, water or ammonia."""
        return has_carbon(self.mol) and self.name not in _counterions.INORGANIC

    @property
    def rank(self) -> int:
        """Priority in identifying a compound: drugs highest, mineral acids lowest."""
        if not self.is_organic:
            return 0
        if self.name in _counterions.SOLVENTS:
            return 1
        if self.name is None:
            return 4
        is_base = self.name in _counterions.BASES
        return 3 if is_base or self.name in _counterions.ALSO_DRUGS else 2


def identify(mol: Chem.Mol) -> Compound:
    """Identify the compound of a molecule.

    Parameters
    ----------
    mol : rdkit.Chem.Mol
        A sanitized molecule, with its salts and solvents.

    Returns
    -------
    compound : Compound
        Identity and parent; the SMILES of the parent need not be canonical.
    """
    parts, molecules = _read_parts(mol)
    if parts.metals:
        identity = _identity_of_complex(parts.metals, molecules)
        return Compound(identity, _largest_fragment(mol))
    named = _naming_molecules(parts, molecules)
    if not named:
        return Compound(_identity_of_ions(parts, molecules), Chem.MolToSmiles(mol))
    largest = min(
        named,
        key=lambda molecule: (*(-n for n in _size(molecule.mol)), *molecule.texts),
    )
    identity = largest.block
    drugs = sorted({molecule.block for molecule in named})
    if len(drugs) > 1:
        identity = f"{identity}-{_letters('.'.join(drugs))}"
    return Compound(identity, largest.written)


def list_relations(mol: Chem.Mol) -> frozenset[str]:
    """List keys that a molecule shares with related compounds of another identity.

    Parameters
    ----------
    mol : rdkit.Chem.Mol
        A sanitized molecule, with its salts and solvents.

    Returns
    -------
    relations : frozenset of str
        Keys of each drug in it, strict ones and ones that join more tautomers.
        Empty for metal complexes and mineral salts.
    """
    parts, molecules = _read_parts(mol)
    named = [] if parts.metals else _naming_molecules(parts, molecules)
    loose = {loose_tautomer_key(molecule.mol) for molecule in named}
    return frozenset({molecule.block for molecule in named} | loose) - {""}


def _read_parts(mol: Chem.Mol) -> tuple[Parts, list[_Molecule]]:
    """Split a compound and look its molecules up in the lists."""
    parts = split_parts(mol)
    molecules = [
        _Molecule(molecule, written, *_named_block(molecule))
        for molecule, written in zip(parts.molecules, parts.written, strict=True)
    ]
    return parts, molecules


def _naming_molecules(parts: Parts, molecules: list[_Molecule]) -> list[_Molecule]:
    """Return the molecules that identify a compound; none if ions do."""
    best = max((molecule.rank for molecule in molecules), default=0)
    if best == 0 or (best == 2 and _LITHIUM in parts.ions):
        return []
    return [molecule for molecule in molecules if molecule.rank == best]


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
    """Return the key of metals and ligands."""
    inner = [
        molecule
        for molecule in molecules
        if molecule.name not in _counterions.OUTSIDE_COMPLEXES
        and molecule.name not in _counterions.SOLVENTS
    ]
    organic = [molecule for molecule in inner if molecule.is_organic]
    if organic:
        inner = [molecule for molecule in inner if not _is_ammonia(molecule.mol)]
    counts = Counter([*metals, *(_ligand_key(molecule) for molecule in inner)])
    second = _letters(_formula(counts))
    if not organic:
        return f"{_letters('.'.join(sorted(set(metals))), 14)}-{second}"
    lead = min(
        organic,
        key=lambda molecule: (*(-n for n in _size(molecule.mol)), molecule.block),
    )
    return f"{keto_block(_with_amides(lead.mol))}-{second}"


def _identity_of_ions(parts: Parts, molecules: list[_Molecule]) -> str:
    """Return the key of a salt without a drug, or of lithium."""
    if _LITHIUM in parts.ions:
        return f"{_letters(_LITHIUM, 14)}-{_letters(_LITHIUM)}"
    blocks = [
        molecule.block
        for molecule in molecules
        if molecule.name not in _counterions.SOLVENTS
    ]
    counts = Counter([*parts.ions, *blocks])
    if len(counts) == 1:
        return next(iter(counts))
    if not counts:
        return molecules[0].block
    return f"{max(counts, key=str)}-{_letters(_formula(counts))}"


def _formula(counts: Counter[str]) -> str:
    """Write parts with their smallest integer ratio."""
    unit = gcd(*counts.values())
    return ".".join(f"{n // unit} {name}" for name, n in sorted(counts.items()))


def _ligand_key(ligand: _Molecule) -> str:
    """Return the key of a ligand; for metallocenes without hydrogens."""
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

    The first block of the key determines the position of a complex among sorted
    compounds, and so its fold; this form keeps the position it has in such tables.
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


def _largest_fragment(mol: Chem.Mol) -> str:
    """Return the largest fragment with carbon as written, or the whole compound."""
    fragments = Chem.GetMolFrags(mol, asMols=True)
    organic = [fragment for fragment in fragments if has_carbon(fragment)]
    if not organic:
        return str(Chem.MolToSmiles(mol))
    size = max(map(_size, organic))
    largest = [fragment for fragment in organic if _size(fragment) == size]
    return str(
        min(
            (inchi_block(fragment), Chem.MolToSmiles(fragment)) for fragment in largest
        )[1]
    )


def _size(mol: Chem.Mol) -> tuple[int, int]:
    """Return the number of heavy atoms and the sum of their atomic numbers."""
    heavy = [n for n in (a.GetAtomicNum() for a in mol.GetAtoms()) if n > 1]
    return len(heavy), sum(heavy)


def _letters(text: str, count: int = _LETTERS) -> str:
    """Return a hash of a text in capital letters."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    letters = ""
    for _ in range(count):
        number, digit = divmod(number, 26)
        letters += chr(ord("A") + digit)
    return letters


@dataclass(frozen=True)
class Parts:
    """Parts of a compound, independent of its charges and metal bonds.

    Attributes
    ----------
    metals : tuple of str
        Elements that are part of the identity: platinum, gold, gadolinium.
    ions : tuple of str
        Elements present as simple ions: lithium to caesium, magnesium to barium.
    molecules : tuple of Mol
        The remaining molecules, neutral if possible.
    written : tuple of str
        SMILES of each molecule with its original charges.
    """

    metals: tuple[str, ...]
    ions: tuple[str, ...]
    molecules: tuple[Chem.Mol, ...]
    written: tuple[str, ...]


def split_parts(mol: Chem.Mol) -> Parts:
    """Split a compound: metals from ligands, salts into ions, anhydrides of boron."""
    if any(atom.GetAtomicNum() == _BORON for atom in mol.GetAtoms()):
        mol = as_boronic_acid(mol)
    metals = [atom.GetIdx() for atom in mol.GetAtoms() if _is_metal(atom)]
    names = [_name(mol.GetAtomWithIdx(index)) for index in metals]
    simple = [
        mol.GetAtomWithIdx(index).GetAtomicNum() in _SIMPLE_IONS for index in metals
    ]
    rest = _without_metals(mol, metals) if metals else mol
    fragments = [
        fragment
        for fragment in Chem.GetMolFrags(rest, asMols=True, sanitizeFrags=False)
        if fragment.GetNumHeavyAtoms()
    ]
    is_complex = not all(simple)
    return Parts(
        metals=tuple(n for n, s in zip(names, simple, strict=True) if not s),
        ions=tuple(n for n, s in zip(names, simple, strict=True) if s),
        molecules=tuple(
            _neutral(fragment, is_complex=is_complex) for fragment in fragments
        ),
        written=tuple(Chem.MolToSmiles(fragment) for fragment in fragments),
    )


def has_carbon(mol: Chem.Mol) -> bool:
    """Tell whether a molecule has a carbon atom."""
    return any(atom.GetAtomicNum() == _CARBON for atom in mol.GetAtoms())


def _is_metal(atom: Chem.Atom) -> bool:
    """Tell whether an atom is separated from its neighbours."""
    number = atom.GetAtomicNum()
    if number in _METALLOIDS:
        return all(other.GetAtomicNum() != _CARBON for other in atom.GetNeighbors())
    return number not in _NON_METALS


def _name(atom: Chem.Atom) -> str:
    """Return the element; for arsenic and antimony with the state, III or V."""
    if atom.GetAtomicNum() not in (33, 51):
        return str(atom.GetSymbol())
    state = atom.GetFormalCharge() - atom.GetTotalNumHs(includeNeighbors=True)
    state += sum(
        bond.GetBondTypeAsDouble()
        for bond in atom.GetBonds()
        if bond.GetOtherAtom(atom).GetAtomicNum() > 1
    )
    return f"{atom.GetSymbol()}({'V' if state > 3 else 'III'})"


def _without_metals(mol: Chem.Mol, metals: list[int]) -> Chem.Mol:
    """Remove metals and fill up the hydrogens of their neighbours."""
    editable = Chem.RWMol(mol)
    Chem.Kekulize(editable, clearAromaticFlags=True)
    for index in metals:
        for atom in editable.GetAtomWithIdx(index).GetNeighbors():
            _reset(atom)
    editable.BeginBatchEdit()
    for index in metals:
        for atom in editable.GetAtomWithIdx(index).GetNeighbors():
            if atom.GetAtomicNum() == 1:
                editable.RemoveAtom(atom.GetIdx())
        editable.RemoveAtom(index)
    editable.CommitBatchEdit()
    return _sanitized(editable.GetMol())


def _reset(atom: Chem.Atom) -> None:
    """Clear charge, hydrogens and radicals, so that valence rules set them."""
    atom.SetFormalCharge(0)
    atom.SetNumExplicitHs(0)
    atom.SetNumRadicalElectrons(0)
    atom.SetNoImplicit(False)  # noqa: FBT003
    atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)


def _sanitized(mol: Chem.Mol) -> Chem.Mol:
    """Perceive rings, aromaticity and hydrogens; unusual valences are kept."""
    with rdBase.BlockLogs():
        Chem.SanitizeMol(mol, catchErrors=True)
    return mol


def _neutral(mol: Chem.Mol, *, is_complex: bool) -> Chem.Mol:
    """Neutralise a molecule, as far as hydrogens can do so."""
    atoms = list(mol.GetAtoms())
    charged = any(atom.GetFormalCharge() for atom in atoms)
    if not charged and not (
        is_complex and any(atom.GetNumRadicalElectrons() for atom in atoms)
    ):
        return mol
    editable = Chem.RWMol(mol)
    if is_complex:
        for atom in editable.GetAtoms():
            if atom.GetNumRadicalElectrons() or len(atoms) == 1:
                _reset(atom)
        _sanitized(editable)
    with rdBase.BlockLogs():
        return _uncharger().uncharge(editable.GetMol())


@lru_cache(maxsize=1)
def _uncharger() -> rdMolStandardize.Uncharger:
    """Return RDKit's tool for neutralising molecules."""
    return rdMolStandardize.Uncharger(canonicalOrder=True)
