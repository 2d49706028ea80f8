"""Where the columns of the contract are found in a table, and names that nearly fit."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a._utils.validation import holds_numbers, refuse_other_kinds
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CONTRACT_COLUMNS",
    "ContractTable",
    "as_frame",
    "factorize_objects",
    "find_near_columns",
    "is_plain",
    "label_rows",
    "near_amounts",
    "near_quantity",
    "read_column",
    "read_contract_table",
    "refuse_duplicates",
    "refuse_levels",
    "suggest_renaming",
    "unit_of_name",
]

QUANTITIES = ("dose", "time")
CONTRACT_COLUMNS = ("cell_line", "smiles", *QUANTITIES)

_LITRE = r"(?:(?:per)?l|litre|liter)?"
_UNITS_OF_DOSE = {
    rf"(?:um|umol{_LITRE}|micromolar|micromol{_LITRE})": "uM",
    rf"(?:nm|nmol{_LITRE}|nanomolar|nanomol{_LITRE})": "nM",
    rf"(?:mm|mmol{_LITRE}|millimolar|millimol{_LITRE})": "mM",
    rf"(?:pm|pmol{_LITRE}|picomolar)": "pM",
    rf"(?:m|mol{_LITRE}|molar)": "M",
    r"(?:[unpm]g(?:per)?ml)": "mass per volume",
}
_UNITS_OF_TIME = {
    r"(?:h|hr|hrs|hour|hours)": "h",
    r"(?:min|mins|minute|minutes)": "min",
    r"(?:d|day|days)": "d",
    r"(?:s|sec|secs|second|seconds)": "s",
}
_TREATED = r"(?:pert|perturbation|drug|compound|cpd|treatment|treat|test|final|agent)"
_DOSE = (
    rf"{_TREATED}*i?(?:dose|dosage|conc|concn|concentration)s?(?:values?|val|level)?"
)
_TIME = (
    rf"(?:{_TREATED}|exposure|incubation|assay|contact)*"
    r"(?:i?time(?:point)?s?|duration)(?:values?|val)?"
)
_SCALE = r"(?P<log>log10|log2|log|ln)?"


@dataclass(frozen=True, eq=False)
class ContractTable:
    """A table of treatments and where each contract column is found in it.

    `absent` holds the renamed columns that the table lacks.
    """

    frame: pd.DataFrame
    names: dict[str, Any]
    estimator_name: str
    absent: dict[str, Any] = field(default_factory=dict)

    @property
    def row_labels(self) -> np.ndarray:
        """Index of the table, (n_rows,) objects."""
        return label_rows(self.frame)

    def column(self, contract_name: str) -> pd.Series | None:
        """Return a contract column, None where the table has none."""
        if contract_name not in self.names:
            return None
        return self.frame[self.names[contract_name]]

    def require(self, contract_name: str) -> pd.Series:
        """Return a contract column or say which columns there are instead."""
        column = self.column(contract_name)
        if contract_name in self.absent:
            raise _absent_column(contract_name, self.absent[contract_name], self.frame)
        if column is None:
            others = self.frame.columns.drop(list(self.names.values()))
            remedy = suggest_renaming(contract_name, others) or (
                "If one of them holds it, pass "
                f"columns={{{contract_name!r}: '<its name>'}}"
            )
            raise InputError(
                f"X has no column {contract_name!r}, which {self.estimator_name} "
                f"needs. Columns present: {quote_names(self.frame.columns)}. {remedy}."
            )
        return column


def as_frame(X: Any) -> pd.DataFrame | None:
    """Return X as a pandas DataFrame where it is a table, else None."""
    if isinstance(X, pd.DataFrame):
        return X
    if not (hasattr(X, "to_pandas") and hasattr(X, "columns")):
        return None
    try:
        converted = X.to_pandas()
    except ModuleNotFoundError:  # polars converts whole tables by way of pyarrow
        converted = pd.DataFrame({name: X[name].to_numpy() for name in X.columns})
    return converted if isinstance(converted, pd.DataFrame) else None


def label_rows(frame: pd.DataFrame) -> np.ndarray:
    """Return the index of a table as (n_rows,) objects, tuples for many levels."""
    index = frame.index
    if isinstance(index.dtype, np.dtype) and index.dtype.kind in "iu":
        return index.to_numpy().astype(object)  # ten times faster than one by one
    labels = np.empty(len(frame), dtype=object)
    labels[:] = list(index)
    return labels


def is_plain(
    X: Any,
    columns: Mapping[str, str] | None = None,
    expression: pd.DataFrame | None = None,
) -> bool:
    """Tell whether X is a plain array or table, of which every column is a gene.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_rows, n_columns)
        The input of an estimator.
    columns : mapping of str to str, default=None
        Renamed columns; a table with any is never plain.
    expression : DataFrame, default=None
        Basal expression to look up; a table with it is never plain.

    Returns
    -------
    plain : bool
        True for anything but a table, and for a table of numbers that has none of
        the columns cell_line, smiles, dose and time.

    Raises
    ------
    InputError
        X is no table and no array: a Series, a dict, text, a table with columns of
        several levels or one that is not computed yet, an array of text.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.treatments import is_plain
    >>> is_plain([[0.1, 0.2]]), is_plain(pd.DataFrame({"TP53": [0.1]}))
    (True, True)
    >>> is_plain(pd.DataFrame({"TP53": [0.1], "smiles": ["CCO"]}))
    False
    """
    frame = as_frame(X)
    refuse_other_kinds(X if frame is None else frame)
    if frame is None:
        return True
    if columns or expression is not None:
        return False
    if any(name in frame.columns for name in CONTRACT_COLUMNS):
        return False
    return all(holds_numbers(frame.iloc[:, i]) for i in range(frame.shape[1]))


def read_column(X: Any, name: str, estimator_name: str) -> np.ndarray:
    """Return a column of a table that the contract does not name, as objects.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        Treatments.
    name : str
        Name of the column.
    estimator_name : str
        Name used in messages.

    Returns
    -------
    values : ndarray of shape (n_rows,), dtype=object
        The column, missing values included.

    Raises
    ------
    InputError
        X has no such column.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.treatments import read_column
    >>> read_column(pd.DataFrame({"tissue": ["lung"]}), "tissue", "TissueMean")
    array(['lung'], dtype=object)
    """
    frame = as_frame(X)
    if frame is None or name not in frame.columns:
        present = () if frame is None else frame.columns
        raise InputError(
            f"X has no column {name!r}, which {estimator_name} needs. Columns "
            f"present: {quote_names(present)}."
        )
    return frame[name].to_numpy(dtype=object)


def refuse_duplicates(names: pd.Index, what: str) -> None:
    """Raise InputError where a name occurs twice."""
    if not names.is_unique:
        twice = names[names.duplicated()].unique()
        raise InputError(
            f"Duplicate {what}: {quote_names(twice, 5)}. Each may occur once; rename "
            "or drop the repeats."
        )


def refuse_levels(names: pd.Index, what: str, attribute: str) -> None:
    """Raise InputError for names of several levels, of which none is the name."""
    if isinstance(names, pd.MultiIndex):
        example = f", such as {names[0]!r}" if len(names) else ""
        raise InputError(
            f"The {what} have {names.nlevels} levels (a MultiIndex){example}. Give one "
            f"name for each: table.{attribute} = "
            f"table.{attribute}.get_level_values(-1)."
        )


def factorize_objects(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return codes (n,), -1 for missing, and the distinct values as objects."""
    values = column.to_numpy(dtype=object)
    try:
        codes, uniques = pd.factorize(values)
    except TypeError:  # a list or dict among them
        entries = np.array(
            [v if isinstance(v, str) else repr(v) for v in values], dtype=object
        )
        codes, uniques = pd.factorize(entries)
    return codes.astype(np.int64), np.asarray(uniques, dtype=object)


def read_contract_table(
    frame: pd.DataFrame,
    columns: Mapping[str, str] | None,
    estimator_name: str,
    *,
    fitted: bool = False,
) -> ContractTable:
    """Check the columns of a table and resolve the renamed ones.

    A renamed column that is absent is an error where it is required. Dose and time
    may be absent once `fitted`, unless a column of the contract's own name leaves
    in doubt which is meant.
    """
    if len(frame) == 0:
        raise InputError(
            f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of "
            f"1 is required by {estimator_name}."
        )
    refuse_duplicates(frame.columns, "column names in X")
    names = {name: name for name in CONTRACT_COLUMNS if name in frame.columns}
    absent = {}
    for contract_name, own_name in dict(columns or {}).items():
        if contract_name not in CONTRACT_COLUMNS:
            raise InputError(
                f"columns renames {contract_name!r}, which is not a column of the "
                f"input contract. Keys may be {quote_names(CONTRACT_COLUMNS)}; "
                "values are the names in X."
            )
        if own_name in frame.columns:
            names[contract_name] = own_name
            continue
        in_doubt = not fitted or contract_name in frame.columns
        if contract_name in QUANTITIES and in_doubt:
            raise _absent_column(contract_name, own_name, frame)
        names.pop(contract_name, None)
        absent[contract_name] = own_name
    return ContractTable(frame, names, estimator_name, absent)


def _absent_column(
    contract_name: str, own_name: Any, frame: pd.DataFrame
) -> InputError:
    """Return the error for a renamed column that X lacks."""
    near = suggest_renaming(contract_name, frame.columns)
    return InputError(
        f"columns={{{contract_name!r}: {own_name!r}}} names a column that X "
        f"does not have. Columns present: {quote_names(frame.columns)}."
        + (f" {near}." if near else "")
    )


def near_amounts(table: ContractTable) -> list[str]:
    """Return the columns that may be meant as dose or time, where X has none."""
    return [name for quantity in QUANTITIES for name in near_quantity(table, quantity)]


def near_quantity(table: ContractTable, quantity: str) -> list[str]:
    """Return the columns that may be meant as one quantity, if X lacks it."""
    if quantity in table.names:
        return []
    frame, taken = table.frame, set(table.names.values())
    return [
        name
        for name in find_near_columns(quantity, frame.columns)
        if name not in taken and frame[name].notna().any()
    ]


def _any_of(units: Iterable[str]) -> str:
    """Return a pattern for one of some patterns."""
    return "(?:" + "|".join(units) + ")"


_QUANTITIES = {
    "dose": re.compile(
        rf"{_SCALE}(?:{_DOSE}(?:in)?(?P<unit>{_any_of(_UNITS_OF_DOSE)})?"
        r"|(?P<alone>um|nm|micromolar|nanomolar))"
    ),
    "time": re.compile(
        rf"{_SCALE}(?:{_TIME}(?:in)?(?P<unit>{_any_of(_UNITS_OF_TIME)})?"
        r"|(?P<alone>hours?|hrs?))"
    ),
}
_UNITS = {"dose": _UNITS_OF_DOSE, "time": _UNITS_OF_TIME}
_SMILES = ("smi", "cansmi", "isosmi", "structure", "mol", "molecule", "compound")
_CELLS = (
    *("cellline", "cellid", "cellname", "cell", "cells", "celliname", "line", "clid"),
    *("depmapid", "modelid", "modelname", "model", "depmap", "arxspanid", "broadid"),
    *("sangermodelid", "sidm", "cosmicid", "cosmicsampleid", "cosmic"),
    *("cclename", "ccleid", "ccle", "cellosaurusid", "rrid", "sampleid", "samplename"),
    *("sample", "patientid", "patient", "donorid", "donor", "organoid", "barcode"),
)
_NAMES = {"smiles": _SMILES, "cell_line": _CELLS}
_TYPING_ERROR = 0.8  # similarity of "smlies" and "smiles"


def find_near_columns(contract_name: str, columns: Iterable[Any]) -> list[Any]:
    """Return the columns that may be meant by a name of the contract, best first.

    For dose and time the whole name must say so, with or without a unit: they are
    looked for in tables that need not have them. `max_conc` and `dose_range` do not.
    """
    texts = {name: _letters(name) for name in columns if isinstance(name, str)}
    own = _letters(contract_name)
    pattern = _QUANTITIES.get(contract_name)
    if pattern is not None:
        found = [name for name, text in texts.items() if pattern.fullmatch(text)]
        return sorted(found, key=lambda name: _distance(texts[name], own))
    aliases = _NAMES[contract_name]
    rank = {}
    for name, text in texts.items():
        if text == own:
            rank[name] = (0, 0)
        elif own in text:
            rank[name] = (1, len(text))
        elif difflib.SequenceMatcher(None, text, own).ratio() >= _TYPING_ERROR:
            rank[name] = (2, len(text))
        elif text in aliases:
            rank[name] = (3, aliases.index(text))
    return sorted(rank, key=rank.__getitem__)


def suggest_renaming(contract_name: str, columns: Iterable[Any]) -> str:
    """Say which column may be meant and how to say so; "" where none is near."""
    near = find_near_columns(contract_name, columns)
    if not near:
        return ""
    others = f" (or {', '.join(map(repr, near[1:3]))})" if near[1:] else ""
    return (
        f"If {near[0]!r}{others} is meant, pass "
        f"columns={{{contract_name!r}: {near[0]!r}}}"
    )


def unit_of_name(contract_name: str, column: str) -> str | None:
    """Return the unit that the name of a column of doses or times ends in.

    "log" where the name speaks of logarithms, None where it has no unit.
    """
    match = _QUANTITIES[contract_name].fullmatch(_letters(column))
    if match is None:
        return None
    if match["log"]:
        return "log"
    written = match["unit"] or match["alone"]
    if not written:
        return None
    units = _UNITS[contract_name].items()
    return next((unit for like, unit in units if re.fullmatch(like, written)), None)


def _letters(name: str) -> str:
    """Return the small letters and digits of a name; every micro sign is a u."""
    text = unicodedata.normalize("NFKC", name).lower().replace("\u03bc", "u")
    return "".join(character for character in text if character.isalnum())


def _distance(text: str, own: str) -> tuple[bool, int]:
    """Order names: those that differ in writing alone come first."""
    return (text != own, len(text))
