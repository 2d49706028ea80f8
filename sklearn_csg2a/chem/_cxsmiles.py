"""Extensions of SMILES strings (CXSMILES): drawing is dropped, radicals are read."""

from __future__ import annotations

import re

from rdkit import Chem, rdBase

__all__ = ["add_radicals", "has_extension", "split_extension"]

# Entries about drawing and stereo groups, and the one about radicals; those about
# atoms, bonds and repeats would change the structure.
_DRAWING = r"(?:\([^()|]*\)|r|(?:a|c|t|ctu|f|lp|w|wU|wD|@|o\d+|&\d+|T[HL]B):[\d.,:]*)"
_RADICALS = r"\^\d:\d+(?:,\d+)*"
_OF_DRAWING = re.compile(rf"[ \t]+\|(?:{_DRAWING},?)*\|(?=,|$)")
_WITH_RADICALS = re.compile(rf"(\S+)[ \t]+\|((?:(?:{_DRAWING}|{_RADICALS}),?)+)\|")
_ANY = re.compile(r"[ \t]\|.*\|$")
_ATOM = re.compile(r"[:,](\d+)")


def split_extension(text: str) -> tuple[str, str]:
    """Return a text without extensions about drawing, and the radicals of another."""
    text = _OF_DRAWING.sub("", text)
    found = _WITH_RADICALS.fullmatch(text)
    if found is None:
        return text, ""
    return found[1], ",".join(re.findall(_RADICALS, found[2]))


def has_extension(text: str) -> bool:
    """Tell whether a text has an extension, of any kind."""
    return _ANY.search(text) is not None


def add_radicals(smiles: str, radicals: str) -> Chem.Mol | None:
    """Return a molecule with these radicals, None if its atoms cannot have them."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(f"{smiles} |{radicals}|")
    last = max(map(int, _ATOM.findall(radicals)))
    return mol if mol is not None and last < mol.GetNumAtoms() else None
