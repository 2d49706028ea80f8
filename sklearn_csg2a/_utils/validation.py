"""Checks of input: numbers finite and in the range of float32, and random states."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "column_type_problem",
    "draw_seeds",
    "holds_numbers",
    "parse_numbers",
    "private_random_state",
    "to_finite_float32",
    "type_problem",
]

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
