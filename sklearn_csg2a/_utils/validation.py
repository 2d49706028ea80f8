"""Checks of input: tables and arrays, finite numbers of float32, random states."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import check_random_state

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ARRAYS_HAVE_NO_NAMES",
    "column_type_problem",
    "draw_seeds",
    "holds_numbers",
    "holds_real_numbers",
    "parse_numbers",
    "private_random_state",
    "refuse_other_kinds",
    "to_finite_float32",
    "type_problem",
]

ARRAYS_HAVE_NO_NAMES = (
    "An array has no column names, and some ensembles and transformers turn a "
    "DataFrame into one: BaggingRegressor, AdaBoostRegressor, RFE, "
    "RegressorChain, StackingRegressor(passthrough=True), and scalers, imputers and "
    "ColumnTransformer without set_output(transform='pandas'). Fit this estimator on "
    "the DataFrame itself; VotingRegressor, StackingRegressor and "
    "TransformedTargetRegressor pass it on."
)
_NEEDED = "Expected a DataFrame with one row per treatment"
_NON_NUMERIC: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool, np.bool_), "True or False"),
    ((complex, np.complexfloating), "a complex number"),
    ((bytes, bytearray, memoryview), "bytes"),
    ((dt.date, np.datetime64), "a date"),
    ((dt.timedelta, np.timedelta64), "a duration"),
)
_NON_NUMERIC_TYPES = tuple(kind for kinds, _ in _NON_NUMERIC for kind in kinds)


def to_finite_float32(
    values: np.ndarray,
    *,
    name: str,
    where: Callable[[int, int], str],
    advice: str,
) -> np.ndarray:
    """Return (rows, columns) values as float32, refusing NaN, inf and overflow.

    `where(row, column)` describes a position; the message starts like scikit-learn's.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        cast = np.array(values, dtype=np.float32, order="C")
    if np.isfinite(cast).all():
        return cast
    values = np.asarray(values, dtype=np.float64)
    is_nan, is_infinite = np.isnan(values), np.isinf(values)
    if is_nan.any():
        bad, problem = is_nan, "NaN"
    elif is_infinite.any():
        bad, problem = is_infinite, "infinity"
    else:
        bad = ~np.isfinite(cast)
        problem = "infinity or a value too large for dtype('float32')"
    positions = np.argwhere(bad)
    offenders = list_offenders(
        positions,
        lambda at: f"{where(int(at[0]), int(at[1]))}: {values[at[0], at[1]]:g}",
    )
    raise InputError(f"Input {name} contains {problem}: {offenders}. {advice}")


def type_problem(value: Any) -> str:
    """Say why the type of a value is not accepted as a number; "" if it is.

    Python converts these without an error: `float(True)`, `float(b"1")`, the
    nanoseconds of a date.
    """
    for kinds, problem in _NON_NUMERIC:
        if isinstance(value, kinds):
            return problem
    return ""


def column_type_problem(dtype: Any) -> str:
    """Say why a column type is not accepted as numeric; "" if it is."""
    if pd.api.types.is_bool_dtype(dtype):
        return "True or False"
    if pd.api.types.is_complex_dtype(dtype):
        return "complex numbers"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "dates"
    return "durations" if pd.api.types.is_timedelta64_dtype(dtype) else ""


def parse_numbers(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return values as float64 (n,) and a mask (n,) of non-numeric entries.

    Missing values become NaN and are not in the mask. Booleans, complex numbers, bytes,
    dates and durations count as non-numeric.
    """
    missing = values.isna().to_numpy(dtype=bool)
    if column_type_problem(values.dtype):
        return np.full(len(values), np.nan), ~missing
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers, np.zeros(len(values), dtype=bool)
    entries = values.astype(object)
    foreign = np.fromiter(
        (isinstance(entry, _NON_NUMERIC_TYPES) for entry in entries), bool, len(entries)
    )
    entries = entries.mask(foreign & ~missing, "not a number")
    try:
        numbers = pd.to_numeric(entries, errors="coerce").to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array([_number_or_nan(entry) for entry in entries])
    return numbers, np.isnan(numbers) & ~missing


def _number_or_nan(entry: Any) -> float:
    """Return an entry as a float, NaN if it is not a number."""
    try:
        return float(entry)
    except (TypeError, ValueError):
        return float("nan")


def holds_numbers(values: pd.Series) -> bool:
    """Tell whether a column is numeric: at least half of its entries parse."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return True
    is_text = pd.api.types.is_object_dtype(values.dtype) or isinstance(
        values.dtype, pd.StringDtype
    )
    if not is_text:
        return False
    numbers, bad = parse_numbers(values)
    n_numbers = int(np.isfinite(numbers).sum())
    return len(values) == 0 or (n_numbers > 0 and n_numbers >= int(bad.sum()))


def holds_real_numbers(values: pd.Series) -> bool:
    """Tell whether a column of X is numeric.

    Complex numbers, and bytes that spell a number, are likely meant as numbers: a
    column that begins with one raises InputError.
    """
    if holds_numbers(values):
        return True
    may_hide = getattr(values.dtype, "kind", "") in {"O", "S"}
    first = next(iter(values.astype(object).dropna()), None) if may_hide else None
    spelled = isinstance(first, bytes) and np.isfinite(_number_or_nan(first))
    if spelled or isinstance(first, (complex, np.complexfloating)):
        raise InputError(
            f"Input X: column {values.name!r} holds {type_problem(first)}, not "
            f"numbers: {first!r}. Expected gene expression; convert the column to "
            "float, or drop it if it is not a gene."
        )
    return False


def private_random_state(
    random_state: int | np.random.RandomState | None,
) -> np.random.RandomState:
    """Return a RandomState; None gives a fresh one, not NumPy's global one."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def draw_seeds(
    random_state: int | np.random.RandomState | None, n_seeds: int
) -> list[int]:
    """Draw `n_seeds` integers; a RandomState instance is consumed by it."""
    rng = private_random_state(random_state)
    return [int(seed) for seed in rng.randint(2**31 - 1, size=n_seeds)]


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
