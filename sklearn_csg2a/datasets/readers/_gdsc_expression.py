"""Expression of cell lines as GDSC publishes it: RMA values of microarrays."""

from __future__ import annotations

import os
import re

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._expression_tables import (
    Join,
    LeftOut,
    check_join,
    finish_expression,
    read_first_line,
    read_numbers,
)
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["read_gdsc_expression"]

_EXPECTED = (
    "a table of RMA values of GDSC (genes in rows, COSMIC ids such as 'DATA.906826' or "
    "'906826' in columns)"
)
# R prefixes numbers with X and numbers repeated names: DATA.1503362.1.
_COSMIC = re.compile(r"(?:DATA\.|X)?(?P<id>\d+)(?:\.\d+)?")


def read_gdsc_expression(
    path: str | os.PathLike[str],
    *,
    duplicates: Join = "error",
    replicates: Join = "mean",
) -> pd.DataFrame:
    r"""Read basal expression from a table of RMA values of GDSC.

    Parameters
    ----------
    path : str or path
        `Cell_line_RMA_proc_basalExp.txt` (symbols and titles of genes) or
        `sanger1018_brainarray_ensemblgene_rma.txt` (Ensembl ids), compressed or not.
    duplicates : {"error", "mean", "drop"}, default="error"
        What to do with a gene that has several rows.
    replicates : {"error", "mean", "drop"}, default="mean"
        What to do with a cell line that has several columns, like four in GDSC's file.

    Returns
    -------
    expression : DataFrame of shape (n_cells, n_genes), float32
        RMA values (log2). The index, named `cell_line`, holds COSMIC ids as text, the
        columns are symbols or Ensembl ids, as the file has them.
        `attrs["dropped"]` lists what was left out and why.

    Raises
    ------
    DataFileError
        If the file is empty, truncated or of another kind.
    InputError
        If a gene or a cell line is repeated and the option for it is "error".

    Warns
    -----
    UserWarning
        If genes without a symbol or repeated ones were left out, or values are
        missing.

    See Also
    --------
    read_gdsc_fitted : Its option `cell_line="COSMIC_ID"` gives the same ids.
    map_genes : Symbols for Ensembl ids.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_gdsc_expression
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "rma.txt")
    ...     _ = path.write_text(
    ...         "GENE_SYMBOLS\tGENE_title\tDATA.906826\tDATA.687983\n"
    ...         "TP53\ttumor protein p53\t6.5\t7.25\n"
    ...         "EGFR\tepidermal growth factor receptor\t3\t9.5\n"
    ...     )
    ...     read_gdsc_expression(path)
               TP53  EGFR
    cell_line
    906826     6.50   3.0
    687983     7.25   9.5
    """
    check_join("duplicates", duplicates)
    check_join("replicates", replicates)
    header, separator = read_first_line(path, _EXPECTED)
    cells = [i for i, name in enumerate(header) if _COSMIC.fullmatch(name)]
    others = sorted(set(range(1, len(header))) - set(cells))
    # Titles are between symbols and values; lines may end with a separator.
    foreign = [header[i] for i in others if header[i] and cells and i > cells[0]]
    if not cells or 0 in cells or foreign:
        names = foreign or header
        msg = (
            f"{path} has the columns {list_offenders(map(repr, names))}; {_EXPECTED} "
            "was expected."
        )
        raise DataFileError(msg)
    text, numbers = read_numbers(
        path, _EXPECTED, header=header, separator=separator, text=[0], left_out=others
    )
    left_out = LeftOut(path)
    genes = text[0].str.strip()
    named = genes.notna() & (genes != "")
    rows = [f"row {row}" for row in np.flatnonzero(~named)]
    left_out.add(rows, "genes", "no symbol")
    ids = [str(_COSMIC.fullmatch(header[i])["id"]) for i in cells]  # type: ignore[index]
    values = numbers[named].set_axis(pd.Index(genes[named], dtype=object)).T
    return finish_expression(
        values.set_axis(pd.Index(ids, dtype=object)),
        duplicates=duplicates,
        replicates=replicates,
        left_out=left_out,
        stacklevel=2,
    )
