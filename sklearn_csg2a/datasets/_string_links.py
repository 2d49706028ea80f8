"""Protein-protein interactions in the link files of STRING."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import IO

import pandas as pd

from sklearn_csg2a.datasets._files import open_text
from sklearn_csg2a.exceptions import DataFileError, InputError, list_offenders

__all__ = ["read_string_links"]

_LINKS = "a file of STRING links (columns protein1, protein2 and combined_score)"
_NAMES = "STRING's protein.info (or protein.aliases) file of the same organism"

# The origins of an alias that is the gene's symbol, the best first.
_SYMBOL_SOURCES = ("Ensembl_HGNC_symbol", "Ensembl_HGNC", "BioMart_HUGO")
_CHUNK = 500_000


def read_string_links(
    links: str | os.PathLike[str],
    names: str | os.PathLike[str],
    *,
    threshold: float = 900,
    genes: Iterable[str] | None = None,
) -> pd.DataFrame:
    r"""Read protein-protein interactions from the files that STRING publishes.

    Parameters
    ----------
    links : str or path
        `<organism>.protein.links.<version>.txt`, packed by gzip or not; the detailed,
        full and physical variants are read too.
    names : str or path
        `<organism>.protein.info.<version>.txt` or `...protein.aliases...`, which
        give the gene symbols of the proteins.
    threshold : float, default=900
        Keep links with a combined score above this, out of 1000.
    genes : iterable of str or None, default=None
        Keep only the edges between these genes.

    Returns
    -------
    edges : DataFrame
        Undirected edges, each one once: `source`, `target` (gene symbols, `source`
        sorts first) and `score`, between 0 and 1. Where several proteins of two
        genes are linked, the highest score counts. The estimators take it as
        `interactome`.

    Raises
    ------
    DataFileError
        If a file is empty, cut off or of another kind.
    InputError
        If `threshold` is not between 0 and 1000, or no protein has a name.

    Warns
    -----
    UserWarning
        If linked proteins have no name; their links are left out and counted.

    Notes
    -----
    STRING is licensed under CC BY 4.0; name it where you publish results.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_string_links
    >>> with TemporaryDirectory() as folder:
    ...     links, names = Path(folder, "links.txt"), Path(folder, "info.txt")
    ...     _ = links.write_text("protein1 protein2 combined_score\n9.P1 9.P2 950\n")
    ...     _ = names.write_text(
    ...         "#string_protein_id\tpreferred_name\n9.P1\tTP53\n9.P2\tMDM2\n"
    ...     )
    ...     read_string_links(links, names)
      source target  score
    0   MDM2   TP53   0.95
    """
    if not 0 <= threshold <= 1000:
        msg = f"threshold={threshold!r} must lie between 0 and 1000."
        raise InputError(msg)
    symbols = _read_symbols(names)
    linked = _read_links(links, threshold)
    named = pd.DataFrame(
        {
            "source": linked["protein1"].map(symbols),
            "target": linked["protein2"].map(symbols),
            "score": linked["combined_score"] / 1000,
        }
    )
    known = named["source"].notna() & named["target"].notna()
    _report_unnamed(linked[~known], len(linked), symbols, names)
    edges = named[known & (named["source"] != named["target"])]
    if genes is not None:
        wanted = list(genes)
        edges = edges[edges["source"].isin(wanted) & edges["target"].isin(wanted)]
    swap = edges["source"] > edges["target"]
    edges = edges.assign(
        source=edges["source"].mask(swap, edges["target"]),
        target=edges["target"].mask(swap, edges["source"]),
    )
    return edges.groupby(["source", "target"])["score"].max().reset_index()


def _read_links(path: str | os.PathLike[str], threshold: float) -> pd.DataFrame:
    """Read the links above a score, a part of the file at a time."""
    columns = ["protein1", "protein2", "combined_score"]
    with open_text(path, _LINKS) as lines:
        separator = _check_header(lines, columns, path, _LINKS)
        try:
            kept = [
                _choose(part, threshold, path)
                for part in pd.read_csv(
                    lines,
                    sep=separator,
                    usecols=columns,
                    dtype={"combined_score": "float64"},
                    chunksize=_CHUNK,
                )
            ]
        except ValueError as error:
            msg = f"{path}: {error}. {_LINKS} was expected; is it cut off?"
            raise DataFileError(msg) from error
    return pd.concat(kept, ignore_index=True)


def _choose(
    part: pd.DataFrame, threshold: float, path: str | os.PathLike[str]
) -> pd.DataFrame:
    """Return the links above a score; refuse what is no link."""
    wrong = part.isna().any(axis=1) | ~part["combined_score"].between(0, 1000)
    if wrong.any():
        row = int(part.index[wrong.to_numpy()][0])
        msg = (
            f"{path}, line {row + 2}: no link of two proteins with a score up to 1000. "
            f"{_LINKS} was expected; is it cut off?"
        )
        raise DataFileError(msg)
    return part[part["combined_score"] > threshold]


def _check_header(
    lines: IO[str], columns: list[str], path: str | os.PathLike[str], expected: str
) -> str:
    """Check the names in the first line, go back to it, return the separator."""
    header = lines.readline()
    lines.seek(0)
    separator = "\t" if "\t" in header else " "
    found = header.strip().lstrip("#").split(separator)
    if not set(columns) <= set(found):
        msg = f"{path} begins with {header.strip()[:80]!r}; {expected} was expected."
        raise DataFileError(msg)
    return separator


def _read_symbols(path: str | os.PathLike[str]) -> pd.Series:
    """Return the gene symbol of each protein, from an info or an aliases file."""
    with open_text(path, _NAMES) as lines:
        _check_header(lines, ["string_protein_id"], path, _NAMES)
        try:
            table = pd.read_csv(
                lines, sep="\t", dtype=str, quoting=3, keep_default_na=False
            )
        except ValueError as error:
            msg = f"{path}: {error}. {_NAMES} was expected; is it cut off?"
            raise DataFileError(msg) from error
    table.columns = [str(name).lstrip("#") for name in table.columns]
    table = table.set_index("string_protein_id")
    if "preferred_name" in table.columns:
        return table["preferred_name"].groupby(level=0).first()
    if {"alias", "source"} <= set(table.columns):
        rank = table["source"].map({s: i for i, s in enumerate(_SYMBOL_SOURCES)})
        ranked = table.assign(rank=rank.to_numpy())[rank.notna().to_numpy()]
        best = ranked.sort_values("rank", kind="stable")
        return best["alias"].groupby(level=0).first()
    msg = (
        f"{path} has the columns {list_offenders(map(repr, table.columns))}; {_NAMES} "
        "was expected."
    )
    raise DataFileError(msg)


def _report_unnamed(
    lost: pd.DataFrame,
    n_links: int,
    symbols: pd.Series,
    path: str | os.PathLike[str],
) -> None:
    """Say how many links were left out because a protein has no name."""
    if lost.empty:
        return
    proteins = pd.unique(pd.concat([lost["protein1"], lost["protein2"]]))
    unnamed = [repr(name) for name in proteins if name not in symbols.index]
    if len(lost) == n_links:
        msg = (
            f"None of the {n_links} links has two named proteins: {path} lacks "
            f"{list_offenders(unnamed)}. {_NAMES} was expected."
        )
        raise InputError(msg)
    warnings.warn(
        f"{len(lost)} of {n_links} links were left out, {path} has no symbol for "
        f"{list_offenders(unnamed)}.",
        stacklevel=3,
    )
