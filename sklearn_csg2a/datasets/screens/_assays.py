"""Repeated measurements of GDSC: averages, effects of the assay, pairs of them."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.names import plain_spelling
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.datasets._choices import check_choice
from sklearn_csg2a.datasets._home import read_table
from sklearn_csg2a.datasets.screens._gdsc import describe_rows, read_annotation
from sklearn_csg2a.exceptions import InputError

__all__ = [
    "FOLDER",
    "average_repeats",
    "estimate_assay_effects",
    "paired_measurements",
    "read_measurements",
]

FOLDER = "gdsc_full"
RELEASES = ("GDSC1", "GDSC2")
PAIR = ["cell_line", "drug"]


def read_measurements(data_home: str | os.PathLike[str] | None) -> pd.DataFrame:
    """Read all measurements of both screens, in the order of the file."""
    ids = ["screen", *PAIR]
    return read_table(
        data_home,
        f"{FOLDER}/response.csv.gz",
        [*ids, "ln_ic50", "auc"],
        text=ids,
        numbers=["ln_ic50", "auc"],
        complete=ids,
    )


def average_repeats(measurements: pd.DataFrame) -> pd.DataFrame:
    """Average the measurements of a pair within a screen, in order of appearance.

    Returns `screen`, `cell_line`, `drug`, the means `ln_ic50` and `auc`, `n_measured`,
    and `spread`, the standard deviation of ln IC50, NaN for single measurements.
    """
    groups = measurements.groupby(["screen", *PAIR], sort=False)
    return groups.agg(
        ln_ic50=("ln_ic50", "mean"),
        auc=("auc", "mean"),
        n_measured=("ln_ic50", "size"),
        spread=("ln_ic50", "std"),
    ).reset_index()


def estimate_assay_effects(pairs: pd.DataFrame, drugs: pd.Index) -> pd.DataFrame:
    """Estimate GDSC1 minus GDSC2 for each compound, from pairs measured in both.

    The mean difference of a compound is shrunk towards the mean over compounds by the
    share of its variance that is noise; a compound without pairs gets that mean. All
    effects are 0 if there are no pairs.

    Returns `n_pairs` and `effect` (ln uM), indexed by drug.
    """
    difference = pairs["first"] - pairs["second"]
    groups = difference.groupby(pairs["drug"])
    number, mean = groups.size(), groups.mean()
    noise = _pooled_variance(groups) / number
    between = max(float(mean.var(ddof=1)) - float(noise.mean()), 0.0)
    if len(mean) < 2 or not np.isfinite(between):
        between = 0.0
    precision = 1.0 / (between + noise).where(between + noise > 0, 1.0)
    overall = float((precision * mean).sum() / precision.sum()) if len(mean) else 0.0
    kept = (between * precision).where(between + noise > 0, 1.0)
    effect = overall + kept * (mean - overall)
    return pd.DataFrame(
        {
            "n_pairs": number.reindex(drugs, fill_value=0),
            "effect": effect.reindex(drugs).fillna(overall).astype("float64"),
        }
    ).rename_axis("drug")


def paired_measurements(
    *,
    data_home: str | os.PathLike[str] | None = None,
    repeats: Literal["screens", "GDSC1", "GDSC2"] = "screens",
    within: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Load the pairs of GDSC that were measured twice, for a noise ceiling.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `gdsc_full/`. None uses the environment variable
        SKLEARN_CSG2A_DATA.
    repeats : {"screens", "GDSC1", "GDSC2"}, default="screens"
        `"screens"`: `first` is the mean of GDSC1 and `second` that of GDSC2. The name
        of a screen: the first two measurements within it, in the order of the file.
    within : DataFrame or None, default=None
        Keep only pairs that are rows of this table, by its columns `cell_line` and
        `smiles`: the X of this or another screen, or rows of a fold. Cell lines may
        be named or given by DepMap id, spellings of a compound are one compound.

    Returns
    -------
    pairs : DataFrame, one row per pair
        `cell_line`, `smiles`, `drug`, `tissue`, `target`, `target_pathway`; `first`
        and `second`, ln IC50 in ln uM.

    Raises
    ------
    DataNotFoundError
        If a file is missing (a FileNotFoundError).
    InputError
        If `repeats` is unknown, or `within` lacks a column.

    See Also
    --------
    sklearn_csg2a.metrics.noise_ceiling : How well two measurements agree.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import paired_measurements
    >>> paired_measurements(repeats="GDSC3")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.exceptions.InputError: repeats='GDSC3' is unknown...
    """
    check_choice("repeats", repeats, ("screens", *RELEASES))
    measurements = read_measurements(data_home).dropna(subset="ln_ic50")
    if repeats == "screens":
        twice = pair_screens(average_repeats(measurements))
    else:
        twice = _pair_repeats(measurements[measurements["screen"] == repeats])
    compounds, cells = read_annotation(data_home, FOLDER)
    X = describe_rows(twice[PAIR], compounds, cells, FOLDER)
    pairs = X.assign(first=twice["first"], second=twice["second"])
    if within is None:
        return pairs
    return pairs[_is_within(X, cells, within)].reset_index(drop=True)


def pair_screens(averages: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs in both screens: ids, `first` (GDSC1) and `second` (GDSC2)."""
    one, other = (
        averages.loc[averages["screen"] == name, [*PAIR, "ln_ic50"]]
        for name in RELEASES
    )
    return one.rename(columns={"ln_ic50": "first"}).merge(
        other.rename(columns={"ln_ic50": "second"}), on=PAIR
    )


def _pair_repeats(measurements: pd.DataFrame) -> pd.DataFrame:
    """Return ids, `first` and `second` measurement of the pairs with more than one."""
    number = measurements.groupby(PAIR, sort=False).cumcount()
    first, second = (
        measurements.loc[number == k, [*PAIR, "ln_ic50"]].set_index(PAIR)["ln_ic50"]
        for k in range(2)
    )
    both = first.loc[second.index].rename("first").to_frame().assign(second=second)
    return both.reset_index()


def _is_within(
    X: pd.DataFrame, cells: pd.DataFrame, within: pd.DataFrame
) -> np.ndarray:
    """Return which rows of X are rows of another table, (n_rows,)."""
    absent = [name for name in ("cell_line", "smiles") if name not in within]
    if absent:
        msg = (
            f"within lacks the columns {', '.join(map(repr, absent))}; give a table "
            "with one row per pair, such as the X of a screen."
        )
        raise InputError(msg)
    names = _plain_names(cells)
    spelt = within["cell_line"].astype(str).map(plain_spelling)
    wanted = pd.MultiIndex.from_arrays(
        [spelt.map(lambda name: names.get(name, name)), _identify(within["smiles"])]
    )
    own = pd.MultiIndex.from_arrays(
        [X["cell_line"].map(plain_spelling), _identify(X["smiles"])]
    )
    return np.asarray(own.isin(wanted))


def _plain_names(cells: pd.DataFrame) -> dict[str, str]:
    """Return the plain name of each cell line that has a DepMap id, by plain id."""
    if "depmap_id" not in cells:
        return {}
    known = cells.dropna(subset=["depmap_id"])
    return {
        plain_spelling(str(key)): plain_spelling(name)
        for key, name in zip(known["depmap_id"], known["cell_line"], strict=True)
    }


def _identify(smiles: pd.Series) -> pd.Series:
    """Return the identity of each compound, computed once for each SMILES."""
    unique = smiles.unique()
    identities = pd.Series(compound_identities(unique), index=unique, dtype=object)
    return smiles.map(identities)


def _pooled_variance(groups: pd.api.typing.SeriesGroupBy[Any, Any]) -> float:
    """Return the variance within groups, 0 without repeated values."""
    number = groups.size()
    free = int(number.sum()) - len(number)
    if free <= 0:
        return 0.0
    return float((groups.var(ddof=0) * number).sum() / free)
