"""Rows of X in groups, by a column or by labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a.estimators._inspection import group_rows
from sklearn_csg2a.exceptions import InputError

__all__ = ["Groups"]

ALL = "all"  # label of the only group


class Groups:
    """Groups of rows, their labels, and the name of what they are grouped by."""

    def __init__(self, X: Any, by: Any) -> None:
        if by is None or isinstance(by, str):
            found = group_rows(X, by)
        else:
            found = group_rows(pd.DataFrame({"by": _read_labels(X, by)}), "by")
        self.by = by if isinstance(by, str) else getattr(by, "name", None)
        self.rows = [rows for _, rows in found]
        labels = [ALL] if by is None else [value for value, _ in found]
        self.labels = pd.Index(labels, name=self.by, dtype=None)
        self.is_one = by is None

    @property
    def column(self) -> str | None:
        """Name of the column of groups in tables; None for a single group."""
        return None if self.is_one else self.by or "group"

    def position(self, label: Any) -> int:
        """Return the position of a group."""
        if label is None and len(self.rows) == 1:
            return 0
        where = np.flatnonzero(self.labels == label)
        if len(where) != 1:
            shown = ", ".join(map(repr, self.labels[:5]))
            raise InputError(
                f"group={label!r} is not one of the {len(self.rows)} groups; the first "
                f"are {shown}."
            )
        return int(where[0])


def _read_labels(X: Any, by: Any) -> np.ndarray:
    """Return one label per row of X."""
    labels = np.asarray(by, dtype=object)
    if labels.shape != (len(X),):
        raise InputError(
            f"by has shape {labels.shape}; expected one label for each of the {len(X)} "
            "rows of X, or the name of a column."
        )
    return labels
