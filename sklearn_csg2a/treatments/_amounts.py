"""Dose and time: reading them, and what is said where a default stands for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.numbers import column_type_problem, parse_numbers
from sklearn_csg2a._utils.offenders import describe_entries, name_row
from sklearn_csg2a._utils.one_warning import warn_of_input
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._columns import near_quantity
from sklearn_csg2a.treatments._near_columns import unit_of_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sklearn_csg2a.treatments._columns import ContractTable

__all__ = ["DEFAULT_DOSE", "DEFAULT_TIME", "Amounts", "read_amounts"]

DEFAULT_DOSE = 10.0  # uM
DEFAULT_TIME = 72.0  # h
_STANDARD = {"dose": DEFAULT_DOSE, "time": DEFAULT_TIME}
_UNITS = {"dose": "uM", "time": "h"}
_UNITS_IN_FULL = {"dose": "micromolar (uM)", "time": "hours (h)"}
_CONVERSIONS = {
    "nM": " / 1000",
    "pM": " / 1e6",
    "mM": " * 1000",
    "M": " * 1e6",
    "min": " / 60",
    "s": " / 3600",
    "d": " * 24",
}
_NUMBER_WITH_UNIT = re.compile(r"\s*[\d.,]+(?:[eE][-+]?\d+)?\s*[^\W\d][\w/]*\s*")


@dataclass(frozen=True, eq=False)
class Amounts:
    """Dose [uM] and time [h] of each row (n_rows,), and which of them X gave."""

    dose: np.ndarray
    time: np.ndarray
    given: tuple[str, ...]


def read_amounts(
    table: ContractTable,
    defaults: Mapping[str, float],
    fitted_ranges: Mapping[str, Sequence[float]] | None,
) -> Amounts:
    """Read dose and time; one warning where a default may not be what is meant.

    `fitted_ranges` has smallest and largest value of the columns that fit was given.
    """
    values, notes = {}, []
    for name, default in defaults.items():
        column = table.column(name)
        if column is not None:
            values[name] = _read_column(table, name, column, default)
            continue
        values[name] = np.full(len(table.frame), float(default))
        notes.append(
            _note_on_default(table, name, default, (fitted_ranges or {}).get(name))
        )
    said = " ".join(note for note in notes if note)
    if said:
        warn_of_input("dose and time", said)
    given = tuple(name for name in defaults if table.column(name) is not None)
    return Amounts(values["dose"], values["time"], given)


def _note_on_default(
    table: ContractTable,
    name: str,
    default: float,
    fitted: Sequence[float] | None,
) -> str:
    """Say what a default may replace in error; "" where nothing speaks for it."""
    frame, unit = table.frame, _UNITS[name]
    near = near_quantity(table, name)
    differs = fitted is not None and set(fitted) != {default}
    if not near and (default != _STANDARD[name] or not differs):
        return ""
    note = (
        f"X has no column {name!r}: default_{name} ({default:g} {unit}) stands for it "
        "in all rows"
    )
    if fitted is not None and differs:
        span = " to ".join(f"{end:g}" for end in dict.fromkeys(fitted))
        note += f", though {table.estimator_name} was fitted with {span} {unit}"
    note += "."
    if near:
        note += f" {_suggest(name, near, frame[near[0]])}"
    elif differs:
        note += (
            f" Give the column in {unit}, as X.assign({name}=...), or set "
            f"default_{name} where the model has it."
        )
    return note


def _suggest(name: str, near: list[str], column: pd.Series) -> str:
    """Say how to give the nearest column as dose or time."""
    own, unit = near[0], unit_of_name(name, near[0])
    is_text = not pd.api.types.is_numeric_dtype(column.dtype)
    if is_text and parse_numbers(column)[1].any():
        parser = f"sklearn_csg2a.datasets.parse_{name}s"
        remedy = f"X.assign({name}={parser}(X[{own!r}]))"
    elif unit in _CONVERSIONS:
        remedy = f"X.assign({name}=X[{own!r}]{_CONVERSIONS[unit]}), as it is in {unit}"
    elif unit in {"log", "mass per volume"}:
        what = "logarithms" if unit == "log" else "masses"
        remedy = f"X.assign({name}=...) in {_UNITS[name]}, as its name speaks of {what}"
    else:
        remedy = f"columns={{{name!r}: {own!r}}}, in {_UNITS[name]}"
    listed = " or ".join(repr(one) for one in near[:3])
    return f"If {listed} is meant, pass {remedy}; rename or drop it if not."


def _read_column(
    table: ContractTable, name: str, column: pd.Series, default: float
) -> np.ndarray:
    """Return dose or time as (n_rows,) float64: finite numbers, zero or more."""
    kind = column_type_problem(column.dtype)
    if kind == "complex numbers":
        raise InputError(f"Complex data not supported: column {column.name!r} of X.")
    labels = table.row_labels
    values, not_numbers = parse_numbers(column)
    with np.errstate(over="ignore"):
        too_large = np.isfinite(values) & ~np.isfinite(values.astype(np.float32))
    problems = (
        (not_numbers, f"holds {kind}" if kind else "holds what is not a number"),
        (np.isnan(values), "contains NaN"),
        (np.isinf(values), "contains infinity"),
        (too_large, "contains a value too large for dtype('float32')"),
        (values < 0, "is negative"),
    )
    for bad, problem in problems:
        rows = np.flatnonzero(bad)
        if len(rows):
            offenders = describe_entries(column, rows, lambda i: name_row(i, labels))
            raise InputError(
                f"Input X: column {column.name!r} {problem}: {offenders}. Expected "
                f"a number of {_UNITS_IN_FULL[name]}, 0 or more"
                f"{_advise_parsing(name, column, rows)}; drop the column to "
                f"use default_{name}={default:g} in all rows."
            )
    return values


def _advise_parsing(name: str, column: pd.Series, rows: np.ndarray) -> str:
    """Name the reader of texts such as "10 uM", where the first of `rows` is one."""
    first = column.iloc[int(rows[0])]
    if not isinstance(first, str) or not _NUMBER_WITH_UNIT.fullmatch(first):
        return ""
    return (
        ", without its unit: sklearn_csg2a.datasets."
        f"parse_{name}s(X[{column.name!r}]) reads texts such as {first!r}"
    )
