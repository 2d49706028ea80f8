"""Screens for testing transfer: NCI-60 cell lines, TCGA patients."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.datasets._home import look_up, read_matrix, read_table
from sklearn_csg2a.datasets._left_out import describe_reasons

__all__ = ["load_nci60", "load_tcga"]

NCI60 = """\
NCI-60, growth inhibition of 60 cell lines
------------------------------------------
{n_rows} pairs of {n_cells} cell lines and {n_drugs} compounds (NSC numbers).
{n_dropped} more are left out, `dropped` lists them:
{left_out}.

y is ln GI50 in ln uM. GI50 is half the growth, not half the cells: near to an IC50,
not the same.

Sources differ in quality: prefer the rows whose `source` is AOD_IOA or begins with
CellMiner. `gdsc_drug` names the same structure in GDSC where there is one.

Terms: public data of NCI DTP and CellMiner; name them where you publish results.
"""

TCGA = """\
TCGA, clinical response of patients
-----------------------------------
{n_rows} courses of {n_cells} patients with a drug whose structure is known through
GDSC; `courses` holds all of them. {n_dropped} are left out, `dropped` lists them:
{left_out}.

y is 1 for a complete or partial response and 0 for stable or progressive disease.
`expression` is the normal score of each gene's
rank within its cohort, `expression_log2tpm` is log2(TPM + 0.001) of three cohorts.

Terms: TCGA open tier; responses from the supplement of Ding et al. 2016.

Known limits: patients take several drugs, one course at a time is listed, and a
ridge regression reaches AUCs of 0.51 to 0.59. Take it as a smoke test.
"""


def load_nci60(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load growth inhibition of the NCI-60 cell lines.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `nci60/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per pair with measured expression, in the order of the
          file: `cell_line`, `smiles`, `drug` (NSC number as a string), `tissue` (the
          panel), `depmap_id`, `gdsc_drug`, `source`.
        - `y`: Series of ln GI50 (ln uM), aligned with `X`.
        - `expression`: DataFrame (cell lines, genes), float32, log2 intensity.
        - `cells`, `compounds`: DataFrames with all that is known of each.
        - `dropped`: DataFrame, one row per pair that was left out, by its position in
          the file: `cell_line`, `drug` and `reason`.
        - `DESCR`: str, origin, terms and known limits.

    Raises
    ------
    DataNotFoundError
        If a file is missing (a FileNotFoundError).
    InputError
        If a file lacks a column, or an id has no entry.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_nci60
    >>> load_nci60(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: nci60/gi50.csv.gz is missing...
    """
    measured = read_table(
        data_home,
        "nci60/gi50.csv.gz",
        ["nsc", "cell_line", "nlog_gi50", "source"],
        text=["nsc", "cell_line"],
        numbers=["nlog_gi50"],
    )
    compounds = read_table(
        data_home,
        "nci60/compounds.csv.gz",
        ["nsc", "smiles", "gdsc_drug"],
        text=["nsc", "gdsc_drug"],
    )
    cells = read_table(
        data_home,
        "nci60/cells.csv",
        ["cell_line", "panel", "depmap_id"],
        text=["cell_line"],
    )
    expression = read_matrix(data_home, "nci60/expression.csv.gz")
    known = measured["cell_line"].isin(expression.index)
    rows = measured[known].reset_index(drop=True)
    line, nsc = rows["cell_line"], rows["nsc"]
    of, of_compound = "nci60/gi50.csv.gz", "nci60/compounds.csv.gz"
    of_cell = "nci60/cells.csv"
    X = pd.DataFrame(
        {
            "cell_line": line,
            "smiles": look_up(nsc, compounds, "nsc", "smiles", of_compound, of=of),
            "drug": nsc,
            "tissue": look_up(line, cells, "cell_line", "panel", of_cell, of=of),
            "depmap_id": look_up(line, cells, "cell_line", "depmap_id", of_cell, of=of),
            "gdsc_drug": look_up(
                nsc, compounds, "nsc", "gdsc_drug", of_compound, of=of
            ),
            "source": rows["source"],
        }
    )
    dropped = _list_dropped(
        measured[["cell_line", "nsc"]],
        ~known,
        pd.Series("no expression", measured.index),
    )
    ln_gi50 = np.log(10.0) * (6.0 - rows["nlog_gi50"])  # -log10 M to ln uM
    return Bunch(
        X=X,
        y=ln_gi50.rename("ln_gi50"),
        expression=expression,
        cells=cells,
        compounds=compounds,
        dropped=dropped,
        DESCR=NCI60.format(
            n_rows=f"{len(X):,}",
            n_cells=line.nunique(),
            n_drugs=f"{nsc.nunique():,}",
            n_dropped=f"{len(dropped):,}",
            left_out=describe_reasons(dropped["reason"], dropped["cell_line"]),
        ),
    )


def load_tcga(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load clinical responses of TCGA patients.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `tcga/` and `gdsc/compounds.csv`, which gives the
        structures. None uses the environment variable SKLEARN_CSG2A_DATA.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per course of a drug with a known structure, in the
          order of the file: `cell_line` (the patient), `smiles`, `drug`, `gdsc_drug`,
          `cohort`, `response`.
        - `y`: Series of 0 and 1, 1 for a complete or partial response.
        - `expression`: DataFrame (patients, genes), float32, normal scores.
        - `expression_log2tpm`: DataFrame (patients of three cohorts, genes), float32.
        - `courses`: DataFrame, the whole table of responses.
        - `dropped`: DataFrame, one row per course that was left out, by its position in
          the file: `cell_line`, `drug` and `reason`.
        - `DESCR`: str, origin, terms and known limits.

    Raises
    ------
    DataNotFoundError
        If a file is missing (a FileNotFoundError).
    InputError
        If a file lacks a column.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_tcga
    >>> load_tcga(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: tcga/response.csv is missing...
    """
    courses = read_table(
        data_home,
        "tcga/response.csv",
        ["patient", "cohort", "drug_name", "gdsc_drug", "response", "responder"],
        text=["patient", "gdsc_drug"],
        numbers=["responder"],
        complete=["patient", "drug_name", "responder"],
    )
    # Empty cells make pandas read the column of ids as floats ("5702198.0").
    courses["gdsc_drug"] = courses["gdsc_drug"].str.removesuffix(".0")
    compounds = read_table(
        data_home, "gdsc/compounds.csv", ["drug", "smiles"], text=["drug"]
    )
    smiles = courses["gdsc_drug"].map(compounds.set_index("drug")["smiles"])
    known = smiles.notna()
    reasons = courses["gdsc_drug"].where(
        courses["gdsc_drug"].isna(), "no structure in gdsc/compounds.csv"
    )
    dropped = _list_dropped(
        courses[["patient", "drug_name"]], ~known, reasons.fillna("not in GDSC")
    )
    rows = courses[known].reset_index(drop=True)
    X = pd.DataFrame(
        {
            "cell_line": rows["patient"],
            "smiles": smiles[known].reset_index(drop=True),
            "drug": rows["drug_name"],
            "gdsc_drug": rows["gdsc_drug"],
            "cohort": rows["cohort"],
            "response": rows["response"],
        }
    )
    return Bunch(
        X=X,
        y=rows["responder"].astype("int64"),
        expression=read_matrix(data_home, "tcga/expression_rankz.csv.gz"),
        expression_log2tpm=read_matrix(
            data_home, "tcga/expression_xena_log2tpm_3cohorts.csv.gz"
        ),
        courses=courses,
        dropped=dropped,
        DESCR=TCGA.format(
            n_rows=f"{len(X):,}",
            n_cells=X["cell_line"].nunique(),
            n_dropped=f"{len(dropped):,}",
            left_out=describe_reasons(dropped["reason"], dropped["drug"]),
        ),
    )


def _list_dropped(
    ids: pd.DataFrame, left_out: pd.Series, reasons: pd.Series
) -> pd.DataFrame:
    """Return the rows that were left out, with reasons."""
    dropped = ids.set_axis(["cell_line", "drug"], axis=1).assign(reason=reasons)
    return dropped[left_out].rename_axis("row")
