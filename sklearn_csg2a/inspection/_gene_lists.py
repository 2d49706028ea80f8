"""Genes, ranked genes and gene sets as a user gives them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.inner_model import refuse_model
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError

__all__ = [
    "is_ranking",
    "read_background",
    "read_gene_list",
    "read_gene_scores",
    "read_gene_sets",
]


def is_ranking(genes: Any) -> bool:
    """Whether genes come with a score each: a mapping, or a Series of numbers.

    A Series of integers by integers is one of gene ids.
    """
    if not isinstance(genes, pd.Series):
        return isinstance(genes, Mapping)
    are_ids = genes.dtype.kind in "iu" and genes.index.dtype.kind in "iu"
    return pd.api.types.is_numeric_dtype(genes.dtype) and not are_ids


def read_background(background: Any) -> pd.Index:
    """Read the genes that could have been found: those of a model, or a list."""
    if _has_genes(background):
        background = background.genes_
    elif hasattr(background, "get_params"):
        expected = "a list of genes, or a fitted model with genes_"
        raise InputError(
            refuse_model(background, expected, _has_genes, name="background")
        )
    genes = pd.Index(dict.fromkeys(_read_names(background, "background")))
    if len(genes) < 2:
        raise InputError(
            f"background has {len(genes)} gene(s); expected all genes that could have "
            "been found, such as model.genes_."
        )
    return genes


def _has_genes(model: Any) -> bool:
    return hasattr(model, "genes_")


def read_gene_list(
    genes: Any, background: pd.Index, name: str, *, warn: bool = True
) -> NDArray[np.int64]:
    """Return the places of genes in the background, in ascending order."""
    if is_ranking(genes):
        raise InputError(
            f"{name} has scores; expected a list of genes or a table of pairs."
        )
    if isinstance(genes, pd.DataFrame):
        if not {"gene_i", "gene_j"} <= set(genes.columns):
            raise InputError(
                f"{name} is a table without the columns 'gene_i', 'gene_j'; expected a "
                "list of genes, scores by gene, or a table of pairs as that of "
                "top_interactions."
            )
        genes = pd.concat([genes["gene_i"], genes["gene_j"]])
    names = list(dict.fromkeys(_read_names(genes, name)))
    if not names:
        raise InputError(f"{name} is empty; expected at least one gene.")
    places = _find(names, background, name, warn=warn)
    return np.unique(places[places >= 0])


def read_gene_scores(
    scores: Any, background: pd.Index, name: str, *, warn: bool = True
) -> NDArray[np.float64]:
    """Return the score of each gene of the background; an error where one lacks."""
    if not is_ranking(scores):
        raise InputError(
            f"{name} has no score for each gene; expected a Series or a dict of scores "
            "by gene."
        )
    table = pd.Series(scores)
    names = pd.Index(_read_names(table.index, name))
    twice = names[names.duplicated()].unique()
    if len(twice):
        raise InputError(
            f"{name} has more than one score for {list_offenders(twice, repr)}."
        )
    try:
        values = table.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds what is not a number: {error}.") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        listed = list_offenders(bad, lambda i: f"{names[i]!r}: {values[i]}")
        raise InputError(f"{name} is NaN or infinite for {listed}; leave out or fill.")
    _find(list(names), background, name, warn=warn)
    found = pd.Series(values, index=names).reindex(background)
    lacking = background[found.isna()]
    if len(lacking):
        raise InputError(
            f"{name} has no score for {len(lacking)} of {len(background)} genes of the "
            f"background: {list_offenders(lacking, repr)}. Give all scores, or leave "
            "these genes out of the background."
        )
    return found.to_numpy()


def read_gene_sets(
    gene_sets: Any, background: pd.Index
) -> dict[str, NDArray[np.int64]]:
    """Return the places of the genes of each set, for sets that have any."""
    if isinstance(gene_sets, str) or not isinstance(gene_sets, Mapping | pd.Series):
        hint = f" load_gene_sets({gene_sets!r})" if isinstance(gene_sets, str) else ""
        raise InputError(
            f"gene_sets is a {type(gene_sets).__name__}; expected a dict of gene lists "
            f"by name, as those of datasets.load_gene_sets or read_gmt.{hint}"
        )
    if not len(gene_sets):
        raise InputError("gene_sets is empty; expected at least one set.")
    found, unknown = {}, []
    for name, genes in gene_sets.items():
        names = pd.Index(dict.fromkeys(_read_names(genes, f"gene_sets[{name!r}]")))
        at = background.get_indexer(names)
        unknown += names[at < 0].tolist()
        if (at >= 0).any():
            found[str(name)] = np.sort(at[at >= 0])
    if not found:
        raise InputError(
            f"No gene of {len(gene_sets)} sets is among the {len(background)} genes of "
            f"the background. Sets: {list_offenders(unknown, repr, limit=3)}; "
            f"background: {list_offenders(background, repr, limit=3)}. Are both gene "
            "symbols of one species?"
        )
    return found


def _read_names(genes: Any, name: str) -> list[str]:
    """Return genes as strings; an error where one lacks."""
    if isinstance(genes, str | bytes) or not isinstance(genes, Iterable):
        raise InputError(
            f"{name}={genes!r} is a {type(genes).__name__}; expected a list of genes."
        )
    listed = list(genes)
    missing = [i for i, gene in enumerate(listed) if pd.isna(gene)]
    if missing:
        raise InputError(
            f"{name} has no gene at {list_offenders(missing, 'position {}'.format)}; "
            "leave these out."
        )
    return [str(gene) for gene in listed]


def _find(
    names: list[str], background: pd.Index, name: str, *, warn: bool
) -> NDArray[np.int64]:
    """Return places in the background, -1 for others; an error if all are others."""
    places = background.get_indexer(pd.Index(names))
    others = [gene for gene, at in zip(names, places, strict=True) if at < 0]
    if len(others) == len(names):
        raise InputError(
            f"0 of {len(names)} genes in {name} are among the {len(background)} genes "
            f"of the background: {list_offenders(others, repr)} against "
            f"{list_offenders(background, repr, limit=3)}. Are both of one kind, such "
            "as gene symbols?"
        )
    if others and warn:
        warnings.warn(
            f"{len(others)} of {len(names)} genes in {name} are not among the "
            f"{len(background)} genes of the background and are left out: "
            f"{list_offenders(others, repr)}.",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
    return places
