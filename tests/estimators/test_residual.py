"""ResidualRegressor: the second model learns the first one's honest errors."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, UnsetMetadataPassedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_val_predict,
    cross_validate,
)
from sklearn.tree import DecisionTreeRegressor

from sklearn_csg2a import DrugResponseRegressor, ResidualRegressor
from sklearn_csg2a.baselines import (
    DrugMean,
    GlobalMean,
    MeanEffects,
    PairwiseKernelRidge,
)
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


def test_a_perfect_base_has_no_residuals(numbers):
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
        expression=screen.expression,
        max_epochs=15,
        batch_size=128,
        learning_rate=1e-2,
        random_state=0,
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


@pytest.mark.parametrize(
    "as_given",
    [pd.Series, lambda y: pd.Series(y).to_frame(), lambda y: y[:, None], list],
    ids=["series", "frame", "column", "list"],
)
def test_the_response_may_come_in_any_form(numbers, as_given):
    X, y = numbers
    model = ResidualRegressor(Ridge(), LinearRegression(), random_state=0)
    expected = clone(model).fit(X, y).predict(X)
    given = as_given(y)
    if np.ndim(given) == 2:
        with pytest.warns(DataConversionWarning):
            model.fit(X, given)
    else:
        model.fit(X, given)
    np.testing.assert_array_equal(model.predict(X), expected)


def test_a_response_with_several_columns_is_refused(numbers):
    X, y = numbers
    with pytest.raises(ValueError, match="1d array"):
        ResidualRegressor(Ridge(), Ridge()).fit(X, np.column_stack([y, y]))


def test_no_response_is_refused(numbers):
    with pytest.raises(InputError, match="requires y to be passed"):
        ResidualRegressor(Ridge(), Ridge()).fit(numbers[0], None)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.coo_matrix])
def test_sparse_X_is_refused(numbers, container):
    X, y = numbers
    model = ResidualRegressor(Ridge(), Ridge())
    with pytest.raises(InputError, match=r"sparse X.*toarray"):
        model.fit(container(X), y)
    model.fit(X, y)
    with pytest.raises(InputError, match=r"sparse X.*toarray"):
        model.predict(container(X))


def test_the_error_of_a_base_that_predicts_nan_names_the_rows(numbers):
    X, y = numbers

    class Gap(Ridge):
        def predict(self, X):
            return np.where(np.arange(len(X)) == 0, np.nan, super().predict(X))

    with pytest.raises(InputError, match=r"base predicts NaN .* 5 held-out rows: row"):
        ResidualRegressor(Gap(), Ridge(), random_state=0).fit(X, y)


def test_an_error_leaves_a_fitted_model_as_it_was(numbers):
    X, y = numbers
    model = ResidualRegressor(Ridge(), Ridge(), random_state=0).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(X, np.nan), y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_the_seed_reaches_models_without_one(numbers):
    X, y = numbers
    tree = DecisionTreeRegressor(splitter="random", max_depth=3)
    model = ResidualRegressor(tree, tree, random_state=0)
    first, second = (clone(model).fit(X, y).predict(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    own = ResidualRegressor(
        clone(tree).set_params(random_state=5), tree, random_state=0
    )
    assert own.fit(X, y).base_.random_state == 5
    assert tree.random_state is None


def test_splits_may_be_given_as_a_list(numbers):
    X, y = numbers
    folds = KFold(3)
    one, other = (
        ResidualRegressor(Ridge(), DecisionTreeRegressor(random_state=0), cv=cv)
        for cv in (folds, list(folds.split(X)))
    )
    np.testing.assert_array_equal(one.fit(X, y).predict(X), other.fit(X, y).predict(X))


def test_groups_reach_the_splitter(numbers):
    X, y = numbers
    groups = np.arange(len(y)) % 6
    model = ResidualRegressor(Ridge(), Ridge(), cv=GroupKFold(3))
    expected = y - cross_val_predict(Ridge(), X, y, groups=groups, cv=GroupKFold(3))
    np.testing.assert_allclose(model.fit(X, y, groups=groups).residual_, expected)
    with config_context(enable_metadata_routing=True):
        np.testing.assert_allclose(model.fit(X, y, groups=groups).residual_, expected)
        found = cross_validate(
            model,
            X,
            y,
            cv=GroupKFold(2),
            params={"groups": groups},
            error_score="raise",
        )
    assert np.isfinite(found["test_score"]).all()


def test_sample_weight_reaches_the_models_that_ask_for_it(numbers):
    X, y = numbers
    weight = np.where(np.arange(len(y)) % 2, 1.0, 3.0)
    folds = KFold(4)
    with config_context(enable_metadata_routing=True):
        model = ResidualRegressor(
            Ridge().set_fit_request(sample_weight=True),
            Ridge().set_fit_request(sample_weight=False),
            cv=folds,
        ).fit(X, y, sample_weight=weight)
        held_out = cross_val_predict(
            Ridge().set_fit_request(sample_weight=True),
            X,
            y,
            cv=folds,
            params={"sample_weight": weight},
        )
    np.testing.assert_allclose(model.residual_, y - held_out)
    of_base = Ridge().fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.base_.coef_, of_base.coef_)
    second = Ridge().fit(X, model.residual_)
    np.testing.assert_allclose(model.regressor_.coef_, second.coef_)


def test_metadata_that_is_not_requested_is_refused(numbers):
    X, y = numbers
    model = ResidualRegressor(Ridge(), Ridge())
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(X, y, sample_weight=np.ones(len(y)))
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError, match="sample_weight"),
    ):
        model.fit(X, y, sample_weight=np.ones(len(y)))


def test_both_models_are_drawn_in_notebooks():
    drawn = ResidualRegressor(Ridge(), DecisionTreeRegressor())._repr_html_()
    assert "ResidualRegressor" in drawn
    assert drawn.index("Ridge") < drawn.rindex("DecisionTreeRegressor")


def test_one_row_alone_is_predicted_as_among_many():
    screen = make_screen(n_cells=12, n_compounds=12, n_genes=24, random_state=0)
    kernel = PairwiseKernelRidge(expression=screen.expression)
    model = ResidualRegressor(MeanEffects(), kernel, random_state=0)
    together = model.fit(screen.X, screen.y).predict(screen.X)
    alone = [model.predict(screen.X.iloc[[row]])[0] for row in range(20)]
    np.testing.assert_array_equal(alone, together[:20])
