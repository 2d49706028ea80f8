"""Expression tables that stay out of model files, and how to find them again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import pandas as pd
from pandas.util import hash_array

if TYPE_CHECKING:
    import numpy as np

__all__ = ["describe_table", "find_table"]

# Tables of this process that a file was saved without, while somebody holds them.
_IN_MEMORY: WeakValueDictionary[str, pd.DataFrame] = WeakValueDictionary()


def describe_table(table: pd.DataFrame) -> dict[str, Any]:
    """Return what a file says of a table that is not in it."""
    digest = _digest(table)
    _IN_MEMORY[digest] = table
    return {"n_cells": len(table), "n_genes": table.shape[1], "sha256": digest}


def find_table(description: dict[str, Any]) -> pd.DataFrame | None:
    """Return the table, if this process saved the file and still holds the table."""
    table = _IN_MEMORY.get(str(description["sha256"]))
    # the caller may have changed it in place since
    if table is None or _digest(table) != description["sha256"]:
        return None
    return table


def _digest(table: pd.DataFrame) -> str:
    """Return the sha256 of labels and values."""
    content = hashlib.sha256(str(table.shape).encode())
    for labels in (table.index, table.columns):
        content.update(_hash(labels.astype(str).to_numpy(dtype=object)))
    for position in range(table.shape[1]):
        content.update(_hash(table.iloc[:, position].to_numpy()))
    return content.hexdigest()


def _hash(values: np.ndarray) -> bytes:
    """Return one number for each value, as bytes."""
    return hash_array(values, categorize=False).tobytes()
