"""Conversion of JSON and named arrays to Python values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import torch
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.encoders._mat_weights import MATWeights, file_digest
from sklearn_csg2a.exceptions import ModelFileError
from sklearn_csg2a.persistence._classes import find_class, is_part, parameter_names
from sklearn_csg2a.persistence._left_out import find_table
from sklearn_csg2a.persistence._limits import MemoryAllowance

__all__ = ["ValueReader"]

_SPARSE = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
_BYTES_OF_ROW = 128  # of a sparse matrix: two lists and their places, at most
_TWISTER = 624  # words of a Mersenne Twister


class ValueReader:
    """Rebuild values written by :class:`ValueWriter`.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays of the file.
    """

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        self._allowance = MemoryAllowance(sum(a.nbytes for a in arrays.values()))
        self._copied: set[str] = set()
        self._parts: list[str] = []
        self._instances: dict[str, Any] = {}  # by path in the file
        self._readers = {
            "array": self._read_array,
            "bunch": lambda stored: Bunch(**self._read_dict(stored)),
            "device": lambda stored: torch.device(stored["value"]),
            "dict": self._read_dict,
            "frozen": self._read_frozen,
            "list": self._read_list,
            "mapping": self._read_mapping,
            "mat_weights": self._read_mat_weights,
            "object": self._read_array_of_objects,
            "part": self._read_fitted_part,
            "path": lambda stored: Path(stored["value"]),
            "random_state": self._read_random_state,
            "same": lambda stored: self._instances[stored["as"]],
            "sparse": self._read_sparse,
            "str": self._read_array_of_text,
            "table": self._read_table,
            "tuple": lambda stored: tuple(self._read_list(stored)),
            "instance": self._read_instance,
        }

    @property
    def place(self) -> str:
        """Path of the value that could not be read, to follow the name of a file."""
        return f", {'/'.join(self._parts)}" if self._parts else ""

    def read(self, stored: Any) -> Any:
        """Return the value of a JSON object."""
        if not isinstance(stored, dict):
            return stored
        if stored["type"] not in self._readers:
            msg = f"it contains a value of the unknown type {stored['type']!r}."
            raise ModelFileError(msg)
        return self._readers[stored["type"]](stored)

    def read_part(self, part: Any, stored: Any) -> Any:
        """Return a part of a value; its name stays in `place` if that fails."""
        self._parts.append(str(part)[:80])
        value = self.read(stored)
        self._parts.pop()
        return value

    def _read_list(self, stored: dict[str, Any]) -> list[Any]:
        """Rebuild a list."""
        return [self.read_part(i, one) for i, one in enumerate(stored["items"])]

    def _read_dict(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Rebuild a dictionary."""
        items = stored["items"].items()
        return {name: self.read_part(name, item) for name, item in items}

    def _read_mapping(self, stored: dict[str, Any]) -> dict[Any, Any]:
        """Rebuild a dictionary with keys other than text."""
        return {self.read(key): self.read(item) for key, item in stored["pairs"]}

    def _read_array(self, stored: dict[str, Any]) -> np.ndarray:
        """Return a copy of an array, because equal arrays are stored once."""
        name = stored["name"]
        array = self.arrays[name]
        if name in self._copied:
            self._allowance.take(array.nbytes)
        elif not array.size:  # any shape is claimed without a byte
            self._allowance.take(8 * max(array.shape))
        self._copied.add(name)
        return array.copy()

    def _read_array_of_objects(self, stored: dict[str, Any]) -> np.ndarray:
        """Rebuild an array of text, numbers and None."""
        self._allowance.take(8 * max(stored["shape"], default=0))
        array = np.empty(len(stored["items"]), dtype=object)
        array[:] = stored["items"]
        return array.reshape(stored["shape"])

    def _read_array_of_text(self, stored: dict[str, Any]) -> np.ndarray:
        """Rebuild an array of text of fixed width."""
        items = stored["items"]
        self._allowance.take(8 * max(stored["shape"], default=0))
        self._allowance.take(4 * len(items) * max(map(len, items), default=0))
        return np.asarray(items, dtype=str).reshape(stored["shape"])

    def _read_table(self, stored: dict[str, Any]) -> pd.DataFrame:
        """Rebuild a DataFrame."""
        index = self._read_index(stored["index"])
        columns = self._read_index(stored["columns"])
        if "values" in stored:
            values = self.read(stored["values"])
            return pd.DataFrame(values, index=index, columns=columns)
        series = [self._read_labels(column) for column in stored["series"]]
        table = pd.DataFrame(dict(enumerate(series)))
        return table.set_axis(index, axis=0).set_axis(columns, axis=1)

    def _read_index(self, stored: dict[str, Any]) -> pd.Index:
        """Rebuild row or column labels."""
        if "range" in stored:
            start, stop, step = stored["range"]
            self._allowance.take(8 * len(range(start, stop, step)))
            return pd.RangeIndex(start, stop, step, name=stored["name"])
        labels = self._read_labels(stored)
        return pd.Index(labels, dtype=labels.dtype, name=stored["name"])

    def _read_labels(self, stored: dict[str, Any]) -> pd.Series:
        """Rebuild the values of a column or an index, types kept."""
        values = self.read(stored["data"])
        is_text = stored["dtype"] in {"str", "string"}
        return pd.Series(values, dtype=stored["dtype"] if is_text else values.dtype)

    def _read_sparse(self, stored: dict[str, Any]) -> Any:
        """Rebuild a sparse matrix or array."""
        if stored["format"] not in _SPARSE:
            msg = f"it names the unknown sparse format {stored['format']!r}."
            raise ModelFileError(msg)
        ends = (self.read(stored["rows"]), self.read(stored["columns"]))
        container = sparse.coo_matrix if stored["is_matrix"] else sparse.coo_array
        n_rows, n_columns = stored["shape"]
        self._allowance.take(_BYTES_OF_ROW * max(n_rows, n_columns))
        entries = container((self.read(stored["data"]), ends), (n_rows, n_columns))
        if stored["format"] == "dia":
            diagonals = np.unique(entries.col.astype(np.int64) - entries.row)
            self._allowance.take(8 * len(diagonals) * n_columns)
        return entries.asformat(stored["format"])

    def _read_random_state(self, stored: dict[str, Any]) -> np.random.RandomState:
        """Rebuild a RandomState in its stored state."""
        rng = np.random.RandomState(0)
        keys, position = self.read(stored["keys"]), stored["position"]
        if keys.shape != (_TWISTER,) or not 0 <= position <= _TWISTER:
            msg = f"a RandomState needs {_TWISTER} keys and a position among them."
            raise ModelFileError(msg)
        rng.set_state(("MT19937", keys, position, stored["has_gauss"], stored["gauss"]))
        return rng

    def _read_frozen(self, stored: dict[str, Any]) -> FrozenEstimator:
        """Rebuild a frozen estimator."""
        return FrozenEstimator(self.read(stored["estimator"]))

    def _read_mat_weights(self, stored: dict[str, Any]) -> MATWeights:
        """Rebuild the weights of a transformer, sharing arrays."""
        names = stored["arrays"]["items"]
        return MATWeights({k: self.arrays[item["name"]] for k, item in names.items()})

    def _read_fitted_part(self, stored: dict[str, Any]) -> Any:
        """Rebuild a fitted part of a model from its attributes."""
        cls: Any = find_class(stored["class"])
        if not is_part(stored["class"]):
            msg = f"it contains a {stored['class']} without its parameters."
            raise ModelFileError(msg)
        part = cls.__new__(cls)
        _set_state(part, self._read_attributes(stored))
        self._instances[stored["place"]] = part
        return part

    def _read_instance(self, stored: dict[str, Any]) -> Any:
        """Build an object of an allowed class and set its state."""
        cls = find_class(stored["class"])
        if is_part(stored["class"]):
            msg = f"it contains a {stored['class']} where an estimator is expected."
            raise ModelFileError(msg)
        parameters = self._read_named("parameters", stored)
        unknown = sorted(set(parameters) - set(parameter_names(cls)))
        if unknown:
            msg = f"{stored['class']} has no parameters {unknown} in this version."
            raise ModelFileError(msg)
        weights = parameters.get("weights")
        if stored["class"] == "MATEncoder" and isinstance(weights, (str, Path)):
            _check_weights(weights, stored.get("weights_sha256"))
        for name, description in stored.get("left_out", {}).items():
            parameters[name] = find_table(description)
        instance = cls(**parameters)
        state = self._read_attributes(stored)
        _check_network(state)
        if "_sklearn_version" in state:
            # load_model warns of another version once, not for each part.
            state["_sklearn_version"] = sklearn.__version__
        _set_state(instance, {**vars(instance), **state})
        if "place" in stored:  # since format version 2
            self._instances[stored["place"]] = instance
        return instance

    def _read_attributes(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes of an object by name."""
        state = self._read_named("state", stored)
        cls = find_class(stored["class"])
        for name in state:
            is_private = name.startswith("__") or not name.isidentifier()
            if is_private or callable(getattr(cls, name, None)):
                msg = f"no {stored['class']} has an attribute {name!r} of its own."
                raise ModelFileError(msg)
        return state

    def _read_named(self, part: str, stored: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters or the attributes of an object, by name."""
        self._parts.append(part)
        values = self._read_dict(stored[part])
        self._parts.pop()
        return values


def _set_state(value: Any, state: dict[str, Any]) -> None:
    """Set the attributes of an object."""
    if hasattr(value, "__setstate__"):
        value.__setstate__(state)
    else:
        vars(value).update(state)


def _check_network(state: dict[str, Any]) -> None:
    """Reject weights of a network that are not numbers."""
    _, weights = state.get("_network", (None, {}))
    broken = [name for name, array in weights.items() if np.isnan(array).any()]
    if broken:
        msg = f"its network has NaN in the weights {list_offenders(broken)}."
        raise ModelFileError(msg)


def _check_weights(path: str | Path, expected: Any) -> None:
    """Reject weight files other than those the model was fitted with."""
    if not isinstance(expected, str):
        msg = f"it has no sha256 of the weights {str(path)!r} of its compound encoder."
        raise ModelFileError(msg)
    if file_digest(path) != expected:
        msg = (
            f"the weights {str(path)!r} of its compound encoder have changed since it "
            f"was saved (sha256 {expected[:12]}... expected); put that file back."
        )
        raise ModelFileError(msg)
