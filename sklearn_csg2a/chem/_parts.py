"""The parts of a compound: metals, simple ions and neutral molecules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

__all__ = ["Parts", "has_carbon", "split_parts"]

_NON_METALS = frozenset(
    {1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 34, 35, 36, 53, 54, 85, 86}
)
# Elements that are drawn like non-metals and stay bound to carbon (arsonic acids),
# unlike tin in stannanes.
_METALLOIDS = frozenset({32, 33, 51, 52})
_SIMPLE_IONS = frozenset({3, 11, 12, 19, 20, 37, 38, 55, 56, 87, 88})
_CARBON = 6


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
    """Split a compound: metals from ligands, salts into ions."""
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
