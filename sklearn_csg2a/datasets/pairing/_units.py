"""Doses and times with units, as written in screens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._text import is_missing
from sklearn_csg2a.exceptions import InputError

__all__ = ["parse_doses", "parse_times"]

_MICROMOLAR = {"m": 1e6, "mm": 1e3, "um": 1.0, "nm": 1e-3, "pm": 1e-6}
_HOURS = {"min": 1 / 60, "h": 1.0, "d": 24.0, "week": 168.0}
_SPELLINGS = {
    "dose": {
        **{f"{unit[:-1]}mol/l": unit for unit in _MICROMOLAR},
        "molar": "m",
        "millimolar": "mm",
        "micromolar": "um",
        "nanomolar": "nm",
        "picomolar": "pm",
    },
    "time": {
        **dict.fromkeys(("m", "mins", "minute", "minutes"), "min"),
        **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
        **dict.fromkeys(("day", "days"), "d"),
        **dict.fromkeys(("w", "wk", "weeks"), "week"),
    },
}
# A comma is decimal if it cannot be a thousands separator.
_QUANTITY = re.compile(
    r"([-+]?(?:\d+\.?\d*|\.\d+|0,\d+|\d+,(?:\d{1,2}|\d{4,}))(?:[eE][-+]?\d+)?)\s*(\S*)"
)


def parse_doses(values: Any, units: Any = None) -> np.ndarray:
    """Read doses such as "10 uM" or "500 nM" as micromolar.

    Parameters
    ----------
    values : array-like of shape (n,)
        The doses, as text or numbers. A value without a unit takes the one of `units`.
    units : str, array-like of str or None, default=None
        Unit of each value, or of all of them; None means micromolar.
        M, mM, uM (with any letter for micro), nM and pM are known.

    Returns
    -------
    doses : ndarray of shape (n,), float64
        Micromolar. Missing values are NaN, also -666, the code of L1000 files, in
        any of its forms.

    Raises
    ------
    InputError
        If a value is not a dose, is negative, or has an unknown unit.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import parse_doses
    >>> parse_doses(["10 uM", "500 nM", "0.04uM", "-666"])
    array([10.  ,  0.5 ,  0.04,   nan])
    >>> parse_doses([1.5, 2.0], units="mM")
    array([1500., 2000.])
    """
    return _parse(values, units, _MICROMOLAR, "uM", "dose")


def parse_times(values: Any, units: Any = None) -> np.ndarray:
    """Read times such as "24 h" or "3 d" as hours.

    Parameters
    ----------
    values : array-like of shape (n,)
        The times, as text or numbers. A value without a unit takes the one of `units`.
    units : str, array-like of str or None, default=None
        Unit of each value, or of all of them; None means hours. Minutes, hours,
        days and weeks are known.

    Returns
    -------
    times : ndarray of shape (n,), float64
        Hours. Missing values are NaN, also -666, the code of L1000 files, in any of
        its forms.

    Raises
    ------
    InputError
        If a value is not a time, is negative, or has an unknown unit.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import parse_times
    >>> parse_times(["24 h", "3 d", 6])
    array([24., 72.,  6.])
    """
    return _parse(values, units, _HOURS, "h", "time")


def _parse(
    values: Any, units: Any, factors: Mapping[str, float], default: str, what: str
) -> np.ndarray:
    """Convert each distinct pair of value and unit once."""
    column = values if isinstance(values, pd.Series) else pd.Series(list(values))
    texts = column.astype(object).map(_to_text)
    if units is None or isinstance(units, str):
        of_rows = pd.Series(units or default, index=texts.index, dtype=object)
    else:
        of_rows = pd.Series(list(units), index=texts.index).astype(object).map(_to_text)
        of_rows = of_rows.mask(of_rows.map(is_missing), default)
    pairs = pd.Series(list(zip(texts, of_rows, strict=True)), dtype=object)
    spellings = _SPELLINGS[what]
    found = {
        pair: _convert(pair[0], pair[1], factors, spellings) for pair in pairs.unique()
    }
    wrong = pairs.map(lambda pair: found[pair] is None).to_numpy(dtype=bool)
    if wrong.any():
        rows = np.flatnonzero(wrong)
        shown = list_offenders(
            rows,
            lambda row: (
                f"row {row} (index {column.index[row]!r}): {' '.join(pairs[row])!r}"
            ),
        )
        msg = (
            f"{what}: {shown}. Expected a number of at least 0 with a "
            f"unit of {', '.join(factors)}, such as '10 {default}'."
        )
        raise InputError(msg)
    return np.array([found[pair] for pair in pairs], dtype=np.float64)


def _to_text(value: Any) -> str:
    """Return the text of a cell, empty if missing."""
    return "" if value is None or pd.isna(value) else str(value).strip()


def _convert(
    text: str, unit: str, factors: Mapping[str, float], spellings: Mapping[str, str]
) -> float | None:
    """Return the quantity, NaN if it is missing, None if it is invalid."""
    if is_missing(text):
        return float("nan")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, own_unit = float(match[1].replace(",", ".")), match[2] or unit
    folded = own_unit.replace("\u00b5", "u").replace("\u03bc", "u").lower().rstrip(".")
    factor = factors.get(spellings.get(folded, folded))
    if factor is None or number < 0:
        return None
    # Division makes 500 nM exactly 0.5.
    return number * factor if factor >= 1 else number / round(1 / factor)
