"""Public tables of some megabytes: STRING, MSigDB, the Drug Repurposing Hub."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets._choices import check_choice
from sklearn_csg2a.datasets._home import DataNotFoundError, find_home
from sklearn_csg2a.datasets.fetch._download import download
from sklearn_csg2a.datasets.fetch._terms import show_terms
from sklearn_csg2a.datasets.readers._gmt import read_gmt
from sklearn_csg2a.datasets.readers._string import read_string_links
from sklearn_csg2a.datasets.readers._text import open_text
from sklearn_csg2a.datasets.screens._interactome import (
    GENE_SETS,
    INTERACTOMES,
    load_gene_sets,
    load_interactome,
)
from sklearn_csg2a.datasets.screens._side_information import load_repurposing_hub
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["fetch_gene_sets", "fetch_interactome", "fetch_repurposing_hub"]

STRING_ADDRESS = "https://stringdb-downloads.org/download"
STRING_LINKS = "protein.links.v12.0/9606.protein.links.v12.0.txt.gz"
STRING_NAMES = "protein.info.v12.0/9606.protein.info.v12.0.txt.gz"
MSIGDB_ADDRESS = "https://data.broadinstitute.org/gsea-msigdb/msigdb/release"
MSIGDB_FILES = {
    "hallmark": "7.5.1/h.all.v7.5.1.symbols.gmt",
    "pid": "2023.1.Hs/c2.cp.pid.v2023.1.Hs.symbols.gmt",
    "reactome": "7.2/c2.cp.reactome.v7.2.symbols.gmt",
    "wikipathways_2023": "2023.1.Hs/c2.cp.wikipathways.v2023.1.Hs.symbols.gmt",
}
HUB_ADDRESS = "https://s3.amazonaws.com/data.clue.io/repurposing/downloads"
# With the checksums that github broadinstitute/lincs-cell-painting lists.
HUB_DRUGS = ("repurposing_drugs_20200324.txt", "b4b3233dad28d20a522c0200cc4123d1")
HUB_SAMPLES = ("repurposing_samples_20200324.txt", "44067d6ea0e63c70f51e0469d60232ec")
_OF_DRUGS = ["pert_iname", "clinical_phase", "moa", "target", "disease_area"]
_OF_SAMPLES = ["pert_iname", "smiles"]

Fetched = Literal["hallmark", "pid", "reactome", "wikipathways_2023"]


def fetch_interactome(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    url: str = STRING_ADDRESS,
) -> pd.DataFrame:
    """Download the interactions of STRING 12, or load them if present.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that contains `interactome/`, as :func:`load_interactome` reads it. None
        uses the environment variable SKLEARN_CSG2A_DATA.
    download_if_missing : bool, default=True
        False raises an error if the file is missing.
    url : str, default="https://stringdb-downloads.org/download"
        Address that the files' names are added to, for a mirror.

    Returns
    -------
    edges : DataFrame
        As :func:`load_interactome` returns it: interactions with a combined score
        above 900, `source` and `target`.

    Raises
    ------
    DataNotFoundError
        If the file is missing and may not be downloaded.
    DataFileError
        If the server does not have a file, or it is damaged.
    ConnectionError
        If the network fails repeatedly. The downloaded part is kept.

    Notes
    -----
    The download is about 85 MB, which are deleted when the table is written. STRING
    publishes no checksums. Its terms are CC BY 4.0.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import fetch_interactome
    >>> edges = fetch_interactome(data_home="~/data")  # doctest: +SKIP
    """

    def _assemble(raw: Path, target: Path) -> None:
        files = [
            download(f"{url.rstrip('/')}/{name}", raw / Path(name).name)
            for name in (STRING_LINKS, STRING_NAMES)
        ]
        edges = read_string_links(files[0], files[1], threshold=900)
        edges[["source", "target"]].to_csv(target, index=False, compression="gzip")

    _provide(
        data_home,
        INTERACTOMES["v12"],
        _assemble,
        terms=('load_interactome("v12")', url),
        allowed=download_if_missing,
    )
    return load_interactome(data_home=data_home)


def fetch_gene_sets(
    name: Fetched,
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    url: str = MSIGDB_ADDRESS,
) -> dict[str, list[str]]:
    """Download a collection of gene sets from MSigDB, or load it if present.

    Parameters
    ----------
    name : {"hallmark", "pid", "reactome", "wikipathways_2023"}
        The collection.
    data_home : str, path or None, default=None
        Folder that contains `gene_sets/`, as :func:`load_gene_sets` reads it. None
        uses the environment variable SKLEARN_CSG2A_DATA.
    download_if_missing : bool, default=True
        False raises an error if the file is missing.
    url : str, default="https://data.broadinstitute.org/gsea-msigdb/msigdb/release"
        Address that the files' names are added to, for a mirror.

    Returns
    -------
    gene_sets : dict of str to list of str
        Genes by name of the set, both in the order of the file.

    Raises
    ------
    DataNotFoundError
        If the file is missing and may not be downloaded.
    DataFileError
        If the server does not have the file, or it is damaged.
    InputError
        If the collection is unknown.
    ConnectionError
        If the network fails repeatedly.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import fetch_gene_sets
    >>> gene_sets = fetch_gene_sets("hallmark", data_home="~/data")  # doctest: +SKIP
    """
    check_choice("name", name, get_args(Fetched))

    def _assemble(raw: Path, target: Path) -> None:
        path = MSIGDB_FILES[name]
        file = download(f"{url.rstrip('/')}/{path}", raw / Path(path).name)
        gene_sets = read_gmt(file)
        lines = ("\t".join([key, "", *genes]) for key, genes in gene_sets.items())
        with gzip.open(target, "wt", encoding="utf-8") as packed:
            packed.writelines(f"{line}\n" for line in lines)

    _provide(
        data_home,
        GENE_SETS[name],
        _assemble,
        terms=(f'load_gene_sets("{name}")', url),
        allowed=download_if_missing,
    )
    return load_gene_sets(name, data_home=data_home)


def fetch_repurposing_hub(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    url: str = HUB_ADDRESS,
) -> Bunch:
    """Download the Drug Repurposing Hub of 2020-03-24, or load it if present.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that contains `repurposing_hub/`, as :func:`load_repurposing_hub` reads
        it. None uses the environment variable SKLEARN_CSG2A_DATA.
    download_if_missing : bool, default=True
        False raises an error if the file is missing.
    url : str, default="https://s3.amazonaws.com/data.clue.io/repurposing/downloads"
        Address that the files' names are added to, for a mirror.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As :func:`load_repurposing_hub` returns it.

    Raises
    ------
    DataNotFoundError
        If the file is missing and may not be downloaded.
    DataFileError
        If the server does not have a file, its checksum is wrong, or it lacks a column.
    ConnectionError
        If the network fails repeatedly. The downloaded part is kept.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import fetch_repurposing_hub
    >>> hub = fetch_repurposing_hub(data_home="~/data")  # doctest: +SKIP
    """

    def _assemble(raw: Path, target: Path) -> None:
        drugs, samples = (
            _read_hub(
                download(f"{url.rstrip('/')}/{name}", raw / name, md5=checksum), columns
            )
            for (name, checksum), columns in (
                (HUB_DRUGS, _OF_DRUGS),
                (HUB_SAMPLES, _OF_SAMPLES),
            )
        )
        known = samples.dropna(subset="smiles").groupby("pert_iname", sort=False)
        of_drug = known["smiles"].agg(["first", "nunique"])
        table = drugs.rename(columns={"pert_iname": "drug"})
        table.insert(1, "smiles", table["drug"].map(of_drug["first"]))
        number = table["drug"].map(of_drug["nunique"]).fillna(0).astype(int)
        table.insert(2, "n_structures", number)
        table.to_csv(target, index=False, compression="gzip")

    _provide(
        data_home,
        "repurposing_hub/compounds.csv.gz",
        _assemble,
        terms=("load_repurposing_hub", url),
        allowed=download_if_missing,
    )
    return load_repurposing_hub(data_home=data_home)


def _provide(
    data_home: str | os.PathLike[str] | None,
    name: str,
    assemble: Callable[[Path, Path], None],
    *,
    terms: tuple[str, str],
    allowed: bool,
) -> None:
    """Write a file of the data folder from downloaded ones, unless it is there."""
    path = find_home(data_home) / name
    if path.is_file():
        return
    if not allowed:
        msg = f"{path} is missing; download_if_missing=True fetches it."
        raise DataNotFoundError(msg)
    show_terms(*terms)
    raw = path.parent / "raw" / path.name
    with replacing(path) as part:
        assemble(raw, part)
    shutil.rmtree(raw)
    with contextlib.suppress(OSError):  # others are still there
        raw.parent.rmdir()


def _read_hub(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read columns of a table of the hub, below lines that begin with '!'."""
    with open_text(path, "a table of the Drug Repurposing Hub") as lines:
        text = [line for line in lines if not line.startswith("!")]
    table = pd.read_csv(io.StringIO("".join(text)), sep="\t", dtype=str, quoting=3)
    absent = [column for column in columns if column not in table.columns]
    if absent:
        msg = (
            f"{path} lacks the columns {list_offenders(map(repr, absent))}. Delete it "
            "and call again."
        )
        raise DataFileError(msg)
    return table[columns].apply(lambda column: column.str.strip('" '))
