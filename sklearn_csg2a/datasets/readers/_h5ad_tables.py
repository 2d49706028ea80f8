"""The tables obs and var of h5ad files, in the formats of all anndata versions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a.datasets.readers._hdf5 import check_size, read_texts, require
from sklearn_csg2a.datasets.readers._text import decode_text
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["read_frame"]


def read_frame(file: Any, name: str, expected: str) -> pd.DataFrame:
    """Read obs or var: a group of columns, or an array of records before 0.7."""
    stored = require(file, name, expected)
    if hasattr(stored, "dtype"):
        return _read_records(stored, file, expected)
    if stored.attrs.get("encoding-type") != "dataframe" or "_index" not in stored.attrs:
        msg = f"{file.filename}: {name} is not a table as {expected} has it."
        raise DataFileError(msg)
    index = _to_str(stored.attrs["_index"])
    ids = pd.Index(np.asarray(_read_column(stored, index, expected)).astype(str))
    order = stored.attrs.get("column-order")
    if order is None:
        order = [key for key in stored if key not in {index, "__categories"}]
    columns = {}
    for column in map(_to_str, order if np.ndim(order) else ()):
        columns[column] = _read_column(stored, column, expected)
        if len(columns[column]) != len(ids):
            msg = (
                f"{file.filename}: column {column!r} of {name} has "
                f"{len(columns[column])} values for {len(ids)} rows. The file is "
                "damaged."
            )
            raise DataFileError(msg)
    return pd.DataFrame(columns, index=range(len(ids))).set_index(ids)


def _to_str(name: Any) -> str:
    """Return a name, which is stored as bytes in older files."""
    return decode_text(name) if isinstance(name, bytes) else str(name)


def _read_records(stored: Any, file: Any, expected: str) -> pd.DataFrame:
    """Read a table of records; uns contains the categories of its codes."""
    fields = stored.dtype.names
    if not fields:
        msg = f"{file.filename}: {stored.name} is not a table as {expected} has it."
        raise DataFileError(msg)
    check_size(stored)
    records = stored[()]
    index = next((name for name in ("index", "_index") if name in fields), fields[0])
    columns: dict[str, Any] = {}
    for field in fields:
        values = _texts(records[field])
        categories = f"uns/{field}_categories"
        if field != index and categories in file and values.dtype.kind in "iu":
            known = pd.Index(read_texts(file[categories]))
            columns[field] = pd.Categorical.from_codes(values, known)
        else:
            columns[field] = values
    ids = pd.Index(np.asarray(columns.pop(index)).astype(str))
    return pd.DataFrame(columns, index=range(len(ids))).set_index(ids)


def _texts(values: np.ndarray) -> np.ndarray:
    """Return text as str, other values as they are."""
    if values.dtype.kind not in "SO":
        return values
    return np.array(
        [decode_text(value) if isinstance(value, bytes) else value for value in values],
        dtype=object,
    )


def _read_column(frame: Any, name: str, expected: str) -> Any:
    """Read one column: plain, categorical (old or new format), or with a mask."""
    stored = require(frame, name, expected)
    if "categories" in stored.attrs:  # anndata 0.7
        categories = pd.Index(read_texts(stored.file[stored.attrs["categories"]]))
        return pd.Categorical.from_codes(read_texts(stored), categories)
    if hasattr(stored, "dtype"):
        return read_texts(stored)
    if "codes" in stored:
        return pd.Categorical.from_codes(
            read_texts(stored["codes"]),
            pd.Index(_read_column(stored, "categories", expected)),
            ordered=bool(stored.attrs.get("ordered", False)),
        )
    values = pd.Series(read_texts(require(stored, "values", expected)))
    mask = read_texts(require(stored, "mask", expected)).astype(bool)
    if mask.shape != values.shape:
        msg = (
            f"{stored.file.filename}: {stored.name} has {len(values)} values and a "
            f"mask of {len(mask)}. The file is damaged."
        )
        raise DataFileError(msg)
    if values.dtype.kind == "b":
        return values.astype("boolean").mask(mask)
    return values.mask(mask)
