"""Gene columns: matching them by name and reading their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.numbers import holds_numbers, parse_numbers, to_finite_float32
from sklearn_csg2a._utils.offenders import describe_entries, quote_names
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.treatments._columns import (
    CONTRACT_COLUMNS,
    near_amounts,
    refuse_duplicates,
)
from sklearn_csg2a.treatments._gene_slips import describe_slip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn_csg2a.treatments._columns import ContractTable

__all__ = [
    "MIN_GENE_OVERLAP",
    "find_gene_columns",
    "has_enough_genes",
    "match_genes",
    "read_gene_values",
]

MIN_GENE_OVERLAP = 0.5
"""Smallest fraction of the genes of a model that must be there to zero-fill."""


def find_gene_columns(table: ContractTable) -> list[Any]:
    """Return the numeric columns of a wide table that the contract does not name.

    A column that may be meant as dose or time is none of them, see `read_amounts`.
    """
    taken = {*CONTRACT_COLUMNS, *table.names.values(), *near_amounts(table)}
    return [
        name
        for i, name in enumerate(table.frame.columns)
        if name not in taken and holds_numbers(table.frame.iloc[:, i])
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
    for column_name, dtype in zip(part.columns, dtypes, strict=True):
        if pd.api.types.is_complex_dtype(dtype):
            raise InputError(
                f"Complex data not supported: column {column_name!r} of {name}."
            )
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in dtypes):
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
