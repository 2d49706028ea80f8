"""Treated profiles beside the controls of their batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

from sklearn_csg2a.datasets._compounds import CompoundTable, find_smiles
from sklearn_csg2a.datasets._profile_means import ProfileMeans, average_profiles
from sklearn_csg2a.datasets._units import parse_doses, parse_times
from sklearn_csg2a.exceptions import InputError, list_offenders

__all__ = ["pair_with_controls"]

Choice = tuple[str, Any] | Sequence[bool] | np.ndarray | pd.Series

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


def pair_with_controls(
    profiles: pd.DataFrame | Iterable[pd.DataFrame],
    metadata: pd.DataFrame,
    *,
    batch: str | Sequence[str] = "plate",
    control: Choice = ("pert_type", "ctl_vehicle"),
    treated: Choice | None = None,
    how: str = "mean",
    replicates: str = "each",
    min_replicates: int = 1,
    min_controls: int = 1,
    compounds: CompoundTable | None = None,
    columns: Mapping[str, str] | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Pair every treated profile with the controls of its batch.

    Parameters
    ----------
    profiles : DataFrame (profiles, genes) or iterable of such
        Expression; the index holds profile ids. Blocks, as :func:`iter_gctx` yields
        them, are averaged as they come and need not fit in memory together.
    metadata : DataFrame
        One row per profile, indexed by profile id. Profiles that it does not know
        are an error; those it knows and `profiles` lacks are left out and counted.
    batch : str or list of str, default="plate"
        The columns of `metadata` whose values make a batch.
    control : (column, value or values) or array of bool, default=("pert_type", \
"ctl_vehicle")
        Which rows of `metadata` are controls.
    treated : (column, value or values), array of bool or None, default=None
        Which rows are treated, the place for filters of quality. None takes all
        that are no controls.
    how : {"mean", "sample"}, default="mean"
        `"mean"`: the basal expression of a treated profile is the mean of its
        batch's controls. `"sample"`: it is one of them, drawn for each row of X.
    replicates : {"each", "mean"}, default="each"
        `"each"` keeps every treated profile. `"mean"` averages those of one batch,
        cell line, compound, dose and time.
    min_replicates : int, default=1
        Leave treatments with fewer replicates in their batch out.
    min_controls : int, default=1
        Leave batches with fewer controls out.
    compounds : mapping or Series or None, default=None
        SMILES by compound id, where `metadata` has none.
    columns : mapping of str to str or None, default=None
        Columns of `metadata` with other names than those of published L1000 tables:
        `"cell"` (cell_id), `"compound"` (pert_id), `"smiles"` (canonical_smiles),
        `"dose"` (pert_dose), `"dose_unit"` (pert_dose_unit), `"time"` (pert_time),
        `"time_unit"` (pert_time_unit). Units may stand with the value ("10 uM").
    random_state : int, RandomState or None, default=None
        Draws the controls of `how="sample"`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        X : DataFrame, one row per treated profile (or mean of replicates):
            `cell_line` (the id of its control, a row of `expression`), `smiles`,
            `dose` (uM), `time` (h), `cell`, `batch`, `compound`, `n_replicates`.
        Y : DataFrame (rows of X, genes), float32, expression after treatment.
        expression : DataFrame (controls, genes), float32, index `cell_line`.
        controls : DataFrame, `cell`, `batch` and `n_wells` of each, same index.
        dropped : Series, number of treated profiles left out by reason.

    Raises
    ------
    InputError
        If a column is missing, a dose or time cannot be read, a batch holds more
        than one cell line, or nothing is left.

    Warns
    -----
    UserWarning
        If treated profiles were left out; they are counted by reason.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.datasets import pair_with_controls
    >>> wells = pd.Index(["A1", "A2", "A3"])
    >>> profiles = pd.DataFrame({"TP53": [6.0, 7.0, 9.0]}, index=wells)
    >>> metadata = pd.DataFrame(
    ...     {
    ...         "plate": "P1",
    ...         "cell_id": "A375",
    ...         "pert_type": ["ctl_vehicle", "ctl_vehicle", "trt_cp"],
    ...         "pert_id": ["DMSO", "DMSO", "B1"],
    ...         "pert_dose": ["-666", "-666", "10 uM"],
    ...         "pert_time": "24 h",
    ...     },
    ...     index=wells,
    ... )
    >>> data = pair_with_controls(profiles, metadata, compounds={"B1": "CCO"})
    >>> data.X[["cell_line", "smiles", "dose", "time", "cell"]]
       cell_line smiles  dose  time  cell
    A3        P1    CCO  10.0  24.0  A375
    >>> data.expression
               TP53
    cell_line
    P1          6.5
    """
    _check_choices(how=how, replicates=replicates)
    _check_counts(min_replicates=min_replicates, min_controls=min_controls)
    _check_ids(metadata)
    if isinstance(profiles, pd.DataFrame):
        profiles = [profiles]
        known = metadata.index.isin(profiles[0].index)
    else:
        known = np.ones(len(metadata), dtype=bool)
    names = _resolve_columns(metadata, columns, compounds)
    is_control = _read_choice(control, metadata, "control")
    is_treated = (
        ~is_control if treated is None else _read_choice(treated, metadata, "treated")
    )
    batches = _read_batches(metadata, batch)
    wells = pd.DataFrame(
        {"cell": metadata[names["cell"]].astype(object), "batch": batches}
    )[is_control & known & batches.notna().to_numpy()]
    _refuse_mixed_batches(wells, batch)
    table, reasons = _describe_treated(
        metadata[is_treated & ~is_control], names, batches, compounds
    )
    lacking = ~metadata.index[is_treated & ~is_control].isin(metadata.index[known])
    reasons[lacking & reasons.isna().to_numpy()] = "no profile"
    n_wells = wells["batch"].value_counts()
    few = table["batch"].map(n_wells).fillna(0) < min_controls
    reasons[few.to_numpy() & reasons.isna().to_numpy()] = "too few controls"
    _refuse_other_cells(table[reasons.isna()], wells, batch)
    keys = ["batch", "cell", "compound", "smiles", "dose", "time"]
    kept = table[reasons.isna()]
    size = kept.groupby(keys, observed=True, dropna=False)["n_replicates"].transform(
        "size"
    )
    reasons[size.index[size < min_replicates]] = "too few replicates"
    kept = table[reasons.isna()]
    if kept.empty:
        msg = (
            f"No treated profile is left of {len(table)}: {_count(reasons)}. See "
            "`batch`, `control`, `columns` and `compounds`."
        )
        raise InputError(msg)
    if replicates == "mean":
        rows = kept.groupby(keys, sort=False, observed=True, dropna=False).ngroup()
        X = kept.groupby(rows.to_numpy(), sort=True).first()
        X["n_replicates"] = rows.value_counts().sort_index().to_numpy()
    else:
        rows = pd.Series(np.arange(len(kept)), index=kept.index)
        X = kept
    X, wells = _assign_controls(X, wells, how, random_state)
    ids = pd.Index(wells["cell_line"].unique(), name="cell_line")
    targets = np.full((2, len(metadata)), -1, dtype=np.int64)
    targets[0, metadata.index.get_indexer(rows.index)] = rows
    targets[1, metadata.index.get_indexer(wells.index)] = ids.get_indexer(
        wells["cell_line"]
    )
    perturbed, basal = average_profiles(
        profiles, metadata.index, targets, (len(X), len(ids))
    )
    return _gather(X, perturbed, basal, wells, ids, reasons)


def _gather(
    X: pd.DataFrame,
    perturbed: ProfileMeans,
    basal: ProfileMeans,
    wells: pd.DataFrame,
    ids: pd.Index,
    reasons: pd.Series,
) -> Bunch:
    """Put the tables together; leave out what no block of profiles brought."""
    controls = wells.groupby("cell_line", sort=False)[["cell", "batch"]].first()
    controls = controls.loc[ids].assign(n_wells=basal.counts)
    seen = perturbed.counts > 0
    with_control = basal.counts[ids.get_indexer(X["cell_line"])] > 0
    complete = seen & with_control
    n_lost = int(X["n_replicates"][~complete].sum())
    counts = reasons.dropna().value_counts()
    if n_lost:
        counts["no profile"] = counts.get("no profile", 0) + n_lost
    if not complete.any():
        msg = f"None of the {len(X)} treatments in metadata has profiles."
        raise InputError(msg)
    if len(counts):
        listed = ", ".join(f"{number}: {reason}" for reason, number in counts.items())
        warnings.warn(
            f"{counts.sum()} of {len(reasons)} treated profiles were left out "
            f"({listed}).",
            stacklevel=3,
        )
    X = X.assign(n_replicates=perturbed.counts)
    Y = perturbed.table(X.index)
    expression = basal.table(ids)
    if not complete.all():
        X, Y = X[complete], Y[complete]
    used = ids.isin(X["cell_line"])
    if not used.all():
        expression, controls = expression[used], controls[used]
    return Bunch(
        X=X,
        Y=Y,
        expression=expression,
        controls=controls,
        dropped=counts.rename_axis("reason").rename("n_profiles"),
    )


def _check_choices(*, how: str, replicates: str) -> None:
    """Refuse unknown words."""
    for name, value, choices in (
        ("how", how, ("mean", "sample")),
        ("replicates", replicates, ("each", "mean")),
    ):
        if value not in choices:
            msg = f"{name}={value!r} is unknown; choose one of {choices}."
            raise InputError(msg)


def _check_counts(**counts: int) -> None:
    """Refuse limits that are no counts."""
    for name, value in counts.items():
        if not isinstance(value, Integral) or value < 1:
            msg = f"{name}={value!r} must be a whole number of at least 1."
            raise InputError(msg)


def _check_ids(metadata: pd.DataFrame) -> None:
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


def _resolve_columns(
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


def _read_choice(choice: Choice, metadata: pd.DataFrame, name: str) -> np.ndarray:
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


def _read_batches(metadata: pd.DataFrame, batch: str | Sequence[str]) -> pd.Series:
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


def _refuse_mixed_batches(wells: pd.DataFrame, batch: str | Sequence[str]) -> None:
    """Refuse to average the controls of several cell lines."""
    n_cells = wells.groupby("batch")["cell"].nunique()
    mixed = n_cells.index[n_cells > 1]
    if len(mixed):
        msg = (
            f"The controls of batch {list_offenders(map(repr, mixed))} are of more "
            f"than one cell line. Add its column to batch={batch!r}."
        )
        raise InputError(msg)


def _refuse_other_cells(
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


def _describe_treated(
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
    units = [rows[names[key]] if key in names else None for key in _UNITS]
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


_UNITS = ("dose_unit", "time_unit")


def _assign_controls(
    X: pd.DataFrame,
    wells: pd.DataFrame,
    how: str,
    random_state: int | np.random.RandomState | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give each treatment the id of its control, and each well used its own."""
    if how == "mean":
        used = wells[wells["batch"].isin(X["batch"])]
        wells = used.assign(cell_line=used["batch"])
        cell_line = X["batch"]
    else:
        rng = check_random_state(random_state)
        of_batch = wells.groupby("batch").indices
        draws = rng.random_sample(len(X))
        drawn = [
            of_batch[name][int(draw * len(of_batch[name]))]
            for name, draw in zip(X["batch"], draws, strict=True)
        ]
        cell_line = pd.Series(wells.index[drawn], index=X.index)
        wells = wells.iloc[np.unique(drawn)]
        wells = wells.assign(cell_line=wells.index)
    X = X.copy()
    X.insert(0, "cell_line", cell_line)
    return X, wells


def _count(reasons: pd.Series) -> str:
    """List the reasons with their numbers of profiles."""
    counts = reasons.dropna().value_counts()
    return ", ".join(f"{number}: {reason}" for reason, number in counts.items())
