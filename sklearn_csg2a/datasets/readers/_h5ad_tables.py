"""The tables obs and var of h5ad files, in the formats of all anndata versions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a.datasets.readers._hdf5 import Hdf5File
from sklearn_csg2a.datasets.readers._hdf5_texts import decode_texts
from sklearn_csg2a.datasets.readers._text import decode_text

__all__ = ["read_frame"]


def read_frame(file: Hdf5File, name: str) -> pd.DataFrame:
    """Read obs or var: a group of columns, or an array of records before 0.7."""
    stored = file.find(name)
    if file.is_array(stored):
        return _read_records(stored, file)
    index_name = file.attribute(stored, "_index")
    if file.attribute(stored, "encoding-type") != "dataframe" or index_name is None:
        raise file.refuse(stored.name, "not a table")
    index = _to_str(index_name)
    ids = _to_ids(_read_column(file, stored, index))
    order = file.attribute(stored, "column-order")
    if order is None:
        order = [key for key in stored if key not in {index, "__categories"}]
    columns = {}
    for column in map(_to_str, order if np.ndim(order) else ()):
        columns[column] = _read_column(file, stored, column)
        if len(columns[column]) != len(ids):
            raise file.refuse(
                f"{stored.name}/{column}",
                f"{len(columns[column])} values for {len(ids)} rows",
            )
    return pd.DataFrame(columns, index=range(len(ids))).set_index(ids)


def _to_str(name: Any) -> str:
    """Return a name, which is stored as bytes in older files."""
    return decode_text(name) if isinstance(name, bytes) else str(name)


def _to_ids(values: Any) -> pd.Index:
    """Return ids as text."""
    return pd.Index(list(map(str, np.asarray(values))))


def _read_records(stored: Any, file: Hdf5File) -> pd.DataFrame:
    """Read a table of records; uns contains the categories of its codes."""
    fields = stored.dtype.names
    if not fields:
        raise file.refuse(stored.name, "not a table")
    records = file.records(stored)
    index = next((name for name in ("index", "_index") if name in fields), fields[0])
    columns: dict[str, Any] = {}
    for field in fields:
        values = decode_texts(records[field])
        categories = f"uns/{field}_categories"
        if field != index and values.dtype.kind in "iu" and file.has(categories):
            known = file.values(file.array(categories))
            columns[field] = pd.Categorical.from_codes(values, pd.Index(known))
        else:
            columns[field] = values
    ids = _to_ids(columns.pop(index))
    return pd.DataFrame(columns, index=range(len(ids))).set_index(ids)


def _read_column(file: Hdf5File, frame: Any, name: str) -> Any:
    """Read one column: plain, categorical (old or new format), or with a mask."""
    stored = file.find(name, frame)
    known = file.attribute(stored, "categories")
    if known is not None:  # anndata 0.7
        return _from_codes(file, stored, file.values(file.at(known)))
    if file.is_array(stored) or not file.has("codes", stored):
        return _read_plain(file, stored)
    return _from_codes(
        file,
        file.array("codes", stored),
        _read_plain(file, file.find("categories", stored)),
        ordered=bool(file.attribute(stored, "ordered")),
    )


def _from_codes(
    file: Hdf5File, stored: Any, categories: Any, *, ordered: bool = False
) -> pd.Categorical:
    """Read the codes of a column of categories; -1 is missing."""
    codes = file.values(stored)
    if codes.dtype.kind not in "iu":
        raise file.refuse(stored.name, f"codes of type {codes.dtype}")
    return pd.Categorical.from_codes(codes, pd.Index(categories), ordered=ordered)


def _read_plain(file: Hdf5File, stored: Any) -> Any:
    """Read values, as they are or with a mask of those that are missing."""
    if file.is_array(stored):
        return file.values(stored)
    values = pd.Series(file.values(file.array("values", stored)))
    mask = file.values(file.array("mask", stored))
    if mask.shape != values.shape or mask.dtype.kind not in "biu":
        raise file.refuse(
            stored.name, f"a mask of {len(mask)} {mask.dtype} for {len(values)} values"
        )
    is_missing = mask.astype(bool)
    if values.dtype.kind == "b":
        return values.astype("boolean").mask(is_missing)
    return values.mask(is_missing)
