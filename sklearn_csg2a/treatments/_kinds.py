"""What may be passed as X: a table or an array; what else is told what it is."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._validation import describe_offenders, name_row, type_problem
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
    problem = _problem_of_kind(X)
    if problem:
        raise InputError(f"X is {problem}.")
    if isinstance(X, pd.DataFrame):
        _refuse_levels(X)
    elif isinstance(X, (np.ndarray, list, tuple)):
        _refuse_entries(X)


def _problem_of_kind(X: Any) -> str:
    """Say what X is and what to pass instead; "" where it may be read."""
    if isinstance(X, pd.Series):
        return (
            f"a Series of {len(X)} values, not a table. {_NEEDED}: X.to_frame().T "
            "where it is one row, such as frame.iloc[0] (or take frame.iloc[[0]]), "
            "X.to_frame() where it is one column"
        )
    if isinstance(X, dict):
        return f"a dict. {_NEEDED}: pd.DataFrame(X), or pd.DataFrame([X]) for one row"
    if isinstance(X, (str, bytes, os.PathLike)):
        return f"{X!r}. {_NEEDED}; read a file first, as with pd.read_csv"
    if isinstance(X, np.ndarray) and X.dtype.names:
        return f"a structured array. {_NEEDED}: pd.DataFrame(X)"
    if hasattr(X, "collect") and not hasattr(X, "to_pandas"):
        return f"a {type(X).__name__}, which is not computed yet. Pass X.collect()"
    if hasattr(X, "compute") and hasattr(X, "columns"):
        return f"a {type(X).__module__} table that is not computed yet. Pass X.compute()"
    if type(X).__name__ == "Series" and hasattr(X, "to_frame"):
        return f"a Series, not a table. {_NEEDED}: X.to_frame() is one of one column"
    return ""


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
    if isinstance(X, (list, tuple)) and X and all(isinstance(v, dict) for v in X):
        raise InputError(f"X is a list of dicts. {_NEEDED}: pd.DataFrame(X).")
    if isinstance(X, (list, tuple)) and X and all(isinstance(v, str) for v in X):
        raise InputError(
            f"X is a list of {len(X)} texts, such as {X[0]!r}. {_NEEDED}: "
            "pd.DataFrame({'cell_line': ..., 'smiles': ...})."
        )
    values = _as_objects(X)
    if values is None:
        return
    texts = [at for at in np.argwhere(_is_word(values)).tolist()]
    if texts:
        at = texts[0]
        raise InputError(
            f"could not convert string to float: X is an array of shape "
            f"{values.shape} with text, {_name_entry(at)}: {values[tuple(at)]!r}. "
            f"{ARRAYS_HAVE_NO_NAMES}"
        )
    problems = {
        tuple(at): problem
        for at in np.ndindex(values.shape)
        if (problem := type_problem(values[at]))
    }
    if problems:
        offenders = describe_offenders(
            problems,
            len(problems),
            lambda at: f"{_name_entry(at)}: {values[at]!r} is {problems[at]}",
        )
        raise InputError(
            f"X holds what is not a number: {offenders}. Expected gene expression; "
            "give numbers, or drop these columns."
        )


def _as_objects(X: Any) -> np.ndarray | None:
    """Return an array whose entries have to be looked at, else None."""
    if isinstance(X, (list, tuple)):
        try:
            X = np.array(X, dtype=object)
        except ValueError:  # rows of different lengths
            return None
    if X.dtype.kind in "OUSbMm" and X.ndim == 2 and X.size:
        return X if X.dtype.kind in "Ob" else X.astype(object)
    return None


def _is_word(values: np.ndarray) -> np.ndarray:
    """Return a mask of texts that are no numbers."""
    return np.frompyfunc(_says_no_number, 1, 1)(values).astype(bool)


def _says_no_number(value: Any) -> bool:
    """Tell whether a value is text that cannot be read as a number."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def _name_entry(at: Any) -> str:
    """Name a position of an array."""
    return f"{name_row(int(at[0]))}, column {int(at[1])}"
