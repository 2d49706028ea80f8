"""ResidualRegressor: the second model learns the first one's honest errors."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_val_predict
from sklearn.tree import DecisionTreeRegressor

from sklearn_csg2a import DrugResponseRegressor, ResidualRegressor
from sklearn_csg2a.baselines import DrugMean, GlobalMean
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import DisjointKFold, MixedKFold


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.RandomState(0)
    X = rng.randn(120, 3)
    return X, X @ [1.0, -2.0, 0.5] + np.sin(3 * X[:, 0]) + 0.1 * rng.randn(120)


def test_second_model_learns_the_errors_on_held_out_rows(numbers):
    X, y = numbers
    folds = KFold(4, shuffle=True, random_state=1)
    model = ResidualRegressor(Ridge(), DecisionTreeRegressor(random_state=0), cv=folds)
    model.fit(X, y)
    expected = y - cross_val_predict(Ridge(), X, y, cv=folds)
    np.testing.assert_allclose(model.residual_, expected)
    tree = DecisionTreeRegressor(random_state=0).fit(X, expected)
    np.testing.assert_allclose(
        model.predict(X), Ridge().fit(X, y).predict(X) + tree.predict(X)
    )


def test_a_perfect_base_leaves_nothing(numbers):
    X, _ = numbers
    y = X @ [1.0, -2.0, 0.5]
    model = ResidualRegressor(
        LinearRegression(), LinearRegression(), random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(model.residual_, 0, atol=1e-10)


def test_weight_is_the_share_of_the_second_prediction(numbers):
    X, y = numbers
    make = ResidualRegressor(
        Ridge(), DecisionTreeRegressor(random_state=0), random_state=0
    )
    none, half, full = (
        clone(make).set_params(weight=weight).fit(X, y).predict(X)
        for weight in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(none, Ridge().fit(X, y).predict(X))
    np.testing.assert_allclose(half, (none + full) / 2)


def test_rows_that_are_never_held_out_are_not_shown_to_the_second_model():
    screen = make_screen(n_cells=12, n_compounds=12, n_genes=24, random_state=0)
    folds = DisjointKFold(3, random_state=0)
    model = ResidualRegressor(DrugMean(), DrugMean(), cv=folds)
    model.fit(screen.X, screen.y)
    held_out = np.concatenate([test for _, test in folds.split(screen.X, screen.y)])
    seen = np.flatnonzero(~np.isnan(model.residual_))
    np.testing.assert_array_equal(seen, np.sort(held_out))
    assert len(seen) < len(screen.X)


def test_search_chooses_the_weight_and_the_result_survives_pickling():
    screen = make_screen(n_cells=16, n_compounds=16, n_genes=24, random_state=0)
    network = DrugResponseRegressor(
        expression=screen.expression, max_epochs=15, learning_rate=3e-3, random_state=0
    )
    model = ResidualRegressor(GlobalMean(), network, cv=MixedKFold(3))
    search = GridSearchCV(model, {"weight": [0.0, 1.0]}, cv=MixedKFold(2), n_jobs=1)
    search.fit(screen.X, screen.y)
    assert search.best_params_["weight"] == 1.0
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(copy.predict(screen.X), search.predict(screen.X))
    assert list(copy.feature_names_in_) == list(screen.X.columns)


def test_folds_of_a_splitter_without_a_seed_follow_the_random_state():
    screen = make_screen(n_cells=12, n_compounds=12, n_genes=24, random_state=0)
    folds = MixedKFold(3, random_state=None)
    residuals = [
        ResidualRegressor(DrugMean(), DrugMean(), cv=folds, random_state=seed)
        .fit(screen.X, screen.y)
        .residual_
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(residuals[0], residuals[1])
    assert not np.array_equal(residuals[0], residuals[2])


def test_random_folds_are_reproducible(numbers):
    X, y = numbers
    first, second, other = (
        ResidualRegressor(
            Ridge(), DecisionTreeRegressor(random_state=0), random_state=s
        )
        .fit(X, y)
        .residual_
        for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_splitter_that_holds_out_a_row_twice_is_refused(numbers):
    X, y = numbers
    twice = ShuffleSplit(5, test_size=0.5, random_state=0)
    with pytest.raises(InputError, match=r"holds out row \d+ .* more than once"):
        ResidualRegressor(Ridge(), Ridge(), cv=twice).fit(X, y)


def test_data_frames_reach_both_models_as_they_are():
    X = pd.DataFrame({"cell_line": list("abcd") * 4, "smiles": ["C", "CC"] * 8})
    y = np.arange(16.0)
    model = ResidualRegressor(DrugMean(), DrugMean(), random_state=0).fit(X, y)
    assert model.predict(X).shape == (16,)
