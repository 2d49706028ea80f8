"""Hashes of model configurations: equal if all relevant parameters are equal."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

# Parameters that change how a model is computed, but not the model.
_NOT_THE_MODEL = frozenset({"checkpoint", "device", "n_jobs", "precision", "verbose"})
# Longer lists are data, such as the compounds of a data set, and described by a hash.
_LONGEST_LIST = 32
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def hash_parts(*parts: object) -> str:
    """Return the SHA-256 of arrays and texts."""
    digest = hashlib.sha256()
    for part in parts:
        values = np.asarray(part)
        if values.dtype.kind in "biuf":
            content = np.ascontiguousarray(values).tobytes()
        else:
            content = "\n".join(map(str, values.ravel())).encode()
        digest.update(f"{values.shape} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def config_hash(
    estimator: BaseEstimator, added_later: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """Hash the class of an estimator and all its parameters, tables included.

    `added_later` maps each class to parameters that were added after results had been
    stored, with the value that gives the former behavior. At this value, which need not
    be the default, a parameter is not part of the hash, so that stored results remain
    valid.
    """
    described = _describe(estimator, added_later or {})
    return hash_parts(json.dumps(described, sort_keys=True))


def list_settings(
    estimator: BaseEstimator, added_later: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """Return the parameters that are not at their defaults, as JSON without data.

    Tables and long lists inside of parameters are given by the first digits of a hash.
    """
    defaults = inspect.signature(type(estimator).__init__).parameters
    chosen = {
        name: _describe(value, added_later or {})
        for name, value in estimator.get_params(deep=False).items()
        if not isinstance(value, pd.DataFrame | np.ndarray | dict)
        and (name not in defaults or repr(value) != repr(defaults[name].default))
    }
    return _HASH.sub(r"\1", json.dumps(chosen, sort_keys=True))


def _describe(value: Any, added_later: Mapping[str, Mapping[str, Any]]) -> Any:
    """Convert a parameter to a JSON-serializable value that identifies it."""
    if isinstance(value, str) and os.path.isfile(value):  # noqa: PTH113
        return _describe(Path(value), added_later)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, type) or inspect.isroutine(value):
        return _describe_code(value)
    if isinstance(value, FrozenEstimator):
        return {"class": "FrozenEstimator", "fitted": _hash_object(value.estimator)}
    if hasattr(value, "content") or hasattr(value, "get_params"):
        return _describe_parameters(value, added_later)
    return _describe_content(value, added_later)


def _describe_parameters(
    value: Any, added_later: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Describe an estimator by its class and what determines its output."""
    name_of_class = type(value).__qualname__
    if hasattr(value, "content"):  # an encoder that lists what determines its output
        return {"class": name_of_class, **_describe(value.content(), added_later)}
    as_before = added_later.get(name_of_class, {}).items()
    parameters = {
        name: _describe(of_it, added_later)
        for name, of_it in value.get_params(deep=False).items()
        if name not in _NOT_THE_MODEL
    }
    kept = {k: v for k, v in parameters.items() if (k, v) not in as_before}
    return {"class": name_of_class, **kept}


def _describe_content(value: Any, added_later: Mapping[str, Mapping[str, Any]]) -> Any:
    """Describe tables and files by the hash of their content."""
    if isinstance(value, list | tuple):
        items = [_describe(item, added_later) for item in value]
        return items if len(items) <= _LONGEST_LIST else hash_parts(json.dumps(items))
    if isinstance(value, dict):
        return {str(key): _describe(item, added_later) for key, item in value.items()}
    data = _arrays_of(value)
    if data:
        return hash_parts(*data)
    text = " ".join(repr(value).split())
    says_nothing = sparse.issparse(value) or _ADDRESS.search(text)
    return _hash_object(value) if says_nothing else text


def _arrays_of(value: Any) -> tuple[Any, ...]:
    """Return the arrays that a file, a table or an array consists of."""
    if isinstance(value, Path):
        return (np.frombuffer(value.read_bytes(), dtype=np.uint8),)
    if isinstance(value, pd.DataFrame):
        return value.index, value.columns, value.to_numpy()
    if isinstance(value, pd.Series):
        return value.index, value.to_numpy()
    return (value,) if isinstance(value, np.ndarray) else ()


def _describe_code(value: Any) -> str:
    """Describe a class by its name, and a function by its instructions, too."""
    name = f"{value.__module__}.{getattr(value, '__qualname__', value)}"
    code = getattr(value, "__code__", None)
    if code is None:
        return name
    plain = [one for one in code.co_consts if not inspect.iscode(one)]
    return f"{name} {hash_parts(code.co_code.hex(), repr(plain))}"


def _hash_object(value: Any) -> str:
    """Hash the state of an object; one that cannot be pickled has no lasting hash."""
    try:
        return hash_parts(joblib.hash(value))
    except (AttributeError, TypeError, pickle.PicklingError):
        return repr(value)
