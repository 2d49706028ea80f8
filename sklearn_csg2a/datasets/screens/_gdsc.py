"""Drug response of cancer cell lines: GDSC2 alone, GDSC1 and GDSC2 merged."""

from __future__ import annotations

import os

import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.datasets._home import (
    look_up,
    read_matrix,
    read_table,
    refuse_missing,
    refuse_text,
)

__all__ = ["describe_rows", "load_gdsc", "load_gdsc2", "read_annotation"]

OF_COMPOUND = ("smiles", "target", "target_pathway")

LIMITS = """\
Terms: GDSC's terms of use apply (academic, non-commercial). Expression and
mutations are from CCLE/DepMap under DepMap's terms.

Known limits: about 64 % of the ln IC50 values lie beyond the tested concentrations,
so they are extrapolated from the fitted curve. Differences between drugs make up
most of the variance: judge a model against the mean of each drug and cell line.
"""

GDSC2 = """\
GDSC2, ln IC50 (ln uM) of cancer cell lines
-------------------------------------------
{n_rows} pairs of {n_cells} cell lines (DepMap ids) and {n_drugs} compounds.
`expression` and `mutations` cover {n_genes} census genes. Expression is a z-score of
each gene over all the cell lines, those of any later test fold included.

"""

GDSC = """\
GDSC1 and GDSC2 merged, ln IC50 (ln uM) of cancer cell lines
------------------------------------------------------------
{n_rows} pairs of {n_cells} cell lines (DepMap ids) and {n_drugs} compounds (named by
their PubChem CID). `expression` is log2(TPM + 1) of {n_genes} census genes; 142 rows
of the original 658 were rebuilt from z-scores. `landmark_expression` holds z-scores
of L1000 landmark genes of some lines, `landmark_source` says where they are from.
`cells.in_nci60` marks the lines to hold out before a test on NCI-60.

"""


def load_gdsc2(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load the drug responses of GDSC2.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `gdsc2/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per measured pair in the order of the file:
          `cell_line`, `smiles`, `drug`, `tissue`, `target`, `target_pathway` (missing
          where unknown: the last three only).
        - `y`: Series of ln IC50 (ln uM), aligned with `X`.
        - `expression`: DataFrame (cell lines, genes), float32, z-scores.
        - `mutations`: DataFrame (cell lines, genes), int8, 1 where mutated.
        - `cells`, `compounds`: DataFrames with all known attributes of each.
        - `DESCR`: str, origin, terms and known limits.

    Raises
    ------
    DataNotFoundError
        If a file is missing (a FileNotFoundError).
    InputError
        If a file lacks a column, or an id has no entry.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_gdsc2
    >>> load_gdsc2(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: gdsc2/response.csv.gz is missing...
    """
    data = _load(data_home, "gdsc2", GDSC2)
    mutations = read_matrix(data_home, "gdsc2/mutations.csv.gz")
    refuse_missing(mutations, "gdsc2/mutations.csv.gz")
    return Bunch(mutations=mutations.astype("int8"), **data)


def load_gdsc(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load the drug responses of GDSC1 and GDSC2 merged.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `gdsc/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`, `y`, `cells`, `compounds`, `DESCR`: as :func:`load_gdsc2` gives them;
          `drug` is a PubChem CID as a string.
        - `expression`: DataFrame (cell lines, genes), float32, log2(TPM + 1).
        - `landmark_expression`: DataFrame (some cell lines, landmark genes), float32,
          z-scores.
        - `landmark_source`: Series, the origin of each row of it.

    Raises
    ------
    DataNotFoundError
        If a file is missing (a FileNotFoundError).
    InputError
        If a file lacks a column, or an id has no entry.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_gdsc
    >>> load_gdsc(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: gdsc/response.csv.gz is missing...
    """
    data = _load(data_home, "gdsc", GDSC)
    landmark = read_table(
        data_home,
        "gdsc/expression_landmark.csv.gz",
        ["cell_line", "source"],
        text=["cell_line", "source"],
    ).set_index("cell_line")
    source = landmark.pop("source")
    refuse_text(landmark, "gdsc/expression_landmark.csv.gz")
    return Bunch(
        landmark_expression=landmark.astype("float32"), landmark_source=source, **data
    )


def _load(
    data_home: str | os.PathLike[str] | None, folder: str, description: str
) -> dict[str, object]:
    """Read the files common to both releases."""
    response = read_table(
        data_home,
        f"{folder}/response.csv.gz",
        ["cell_line", "drug", "ln_ic50"],
        text=["cell_line", "drug"],
        numbers=["ln_ic50"],
    )
    compounds, cells = read_annotation(data_home, folder)
    expression = read_matrix(data_home, f"{folder}/expression.csv.gz")
    X = describe_rows(response, compounds, cells, folder)
    sizes = {
        "n_rows": f"{len(X):,}",
        "n_cells": X["cell_line"].nunique(),
        "n_drugs": X["drug"].nunique(),
        "n_genes": expression.shape[1],
    }
    return {
        "X": X,
        "y": response["ln_ic50"].astype("float64"),
        "expression": expression,
        "cells": cells,
        "compounds": compounds,
        "DESCR": description.format(**sizes) + LIMITS,
    }


def read_annotation(
    data_home: str | os.PathLike[str] | None, folder: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the tables of compounds and cell lines of a release."""
    compounds = read_table(
        data_home, f"{folder}/compounds.csv", ["drug", *OF_COMPOUND], text=["drug"]
    )
    cells = read_table(
        data_home, f"{folder}/cells.csv", ["cell_line", "tissue"], text=["cell_line"]
    )
    return compounds, cells


def describe_rows(
    response: pd.DataFrame, compounds: pd.DataFrame, cells: pd.DataFrame, folder: str
) -> pd.DataFrame:
    """Return X: ids of the rows of `response`, and what is known of each."""
    cell_line, drug = response["cell_line"], response["drug"]
    response_of = f"{folder}/response.csv.gz"
    smiles, target, pathway = (
        look_up(
            drug, compounds, "drug", column, f"{folder}/compounds.csv", of=response_of
        )
        for column in OF_COMPOUND
    )
    tissue = look_up(
        *(cell_line, cells, "cell_line", "tissue", f"{folder}/cells.csv"),
        of=response_of,
    )
    return pd.DataFrame(
        {
            "cell_line": cell_line,
            "smiles": smiles,
            "drug": drug,
            "tissue": tissue,
            "target": target,
            "target_pathway": pathway,
        }
    )
