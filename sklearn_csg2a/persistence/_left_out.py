"""Expression tables that are not stored in model files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import pandas as pd
from pandas.util import hash_array

if TYPE_CHECKING:
    import numpy as np

__all__ = ["describe_table", "find_table"]

# Tables left out of files saved by this process, while they exist.
_IN_MEMORY: WeakValueDictionary[str, pd.DataFrame] = WeakValueDictionary()


def describe_table(table: pd.DataFrame) -> dict[str, Any]:
    """Return the description of a table that is not stored."""
    digest = _digest(table)
    _IN_MEMORY[digest] = table
    return {"n_cells": len(table), "n_genes": table.shape[1], "sha256": digest}


def find_table(description: dict[str, Any]) -> pd.DataFrame | None:
    """Return the table, if this process saved the file and the table exists."""
    table = _IN_MEMORY.get(str(description["sha256"]))
    # it may have been modified in place since
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
    """Return a hash of each value, as bytes."""
    return hash_array(values, categorize=False).tobytes()
