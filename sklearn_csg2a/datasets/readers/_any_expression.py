"""Tables of expression of any common kind, one row per sample or one per gene."""

from __future__ import annotations

import os
import re
from typing import Literal

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders, quote_names
from sklearn_csg2a.datasets._choices import check_choice
from sklearn_csg2a.datasets.readers._any_table import kind_of_table
from sklearn_csg2a.datasets.readers._expression_tables import (
    Join,
    LeftOut,
    check_join,
    finish_expression,
    read_first_line,
    read_numbers,
)
from sklearn_csg2a.datasets.readers._gct import read_gct
from sklearn_csg2a.datasets.readers._gctx import read_gctx
from sklearn_csg2a.datasets.readers._h5ad import read_h5ad
from sklearn_csg2a.datasets.readers._text_tables import (
    open_table,
    plain_column,
    read_text_table,
)
from sklearn_csg2a.exceptions import DataFileError, InputError
from sklearn_csg2a.treatments._columns import find_near_columns
from sklearn_csg2a.treatments._gene_slips import find_genes_in_index

__all__ = ["read_expression"]

_EXPECTED = "a table of expression (one row per sample, one column per gene)"
_SYMBOL_AND_ID = re.compile(r"(?P<symbol>[^()\s]+) \((?:\d+|ENS\w+(?:\.\d+)?)\)")
_GENE_IDS = {"gene", "genes", "genesymbol", "symbol", "genename", "geneid", "hgnc"}
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_SNIFFED = 50  # rows that tell which columns hold text

Rows = Literal["auto", "samples", "genes"]


def read_expression(
    path: str | os.PathLike[str],
    *,
    rows: Rows = "auto",
    gene_names: str | None = None,
    duplicates: Join = "error",
    replicates: Join = "error",
) -> pd.DataFrame:
    r"""Read basal expression from a table of any common kind.

    Parameters
    ----------
    path : str or path
        CSV or TSV with any separator, gzip-compressed or alone in a zip archive; a
        workbook (.xlsx), of which the first sheet is read; h5ad, GCT or GCTX. Columns
        of text are taken for annotation and left out.
    rows : {"auto", "samples", "genes"}, default="auto"
        What a row of a CSV, TSV or workbook is. "auto": genes, if the ids of the rows
        are gene symbols or Ensembl ids and those of the columns are not.
    gene_names : str or None, default=None
        Column of the metadata of h5ad, GCT or GCTX that names the genes, such as
        ``"pr_gene_symbol"``. None takes the ids of the file.
    duplicates : {"error", "mean", "drop"}, default="error"
        What to do with a gene that occurs more than once.
    replicates : {"error", "mean", "drop"}, default="error"
        What to do with a sample that occurs more than once.

    Returns
    -------
    expression : DataFrame of shape (n_samples, n_genes), float32
        Values as in the file. The index, named `cell_line`, holds the ids as text;
        'TP53 (7157)' is the gene TP53. `attrs["dropped"]` lists what was left out.

    Raises
    ------
    DataFileError
        If the file is empty, damaged or of another kind, or a value is no number.
    InputError
        If a gene or a sample occurs more than once, or the file has no metadata
        `gene_names`.
    MissingDependencyError
        If the file is a workbook without openpyxl, or h5ad or GCTX without h5py.

    Warns
    -----
    UserWarning
        If columns are left out, or values are missing.

    See Also
    --------
    read_depmap_expression : Files of DepMap, with profiles that are not default.
    read_table : The same for other tables.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_expression
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "patients.csv")
    ...     _ = path.write_text("gene,P1,P2\nTP53,3.5,0.5\nEGFR,2.5,4\n")
    ...     read_expression(path)
               TP53  EGFR
    cell_line
    P1          3.5   2.5
    P2          0.5   4.0
    """
    check_choice("rows", rows, ("auto", "samples", "genes"))
    check_join("duplicates", duplicates)
    check_join("replicates", replicates)
    kind, left_out = kind_of_table(path), LeftOut(path)
    if kind in {"h5ad", "gct", "gctx"}:
        read = {"h5ad": read_h5ad, "gct": read_gct, "gctx": read_gctx}[kind]
        values = read(path, gene_names=gene_names).expression
    else:
        if gene_names is not None:
            raise InputError(
                f"gene_names={gene_names!r} is for h5ad, GCT and GCTX; {path} is a "
                "table with the names of its genes alone."
            )
        values = (_read_workbook if kind == "workbook" else _read_text)(path, left_out)
        if rows == "genes" or (rows == "auto" and _has_genes_in_rows(values)):
            values = values.T
    values = values.set_axis(values.index.astype(str), axis="index")
    values = values.set_axis(
        pd.Index([_name_gene(name) for name in values.columns], dtype=object), axis=1
    )
    return finish_expression(
        values,
        duplicates=duplicates,
        replicates=replicates,
        left_out=left_out,
        stacklevel=2,
    )


def _name_gene(name: object) -> str:
    """Return the symbol of 'TP53 (7157)', other names as they are."""
    match = _SYMBOL_AND_ID.fullmatch(str(name))
    return match["symbol"] if match else str(name).strip()


def _has_genes_in_rows(values: pd.DataFrame) -> bool:
    """Tell whether rows are genes: by a header that says so, or by their ids."""
    if plain_column(values.index.name) in _GENE_IDS:
        return True
    return find_genes_in_index(values) is not None


def _read_text(path: str | os.PathLike[str], left_out: LeftOut) -> pd.DataFrame:
    """Read text: (rows, columns) float32, and ids as index."""
    header, separator = read_first_line(path, _EXPECTED)
    n_above = _count_above(path)
    first = _read_first_rows(path, header, separator, n_above)
    if first[len(header)].notna().any() and first[0].notna().all():
        header = ["", *header]  # as R writes it: no name above the ids of the rows
    first = first.iloc[:, : len(header)].set_axis(range(len(header)), axis=1)
    texts = [i for i in range(len(header)) if _is_text(first[i], separator)]
    at = _find_ids(header, first)
    numbers = _find_numbers(header, at, texts, path)
    about, values = read_numbers(
        path,
        _EXPECTED,
        header=header,
        separator=separator,
        text=[at],
        n_first=n_above,
        left_out=sorted(set(range(len(header))) - {at, *numbers}),
    )
    return _finish_rows(
        values.set_axis([header[i] for i in numbers], axis=1),
        about.iloc[:, 0],
        header[at],
        [header[i] for i in texts if i != at],
        left_out,
    )


def _count_above(path: str | os.PathLike[str]) -> int:
    """Return the number of lines above the first row: the header, and Excel's note."""
    with open_table(path, _EXPECTED) as lines:
        line = lines.readline().lstrip(_BYTE_ORDER_MARK)
    return 2 if line.lower().startswith("sep=") and len(line.strip()) <= 5 else 1


def _read_first_rows(
    path: str | os.PathLike[str], header: list[str], separator: str, n_above: int
) -> pd.DataFrame:
    """Read the first rows as text, with one more column than the header has."""
    with open_table(path, _EXPECTED) as lines:
        try:
            first = pd.read_csv(
                lines,
                sep=separator,
                header=None,
                names=range(len(header) + 1),
                index_col=False,
                skiprows=n_above,
                nrows=_SNIFFED,
                dtype=str,
            )
        except (ValueError, LookupError) as error:
            msg = f"{path} cannot be read ({error}); {_EXPECTED} was expected."
            raise DataFileError(msg) from error
    if first.empty:
        raise DataFileError(
            f"{path} has no rows below its header; {_EXPECTED} was expected."
        )
    return first


def _read_workbook(path: str | os.PathLike[str], left_out: LeftOut) -> pd.DataFrame:
    """Read the first sheet of a workbook: (rows, columns) float32, ids as index."""
    table = read_text_table(path, _EXPECTED)
    header = ["" if str(name).startswith("Unnamed:") else str(name) for name in table]
    table = table.set_axis(range(len(header)), axis=1)
    texts = [i for i in range(len(header)) if _is_text(table[i], "\t")]
    at = _find_ids(header, table)
    numbers = _find_numbers(header, at, texts, path)
    values = table[numbers].apply(pd.to_numeric, errors="coerce")
    wrong = np.argwhere((values.isna() & table[numbers].notna()).to_numpy())
    if len(wrong):
        listed = list_offenders(
            [(int(row), numbers[column]) for row, column in wrong],
            lambda place: (
                f"column {header[place[1]]!r}, row {place[0]} "
                f"({table.loc[place[0], at]!r}): {table.loc[place]!r}"
            ),
        )
        raise DataFileError(
            f"{path}: not a number in {listed}. {_EXPECTED} was expected."
        )
    return _finish_rows(
        values.astype(np.float32).set_axis([header[i] for i in numbers], axis=1),
        table[at],
        header[at],
        [header[i] for i in texts if i != at],
        left_out,
    )


def _find_ids(header: list[str], first: pd.DataFrame) -> int:
    """Return the position of the ids of the rows.

    Beside a first column without a name, which may count the rows, only text is taken.
    """
    if plain_column(header[0]) in _GENE_IDS:
        return 0
    near = [header.index(name) for name in find_near_columns("cell_line", header)]
    if not header[0]:
        near = [i for i in near if _as_numbers(first[i], "\t").isna().any()]
    return near[0] if near and 0 not in near else 0


def _is_text(column: pd.Series, separator: str) -> bool:
    """Tell whether no entry of a column is a number."""
    numbers = _as_numbers(column, separator)
    return len(numbers) > 0 and bool(numbers.isna().all())


def _as_numbers(column: pd.Series, separator: str) -> pd.Series:
    """Return the entries of a column as numbers, NaN where they are none."""
    known = column.dropna().str.strip()
    if separator != ",":
        known = known.str.replace(",", ".")
    return pd.to_numeric(known, errors="coerce")


def _find_numbers(
    header: list[str], at: int, texts: list[int], path: str | os.PathLike[str]
) -> list[int]:
    """Return the positions of named columns of numbers beside the ids."""
    others = {at, *texts}
    numbers = [i for i, name in enumerate(header) if name and i not in others]
    if not numbers:
        raise DataFileError(
            f"{path} has no column of numbers beside the ids of its rows; {_EXPECTED} "
            f"was expected. Columns: {quote_names(header)}."
        )
    return numbers


def _finish_rows(
    values: pd.DataFrame,
    ids: pd.Series,
    name: str,
    texts: list[str],
    left_out: LeftOut,
) -> pd.DataFrame:
    """Name the rows, and record the columns that are left out."""
    missing = np.flatnonzero(ids.isna())
    if len(missing):
        rows = list_offenders(missing, lambda row: f"row {row}")
        raise DataFileError(f"{left_out.path} has no id in column {name!r}, {rows}.")
    left_out.add(texts, "columns", "text, not expression")
    return values.set_axis(pd.Index(ids.str.strip(), name=name), axis="index")
