"""Tables of any common kind: text, workbook, h5ad, GCT or GCTX."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import pandas as pd

from sklearn_csg2a.datasets.readers._expression_tables import read_first_line
from sklearn_csg2a.datasets.readers._gct import read_gct
from sklearn_csg2a.datasets.readers._gctx import read_gctx
from sklearn_csg2a.datasets.readers._h5ad import read_h5ad
from sklearn_csg2a.datasets.readers._text import open_text, start_of_file
from sklearn_csg2a.datasets.readers._text_tables import (
    is_workbook,
    read_text_table,
)
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["Kind", "kind_of_table", "read_table"]

Kind = Literal["text", "workbook", "h5ad", "gct", "gctx"]

_EXPECTED = "a table (CSV, TSV, workbook, h5ad, GCT or GCTX)"
_HDF5_MAGIC = b"\x89HDF"
_OTHER_KINDS = {b"PAR1": "Parquet", b"ARROW1": "Arrow", b"\x80": "a Python pickle"}
_NUMBER_WITH_COMMA = r"[-+]?(\d+,?\d*|,\d+)([eE][-+]?\d+)?"
_NUMBER_LIKE_A_NAME = r"[-+]?0\d.*"  # 007


def read_table(
    path: str | os.PathLike[str], *, text: Collection[str] = ()
) -> pd.DataFrame:
    r"""Read a table of rows, such as treatments, compounds or patients.

    Parameters
    ----------
    path : str or path
        CSV or TSV with any separator, gzip-compressed or alone in a zip archive; a
        workbook (.xlsx), of which the first sheet is read; or an h5ad file, of which
        the metadata of the profiles is read (obs, its index as column `cell_line`
        unless there is one).
    text : collection of str, default=()
        Columns that stay text, such as ids: the others become numbers if all of their
        entries are numbers.

    Returns
    -------
    table : DataFrame of shape (n_rows, n_columns)
        Rows and columns in the order of the file; empty cells are missing.

    Raises
    ------
    DataFileError
        If the file is empty, damaged or of another kind.
    MissingDependencyError
        If the file is a workbook without openpyxl, or h5ad without h5py.

    See Also
    --------
    read_expression : The same for tables of expression.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_table
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "screen.tsv")
    ...     _ = path.write_text("cell_line\tdose\n007\t0.5\n008\t10\n")
    ...     read_table(path, text=["cell_line"])
      cell_line  dose
    0       007   0.5
    1       008  10.0
    """
    kind = kind_of_table(path)
    if kind == "h5ad":
        about = read_h5ad(path, genes=()).profiles
        if "cell_line" not in about:
            about = about.rename_axis("cell_line").reset_index()
        return about
    if kind in {"gct", "gctx"}:
        read = read_gct if kind == "gct" else read_gctx
        about = read(path, genes=()).profiles
        return about.rename_axis("cell_line").reset_index()
    table = read_text_table(path, _EXPECTED)
    # A comma inside of a field is a decimal comma where it does not separate fields.
    commas = kind == "text" and read_first_line(path, _EXPECTED)[1] != ","
    for name in dict.fromkeys(table.columns):
        if name not in text and isinstance(table[name], pd.Series):
            table[name] = _as_numbers(table[name], commas=commas)
    return table


def kind_of_table(path: str | os.PathLike[str]) -> Kind:
    """Return the kind of a file, by its first bytes; another one is an error."""
    start = start_of_file(path, _EXPECTED)
    if start.startswith(_HDF5_MAGIC):
        return "gctx" if Path(path).suffix.casefold() == ".gctx" else "h5ad"
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            msg = f"{path} is {kind}; {_EXPECTED} was expected. Save it as CSV."
            raise DataFileError(msg)
    if is_workbook(path, _EXPECTED):
        return "workbook"
    if not start.startswith(b"PK"):
        with open_text(path, _EXPECTED) as lines:
            if lines.read(2) == "#1":
                return "gct"
    return "text"


def _as_numbers(column: pd.Series, *, commas: bool) -> pd.Series:
    """Return a column as numbers if all of its entries are, else as it is."""
    known = column.dropna().astype(str)
    if known.empty or known.str.fullmatch(_NUMBER_LIKE_A_NAME).any():
        return column
    if commas and known.str.fullmatch(_NUMBER_WITH_COMMA).all():
        column = column.str.replace(",", ".")
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().equals(column.notna()) else column
