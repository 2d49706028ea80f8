"""Expression tables of DepMap and CCLE."""

from __future__ import annotations

import os
import re

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._expression_tables import (
    Join,
    LeftOut,
    check_join,
    finish_expression,
    read_first_line,
    read_numbers,
)
from sklearn_csg2a.datasets.readers._text_tables import (
    find_column,
    plain_column,
    read_text_table,
)
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["read_depmap_expression"]

_EXPECTED = (
    "an expression table of DepMap (models in rows, genes such as 'TP53 (7157)' in "
    "columns)"
)
_PROFILES = "DepMap's OmicsProfiles.csv or OmicsDefaultModelProfiles.csv"

_MODEL_IDS = ("modelid", "depmapid", "broadid", "arxspanid")
_DEFAULT_OF_MODEL = "isdefaultentryformodel"
_DEFAULT_OF_CONDITION = "isdefaultentryformc"
# Other columns that are not genes: ids of other levels and annotations of the portal.
_NO_GENES = re.compile(
    r"|unnamed0?\d*|index|profileid|sequencingid|modelconditionid|mcid"
    r"|isdefaultentry\w*|celllinename|celllinedisplayname|strippedcelllinename"
    r"|displayname|cclename|sangermodelid|cosmicid|rrid|lineage\w*|primarydisease"
    r"|subtype|oncotree\w+|sex|age|agecategory|culturetype|growthpattern|dataset"
    r"|datatype|stranded|sampleid|rownames?"
)
_GENE = re.compile(r"(?P<symbol>.*?)\s*\((?P<id>[^()]*)\)")
_NO_SYMBOL = ("", "nan", "NA", "None")
# R converts "TP53 (7157)" to this form, and HLA-A to a name with a dot, by default.
_GENE_OF_R = re.compile(r".+\.\.(\d+|ENSG\d+)\.")
_MODEL = re.compile(r"ACH-\d+")
_PROFILE = re.compile(r"(PR|CDS|MC)-\w+")
_YES_AND_NO = {
    "yes": True,
    "true": True,
    "1": True,
    "1.0": True,
    "no": False,
    "false": False,
    "0": False,
    "0.0": False,
}


def read_depmap_expression(
    path: str | os.PathLike[str],
    *,
    profiles: pd.DataFrame | str | os.PathLike[str] | None = None,
    duplicates: Join = "error",
    replicates: Join = "error",
) -> pd.DataFrame:
    r"""Read basal expression from a table of DepMap or CCLE.

    Parameters
    ----------
    path : str or path
        A CSV of any release, compressed or not: `CCLE_expression.csv`,
        `OmicsExpressionProteinCodingGenesTPMLogp1.csv`,
        `OmicsExpressionTPMLogp1HumanProteinCodingGenes.csv`, their variants with all
        genes or with strands, by model or by profile, and selections of the portal.
    profiles : DataFrame, path or None, default=None
        `OmicsProfiles.csv` or `OmicsDefaultModelProfiles.csv`, which map profiles to
        models. Only needed for files with only profile ids (PR-...).
    duplicates : {"error", "mean", "drop"}, default="error"
        What to do with a symbol that names several columns.
    replicates : {"error", "mean", "drop"}, default="error"
        What to do with a model that still has several rows without the non-default
        profiles.

    Returns
    -------
    expression : DataFrame of shape (n_models, n_genes), float32
        Values as in the file, mostly log2(TPM + 1). The index, named
        `cell_line`, holds DepMap's ids (ACH-...), the columns are symbols; a gene
        without one keeps its id. `attrs["dropped"]` lists what was left out and why.

    Raises
    ------
    DataFileError
        If the file is empty, cut off, transposed or of another kind.
    InputError
        If a symbol or a model is repeated, or the file has profile ids that are not in
        `profiles`.

    Warns
    -----
    UserWarning
        If profiles, symbols or models were left out, or values are missing.

    See Also
    --------
    map_cell_lines : DepMap's ids for the cell lines of another source.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_depmap_expression
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "expression.csv")
    ...     _ = path.write_text(
    ...         ",TP53 (7157),EGFR (1956)\nACH-000001,3.5,0.5\nACH-000002,2.5,4\n"
    ...     )
    ...     read_depmap_expression(path)
                TP53  EGFR
    cell_line
    ACH-000001   3.5   0.5
    ACH-000002   2.5   4.0
    """
    check_join("duplicates", duplicates)
    check_join("replicates", replicates)
    header, separator = read_first_line(path, _EXPECTED)
    no_genes = _columns_without_genes(header, path)
    genes = sorted(set(range(len(header))) - set(no_genes))
    about, values = read_numbers(
        path, _EXPECTED, header=header, separator=separator, text=no_genes
    )
    about.columns = pd.Index([header[i] for i in no_genes])
    about = about.loc[:, ~about.columns.duplicated()]
    symbols = pd.Index([_name_gene(header[i]) for i in genes], dtype=object)
    values = values.set_axis(symbols, axis="columns")
    left_out = LeftOut(path)
    models = _models_of_rows(about, profiles, path, left_out)
    values = values[models.notna().to_numpy()].set_axis(
        pd.Index(models.dropna(), dtype=object)
    )
    return finish_expression(
        values,
        duplicates=duplicates,
        replicates=replicates,
        left_out=left_out,
        stacklevel=2,
    )


def _columns_without_genes(
    header: list[str], path: str | os.PathLike[str]
) -> list[int]:
    """Return the positions of the columns that describe rows."""
    found = [
        position
        for position, name in enumerate(header)
        if not _GENE.fullmatch(name)
        and (
            plain_column(name) in _MODEL_IDS or _NO_GENES.fullmatch(plain_column(name))
        )
    ]
    if any(map(_MODEL.search, header[1:])):
        msg = (
            f"{path} has models (ACH-...) in its columns; {_EXPECTED} was expected. "
            "Read it by pandas and transpose it."
        )
        raise DataFileError(msg)
    changed = [name for name in header if _GENE_OF_R.fullmatch(name)]
    if changed:
        msg = (
            f"{path}: R changed the names of its columns ({changed[0]!r}), dots "
            "also replace dashes. Use the file as published, or read and write it "
            "with check.names=FALSE."
        )
        raise DataFileError(msg)
    if len(header) - len(found) < 1 or len(header) < 2:
        msg = (
            f"{path} begins with the columns {list_offenders(map(repr, header))}; "
            f"{_EXPECTED} was expected."
        )
        raise DataFileError(msg)
    # The index is the first column, whatever its name, if no id column is found.
    named = any(plain_column(header[position]) in _MODEL_IDS for position in found)
    return found if named or 0 in found else [0, *found]


def _name_gene(column: str) -> str:
    """Return the symbol of 'TP53 (7157)', or the id if there is no symbol."""
    parts = _GENE.fullmatch(column)
    if parts is None:
        return column
    symbol = parts["symbol"].strip()
    return parts["id"].strip() if symbol in _NO_SYMBOL else symbol


def _models_of_rows(
    about: pd.DataFrame,
    profiles: pd.DataFrame | str | os.PathLike[str] | None,
    path: str | os.PathLike[str],
    left_out: LeftOut,
) -> pd.Series:
    """Return the model of each row, missing if the row is left out."""
    column = find_column(about, _MODEL_IDS)
    ids = about[about.columns[0] if column is None else column].str.strip()
    missing = np.flatnonzero(ids.isna())
    if len(missing):
        msg = f"{path}, row {missing[0]}: no id of a model in {ids.name!r}."
        raise DataFileError(msg)
    if ids.str.fullmatch(r"[\d.]+").all():
        msg = (
            f"{path} has no column of models: {ids.name!r} holds numbers such as "
            f"{ids.iloc[0]!r}. {_EXPECTED} was expected."
        )
        raise DataFileError(msg)
    kept = _defaults(about, path)
    if ids.str.fullmatch(_PROFILE).all():
        known, is_default = _models_by_profile(profiles, ids, path)
        kept &= ids.map(is_default).isin([True]).to_numpy()
        rows, ids = ids, ids.map(known)
    else:
        rows = _row_names(about, ids)
    if not kept.any():
        msg = f"{path}: none of its {len(kept)} profiles is the default of its model."
        raise DataFileError(msg)
    left_out.add(list(rows[~kept]), "profiles", "not the default of their model")
    return ids.where(kept)


def _row_names(about: pd.DataFrame, models: pd.Series) -> pd.Series:
    """Return distinct names for rows of one model, if the file has them."""
    column = find_column(about, ("sequencingid", "profileid", "modelconditionid"))
    if column is None:
        return models
    return about[column].fillna("?") + " of " + models


def _defaults(about: pd.DataFrame, path: str | os.PathLike[str]) -> np.ndarray:
    """Return a mask of the rows that are the default of their model; all if unknown."""
    column = find_column(about, (_DEFAULT_OF_MODEL, _DEFAULT_OF_CONDITION))
    if column is None:
        return np.ones(len(about), dtype=bool)
    return _read_flags(about[column], f"{path}, column {column!r}")


def _read_flags(entries: pd.Series, where: str) -> np.ndarray:
    """Read Yes and No, True and False, 1 and 0."""
    flags = entries.astype(str).str.strip().str.casefold().map(_YES_AND_NO)
    foreign = np.flatnonzero(flags.isna())
    if len(foreign):
        msg = (
            f"{where}, row {foreign[0]}: {entries.iloc[foreign[0]]!r} is neither Yes "
            "nor No."
        )
        raise DataFileError(msg)
    return flags.to_numpy(dtype=bool)


def _models_by_profile(
    profiles: pd.DataFrame | str | os.PathLike[str] | None,
    ids: pd.Series,
    path: str | os.PathLike[str],
) -> tuple[pd.Series, pd.Series]:
    """Return the model of each profile, and whether it is the model's default."""
    if profiles is None:
        msg = (
            f"{path} names profiles ({ids.iloc[0]!r}), not models: give "
            f"profiles=, the path of {_PROFILES}."
        )
        raise InputError(msg)
    source = "profiles" if isinstance(profiles, pd.DataFrame) else profiles
    if not isinstance(profiles, pd.DataFrame):
        profiles = read_text_table(profiles, _PROFILES)
    key = "modelconditionid" if ids.iloc[0].startswith("MC-") else "profileid"
    key = "sequencingid" if ids.iloc[0].startswith("CDS-") else key
    table = profiles.reset_index()
    profile, model = find_column(table, (key,)), find_column(table, _MODEL_IDS)
    if profile is None or model is None:
        msg = (
            f"{source} has the columns {list_offenders(map(repr, table.columns))}; "
            f"{_PROFILES} was expected."
        )
        raise InputError(msg)
    table = table.dropna(subset=[profile, model]).drop_duplicates(profile)
    if not table[profile].isin(ids).any():
        msg = (
            f"{source} has none of the {len(ids)} profiles of {path}, such as "
            f"{ids.iloc[0]!r}; its ids look like {table[profile].iloc[0]!r}."
            if len(table)
            else f"{source} has no profile with a model."
        )
        raise InputError(msg)
    flag = find_column(table, (_DEFAULT_OF_MODEL,))
    default = (
        np.ones(len(table), dtype=bool)
        if flag is None
        else _read_flags(table[flag], f"{source}, column {flag!r}")
    )
    index = pd.Index(table[profile])
    return (
        pd.Series(table[model].to_numpy(), index=index),
        pd.Series(default, index=index),
    )
