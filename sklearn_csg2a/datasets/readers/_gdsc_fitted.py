"""The fitted dose response sheets of GDSC."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets._compounds import CompoundTable, find_smiles
from sklearn_csg2a.datasets._left_out import describe_reasons, name_rows
from sklearn_csg2a.datasets.readers._text import mask_missing
from sklearn_csg2a.datasets.readers._text_tables import (
    find_column,
    plain_column,
    read_text_table,
)
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["read_gdsc_fitted"]

_EXPECTED = "a sheet of fitted dose responses of GDSC (column LN_IC50 and others)"
_CELL_IDS = ("SANGER_MODEL_ID", "CELL_LINE_NAME", "COSMIC_ID")
_DRUG_IDS = ("DRUG_NAME", "DRUG_ID")
_NUMBERS = ("LN_IC50", "MIN_CONC", "MAX_CONC")
_RENAMED = {
    "TCGA_DESC": "tcga_type",
    "TISSUE": "tissue",
    "PUTATIVE_TARGET": "target",
    "PATHWAY_NAME": "target_pathway",
}

# Columns of the sheets and their names in releases and on the website, without case and
# punctuation.
_SPELLINGS = {
    "LN_IC50": ("lnic50", "lnic50um"),
    "SANGER_MODEL_ID": ("sangermodelid", "modelid"),
    "CELL_LINE_NAME": ("celllinename", "cellline", "cellname"),
    "COSMIC_ID": ("cosmicid", "cosmicsampleid", "cosmic"),
    "TCGA_DESC": ("tcgadesc", "tcgaclassification"),
    "TISSUE": ("tissue",),
    "DRUG_ID": ("drugid",),
    "DRUG_NAME": ("drugname", "drug"),
    "PUTATIVE_TARGET": ("putativetarget", "target", "drugtarget", "targets"),
    "PATHWAY_NAME": ("pathwayname", "targetpathway", "pathway"),
    "MIN_CONC": ("minconc", "minconcmicromolar", "minconcum"),
    "MAX_CONC": ("maxconc", "maxconcmicromolar", "maxconcum"),
}
# Columns of the export of the website, whose column IC50 is ln IC50.
_OF_WEBSITE = ("tcgaclassification", "tissuesubtype", "datasetversion", "icresultid")
_LARGEST = 20  # larger values are not ln IC50 in ln uM

_POINT = re.compile(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")


def read_gdsc_fitted(
    path: str | os.PathLike[str],
    *,
    compounds: CompoundTable | None = None,
    cell_line: Literal[
        "SANGER_MODEL_ID", "CELL_LINE_NAME", "COSMIC_ID"
    ] = "SANGER_MODEL_ID",
    drug: Literal["DRUG_NAME", "DRUG_ID"] = "DRUG_NAME",
) -> Bunch:
    r"""Read ln IC50 from a sheet of fitted dose responses of GDSC.

    Parameters
    ----------
    path : str or path
        `GDSC2_fitted_dose_response_....csv`, compressed or not, the `.xlsx` of the same
        name, which needs openpyxl (the extra `excel`), or the export of the website,
        whose column IC50 contains ln IC50. Commas, semicolons or tabs separate the
        fields; decimal commas are read if no number has a point.
    compounds : mapping, Series, DataFrame, path or None, default=None
        SMILES by the id that `drug` names: a mapping or Series, or a table (DataFrame,
        CSV, TSV or workbook) with a column `smiles` and the ids as index or in any
        column. Ids match exactly, or without case, blanks and dashes if the match is
        unique. Without it X has no column `smiles`, and no row is left out for a
        missing structure.
    cell_line : {"SANGER_MODEL_ID", "CELL_LINE_NAME", "COSMIC_ID"}
        By default SANGER_MODEL_ID.
        Column that identifies cell lines: the one used in the expression table.
    drug : {"DRUG_NAME", "DRUG_ID"}, default="DRUG_NAME"
        Column that identifies compounds.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per curve in the order of the file: `cell_line`,
          `smiles` (with `compounds`), `drug`, `tcga_type`, `tissue`, `target`,
          `target_pathway`, `extrapolated` (the IC50 lies outside of the tested doses),
          if the sheet has them.
        - `y`: Series of ln IC50 (ln uM), aligned with `X`.
        - `dropped`: DataFrame, one row per row of the sheet that was left out, by its
          position: `cell_line`, `drug` and `reason`.

    Raises
    ------
    DataFileError
        If the file is empty, truncated or of another kind, or has text in a numeric
        column.
    InputError
        If `cell_line` or `drug` is not a column of the sheet, or `compounds` does not
        match.
    MissingDependencyError
        If the sheet is a workbook and openpyxl is not installed.

    Warns
    -----
    UserWarning
        If rows were left out; they are counted by reason, and the first are named.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_gdsc_fitted
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "fitted.csv")
    ...     _ = path.write_text(
    ...         "SANGER_MODEL_ID,DRUG_NAME,LN_IC50\nSIDM1,Ethanol,2.5\n"
    ...     )
    ...     data = read_gdsc_fitted(path, compounds={"Ethanol": "CCO"})
    >>> data.X
      cell_line smiles     drug
    0     SIDM1    CCO  Ethanol
    """
    sheet = _read_sheet(path)
    cell_id = _choose_column("cell_line", cell_line, _CELL_IDS, sheet, path)
    drug_id = _choose_column("drug", drug, _DRUG_IDS, sheet, path)
    cells, drugs = (_read_ids(sheet[column]) for column in (cell_id, drug_id))
    numbers = _read_numbers(sheet, path)
    y = numbers["LN_IC50"]
    left_out = pd.DataFrame({"reason": None, "name": name_rows(sheet.index)})
    X = pd.DataFrame({"cell_line": cells})
    if compounds is not None:
        _check_numbered(drugs, drug_id, compounds, path)
        found = find_smiles(drugs, compounds)
        X["smiles"] = found["smiles"]
        named = found["problem"].notna() & drugs.notna()
        left_out["reason"] = found["problem"].astype(object)
        left_out["name"] = left_out["name"].mask(named, found["name"])
    for problem, reason in ((cells.isna(), "no cell line"), (y.isna(), "no ln IC50")):
        left_out.loc[problem, "reason"] = reason
        left_out.loc[problem, "name"] = name_rows(sheet.index)[problem]
    X["drug"] = drugs
    for column, name in _RENAMED.items():
        if column in sheet.columns:
            X[name] = mask_missing(sheet[column])
    if {"MIN_CONC", "MAX_CONC"} <= set(numbers.columns):
        ic50 = np.exp(y)
        X["extrapolated"] = (ic50 < numbers["MIN_CONC"]) | (ic50 > numbers["MAX_CONC"])
    kept = left_out["reason"].isna()
    if not kept.all():
        warnings.warn(
            f"{(~kept).sum()} of {len(sheet)} rows of {path} were left out: "
            f"{describe_reasons(left_out['reason'], left_out['name'])}. `dropped` of "
            "the result lists them all.",
            stacklevel=2,
        )
    dropped = X.assign(reason=left_out["reason"])[~kept]
    return Bunch(
        X=X[kept].reset_index(drop=True),
        y=y[kept].reset_index(drop=True).rename("ln_ic50"),
        dropped=dropped[["cell_line", "drug", "reason"]].rename_axis("row"),
    )


def _choose_column(
    parameter: str,
    value: str,
    choices: tuple[str, ...],
    sheet: pd.DataFrame,
    path: str | os.PathLike[str],
) -> str:
    """Return the chosen column, in any of its spellings."""
    plain = plain_column(value)
    chosen = [name for name in choices if plain in _SPELLINGS[name]]
    if not chosen:
        msg = f"{parameter}={value!r} is unknown; choose one of {', '.join(choices)}."
        raise InputError(msg)
    if chosen[0] not in sheet.columns:
        others = [repr(name) for name in choices if name in sheet.columns]
        msg = (
            f"{path} has no column {chosen[0]}; choose {parameter}= of "
            f"{', '.join(others) or 'none: it has no such ids'}."
        )
        raise InputError(msg)
    return chosen[0]


def _read_sheet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the table as text, with the column names of the sheets of GDSC."""
    sheet = read_text_table(path, _EXPECTED)
    plain = {plain_column(column) for column in sheet.columns}
    is_export = "ic50" in plain and not plain.isdisjoint(_OF_WEBSITE)
    renamed = {}
    for name, spellings in _SPELLINGS.items():
        column = find_column(sheet, spellings)
        if column is None and name == "LN_IC50" and is_export:
            column = find_column(sheet, ["ic50"])
        if column is not None:
            renamed[name] = column
    if "LN_IC50" not in renamed:
        columns = list_offenders(map(str, sheet.columns), limit=20)
        advice = (
            " Its column IC50 may be in uM: give its natural logarithm as LN_IC50."
            if "ic50" in plain
            else ""
        )
        msg = (
            f"{path} has {len(sheet)} rows of the columns {columns}; {_EXPECTED} was "
            f"expected.{advice}"
        )
        raise DataFileError(msg)
    first = ~sheet.columns.duplicated()
    return pd.DataFrame(
        {name: sheet.loc[:, first][column] for name, column in renamed.items()}
    )


def _read_ids(column: pd.Series) -> pd.Series:
    """Return ids as text; integers read as floats have no decimals."""
    ids = mask_missing(column)
    known = ids.dropna()
    if len(known) and known.str.fullmatch(r"\d+\.0+").all():
        return ids.str.replace(r"\.0+$", "", regex=True)
    return ids


def _check_numbered(
    ids: pd.Series,
    column: str,
    compounds: CompoundTable,
    path: str | os.PathLike[str],
) -> None:
    """Reject text ids if the ids of the compounds are numbers."""
    if not isinstance(compounds, Mapping | pd.Series) or not len(compounds):
        return
    keys = compounds.index if isinstance(compounds, pd.Series) else list(compounds)
    if not all(isinstance(key, int | np.integer) for key in keys):
        return
    text = ids[ids.notna() & pd.to_numeric(ids, errors="coerce").isna()]
    if len(text):
        entries = [f"row {row}: {value!r}" for row, value in text.items()]
        msg = (
            f"{path}, column {column}, {list_offenders(entries)}: not a number, as the "
            f"ids of compounds= are (such as {keys[0]!r}). Give compounds= with the "
            "ids of the sheet."
        )
        raise InputError(msg)


def _read_numbers(sheet: pd.DataFrame, path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the numeric columns, with decimal commas if no number has a point."""
    texts = {
        column: mask_missing(sheet[column])
        for column in _NUMBERS
        if column in sheet.columns
    }
    commas, points = (_find_entry(texts, form) for form in (_COMMA, _POINT))
    if commas and points:
        msg = (
            f"{path}: decimal commas ({commas}) and points ({points}) in one sheet. "
            "Use one of the two."
        )
        raise DataFileError(msg)
    numbers = {}
    for column, values in texts.items():
        decimals = values.str.replace(",", ".", regex=False) if commas else values
        numbers[column] = pd.to_numeric(decimals, errors="coerce").astype(float)
        known = np.isfinite(numbers[column])
        _refuse(column, sheet[column][values.notna() & ~known], "not a number", path)
    y = numbers["LN_IC50"]
    large = sheet["LN_IC50"][y.abs() > _LARGEST]
    _refuse("LN_IC50", large, "too large for ln uM; are they in uM or nM?", path)
    return pd.DataFrame(numbers, index=sheet.index)


def _find_entry(texts: dict[str, pd.Series], form: re.Pattern[str]) -> str:
    """Describe the first entry that matches a pattern, or ""."""
    for column, values in texts.items():
        found = values[values.str.fullmatch(form, na=False)]
        if len(found):
            return f"column {column}, row {found.index[0]}: {found.iloc[0]!r}"
    return ""


def _refuse(
    column: str, entries: pd.Series, problem: str, path: str | os.PathLike[str]
) -> None:
    """Reject entries of a column, naming their rows."""
    if len(entries):
        listed = [f"row {row}: {value!r}" for row, value in entries.items()]
        msg = f"{path}, column {column}, {list_offenders(listed)}: {problem}."
        raise DataFileError(msg)
