"""Other screens: levels of their compounds, and one scale for several screens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import breadth_first_order

from sklearn_csg2a._utils.offenders import list_offenders, quote_names
from sklearn_csg2a.chem._compounds import compound_identities
from sklearn_csg2a.encoders._base import read_smiles
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = [
    "Potencies",
    "combine_screens",
    "estimate_levels",
    "read_screens",
    "standardize_levels",
]

_ONE = "responses"  # what messages call a single screen
_FEWEST_COMMON = 5  # compounds that tell how two screens agree
_SWEEPS = 500
_TOLERANCE = 1e-9
_MOST = 0.995  # of the correlation of a screen with the common potency
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Potencies:
    """Compounds of one screen or several, and the potency of each on one scale.

    Attributes
    ----------
    identities, smiles : list of str of length n_compounds
        The compounds, each once.
    potency : ndarray of shape (n_compounds,)
        Potency, in standard deviations over the compounds, in the direction of the
        first screen.
    noise : ndarray of shape (n_compounds,)
        Variance of its error, from scatter over assays and, for several screens, from
        what these disagree on.
    loadings : dict of str to float
        Correlation of each screen with the common potency.
    center, scale : float
        Mean and standard deviation of the levels of the first screen.
    """

    identities: list[str]
    smiles: list[str]
    potency: np.ndarray
    noise: np.ndarray
    loadings: dict[str, float]
    center: float
    scale: float


def read_screens(
    responses: Any, excluded: AbstractSet[str]
) -> tuple[dict[str, str], pd.DataFrame, pd.DataFrame]:
    """Return compounds, SMILES by identity, and level and error in each screen.

    The tables have an identity per row and a screen per column, NaN where a screen has
    not measured a compound; errors are variances.
    """
    screens = responses if isinstance(responses, Mapping) else {_ONE: responses}
    if not screens:
        msg = "responses={} holds no screen; give a table, or a dict of tables by name."
        raise InputError(msg)
    smiles: dict[str, str] = {}
    levels, errors = {}, {}
    for name, table in screens.items():
        source = name if name == _ONE else f"The screen {name!r}"
        read = _read_levels(table, source, excluded, smiles)
        levels[name], errors[name] = read["level"], read["error"]
    identities = list(smiles)
    level = pd.DataFrame(levels).reindex(identities)
    return smiles, level, pd.DataFrame(errors).reindex(identities)


def standardize_levels(levels: pd.DataFrame) -> np.ndarray:
    """Return the levels of each screen with mean 0 and standard deviation 1."""
    spread = levels.std(ddof=0)
    return ((levels - levels.mean()) / spread.where(spread > 0, 1)).to_numpy()


def combine_screens(responses: Any, excluded: AbstractSet[str]) -> Potencies:
    """Read screens, leave out compounds, and bring the others to one scale."""
    smiles, table, errors = read_screens(responses, excluded)
    scaled = standardize_levels(table)
    spread = table.std(ddof=0)
    error = (errors / spread.where(spread > 0, 1) ** 2).to_numpy()
    loadings = _estimate_loadings(scaled, table.columns.tolist())
    potency, noise = _average(scaled, error, loadings)
    first = table.iloc[:, 0]
    return Potencies(
        identities=list(smiles),
        smiles=list(smiles.values()),
        potency=potency,
        noise=noise,
        loadings=dict(zip(table.columns, loadings.tolist(), strict=True)),
        center=float(first.mean()),
        scale=float(first.std(ddof=0)),
    )


def _read_levels(
    table: Any, source: str, excluded: AbstractSet[str], smiles: dict[str, str]
) -> pd.DataFrame:
    """Return level and error of compounds by identity; add new ones to `smiles`."""
    if not isinstance(table, pd.DataFrame):
        msg = (
            f"{source} must be a DataFrame, compounds by assays with SMILES as the "
            f"index, got {type(table).__name__}."
        )
        raise InputError(msg)
    values = _read_values(table, source)
    compounds = read_smiles(table.index.to_series(), user=f"The index of {source}")
    identities = compound_identities(compounds).astype(str)
    kept = ~np.isin(identities, np.array(sorted(excluded), dtype=str))
    frame = pd.DataFrame(values[kept], index=identities[kept])
    of_compound = frame.groupby(level=0, sort=False).mean()
    if len(of_compound) < 2:
        without = "" if kept.all() else " that exclude= leaves"
        found = f"{source} has {len(of_compound)} compounds{without}"
        msg = f"{found}; at least two are needed."
        raise InputError(msg)
    for identity, compound in zip(identities, compounds, strict=True):
        if identity not in excluded:
            smiles.setdefault(identity, compound)
    levels, errors = estimate_levels(of_compound.to_numpy())
    return pd.DataFrame({"level": levels, "error": errors}, index=of_compound.index)


def _read_values(table: pd.DataFrame, source: str) -> np.ndarray:
    """Return the table as float64 (compounds, assays), without empty rows."""
    try:
        values = table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        msg = f"{source} must hold numbers, compounds by assays: {error}"
        raise InputError(msg) from error
    _raise_if_any(
        (
            f"row {row} (index {table.index[row]!r}), column {table.columns[column]!r}"
            for row, column in np.argwhere(np.isinf(values)).tolist()
        ),
        f"{source} must be finite; use NaN where nothing was measured",
    )
    _raise_if_any(
        (
            f"row {row} (index {table.index[row]!r})"
            for row in np.flatnonzero(np.isnan(values).all(axis=1)).tolist()
        ),
        f"{source} has compounds without any value; remove them",
    )
    return values


def _raise_if_any(places: Iterable[str], problem: str) -> None:
    """Raise an error that lists the places, if there are any."""
    listed = list(places)
    if listed:
        msg = f"{problem}. {len(listed)} found: {list_offenders(listed)}."
        raise InputError(msg)


def estimate_levels(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return level and variance of its error of each compound, adjusted for assays.

    Levels of compounds are free; effects of assays are shrunk towards 0 as far as
    noise and their own variance ask for, which are estimated in turn: an assay of few
    compounds is hardly adjusted for.
    """
    compound, assay = np.nonzero(~np.isnan(values))
    response = values[compound, assay]
    n_compounds, n_assays = values.shape
    of_compound = np.bincount(compound, minlength=n_compounds)
    of_assay = np.bincount(assay, minlength=n_assays)
    effects, penalty = np.zeros(n_assays), 1.0
    levels = np.bincount(compound, response, n_compounds) / of_compound
    noise = 0.0
    for _ in range(_SWEEPS):
        before = levels
        residual = response - levels[compound]
        weight = np.maximum(of_assay + penalty, _NOTHING)
        effects = np.bincount(assay, residual, n_assays) / weight
        effects -= effects.mean()  # a level of all belongs to the compounds
        total = np.bincount(compound, response - effects[assay], n_compounds)
        levels = total / of_compound
        residual = response - levels[compound] - effects[assay]
        freedom = len(response) - n_compounds - float((of_assay / weight).sum())
        noise = float(residual @ residual) / max(freedom, 1.0)
        variance = float(np.mean(effects**2 + noise / weight))
        penalty = noise / max(variance, _NOTHING**2)
        if np.abs(levels - before).max() <= _TOLERANCE * np.abs(response).max():
            break
    return levels, noise / of_compound


def _estimate_loadings(scaled: np.ndarray, names: list[str]) -> np.ndarray:
    """Return the correlation of each screen with what all have in common.

    The product of two of them is the correlation of the two screens, over the
    compounds of both: the least squares fit to all pairs, weighted by the number of
    compounds. Of two screens alone, both are given the same share.
    """
    n_screens = scaled.shape[1]
    if n_screens == 1:
        return np.ones(1)
    counts, correlations = _compare(scaled)
    _require_links(counts, names)
    loadings = _signs(correlations) * np.sqrt(np.abs(correlations).max(axis=1))
    for _ in range(_SWEEPS):
        before = loadings
        shared = np.maximum(counts @ loadings**2, _NOTHING)
        fitted = (counts * correlations) @ loadings / shared
        # halfway, as two screens alone would exchange their values for ever
        loadings = np.clip((loadings + fitted) / 2, -_MOST, _MOST)
        if np.abs(loadings - before).max() <= _TOLERANCE:
            break
    return loadings


def _compare(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return common compounds and correlation of each pair of screens."""
    n_screens = scaled.shape[1]
    counts = np.zeros((n_screens, n_screens))
    correlations = np.zeros((n_screens, n_screens))
    for one in range(n_screens):
        for other in range(one):
            both = scaled[:, [one, other]]
            both = both[~np.isnan(both).any(axis=1)]
            if len(both) < _FEWEST_COMMON or (np.ptp(both, axis=0) == 0).any():
                continue
            counts[one, other] = counts[other, one] = len(both)
            value = float(np.corrcoef(both.T)[0, 1])
            correlations[one, other] = correlations[other, one] = value
    return counts, correlations


def _require_links(counts: np.ndarray, names: list[str]) -> None:
    """Refuse screens that no common compounds connect with the first one."""
    linked = breadth_first_order(counts > 0, 0, return_predecessors=False)
    alone = [name for k, name in enumerate(names) if k not in linked]
    if alone:
        msg = (
            f"The screens {quote_names(alone)} have fewer than {_FEWEST_COMMON} "
            f"compounds in common with {names[0]!r}, directly or through others, and "
            "cannot be brought to one scale. Use an encoder for each in a FeatureUnion."
        )
        raise InputError(msg)


def _signs(correlations: np.ndarray) -> np.ndarray:
    """Return 1 for screens in the direction of the first, -1 for others."""
    order, parent = breadth_first_order(correlations != 0, 0)
    signs = np.ones(len(correlations))
    for screen in order[1:]:
        known = parent[screen]
        signs[screen] = signs[known] * np.sign(correlations[screen, known])
    return signs


def _average(
    scaled: np.ndarray, errors: np.ndarray, loadings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return potency and variance of each compound, from the screens that have it."""
    if len(loadings) == 1:
        return scaled[:, 0], errors[:, 0]
    measured = ~np.isnan(scaled)
    weight = np.where(measured, loadings / (1 - loadings**2 + errors), 0)
    precision = np.maximum(weight @ loadings, _NOTHING)
    total = (weight * np.where(measured, scaled, 0)).sum(axis=1)
    return total / precision, 1 / precision
