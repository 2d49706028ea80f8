"""Descriptions of rows left out of a table: number, reason and names."""

from __future__ import annotations

import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders

__all__ = ["describe_reasons", "name_rows"]


def describe_reasons(reasons: pd.Series, names: pd.Series) -> str:
    """Count the rows by reason, and list the first five names of each.

    `reasons` and `names` have the same rows; rows without a reason are kept.
    """
    reasons = reasons.dropna()
    names = names[reasons.index]
    parts = []
    for reason, number in reasons.value_counts().items():
        of_reason = names[(reasons == reason).to_numpy()]
        parts.append(f"{number}: {reason} ({list_offenders(of_reason.unique())})")
    return ", ".join(parts)


def name_rows(index: pd.Index) -> pd.Series:
    """Name the rows of a table by position if that is their label, else by label."""
    if isinstance(index, pd.RangeIndex):
        return pd.Series([f"row {row}" for row in index], index=index, dtype=object)
    return pd.Series([repr(label) for label in index], index=index, dtype=object)
