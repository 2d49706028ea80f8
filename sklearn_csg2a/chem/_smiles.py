"""Strict reading of SMILES: reject strings that RDKit accepts by accident."""

from __future__ import annotations

import re
from functools import lru_cache
from numbers import Real

import numpy as np
from rdkit import Chem, rdBase

from sklearn_csg2a.chem._identify import identify
from sklearn_csg2a.chem._other_identifiers import describe_other_identifier
from sklearn_csg2a.exceptions import InvalidSmilesError

__all__ = ["canonical_smiles", "parse_smiles", "smiles_problem"]

_SHOWN_LENGTH = 80
_MISSING_TEXTS = frozenset({"nan", "none", "null", "na", "n/a", "<na>"})
_REACTION_ARROW = re.compile(r"(?<!-)>")
_BRACKET_ATOM = re.compile(r"\[[^\]]*\]")
_RING_BOND = re.compile(r"%\(\d+\)|%\d\d|\d")
_ROUND_TRIPS = 3
# The part of CXSMILES about drawing and stereo groups; entries about atoms, radicals,
# bonds and repeats would change the structure.
_DRAWING = r"(?:\([^()|]*\)|r|(?:a|c|t|ctu|f|lp|w|wU|wD|@|o\d+|&\d+|T[HL]B):[\d.,:]*)"
_TAIL = re.compile(rf"[ \t]+\|(?:{_DRAWING},?)*\|(?=,|$)")
_ANY_TAIL = re.compile(r"[ \t]\|.*\|$")
_COMMA = re.compile(r", ?")


def parse_smiles(smiles: object) -> Chem.Mol:
    """Read a SMILES string into a sanitized RDKit molecule.

    RDKit reads the empty string as a molecule without atoms, ignores what follows a
    space and drops letters outside ASCII. Here each of these is an error, so that no
    string is read as another molecule. Two forms that occur in public tables are read:
    CXSMILES (``"C/C=C/C |r,t:1|"``), whose extension is dropped if it is about stereo
    or drawing, and a list of spellings of one compound (``"CCO, OCC"``), of which the
    first is used.

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
    problem, mol = _read(smiles)
    if mol is None:
        raise InvalidSmilesError(problem)
    return mol


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
    raise InvalidSmilesError(_problem_of_type(smiles))


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
    return _problem_of_type(smiles)


@lru_cache(maxsize=65536)
def _problem_of_text(text: str) -> str | None:
    """Return the problem of a string, None if it is valid."""
    return _read(text)[0] or None


@lru_cache(maxsize=65536)
def _canonical_text(text: str) -> str:
    """Return the canonical form of a string, unchanged when read again."""
    canonical = Chem.MolToSmiles(parse_smiles(text))
    with rdBase.BlockLogs():
        for _ in range(_ROUND_TRIPS):
            mol = Chem.MolFromSmiles(canonical)
            again = canonical if mol is None else Chem.MolToSmiles(mol)
            if again == canonical:
                break
            canonical = again
    return canonical


def _read(smiles: object) -> tuple[str, Chem.Mol | None]:
    """Return ("", molecule) or (problem, None)."""
    if not isinstance(smiles, str):
        return _problem_of_type(smiles), None
    text = _TAIL.sub("", str(smiles))
    if _ANY_TAIL.search(text):
        problem = (
            "the part between bars (CXSMILES) changes the structure; give a SMILES "
            "string that contains it"
        )
        return f"{_shorten(text)}: {problem}", None
    return _read_list(text) if "," in text else _read_one(text)


def _read_list(text: str) -> tuple[str, Chem.Mol | None]:
    """Read the first of several comma-separated spellings of one compound."""
    read = [_read_one(spelling) for spelling in _COMMA.split(text)]
    failed = [problem for problem, mol in read if mol is None]
    if len(failed) == len(read) or (failed and ", " not in text):
        return _read_one(text)  # a name or an InChI
    if failed:
        return f"{_shorten(text)}: in this list, {failed[0]}", None
    compounds = {identify(mol).identity for _, mol in read}
    if len(compounds) > 1:
        problem = (
            f"a list of {len(compounds)} different compounds; give each of them "
            "a separate row"
        )
        return f"{_shorten(text)}: {problem}", None
    return read[0]


def _read_one(text: str) -> tuple[str, Chem.Mol | None]:
    """Read a string without extension or list: ("", molecule) or (problem, None)."""
    problem = _problem_of_spelling(text)
    if problem:
        return f"{_shorten(text)}: {_identifier_or(problem, text)}", None
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(text)
        if mol is None:
            failure = _identifier_or(_parse_failure(text), text)
            return f"{_shorten(text)}: {failure}", None
        mol = _without_atom_maps(mol)
    problem = _problem_of_molecule(mol)
    if problem:
        return f"{_shorten(text)}: {problem}", None
    return "", mol


def _shorten(text: str) -> str:
    """Return the text quoted, shortened in the middle when it is long."""
    if len(text) > _SHOWN_LENGTH:
        half = _SHOWN_LENGTH // 2
        text = f"{text[:half]}...{text[-half:]}"
    return repr(text)


def _problem_of_type(value: object) -> str:
    """Return what is wrong with a value that is not text."""
    is_nan = isinstance(value, (float, np.floating)) and bool(np.isnan(value))
    if value is None or is_nan or type(value).__name__ in {"NAType", "NaTType"}:
        return f"{value!r}: missing value; every row needs a SMILES string"
    if isinstance(value, (bytes, bytearray)):
        return f"{value!r}: bytes, not text; decode it to str first"
    text = repr(value)
    text = text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..."
    of_type = f"{text}: not text but of type {type(value).__name__}"
    if isinstance(value, Real) and not isinstance(value, (bool, np.bool_)):
        of_type += ", perhaps a PubChem CID or an NSC number"
    return f"{of_type}; give a SMILES string"


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
    if any(character.isspace() for character in text):
        return (
            "white space is not part of a SMILES string; strip it and drop the "
            "text behind it"
        )
    foreign = sorted({c for c in text if not (c.isascii() and c.isprintable())})
    if foreign:
        listed = ", ".join(f"{c!r} (U+{ord(c):04X})" for c in foreign[:5])
        return f"characters outside printable ASCII: {listed}; retype them"
    if _REACTION_ARROW.search(text):
        return "a reaction, not a compound; give one of its compounds"
    return ""


def _problem_of_molecule(mol: Chem.Mol) -> str:
    """Return why a readable molecule cannot be used, "" if it can."""
    if any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):
        return "it has a dummy atom '*'; give the whole compound"
    undefined = (Chem.BondType.UNSPECIFIED, Chem.BondType.ZERO)
    if any(b.HasQuery() or b.GetBondType() in undefined for b in mol.GetBonds()):
        return "it has an undefined bond '~'; give the bond order"
    if mol.GetNumHeavyAtoms() == 0:
        return "it has no atom other than hydrogen"
    return ""


def _parse_failure(text: str) -> str:
    """Explain why RDKit rejects a string."""
    raw = Chem.MolFromSmiles(text, sanitize=False)
    if raw is not None:
        problems = Chem.DetectChemistryProblems(raw)
        messages = "; ".join(p.Message().strip() for p in problems[:3])
        return f"RDKit cannot read it ({messages or 'it fails sanitization'})"
    return f"RDKit cannot read it ({_syntax_failure(text)})"


def _syntax_failure(text: str) -> str:
    """Guess what is wrong with the syntax of a string."""
    for left, right, name in (("[", "]", "bracket"), ("(", ")", "parenthesis")):
        if text.count(left) != text.count(right):
            side = "opened but not closed"
            if text.count(left) < text.count(right):
                side = "closed but not opened"
            return f"a {name} is {side}"
    rings = _RING_BOND.findall(_BRACKET_ATOM.sub("", text))
    for ring in dict.fromkeys(rings):
        if rings.count(ring) % 2:
            return f"ring bond {ring.lstrip('%')} is opened but not closed"
    return "syntax error"


def _without_atom_maps(mol: Chem.Mol) -> Chem.Mol:
    """Drop atom map numbers, and stereo that exists only because of them."""
    mapped = [atom for atom in mol.GetAtoms() if atom.GetAtomMapNum()]
    if not mapped:
        return mol
    for atom in mapped:
        atom.SetAtomMapNum(0)
    return Chem.MolFromSmiles(Chem.MolToSmiles(mol)) or mol
