"""Split schemes, and the folds that are common to all models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import Bunch

from sklearn_csg2a.evaluation.configuration import hash_parts
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    ClusterBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
    TissueBlindKFold,
    train_valid_test_split,
)

SPLITTERS: dict[str, type[BaseCrossValidator]] = {
    "mixed": MixedKFold,
    "cell": CellBlindKFold,
    "drug": DrugBlindKFold,
    "disjoint": DisjointKFold,
}

# The protocol of published comparisons on GDSC2: a random split of all pairs into
# training, validation and test, 8:1:1; "fold" k is the split with seed k.
RANDOM_811 = "random811"
SCHEMES = (*SPLITTERS, RANDOM_811)

# The naive model of each scheme: the best one given the ids of the training set.
SPLIT_NAIVE = {
    "mixed": "MeanEffects",
    "cell": "DrugMean",
    "drug": "CellMean",
    "disjoint": "GlobalMean",
    RANDOM_811: "MeanEffects",
}

# The schemes of other splits: new tissues, and compounds unlike those trained on.
OTHER_SPLITTERS: dict[str, type[BaseCrossValidator]] = {
    "tissue": TissueBlindKFold,
    "cluster": ClusterBlindKFold,
}
OTHER_NAIVE = {"tissue": "DrugMean", "cluster": "CellMean"}

TEST_SEED = 0
VALIDATION_SEED = 1
TUNING_SEED = 2


class LastRows(BaseCrossValidator):
    """Hold out the last rows: the validation rows of a fold that has some.

    The representation omits their number, which the hash of the fold covers.
    """

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows

    def __repr__(self) -> str:
        """Describe what is held out."""
        return "validation rows of the fold"

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the only split: the first rows and the last rows."""
        rows = np.arange(len(X))
        yield rows[: -self.n_rows], rows[-self.n_rows :]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return 1."""
        return 1


@dataclass(frozen=True)
class Fold:
    """One training and one test set and, in some schemes, validation rows."""

    scheme: str
    n_splits: int
    index: int
    split_hash: str
    train: np.ndarray = field(repr=False)  # (n_train,) row positions
    test: np.ndarray = field(repr=False)  # (n_test,) row positions
    valid: np.ndarray | None = field(default=None, repr=False)  # (n_valid,)

    def as_row(self) -> dict[str, Any]:
        """Return the columns that describe the fold in the result files."""
        return {
            "scheme": self.scheme,
            "n_splits": self.n_splits,
            "fold": self.index,
            "split_hash": self.split_hash,
            "n_train": len(self.train),
            "n_test": len(self.test),
            "n_valid": None if self.valid is None else len(self.valid),
        }


def make_folds(
    data: Bunch, schemes: Iterable[str], n_splits: int, n_folds: int
) -> list[Fold]:
    """Split the data by each scheme; keep the first `n_folds` of `n_splits`.

    Data with predefined `splits`, {scheme: (train, test)}, have one fold per scheme.
    """
    return [
        fold
        for scheme in schemes
        for fold in islice(_folds_of(data, scheme, n_splits), n_folds)
    ]


def list_schemes(data: Bunch) -> list[str]:
    """Return the schemes that the data can be split by, except for random811."""
    return list(data.get("splits", SPLITTERS))


def inner_fold(data: Bunch, fold: Fold) -> Fold:
    """Split the training rows of a fold by its scheme, for tuning.

    Candidates are evaluated on its test rows, which are the validation rows of the
    fold, if it has any. It contains no test row of the fold.
    """
    if fold.valid is not None:
        parts = fold.train, fold.valid, fold.valid
    else:
        splitter = SPLITTERS[fold.scheme](10, random_state=TUNING_SEED)
        first = next(iter(splitter.split(rows_of(data).iloc[fold.train])))
        parts = tuple(fold.train[rows] for rows in first)
    return _make_fold(data, fold.scheme, fold.n_splits, fold.index, *parts)


def _folds_of(data: Bunch, scheme: str, n_splits: int) -> Iterator[Fold]:
    """Generate the folds of a scheme."""
    if "splits" in data:
        yield _make_fold(data, scheme, 1, 0, *data.splits[scheme])
        return
    if scheme == RANDOM_811:
        for seed in range(10):
            train, valid, test = train_valid_test_split(
                rows_of(data), scheme="mixed", sizes=(0.8, 0.1, 0.1), random_state=seed
            )
            yield _make_fold(data, scheme, 10, seed, train, test, valid)
        return
    splitter = SPLITTERS[scheme](n_splits, random_state=TEST_SEED)
    yield from split_by(data, scheme, splitter)


def split_by(data: Bunch, scheme: str, splitter: Any) -> Iterator[Fold]:
    """Generate the folds of a splitter, under the name of a scheme."""
    X = rows_of(data)
    splits = list(splitter.split(X, data.y))
    for index, rows in enumerate(splits):
        yield _make_fold(data, scheme, len(splits), index, *rows)


def rows_of(data: Bunch) -> pd.DataFrame:
    """Return X with the column names of the input contract."""
    return data.get("rows", data.X)


def naive_of(scheme: str) -> str:
    """Return the naive model that skill is measured against.

    Of splits that are not known it is mean effects: the effect of a cell line or a
    compound that is not in the training set is 0.
    """
    return (SPLIT_NAIVE | OTHER_NAIVE).get(scheme, "MeanEffects")


def _make_fold(
    data: Bunch, scheme: str, n_splits: int, index: int, *parts: np.ndarray
) -> Fold:
    """Make a fold of training, test and, if given, validation rows."""
    return Fold(scheme, n_splits, index, hash_split(data.ids, *parts), *parts)


def hash_split(ids: np.ndarray, *parts: np.ndarray) -> str:
    """Hash the ids of each set; the order of the rows does not matter."""
    return hash_parts(*(np.sort(ids[rows]) for rows in parts))


def validation_splitter(scheme: str) -> BaseCrossValidator:
    """Return a splitter that holds out validation rows by the scheme of the test rows.

    It holds out a twentieth of the pairs, or a tenth of the cells or compounds, of
    which there are few. If a fold has validation rows, these are used instead.
    """
    if scheme in {"mixed", RANDOM_811}:
        return MixedKFold(20, random_state=VALIDATION_SEED)
    return SPLITTERS[scheme](10, random_state=VALIDATION_SEED)
