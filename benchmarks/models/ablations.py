"""Ablations of a model: shuffled edges, cell lines or compounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import Tags

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.encoders import encode_compounds

_SWAPS_PER_EDGE = 10
_TRIES_PER_SWAP = 20


def rewire(edges: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Rewire an interactome at random, preserving the degree of every gene.

    Edges are undirected. Self-loops and repeated edges are removed, and not created.
    """
    pairs = np.sort(edges[["source", "target"]].to_numpy(dtype=str), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    ends = [tuple(pair) for pair in pairs.tolist()]
    known = set(ends)
    wanted = _SWAPS_PER_EDGE * len(ends)
    rng = np.random.RandomState(seed)
    for _ in range(_TRIES_PER_SWAP * wanted):
        if wanted == 0:
            break
        i, j = rng.randint(len(ends), size=2)
        (a, b), (c, d) = ends[i], ends[j]
        if rng.randint(2):
            c, d = d, c
        new = {tuple(sorted((a, d))), tuple(sorted((c, b)))}
        if i == j or a == d or c == b or len(new) < 2 or new & known:
            continue
        known -= {ends[i], ends[j]}
        known |= new
        ends[i], ends[j] = sorted(new)
        wanted -= 1
    return pd.DataFrame(ends, columns=["source", "target"])


def derange(n_items: int, seed: int) -> np.ndarray:
    """Return a random permutation without fixed points: (n_items,)."""
    order = np.random.RandomState(seed).permutation(n_items)
    taken = np.empty(n_items, dtype=np.int64)
    taken[order] = np.roll(order, 1)
    return taken


def shuffle_cells(expression: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Assign the expression of another cell line to every cell line."""
    values = expression.to_numpy()[derange(len(expression), seed)]
    return pd.DataFrame(values, index=expression.index, columns=expression.columns)


class ShuffledEncoder(TransformerMixin, BaseEstimator):
    """Encode every compound as another, fixed compound of the data.

    `compounds` are all compounds of the data, (n_compounds,) SMILES. Spellings of one
    compound are encoded alike. The encoder must not need fitting.
    """

    def __init__(self, encoder: Any, compounds: np.ndarray, seed: int) -> None:
        self.encoder = encoder
        self.compounds = compounds
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> ShuffledEncoder:
        """Do nothing."""
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode the compounds that replace the given ones: (n, n_features)."""
        names, first = np.unique(
            compound_identities(self.compounds).astype(str), return_index=True
        )
        instead = self.compounds[first][derange(len(names), self.seed)]
        at = np.searchsorted(names, compound_identities(X).astype(str))
        encoder = clone(self.encoder).fit(self.compounds)
        return encode_compounds(encoder, [instead[k] for k in at])

    def __sklearn_is_fitted__(self) -> bool:
        """Return True: there is nothing to fit."""
        return True

    def __sklearn_tags__(self) -> Tags:
        """Declare that the encoder does not require fitting."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def shuffled_encoder(encoder: Any, X: pd.DataFrame, seed: int) -> ShuffledEncoder:
    """Return `encoder` with the compounds of a table shuffled."""
    return ShuffledEncoder(encoder, np.unique(X["smiles"].to_numpy(dtype=str)), seed)
