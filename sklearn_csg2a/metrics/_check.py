"""Input checks shared by the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.validation import type_problem
from sklearn_csg2a.exceptions import InputError


def check_pair(
    y_true: Any, y_pred: Any, names: tuple[str, str] = ("y_true", "y_pred")
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two finite float arrays of one shape, (n,) or (n, n_outputs)."""
    first, second = as_finite(y_true, names[0]), as_finite(y_pred, names[1])
    if first.shape != second.shape:
        msg = (
            f"{names[0]} has the shape {first.shape} and {names[1]} the shape "
            f"{second.shape}: they must contain the same rows and outputs."
        )
        raise InputError(msg)
    return first, second


def as_finite(values: Any, name: str) -> NDArray[np.float64]:
    """Return a float array, (n,) or (n, n_outputs); (n, 1) becomes (n,)."""
    _refuse_other_kinds(values, name)
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"{name} must contain numbers: {error}."
        raise InputError(msg) from error
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or array.size == 0:
        msg = (
            f"{name} must have the shape (n,) or (n, n_outputs) with at least one row; "
            f"got {array.shape}."
        )
        raise InputError(msg)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        labels = getattr(values, "index", None)
        places = list_offenders(bad, lambda at: _place(array, tuple(at), labels))
        msg = (
            f"{name} is not finite at {places}. Remove these rows from both arrays "
            "before scoring."
        )
        raise InputError(msg)
    return array


def read_labels(labels: Any, n_rows: int, name: str) -> NDArray[np.int64]:
    """Return the code of the label of each row, (n,), in the order of appearance."""
    entries = np.asarray(labels, dtype=object)
    if entries.shape != (n_rows,):
        raise InputError(
            f"{name} has the shape {entries.shape}; expected one label for each of the "
            f"{n_rows} rows."
        )
    codes, _ = pd.factorize(entries)
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        rows = list_offenders(missing, "row {}".format)
        raise InputError(f"{name} is missing in {rows}; fill in or drop these rows.")
    return np.asarray(codes, dtype=np.int64)


def _refuse_other_kinds(values: Any, name: str) -> None:
    """Reject what NumPy would convert to numbers: complex numbers, bytes, booleans."""
    if getattr(getattr(values, "dtype", None), "kind", "O") in "fiu":
        return
    try:
        entries = np.asarray(values, dtype=object).ravel()
    except ValueError as error:  # rows of different lengths
        msg = f"{name} must contain numbers: {error}."
        raise InputError(msg) from error
    wrong = [(i, entry) for i, entry in enumerate(entries) if type_problem(entry)]
    if wrong:
        shown = list_offenders(wrong, lambda one: f"entry {one[0]}: {one[1]!r}")
        msg = f"{name} holds {type_problem(wrong[0][1])}, not numbers: {shown}."
        raise InputError(msg)


def _place(array: NDArray[np.float64], where: tuple[int, ...], labels: Any) -> str:
    """Describe one value by its row, label and output."""
    row = f"row {where[0]}"
    if labels is not None and not callable(labels):
        row += f" (index {labels[where[0]]!r})"
    output = f", output {where[1]}" if len(where) == 2 else ""
    return f"{row}{output}: {array[where]}"
