"""Cell ids that expression does not have: which of its own may be meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_csg2a._utils.names import match_names, plain_spelling
from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.exceptions import UnknownCellLineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from sklearn_csg2a.treatments._columns import ContractTable

__all__ = ["raise_unknown_cells"]

_KINDS = {
    "DepMap ids": re.compile(r"ACH-\d{6}"),
    "Sanger ids": re.compile(r"SIDM\d{5}"),
    "Cellosaurus accessions": re.compile(r"CVCL_\w{4}"),
    "COSMIC ids": re.compile(r"\d{6,7}"),
    "TCGA barcodes": re.compile(r"TCGA-\w\w-\w{4}.*"),
}
_CCLE_NAME = re.compile(r"([A-Z0-9]+)_[A-Z][A-Z_]+")  # A375_SKIN
_WHOLE_NUMBER = re.compile(r"(\d+)\.0*")


def raise_unknown_cells(
    table: ContractTable,
    expression: pd.DataFrame,
    codes: np.ndarray,
    ids: np.ndarray,
    known: np.ndarray,
) -> None:
    """Raise UnknownCellLineError naming the ids and their first rows."""
    labels, column = table.row_labels, table.names["cell_line"]
    unknown = np.flatnonzero(~known)
    first_row = {int(code): int(np.argmax(codes == code)) for code in unknown[:5]}
    shown = [ids[code] for code in first_row]
    notes, remedy = _describe_unknown(shown, expression.index, column)
    note_of = dict(zip(first_row, notes, strict=True))

    def describe(code: np.int64) -> str:
        where = name_row(first_row[int(code)], labels)
        note = note_of[int(code)]
        return f"{ids[code]!r} ({where}{f'; {note}' if note else ''})"

    offenders = list_offenders(unknown, describe)
    hint = f" {remedy}" if remedy else ""
    raise UnknownCellLineError(
        f"{len(unknown)} cell line(s) of column {column!r} are not "
        f"in the index of expression: {offenders}.{hint} Add them to expression; to "
        "predict new cells, pass wide rows with one column per gene."
    )


def _describe_unknown(
    unknown: Sequence[Any], known: pd.Index, column: str
) -> tuple[list[str], str]:
    """Say which known id each unknown one may mean, "" for none; and a remedy.

    Nothing is taken for something else in silence: T-T and TT are two cell lines, and
    so are KM-H2 and KMH-2.
    """
    by_text = {_as_text(one): one for one in known}
    notes = []
    renamed: dict[Any, Any] = {}
    other_type = False
    for one in unknown:
        text = _as_text(one)
        if text in by_text:
            other_type = True
            there = _type_name(by_text[text])
            notes.append(f"{_type_name(one)}, in expression {there}")
            continue
        note, meant = _find_near(text, list(by_text))
        notes.append(note)
        if meant is not None:
            renamed[one] = by_text[meant]
    remedies = []
    if other_type:
        remedies.append(_same_type(unknown, known, column))
    if renamed:
        remedies.append(f"Rename them, as in X[{column!r}].replace({renamed!r}).")
    if not remedies:
        remedies.append(_other_kind(unknown, list(by_text)))
    return notes, " ".join(remedy for remedy in remedies if remedy)


def _find_near(text: str, known: list[str]) -> tuple[str, str | None]:
    """Say which known id is near a text, and return it where it is the only one."""
    ccle = _CCLE_NAME.fullmatch(text)
    for wanted in (text, ccle[1]) if ccle else (text,):
        matches = match_names([wanted], known)
        if wanted in matches.matched:
            meant = matches.matched[wanted]
            what = _difference(text, meant)
            return f"differs from {meant!r} in {what} only", meant
        if wanted in matches.ambiguous:
            several = " and ".join(map(repr, matches.ambiguous[wanted][:3]))
            return f"fits {several} alike", None
    near = matches.nearest[wanted][:2]
    return (f"nearest: {', '.join(map(repr, near))}" if near else ""), None


def _difference(text: str, meant: str) -> str:
    """Name what two spellings differ in."""
    if plain_spelling(text) != plain_spelling(meant):
        return "the tissue behind the name"
    parts = []
    if _letters(text) != _letters(meant):
        parts.append("case")
    if _signs(text, spaces=True) != _signs(meant, spaces=True):
        parts.append("blanks")
    if _signs(text, spaces=False) != _signs(meant, spaces=False):
        parts.append("dashes" if "-" in text + meant else "punctuation")
    return " and ".join(parts) or "invisible or look-alike characters"


def _letters(text: str) -> list[str]:
    """Return the letters and digits of a text."""
    return [character for character in text if character.isalnum()]


def _signs(text: str, *, spaces: bool) -> list[str]:
    """Return what is neither letter nor digit: blanks, or all but blanks."""
    return [
        character
        for character in text
        if not character.isalnum() and character.isspace() is spaces
    ]


def _as_text(one: Any) -> str:
    """Write an id as text, so that 905988.0, "905988.0" and "905988" are equal."""
    text = str(one)
    whole = _WHOLE_NUMBER.fullmatch(text)
    return whole[1] if whole else text


def _type_name(one: Any) -> str:
    """Name the type of an id, for messages."""
    if isinstance(one, str):
        return f"text {one!r}"
    kind = "float" if isinstance(one, (float, np.floating)) else type(one).__name__
    return f"{kind} {one}"


def _same_type(unknown: Sequence[Any], known: pd.Index, column: str) -> str:
    """Say how to give the ids of X and expression one type."""
    how = []
    if any(not isinstance(one, str) for one in unknown):
        how.append(f"X[{column!r}].astype('Int64').astype(str)")
    elif any(_WHOLE_NUMBER.fullmatch(one) for one in unknown):
        how.append(f"X[{column!r}].str.removesuffix('.0')")
    if any(not isinstance(one, str) for one in known):
        how.append("expression.index.astype(int).astype(str)")
    return (
        "Some match as text: give both the same type, for example str "
        f"({', '.join(how)})."
    )


def _other_kind(unknown: Sequence[Any], known: list[str]) -> str:
    """Say that X and expression name cells by ids of different kinds, if they do."""
    here, there = _kind([_as_text(one) for one in unknown]), _kind(known[:20])
    if here == there:
        return ""
    return (
        f"X has {here} and expression {there}: give both the same ids, as with "
        "sklearn_csg2a.datasets.map_cell_lines."
    )


def _kind(ids: list[str]) -> str:
    """Name the kind of most of some ids."""
    for name, pattern in _KINDS.items():
        if 2 * sum(pattern.fullmatch(one) is not None for one in ids) > len(ids):
            return name
    return "names"
