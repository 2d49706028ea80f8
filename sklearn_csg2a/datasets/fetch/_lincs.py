"""L1000 profiles of GSE92742: download and pairing with controls."""

from __future__ import annotations

import gzip
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets._home import (
    DataNotFoundError,
    check_profiles,
    find_home,
    read_arrays,
    read_table,
)
from sklearn_csg2a.datasets.fetch._download import download, unpack
from sklearn_csg2a.datasets.fetch._terms import show_terms
from sklearn_csg2a.datasets.pairing._pair import pair_with_controls
from sklearn_csg2a.datasets.readers._gctx import iter_gctx, read_gctx_metadata
from sklearn_csg2a.datasets.readers._text import open_text
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["fetch_lincs"]

_LOGGER = logging.getLogger("sklearn_csg2a")

GEO_ADDRESS = "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE92nnn/GSE92742/suppl"
FOLDER = "lincs_gse92742"
CHECKSUMS = "GSE92742_SHA512SUMS.txt.gz"
MATRIX = "GSE92742_Broad_LINCS_Level3_INF_mlr12k_n1319138x12328.gctx.gz"
TABLES = {
    "profiles": "GSE92742_Broad_LINCS_inst_info.txt.gz",
    "genes": "GSE92742_Broad_LINCS_gene_info.txt.gz",
    "compounds": "GSE92742_Broad_LINCS_pert_info.txt.gz",
}
_COLUMNS = {
    "profiles": [
        "inst_id",
        "rna_plate",
        "pert_id",
        "pert_type",
        "pert_dose",
        "pert_dose_unit",
        "pert_time",
        "pert_time_unit",
        "cell_id",
    ],
    "genes": ["pr_gene_id", "pr_gene_symbol", "pr_is_lm"],
    "compounds": ["pert_id", "canonical_smiles"],
}

DESCR = """\
LINCS L1000, phase I (GSE92742), level 3 expression after treatment
-------------------------------------------------------------------
{n_rows} treatments and {n_controls} controls, {n_genes} landmark genes, float32. The
replicates of a treatment in its batch (a plate's name without the replicate) are
averaged, and so are the DMSO wells of the batch: `cell_line` in `X` names a control
(a row of `expression`) and `cell` names the cell line. `dropped` lists the treated
wells that were left out.

Terms: CC BY 4.0. Treated and control profiles correlate whatever the compound: judge
a model on the change from control, against "no change" and "mean change".
"""


def fetch_lincs(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    keep_files: bool = True,
    url: str = GEO_ADDRESS,
) -> Bunch:
    """Download the L1000 profiles of GSE92742, or load them if present.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that contains `lincs_gse92742/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.
    download_if_missing : bool, default=True
        False raises an error if the profiles are missing.
    keep_files : bool, default=True
        Keep the downloaded files. False deletes them after the tables are written,
        which frees more than 100 GB.
    url : str, default="https://ftp.ncbi.nlm.nih.gov/geo/series/GSE92nnn/GSE92742/suppl"
        Address that the files' names are added to, for a mirror.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per treatment: `cell_line` (id of the control, a row
          of `expression`), `smiles`, `dose` (uM), `time` (h), `cell`, `batch`,
          `compound`, `n_replicates`.
        - `Y`: DataFrame (treatments, genes), float32, expression after treatment.
        - `expression`: DataFrame (controls, genes), float32.
        - `controls`: DataFrame, `cell`, `batch` and `n_wells` of each, same index.
        - `dropped`: DataFrame, `compound` and `reason` of each treated well left out.
        - `DESCR`: str, origin and terms.

    Raises
    ------
    DataNotFoundError
        If the profiles are missing and may not be downloaded.
    DataFileError
        If the server does not have a file, or its checksum is wrong.
    ConnectionError
        If the network fails repeatedly. The downloaded part is kept.
    MissingDependencyError
        If h5py is not installed.

    Notes
    -----
    The download is about 49 GB, plus 65 GB decompressed, and is resumed after an
    interruption. The resulting tables take less than 1 GB on disk and in memory.
    Progress is shown on stderr.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import fetch_lincs
    >>> data = fetch_lincs(data_home="~/data")  # doctest: +SKIP
    """
    folder = find_home(data_home) / FOLDER
    if not (folder / "profiles.npz").is_file():
        if not download_if_missing:
            msg = (
                f"{folder / 'profiles.npz'} is missing; download_if_missing=True "
                "fetches it."
            )
            raise DataNotFoundError(msg)
        raw = folder / "raw"
        show_terms("load_lincs", url, "LINCS L1000, GSE92742 (49 GB)")
        files = _fetch_files(raw, url)
        _save(_pair(files), folder)
        if not keep_files:
            shutil.rmtree(raw)
    return _load(folder)


def _fetch_files(raw: Path, url: str) -> dict[str, Path]:
    """Download and verify the published files, decompress the matrix."""
    base = url.rstrip("/")
    sums = _read_checksums(download(f"{base}/{CHECKSUMS}", raw / CHECKSUMS))
    files = {}
    for key, name in {**TABLES, "matrix": MATRIX}.items():
        if name not in sums:
            _LOGGER.warning("%s has no published checksum and is not checked", name)
        files[key] = download(f"{base}/{name}", raw / name, sha512=sums.get(name))
    matrix = files["matrix"]
    return {**files, "matrix": unpack(matrix, matrix.with_suffix(""))}


def _read_checksums(path: Path) -> dict[str, str]:
    """Read lines of a checksum and a file name."""
    sums = {}
    with open_text(path, "a list of SHA-512 checksums") as lines:
        for line in lines:
            checksum, _, name = line.strip().partition(" ")
            if name and len(checksum) == 128:
                sums[Path(name.strip().lstrip("*")).name] = checksum.lower()
    if not sums:
        msg = f"{path} is not a list of SHA-512 checksums. Delete it and call again."
        raise DataFileError(msg)
    return sums


def _read_info(files: dict[str, Path], key: str) -> pd.DataFrame:
    """Read one of the tables that describe the matrix."""
    path = files[key]
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        header = lines.readline().rstrip("\n").split("\t")
    absent = [column for column in _COLUMNS[key] if column not in header]
    if absent:
        msg = f"{path} lacks the columns {list_offenders(map(repr, absent))}."
        raise DataFileError(msg)
    return pd.read_csv(
        path,
        sep="\t",
        usecols=_COLUMNS[key],
        dtype=dict.fromkeys(_COLUMNS[key], "category") | {"inst_id": str},
        keep_default_na=False,
        quoting=3,
    )


def _pair(files: dict[str, Path]) -> Bunch:
    """Average treatments and controls by batch, for landmark genes."""
    known = read_gctx_metadata(files["matrix"])
    genes = _read_info(files, "genes").astype(str)
    landmark = genes[genes["pr_is_lm"] == "1"].set_index("pr_gene_id")["pr_gene_symbol"]
    wells = _read_info(files, "profiles").set_index("inst_id")
    wells = wells[wells["pert_type"].isin(["trt_cp", "ctl_vehicle"]).to_numpy()]
    chosen = known.profiles.index[known.profiles.index.isin(wells.index)]
    if chosen.empty or landmark.empty:
        msg = (
            f"{files['profiles']} and {files['genes']} describe no well and landmark "
            f"gene of {files['matrix']}. Are they of one release?"
        )
        raise InputError(msg)
    plates = wells["rna_plate"].astype(str)
    wells = wells.assign(batch=plates.str.replace(r"_X\d.*$", "", regex=True))
    compounds = _read_info(files, "compounds").astype(str)
    compounds = compounds.drop_duplicates("pert_id").set_index("pert_id")
    blocks = iter_gctx(
        files["matrix"],
        genes=landmark.index,
        profiles=chosen,
    )
    return pair_with_controls(
        (block.set_axis(pd.Index(landmark), axis=1) for block in blocks),
        wells,
        batch="batch",
        treated=("pert_type", "trt_cp"),
        replicates="mean",
        compounds=compounds["canonical_smiles"],
    )


def _save(data: Bunch, folder: Path) -> None:
    """Write the paired tables; the file that marks them as complete comes last."""
    for name, table, with_index in (
        ("treatments.csv.gz", data.X, False),
        ("controls.csv.gz", data.controls, True),
        ("dropped.csv.gz", data.dropped, True),
    ):
        with replacing(folder / name) as part:
            table.to_csv(part, index=with_index)
    with replacing(folder / "profiles.npz") as part:
        np.savez(
            part,
            perturbed=data.Y.to_numpy(),
            control=data.expression.to_numpy(),
            genes=data.Y.columns.to_numpy().astype("U"),
        )


def _load(folder: Path) -> Bunch:
    """Read tables written by `_save`."""
    text = ["cell_line", "cell", "batch", "compound"]
    X = read_table(folder, "treatments.csv.gz", ["cell_line", "smiles"], text=text)
    controls = read_table(folder, "controls.csv.gz", ["cell_line", "cell"], text=text)
    of_dropped = ["profile", "compound", "reason"]
    dropped = read_table(folder, "dropped.csv.gz", of_dropped, text=of_dropped)
    arrays = read_arrays(folder, "profiles.npz", ["perturbed", "control", "genes"])
    check_profiles(arrays, f"{folder}/profiles.npz")
    controls = controls.set_index("cell_line")
    genes = pd.Index(arrays["genes"].astype(str))
    if len(X) != len(arrays["perturbed"]) or len(controls) != len(arrays["control"]):
        msg = f"The files of {folder} do not fit together. Delete it and call again."
        raise DataFileError(msg)
    return Bunch(
        X=X,
        Y=pd.DataFrame(arrays["perturbed"], columns=genes, copy=False),
        expression=pd.DataFrame(
            arrays["control"], index=controls.index, columns=genes, copy=False
        ),
        controls=controls,
        dropped=dropped.set_index("profile"),
        DESCR=DESCR.format(
            n_rows=f"{len(X):,}", n_controls=len(controls), n_genes=len(genes)
        ),
    )
