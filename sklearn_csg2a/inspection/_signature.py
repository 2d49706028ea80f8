"""A signature: genes that go up and down, and how a change of expression fits it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._gene_lists import is_ranking
from sklearn_csg2a.inspection._running_sum import (
    draw_orders,
    rank_scores,
    running_sums,
)

__all__ = ["Method", "Signature", "draw_signatures", "read_signature", "score_profiles"]

Method = Literal["connectivity", "correlation"]

_FEW = 10  # genes


class Signature(NamedTuple):
    """Weights of all genes of a model: above 0 for up, below for down, 0 for others."""

    weights: NDArray[np.float64]  # (n_genes,)

    @property
    def up(self) -> NDArray[np.int64]:
        """Places of the genes that go up."""
        return np.flatnonzero(self.weights > 0)

    @property
    def down(self) -> NDArray[np.int64]:
        """Places of the genes that go down."""
        return np.flatnonzero(self.weights < 0)


def read_signature(signature: Any, genes: NDArray[Any]) -> Signature:
    """Read up and down genes, or weights by gene, for the genes of a model."""
    weights = _read_weights(signature)
    if weights.empty or not (weights != 0).any():
        raise InputError(
            "signature has no gene that goes up or down; expected at least one."
        )
    known = weights.reindex(pd.Index(genes).map(str)).fillna(0.0)
    n_found = int(weights.index.isin(known.index).sum())
    if not (known != 0).any():
        raise InputError(
            f"0 of {len(weights)} genes of the signature are among the {len(genes)} "
            f"genes of the model: {list_offenders(weights.index, repr)} against "
            f"{list_offenders(genes, repr, limit=3)}. Are both gene symbols of one "
            "species?"
        )
    if n_found < min(_FEW, len(weights)):
        warnings.warn(
            f"Only {n_found} of {len(weights)} genes of the signature are among the "
            f"{len(genes)} genes of the model.",
            UserWarning,
            stacklevel=find_stacklevel(),
        )
    return Signature(known.to_numpy())


def _read_weights(signature: Any) -> pd.Series:
    """Return weights by gene."""
    if isinstance(signature, Mapping) and set(signature) <= {"up", "down"}:
        signature = (signature.get("up", ()), signature.get("down", ()))
    if is_ranking(signature):
        return _check_weights(pd.Series(signature))
    if not isinstance(signature, tuple | list) or len(signature) != 2:
        raise InputError(
            f"signature is a {type(signature).__name__}; expected a pair of gene "
            "lists, (up, down), or a Series of weights by gene."
        )
    sides = [
        _read_side(side, name)
        for side, name in zip(signature, ("up", "down"), strict=True)
    ]
    both = [gene for gene in sides[0] if gene in set(sides[1])]
    if both:
        raise InputError(
            f"signature has genes that go both up and down: {list_offenders(both)}; "
            "leave them out."
        )
    return pd.Series(
        [1.0] * len(sides[0]) + [-1.0] * len(sides[1]), index=sides[0] + sides[1]
    )


def _read_side(genes: Any, name: str) -> list[str]:
    """Return the genes of one side, each once."""
    if isinstance(genes, str):
        raise InputError(f"signature: {name} is {genes!r}; expected a list of genes.")
    listed = list(genes)
    if any(pd.isna(gene) for gene in listed):
        raise InputError(f"signature: {name} holds a missing value; leave it out.")
    return list(dict.fromkeys(map(str, listed)))


def _check_weights(weights: pd.Series) -> pd.Series:
    """Return weights as finite numbers by distinct genes."""
    weights = weights.set_axis(weights.index.map(str))
    twice = weights.index[weights.index.duplicated()].unique()
    if len(twice):
        raise InputError(
            f"signature has more than one weight for {list_offenders(twice, repr)}."
        )
    try:
        weights = weights.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"signature holds what is not a number: {error}.") from error
    bad = weights[~np.isfinite(weights)]
    if len(bad):
        raise InputError(
            f"signature is NaN or infinite for {list_offenders(bad.index, repr)}; "
            "leave these genes out."
        )
    return weights


def draw_signatures(
    signature: Signature, n_draws: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw orders of all genes, (n_draws, n_genes), that put the weights elsewhere."""
    return draw_orders(n_draws, len(signature.weights), rng)


def score_profiles(
    profiles: NDArray[np.float64],
    signature: Signature,
    orders: NDArray[np.int64],
    method: Method,
) -> NDArray[np.float64]:
    """Score profiles (n, n_genes) for signatures with reordered weights, (n, n_orders).

    1 for the signature itself, -1 for its reverse.
    """
    score = _correlate if method == "correlation" else _connect
    return score(profiles, signature, orders)


def _correlate(
    profiles: NDArray[np.float64], signature: Signature, orders: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return Pearson's correlation over all genes; 0 for a constant profile."""
    weights = _standardize(signature.weights[orders])
    return _standardize(profiles) @ weights.T


def _standardize(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each row mean 0 and length 1."""
    centered = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centered, axis=1, keepdims=True)
    return centered / np.where(length > 0, length, 1.0)


def _connect(
    profiles: NDArray[np.float64], signature: Signature, orders: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the weighted connectivity: 0 if up and down stand at the same end."""
    # order[i] is the gene whose weight gene i takes: its inverse moves the genes
    moved = np.argsort(orders, axis=1)
    sides = [moved[:, side] for side in (signature.up, signature.down)]
    scores = np.empty((len(profiles), len(orders)))
    for row, profile in enumerate(profiles):
        place, weights = rank_scores(profile)
        up, down = (
            running_sums(np.sort(place[side], axis=1), weights) for side in sides
        )
        both = np.where(np.sign(up) != np.sign(down), (up - down) / 2, 0.0)
        scores[row] = both if len(signature.up) and len(signature.down) else up - down
    return scores
