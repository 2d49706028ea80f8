"""Perturbed expression of the L1000 assay."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets._home import (
    check_profiles,
    read_arrays,
    read_matrix,
    read_table,
)
from sklearn_csg2a.exceptions import InputError

__all__ = ["load_lincs"]

DESCR = """\
LINCS L1000, level 3 expression after treatment
-----------------------------------------------
{n_rows} treated wells and {n_controls} controls, {n_genes} landmark genes, float32.
The basal expression of a treatment is the control of its own plate, so `cell_line`
in `X` names a control (a row of `expression`) and `cell` names the cell line. Split
by cell line with `cell="cell"`.

Terms: CC BY 4.0 (GSE92742, GSE70138), through cmapPy, l1ktools and cmapM (BSD-3),
PRnet (Apache-2.0) and TranSiGen (MIT).

Known limits: this is a small sample, about 95 % of the rows are from A375 and HT115,
and replicate wells agree at r = 0.18 on the change from control. Treated and control
profiles correlate at 0.88 to 0.95 whatever the compound: judge a model on the change
from control, against "no change" and "mean change". `pert_id` and `name` are
missing in the 100 averaged rows from TranSiGen, whose dose and time follow from the
filter that its paper describes.
"""


def load_lincs(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load perturbed expression of the L1000 assay, level 3.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `lincs/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per treated well in the order of the file: `cell_line`
          (id of the control, a row of `expression`), `smiles`, `dose` (uM), `time` (h),
          `cell` (the cell line), `plate`, `well`, `pert_id`, `name`, `source`, `level`.
        - `Y`: DataFrame (wells, genes), float32, expression after treatment.
        - `expression`: DataFrame (controls, genes), float32.
        - `controls`: DataFrame, attributes of each control, same index.
        - `basal`: DataFrame (cell lines, genes), float32, profiles of more cell lines.
        - `DESCR`: str, origin, terms and known limits.

    Raises
    ------
    DataNotFoundError
        If a file is missing (a FileNotFoundError).
    InputError
        If the files do not fit together.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_lincs
    >>> load_lincs(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: lincs/treatments.csv is missing...
    """
    treatments = read_table(
        data_home,
        "lincs/treatments.csv",
        [
            "source",
            "plate",
            "well",
            "cell_line",
            "pert_id",
            "name",
            "smiles",
            "dose",
            "time",
            "level",
            "control",
        ],
        text=["cell_line", "pert_id", "name"],
        numbers=["dose", "time", "control"],
        complete=["control"],
    )
    controls = read_table(
        data_home,
        "lincs/controls.csv",
        ["source", "plate", "well", "cell_line", "time", "kind"],
        text=["cell_line"],
    )
    arrays = read_arrays(
        data_home, "lincs/level3.npz", ["perturbed", "control", "genes"]
    )
    check_profiles(arrays, "lincs/level3.npz")
    _check_lengths(
        treatments, controls, len(arrays["perturbed"]), len(arrays["control"])
    )
    genes = pd.Index(arrays["genes"].astype(str), dtype=object)
    ids = pd.Index([f"control_{i:03d}" for i in range(len(controls))], name="cell_line")
    X = pd.DataFrame(
        {
            "cell_line": ids[treatments["control"].to_numpy(dtype=np.int64)],
            **{column: treatments[column] for column in ("smiles", "dose", "time")},
            "cell": treatments["cell_line"],
            **{
                column: treatments[column]
                for column in ("plate", "well", "pert_id", "name", "source", "level")
            },
        }
    )
    return Bunch(
        X=X,
        Y=pd.DataFrame(arrays["perturbed"].astype("float32"), columns=genes),
        expression=pd.DataFrame(
            arrays["control"].astype("float32"), index=ids, columns=genes
        ),
        controls=controls.rename(columns={"cell_line": "cell"}).set_index(ids),
        basal=read_matrix(data_home, "lincs/basal_164_cell_lines.csv.gz"),
        DESCR=DESCR.format(
            n_rows=f"{len(X):,}", n_controls=len(controls), n_genes=len(genes)
        ),
    )


def _check_lengths(
    treatments: pd.DataFrame,
    controls: pd.DataFrame,
    n_perturbed: int,
    n_control: int,
) -> None:
    """Reject tables that do not match the arrays row by row."""
    pairs = [
        ("lincs/treatments.csv", len(treatments), "perturbed", n_perturbed),
        ("lincs/controls.csv", len(controls), "control", n_control),
    ]
    for name, n_rows, key, n_profiles in pairs:
        if n_rows != n_profiles:
            msg = (
                f"{name} has {n_rows} rows, but the array {key!r} of lincs/level3.npz "
                f"has {n_profiles}. The files are from different releases."
            )
            raise InputError(msg)
    outside = treatments.index[~treatments["control"].between(0, len(controls) - 1)]
    if len(outside):
        msg = (
            f"lincs/treatments.csv, column 'control': no such row of controls in rows "
            f"{list_offenders(map(str, outside))}; there are {len(controls)}."
        )
        raise InputError(msg)
