"""Columns whose names nearly say what the contract asks for."""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["find_near_columns", "suggest_renaming", "unit_of_name"]

_LITRE = r"(?:(?:per)?l|litre|liter)?"
_UNITS_OF_DOSE = {
    rf"(?:um|umol{_LITRE}|micromolar|micromol{_LITRE})": "uM",
    rf"(?:nm|nmol{_LITRE}|nanomolar|nanomol{_LITRE})": "nM",
    rf"(?:mm|mmol{_LITRE}|millimolar|millimol{_LITRE})": "mM",
    rf"(?:pm|pmol{_LITRE}|picomolar)": "pM",
    rf"(?:m|mol{_LITRE}|molar)": "M",
    r"(?:[unpm]g(?:per)?ml)": "mass per volume",
}
_UNITS_OF_TIME = {
    r"(?:h|hr|hrs|hour|hours)": "h",
    r"(?:min|mins|minute|minutes)": "min",
    r"(?:d|day|days)": "d",
    r"(?:s|sec|secs|second|seconds)": "s",
}
_TREATED = r"(?:pert|perturbation|drug|compound|cpd|treatment|treat|test|final|agent)"
_DOSE = (
    rf"{_TREATED}*i?(?:dose|dosage|conc|concn|concentration)s?(?:values?|val|level)?"
)
_TIME = (
    rf"(?:{_TREATED}|exposure|incubation|assay|contact)*"
    r"(?:i?time(?:point)?s?|duration)(?:values?|val)?"
)
_SCALE = r"(?P<log>log10|log2|log|ln)?"


def _any_of(units: Iterable[str]) -> str:
    """Return a pattern for one of some patterns."""
    return "(?:" + "|".join(units) + ")"


_QUANTITIES = {
    "dose": re.compile(
        rf"{_SCALE}(?:{_DOSE}(?:in)?(?P<unit>{_any_of(_UNITS_OF_DOSE)})?"
        r"|(?P<alone>um|nm|micromolar|nanomolar))"
    ),
    "time": re.compile(
        rf"{_SCALE}(?:{_TIME}(?:in)?(?P<unit>{_any_of(_UNITS_OF_TIME)})?"
        r"|(?P<alone>hours?|hrs?))"
    ),
}
_UNITS = {"dose": _UNITS_OF_DOSE, "time": _UNITS_OF_TIME}
_SMILES = ("smi", "cansmi", "isosmi", "structure", "mol", "molecule", "compound")
_CELLS = (
    *("cellline", "cellid", "cellname", "cell", "cells", "celliname", "line", "clid"),
    *("depmapid", "modelid", "modelname", "model", "depmap", "arxspanid", "broadid"),
    *("sangermodelid", "sidm", "cosmicid", "cosmicsampleid", "cosmic"),
    *("cclename", "ccleid", "ccle", "cellosaurusid", "rrid", "sampleid", "samplename"),
    *("sample", "patientid", "patient", "donorid", "donor", "organoid", "barcode"),
)
_NAMES = {"smiles": _SMILES, "cell_line": _CELLS}
_TYPING_ERROR = 0.8  # similarity of "smlies" and "smiles"


def find_near_columns(contract_name: str, columns: Iterable[Any]) -> list[Any]:
    """Return the columns that may be meant by a name of the contract, best first.

    For dose and time the whole name must say so, with or without a unit: they are
    looked for in tables that need not have them. `max_conc` and `dose_range` do not.
    """
    texts = {name: _letters(name) for name in columns if isinstance(name, str)}
    own = _letters(contract_name)
    pattern = _QUANTITIES.get(contract_name)
    if pattern is not None:
        found = [name for name, text in texts.items() if pattern.fullmatch(text)]
        return sorted(found, key=lambda name: _distance(texts[name], own))
    aliases = _NAMES[contract_name]
    rank = {}
    for name, text in texts.items():
        if text == own:
            rank[name] = (0, 0)
        elif own in text:
            rank[name] = (1, len(text))
        elif difflib.SequenceMatcher(None, text, own).ratio() >= _TYPING_ERROR:
            rank[name] = (2, len(text))
        elif text in aliases:
            rank[name] = (3, aliases.index(text))
    return sorted(rank, key=rank.__getitem__)


def suggest_renaming(contract_name: str, columns: Iterable[Any]) -> str:
    """Say which column may be meant and how to say so; "" where none is near."""
    near = find_near_columns(contract_name, columns)
    if not near:
        return ""
    others = f" (or {', '.join(map(repr, near[1:3]))})" if near[1:] else ""
    return (
        f"If {near[0]!r}{others} is meant, pass "
        f"columns={{{contract_name!r}: {near[0]!r}}}"
    )


def unit_of_name(contract_name: str, column: str) -> str | None:
    """Return the unit that the name of a column of doses or times ends in.

    "log" where the name speaks of logarithms, None where it has no unit.
    """
    match = _QUANTITIES[contract_name].fullmatch(_letters(column))
    if match is None:
        return None
    if match["log"]:
        return "log"
    written = match["unit"] or match["alone"]
    if not written:
        return None
    units = _UNITS[contract_name].items()
    return next((unit for like, unit in units if re.fullmatch(like, written)), None)


def _letters(name: str) -> str:
    """Return the small letters and digits of a name; every micro sign is a u."""
    text = unicodedata.normalize("NFKC", name).lower().replace("\u03bc", "u")
    return "".join(character for character in text if character.isalnum())


def _distance(text: str, own: str) -> tuple[bool, int]:
    """Order names: those that differ in writing alone come first."""
    return (text != own, len(text))
