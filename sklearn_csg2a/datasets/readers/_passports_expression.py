"""Expression of cell lines and organoids from the Cell Model Passports."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._expression_tables import (
    Join,
    LeftOut,
    check_join,
    finish_expression,
    read_numbers,
)
from sklearn_csg2a.datasets.readers._passports_long import GENE_COLUMNS, read_long
from sklearn_csg2a.datasets.readers._text_tables import (
    find_column,
    open_table,
    plain_column,
    read_header,
)
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["read_passports_expression"]

_EXPECTED = (
    "an RNA-seq table of the Cell Model Passports (models such as SIDM00001 in "
    "columns, or one row for each model and gene)"
)
_MODEL = re.compile(r"SIDM\d+")
# The rows above the genes that describe columns.
_ABOUT_MODELS = (
    *("modelname", "datasetname", "datasetid", "datasource", "source", "sampleid"),
    *("samplename", "modeltype", "tissue", "cancertype"),
)
_MAX_ROWS_ABOVE = 20


def read_passports_expression(
    path: str | os.PathLike[str],
    *,
    genes: Literal["symbol", "gene_id", "ensembl_gene_id"] = "symbol",
    value: str | None = None,
    data_source: str | None = None,
    duplicates: Join = "error",
    replicates: Join = "error",
) -> pd.DataFrame:
    r"""Read basal expression from an RNA-seq table of the Cell Model Passports.

    Parameters
    ----------
    path : str or path
        `rnaseq_tpm_....csv`, `rnaseq_fpkm_....csv`, `rnaseq_read_count_....csv`, their
        `rnaseq_merged_...` successors, all with models in columns, or
        `rnaseq_all_data_....csv` and others with a row for each model and gene;
        compressed or not.
    genes : {"symbol", "gene_id", "ensembl_gene_id"}, default="symbol"
        Kind of gene ids in the columns of `expression`.
    value : str or None, default=None
        Column of a table with a row for each model and gene, such as `"rsem_tpm"`; None
        uses TPM if present, else FPKM, else counts.
    data_source : str or None, default=None
        Keep profiles of one source, `"sanger"` or `"broad"`.
    duplicates : {"error", "mean", "drop"}, default="error"
        What to do with a name of `genes` that several genes have.
    replicates : {"error", "mean", "drop"}, default="error"
        What to do with a model that has several profiles.

    Returns
    -------
    expression : DataFrame of shape (n_models, n_genes), float32
        Values as in the file: use `np.log2(expression + 1)` for TPM and FPKM. The
        index, named `cell_line`, contains the ids of the Passports (SIDM...).
        `attrs["dropped"]` lists what was left out and why.

    Raises
    ------
    DataFileError
        If the file is empty, truncated or of another kind.
    InputError
        If a gene or a model is repeated and the option for it is "error", or a
        parameter does not match the file.

    Warns
    -----
    UserWarning
        If genes without a name, genes or models were left out, or values are missing,
        because sources measure different genes.

    See Also
    --------
    read_gdsc_fitted : Its SANGER_MODEL_ID has the same ids.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_passports_expression
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "rnaseq_tpm.csv")
    ...     _ = path.write_text(
    ...         "model_id,,SIDM00001,SIDM00002\nmodel_name,,A-1,B-2\n"
    ...         "data_source,,sanger,broad\ngene_id,symbol,,\n"
    ...         "SIDG1,TP53,8,16\nSIDG2,EGFR,0.5,2\n"
    ...     )
    ...     read_passports_expression(path)
               TP53  EGFR
    cell_line
    SIDM00001   8.0   0.5
    SIDM00002  16.0   2.0
    """
    check_join("duplicates", duplicates)
    check_join("replicates", replicates)
    if genes not in GENE_COLUMNS:
        msg = f"genes={genes!r} is unknown; choose one of {', '.join(GENE_COLUMNS)}."
        raise InputError(msg)
    with open_table(path, _EXPECTED) as lines:
        header, separator = read_header(lines, path, _EXPECTED)
    left_out = LeftOut(path)
    if any(map(_MODEL.fullmatch, header)):
        if value is not None:
            msg = f"value={value!r}: {path} has one kind of value only; leave it out."
            raise InputError(msg)
        values = _read_wide(path, separator, genes, data_source, left_out)
    else:
        values = read_long(
            path, header, separator, genes=genes, value=value, data_source=data_source
        )
    unnamed = values.columns.isna() | (values.columns == "")
    if unnamed.any():
        left_out.notes.append(f"{unnamed.sum()} genes left out (no {genes})")
        values = values.loc[:, ~unnamed]
    return finish_expression(
        values,
        duplicates=duplicates,
        replicates=replicates,
        left_out=left_out,
        stacklevel=2,
    )


@dataclass(frozen=True)
class _Above:
    """Header above the genes of a wide table."""

    models: list[str]  # all fields of the first line
    rows: dict[str, list[str]]  # fields of the other lines, by their plain name
    gene_columns: list[str]  # names of the columns left of the models
    n_lines: int


def _read_above(path: str | os.PathLike[str], separator: str) -> _Above:
    """Read the lines above the first gene."""
    with open_table(path, _EXPECTED) as lines:
        try:
            models, *above = islice(
                csv.reader(lines, delimiter=separator), 1 + _MAX_ROWS_ABOVE
            )
        except csv.Error as error:
            msg = f"{path} cannot be read ({error}); {_EXPECTED} was expected."
            raise DataFileError(msg) from error
    models = [field.strip("\N{ZERO WIDTH NO-BREAK SPACE} \t") for field in models]
    first = next((i for i, name in enumerate(models) if _MODEL.fullmatch(name)), 0)
    names, rows = models[:first], {}
    n_lines = 1
    for fields in above:
        label = plain_column(fields[0]) if fields else ""
        if label in _ABOUT_MODELS:
            rows[label] = [field.strip() for field in fields]
        elif _names_genes(fields[:first]):
            names = [field.strip() for field in fields[:first]]
        else:
            break
        n_lines += 1
    return _Above(models, rows, names, n_lines)


def _names_genes(fields: list[str]) -> bool:
    """Tell whether a line names the columns of genes."""
    known = {name for names in GENE_COLUMNS.values() for name in names}
    return any(plain_column(field) in known for field in fields)


def _read_wide(
    path: str | os.PathLike[str],
    separator: str,
    genes: str,
    data_source: str | None,
    left_out: LeftOut,
) -> pd.DataFrame:
    """Read a table with models in columns as (models, genes)."""
    above = _read_above(path, separator)
    n_text = len(above.gene_columns)
    models = list(range(n_text, len(above.models)))
    foreign = [above.models[i] for i in models if not _MODEL.fullmatch(above.models[i])]
    if foreign:
        msg = (
            f"{path}, first line: {list_offenders(map(repr, foreign))} among the "
            f"models; {_EXPECTED} was expected."
        )
        raise DataFileError(msg)
    kept = _of_source(above, models, data_source, path)
    text, numbers = read_numbers(
        path,
        _EXPECTED,
        header=above.models,
        separator=separator,
        text=list(range(n_text)),
        n_first=above.n_lines,
        left_out=sorted(set(models) - set(kept)),
    )
    left_out.add(
        [above.models[i] for i in sorted(set(models) - set(kept))],
        "profiles",
        "of another data source",
    )
    names = _gene_names(text, above.gene_columns, genes, path)
    values = numbers.set_axis(pd.Index(names, dtype=object)).T
    return values.set_axis(pd.Index([above.models[i] for i in kept], dtype=object))


def _of_source(
    above: _Above,
    models: list[int],
    data_source: str | None,
    path: str | os.PathLike[str],
) -> list[int]:
    """Return the columns of one source; None selects all."""
    if data_source is None:
        return models
    sources = above.rows.get("datasource", above.rows.get("source"))
    if sources is None:
        msg = f"data_source={data_source!r}: {path} does not contain sources."
        raise InputError(msg)
    wanted = data_source.casefold()
    kept = [i for i in models if i < len(sources) and sources[i].casefold() == wanted]
    if not kept:
        there = dict.fromkeys(sources[i] for i in models if i < len(sources))
        msg = (
            f"data_source={data_source!r}: {path} has only "
            f"{list_offenders(map(repr, there))}."
        )
        raise InputError(msg)
    return kept


def _gene_names(
    columns: pd.DataFrame, names: list[str], genes: str, path: str | os.PathLike[str]
) -> pd.Series:
    """Return the column given by `genes`, by its name or content."""
    named = columns.set_axis(names, axis="columns")
    found = find_column(named, GENE_COLUMNS[genes])
    if found is not None:
        return named.iloc[:, names.index(str(found))].str.strip()
    for position in range(len(names)):
        if _kind_of_genes(columns[position]) == genes and not _names_genes(
            [names[position]]
        ):
            return columns[position].str.strip()
    msg = (
        f"genes={genes!r}: {path} has no such column, only "
        f"{list_offenders(map(repr, names))}."
    )
    raise InputError(msg)


def _kind_of_genes(ids: pd.Series) -> str:
    """Return the kind of an unnamed column of genes."""
    first = str(ids.dropna().iloc[0]) if ids.notna().any() else ""
    if first.startswith("ENSG"):
        return "ensembl_gene_id"
    return "gene_id" if first.startswith("SIDG") else "symbol"
