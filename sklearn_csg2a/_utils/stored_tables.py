"""What skops cannot write, as arrays and text: tables and sparse matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stored", "StoredTable", "StoresTables", "restore_tables", "store_tables"]

_TABLES = (pd.DataFrame, pd.Series, pd.Index)
_COMPRESSED = {"bsr", "csc", "csr"}  # formats of sparse matrices
_SPARSE = {
    f"{name}_{kind}": getattr(sparse, f"{name}_{kind}")
    for name in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
    for kind in ("array", "matrix")
}


class Stored:
    """What stands for a value in the state of an object.

    `pickle` and `copy` see the value itself, so that one which several objects share is
    written once. `skops` sees parts that it can write: arrays, numbers and text. A
    subclass says how a value is taken apart and put together.

    Parameters
    ----------
    value : object
        The value.
    parts : dict, default=None
        The parts of a value, as `skops` reads them.
    """

    def __init__(self, value: Any, parts: dict[str, Any] | None = None) -> None:
        self.value = value if parts is None else self._put_together(parts)

    def __reduce_ex__(self, protocol: Any) -> tuple[type, tuple[Any, ...]]:
        """Give `pickle` and `copy` the value."""
        return type(self), (self.value,)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Give `skops`, which asks for no protocol, the parts."""
        return type(self), (None, self._take_apart(self.value))

    @staticmethod
    def _take_apart(value: Any) -> dict[str, Any]:
        """Return the parts of a value."""
        raise TypeError(value)

    @staticmethod
    def _put_together(parts: dict[str, Any]) -> Any:
        """Return the value of some parts."""
        raise TypeError(parts)


class StoredTable(Stored):
    """A table, an index or a sparse matrix in the state of an object."""

    @staticmethod
    def _take_apart(value: Any) -> dict[str, Any]:
        return _take_apart(value)

    @staticmethod
    def _put_together(parts: dict[str, Any]) -> Any:
        return _put_together(parts)


class StoresTables:
    """Keep the tables of an object in a form that `skops` can write.

    List it before `BaseEstimator` among the base classes.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, with a `StoredTable` for each table."""
        state: Any = super().__getstate__() or {}  # may be the attributes themselves
        return {name: store_tables(value) for name, value in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes."""
        state = restore_tables(state)
        if hasattr(super(), "__setstate__"):
            super().__setstate__(state)  # type: ignore[misc]
        else:
            vars(self).update(state)


def store_tables(value: Any) -> Any:
    """Return a value with a `StoredTable` for each table, also in dicts and lists."""
    if isinstance(value, _TABLES) or sparse.issparse(value):
        return StoredTable(value)
    return _replace_inside(value, store_tables)


def restore_tables(value: Any) -> Any:
    """Return a value with what `store_tables` has replaced."""
    if isinstance(value, Stored):
        return value.value
    return _replace_inside(value, restore_tables)


def _replace_inside(value: Any, replace: Callable[[Any], Any]) -> Any:
    """Replace the entries of a dict, list or tuple; itself if none is replaced."""
    kind = type(value)
    if kind is dict:
        replaced = {key: replace(entry) for key, entry in value.items()}
        same = all(replaced[key] is entry for key, entry in value.items())
        return value if same else replaced
    if kind is list or kind is tuple:
        entries = [replace(entry) for entry in value]
        same = all(new is old for new, old in zip(entries, value, strict=True))
        return value if same else kind(entries)
    return value


def _take_apart(table: Any) -> dict[str, Any]:
    """Return a table as arrays and text."""
    if sparse.issparse(table):
        return _take_sparse(table)
    if isinstance(table, pd.Index):
        return _take_index(table)
    if isinstance(table, pd.Series):
        return {
            "kind": "series",
            "index": _take_index(table.index),
            "name": table.name,
            "values": _take_values(table.array),
        }
    parts = {
        "kind": "frame",
        "index": _take_index(table.index),
        "columns": _take_index(table.columns),
    }
    dtypes = set(table.dtypes)
    if len(dtypes) == 1 and isinstance(next(iter(dtypes)), np.dtype):
        return {**parts, "block": table.to_numpy()}
    arrays = [table.iloc[:, i].array for i in range(table.shape[1])]
    return {**parts, "series": [_take_values(array) for array in arrays]}


def _put_together(parts: dict[str, Any]) -> Any:
    """Return the table of parts that `_take_apart` made."""
    if parts["kind"] == "sparse":
        return _put_sparse(parts)
    if parts["kind"] not in {"frame", "series"}:
        return _put_index(parts)
    index = _put_index(parts["index"])
    if parts["kind"] == "series":
        return _put_values(parts["values"]).set_axis(index).rename(parts["name"])
    columns = _put_index(parts["columns"])
    if "block" in parts:
        block = parts["block"]
        return pd.DataFrame(block, index=index, columns=columns, dtype=block.dtype)
    by_place = {i: _put_values(part) for i, part in enumerate(parts["series"])}
    frame = pd.DataFrame(by_place, index=range(len(index)))
    frame.index, frame.columns = index, columns
    return frame


def _take_index(index: pd.Index) -> dict[str, Any]:
    """Return row or column labels as arrays and text."""
    if isinstance(index, pd.MultiIndex):
        levels = [_take_index(index.get_level_values(i)) for i in range(index.nlevels)]
        return {"kind": "levels", "levels": levels}
    if isinstance(index, pd.RangeIndex):
        limits = [index.start, index.stop, index.step]
        return {"kind": "range", "limits": limits, "name": index.name}
    return {"kind": "labels", "values": _take_values(index.array), "name": index.name}


def _put_index(parts: dict[str, Any]) -> pd.Index:
    """Return the labels of parts that `_take_index` made."""
    if parts["kind"] == "levels":
        return pd.MultiIndex.from_arrays([_put_index(part) for part in parts["levels"]])
    if parts["kind"] == "range":
        start, stop, step = parts["limits"]
        return pd.RangeIndex(start, stop, step, name=parts["name"])
    return pd.Index(_put_values(parts["values"]), name=parts["name"])


def _take_values(values: Any) -> dict[str, Any]:
    """Return the values of a column or an index as an array, with their type."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _take_values(dtype.categories.array)
        codes = np.asarray(values.codes)
        return {"codes": codes, "categories": categories, "ordered": dtype.ordered}
    if isinstance(dtype, np.dtype):
        array = np.asarray(values)
        return {"dtype": str(dtype), **_compact(array)}
    array = np.asarray(values.astype(object)).copy()
    array[np.asarray(pd.isna(values))] = None
    return {"dtype": str(dtype), **_compact(array)}


def _put_values(parts: dict[str, Any]) -> pd.Series:
    """Return the values of parts that `_take_values` made, with their type."""
    if "codes" in parts:
        labels = pd.Index(_put_values(parts["categories"]))
        kind = pd.CategoricalDtype(labels, parts["ordered"])
        return pd.Series(pd.Categorical.from_codes(parts["codes"], dtype=kind))
    values = parts["values"]
    dtype = pd.api.types.pandas_dtype(parts["dtype"])
    if isinstance(dtype, np.dtype):
        return pd.Series(values, dtype=dtype)
    return pd.Series(values.astype(object), dtype=dtype)


def _compact(array: np.ndarray) -> dict[str, np.ndarray]:
    """Return text of an array of objects as one array of text, if nothing is lost."""
    if array.dtype == object and all(type(entry) is str for entry in array):
        text = array.astype(str)
        if (text.astype(object) == array).all():  # final NULs are cut off
            return {"values": text}
    return {"values": array}


def _take_sparse(matrix: Any) -> dict[str, Any]:
    """Return a sparse matrix or array as its arrays."""
    parts = {
        "kind": "sparse",
        "class": type(matrix).__name__,
        "shape": tuple(map(int, matrix.shape)),
    }
    if matrix.format in _COMPRESSED:
        return {**parts, "arrays": (matrix.data, matrix.indices, matrix.indptr)}
    entries = sparse.coo_array(matrix)
    return {**parts, "entries": (entries.data, (entries.row, entries.col))}


def _put_sparse(parts: dict[str, Any]) -> Any:
    """Return the sparse matrix of parts that `_take_sparse` made."""
    make = _SPARSE[parts["class"]]
    if "arrays" in parts:
        return make(parts["arrays"], shape=parts["shape"])
    return make(sparse.coo_array(parts["entries"], shape=parts["shape"]))
