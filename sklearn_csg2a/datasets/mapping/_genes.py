"""Mapping of gene ids, such as those of Ensembl, to symbols."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._expression_tables import (
    Join,
    LeftOut,
    check_join,
    join_repeated,
)
from sklearn_csg2a.datasets.readers._text_tables import (
    find_column,
    plain_column,
    read_text_table,
)
from sklearn_csg2a.exceptions import GeneMismatchError, InputError

__all__ = ["map_genes"]

GeneTable = pd.DataFrame | pd.Series | Mapping[Any, str] | str | os.PathLike[str]

_EXPECTED = (
    "a table of genes with a column of ids and one of symbols: HGNC's complete set, "
    "gene_identifiers of the Cell Model Passports, DepMap's Gene.csv, an export of "
    "BioMart, or one made of GENCODE"
)
_SYMBOLS = (
    *("symbol", "hgncsymbol", "approvedsymbol", "genesymbol", "hugosymbol"),
    *("genename", "externalgenename", "cosmicgenesymbol", "preferredname"),
)
# Numeric ids are recognised by the column name, other ids by their form.
_NUMBERS = (
    *("entrezid", "entrezgeneid", "entrez", "ncbigeneid", "ncbigene"),
    *("ncbigeneformerlyentrezgeneid", "ncbigeneidsuppliedbyncbi", "ncbientrezid"),
)
_ID = re.compile(r"(?P<id>ENS[A-Z]*G\d{3,}|SIDG\d+|HGNC:\d+)(\.\d+)?(?P<par>_PAR_Y)?")
_OLD_PAR = re.compile(r"ENSGR(?P<digits>\d+)(\.\d+)?")
_WHOLE_FLOAT = re.compile(r"(\d+)\.0+")


def map_genes(
    genes: pd.DataFrame | Iterable[Any],
    table: GeneTable,
    *,
    duplicates: Join = "error",
    unmapped: Literal["drop", "keep", "raise"] = "drop",
) -> pd.DataFrame | pd.Series:
    """Replace gene ids of Ensembl and other sources by symbols.

    Parameters
    ----------
    genes : DataFrame of shape (n_cells, n_genes), or iterable of n_genes ids
        Expression whose columns are ids, or the ids alone: Ensembl's, with version
        (ENSG00000141510.17) or without, those of Entrez, HGNC or the Cell Model
        Passports. Names that are already symbols of `table` are kept.
    table : DataFrame, path, mapping or Series
        Ids and symbols: HGNC's complete set, `gene_identifiers` of the Cell Model
        Passports, DepMap's `Gene.csv`, an export of BioMart, two columns made of
        GENCODE; or symbols by id.
    duplicates : {"error", "mean", "drop"}, default="error"
        What to do with a symbol shared by several ids. Lists of ids keep all of them.
    unmapped : {"drop", "keep", "raise"}, default="drop"
        What to do with ids that have no symbol, or several: leave them out (NaN in a
        list), keep the id, or raise an error.

    Returns
    -------
    named : DataFrame of shape (n_cells, n_symbols), or Series of n_genes symbols
        Expression with symbols as columns; `attrs["dropped"]` lists what was left out
        and why. For a list of ids the symbols, indexed by the ids.

    Raises
    ------
    GeneMismatchError
        If no id has a symbol, or some have none and `unmapped="raise"`.
    InputError
        If a symbol is repeated and `duplicates="error"`, or `table` has no ids or no
        symbols.

    Warns
    -----
    UserWarning
        If genes were left out, including the copies on chromosome Y of genes on X
        (ENSG00000182378.15_PAR_Y).

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.datasets import map_genes
    >>> expression = pd.DataFrame(
    ...     {"ENSG00000141510.17": [3.5], "ENSG00000146648.18": [0.5]}, index=["A375"]
    ... )
    >>> table = {"ENSG00000141510": "TP53", "ENSG00000146648": "EGFR"}
    >>> map_genes(expression, table)
          TP53  EGFR
    A375   3.5   0.5
    """
    check_join("duplicates", duplicates)
    if unmapped not in ("drop", "keep", "raise"):
        msg = f"unmapped={unmapped!r} is unknown; choose one of drop, keep, raise."
        raise InputError(msg)
    if isinstance(genes, str):
        msg = f"genes={genes!r} is one string; give a list of ids."
        raise InputError(msg)
    is_table = isinstance(genes, pd.DataFrame)
    ids = list(genes.columns if isinstance(genes, pd.DataFrame) else genes)
    names, reasons = _find_symbols(ids, table)
    if unmapped == "raise" and reasons:
        msg = f"{len(reasons)} of {len(ids)} genes: {_describe(reasons)}."
        raise GeneMismatchError(msg)
    if unmapped == "keep":
        names = [
            str(name) if symbol is None else symbol
            for name, symbol in zip(ids, names, strict=True)
        ]
        reasons = {}
    left_out = LeftOut("genes" if not is_table else "expression")
    for reason in dict.fromkeys(reasons.values()):
        left_out.add([n for n in reasons if reasons[n] == reason], "genes", reason)
    if not isinstance(genes, pd.DataFrame):
        left_out.warn(2)
        symbols = [np.nan if name is None else name for name in names]
        return pd.Series(symbols, index=pd.Index(ids), name="symbol", dtype=object)
    named = _rename(genes, ids, names, duplicates, left_out)
    left_out.warn(2)
    named.attrs["dropped"] = genes.attrs.get("dropped", {}) | left_out.reasons
    return named


def _rename(
    expression: pd.DataFrame,
    ids: list[Any],
    names: list[str | None],
    duplicates: str,
    left_out: LeftOut,
) -> pd.DataFrame:
    """Return expression with symbols as columns, without unmapped genes."""
    keys = [_spell(name) for name in ids]
    on_x = {key for key, is_copy in keys if not is_copy}
    copies = [at for at, (key, is_copy) in enumerate(keys) if is_copy and key in on_x]
    left_out.add([str(ids[at]) for at in copies], "genes", "copies on chromosome Y")
    lost = {at for at, name in enumerate(names) if name is None} | set(copies)
    kept = [at for at in range(len(ids)) if at not in lost]
    named = expression.iloc[:, kept]
    columns = pd.Index([names[at] for at in kept], name=expression.columns.name)
    named = named.set_axis(columns, axis="columns")
    if not columns.has_duplicates:
        return named
    return join_repeated(
        named.T,
        duplicates,
        what="gene symbols",
        parameter="duplicates",
        left_out=left_out,
    ).T


def _find_symbols(
    ids: list[Any], table: GeneTable
) -> tuple[list[str | None], dict[str, str]]:
    """Return the symbol of each id, or None and the reason."""
    symbols = _read_symbols(table)
    known = {symbol for found in symbols.values() for symbol in found}
    names: list[str | None] = []
    reasons: dict[str, str] = {}
    for name in ids:
        found = symbols.get(_spell(name)[0], [])
        if not found and str(name).strip() in known:
            found = [str(name).strip()]
        names.append(found[0] if len(found) == 1 else None)
        if len(found) != 1:
            reasons[str(name)] = "several symbols" if found else "no symbol"
    if ids and not any(names):
        msg = (
            f"None of the {len(ids)} genes, such as "
            f"{list_offenders(map(repr, map(str, ids[:3])))}, has a symbol in the "
            f"table; its ids look like {list_offenders(map(repr, [*symbols][:3]))}."
        )
        raise GeneMismatchError(msg)
    return names, reasons


def _describe(reasons: dict[str, str]) -> str:
    return list_offenders(f"{name!r} ({reason})" for name, reason in reasons.items())


def _spell(name: Any) -> tuple[str, bool]:
    """Return an id without version, and whether it is the copy on chromosome Y."""
    text = str(name).strip()
    old = _OLD_PAR.fullmatch(text.upper())
    if old is not None:
        return f"ENSG0{old['digits']}", True
    parts = _ID.fullmatch(text.upper())
    if parts is not None:
        return parts["id"], parts["par"] is not None
    whole = _WHOLE_FLOAT.fullmatch(text)
    return (whole[1] if whole else text), False


def _read_symbols(table: GeneTable) -> dict[str, list[str]]:
    """Return the symbols by each id that a table has."""
    if isinstance(table, str | os.PathLike):
        source = str(table)
        table = _with_header(read_text_table(table, _EXPECTED))
    else:
        source = "table"
    if isinstance(table, Mapping | pd.Series):
        series = pd.Series(table, dtype=object)
        pairs = [(pd.Series(series.index), series.reset_index(drop=True))]
    elif isinstance(table, pd.DataFrame):
        pairs = _pairs(table, source)
    else:
        msg = f"table must be {_EXPECTED}, not {type(table).__name__}."
        raise InputError(msg)
    symbols: dict[str, list[str]] = {}
    for ids, names in pairs:
        for key, name in zip(ids.astype(object), names.astype(object), strict=True):
            if pd.isna(key) or pd.isna(name) or not str(name).strip():
                continue
            found = symbols.setdefault(_spell(key)[0], [])
            if str(name).strip() not in found:
                found.append(str(name).strip())
    return symbols


def _with_header(table: pd.DataFrame) -> pd.DataFrame:
    """Name the columns of a file without header."""
    header = [str(name) for name in table.columns]
    if not any(_ID.fullmatch(name.upper()) for name in header):
        return table
    rows = pd.DataFrame([header, *table.to_numpy(dtype=object).tolist()])
    is_id = [bool(_ID.fullmatch(name.upper())) for name in header]
    rows.columns = pd.Index(["id" if known else "symbol" for known in is_id])
    return rows.loc[:, ~rows.columns.duplicated()]


def _pairs(table: pd.DataFrame, source: str) -> list[tuple[pd.Series, pd.Series]]:
    """Return each column of ids with the column of symbols."""
    table = table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
    symbol = find_column(table, _SYMBOLS)
    ids = [
        table[column]
        for column in table.columns[~table.columns.duplicated()]
        if column != symbol and _holds_ids(table[column])
    ]
    if symbol is None or not ids:
        what = "symbols" if symbol is None else "ids"
        msg = (
            f"{source} has no column of {what}, only "
            f"{list_offenders(map(repr, table.columns), limit=10)}; {_EXPECTED} was "
            "expected."
        )
        raise InputError(msg)
    return [(column, table[symbol]) for column in ids]


def _holds_ids(column: pd.Series) -> bool:
    """Tell whether a column contains gene ids, by its name or first values."""
    if plain_column(column.name) in _NUMBERS:
        return True
    first = column.dropna().astype(str).head(50).str.strip().str.upper()
    return bool(len(first) and first.str.fullmatch(_ID).mean() > 0.5)
