"""Treatments by unique cell and compound; reading compound, dose and time of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import describe_entries, list_offenders, name_row
from sklearn_csg2a._utils.one_warning import warn_of_input
from sklearn_csg2a._utils.validation import (
    column_type_problem,
    parse_numbers,
    type_problem,
)
from sklearn_csg2a.chem import canonical_smiles, smiles_problem
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.treatments._columns import (
    factorize_objects,
    near_quantity,
    unit_of_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from sklearn_csg2a.treatments._cells import TableRows
    from sklearn_csg2a.treatments._columns import ContractTable

__all__ = [
    "DEFAULT_DOSE",
    "DEFAULT_TIME",
    "Amounts",
    "Treatments",
    "read_amounts",
    "read_compounds",
    "refuse_mistaken_amounts",
]

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
class Treatments:
    """Validated treatments, indexed by unique cell and unique compound.

    Row i treats cell `cell_index[i]` with compound `compound_index[i]` at
    `dose[i]` for `time[i]`.

    Parameters
    ----------
    row_labels : ndarray of shape (n_rows,), dtype=object
        Labels of the rows of X, positions where X has none.
    cell_ids : ndarray of shape (n_cells,), dtype=object
        Name of each unique cell: its id in `expression`, its value in the column
        ``cell_line``, or the label of the first row it occurs in.
    cell_index : ndarray of shape (n_rows,), dtype=int64
        Cell of each row.
    basal_expression : ndarray of shape (n_cells, n_genes), dtype=float32
        Basal expression, once per unique cell.
    genes : tuple of str
        Names of the columns of `basal_expression`.
    genes_named : bool
        False where X gave no names, as a plain array does.
    smiles : tuple of str
        Canonical SMILES of each unique compound; empty for a plain array.
    compound_index : ndarray of shape (n_rows,), dtype=int64
        Compound of each row; -1 where the SMILES is invalid and that is allowed.
    has_compounds : bool
        False for a plain array: one constant condition, no compound.
    dose : ndarray of shape (n_rows,), dtype=float64
        Dose in micromolar.
    time : ndarray of shape (n_rows,), dtype=float64
        Time in hours.
    amounts_given : tuple of str
        Which of "dose" and "time" X gave; a default stands for the others.
    filled : ndarray of shape (n_genes,), dtype=bool, or None
        Genes that X or `expression` lacks, and that are filled with 0; None for none.
    table_rows : TableRows or None
        Where the cells stand in `expression`; None if not all of them are from there.
    unscaled : ndarray of shape (n_cells, n_genes), dtype=float32, or None
        Basal expression as it was read; None if `basal_expression` is just that.

    Examples
    --------
    >>> from sklearn_csg2a.treatments import read_treatments
    >>> treatments = read_treatments([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    >>> treatments.n_rows, treatments.n_cells, treatments.n_genes
    (3, 2, 2)
    >>> treatments.cell_index
    array([0, 1, 0])
    """

    row_labels: np.ndarray
    cell_ids: np.ndarray
    cell_index: np.ndarray
    basal_expression: np.ndarray
    genes: tuple[str, ...]
    genes_named: bool
    smiles: tuple[str, ...]
    compound_index: np.ndarray
    has_compounds: bool
    dose: np.ndarray
    time: np.ndarray
    amounts_given: tuple[str, ...] = ()
    filled: np.ndarray | None = None
    table_rows: TableRows | None = None
    unscaled: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """Number of treatments."""
        return len(self.cell_index)

    @property
    def n_cells(self) -> int:
        """Number of unique cells."""
        return len(self.basal_expression)

    @property
    def n_compounds(self) -> int:
        """Number of unique compounds, 0 for a plain array."""
        return len(self.smiles)

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return self.basal_expression.shape[1]

    @property
    def ranges(self) -> dict[str, list[float]]:
        """Smallest and largest dose and time, of those that X gave."""
        return {
            name: [float(values.min()), float(values.max())]
            for name, values in (("dose", self.dose), ("time", self.time))
            if name in self.amounts_given
        }

    def take(self, rows: ArrayLike) -> Treatments:
        """Return the given rows, with the cells and compounds they use alone.

        Parameters
        ----------
        rows : array-like of shape (n,) or (n_rows,)
            Positions of rows, in any order and with repeats, or a boolean mask.

        Returns
        -------
        treatments : Treatments
            Cells and compounds keep their order.

        Examples
        --------
        >>> from sklearn_csg2a.treatments import read_treatments
        >>> treatments = read_treatments([[1.0, 2.0], [3.0, 4.0]])
        >>> treatments.take([1, 1]).basal_expression
        array([[3., 4.]], dtype=float32)
        """
        chosen = np.asarray(rows)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        at: np.ndarray = np.arange(self.n_rows)[chosen]
        used_cells, cell_index = _compact(self.cell_index[at])
        used_compounds, compound_index = _compact(self.compound_index[at])
        every_cell = len(used_cells) == self.n_cells
        basal = self.basal_expression
        known, unscaled = self.table_rows, self.unscaled
        if unscaled is not None and not every_cell:
            unscaled = unscaled[used_cells]
        return replace(
            self,
            row_labels=self.row_labels[at],
            cell_ids=self.cell_ids[used_cells],
            cell_index=cell_index,
            basal_expression=basal if every_cell else basal[used_cells],
            smiles=tuple(self.smiles[i] for i in used_compounds if self.smiles),
            compound_index=compound_index,
            dose=self.dose[at],
            time=self.time[at],
            table_rows=None if known is None else known.take(used_cells),
            unscaled=unscaled,
        )


def _compact(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the non-negative values in use and the index into them; -1 stays."""
    used = np.unique(index[index >= 0])
    position = np.searchsorted(used, index)
    return used, np.where(index >= 0, position, -1).astype(np.int64)


def read_compounds(
    table: ContractTable, on_invalid_smiles: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return unique canonical SMILES and the compound of each row, (n_rows,)."""
    column = table.require("smiles")
    codes, texts = factorize_objects(column)
    index_of: dict[str, int] = {}
    compound_of_text = np.full(len(texts) + 1, -1, dtype=np.int64)  # last: missing
    reasons: dict[int, str] = {}
    for i, text in enumerate(texts):
        reason = smiles_problem(text)
        if reason is None:
            canonical = canonical_smiles(text)
            compound_of_text[i] = index_of.setdefault(canonical, len(index_of))
        else:
            reasons[i] = reason
    compound_index = compound_of_text[codes]
    if on_invalid_smiles == "raise" and (compound_index < 0).any():
        _raise_invalid(table, column, codes, compound_index, reasons)
    return tuple(index_of), compound_index


def _raise_invalid(
    table: ContractTable,
    column: pd.Series,
    codes: np.ndarray,
    compound_index: np.ndarray,
    reasons: dict[int, str],
) -> None:
    """Raise InvalidSmilesError naming the rows, their texts and the reasons."""
    labels, values = table.row_labels, column.to_numpy(dtype=object)

    def describe(row: Any) -> str:
        reason = reasons.get(int(codes[row]), "missing")
        text = repr(values[row])
        said = reason if text in reason else f"{text}: {reason}"
        return f"{name_row(row, labels)}: {said}"

    rows = np.flatnonzero(compound_index < 0)
    raise InvalidSmilesError(
        f"Column {column.name!r} of X has {len(rows)} row(s) without a valid SMILES: "
        f"{list_offenders(rows, describe)}. Correct or drop these "
        "rows; on_invalid_smiles='nan' lets predict give NaN there."
    )


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


def refuse_mistaken_amounts(table: ContractTable) -> None:
    """Raise InputError for booleans, complex numbers, bytes or dates as dose or time.

    For models that use neither: such a column is not what it is named after.
    """
    for name, unit in _UNITS_IN_FULL.items():
        column = table.column(name)
        if column is None:
            continue
        kind = column_type_problem(column.dtype)
        if pd.api.types.is_numeric_dtype(column.dtype) and not kind:
            continue
        problems = [kind or type_problem(entry) for entry in column]
        rows = [row for row, problem in enumerate(problems) if problem]
        if rows:
            offenders = describe_entries(
                column, np.array(rows), lambda i: name_row(i, table.row_labels)
            )
            raise InputError(
                f"Input X: column {column.name!r} holds {problems[rows[0]]}: "
                f"{offenders}. Expected a number of {unit}, or no such column."
            )


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
