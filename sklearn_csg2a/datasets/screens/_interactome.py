"""Protein-protein interactions and gene sets."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

import pandas as pd

from sklearn_csg2a.datasets._choices import check_choice
from sklearn_csg2a.datasets._home import find_file, read_table
from sklearn_csg2a.datasets.readers._gmt import read_gmt

__all__ = ["load_gene_sets", "load_interactome"]

INTERACTOMES = {
    "v12": "interactome/string_v12_900.csv.gz",
    "v11_census": "interactome/string_v11_900_census.csv",
}
GENE_SETS = {
    "hallmark": "gene_sets/hallmark_7.5.1.gmt.gz",
    "pid": "gene_sets/pid_2023.gmt.gz",
    "reactome": "gene_sets/reactome_7.2.gmt.gz",
    "wikipathways_2020": "gene_sets/wikipathways_2020.gmt.gz",
    "wikipathways_2023": "gene_sets/wikipathways_2023.gmt.gz",
}


GeneSets = Literal[
    "hallmark", "pid", "reactome", "wikipathways_2020", "wikipathways_2023"
]


def load_interactome(
    *,
    data_home: str | os.PathLike[str] | None = None,
    version: Literal["v12", "v11_census"] = "v12",
    genes: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Load protein-protein interactions of STRING with a score above 900.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `interactome/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.
    version : {"v12", "v11_census"}, default="v12"
        `"v12"`: STRING 12, all human genes, 57,260 edges. `"v11_census"`: STRING
        11 between the 706 census genes of GDSC2, 3,442 edges.
    genes : iterable of str or None, default=None
        Keep only the edges between these genes.

    Returns
    -------
    edges : DataFrame
        Undirected edges, each one once: `source` and `target`.

    Raises
    ------
    DataNotFoundError
        If the file is missing (a FileNotFoundError).
    InputError
        If the version is unknown.

    Notes
    -----
    Between the 706 census genes of GDSC2 version 11 covers more: 3,442 edges that
    touch 528 genes, against 1,827 edges and 464 genes in version 12. Between the
    978 landmark genes of L1000 there is version 12 alone.

    Both are licensed under CC BY 4.0; name STRING where you publish results.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_interactome
    >>> load_interactome(version="v13")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.exceptions.InputError: version='v13' is unknown...
    """
    check_choice("version", version, INTERACTOMES)
    ends = ["source", "target"]
    edges = read_table(data_home, INTERACTOMES[version], ends, text=ends)[ends]
    if genes is None:
        return edges
    selected = set(genes)
    between = edges["source"].isin(selected) & edges["target"].isin(selected)
    return edges[between].reset_index(drop=True)


def load_gene_sets(
    name: GeneSets, *, data_home: str | os.PathLike[str] | None = None
) -> dict[str, list[str]]:
    """Load a collection of gene sets.

    Parameters
    ----------
    name : {"hallmark", "pid", "reactome", "wikipathways_2020", "wikipathways_2023"}
        The collection.
    data_home : str, path or None, default=None
        Folder that holds `gene_sets/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.

    Returns
    -------
    gene_sets : dict of str to list of str
        Genes by name of the set, both in the order of the file.

    Raises
    ------
    DataNotFoundError
        If the file is missing (a FileNotFoundError).
    InputError
        If the collection is unknown.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_gene_sets
    >>> load_gene_sets("kegg")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.exceptions.InputError: name='kegg' is unknown...
    """
    check_choice("name", name, GENE_SETS)
    return read_gmt(find_file(data_home, GENE_SETS[name]))
