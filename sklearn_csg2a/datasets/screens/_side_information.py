"""What other sources know of compounds: DrugCell, the Drug Repurposing Hub."""

from __future__ import annotations

import os

import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.chem import smiles_problem
from sklearn_csg2a.datasets._home import read_table
from sklearn_csg2a.datasets._left_out import describe_reasons

__all__ = ["load_drugcell", "load_repurposing_hub"]

DRUGCELL = """\
DrugCell, area under the dose-response curve
--------------------------------------------
{n_rows} pairs of {n_cells} cell lines (CCLE names) and {n_drugs} SMILES strings, about
{per_drug} a compound. {n_dropped} rows are left out{left_out}.

y is the area under the curve of viability: 0 if every concentration kills, 1 without
effect; values above 1 are possible. It is not an IC50 and depends on the range of
concentrations, which differs between the sources. There is no expression; a CCLE name
begins with the name that `load_gdsc_full` uses, given as `cell_line_name`.

CTRP and GDSC are the sources: many pairs of compound and cell line are in GDSC, too.
Leave out the compounds under test before a model learns from it.

Terms: as used by DrugCell (github idekerlab/DrugCell, MIT); terms of GDSC and CTRP.
"""

HUB = """\
Drug Repurposing Hub, mechanisms and targets of compounds
---------------------------------------------------------
{n_rows} compounds, {n_moa} with a mechanism of action, {n_target} with targets and
{n_area} with a disease area. {n_dropped} are left out{left_out}.

`smiles` is that of the first of `n_structures` structures, as published: some have a
CXSMILES tail (" |r|"), which all functions of this package read.

Terms: release 2020-03-24, as redistributed in github broadinstitute/lincs-cell-painting
(code BSD-3-Clause, data CC0).

Known limits: mechanisms are those of launched and tested drugs, as curated: a missing
target is not a measured absence. Two names can be one compound (salts, isomers), with
different annotation.
"""
LISTS = ("moa", "target", "disease_area")


def load_drugcell(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load the drug responses used by DrugCell, from CTRP and GDSC.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `drugcell/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per measurement in the order of the file: `cell_line`
          (CCLE name), `smiles`, `cell_line_name` (without tissue), `tissue` (missing
          where the CCLE name has none).
        - `y`: Series of areas under the curve (0 kills, 1 has no effect), aligned with
          `X`.
        - `dropped`: DataFrame, one row per measurement that was left out, by its
          position in the file: `cell_line`, `smiles` and `reason`.
        - `DESCR`: str, origin, terms and known limits.

    Raises
    ------
    DataNotFoundError
        If the file is missing (a FileNotFoundError).
    InputError
        If the file lacks a column.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_drugcell
    >>> load_drugcell(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: drugcell/auc.csv.gz is missing...
    """
    ids = ["cell_line", "smiles"]
    measured = read_table(
        data_home,
        "drugcell/auc.csv.gz",
        [*ids, "auc"],
        text=ids,
        numbers=["auc"],
        complete=["cell_line"],
    )
    reasons = _reasons(measured["smiles"])
    reasons = reasons.mask(measured["auc"].isna() & reasons.isna(), "no response")
    rows = measured[reasons.isna()].reset_index(drop=True)
    parts = rows["cell_line"].str.split("_", n=1)
    X = rows[ids].assign(
        cell_line_name=parts.str[0],
        tissue=parts.str[1].str.lower().str.replace("_", " "),
    )
    n_drugs = X["smiles"].nunique()
    return Bunch(
        X=X,
        y=rows["auc"].astype("float64"),
        dropped=_list_dropped(measured[ids], reasons),
        DESCR=DRUGCELL.format(
            n_rows=f"{len(X):,}",
            n_cells=f"{X['cell_line'].nunique():,}",
            n_drugs=n_drugs,
            per_drug=round(len(X) / max(n_drugs, 1)),
            **_describe_dropped(reasons, measured["smiles"]),
        ),
    )


def load_repurposing_hub(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load mechanisms and targets of compounds from the Drug Repurposing Hub.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `repurposing_hub/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `compounds`: DataFrame, one row per compound in the order of the file: `drug`,
          `smiles`, `n_structures`, `clinical_phase`; `moa` (mechanisms of action),
          `target` (gene symbols) and `disease_area`, tuples of str, empty where
          unknown.
        - `dropped`: DataFrame, one row per compound that was left out, by its position
          in the file: `drug`, `smiles` and `reason`.
        - `DESCR`: str, origin, terms and known limits.

    Raises
    ------
    DataNotFoundError
        If the file is missing (a FileNotFoundError).
    InputError
        If the file lacks a column.

    Notes
    -----
    ``compounds.explode("target")`` has one row per compound and target.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_repurposing_hub
    >>> load_repurposing_hub(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: repurposing_hub/compounds.csv.gz...
    """
    listed = read_table(
        data_home,
        "repurposing_hub/compounds.csv.gz",
        ["drug", "smiles", "n_structures", "clinical_phase", *LISTS],
        text=["drug", "smiles", "clinical_phase", *LISTS],
    )
    reasons = _reasons(listed["smiles"])
    compounds = listed[reasons.isna()].reset_index(drop=True)
    for column in LISTS:
        split = map(_split_list, compounds[column].fillna(""))
        compounds[column] = pd.Series(list(split), index=compounds.index, dtype=object)
    known = {column: compounds[column].map(bool).sum() for column in LISTS}
    return Bunch(
        compounds=compounds,
        dropped=_list_dropped(listed[["drug", "smiles"]], reasons),
        DESCR=HUB.format(
            n_rows=f"{len(compounds):,}",
            n_moa=f"{known['moa']:,}",
            n_target=f"{known['target']:,}",
            n_area=f"{known['disease_area']:,}",
            **_describe_dropped(reasons, listed["drug"]),
        ),
    )


def _split_list(text: str) -> tuple[str, ...]:
    """Split a list separated by bars; each entry once, without blanks around it."""
    entries = (entry.strip() for entry in text.split("|"))
    return tuple(dict.fromkeys(entry for entry in entries if entry))


def _reasons(smiles: pd.Series) -> pd.Series:
    """Return why the compound of a row cannot be used, missing where it can."""
    texts = pd.Series(smiles.dropna().unique(), dtype=object)
    unusable = texts[[smiles_problem(text) is not None for text in texts]]
    cannot_be_read = smiles.isin(unusable)
    reasons = pd.Series(None, index=smiles.index, dtype=object)
    reasons = reasons.mask(cannot_be_read, "structure cannot be read")
    return reasons.mask(smiles.isna(), "no structure")


def _list_dropped(ids: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    """Return the rows that were left out, with reasons."""
    return ids.assign(reason=reasons)[reasons.notna()].rename_axis("row")


def _describe_dropped(reasons: pd.Series, names: pd.Series) -> dict[str, str]:
    """Return number and description of the rows that were left out."""
    left_out = describe_reasons(reasons, names.fillna("unnamed"))
    return {
        "n_dropped": str(int(reasons.notna().sum())),
        "left_out": f", `dropped` lists them:\n{left_out}" if left_out else "",
    }
