"""The splitters inside nested searches, with and without metadata routing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.metrics import neg_rmse_scorer, pearson_scorer
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    ClusterBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
    TissueBlindKFold,
)

SMILES = ("CCO", "OCC", "CCN", "NCC", "CC(=O)O", "c1ccccc1", "CCC", "CC#N")
KEYS = {
    MixedKFold: ["pair"],
    CellBlindKFold: ["cell"],
    DrugBlindKFold: ["drug"],
    DisjointKFold: ["cell", "drug"],
    TissueBlindKFold: ["tissue"],
    ClusterBlindKFold: ["drug"],
}
COLUMNS = {
    CellBlindKFold: "cell_line",
    DrugBlindKFold: "smiles",
    ClusterBlindKFold: "smiles",
    TissueBlindKFold: "tissue",
}


class KeyedRegressor(RegressorMixin, BaseEstimator):
    """Predict a constant and note which keys were seen in fit and in predict."""

    log: list = []  # noqa: RUF012 (shared by clones on purpose)

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y):
        self.mean_ = float(np.mean(y)) + self.shift
        self.seen_ = np.asarray(X)
        return self

    def predict(self, X):
        X = np.asarray(X)
        if len(X) != len(self.seen_) or (self.seen_ != X).any():
            self.log.append((self.seen_, X))
        return np.full(len(X), self.mean_)


class PassThrough(TransformerMixin, BaseEstimator):
    """A step before the regressor."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture
def screen():
    cells, drugs = np.meshgrid(np.arange(12), np.arange(len(SMILES)))
    X = pd.DataFrame(
        {
            "cell_line": [f"cell {cell}" for cell in cells.ravel()],
            "smiles": [SMILES[drug] for drug in drugs.ravel()],
            "tissue": [f"tissue {cell % 6}" for cell in cells.ravel()],
        }
    )
    return X, np.arange(len(X), dtype=float)


@pytest.fixture(autouse=True)
def log():
    KeyedRegressor.log.clear()
    return KeyedRegressor.log


def _search(cls):
    pipeline = make_pipeline(PassThrough(), KeyedRegressor())
    return GridSearchCV(
        pipeline,
        {"keyedregressor__shift": [0.0, 1.0]},
        cv=cls(2, random_state=1),
        scoring=neg_rmse_scorer,
        error_score="raise",
    )


def _assert_apart(cls, log, n_fits):
    assert len(log) >= n_fits
    for seen, asked in log:
        for key in KEYS[cls]:
            assert not _key(seen, key) & _key(asked, key)


def _key(rows, key):
    cells, drugs = rows[:, 0], compound_identities(rows[:, 1])
    values = {
        "cell": cells,
        "drug": drugs,
        "tissue": rows[:, 2],
        "pair": zip(cells, drugs, strict=True),
    }
    return set(values[key])


@pytest.mark.parametrize("routing", [False, True], ids=["plain", "routing"])
@pytest.mark.parametrize("cls", KEYS, ids=lambda cls: cls.__name__)
def test_nested_search_reads_columns(cls, routing, screen, log):
    X, y = screen
    with sklearn.config_context(enable_metadata_routing=routing):
        result = cross_validate(
            _search(cls),
            X,
            y,
            cv=cls(2, random_state=0),
            scoring={"rmse": neg_rmse_scorer, "pearson": pearson_scorer},
            error_score="raise",
        )
    assert result["test_pearson"].tolist() == [0.0, 0.0]
    _assert_apart(cls, log, n_fits=10)


@pytest.mark.parametrize("cls", KEYS, ids=lambda cls: cls.__name__)
def test_nested_search_routes_groups_to_both_levels(cls, screen, log):
    X, y = screen
    groups = X[COLUMNS.get(cls, ["cell_line", "smiles"])]
    hidden = X.to_numpy()  # no columns: ids can only come from groups
    with sklearn.config_context(enable_metadata_routing=True):
        cross_validate(
            _search(cls),
            hidden,
            y,
            params={"groups": groups},
            cv=cls(2, random_state=0),
            scoring=neg_rmse_scorer,
            error_score="raise",
        )
    _assert_apart(cls, log, n_fits=10)


@pytest.mark.parametrize("cls", KEYS, ids=lambda cls: cls.__name__)
def test_search_takes_groups_without_routing(cls, screen, log):
    X, y = screen
    groups = X[COLUMNS.get(cls, ["cell_line", "smiles"])].to_numpy()
    _search(cls).fit(X.to_numpy(), y, groups=groups)
    _assert_apart(cls, log, n_fits=4)


def test_search_behind_a_pipeline_gets_groups_by_routing(screen, log):
    X, y = screen
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(PassThrough(), _search(CellBlindKFold))
        model.fit(X.to_numpy(), y, groups=X["cell_line"])
    _assert_apart(CellBlindKFold, log, n_fits=4)


def test_grid_design_counts_its_splits_for_the_search(screen):
    X, y = screen
    cv = DisjointKFold(2, design="grid", random_state=0)
    search = GridSearchCV(KeyedRegressor(), {"shift": [0.0]}, cv=cv)
    search.fit(X, y)
    assert search.n_splits_ == 4


@pytest.mark.parametrize("cls", KEYS, ids=lambda cls: cls.__name__)
def test_a_halving_search_takes_the_folds_of_the_default(cls, screen, log):
    X, y = screen
    search = HalvingGridSearchCV(
        KeyedRegressor(),
        {"shift": [0.0, 1.0]},
        cv=cls(2),
        random_state=0,
        error_score="raise",
    )
    search.fit(X, y)
    _assert_apart(cls, log, n_fits=4)


def test_a_halving_search_refuses_folds_that_are_drawn_anew(screen):
    X, y = screen
    cv = MixedKFold(2, random_state=None)
    search = HalvingGridSearchCV(KeyedRegressor(), {"shift": [0.0]}, cv=cv)
    with pytest.raises(ValueError, match="consistent folds across calls"):
        search.fit(X, y)


def test_tools_that_split_twice_see_the_same_folds(screen):
    """Predictions out of fold belong to the splits that a second call gives."""
    X, y = screen
    cv = MixedKFold(4)
    predicted = cross_val_predict(KeyedRegressor(), X, y, cv=cv)
    for train, test in cv.split(X):
        np.testing.assert_array_equal(predicted[test], np.mean(y[train]))
