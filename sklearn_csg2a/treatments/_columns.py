"""What may be passed as X, and where the columns of the contract are found in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_csg2a._utils.offenders import list_offenders, name_row, quote_names
from sklearn_csg2a._utils.validation import holds_numbers, type_problem
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._near_columns import find_near_columns, suggest_renaming

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ARRAYS_HAVE_NO_NAMES",
    "CONTRACT_COLUMNS",
    "ContractTable",
    "as_frame",
    "factorize_objects",
    "is_plain",
    "label_rows",
    "near_amounts",
    "near_quantity",
    "read_column",
    "read_contract_table",
    "refuse_duplicates",
    "refuse_other_kinds",
]

QUANTITIES = ("dose", "time")
CONTRACT_COLUMNS = ("cell_line", "smiles", *QUANTITIES)

ARRAYS_HAVE_NO_NAMES = (
    "An array has no column names, and some ensembles and transformers turn a "
    "DataFrame into one: BaggingRegressor, AdaBoostRegressor, RFE, "
    "RegressorChain, StackingRegressor(passthrough=True), and scalers, imputers and "
    "ColumnTransformer without set_output(transform='pandas'). Fit this estimator on "
    "the DataFrame itself; VotingRegressor, StackingRegressor and "
    "TransformedTargetRegressor pass it on."
)
_NEEDED = "Expected a DataFrame with one row per treatment"


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
    labels = np.empty(len(frame), dtype=object)
    labels[:] = list(frame.index)
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
