"""Names spelt in more than one way: A375 and A-375, sorafenib and Sorafenib."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sklearn_csg2a._utils.offenders import list_offenders

__all__ = [
    "TWIN_LINES",
    "NameMatches",
    "describe_unmatched",
    "line_spelling",
    "match_names",
    "plain_spelling",
]

# Spellings shared by two different cell lines: TT and T-T, KMH-2 and KM-H2.
TWIN_LINES = frozenset({"tt", "kmh2"})

# Characters ignored when spellings are compared, besides case: blanks, dashes and ...
_LOOSE = frozenset("_./\\\N{MINUS SIGN}\N{MIDDLE DOT}\N{BULLET}\N{KATAKANA MIDDLE DOT}")
# ... categories of Unicode: separators, dashes and non-printing characters.
_LOOSE_CATEGORIES = ("Zs", "Zl", "Zp", "Pd", "Cc", "Cf")

_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\W_]+(?=\d)")

# Searching for similar names is slow, so suggestions are limited.
_MAX_SUGGESTED = 20


@dataclass(frozen=True)
class NameMatches:
    """Result of a search for names; each wanted name is in one of the three.

    Attributes
    ----------
    matched : dict, the known name of each wanted name with exactly one match.
    ambiguous : dict, the known names of those with several matches.
    nearest : dict, similar known names (possibly none) of those without a match.
    """

    matched: dict[str, str]
    ambiguous: dict[str, list[str]]
    nearest: dict[str, list[str]]


def plain_spelling(name: str) -> str:
    """Normalise a name for comparison; empty if no character remains."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(
        character
        for character in folded
        if character not in _LOOSE
        and unicodedata.category(character) not in _LOOSE_CATEGORIES
    )


def line_spelling(name: str) -> str:
    """Return what spellings of one cell line have in common, and other lines have not.

    Case, blanks, dashes and the like are ignored, except between two digits (patients
    P1-1 and P11) and in the names of two lines that differ by them alone.
    """
    plain = plain_spelling(_BETWEEN_DIGITS.sub("|", name))
    return "".join(name.split()).casefold() if plain in TWIN_LINES else plain


def match_names(wanted: Sequence[str], known: Sequence[str]) -> NameMatches:
    """Find each name among the known ones, exactly or by its plain spelling.

    Plain spellings ignore case, blanks, dashes, underscores, dots and slashes. They
    match only if exactly one known name has them.
    """
    exact = dict.fromkeys(known)
    spellings: dict[str, list[str]] = {}
    for name in exact:
        spellings.setdefault(plain_spelling(name), []).append(name)
    spellings.pop("", None)
    matches = NameMatches({}, {}, {})
    for name in dict.fromkeys(wanted):
        candidates = (
            [name] if name in exact else spellings.get(plain_spelling(name), [])
        )
        if len(candidates) == 1:
            matches.matched[name] = candidates[0]
        elif candidates:
            matches.ambiguous[name] = candidates
        else:
            matches.nearest[name] = (
                _nearest(name, spellings)
                if len(matches.nearest) < _MAX_SUGGESTED
                else []
            )
    return matches


def _nearest(name: str, spellings: dict[str, list[str]]) -> list[str]:
    """Return at most three similar known names, the best first."""
    close = difflib.get_close_matches(plain_spelling(name), spellings, n=3, cutoff=0.6)
    return [known for spelling in close for known in spellings[spelling]][:3]


def describe_unmatched(matches: NameMatches, limit: int = 5) -> str:
    """Describe the names without a match, with the known names they may mean."""
    described = [
        f"{name!r} (fits {_quoted(names)} alike)"
        for name, names in matches.ambiguous.items()
    ] + [
        f"{name!r} (nearest: {_quoted(names)})" if names else repr(name)
        for name, names in matches.nearest.items()
    ]
    return list_offenders(described, limit=limit)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
