"""What went wrong where genes do not match: case, quotes, ids, a transposed table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["describe_slip", "refuse_transposed"]

_AROUND = " \t\"'`\u2018\u2019\u201c\u201d"
_ENSEMBL = re.compile(r"ENS[A-Z]*[GT]\d{6,}")
_SYMBOL_AND_ID = re.compile(r"(.+?) \((?:\d+|ENS\w+(?:\.\d+)?)\)$")
_DIGITS = re.compile(r"\d+(?:\.0)?$")

_MATCHED_BY: list[tuple[Callable[[str], str], str]] = [
    (
        lambda name: name.strip(_AROUND),
        (
            "the names differ by quotes or blanks alone: use "
            "{source}.columns.str.strip(' \\'\"')"
        ),
    ),
    (
        lambda name: name.strip(_AROUND).upper(),
        (
            "the names differ in upper and lower case alone: use "
            "{source}.columns.str.upper(), or the names used in fit"
        ),
    ),
    (
        lambda name: name.split(".")[0],
        (
            "the names differ by the version after the dot alone: use "
            "{source}.columns.str.split('.').str[0], or the names used in fit"
        ),
    ),
    (
        lambda name: _SYMBOL_AND_ID.sub(r"\1", name),
        (
            "one side has names such as 'TP53 (7157)', as files of DepMap have: read "
            "them with sklearn_csg2a.datasets.read_depmap_expression, or use "
            "{source}.columns.str.split(' ').str[0]"
        ),
    ),
]


def describe_slip(
    available: Iterable[Any],
    genes: Iterable[str],
    source: str,
    index: pd.Index | None = None,
) -> str:
    """Say why most genes are not among the names that are there; "" if unknown."""
    wanted = {str(gene) for gene in genes}
    names = [str(name) for name in available]
    enough = max(len(wanted) / 2, 1)
    if index is not None and len(wanted & {str(one) for one in index}) >= enough:
        return (
            f"the genes are in the index of {source}: is it transposed? Use {source}.T"
        )
    for change, said in _MATCHED_BY:
        changed = {change(name) for name in names}
        if len({change(gene) for gene in wanted} & changed) >= enough:
            return said.format(source=source)
    theirs, ours = _kind_of(names), _kind_of(wanted)
    if theirs == ours or not (theirs or ours):
        return ""
    return (
        f"{source} names genes by {theirs or 'symbols'}, the model by "
        f"{ours or 'symbols'}: map them to the names used in fit"
    )


def _kind_of(names: Iterable[str]) -> str:
    """Name the ids that at least half of the names are, "" for symbols."""
    listed = list(names)
    for form, kind in ((_ENSEMBL, "Ensembl ids"), (_DIGITS, "numbers (Entrez ids?)")):
        matching = sum(form.match(name) is not None for name in listed)
        if matching > 0 and 2 * matching >= len(listed):
            return kind
    return ""


def refuse_transposed(ids: Iterable[Any], expression: pd.DataFrame) -> None:
    """Raise InputError where cell ids of X are the columns of expression."""
    wanted = {str(one) for one in ids}
    found = wanted & {str(name) for name in expression.columns}
    if found and 2 * len(found) >= len(wanted):
        raise InputError(
            f"{len(found)} of {len(wanted)} cell lines of X are columns of expression "
            f"(such as {min(found)!r}), none is in its index: is it transposed? "
            "Expected one row per cell and one column per gene; pass expression.T."
        )
