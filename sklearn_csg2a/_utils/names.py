"""Names spelt in more than one way: A375 and A-375, sorafenib and Sorafenib."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sklearn_csg2a._utils.offenders import list_offenders

__all__ = ["NameMatches", "describe_unmatched", "match_names", "plain_spelling"]

# What spellings of one name differ in, beside the case: blanks, dashes and ...
_LOOSE = frozenset("_./\\\N{MINUS SIGN}\N{MIDDLE DOT}\N{BULLET}\N{KATAKANA MIDDLE DOT}")
# ... categories of Unicode: separators, dashes, characters that are not printed.
_LOOSE_CATEGORIES = ("Zs", "Zl", "Zp", "Pd", "Cc", "Cf")

# Finding near names is slow, and nobody reads more of them.
_MAX_SUGGESTED = 20


@dataclass(frozen=True)
class NameMatches:
    """What became of each name that was wanted; each stands in one of the three.

    Attributes
    ----------
    matched : dict, the known name of each wanted one that has exactly one.
    ambiguous : dict, the known names of those that have several.
    nearest : dict, similar known names (perhaps none) of those that have none.
    """

    matched: dict[str, str]
    ambiguous: dict[str, list[str]]
    nearest: dict[str, list[str]]


def plain_spelling(name: str) -> str:
    """Return a name without what spellings differ in; empty if nothing is left."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(
        character
        for character in folded
        if character not in _LOOSE
        and unicodedata.category(character) not in _LOOSE_CATEGORIES
    )


def match_names(wanted: Sequence[str], known: Sequence[str]) -> NameMatches:
    """Find each name among the known ones: as it stands, else by its plain spelling.

    Plain spellings leave case, blanks, dashes, underscores, dots and slashes out. They
    count where one known name alone has them.
    """
    exact = dict.fromkeys(known)
    spellings: dict[str, list[str]] = {}
    for name in exact:
        spellings.setdefault(plain_spelling(name), []).append(name)
    spellings.pop("", None)
    matches = NameMatches({}, {}, {})
    for name in dict.fromkeys(wanted):
        same = [name] if name in exact else spellings.get(plain_spelling(name), [])
        if len(same) == 1:
            matches.matched[name] = same[0]
        elif same:
            matches.ambiguous[name] = same
        else:
            matches.nearest[name] = (
                _nearest(name, spellings)
                if len(matches.nearest) < _MAX_SUGGESTED
                else []
            )
    return matches


def _nearest(name: str, spellings: dict[str, list[str]]) -> list[str]:
    """Return at most three known names that look like this one, the best first."""
    close = difflib.get_close_matches(plain_spelling(name), spellings, n=3, cutoff=0.6)
    return [known for spelling in close for known in spellings[spelling]][:3]


def describe_unmatched(matches: NameMatches, limit: int = 5) -> str:
    """Say of the names without a match what they could have meant."""
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
