"""Lists of offending rows and values in messages: five named, the rest counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

__all__ = ["describe_entries", "list_offenders", "name_row", "quote_names"]


def list_offenders(
    offenders: Iterable[Any],
    describe: Callable[[Any], str] = str,
    *,
    limit: int = 5,
) -> str:
    """Describe at most `limit` offenders and count the rest."""
    listed = list(offenders)
    text = "; ".join(describe(offender) for offender in listed[:limit])
    rest = len(listed) - limit
    return f"{text}; and {rest} more" if rest > 0 else text


def name_row(position: int, labels: np.ndarray | None = None) -> str:
    """Name a row by its position, and by its label if that differs."""
    if labels is None:
        return f"row {position}"
    label = labels[position]
    if isinstance(label, (int, np.integer)) and label == position:
        return f"row {position}"
    return f"row {position} (index {label!r})"


def describe_entries(
    column: pd.Series, rows: np.ndarray, where: Callable[[int], str]
) -> str:
    """Describe the values of a column in the given rows."""
    entries = column.to_numpy(dtype=object)
    return list_offenders(rows, lambda row: f"{where(row)}: {entries[row]!r}")


def quote_names(names: Iterable[Any], limit: int = 10) -> str:
    """Quote at most `limit` names and count the rest."""
    names = list(names)
    if not names:
        return "none"
    shown = ", ".join(repr(name) for name in names[:limit])
    rest = len(names) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown
