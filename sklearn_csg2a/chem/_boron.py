"""Boronic acids: their hydrated anions and their anhydrides."""

from __future__ import annotations

from functools import lru_cache

from rdkit import Chem, rdBase

__all__ = ["as_boronic_acid"]

# Four-coordinate boron on carbon, and a hydroxyl group, oxide or water on it. Another
# atom than oxygen, as in trifluoroborates and boron-nitrogen chelates, stays.
_HYDRATED = "[#6]~[BX4;!$(B~[!#6;!#8;!#1])]~[OX1-,OX2H1,OX3H2+]"
_ANHYDRIDE = "[#6]-[#5X3;+0]-[OX2]-[#5X3;+0]-[#6]"


def as_boronic_acid(mol: Chem.Mol) -> Chem.Mol:
    """Write hydrated anions and anhydrides of boronic acids as the acids.

    ``R[B-](O)(O)O`` is the acid with a hydroxide ion of the water around it, and a
    boroxine, ``(RBO)3``, is what the acid dries to; water turns it back. Esters and
    trifluoroborates are compounds of their own.
    """
    work = Chem.RWMol(mol)
    while matches := work.GetSubstructMatches(_hydrated()):
        oxygens = {oxygen: boron for _, boron, oxygen in matches}
        charges = {i: work.GetAtomWithIdx(i).GetFormalCharge() for i in oxygens}
        oxygen = max(charges, key=charges.__getitem__)  # water before hydroxide
        _remove_oxygen(work, oxygens[oxygen], oxygen)
    while match := work.GetSubstructMatch(_anhydride()):
        _, boron, oxygen, *_ = match
        work.RemoveBond(boron, oxygen)
        work.AddBond(boron, work.AddAtom(Chem.Atom("O")), Chem.BondType.SINGLE)
        _update(work)
    return work.GetMol()


def _remove_oxygen(work: Chem.RWMol, boron: int, oxygen: int) -> None:
    """Remove a hydroxide ion or water from boron."""
    atom = work.GetAtomWithIdx(boron)
    atom.SetFormalCharge(0)
    atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    work.RemoveAtom(oxygen)
    _update(work)


def _update(work: Chem.RWMol) -> None:
    """Perceive rings and hydrogens again."""
    with rdBase.BlockLogs():
        Chem.SanitizeMol(work, catchErrors=True)


@lru_cache(maxsize=1)
def _hydrated() -> Chem.Mol:
    """Return the pattern of a boronic acid with a hydroxide ion or water."""
    return Chem.MolFromSmarts(_HYDRATED)


@lru_cache(maxsize=1)
def _anhydride() -> Chem.Mol:
    """Return the pattern of two boronic acids without the water between them."""
    return Chem.MolFromSmarts(_ANHYDRIDE)
