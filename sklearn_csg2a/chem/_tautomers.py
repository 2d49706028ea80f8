"""Other forms of a compound: tautomers, hydrated boronates and their anhydrides.

InChI unifies tautomers of hetero atoms, but not enols with ketones.
"""

from __future__ import annotations

from functools import lru_cache

from rdkit import Chem, rdBase

__all__ = ["as_boronic_acid", "inchi_block", "keto_block", "loose_tautomer_key"]

_BLOCK_LENGTH = 14
_LOOSE = "/KET /15T"  # InChI's own keto-enol and 1,5 rules: they unify too much
# On Kekule structures. Bonds change as in the list of (atom, atom, order); an atom that
# loses a double bond to carbon gets the hydrogen. An enol whose other carbon bears
# oxygen could become either of two ketones (glucose and fructose), so it is kept.
_TO_KETO = (
    ("[OX2H1]-[#6]=[#6;!$([#6]~[#8])]", ((0, 1, 2), (1, 2, 1))),
    ("[OX2H1]-[#6](-[OX2])=[#6]", ((0, 1, 2), (1, 3, 1))),
    ("[NX3;H1]1-[#6]=[#6]-[#6](=[OX1])-[#7]1", ((0, 1, 2), (1, 2, 1))),
    (
        "[NX3;H1]1-[#6]=[#6]-[#6](-[OX2H1])=[NX2]1",
        ((0, 1, 2), (1, 2, 1), (3, 4, 2), (3, 5, 1)),
    ),
)
# A pyridinol next to its nitrogen is written as the pyridone, whose ring is not a
# phenol.
_LACTIM = "[OX2H1]-[c]:[nX2;H0]"
_OXIDE = "[O-]-[n+]:[c]-[S,O;X2;H1]"  # of pyrithione, a hydroxythiopyridone as well
_RING_OF_BENZENE = 6
# Four-coordinate boron on carbon, and a hydroxyl group, oxide or water on it. Another
# atom than oxygen, as in trifluoroborates and boron-nitrogen chelates, stays.
_HYDRATED = "[#6]~[BX4;!$(B~[!#6;!#8;!#1])]~[OX1-,OX2H1,OX3H2+]"
_ANHYDRIDE = "[#6]-[#5X3;+0]-[OX2]-[#5X3;+0]-[#6]"


def inchi_block(mol: Chem.Mol) -> str:
    """Return the InChIKey's first block, or SMILES without stereo."""
    return _block(_inchi(mol)) or str(Chem.MolToSmiles(mol, isomericSmiles=False))


def keto_block(mol: Chem.Mol) -> str:
    """Return the block of a compound; enols are converted to ketones first.

    Phenols and their nitrogen analogues do not count as enols.
    """
    mol = _without_oxides(mol)
    inchi = _inchi(mol)
    if not inchi:
        return str(Chem.MolToSmiles(mol, isomericSmiles=False))
    if not mol.HasSubstructMatch(_maybe_enol()):
        return _block(inchi)
    keto = _ketonised(_common_tautomer(mol, inchi))
    return _block("" if keto is None else _inchi(keto)) or _block(inchi)


def loose_tautomer_key(mol: Chem.Mol) -> str:
    """Return a key shared by more tautomers, and by some other isomers."""
    with rdBase.BlockLogs():
        inchi = Chem.MolToInchi(mol, options=_LOOSE)
    return _block(inchi or "")


def _inchi(mol: Chem.Mol) -> str:
    """Return the standard InChI, "" if InChI fails."""
    with rdBase.BlockLogs():
        return str(Chem.MolToInchi(mol) or "")


def _block(inchi: str) -> str:
    """Return the first block of the key of an InChI, "" if it is empty."""
    return str(Chem.InchiToInchiKey(inchi)[:_BLOCK_LENGTH]) if inchi else ""


def _common_tautomer(mol: Chem.Mol, inchi: str) -> Chem.Mol:
    """Return one structure for all tautomers that InChI unifies.

    InChI moves protons of some ions; the molecule is returned unchanged then.
    """
    with rdBase.BlockLogs():
        common = Chem.MolFromInchi(inchi)
    return mol if common is None or _inchi(common) != inchi else common


def _ketonised(mol: Chem.Mol) -> Chem.Mol | None:
    """Turn all enols into ketones; None if there is no enol."""
    mol = _as_lactams(mol)
    phenolic = _benzenoid_bonds(mol)
    work = Chem.RWMol(mol)
    Chem.Kekulize(work, clearAromaticFlags=True)
    changed = False
    while step := _next_step(work, phenolic):
        for begin, end, order in step:
            bond = work.GetBondBetweenAtoms(begin, end)
            bond.SetBondType(
                Chem.BondType.DOUBLE if order == 2 else Chem.BondType.SINGLE
            )
        for index in {index for bond in step for index in bond[:2]}:
            _reset_hydrogens(work.GetAtomWithIdx(index))
        work.UpdatePropertyCache(strict=False)
        changed = True
    if not changed:
        return None
    keto = work.GetMol()
    with rdBase.BlockLogs():
        Chem.SanitizeMol(keto, catchErrors=True)
    return keto


def _as_lactams(mol: Chem.Mol) -> Chem.Mol:
    """Move hydrogens from hydroxyl groups to the aromatic nitrogens next to them."""
    while match := mol.GetSubstructMatch(_lactim()):
        oxygen, carbon, nitrogen = match
        work = Chem.RWMol(mol)
        work.GetBondBetweenAtoms(oxygen, carbon).SetBondType(Chem.BondType.DOUBLE)
        _reset_hydrogens(work.GetAtomWithIdx(oxygen))
        work.GetAtomWithIdx(nitrogen).SetNumExplicitHs(1)
        with rdBase.BlockLogs():
            if Chem.SanitizeMol(work, catchErrors=True):
                break
        mol = work.GetMol()
    return mol


def _without_oxides(mol: Chem.Mol) -> Chem.Mol:
    """Move hydrogens from hydroxyl and thiol groups to the N-oxides next to them."""
    match = mol.GetSubstructMatch(_oxide())
    if not match:
        return mol
    oxygen, nitrogen, carbon, other = match
    work = Chem.RWMol(mol)
    for index in (oxygen, nitrogen):
        work.GetAtomWithIdx(index).SetFormalCharge(0)
    for index in (oxygen, other):
        _reset_hydrogens(work.GetAtomWithIdx(index))
    work.GetBondBetweenAtoms(carbon, other).SetBondType(Chem.BondType.DOUBLE)
    with rdBase.BlockLogs():
        failed = Chem.SanitizeMol(work, catchErrors=True)
    return mol if failed else work.GetMol()


def _reset_hydrogens(atom: Chem.Atom) -> None:
    """Let valence rules determine the hydrogens of an atom."""
    atom.SetNumExplicitHs(0)
    atom.SetNoImplicit(False)  # noqa: FBT003


def _next_step(
    mol: Chem.Mol, phenolic: set[frozenset[int]]
) -> list[tuple[int, int, int]]:
    """Return the bonds to change for the first enol, [] if there is none."""
    for pattern, changes in _patterns():
        for match in mol.GetSubstructMatches(pattern, uniquify=False):
            step = [(match[a], match[b], order) for a, b, order in changes]
            if not any(frozenset(bond[:2]) in phenolic for bond in step):
                return step
    return []


def _benzenoid_bonds(mol: Chem.Mol) -> set[frozenset[int]]:
    """Return the bonds of rings like benzene and pyridine, without C=O in them."""
    bonds = set()
    for ring in mol.GetRingInfo().AtomRings():
        atoms = [mol.GetAtomWithIdx(index) for index in ring]
        if len(ring) == _RING_OF_BENZENE and all(map(_is_benzenoid, atoms)):
            bonds |= {
                frozenset(pair) for pair in zip(ring, (*ring[1:], ring[0]), strict=True)
            }
    return bonds


def _is_benzenoid(atom: Chem.Atom) -> bool:
    """Tell whether an atom is aromatic by a double bond within rings."""
    return atom.GetIsAromatic() and not any(
        bond.GetBondType() == Chem.BondType.DOUBLE for bond in atom.GetBonds()
    )


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[Chem.Mol, tuple[tuple[int, int, int], ...]], ...]:
    """Return the parsed patterns of enols."""
    return tuple((Chem.MolFromSmarts(text), changes) for text, changes in _TO_KETO)


@lru_cache(maxsize=1)
def _lactim() -> Chem.Mol:
    """Return the pattern of an aromatic lactim."""
    return Chem.MolFromSmarts(_LACTIM)


@lru_cache(maxsize=1)
def _oxide() -> Chem.Mol:
    """Return the pattern of an N-oxide next to a hydroxyl or thiol group."""
    return Chem.MolFromSmarts(_OXIDE)


@lru_cache(maxsize=1)
def _maybe_enol() -> Chem.Mol:
    """Return a pattern that every possible enol matches."""
    return Chem.MolFromSmarts("[OX1,OX2H1]~[#6]~[#6;X3]")


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
