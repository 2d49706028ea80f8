"""Pairing of treated profiles with the controls of their batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from numbers import Integral
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

from sklearn_csg2a.datasets._compounds import CompoundTable
from sklearn_csg2a.datasets._left_out import describe_reasons
from sklearn_csg2a.datasets.pairing._means import ProfileMeans, average_profiles
from sklearn_csg2a.datasets.pairing._metadata import (
    TREATMENT,
    Choice,
    add_reason,
    check_ids,
    check_index,
    describe_treated,
    read_batches,
    read_choice,
    refuse_mixed_batches,
    refuse_other_cells,
    resolve_columns,
)
from sklearn_csg2a.exceptions import InputError

__all__ = ["pair_with_controls"]


def pair_with_controls(
    profiles: pd.DataFrame | Iterable[pd.DataFrame],
    metadata: pd.DataFrame,
    *,
    batch: str | Sequence[str] = "plate",
    control: Choice = ("pert_type", "ctl_vehicle"),
    treated: Choice | None = None,
    how: Literal["mean", "sample"] = "mean",
    replicates: Literal["each", "mean"] = "each",
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
        Expression; the index holds profile ids. Blocks, as yielded by
        :func:`iter_gctx`, are averaged one by one and need not fit in memory together.
    metadata : DataFrame
        One row per profile, indexed by profile id. Profiles that are not in it are an
        error; those missing from `profiles` are left out and counted.
    batch : str or list of str, default="plate"
        The columns of `metadata` whose values define a batch.
    control : (column, value or values) or array of bool, default=("pert_type", \
"ctl_vehicle")
        Which rows of `metadata` are controls.
    treated : (column, value or values), array of bool or None, default=None
        Which rows are treated, for example after a quality filter. None uses all rows
        that are not controls.
    how : {"mean", "sample"}, default="mean"
        `"mean"`: the basal expression of a treated profile is the mean of its
        batch's controls. `"sample"`: it is one of them, drawn for each row of X.
    replicates : {"each", "mean"}, default="each"
        `"each"` keeps every treated profile. `"mean"` averages those of one batch,
        cell line, compound, dose and time.
    min_replicates : int, default=1
        Leave out treatments with fewer replicates in their batch.
    min_controls : int, default=1
        Leave out batches with fewer controls.
    compounds : mapping, Series, DataFrame, path or None, default=None
        SMILES by compound id, if `metadata` has none; a table (DataFrame, CSV, TSV
        or workbook) has a column `smiles` and the ids as index or in any column.
    columns : mapping of str to str or None, default=None
        Columns of `metadata` with names other than those of published L1000 tables:
        `"cell"` (cell_id), `"compound"` (pert_id), `"smiles"` (canonical_smiles),
        `"dose"` (pert_dose), `"dose_unit"` (pert_dose_unit), `"time"` (pert_time),
        `"time_unit"` (pert_time_unit). Values may include the unit ("10 uM").
    random_state : int, RandomState or None, default=None
        Seed for drawing the controls with `how="sample"`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per treated profile (or mean of replicates):
          `cell_line` (the id of its control, a row of `expression`), `smiles`, `dose`
          (uM), `time` (h), `cell`, `batch`, `compound`, `n_replicates`.
        - `Y`: DataFrame (rows of X, genes), float32, expression after treatment.
        - `expression`: DataFrame (controls, genes), float32, index `cell_line`.
        - `controls`: DataFrame, `cell`, `batch` and `n_wells` of each, same index.
        - `dropped`: DataFrame, one row per treated profile that was left out, by its
          id: `compound` and `reason`.

    Raises
    ------
    InputError
        If a column is missing, a dose or time cannot be read, a batch has more than one
        cell line, metadata is not indexed by profile, or nothing is left.

    Warns
    -----
    UserWarning
        If treated profiles were left out; they are counted by reason, and the first
        are named.

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
    check_ids(metadata)
    blocks = iter([profiles] if isinstance(profiles, pd.DataFrame) else profiles)
    first = next(blocks, None)
    there = np.ones(len(metadata), dtype=bool)
    if first is not None:
        check_index(metadata, first)
        blocks = chain([first], blocks)
    if isinstance(profiles, pd.DataFrame):
        there = metadata.index.isin(profiles.index)
    names = resolve_columns(metadata, columns, compounds)
    is_control = read_choice(control, metadata, "control")
    is_treated = ~is_control
    if treated is not None:
        is_treated &= read_choice(treated, metadata, "treated")
    batches = read_batches(metadata, batch)
    usable = is_control & there & batches.notna().to_numpy()
    wells = pd.DataFrame({"cell": metadata[names["cell"]], "batch": batches})[usable]
    refuse_mixed_batches(wells, batch)
    table, left_out = describe_treated(
        metadata[is_treated], names, batches[is_treated], compounds
    )
    add_reason(left_out, ~there[is_treated], "no profile")
    n_wells = table["batch"].map(wells["batch"].value_counts()).fillna(0)
    add_reason(left_out, (n_wells < min_controls).to_numpy(), "too few controls")
    kept = left_out["reason"].isna()
    refuse_other_cells(table[kept], wells, batch)
    size = table[kept].groupby(TREATMENT)["n_replicates"].transform("size")
    few = table.index.isin(size.index[size < min_replicates])
    add_reason(left_out, few, "too few replicates")
    kept = left_out["reason"].isna()
    X, rows = _choose_rows(table[kept], replicates)
    if X.empty:
        msg = (
            f"No treated profile is left of {len(table)} "
            f"({describe_reasons(left_out['reason'], left_out['name'])}). See `batch`, "
            "`control`, `columns` and `compounds`."
        )
        raise InputError(msg)
    X, wells = _assign_controls(X, wells, how, random_state)
    ids = pd.Index(wells["cell_line"].unique(), name="cell_line")
    groups = np.full((2, len(metadata)), -1, dtype=np.int64)
    groups[0, metadata.index.get_indexer(rows.index)] = rows
    of_well = ids.get_indexer(pd.Index(wells["cell_line"]))
    groups[1, metadata.index.get_indexer(wells.index)] = of_well
    (perturbed, basal), seen = average_profiles(
        blocks, metadata.index, groups, (len(X), len(ids))
    )
    controls = wells.groupby("cell_line", sort=False)[["cell", "batch"]].first()
    has_control = basal.counts[controls.index.get_indexer(pd.Index(X["cell_line"]))] > 0
    came = seen[metadata.index.get_indexer(left_out.index)]
    add_reason(left_out, ~came, "no profile")
    alone = rows.index[~has_control[rows.to_numpy()]]
    add_reason(left_out, left_out.index.isin(alone), "too few controls")
    left_out["compound"] = table["compound"]
    return _gather(X, perturbed, basal, controls, has_control, left_out)


def _choose_rows(kept: pd.DataFrame, replicates: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the rows of X, and for each treated profile the row it belongs to."""
    if replicates == "each":
        return kept, pd.Series(np.arange(len(kept)), index=kept.index)
    groups = kept.groupby(TREATMENT, sort=False)
    rows = groups.ngroup()
    first = kept[~rows.duplicated().to_numpy()].reset_index(drop=True)
    return first.assign(n_replicates=np.bincount(rows, minlength=len(first))), rows


def _gather(
    X: pd.DataFrame,
    perturbed: ProfileMeans,
    basal: ProfileMeans,
    controls: pd.DataFrame,
    has_control: np.ndarray,
    left_out: pd.DataFrame,
) -> Bunch:
    """Assemble the tables; leave out treatments without profiles."""
    complete = has_control & (perturbed.counts > 0)
    if not complete.any():
        msg = f"profiles has none of the {len(X)} treatments with their controls."
        raise InputError(msg)
    dropped = left_out[left_out["reason"].notna()]
    if len(dropped):
        warnings.warn(
            f"{len(dropped)} of {len(left_out)} treated profiles were left out: "
            f"{describe_reasons(dropped['reason'], dropped['name'])}. `dropped` of the "
            "result lists them all.",
            stacklevel=3,
        )
    X = X.assign(n_replicates=perturbed.counts)
    controls = controls.assign(n_wells=basal.counts)
    Y, expression = perturbed.table(X.index), basal.table(controls.index)
    if not complete.all():
        X, Y = X[complete], Y[complete]
        used = controls.index.isin(X["cell_line"])
        controls, expression = controls[used], expression[used]
    return Bunch(
        X=X,
        Y=Y,
        expression=expression,
        controls=controls,
        dropped=dropped[["compound", "reason"]].rename_axis("profile"),
    )


def _check_choices(*, how: str, replicates: str) -> None:
    """Reject unknown options."""
    for name, value, choices in (
        ("how", how, ("mean", "sample")),
        ("replicates", replicates, ("each", "mean")),
    ):
        if value not in choices:
            msg = f"{name}={value!r} is unknown; choose one of {choices}."
            raise InputError(msg)


def _check_counts(**counts: int) -> None:
    """Reject limits that are not positive integers."""
    for name, value in counts.items():
        if not isinstance(value, Integral) or value < 1:
            msg = f"{name}={value!r} must be an integer of at least 1."
            raise InputError(msg)


def _assign_controls(
    X: pd.DataFrame,
    wells: pd.DataFrame,
    how: str,
    random_state: int | np.random.RandomState | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set the control id of each treatment, and of each control used."""
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
