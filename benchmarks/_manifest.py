"""Schemes of splitting, and the folds that all models share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import Bunch

from benchmarks._data import hash_parts
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
)

SPLITTERS: dict[str, type[BaseCrossValidator]] = {
    "mixed": MixedKFold,
    "cell": CellBlindKFold,
    "drug": DrugBlindKFold,
    "disjoint": DisjointKFold,
}

# What a model has to beat: the best that knows which ids are in the training set.
SPLIT_NAIVE = {
    "mixed": "MeanEffects",
    "cell": "DrugMean",
    "drug": "CellMean",
    "disjoint": "GlobalMean",
}

TEST_SEED = 0
VALIDATION_SEED = 1


@dataclass(frozen=True)
class Fold:
    """One training and one test set."""

    scheme: str
    n_splits: int
    index: int
    split_hash: str
    train: np.ndarray = field(repr=False)  # (n_train,) row positions
    test: np.ndarray = field(repr=False)  # (n_test,) row positions

    def as_row(self) -> dict[str, Any]:
        """Return what the files of results say about the fold."""
        return {
            "scheme": self.scheme,
            "n_splits": self.n_splits,
            "fold": self.index,
            "split_hash": self.split_hash,
            "n_train": len(self.train),
            "n_test": len(self.test),
        }


def make_folds(
    data: Bunch, schemes: Iterable[str], n_splits: int, n_folds: int
) -> list[Fold]:
    """Split the data by each scheme; keep the first `n_folds` of `n_splits`."""
    return [
        Fold(scheme, n_splits, index, hash_split(data.ids, train, test), train, test)
        for scheme in schemes
        for index, (train, test) in enumerate(
            islice(
                SPLITTERS[scheme](n_splits, random_state=TEST_SEED).split(data.X),
                n_folds,
            )
        )
    ]


def hash_split(ids: np.ndarray, train: np.ndarray, test: np.ndarray) -> str:
    """Hash the ids of both sets; the order of the rows does not matter."""
    return hash_parts(np.sort(ids[train]), np.sort(ids[test]))


def validation_splitter(scheme: str) -> BaseCrossValidator:
    """Return what holds out validation rows as the scheme holds out test rows.

    A twentieth of the pairs is enough to choose an epoch by; of cells and compounds,
    of which there are few, it takes a tenth.
    """
    n_splits = 20 if scheme == "mixed" else 10
    return SPLITTERS[scheme](n_splits, random_state=VALIDATION_SEED)
