"""Tables of the Cell Model Passports with one row for each model and gene."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._expression_tables import read_numbers
from sklearn_csg2a.datasets.readers._text_tables import find_column, plain_column
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["GENE_COLUMNS", "read_long"]

# Names of the columns that identify genes, in plain spelling.
GENE_COLUMNS = {
    "symbol": ("symbol", "genesymbol", "hgncsymbol", "genename"),
    "gene_id": ("geneid", "sangergeneid"),
    "ensembl_gene_id": ("ensemblgeneid", "ensemblid"),
}
_MODELS = ("modelid", "sangermodelid")
_SOURCES = ("datasource", "source")
_VALUES = (
    *("tpm", "rsemtpm", "fpkm", "rsemfpkm"),
    *("readcount", "htseqreadcount", "rsemreadcount", "rsemexpectedcount"),
)
_EXPECTED = (
    "an RNA-seq table of the Cell Model Passports, a row for each model and gene"
)


def read_long(
    path: str | os.PathLike[str],
    header: list[str],
    separator: str,
    *,
    genes: str,
    value: str | None,
    data_source: str | None,
) -> pd.DataFrame:
    """Read the table as (profiles, genes); a profile is a model in one source."""
    values = _VALUES if value is None else (plain_column(value),)
    wanted = {
        "model": (_MODELS, "models (model_id)"),
        "gene": (GENE_COLUMNS[genes], f"genes ({genes})"),
        "value": (values, f"values ({value or 'rsem_tpm'})"),
    }
    if data_source is not None:
        wanted["source"] = (_SOURCES, "sources (data_source)")
    columns: dict[str, int | None] = {
        key: _position(header, names, what, path)
        for key, (names, what) in wanted.items()
    }
    columns.setdefault("source", _find(header, _SOURCES))
    columns["identity"] = next(
        (
            at
            for kind in ("gene_id", "ensembl_gene_id")
            if (at := _find(header, GENE_COLUMNS[kind])) is not None
        ),
        columns["gene"],
    )
    used = {at for at in columns.values() if at is not None}
    text, numbers = read_numbers(
        path,
        _EXPECTED,
        header=header,
        separator=separator,
        text=sorted(used - {columns["value"]}),
        left_out=sorted(set(range(len(header))) - used),
    )
    table = text.join(numbers)
    rows = pd.DataFrame(
        {key: table[at] if at is not None else "" for key, at in columns.items()}
    )
    rows["source"] = rows["source"].fillna("")
    if data_source is not None:
        rows = _of_source(rows, data_source, path)
    return _to_matrix(rows.dropna(subset=["model", "identity"]), path)


def _find(header: list[str], names: tuple[str, ...]) -> int | None:
    """Return the position of the first column with one of these plain names."""
    column = find_column(pd.DataFrame(columns=header), names)
    return None if column is None else header.index(str(column))


def _position(
    header: list[str],
    names: tuple[str, ...],
    what: str,
    path: str | os.PathLike[str],
) -> int:
    """Return the position of a required column."""
    position = _find(header, names)
    if position is None:
        msg = (
            f"{path} has no column of {what}, only "
            f"{list_offenders(map(repr, header), limit=20)}; {_EXPECTED} was expected."
        )
        raise DataFileError(msg)
    return position


def _of_source(
    rows: pd.DataFrame, data_source: str, path: str | os.PathLike[str]
) -> pd.DataFrame:
    """Return the rows of one source."""
    kept = rows["source"].str.casefold() == data_source.casefold()
    if not kept.any():
        msg = (
            f"data_source={data_source!r}: {path} has only "
            f"{list_offenders(map(repr, rows['source'].unique()))}."
        )
        raise InputError(msg)
    return rows[kept]


def _to_matrix(rows: pd.DataFrame, path: str | os.PathLike[str]) -> pd.DataFrame:
    """Arrange the values as (profiles, genes), NaN if missing."""
    profile, profiles = pd.factorize(rows["model"] + "|" + rows["source"])
    gene, genes = pd.factorize(rows["identity"])
    cell = profile.astype(np.int64) * len(genes) + gene
    order = np.argsort(cell, kind="stable")
    again = order[1:][np.diff(cell[order]) == 0]
    if len(again):
        first = rows.iloc[again.min()]
        msg = (
            f"{path}, row {rows.index[again.min()]}: {first['model']!r} has a second "
            f"value of gene {first['identity']!r}; {len(again)} rows repeat a model "
            "and a gene. Keep one profile of each model."
        )
        raise InputError(msg)
    values = np.full(len(profiles) * len(genes), np.nan, dtype=np.float32)
    values[cell] = rows["value"].to_numpy(dtype=np.float32)
    names = rows.groupby(gene)["gene"].first()
    return pd.DataFrame(
        values.reshape(len(profiles), len(genes)),
        index=pd.Index([name.split("|")[0] for name in profiles], dtype=object),
        columns=pd.Index(names.reindex(range(len(genes))), dtype=object),
    )
