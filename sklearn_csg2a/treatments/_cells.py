"""Cells: looked up in a table of expression, or found among wide rows.

Gene columns are matched by name, and their values are read, in one way for both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import (
    describe_entries,
    list_offenders,
    name_row,
    quote_names,
)
from sklearn_csg2a._utils.validation import (
    holds_real_numbers,
    parse_numbers,
    to_finite_float32,
)
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.treatments._cell_names import raise_unknown_cells
from sklearn_csg2a.treatments._columns import (
    CONTRACT_COLUMNS,
    factorize_objects,
    near_amounts,
    refuse_duplicates,
    refuse_levels,
)
from sklearn_csg2a.treatments._gene_slips import describe_slip, refuse_transposed
from sklearn_csg2a.treatments._genes import check_gene_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sklearn_csg2a.treatments._columns import ContractTable

__all__ = [
    "MIN_GENE_OVERLAP",
    "Cells",
    "TableRows",
    "factorize_cell_line",
    "find_gene_columns",
    "has_enough_genes",
    "match_genes",
    "read_cells",
    "read_gene_values",
    "unique_rows",
]

MIN_GENE_OVERLAP = 0.5
"""Smallest fraction of the genes of a model that must be there to zero-fill."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Unique cells (n_cells, ...) and the cell of each row (n_rows,)."""

    ids: np.ndarray
    index: np.ndarray
    basal_expression: np.ndarray
    genes: tuple[str, ...]
    filled: np.ndarray  # (n_genes,) genes that are missing
    table_rows: TableRows | None = None  # where all cells are, if in one table


def read_cells(
    table: ContractTable,
    expression: pd.DataFrame | None,
    genes: tuple[str, ...] | None,
    missing_genes: str,
) -> Cells:
    """Read the cells of a contract table, light rows and wide ones alike.

    With `expression`, ids found there are looked up; rows with other ids, and
    tables without ids, are read from their own gene columns.
    """
    if expression is None:
        if genes is None:
            genes = _genes_of_wide(table)
        _refuse_light(table, genes)
        return _wide_cells(table, None, genes, missing_genes)
    _check_expression(expression)
    if genes is None:
        check_gene_names(expression.columns, expression, "expression")
        genes = tuple(gene_names(expression.columns))
    if "cell_line" not in table.names and _names_genes(table, genes):
        return _wide_cells(table, None, genes, missing_genes)
    return _mixed_cells(table, expression, genes, missing_genes)


def unique_rows(
    values: np.ndarray, codes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return first positions of the distinct rows, in order, and the inverse.

    Rows are compared byte for byte; rows with different `codes` are distinct.
    """
    seen: dict[Any, int] = {}
    first: list[int] = []
    inverse = np.empty(len(values), dtype=np.int64)
    labels = np.zeros(len(values), dtype=np.int64) if codes is None else codes
    for i, label in enumerate(labels.tolist()):
        position = seen.setdefault((label, values[i].tobytes()), len(first))
        if position == len(first):
            first.append(i)
        inverse[i] = position
    return np.array(first, dtype=np.int64), inverse


def factorize_cell_line(table: ContractTable) -> tuple[np.ndarray, np.ndarray]:
    """Return the code of each row's id and the ids; a missing id is an error."""
    column = table.require("cell_line")
    codes, ids = factorize_objects(column)
    rows = np.flatnonzero(codes < 0)
    if len(rows):
        labels = table.row_labels
        raise InputError(
            f"Column {column.name!r} of X has {len(rows)} row(s) without an id: "
            f"{list_offenders(rows, lambda i: name_row(i, labels))}. "
            "Give each row the id of its cell line, or drop these rows."
        )
    return codes, ids


def _genes_of_wide(table: ContractTable) -> tuple[str, ...]:
    """Return the genes of a wide table; none is an error that says what to pass."""
    columns = find_gene_columns(table)
    if columns:
        check_gene_names(columns, table.frame, "X")
        return tuple(str(name) for name in columns)
    raise InputError(
        "X has no gene columns (numeric columns other than dose and time) and "
        "expression=None. Pass expression= (a DataFrame: index cell ids, columns "
        "genes) to look up the column 'cell_line', or add one column per gene. "
        f"Columns present: {quote_names(table.frame.columns)}."
    )


def _refuse_light(table: ContractTable, genes: tuple[str, ...]) -> None:
    """Refuse ids without a table to look them up in, and without genes of their own."""
    if "cell_line" in table.names and not find_gene_columns(table):
        raise InputError(
            f"X names cell lines in column {table.names['cell_line']!r}, but "
            f"{table.estimator_name} has expression=None, as a loaded model has that "
            "was saved without its table. Set one with set_params(expression=...), or "
            f"give X one column for each of the {len(genes)} genes."
        )


def _check_expression(expression: pd.DataFrame) -> None:
    """Check that expression is a table with unique ids and unique genes."""
    if not isinstance(expression, pd.DataFrame):
        raise InputError(
            "expression must be a pandas DataFrame (index cell ids, columns genes), "
            f"got {type(expression).__name__}."
        )
    refuse_levels(expression.index, "cell ids in the index of expression", "index")
    refuse_levels(expression.columns, "genes in the columns of expression", "columns")
    refuse_duplicates(expression.index, "cell ids in the index of expression")
    if expression.shape[1] == 0:
        raise InputError("expression has no columns; give one per gene.")


def _names_genes(table: ContractTable, genes: tuple[str, ...]) -> bool:
    """Tell whether X has genes of its own, be it under other names."""
    columns = gene_names(table.frame.columns)
    return bool(set(genes) & set(columns)) or bool(describe_slip(columns, genes, "X"))


def _wide_cells(
    table: ContractTable,
    rows: np.ndarray | None,
    genes: tuple[str, ...],
    missing_genes: str,
) -> Cells:
    """Read the cells of (some of) the rows from their own gene columns."""
    frame, labels = table.frame, table.row_labels
    positions = match_genes(frame.columns, genes, missing_genes, "X")
    kept = np.arange(len(frame)) if rows is None else rows
    values = read_gene_values(
        frame,
        rows,
        positions,
        name="X",
        where=lambda i, gene: f"{name_row(kept[i], labels)}, column {gene!r}",
        advice=(
            f"{table.estimator_name} does not impute; drop these rows or fill them "
            "before."
        ),
    )
    ids, codes = labels[kept], None
    column = table.column("cell_line")
    if column is not None:
        codes = factorize_objects(column)[0][kept]
        ids = np.where(codes >= 0, column.to_numpy(dtype=object)[kept], ids)
    first, inverse = unique_rows(values, codes)
    return Cells(ids[first], inverse, values[first], genes, positions < 0)


def _mixed_cells(
    table: ContractTable,
    expression: pd.DataFrame,
    genes: tuple[str, ...],
    missing_genes: str,
) -> Cells:
    """Look up known ids; read the rows of unknown ones from their gene columns."""
    codes, ids = factorize_cell_line(table)
    at = expression.index.get_indexer(pd.Index(ids, dtype=object))
    known = at >= 0
    if not known.any():
        refuse_transposed(ids, expression)
    if known.all():
        found = _look_up(expression, at, genes, missing_genes)
        return Cells(ids, codes, found.read(), genes, found.columns < 0, found)
    if not has_enough_genes(table.frame.columns, genes, missing_genes):
        if _names_genes(table, genes):
            match_genes(table.frame.columns, genes, missing_genes, "X")
        raise_unknown_cells(table, expression, codes, ids, known)
    wide_rows = np.flatnonzero(~known[codes])
    wide = _wide_cells(table, wide_rows, genes, missing_genes)
    n_known = int(known.sum())
    index = np.where(known, np.cumsum(known) - 1, -1)[codes].astype(np.int64)
    index[wide_rows] = n_known + wide.index
    if n_known == 0:
        return Cells(wide.ids, index, wide.basal_expression, genes, wide.filled)
    found = _look_up(expression, at[known], genes, missing_genes)
    return Cells(
        np.concatenate([ids[known], wide.ids]),
        index,
        np.concatenate([found.read(), wide.basal_expression]),
        genes,
        (found.columns < 0) | wide.filled,
    )


def _look_up(
    expression: pd.DataFrame,
    at: np.ndarray,
    genes: tuple[str, ...],
    missing_genes: str,
) -> TableRows:
    """Return rows `at` of expression, its columns matched to the genes."""
    positions = match_genes(
        expression.columns, genes, missing_genes, "expression", expression.index
    )
    return TableRows.of(expression, at, positions)


@dataclass(frozen=True, eq=False)
class TableRows:
    """Rows of a table of expression that others hold as well.

    Parameters
    ----------
    table : DataFrame of shape (n_known_cells, n_columns)
        The table. It shares its memory with the caller's until that is changed.
    rows : ndarray of shape (n_cells,)
        Position of each cell in the table.
    columns : ndarray of shape (n_genes,)
        Position of each gene in the table, -1 for one that is filled with 0.
    """

    table: pd.DataFrame
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, rows: np.ndarray, columns: np.ndarray) -> Self:
        """Refer to a table as it is now: later changes in place are not seen."""
        return cls(table.copy(deep=False), rows, columns)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, cells: np.ndarray) -> Self:
        """Return the cells at these positions."""
        return replace(self, rows=self.rows[cells])

    def read(self, cells: slice = slice(None)) -> np.ndarray:
        """Return expression, (n_cells, n_genes) float32."""
        rows = self.rows[cells]
        return read_gene_values(
            self.table,
            rows,
            self.columns,
            name="expression",
            where=lambda i, gene: f"cell {self.table.index[rows[i]]!r}, gene {gene!r}",
            advice="Fill these values, or drop the cells or genes.",
        )


def find_gene_columns(table: ContractTable) -> list[Any]:
    """Return the numeric columns of a wide table that the contract does not name.

    A column that may be meant as dose or time is none of them, see `read_amounts`.
    """
    taken = {*CONTRACT_COLUMNS, *table.names.values(), *near_amounts(table)}
    return [
        name
        for i, name in enumerate(table.frame.columns)
        if name not in taken and holds_real_numbers(table.frame.iloc[:, i])
    ]


def gene_names(columns: pd.Index) -> pd.Index:
    """Return column names as text."""
    return pd.Index([str(name) for name in columns], dtype=object)


def has_enough_genes(
    columns: pd.Index, genes: Sequence[str], missing_genes: str
) -> bool:
    """Tell whether every gene is among the columns, or enough to fill the others."""
    wanted = set(genes)
    n_found = len(wanted & set(gene_names(columns)))
    if missing_genes == "zero":
        return n_found >= MIN_GENE_OVERLAP * len(wanted)
    return n_found == len(wanted)


def match_genes(
    columns: pd.Index,
    genes: Sequence[str],
    missing_genes: str,
    source: str,
    index: pd.Index | None = None,
) -> np.ndarray:
    """Return the position of each gene among the columns, -1 to fill with zero.

    `index` is that of the table, which holds the genes where it is transposed.
    """
    available = gene_names(columns)
    refuse_duplicates(available, f"genes in {source}")
    positions = available.get_indexer(pd.Index(genes, dtype=object))
    n_genes, n_matched = len(genes), int((positions >= 0).sum())
    if n_matched == n_genes:
        return positions
    missing = [gene for gene, at in zip(genes, positions, strict=True) if at < 0]
    counted = f"{n_matched} of {n_genes} genes match"
    if n_matched < MIN_GENE_OVERLAP * n_genes:
        slip = describe_slip(available, genes, source, index)
        if slip or n_matched == 0:
            raise GeneMismatchError(
                f"{counted}; {slip or 'are these Ensembl ids?'} (the model knows "
                f"{quote_names(genes, 3)}; {source} has {quote_names(available, 3)}). "
                "Give the genes under the names used in fit."
            )
    if missing_genes != "zero":
        raise GeneMismatchError(
            f"{counted}: {source} lacks {quote_names(missing, 5)}. Add these "
            "columns, or set missing_genes='zero' to fill them with 0."
        )
    if n_matched < MIN_GENE_OVERLAP * n_genes:
        raise GeneMismatchError(
            f"{counted}, fewer than half: too few to fill the rest with 0. {source} "
            f"lacks {quote_names(missing, 5)}."
        )
    return positions


def read_gene_values(
    frame: pd.DataFrame,
    rows: np.ndarray | None,
    positions: np.ndarray,
    *,
    name: str,
    where: Callable[[int, Any], str],
    advice: str,
) -> np.ndarray:
    """Return rows x positions of a table as finite float32, 0 where position is -1.

    `where(row, column_name)` names a value in messages; row counts in `rows`.
    """
    present = positions[positions >= 0]
    part = frame.iloc[:, present] if rows is None else frame.iloc[rows, present]
    values = _as_numeric(part, name=name, where=where)
    finite = to_finite_float32(
        values,
        name=name,
        where=lambda row, column: where(row, part.columns[column]),
        advice=advice,
    )
    if len(present) == len(positions):
        return finite
    filled = np.zeros((len(part), len(positions)), dtype=np.float32)
    filled[:, positions >= 0] = finite
    return filled


def _as_numeric(
    part: pd.DataFrame, *, name: str, where: Callable[[int, Any], str]
) -> np.ndarray:
    """Return a table as a numeric array; text that is no number is an error."""
    dtypes = list(part.dtypes)
    kinds = set(dtypes)  # few, of thousands of columns
    for dtype in kinds:
        if pd.api.types.is_complex_dtype(dtype):
            column_name = part.columns[dtypes.index(dtype)]
            raise InputError(
                f"Complex data not supported: column {column_name!r} of {name}."
            )
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in kinds):
        return part.to_numpy()
    values = np.empty(part.shape, dtype=np.float64)
    for i in range(part.shape[1]):
        column = part.iloc[:, i]
        values[:, i], bad = parse_numbers(column)
        if bad.any():
            _raise_text(column, np.flatnonzero(bad), name, where)
    return values


def _raise_text(
    column: pd.Series, rows: np.ndarray, name: str, where: Callable[[int, Any], str]
) -> None:
    """Raise InputError for the rows of a gene column that hold no number."""
    offenders = describe_entries(column, rows, lambda row: where(row, column.name))
    raise InputError(
        f"Input {name}: column {column.name!r} holds what is not a number: "
        f"{offenders}. Expected gene expression; correct these values, or drop the "
        "column if it is not a gene."
    )
