"""Protein-protein interactions in the link files of STRING."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterable
from typing import IO

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._text import open_text
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["read_string_links"]

_LINKS = "a file of STRING links (columns protein1, protein2 and combined_score)"
_NAMES = "STRING's protein.info (or protein.aliases) file of the same organism"

# The origins of an alias that is the gene's symbol, the best first. By organism: HGNC
# names human genes, MGI those of the mouse, RGD those of the rat.
_SYMBOL_SOURCES = (
    *("ensembl_hgnc_symbol", "ensembl_hgnc_approved_symbol", "ensembl_hgnc"),
    *("ensembl_mgi_symbol", "ensembl_mgi", "ensembl_rgd_symbol", "ensembl_rgd"),
    *("biomart_hugo", "ensembl_entrezgene", "uniprot_gn_name"),
    *("ensembl_uniprot_gn", "blast_uniprot_gn_name", "blast_uniprot_gn"),
    "blast_kegg_name",
)

# Column names in the releases.
_COLUMN_NAMES = {
    "protein_external_id": "string_protein_id",
    "node1_string_id": "protein1",
    "node2_string_id": "protein2",
    "node1_external_id": "protein1",
    "node2_external_id": "protein2",
}
_LINK_TYPES: dict[str, type] = {
    "protein1": str,
    "protein2": str,
    "combined_score": float,
}
_NAME_COLUMNS = {"string_protein_id", "preferred_name", "alias", "source"}
_CHUNK = 500_000
_FULL_SCALE = 1000  # maximal score in files; on the website it is 1
_LOWEST_SCORE = 150  # that STRING publishes


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
        `<organism>.protein.links.<version>.txt`, gzip-compressed or not; the detailed,
        full and physical variants are also supported.
    names : str or path
        `<organism>.protein.info.<version>.txt` or `...protein.aliases...`, which
        give the gene symbols of the proteins.
    threshold : float, default=900
        Keep links with a combined score above this, out of 1000 as in the files. If the
        scores of the file are between 0 and 1, a threshold of at most 1 is on that
        scale.
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
        If a file is empty, truncated or of another kind.
    InputError
        If `threshold` is not between 0 and 1000 or on the scale of the website, if no
        link has a score above it, no protein has a name, or all `genes` are unknown.

    Warns
    -----
    UserWarning
        If linked proteins have no name (their links are left out and counted,
        `edges.attrs["dropped"]` lists the proteins with the reason), if no edge remains
        between `genes`, or if `threshold` removes nothing.

    Notes
    -----
    STRING is licensed under CC BY 4.0; cite it in publications.

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
    if not 0 <= threshold <= _FULL_SCALE:
        msg = f"threshold={threshold!r} must lie between 0 and {_FULL_SCALE}."
        raise InputError(msg)
    symbols = _read_symbols(names)
    linked, all_kept = _read_links(links, threshold)
    named = pd.DataFrame(
        {
            "source": linked["protein1"].map(symbols),
            "target": linked["protein2"].map(symbols),
            "score": linked["combined_score"] / _FULL_SCALE,
        }
    )
    known = named["source"].notna() & named["target"].notna()
    unnamed = _list_unnamed(linked[~known], len(linked), symbols, names)
    edges = named[known & (named["source"] != named["target"])]
    notes = [_describe_unnamed(int((~known).sum()), len(linked), unnamed, names)]
    if genes is not None:
        edges, note = _choose_genes(edges, genes, symbols)
        notes.append(note)
    if threshold and all_kept and threshold < _LOWEST_SCORE:
        notes.append(
            f"threshold={threshold!r} removes no link of {links}: scores are out of "
            f"{_FULL_SCALE}, and STRING publishes those of {_LOWEST_SCORE} and more."
        )
    if any(notes):
        warnings.warn(" ".join(filter(None, notes)), stacklevel=2)
    swap = edges["source"] > edges["target"]
    edges = edges.assign(
        source=edges["source"].mask(swap, edges["target"]),
        target=edges["target"].mask(swap, edges["source"]),
    )
    best = edges.groupby(["source", "target"])["score"].max().reset_index()
    best.attrs["dropped"] = dict.fromkeys(unnamed, "no symbol")
    return best


def _choose_genes(
    edges: pd.DataFrame, genes: Iterable[str], symbols: pd.Series
) -> tuple[pd.DataFrame, str]:
    """Return the edges between some genes, and a note if there are none."""
    if isinstance(genes, str):
        msg = f"genes={genes!r} is one string; give a list of symbols."
        raise InputError(msg)
    wanted = list(genes)
    known = pd.Index(symbols.unique())
    if wanted and not known.isin(wanted).any():
        msg = (
            f"genes: {list_offenders(map(repr, wanted))} are not symbols of STRING, "
            f"which look like {list_offenders(map(repr, known[:3]))}."
        )
        raise InputError(msg)
    chosen = edges[edges["source"].isin(wanted) & edges["target"].isin(wanted)]
    note = f"No edge remains between the {len(wanted)} genes." if chosen.empty else ""
    return chosen, note


def _read_links(
    path: str | os.PathLike[str], threshold: float
) -> tuple[pd.DataFrame, bool]:
    """Read the links above a score, in chunks.

    Returns them with scores out of 1000, and whether these are all links.
    """
    with open_text(path, _LINKS) as lines:
        separator, columns = _read_header(lines, list(_LINK_TYPES), path, _LINKS)
        try:
            kept, highest, n_links = _filter_links(
                pd.read_csv(
                    lines,
                    sep=separator,
                    names=columns,
                    usecols=list(_LINK_TYPES),
                    dtype=_LINK_TYPES,
                    chunksize=_CHUNK,
                    index_col=False,
                ),
                threshold,
                path,
            )
        except InputError:
            raise
        except (ValueError, LookupError) as error:
            msg = f"{path}: {error}. {_LINKS} was expected; is it cut off?"
            raise DataFileError(msg) from error
    if kept.empty:
        msg = (
            f"None of the {n_links} links of {path} has a score above "
            f"threshold={threshold!r}, the highest is {highest:g}. Lower the threshold."
        )
        raise InputError(msg)
    return kept, len(kept) == n_links


def _filter_links(
    parts: Iterable[pd.DataFrame], threshold: float, path: str | os.PathLike[str]
) -> tuple[pd.DataFrame, float, int]:
    """Return the links above a score, the highest score and the number of links."""
    kept: list[pd.DataFrame] = []
    scale, highest, n_links = 0.0, 0.0, 0
    for part in parts:
        if not scale:
            scale = _find_scale(part["combined_score"], threshold, path)
        limit = threshold / _FULL_SCALE if threshold > scale else threshold
        _refuse_foreign_links(part, scale, path)
        above = part[part["combined_score"] > limit]
        kept.append(
            above.assign(combined_score=above["combined_score"] * (_FULL_SCALE / scale))
        )
        highest = max(highest, part["combined_score"].max())
        n_links += len(part)
    if not n_links:
        msg = f"{path} contains no link; {_LINKS} was expected. Is it cut off?"
        raise DataFileError(msg)
    return pd.concat(kept, ignore_index=True), highest, n_links


def _find_scale(
    scores: pd.Series, threshold: float, path: str | os.PathLike[str]
) -> float:
    """Return the maximal score, 1000 or 1; the threshold must be on the same scale."""
    if scores.between(0, 1, inclusive="neither").any():
        return 1.0
    if 0 < threshold <= 1:
        msg = (
            f"threshold={threshold!r}, but the scores of {path} are out of "
            f"{_FULL_SCALE}: does {threshold:g} mean {threshold * _FULL_SCALE:g}?"
        )
        raise InputError(msg)
    return float(_FULL_SCALE)


def _refuse_foreign_links(
    part: pd.DataFrame, scale: float, path: str | os.PathLike[str]
) -> None:
    """Reject rows that are not links."""
    wrong = part.isna().any(axis=1) | ~part["combined_score"].between(0, scale)
    if wrong.any():
        row = int(part.index[wrong.to_numpy()][0])
        msg = (
            f"{path}, line {row + 2}: not a link of two proteins with a score up to "
            f"{scale:g}. {_LINKS} was expected; is it cut off?"
        )
        raise DataFileError(msg)


def _read_header(
    lines: IO[str], needed: list[str], path: str | os.PathLike[str], expected: str
) -> tuple[str, list[str]]:
    """Read the header; return the separator of the other lines, and the columns.

    The header of the alias files of release 11.0 has other separators.
    """
    header = lines.readline().strip()
    if header.startswith("## "):
        separator, found = "\t", header.strip("# ").split(" ## ")
    else:
        separator = next((mark for mark in "\t,;" if mark in header), " ")
        found = header.lstrip("#").split(separator)
    columns = [name.strip(' "#') for name in found]
    columns = [_COLUMN_NAMES.get(name, name) for name in columns]
    repeated = len(set(columns)) < len(columns)
    if repeated or not set(needed) <= set(columns):
        msg = f"{path} begins with {header[:80]!r}; {expected} was expected."
        raise DataFileError(msg)
    return separator, columns


def _read_symbols(path: str | os.PathLike[str]) -> pd.Series:
    """Return the gene symbol of each protein, from an info or an aliases file."""
    with open_text(path, _NAMES) as lines:
        separator, columns = _read_header(lines, ["string_protein_id"], path, _NAMES)
        try:
            table = pd.read_csv(
                lines,
                sep=separator,
                names=columns,
                usecols=lambda name: name in _NAME_COLUMNS,
                dtype=str,
                quoting=csv.QUOTE_NONE,
                keep_default_na=False,
                index_col=False,
            )
        except (ValueError, LookupError) as error:
            msg = f"{path}: {error}. {_NAMES} was expected; is it cut off?"
            raise DataFileError(msg) from error
    table = table.set_index("string_protein_id")
    if "preferred_name" in table.columns:
        names = table["preferred_name"]
    elif {"alias", "source"} <= set(table.columns):
        names = _choose_symbols(table)
    else:
        msg = (
            f"{path} has the columns {list_offenders(map(repr, columns))}; {_NAMES} "
            "was expected."
        )
        raise DataFileError(msg)
    names = names.str.strip(' "')
    return names[names != ""].groupby(level=0).first()


def _choose_symbols(aliases: pd.DataFrame) -> pd.Series:
    """Return the aliases that are gene symbols, the best one of each protein first.

    A cell contains one source of an alias, or several in older releases.
    """
    ranks = {source: rank for rank, source in enumerate(_SYMBOL_SOURCES)}
    worst = len(ranks)
    of_cell = {
        cell: min((ranks.get(s, worst) for s in cell.lower().split()), default=worst)
        for cell in aliases["source"].unique()
    }
    rank = aliases["source"].map(of_cell).to_numpy()
    order = np.argsort(rank, kind="stable")
    return aliases["alias"].iloc[order[: np.count_nonzero(rank < worst)]]


def _list_unnamed(
    lost: pd.DataFrame,
    n_links: int,
    symbols: pd.Series,
    path: str | os.PathLike[str],
) -> list[str]:
    """Return linked proteins without a name; some link must have two names."""
    proteins = pd.unique(pd.concat([lost["protein1"], lost["protein2"]]))
    unnamed = [name for name in proteins if name not in symbols.index]
    if len(lost) == n_links:
        msg = (
            f"None of the {n_links} links has two named proteins: {path} lacks "
            f"{list_offenders(map(repr, unnamed))}. {_NAMES} was expected."
        )
        raise InputError(msg)
    return unnamed


def _describe_unnamed(
    n_lost: int, n_links: int, unnamed: list[str], path: str | os.PathLike[str]
) -> str:
    """Describe how many links were left out because a protein has no name."""
    if not unnamed:
        return ""
    return (
        f"{n_lost} of {n_links} links were left out, {path} has no symbol for "
        f"{list_offenders(map(repr, unnamed))}. attrs['dropped'] lists all of these."
    )
