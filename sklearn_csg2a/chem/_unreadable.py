"""What is not a SMILES string: other types, wrong syntax, other identifiers."""

from __future__ import annotations

import re
from numbers import Real

import numpy as np
from rdkit import Chem

__all__ = [
    "describe_other_identifier",
    "describe_parse_failure",
    "describe_type",
    "shorten",
]

_SHOWN_LENGTH = 80
_LOOK_UP = "give the SMILES string of that compound"
_NUMBER = "a number, such as a PubChem CID or an NSC number"
_ACCESSIONS = {
    r"(?i:inchikey\s*=\s*)?[A-Z]{14}-[A-Z]{10}-[A-Z]": "an InChIKey",
    r"(?i:(?:pubchem[\s_:-]*)?cid[\s_:#-]*\d+)": "a PubChem CID",
    r"(?i:(?:pubchem[\s_:-]*)?sid[\s_:#-]*\d+)": "a PubChem SID",
    r"(?i:chembl[\s_:-]*\d+)": "a ChEMBL id",
    r"(?i:chebi[\s_:-]*\d+)": "a ChEBI id",
    r"(?i:nsc[\s_:#-]*\d+(?:[/-]\d+)?)": "an NSC number",
    r"DB\d{5}": "a DrugBank id",
    r"[CD]\d{5}": "a KEGG id",
    r"BRD-[A-Z]\d{8}(?:-\d{3}-\d{2}-\d)?": "a Broad compound id",
    r"(?i:schembl|zinc|hmdb|ncgc|dtx[sc]id)\d+(?:-\d+)?": "the id of a database",
    r"(?i:cas[\s_:#-]*)?\d{2,7}-\d{2}-\d": "a CAS number",
    r"[+-]?\d+(?:\.0*)?": _NUMBER,
    r"C\d*H\d+(?:[A-Z][a-z]?\d*)*": "a molecular formula",
}
_INCHI = re.compile(r"(?i:inchi)\s*=\s*1S?/")
_MOLFILE = re.compile(r"M  END|V[23]000")
_BRACKETS = re.compile(r"\[[^\]]*\]")
_RING_BOND = re.compile(r"%\(\d+\)|%\d\d|\d")
_ATOM = re.compile(r"Cl|Br|[BCNOPSFI]|[bcnops]")
_NEVER_FIRST = re.compile(r"[(\d]")  # of a SMILES string
_NEVER_IN_NAMES = re.compile(r"[=#@/\\$%*~<>|]")
_CODE = re.compile(r"[A-Za-z]+-\d+[A-Za-z]?|[A-Za-z]{2,}\d{4,}")  # SN-38, PD0325901


def shorten(text: str) -> str:
    """Return the text quoted, shortened in the middle when it is long."""
    if len(text) > _SHOWN_LENGTH:
        half = _SHOWN_LENGTH // 2
        text = f"{text[:half]}...{text[-half:]}"
    return repr(text)


def describe_type(value: object) -> str:
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


def describe_other_identifier(text: str) -> str:
    """Say what kind of identifier an invalid SMILES is, "" if unclear."""
    stripped = text.strip()
    if _INCHI.match(stripped):
        return (
            "an InChI, not a SMILES string; convert it: "
            "rdkit.Chem.MolToSmiles(rdkit.Chem.MolFromInchi(inchi))"
        )
    if _MOLFILE.search(text):
        return (
            "a molfile, not a SMILES string; convert it: "
            "rdkit.Chem.MolToSmiles(rdkit.Chem.MolFromMolBlock(molfile))"
        )
    for pattern, kind in _ACCESSIONS.items():
        if re.fullmatch(pattern, stripped):
            return f"{kind}, not a SMILES string; {_LOOK_UP}"
    if _is_name(stripped):
        return f"the name of a compound, not a SMILES string; {_LOOK_UP}"
    return ""


def _is_name(text: str) -> bool:
    """Tell whether a text looks like a name: its first word has non-atom letters."""
    words = text.split()
    if not words or _NEVER_IN_NAMES.search(words[0]):
        return False
    rest = _ATOM.sub("", _BRACKETS.sub("", words[0]))
    n_foreign = sum(character.isalpha() for character in rest)
    if _NEVER_FIRST.match(words[0]) or "," in words[0]:
        return any(character.isalpha() for character in words[0])
    return n_foreign >= 2 or _CODE.fullmatch(words[0]) is not None


def describe_parse_failure(text: str) -> str:
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
    rings = _RING_BOND.findall(_BRACKETS.sub("", text))
    for ring in dict.fromkeys(rings):
        if rings.count(ring) % 2:
            return f"ring bond {ring.lstrip('%')} is opened but not closed"
    return "syntax error"
