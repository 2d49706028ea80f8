"""Conversion of Python values to JSON and named arrays."""

from __future__ import annotations

import hashlib
import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from sklearn_csg2a._utils.stored_tables import restore_tables
from sklearn_csg2a.encoders._mat_weights import MATWeights, file_digest
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.persistence._classes import (
    NOT_STORED,
    is_part,
    parameter_names,
    stored_name,
)
from sklearn_csg2a.persistence._left_out import describe_table

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ValueWriter"]

_NUMERIC = "biuf"  # kinds of NumPy types that are stored as numbers


class ValueWriter:
    """Turn values into JSON; arrays are collected separately.

    Plain values are unchanged. Everything else becomes an object with a ``type`` for
    :class:`ValueReader`. Equal arrays are stored once.

    Parameters
    ----------
    include_expression : bool, default=True
        Whether tables `expression` are stored; if not, only a description is.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The arrays, by the path of their first occurrence.
    has_callbacks : bool
        Whether a model had callbacks, which are omitted.
    """

    def __init__(self, *, include_expression: bool = True) -> None:
        self.include_expression = include_expression
        self.arrays: dict[str, np.ndarray] = {}
        self.has_callbacks = False
        self._names: dict[str, str] = {}
        self._seen: dict[int, tuple[Any, str]] = {}  # by id; references keep ids unique
        self._writers: list[tuple[Any, Callable[[Any, str], Any]]] = [
            (str, lambda value, _: str(value)),
            ((list, tuple), self._write_sequence),
            (dict, self._write_dict),
            (np.ndarray, self._write_array),
            (pd.DataFrame, self._write_table),
            (np.random.RandomState, self._write_random_state),
            (FrozenEstimator, self._write_frozen),
            (MATWeights, self._write_mat_weights),
            (PurePath, lambda value, _: {"type": "path", "value": os.fspath(value)}),
            (torch.device, lambda value, _: {"type": "device", "value": str(value)}),
        ]

    def write(self, value: Any, where: str) -> Any:
        """Return the JSON of a value; `where` is its path in files and messages."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if sparse.issparse(value):
            return self._write_sparse(value, where)
        writers = (write for kinds, write in self._writers if isinstance(value, kinds))
        return next(writers, self._write_object)(value, where)

    def _write_sequence(
        self, value: list[Any] | tuple[Any, ...], where: str
    ) -> dict[str, Any]:
        """Store a list or tuple."""
        items = [self.write(item, f"{where}/{i}") for i, item in enumerate(value)]
        return {"type": "tuple" if isinstance(value, tuple) else "list", "items": items}

    def _write_dict(self, value: dict[Any, Any], where: str) -> dict[str, Any]:
        """Store a dictionary; as pairs if some keys are not text."""
        if all(isinstance(key, str) for key in value):
            items = {k: self.write(item, f"{where}/{k}") for k, item in value.items()}
            kind = "bunch" if isinstance(value, Bunch) else "dict"
            return {"type": kind, "items": items}
        pairs = [
            [self._write_key(key, where), self.write(item, f"{where}/{i}")]
            for i, (key, item) in enumerate(value.items())
        ]
        return {"type": "mapping", "pairs": pairs}

    def _write_key(self, key: Any, where: str) -> Any:
        """Store a key of a dictionary: text, a number or a tuple of these."""
        if isinstance(key, tuple):
            items = [self._write_key(part, where) for part in key]
            return {"type": "tuple", "items": items}
        if isinstance(key, (str, int)):
            return key
        raise InputError(_refusal(where, f"the key {key!r}"))

    def _write_array(self, value: np.ndarray, where: str) -> dict[str, Any]:
        """Store numbers as an array, text as JSON."""
        if value.dtype.kind in _NUMERIC and value.dtype.itemsize <= 8:
            return {"type": "array", "name": self._add(value, where)}
        if value.dtype.kind not in "OU":
            raise InputError(_refusal(where, f"an array of {value.dtype}"))
        items = [self._write_scalar(entry, where) for entry in value.ravel().tolist()]
        kind = "object" if value.dtype.kind == "O" else "str"
        return {"type": kind, "items": items, "shape": list(value.shape)}

    def _add(self, value: np.ndarray, where: str) -> str:
        """Add an array, and return its name."""
        value = np.asarray(value, dtype=value.dtype.newbyteorder("="), order="C")
        content = hashlib.sha256(f"{value.dtype}{value.shape}".encode())
        content.update(value.data if value.size else b"")
        digest = content.hexdigest()
        if digest not in self._names:
            name = where if where not in self.arrays else f"{where}#{len(self.arrays)}"
            self._names[digest] = name
            self.arrays[name] = value
        return self._names[digest]

    def _write_scalar(self, value: Any, where: str) -> Any:
        """Store an entry of an array of objects."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise InputError(_refusal(where, f"a {type(value).__name__} in an array"))

    def _write_table(self, value: pd.DataFrame, where: str) -> dict[str, Any]:
        """Store a DataFrame: one array if all columns are of one numeric type."""
        stored: dict[str, Any] = {
            "type": "table",
            "index": self._write_index(value.index, f"{where}/index"),
            "columns": self._write_index(value.columns, f"{where}/columns"),
        }
        dtypes = set(value.dtypes)
        first = next(iter(dtypes), None)
        if len(dtypes) == 1 and isinstance(first, np.dtype) and first.kind in _NUMERIC:
            stored["values"] = self._write_array(value.to_numpy(), f"{where}/values")
            return stored
        stored["series"] = [
            self._write_labels(value.iloc[:, i], f"{where}/{value.columns[i]}")
            for i in range(value.shape[1])
        ]
        return stored

    def _write_index(self, index: pd.Index, where: str) -> dict[str, Any]:
        """Store row or column labels."""
        if isinstance(index, pd.MultiIndex):
            raise InputError(_refusal(where, "a MultiIndex"))
        name = self._write_scalar(index.name, where)
        if isinstance(index, pd.RangeIndex):
            return {"range": [index.start, index.stop, index.step], "name": name}
        return {**self._write_labels(index, where), "name": name}

    def _write_labels(self, values: pd.Series | pd.Index, where: str) -> dict[str, Any]:
        """Store a column or an index of numbers or text."""
        dtype = values.dtype
        if isinstance(dtype, np.dtype):
            return {"dtype": str(dtype), "data": self.write(values.to_numpy(), where)}
        if not isinstance(dtype, pd.StringDtype):
            problem = f"values of type {dtype} (use .astype(str), for example)"
            raise InputError(_refusal(where, problem))
        array = values.astype(object).to_numpy(copy=True)
        array[pd.isna(array)] = None
        return {"dtype": str(dtype), "data": self.write(array, where)}

    def _write_sparse(self, value: Any, where: str) -> dict[str, Any]:
        """Store a sparse matrix or array as its entries."""
        entries = sparse.coo_array(value)
        return {
            "type": "sparse",
            "format": value.format,
            "is_matrix": isinstance(value, sparse.spmatrix),
            "shape": list(value.shape),
            "data": self._write_array(entries.data, f"{where}/data"),
            "rows": self._write_array(entries.row, f"{where}/rows"),
            "columns": self._write_array(entries.col, f"{where}/columns"),
        }

    def _write_random_state(
        self, value: np.random.RandomState, where: str
    ) -> dict[str, Any]:
        """Store the state of a RandomState with NumPy's default bit generator."""
        state = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            problem = f"a RandomState of {state['bit_generator']}"
            raise InputError(_refusal(where, problem))
        return {
            "type": "random_state",
            "keys": self._write_array(state["state"]["key"], f"{where}/keys"),
            "position": int(state["state"]["pos"]),
            "has_gauss": int(state["has_gauss"]),
            "gauss": float(state["gauss"]),
        }

    def _write_frozen(self, value: FrozenEstimator, where: str) -> dict[str, Any]:
        """Store a frozen estimator and the estimator in it."""
        return {"type": "frozen", "estimator": self.write(value.estimator, where)}

    def _write_mat_weights(self, value: MATWeights, where: str) -> dict[str, Any]:
        """Store the weights of a transformer."""
        return {
            "type": "mat_weights",
            "arrays": self._write_dict(dict(value.arrays), where),
        }

    def _write_object(self, value: Any, where: str) -> dict[str, Any]:
        """Store an object of an allowed class; a repeated one by its path."""
        name = stored_name(value)
        if name is None:
            raise InputError(_refusal_of_object(where, value))
        if id(value) in self._seen:
            return {"type": "same", "as": self._seen[id(value)][1]}
        self._seen[id(value)] = value, where
        if is_part(name):
            state = self._write_dict(restore_tables(value.__getstate__()), where)
            return {"type": "part", "class": name, "place": where, "state": state}
        return {
            "type": "instance",
            "class": name,
            "place": where,
            **self._write_estimator(value, name, where),
        }

    def _write_estimator(self, value: Any, name: str, where: str) -> dict[str, Any]:
        """Store parameters, then the other attributes of an object."""
        state = dict(restore_tables(value.__getstate__() or {}))
        parameters = {
            key: state.pop(key) for key in parameter_names(type(value)) if key in state
        }
        stored: dict[str, Any] = {}
        if "callbacks" in parameters:
            self.has_callbacks |= bool(parameters["callbacks"])
            parameters["callbacks"] = None
        table = parameters.get("expression")
        if isinstance(table, pd.DataFrame) and not self.include_expression:
            stored["left_out"] = {"expression": describe_table(table)}
            parameters["expression"] = None
        weights = parameters.get("weights")
        if name == "MATEncoder" and isinstance(weights, (str, os.PathLike)):
            stored["weights_sha256"] = file_digest(weights)
        return {
            **stored,
            "parameters": self._write_dict(parameters, f"{where}/parameters"),
            "state": self._write_dict(state, f"{where}/state"),
        }


def _refusal_of_object(where: str, value: Any) -> str:
    """Return the message for an object that cannot be stored."""
    name = type(value).__name__
    if name in NOT_STORED:
        return f"save_model cannot write a {name} ({where}): {NOT_STORED[name]}."
    return _refusal(where, f"a {name}")


def _refusal(where: str, content: str) -> str:
    """Return the message for a value that cannot be stored."""
    return (
        f"save_model cannot write {content} ({where}): model files contain "
        "numbers, text and classes of a fixed list. Replace it with set_params, or use "
        "joblib.dump, whose files must come from a source that you trust."
    )
