"""The fitted dose response sheets of GDSC."""

from __future__ import annotations

import os
import warnings
import zipfile

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.datasets._compounds import CompoundTable, find_smiles
from sklearn_csg2a.datasets._files import open_text, start_of_file
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["read_gdsc_fitted"]

_EXPECTED = "a sheet of fitted dose responses of GDSC (column LN_IC50 and others)"
_CELL_IDS = ("SANGER_MODEL_ID", "CELL_LINE_NAME", "COSMIC_ID")
_DRUG_IDS = ("DRUG_NAME", "DRUG_ID")
_RENAMED = {
    "TCGA_DESC": "tcga_type",
    "PUTATIVE_TARGET": "target",
    "PATHWAY_NAME": "target_pathway",
}
_ZIP_MAGIC = b"PK"


def read_gdsc_fitted(
    path: str | os.PathLike[str],
    *,
    compounds: CompoundTable | None = None,
    cell_line: str = "SANGER_MODEL_ID",
    drug: str = "DRUG_NAME",
) -> Bunch:
    r"""Read ln IC50 from a sheet of fitted dose responses of GDSC.

    Parameters
    ----------
    path : str or path
        `GDSC2_fitted_dose_response_....csv`, packed by gzip or not, or the `.xlsx`
        of the same name, which needs the package openpyxl.
    compounds : mapping, Series, DataFrame, path or None, default=None
        SMILES by the id that `drug` names: a mapping or Series, or a table (DataFrame,
        CSV, TSV or workbook) with a column `smiles` and the ids as index or in any
        column. Ids are found as they stand, else by case, blanks and dashes alone if
        one id fits. Without it X has no column `smiles`, and no row is left out for
        want of one.
    cell_line : {"SANGER_MODEL_ID", "CELL_LINE_NAME", "COSMIC_ID"}
        By default SANGER_MODEL_ID.
        Column that identifies cell lines: the one that your expression uses.
    drug : {"DRUG_NAME", "DRUG_ID"}, default="DRUG_NAME"
        Column that identifies compounds.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        X : DataFrame, one row per curve in the order of the file: `cell_line`,
            `smiles` (with `compounds`), `drug`, `tcga_type`, `target`,
            `target_pathway`, `extrapolated` (the IC50 lies outside of the tested
            doses), each where the sheet has it.
        y : Series of ln IC50 (ln uM), aligned with `X`.
        dropped : Series, number of rows left out by reason.

    Raises
    ------
    DataFileError
        If the file is empty, cut off or of another kind.
    InputError
        If `cell_line` or `drug` is no column of the sheet, or `compounds` does not
        fit.
    ImportError
        If the sheet is a workbook and openpyxl is not installed.

    Warns
    -----
    UserWarning
        If rows were left out; they are counted.

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
    for name, value, choices in (
        ("cell_line", cell_line, _CELL_IDS),
        ("drug", drug, _DRUG_IDS),
    ):
        if value not in choices:
            msg = f"{name}={value!r} is unknown; choose one of {', '.join(choices)}."
            raise InputError(msg)
    sheet = _read_sheet(path)
    absent = [column for column in (cell_line, drug) if column not in sheet.columns]
    if absent:
        msg = f"{path} has no column {', '.join(absent)}; choose another."
        raise InputError(msg)
    reasons = _judge(sheet, cell_line, path)
    X = pd.DataFrame({"cell_line": sheet[cell_line]})
    if compounds is not None:
        found = find_smiles(sheet[drug], compounds)
        X["smiles"] = found["smiles"]
        reasons = reasons.where(reasons.notna(), found["problem"])
    X["drug"] = sheet[drug]
    for column, name in _RENAMED.items():
        if column in sheet.columns:
            X[name] = sheet[column]
    if {"MIN_CONC", "MAX_CONC"} <= set(sheet.columns):
        limits = sheet[["MIN_CONC", "MAX_CONC"]].astype(float)
        ic50 = np.exp(sheet["LN_IC50"])
        X["extrapolated"] = (ic50 < limits["MIN_CONC"]) | (ic50 > limits["MAX_CONC"])
    kept = reasons.isna()
    dropped = reasons.value_counts().rename_axis("reason").rename("n_rows")
    if len(dropped):
        counts = ", ".join(f"{number}: {reason}" for reason, number in dropped.items())
        warnings.warn(
            f"{(~kept).sum()} of {len(sheet)} rows of {path} were left out ({counts}).",
            stacklevel=2,
        )
    return Bunch(
        X=X[kept].reset_index(drop=True),
        y=sheet.loc[kept, "LN_IC50"].reset_index(drop=True).rename("ln_ic50"),
        dropped=dropped,
    )


def _judge(
    sheet: pd.DataFrame, cell_line: str, path: str | os.PathLike[str]
) -> pd.Series:
    """Return why each row cannot be used, None where it can."""
    numbers = pd.to_numeric(sheet["LN_IC50"], errors="coerce")
    foreign = np.flatnonzero(numbers.isna() & sheet["LN_IC50"].notna())
    if len(foreign):
        msg = (
            f"{path}, column LN_IC50, row {foreign[0]}: "
            f"{sheet['LN_IC50'].iloc[foreign[0]]!r} is not a number."
        )
        raise DataFileError(msg)
    sheet["LN_IC50"] = numbers
    reasons = pd.Series(None, index=sheet.index, dtype=object)
    reasons[numbers.isna()] = "no ln IC50"
    reasons[sheet[cell_line].isna()] = "no cell line"
    return reasons


def _read_sheet(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the table, of text but for numbers that are meant as such."""
    if start_of_file(path, _EXPECTED).startswith(_ZIP_MAGIC):
        try:
            sheet = pd.read_excel(path, dtype=str)
        except ImportError as error:
            msg = (
                f"Reading the workbook {path} needs the package openpyxl: pip install "
                "openpyxl, or take the CSV of the same name."
            )
            raise ImportError(msg) from error
        except (ValueError, KeyError, zipfile.BadZipFile) as error:
            msg = f"{path} cannot be read ({error}); {_EXPECTED} was expected."
            raise DataFileError(msg) from error
    else:
        with open_text(path, _EXPECTED) as lines:
            try:
                sheet = pd.read_csv(lines, dtype=str)
            except ValueError as error:
                msg = f"{path}: {error}. {_EXPECTED} was expected; is it cut off?"
                raise DataFileError(msg) from error
    sheet.columns = [str(column).strip().upper() for column in sheet.columns]
    if "LN_IC50" not in sheet.columns or sheet.empty:
        columns = ", ".join(sheet.columns[:5])
        msg = (
            f"{path} has {len(sheet)} rows of the columns {columns}; {_EXPECTED} was "
            "expected."
        )
        raise DataFileError(msg)
    return sheet
