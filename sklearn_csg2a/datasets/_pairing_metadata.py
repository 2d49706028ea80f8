"""What the metadata of profiles say of treatments, controls and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a.datasets._compounds import CompoundTable, find_smiles
from sklearn_csg2a.datasets._units import parse_doses, parse_times
from sklearn_csg2a.exceptions import InputError, list_offenders

__all__ = [
    "TREATMENT",
    "Choice",
    "check_ids",
    "describe_treated",
    "read_batches",
    "read_choice",
    "refuse_mixed_batches",
    "refuse_other_cells",
    "resolve_columns",
]

Choice = tuple[str, Any] | Sequence[bool] | np.ndarray | pd.Series

# Replicates share these.
TREATMENT = ["batch", "cell", "compound", "smiles", "dose", "time"]

# What is read from the metadata, and how published L1000 tables call it.
_COLUMNS = {
    "cell": "cell_id",
    "compound": "pert_id",
    "smiles": "canonical_smiles",
    "dose": "pert_dose",
    "dose_unit": "pert_dose_unit",
    "time": "pert_time",
    "time_unit": "pert_time_unit",
}
_MAY_BE_ABSENT = {"smiles", "dose_unit", "time_unit"}


def check_ids(metadata: pd.DataFrame) -> None:
    """Refuse profile ids that stand for two profiles."""
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
    """Return the column of metadata for each thing that is read."""
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
    """Return the rows that are chosen, as a mask."""
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
        msg = f"{name}={choice!r} chooses no row of metadata."
        raise InputError(msg)
    return mask


def read_batches(metadata: pd.DataFrame, batch: str | Sequence[str]) -> pd.Series:
    """Return the batch of each row: the values of one column or of several."""
    names = [batch] if isinstance(batch, str) else list(batch)
    for name in names:
        if name not in metadata.columns:
            raise _absent("batch", name, metadata)
    missing = metadata[names].isna().any(axis=1)
    parts = [metadata[name].astype(str) for name in names]
    joined = parts[0].astype(object)
    for part in parts[1:]:
        joined = joined + "|" + part
    return joined.mask(missing, None)


def refuse_mixed_batches(wells: pd.DataFrame, batch: str | Sequence[str]) -> None:
    """Refuse to average the controls of several cell lines."""
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
    """Refuse to pair a treated profile with another cell line."""
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
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the table of treatments, and why each cannot be used (or None)."""
    compound = rows[names["compound"]].astype(object)
    if compounds is None:
        own = rows[names["smiles"]].astype(object)
        found = find_smiles(own, {text: text for text in own.dropna().unique()})
    else:
        found = find_smiles(compound, compounds)
    units = [
        rows[names[key]] if key in names else None for key in ("dose_unit", "time_unit")
    ]
    table = pd.DataFrame(
        {
            "smiles": found["smiles"],
            "dose": parse_doses(rows[names["dose"]], units[0]),
            "time": parse_times(rows[names["time"]], units[1]),
            "cell": rows[names["cell"]].astype(object),
            "batch": batches[rows.index],
            "compound": compound,
            "n_replicates": 1,
        },
        index=rows.index,
    )
    reasons = found["problem"].copy()
    for column, reason in (
        ("dose", "no dose"),
        ("time", "no time"),
        ("cell", "no cell line"),
        ("batch", "no batch"),
    ):
        reasons[table[column].isna() & reasons.isna()] = reason
    return table, reasons
