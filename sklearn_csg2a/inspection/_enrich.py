"""Gene sets that a list of genes, or genes with scores, point at."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.p_values import adjust_benjamini_hochberg
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._gene_lists import (
    is_ranking,
    read_background,
    read_gene_list,
    read_gene_scores,
    read_gene_sets,
)
from sklearn_csg2a.inspection._running_sum import (
    draw_orders,
    leading_places,
    rank_scores,
    running_sums,
)

__all__ = ["enrich"]

_SAME = 1e-9  # relative; p-values and sums that differ by less are equal
_ENOUGH = 19  # null lists, so that p_null can be .05

Sets = dict[str, NDArray[np.int64]]


def enrich(
    genes: Any,
    gene_sets: Any,
    *,
    background: Any,
    null: Any = None,
    n_permutations: int = 999,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Find gene sets that genes are enriched in, beside a null of other gene lists.

    A list of genes is tested for over-representation, genes with scores for sets at
    either end of the ranking. Both compare with random genes, and the genes that a
    model names are not random: hubs of the interactome and genes that vary much come up
    for every compound. `null` compares with such lists.

    Parameters
    ----------
    genes : sequence of str, Series, dict or DataFrame
        The genes found; or the score of each gene of the background, by gene; or a
        table of pairs with the columns ``gene_i`` and ``gene_j``, all of whose genes
        are taken.
    gene_sets : dict of str to sequence of str
        Genes by name of the set, as :func:`~sklearn_csg2a.datasets.load_gene_sets` and
        :func:`~sklearn_csg2a.datasets.read_gmt` return them.
    background : sequence of str, or fitted model
        All genes that could have been found; those of the model, `genes_`.
    null : sequence or dict of gene lists, default=None
        What the same model gives for other compounds, or what models fitted with
        permuted compounds or a rewired interactome give for this one; each of the kind
        of `genes`. With fewer than 19, no `p_null` can be .05 (a warning).
    n_permutations : int, default=999
        Number of random gene sets that each score is compared with.
    random_state : int or None, default=0
        Seed of the random gene sets; None draws anew at each call. Over-representation
        draws nothing.

    Returns
    -------
    enrichment : DataFrame
        One row per set with a gene in the background, smallest p first.

        - `pathway`: name of the set
        - `overlap`: number of its genes found; of genes with scores, the leading ones:
          those before the extreme of the running sum
        - `size`: number of its genes in the background
        - `p`: hypergeometric probability of this overlap or more; of scores, share of
          random sets of this size with an extreme at least as far on this side
        - `p_adjusted`: p over all rows by Benjamini and Hochberg
        - `p_null`: share of the null lists, this one included, for which the set does
          at least as well; missing without `null`
        - `genes`: list of the genes counted in `overlap`
        - `score`: extreme of the running sum, positive for high scores; only of scores

    Raises
    ------
    InputError
        If genes, sets, background or null cannot be used, or share no gene.

    Notes
    -----
    `p_null` is valid if `genes` would be one of the null lists in the absence of an
    effect: then at most 5 % of sets have ``p_null <= .05``. It is not adjusted; the
    smallest possible value is ``1 / (1 + number of lists)``. Lists of different lengths
    are compared by `p`, scores by the absolute value of `score`.

    Genes with scores are weighted by their absolute score, as in gene set enrichment
    analysis, with the genes of a set at random for the null of `p`.

    References
    ----------
    Subramanian, A. et al. (2005). Gene set enrichment analysis. PNAS 102, 15545-15550.

    Examples
    --------
    >>> from sklearn_csg2a.inspection import enrich
    >>> background = [f"G{i}" for i in range(20)]
    >>> gene_sets = {"first": ["G0", "G1", "G2"], "last": ["G17", "G18", "G19"]}
    >>> table = enrich(["G0", "G1", "G2", "G9"], gene_sets, background=background)
    >>> table[["pathway", "overlap", "size", "p"]].round(4)
      pathway  overlap  size       p
    0   first        3     3  0.0035
    1    last        0     3  1.0000
    """
    _check_permutations(n_permutations)
    found = read_background(background)
    sets = read_gene_sets(gene_sets, found)
    others = _list_null(null)
    if is_ranking(genes):
        scores = read_gene_scores(genes, found, "genes")
        beside = [
            read_gene_scores(one, found, name, warn=False) for name, one in others
        ]
        rng = np.random.default_rng(random_state)
        table = _test_scores(scores, beside, sets, found, n_permutations, rng)
    else:
        listed = read_gene_list(genes, found, "genes")
        lists = [read_gene_list(one, found, name, warn=False) for name, one in others]
        table = _test_overlap(listed, lists, sets, found)
    if 0 < len(others) < _ENOUGH:
        warnings.warn(
            f"null has {len(others)} list(s): p_null cannot be below "
            f"{1 / (1 + len(others)):.2g}. Give at least {_ENOUGH}.",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
    table.insert(4, "p_adjusted", adjust_benjamini_hochberg(table["p"].to_numpy()))
    return table.sort_values("p", kind="stable", ignore_index=True)


def _check_permutations(n_permutations: int) -> None:
    """Refuse a number of permutations that gives no p-value."""
    if not isinstance(n_permutations, Integral) or n_permutations < 1:
        raise InputError(
            f"n_permutations={n_permutations!r}; expected an integer, 1 or more."
        )


def _list_null(null: Any) -> list[tuple[str, Any]]:
    """Return the gene lists of the null, with the name of each for messages."""
    if null is None:
        return []
    if isinstance(null, str | pd.Series | pd.DataFrame) or not isinstance(
        null, Iterable
    ):
        raise InputError(
            f"null is a {type(null).__name__}; expected a list or dict of gene lists, "
            "one for each other compound or network."
        )
    named = null.items() if isinstance(null, Mapping) else enumerate(null)
    lists = [(f"null[{key!r}]", one) for key, one in named]
    if not lists:
        raise InputError("null is empty; expected at least one gene list, or None.")
    return lists


def _test_overlap(
    listed: NDArray[np.int64],
    null: list[NDArray[np.int64]],
    sets: Sets,
    background: pd.Index,
) -> pd.DataFrame:
    """Test each set for over-representation in a list."""
    sizes = np.array([len(genes) for genes in sets.values()])
    p_values, overlap = _overlap_p(listed, sets, sizes, len(background))
    p_null = np.full(len(sets), np.nan)
    if null:
        of_null = [_overlap_p(one, sets, sizes, len(background))[0] for one in null]
        as_good = np.stack(of_null) <= p_values * (1 + _SAME)
        p_null = (1 + as_good.sum(axis=0)) / (1 + len(null))
    return pd.DataFrame(
        {
            "pathway": list(sets),
            "overlap": overlap,
            "size": sizes,
            "p": p_values,
            "p_null": p_null,
            "genes": [
                background[np.intersect1d(listed, genes)].tolist()
                for genes in sets.values()
            ],
        }
    )


def _overlap_p(
    listed: NDArray[np.int64], sets: Sets, sizes: NDArray[np.int64], n_genes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the p-value and the size of the overlap of each set with a list."""
    is_listed = np.zeros(n_genes, dtype=bool)
    is_listed[listed] = True
    overlap = np.array([int(is_listed[genes].sum()) for genes in sets.values()])
    p_values = hypergeom.sf(overlap - 1, n_genes, sizes, len(listed))
    return np.minimum(p_values, 1.0), overlap


def _test_scores(
    scores: NDArray[np.float64],
    null: list[NDArray[np.float64]],
    sets: Sets,
    background: pd.Index,
    n_permutations: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Test each set for standing at one end of the ranking."""
    sizes = np.array([len(genes) for genes in sets.values()])
    by_size = _group_by_size(sets, sizes)
    place, weights = rank_scores(scores)
    extremes = _extremes(scores, by_size, len(sets))
    orders = draw_orders(n_permutations, len(background), rng)
    p_values = np.ones(len(sets))
    for at, members in by_size:
        drawn = running_sums(np.sort(orders[:, : members.shape[1]], axis=1), weights)
        p_values[at] = [_one_sided(extreme, drawn) for extreme in extremes[at]]
    p_null = np.full(len(sets), np.nan)
    if null:
        of_null = np.abs([_extremes(one, by_size, len(sets)) for one in null])
        as_good = of_null >= np.abs(extremes) * (1 - _SAME)
        p_null = (1 + as_good.sum(axis=0)) / (1 + len(null))
    leading = [
        leading_places(np.sort(place[genes]), weights, extreme)
        for genes, extreme in zip(sets.values(), extremes, strict=True)
    ]
    by_place = background[np.argsort(place)]
    return pd.DataFrame(
        {
            "pathway": list(sets),
            "overlap": [len(places) for places in leading],
            "size": sizes,
            "p": p_values,
            "p_null": p_null,
            "genes": [by_place[places].tolist() for places in leading],
            "score": extremes,
        }
    )


def _group_by_size(
    sets: Sets, sizes: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return which sets have each size, and their genes, (n_sets, size)."""
    genes = list(sets.values())
    return [
        (at, np.stack([genes[i] for i in at]))
        for at in (np.flatnonzero(sizes == size) for size in np.unique(sizes))
    ]


def _extremes(
    scores: NDArray[np.float64],
    by_size: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    n_sets: int,
) -> NDArray[np.float64]:
    """Return the extreme of the running sum of each set."""
    place, weights = rank_scores(scores)
    extremes = np.empty(n_sets)
    for at, members in by_size:
        extremes[at] = running_sums(np.sort(place[members], axis=1), weights)
    return extremes


def _one_sided(extreme: float, drawn: NDArray[np.float64]) -> float:
    """Return the share of random sets on the same side that are at least as far."""
    if extreme == 0:
        return 1.0
    same_side = np.abs(drawn[np.sign(drawn) == np.sign(extreme)])
    as_far = int((same_side >= abs(extreme) * (1 - _SAME)).sum())
    return (1 + as_far) / (1 + len(same_side))
