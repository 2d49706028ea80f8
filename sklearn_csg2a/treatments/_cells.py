"""Cells: looked up in a table of expression, or found among wide rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders, name_row, quote_names
from sklearn_csg2a.exceptions import InputError, UnknownCellLineError
from sklearn_csg2a.treatments._cell_names import describe_unknown_cells
from sklearn_csg2a.treatments._columns import factorize_objects, refuse_duplicates
from sklearn_csg2a.treatments._gene_names import check_gene_names
from sklearn_csg2a.treatments._gene_slips import describe_slip, refuse_transposed
from sklearn_csg2a.treatments._genes import (
    find_gene_columns,
    gene_names,
    has_enough_genes,
    match_genes,
    read_gene_values,
)
from sklearn_csg2a.treatments._table_rows import TableRows

if TYPE_CHECKING:
    from sklearn_csg2a.treatments._columns import ContractTable

__all__ = ["Cells", "factorize_cell_line", "read_cells", "unique_rows"]


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
        _raise_unknown(table, expression, codes, ids, known)
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


def _raise_unknown(
    table: ContractTable,
    expression: pd.DataFrame,
    codes: np.ndarray,
    ids: np.ndarray,
    known: np.ndarray,
) -> None:
    """Raise UnknownCellLineError naming the ids and their first rows."""
    labels, column = table.row_labels, table.names["cell_line"]
    unknown = np.flatnonzero(~known)
    first_row = {int(code): int(np.argmax(codes == code)) for code in unknown[:5]}
    shown = [ids[code] for code in first_row]
    notes, remedy = describe_unknown_cells(shown, expression.index, column)
    note_of = dict(zip(first_row, notes, strict=True))

    def describe(code: np.int64) -> str:
        where = name_row(first_row[int(code)], labels)
        note = note_of[int(code)]
        return f"{ids[code]!r} ({where}{f'; {note}' if note else ''})"

    offenders = list_offenders(unknown, describe)
    hint = f" {remedy}" if remedy else ""
    raise UnknownCellLineError(
        f"{len(unknown)} cell line(s) of column {column!r} are not "
        f"in the index of expression: {offenders}.{hint} Add them to expression; to "
        "predict new cells, pass wide rows with one column per gene."
    )
