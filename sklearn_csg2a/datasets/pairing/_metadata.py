"""Treatments, controls and batches in the metadata of profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.names import match_names
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets._compounds import CompoundTable, find_smiles
from sklearn_csg2a.datasets._left_out import name_rows
from sklearn_csg2a.datasets.pairing._units import parse_doses, parse_times
from sklearn_csg2a.datasets.readers._text import mask_missing
from sklearn_csg2a.exceptions import InputError

__all__ = [
    "TREATMENT",
    "Choice",
    "add_reason",
    "check_ids",
    "check_index",
    "describe_treated",
    "read_batches",
    "read_choice",
    "refuse_mixed_batches",
    "refuse_other_cells",
    "resolve_columns",
]

Choice = tuple[str, Any] | Sequence[bool] | np.ndarray | pd.Series

# Replicates agree in these columns.
TREATMENT = ["batch", "cell", "compound", "smiles", "dose", "time"]

# Fields read from the metadata, and their columns in published L1000 tables.
_COLUMNS = {
    "cell": "cell_id",
    "compound": "pert_id",
    "smiles": "canonical_smiles",
    "dose": "pert_dose",
    "dose_unit": "pert_dose_unit",
    "time": "pert_time",
    "time_unit": "pert_time_unit",
}
# Similar names are searched among at most so many ids, because it is slow.
_MAX_COMPARED = 50_000

_MAY_BE_ABSENT = {"smiles", "dose_unit", "time_unit"}


def check_ids(metadata: pd.DataFrame) -> None:
    """Reject repeated profile ids."""
    repeated = metadata.index[metadata.index.duplicated()].unique()
    if len(repeated):
        msg = (
            "metadata has more than one row for the profiles "
            f"{list_offenders(map(repr, repeated))}."
        )
        raise InputError(msg)


def _absent(what: str, column: str, metadata: pd.DataFrame) -> InputError:
    """Return the error for a column that metadata lacks."""
    there = list_offenders(map(repr, metadata.columns), limit=20)
    return InputError(f"{what}: metadata has no column {column!r}, only {there}.")


def resolve_columns(
    metadata: pd.DataFrame,
    columns: Mapping[str, str] | None,
    compounds: CompoundTable | None,
) -> dict[str, str]:
    """Return the column of metadata for each field."""
    unknown = [key for key in columns or {} if key not in _COLUMNS]
    if unknown:
        msg = (
            f"columns: {list_offenders(map(repr, unknown))} unknown; keys are "
            f"{', '.join(_COLUMNS)}."
        )
        raise InputError(msg)
    names = _COLUMNS | dict(columns or {})
    for key, column in list(names.items()):
        if column in metadata.columns:
            continue
        if key in (columns or {}) or key not in _MAY_BE_ABSENT:
            raise _absent(f"columns[{key!r}]", column, metadata)
        del names[key]
    if compounds is None and "smiles" not in names:
        msg = (
            "metadata has no SMILES (column 'canonical_smiles'): name the column by "
            "columns={'smiles': ...}, or give compounds=, SMILES by compound id."
        )
        raise InputError(msg)
    return names


def read_choice(choice: Choice, metadata: pd.DataFrame, name: str) -> np.ndarray:
    """Return the chosen rows as a mask."""
    if isinstance(choice, tuple) and len(choice) == 2 and isinstance(choice[0], str):
        column, wanted = choice
        if column not in metadata.columns:
            raise _absent(name, column, metadata)
        values = [wanted] if isinstance(wanted, str) else np.atleast_1d(wanted)
        mask = metadata[column].isin(list(values)).to_numpy()
    else:
        if isinstance(choice, pd.Series):
            choice = choice.reindex(metadata.index)
        mask = np.asarray(choice)
        if mask.dtype.kind != "b" or mask.shape != (len(metadata),):
            msg = (
                f"{name} must be (column, value) or one True or False for each of the "
                f"{len(metadata)} rows of metadata."
            )
            raise InputError(msg)
    if not mask.any():
        there = _list_values(choice, metadata)
        msg = f"{name}={choice!r} chooses no row of metadata.{there}"
        raise InputError(msg)
    return mask


def _list_values(choice: Choice, metadata: pd.DataFrame) -> str:
    """List the values to choose from."""
    if not isinstance(choice, tuple):
        return ""
    held = metadata.loc[:, choice[0]].dropna().unique()
    return f"  The column contains {list_offenders(map(repr, held.tolist()))}."


def read_batches(metadata: pd.DataFrame, batch: str | Sequence[str]) -> pd.Series:
    """Return the batch of each row: the values of one column or of several."""
    names = [batch] if isinstance(batch, str) else list(batch)
    for name in names:
        if name not in metadata.columns:
            raise _absent("batch", name, metadata)
    columns = [mask_missing(metadata[name].astype(object)) for name in names]
    missing = pd.concat(columns, axis=1).isna().any(axis=1)
    parts = [column.astype(str) for column in columns]
    joined = parts[0].astype(object)
    for part in parts[1:]:
        joined = joined + "|" + part
    return joined.mask(missing, None)


def refuse_mixed_batches(wells: pd.DataFrame, batch: str | Sequence[str]) -> None:
    """Reject batches whose controls are of several cell lines."""
    n_cells = wells.groupby("batch")["cell"].nunique()
    mixed = n_cells.index[n_cells > 1]
    if len(mixed):
        msg = (
            f"The controls of batch {list_offenders(map(repr, mixed))} are of more "
            f"than one cell line. Add its column to batch={batch!r}."
        )
        raise InputError(msg)


def refuse_other_cells(
    table: pd.DataFrame, wells: pd.DataFrame, batch: str | Sequence[str]
) -> None:
    """Reject treated profiles of another cell line than their controls."""
    cells = table["batch"].map(wells.groupby("batch")["cell"].first())
    other = table.index[(cells != table["cell"]).to_numpy()]
    if len(other):
        msg = (
            f"Profiles {list_offenders(map(repr, other))} are of another cell line "
            f"than the controls of their batch. Add its column to batch={batch!r}."
        )
        raise InputError(msg)


def describe_treated(
    rows: pd.DataFrame,
    names: dict[str, str],
    batches: pd.Series,
    compounds: CompoundTable | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of treatments, and the reasons why some cannot be used.

    The second table has the `reason` (or None) and the `name` it refers to. Doses and
    times are only read for compounds with a structure, because proteins have other
    units.
    """
    compound = mask_missing(rows[names["compound"]].astype(object))
    left_out = pd.DataFrame(
        {"reason": None, "name": name_rows(rows.index)}, dtype=object
    )
    if compounds is None:
        own = mask_missing(rows[names["smiles"]].astype(object))
        found = find_smiles(own, {text: text for text in own.dropna().unique()})
        left_out["reason"] = found["problem"].mask(own.isna(), "no structure")
    else:
        found = find_smiles(compound, compounds)
        left_out["reason"] = found["problem"]
        left_out["name"] = found["name"].where(compound.notna(), left_out["name"])
    readable = found["smiles"].notna()
    table = pd.DataFrame(
        {
            "smiles": found["smiles"],
            "dose": _read_amounts(parse_doses, rows[readable], names, "dose"),
            "time": _read_amounts(parse_times, rows[readable], names, "time"),
            "cell": mask_missing(rows[names["cell"]].astype(object)),
            "batch": batches[rows.index],
            "compound": compound,
            "n_replicates": 1,
        },
        index=rows.index,
    )
    for column, reason in (
        ("dose", "no dose"),
        ("time", "no time"),
        ("cell", "no cell line"),
        ("batch", "no batch"),
    ):
        add_reason(left_out, table[column].isna().to_numpy(), reason)
    return table, left_out


def add_reason(left_out: pd.DataFrame, rows: np.ndarray, reason: str) -> None:
    """Set the reason for leaving out profiles, unless they have one."""
    new = rows & left_out["reason"].isna().to_numpy()
    left_out.loc[new, "reason"] = reason
    left_out.loc[new, "name"] = [repr(profile) for profile in left_out.index[new]]


def _read_amounts(
    parse: Callable[..., np.ndarray],
    rows: pd.DataFrame,
    names: dict[str, str],
    key: str,
) -> pd.Series:
    """Read the doses or times of some rows, with their units if present."""
    unit = f"{key}_unit"
    units = rows[names[unit]] if unit in names else None
    return pd.Series(parse(rows[names[key]], units), index=rows.index)


def check_index(metadata: pd.DataFrame, profiles: pd.DataFrame) -> None:
    """Reject metadata whose index has none of the profiles; suggest a fix."""
    if not len(profiles) or metadata.index.isin(profiles.index).any():
        return
    msg = (
        "metadata is not indexed by profile: the ids of profiles are "
        f"{_show_ids(profiles.index)}, and the index of metadata has "
        f"{_show_ids(metadata.index)}. "
    )
    raise InputError(msg + _advise_index(metadata, profiles))


def _show_ids(ids: pd.Index) -> str:
    """Show the first ids."""
    return list_offenders([repr(label) for label in ids[:3].tolist()])


def _advise_index(metadata: pd.DataFrame, profiles: pd.DataFrame) -> str:
    """Suggest how to index metadata by profile."""
    ids = profiles.index
    shared = {
        column: metadata[column].isin(ids).sum()
        for column in metadata.columns[~metadata.columns.duplicated()]
    }
    best = max(shared, key=lambda column: shared[column], default=None)
    if best is not None and shared[best]:
        return f"Its column {best!r} contains them: use metadata.set_index({best!r})."
    if metadata.index.isin(profiles.columns).any():
        return "The columns of profiles contain them: use profiles.T."
    if metadata.index.astype(str).isin(ids.astype(str)).any():
        return "One of them is text and the other numeric: use .astype(str) on both."
    if len(metadata) <= _MAX_COMPARED:
        known = metadata.index.astype(str).tolist()
        matches = match_names(ids[:5].astype(str).tolist(), known)
        for one, other in matches.matched.items():
            return f"They differ in case, blanks or dashes: {one!r} and {other!r}."
    return "Use metadata.set_index(...) with the column of the ids of profiles."
