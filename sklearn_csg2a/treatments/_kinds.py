"""What may be passed as X: a table or an array; what else is told what it is."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_csg2a._utils.numbers import type_problem
from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.exceptions import InputError

__all__ = ["ARRAYS_HAVE_NO_NAMES", "refuse_other_kinds"]

ARRAYS_HAVE_NO_NAMES = (
    "An array has no column names, and some ensembles and transformers turn a "
    "DataFrame into one: BaggingRegressor, AdaBoostRegressor, RFE, "
    "RegressorChain, StackingRegressor(passthrough=True), and scalers, imputers and "
    "ColumnTransformer without set_output(transform='pandas'). Fit this estimator on "
    "the DataFrame itself; VotingRegressor, StackingRegressor and "
    "TransformedTargetRegressor pass it on."
)
_NEEDED = "Expected a DataFrame with one row per treatment"


def refuse_other_kinds(X: Any) -> None:
    """Raise InputError for an X that is no table and no array of numbers.

    What scikit-learn itself explains (sparse matrices, one or three dimensions of
    numbers, None) is left to it.
    """
    if sparse.issparse(X):
        return
    problem = _problem_of_kind(X)
    if problem:
        raise InputError(f"X is {problem}.")
    if isinstance(X, pd.DataFrame):
        _refuse_levels(X)
    elif isinstance(X, (np.ndarray, list, tuple)):
        _refuse_entries(X)


def _problem_of_kind(X: Any) -> str:
    """Say what X is and what to pass instead; "" where it may be read."""
    problem = ""
    if isinstance(X, dict):
        problem = (
            f"a dict. {_NEEDED}: pd.DataFrame(X), or pd.DataFrame([X]) for one row"
        )
    elif isinstance(X, (str, bytes, os.PathLike)):
        problem = f"{X!r}. {_NEEDED}; read a file first, as with pd.read_csv"
    elif isinstance(X, np.ndarray) and X.dtype.names:
        problem = f"a structured array. {_NEEDED}: pd.DataFrame(X)"
    elif type(X).__name__ == "Series" and hasattr(X, "to_frame"):
        problem = (
            f"a Series of {len(X)} values, not a table. {_NEEDED}: X.to_frame().T "
            "where it is one row, such as frame.iloc[0] (or take frame.iloc[[0]]), "
            "X.to_frame() where it is one column"
        )
    elif not hasattr(X, "to_pandas"):
        for method in ("collect", "compute"):  # polars, dask
            if hasattr(X, method):
                kind = type(X).__name__
                problem = f"a {kind}, which is not computed yet. Pass X.{method}()"
    return problem


def _refuse_levels(frame: pd.DataFrame) -> None:
    """Raise InputError for columns of several levels."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise InputError(
            f"X has columns of {frame.columns.nlevels} levels (a MultiIndex), such as "
            f"{frame.columns[0] if len(frame.columns) else ()!r}. {_NEEDED} and one "
            "name per column: X.columns = X.columns.get_level_values(-1), or "
            "X.reset_index() after a pivot."
        )


def _refuse_entries(X: Any) -> None:
    """Raise InputError for an array or list of text or of what is no number."""
    if isinstance(X, (list, tuple)) and X:
        kinds = {type(one) for one in X}
        if all(issubclass(kind, dict) for kind in kinds):
            raise InputError(f"X is a list of dicts. {_NEEDED}: pd.DataFrame(X).")
        if all(issubclass(kind, str) for kind in kinds):
            raise InputError(
                f"X is a list of {len(X)} texts, such as {X[0]!r}. {_NEEDED}: "
                "pd.DataFrame({'cell_line': ..., 'smiles': ...})."
            )
    values = _as_objects(X)
    if values is None:
        return
    entries = values.ravel().tolist()
    width = values.shape[1]
    words = [i for i, entry in enumerate(entries) if _says_no_number(entry)]
    if words:
        where = _name_entry(words[0], width)
        raise InputError(
            f"could not convert string to float: X is an array of shape "
            f"{values.shape} with text, {where}: {entries[words[0]]!r}. "
            f"{ARRAYS_HAVE_NO_NAMES}"
        )
    wrong = [i for i, entry in enumerate(entries) if type_problem(entry)]
    if wrong:
        offenders = list_offenders(
            wrong,
            lambda i: (
                f"{_name_entry(i, width)}: {entries[i]!r} is {type_problem(entries[i])}"
            ),
        )
        raise InputError(
            f"X holds what is not a number: {offenders}. Expected gene expression; "
            "give numbers, or drop these columns."
        )


def _as_objects(X: Any) -> np.ndarray | None:
    """Return an array (n_rows, n_columns) whose entries need a look, else None."""
    if isinstance(X, (list, tuple)):
        try:
            X = np.array(X, dtype=object)
        except ValueError:  # rows of different lengths
            return None
    if X.ndim != 2 or X.dtype.kind not in "OUSbMm":
        return None
    values = X.astype(object)
    plain = all(
        issubclass(kind, (float, int, np.number)) and not _is_no_number(kind)
        for kind in set(map(type, values.ravel().tolist()))
    )
    return None if plain else values


def _is_no_number(kind: type) -> bool:
    """Tell whether values of a type are taken for no numbers."""
    return issubclass(kind, (bool, np.bool_, np.complexfloating))


def _says_no_number(value: Any) -> bool:
    """Tell whether a value is text that cannot be read as a number."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def _name_entry(position: int, width: int) -> str:
    """Name a position of a flattened array of `width` columns."""
    return f"{name_row(position // width)}, column {position % width}"
