"""Tests of pairs of compounds within a mechanism against pairs between mechanisms."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.stats import rankdata

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._running_sum import draw_orders

__all__ = ["compare_mechanisms"]

SIMILARITIES = ("similarity", "tanimoto", "response")
COLUMNS = (
    *("n_compounds", "n_within", "n_between", "within", "between", "auroc", "p"),
    *("beyond_tanimoto", "p_beyond"),
    *("above_tanimoto", "above_low", "above_high", "p_above"),
    *("with_tanimoto", "p_with"),
)
_INTERVAL = (2.5, 97.5)  # percentiles


def compare_mechanisms(
    pairs: pd.DataFrame, *, n_permutations: int = 999, random_state: int | None = 0
) -> pd.DataFrame:
    """Test whether compounds of one mechanism are more similar than others.

    Parameters
    ----------
    pairs : DataFrame
        What :func:`mechanism_similarity` returns, or the columns `compound_i`,
        `compound_j`, `same_mechanism` and `similarity` for all pairs of compounds.
    n_permutations : int, default=999
        Number of permutations of the mechanisms among the compounds, and of draws of
        mechanisms.
    random_state : int or None, default=0
        Seed of the permutations and draws; None draws anew at each call.

    Returns
    -------
    comparison : DataFrame
        One row per similarity (the index).

        - `n_compounds`, `n_within`, `n_between`: compounds, and pairs that share a
          mechanism and that do not
        - `within`, `between`: mean similarity of both
        - `auroc`: probability that a pair within is the more similar one
        - `p`: share of permutations, the given mechanisms included, whose difference of
          the means is at least as large
        - `beyond_tanimoto`: AUROC of the ranks of the similarity that those of the
          Tanimoto similarity do not explain linearly
        - `p_beyond`: p of this
        - `above_tanimoto`: AUROC minus that of the Tanimoto similarity of the same
          pairs; `above_low`, `above_high`: its 95 % interval; `p_above`: two-sided p of
          no difference
        - `with_tanimoto`: AUROC of the sum of the ranks of both; `p_with`: share of
          permutations, the given compounds included, with which it is at least as large

        Of the Tanimoto similarity itself, or without it, the last are NaN.

    Raises
    ------
    InputError
        If columns or pairs are missing, or all pairs are within or between.

    Notes
    -----
    Pairs are not independent, as each compound is in many of them: compounds are
    permuted, not pairs.

    Two similarities may both be above chance without one being above the other. For
    the interval of the difference and `p_above`, mechanisms are drawn with replacement,
    each with all its compounds (compounds that share several mechanisms are one), so
    that it is of other mechanisms, too. `p_with` permutes compounds in what the
    Tanimoto similarity does not explain, and keeps structures and mechanisms in place:
    what is left is whether the similarity adds to structure.

    Examples
    --------
    >>> import itertools
    >>> import pandas as pd
    >>> from sklearn_csg2a.inspection import compare_mechanisms
    >>> pairs = pd.DataFrame(
    ...     itertools.combinations("abcxyz", 2), columns=["compound_i", "compound_j"])
    >>> same = [(i in "abc") == (j in "abc") for i, j in pairs.to_numpy()]
    >>> pairs = pairs.assign(same_mechanism=same, similarity=[0.1 + s for s in same])
    >>> result = compare_mechanisms(pairs)
    >>> result["auroc"].tolist(), bool(result["p"].iloc[0] < 0.2)
    ([1.0], True)
    """
    if not isinstance(n_permutations, Integral) or n_permutations < 1:
        raise InputError(
            f"n_permutations={n_permutations!r}; expected an integer, 1 or more."
        )
    names = _check_pairs(pairs)
    order = list(pd.unique(pd.concat([pairs["compound_i"], pairs["compound_j"]])))
    grids = {name: _as_grid(pairs, name, order) for name in (*names, "same_mechanism")}
    same = grids.pop("same_mechanism") > 0
    rng = np.random.default_rng(random_state)
    orders = draw_orders(n_permutations, len(order), rng)
    rows = {name: _compare(grids[name], same, orders) for name in names}
    if "tanimoto" in names:
        counts, group = _draw_mechanisms(same, n_permutations, rng)
        for name in set(names) - {"tanimoto"}:
            both = _pair_up(grids[name], grids["tanimoto"])
            rows[name] |= _compare_beyond(*both, same, orders)
            rows[name] |= _compare_above(*both, same, counts, group)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("similarity")
    return table.reindex(columns=list(COLUMNS))


def _check_pairs(pairs: Any) -> list[str]:
    """Return the similarities of a table of all pairs of compounds."""
    columns = list(getattr(pairs, "columns", []))
    needed = ["compound_i", "compound_j", "same_mechanism", "similarity"]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise InputError(
            f"pairs has no column {quote_names(missing)}; expected what "
            "mechanism_similarity returns."
        )
    compounds = pd.concat([pairs["compound_i"], pairs["compound_j"]]).nunique()
    if len(pairs) != compounds * (compounds - 1) // 2:
        raise InputError(
            f"pairs has {len(pairs)} rows for {compounds} compounds; expected each of "
            f"the {compounds * (compounds - 1) // 2} pairs once."
        )
    n_within = int(pairs["same_mechanism"].sum())
    if n_within in (0, len(pairs)):
        raise InputError(
            f"{n_within} of {len(pairs)} pairs share a mechanism; expected some that "
            "do and some that do not."
        )
    return [name for name in SIMILARITIES if name in columns]


def _as_grid(pairs: pd.DataFrame, name: str, order: list[Any]) -> NDArray[np.float64]:
    """Return values of pairs as a symmetric matrix with NaN on the diagonal."""
    index = pd.Index(order)
    i, j = (index.get_indexer(pairs[side]) for side in ("compound_i", "compound_j"))
    grid = np.full((len(order), len(order)), np.nan)
    grid[i, j] = grid[j, i] = pairs[name].to_numpy(dtype=np.float64)
    return grid


def _compare(
    grid: NDArray[np.float64], same: NDArray[np.bool_], orders: NDArray[np.int64]
) -> dict[str, float]:
    """Compare pairs within and between; each pair stands in the grid twice."""
    known = ~np.isnan(grid)
    within, between = grid[known & same], grid[known & ~same]
    values = np.where(known, grid, 0.0)

    def difference(labels: NDArray[np.bool_]) -> float:
        n = int((known & labels).sum())
        inside = float(values[labels].sum())
        rest = float(values.sum()) - inside
        return inside / max(n, 1) - rest / max(int(known.sum()) - n, 1)

    observed = difference(same)
    drawn = np.array([difference(same[np.ix_(order, order)]) for order in orders])
    return {
        "n_compounds": len(grid),
        "n_within": len(within) // 2,
        "n_between": len(between) // 2,
        "within": float(within.mean()),
        "between": float(between.mean()),
        "auroc": _auroc_of_grid(grid, same),
        "p": _share_as_large(drawn, observed),
    }


def _auroc_of_grid(grid: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Return the probability that a pair within is the more similar one."""
    pairs = np.triu(~np.isnan(grid), k=1)
    return _auroc(_places(grid[pairs]), same[pairs])


def _places(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place of each value among the different values."""
    return np.unique(values, return_inverse=True)[1]


def _auroc(
    places: NDArray[np.int64],
    within: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Return the AUROC of pairs with these places; NaN without weight on one side."""
    if weights is None:
        weights = np.ones(len(places))
    n = int(places.max()) + 1
    inside, outside = (
        np.bincount(places[kept], weights[kept], minlength=n)
        for kept in (within, ~within)
    )
    total = inside.sum() * outside.sum()
    below = np.cumsum(outside) - outside / 2
    return float(inside @ below / total) if total else float("nan")


def _share_as_large(drawn: NDArray[np.float64], observed: float) -> float:
    """Return the share of draws that are as large, the observation included."""
    return (1 + int((drawn >= observed - 1e-12).sum())) / (1 + len(drawn))


def _pair_up(
    grid: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both with NaN where either has none."""
    known = ~np.isnan(grid) & ~np.isnan(other)
    return np.where(known, grid, np.nan), np.where(known, other, np.nan)


def _compare_beyond(
    grid: NDArray[np.float64],
    tanimoto: NDArray[np.float64],
    same: NDArray[np.bool_],
    orders: NDArray[np.int64],
) -> dict[str, float]:
    """Compare what structure does not explain, and both together."""
    explained, rest, structure = _explain(grid, tanimoto)
    alone = _compare(rest, same, orders)
    both = explained + structure
    drawn = np.array(
        [_auroc_of_grid(both + rest[np.ix_(order, order)], same) for order in orders]
    )
    together = _auroc_of_grid(both + rest, same)
    return {
        "beyond_tanimoto": alone["auroc"],
        "p_beyond": alone["p"],
        "with_tanimoto": together,
        "p_with": _share_as_large(drawn, together),
    }


def _explain(
    grid: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Split the ranks in a grid: what those of another explain linearly, and the rest.

    Also returns the ranks of the other, as a grid.
    """
    known = ~np.isnan(grid)
    ranks, others = rankdata(grid[known]), rankdata(other[known])
    centred = others - others.mean()
    slope = (ranks * centred).sum() / max((centred**2).sum(), 1.0)
    linear = ranks.mean() + slope * centred
    parts = np.full((3, *grid.shape), np.nan)
    parts[:, known] = linear, ranks - linear, others
    return parts[0], parts[1], parts[2]


def _draw_mechanisms(
    same: NDArray[np.bool_], n_draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw mechanisms with replacement.

    Returns how often each was drawn, (n_draws, n_mechanisms), and the mechanism of each
    compound. Compounds that no chain of shared mechanisms connects differ in it.
    """
    n, group = connected_components(same, directed=False)
    return rng.multinomial(n, np.full(n, 1 / n), size=n_draws), group.astype(np.int64)


def _compare_above(
    grid: NDArray[np.float64],
    tanimoto: NDArray[np.float64],
    same: NDArray[np.bool_],
    counts: NDArray[np.int64],
    group: NDArray[np.int64],
) -> dict[str, float]:
    """Compare the AUROCs of both on the same pairs, over draws of mechanisms."""
    i, j = np.nonzero(np.triu(~np.isnan(grid), k=1))
    within = same[i, j]
    own, structure = _places(grid[i, j]), _places(tanimoto[i, j])

    def difference(weights: NDArray[np.float64] | None = None) -> float:
        return _auroc(own, within, weights) - _auroc(structure, within, weights)

    drawn = np.array(
        [difference(weights) for weights in _weigh_pairs(counts, group[i], group[j])]
    )
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.percentile(drawn, _INTERVAL) if len(drawn) else (np.nan, np.nan)
    fewer = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = min(2 * (1 + fewer) / (1 + len(drawn)), 1.0)
    return {
        "above_tanimoto": difference(),
        "above_low": float(low),
        "above_high": float(high),
        "p_above": float(p) if len(drawn) else np.nan,
    }


def _weigh_pairs(
    counts: NDArray[np.int64], one: NDArray[np.int64], other: NDArray[np.int64]
) -> Iterator[NDArray[np.float64]]:
    """Yield how often pairs were drawn, given the mechanism of both compounds."""
    alike = one == other
    for count in counts.astype(np.float64):
        yield np.where(alike, count[one], count[one] * count[other])
