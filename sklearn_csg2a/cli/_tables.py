"""Tables in and out: expression, treatments, compounds, and results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import STANDARD_OUTPUT, reporter
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "describe_output",
    "load_compounds",
    "load_expression",
    "load_treatments",
    "rename_columns",
    "write_table",
]

_IDS = ("cell_line", "smiles", "drug", "name")
_MAX_SHEET = 1_048_575  # rows below the header


def load_expression(
    arguments: argparse.Namespace,
    path: str | None,
    *,
    genes: Collection[str] | None = None,
    cells: Collection[str] | None = None,
) -> pd.DataFrame | None:
    """Read a table of expression, None where none is given.

    Genes or cells that are expected tell rows from columns where they do not by
    themselves.
    """
    if path is None:
        return None
    from sklearn_csg2a.datasets import read_expression

    report = reporter(arguments)
    report(f"Reading {path} ...")
    table = read_expression(
        path,
        rows=arguments.rows,
        gene_names=arguments.gene_names,
        duplicates=arguments.duplicates,
    )
    if arguments.rows == "auto" and _is_transposed(table, genes, cells):
        report(f"{path} has genes in its rows.")
        table = table.T.rename_axis("cell_line")
    return table


def _is_transposed(
    table: pd.DataFrame,
    genes: Collection[str] | None,
    cells: Collection[str] | None,
) -> bool:
    """Tell whether what is expected in rows is in columns, or the other way round."""
    rows, columns = table.index, table.columns
    if genes and rows.isin(genes).sum() > columns.isin(genes).sum():
        return True
    return bool(cells and columns.isin(cells).sum() > rows.isin(cells).sum())


def load_treatments(
    arguments: argparse.Namespace, path: str, ids: Collection[str] = ()
) -> pd.DataFrame:
    """Read a table with one row per treatment; columns of ids stay text."""
    from sklearn_csg2a.datasets import read_table

    reporter(arguments)(f"Reading {path} ...")
    named = [column for name, column in arguments.columns if name in _IDS]
    return read_table(path, text={*_IDS, *named, *ids})


def load_compounds(
    arguments: argparse.Namespace, path: str | None
) -> pd.DataFrame | None:
    """Read compounds: a table with a column smiles, or lines of SMILES and name.

    The columns have the names of the contract. None where no file is given.
    """
    if path is None:
        return None
    if Path(path).suffix.casefold() in {".smi", ".smiles"}:
        return _read_smiles_lines(path)
    return rename_columns(arguments, load_treatments(arguments, path))


def rename_columns(arguments: argparse.Namespace, table: pd.DataFrame) -> pd.DataFrame:
    """Give the columns that --column names the names of the contract."""
    own = {column: name for name, column in arguments.columns if column in table}
    replaced = [
        name for column, name in own.items() if name in table and name != column
    ]
    return table.drop(columns=replaced).rename(columns=own)


def _read_smiles_lines(path: str) -> pd.DataFrame:
    """Read lines of a SMILES, a blank and a name."""
    import pandas as pd

    text = Path(path).read_text("utf-8-sig")
    parts = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    if parts and parts[0][0].casefold() == "smiles":
        del parts[0]
    if not parts:
        msg = f"{path} has no lines; a SMILES and a name in each were expected."
        raise InputError(msg)
    smiles = [line[0] for line in parts]
    names = [line[1].strip() if line[1:] else line[0] for line in parts]
    return pd.DataFrame({"drug": names, "smiles": smiles})


def write_table(table: pd.DataFrame, path: str) -> None:
    """Write a table without its index, whole or not at all."""
    from sklearn_csg2a._utils.files import replacing

    if path == STANDARD_OUTPUT:
        table.to_csv(sys.stdout, index=False)
        return
    name = path.casefold()
    if name.endswith(".xlsx"):
        _write_workbook(table, path)
        return
    how: dict[str, Any] = {
        "sep": "\t" if name.removesuffix(".gz").endswith((".tsv", ".txt")) else ",",
        "compression": "gzip" if name.endswith(".gz") else None,
    }
    with replacing(Path(path)) as part:
        table.to_csv(part, index=False, **how)


def describe_output(path: str) -> str:
    """Return how a message calls an output."""
    return "the standard output" if path == STANDARD_OUTPUT else path


def _write_workbook(table: pd.DataFrame, path: str) -> None:
    """Write a workbook of one sheet."""
    from sklearn_csg2a._utils.files import replacing
    from sklearn_csg2a._utils.optional import import_optional

    import_optional(
        "openpyxl",
        extra="excel",
        purpose=f"Writing the workbook {path}, instead of which .csv can be written,",
    )
    if len(table) > _MAX_SHEET:
        msg = (
            f"{path}: a sheet has at most {_MAX_SHEET:,} rows, the table has "
            f"{len(table):,}. Write it as .csv."
        )
        raise InputError(msg)
    with replacing(Path(path)) as part:
        table.to_excel(part, index=False)
