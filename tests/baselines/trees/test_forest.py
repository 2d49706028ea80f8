"""Random forests on unique cell lines and compounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from sklearn_csg2a.baselines import RandomForestResponse
from sklearn_csg2a.baselines.trees import _forest, _search
from sklearn_csg2a.baselines.trees._columns import Factor
from sklearn_csg2a.encoders import encode_compounds, resolve_encoder

SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CO", "CCCCO", "Cc1ccccc1"])
N_CELLS = 30
ALL = _forest.ForestSettings(1, None, 1, None, 250)


@pytest.fixture
def rows(expression):
    """Treatments of most pairs, some of them twice, at several doses."""
    rng = np.random.default_rng(1)
    cell, drug = rng.integers(0, N_CELLS, 250), rng.integers(0, len(SMILES), 250)
    X = pd.DataFrame(
        {
            "cell_line": expression.index[cell],
            "smiles": SMILES[drug],
            "dose": rng.choice([0.1, 1.0, 10.0], 250),
        }
    )
    effect = drug * (expression["g0"].to_numpy()[cell] > 0.3) - np.log10(X["dose"])
    return X, (effect + 0.3 * rng.normal(size=250)).to_numpy()


def draw_each_row_once(monkeypatch):
    """Let a tree have all rows, so that it can be compared with another."""

    class Generator(np.random.RandomState):
        def randint(self, low, *args, size=None, **kwargs):
            if low == size:
                return np.arange(low)
            return super().randint(low, *args, size=size, **kwargs)

    monkeypatch.setattr(_forest.np.random, "RandomState", Generator)


@pytest.mark.parametrize("most", [1, 2**18])
@pytest.mark.parametrize("n_bins", [2, 32])
@pytest.mark.parametrize(
    ("max_depth", "min_samples_leaf"), [(1, 1), (3, 1), (None, 1), (None, 4), (6, 20)]
)
def test_a_tree_of_all_columns_is_that_of_scikit_learn(
    max_depth, min_samples_leaf, n_bins, most, rows, expression, monkeypatch
):
    draw_each_row_once(monkeypatch)
    monkeypatch.setattr(_search, "_VALUES_AT_ONCE", most)
    X, y = rows
    genes = expression.to_numpy()
    cell = expression.index.get_indexer(X["cell_line"])
    if n_bins == 2:
        genes = (genes > 0.2).astype(np.float32)
    bits = encode_compounds(resolve_encoder("morgan"), SMILES.tolist())
    drug = pd.Index(SMILES).get_indexer(X["smiles"])
    factors = [Factor(genes, cell), Factor(bits, drug)]
    settings = ALL._replace(max_depth=max_depth, min_samples_leaf=min_samples_leaf)
    predicted = _forest.grow_forest(factors, y, settings, 0, 1).predict(factors)
    reference = DecisionTreeRegressor(
        max_depth=max_depth, min_samples_leaf=min_samples_leaf, random_state=0
    ).fit(np.hstack([genes[cell], bits[drug]]), y)
    expected = reference.predict(np.hstack([genes[cell], bits[drug]]))
    np.testing.assert_allclose(predicted, expected, atol=1e-9)


def test_new_rows_are_predicted_as_well_as_by_the_forest_of_scikit_learn(
    rows, expression
):
    X, y = rows
    table = expression.loc[X["cell_line"]].to_numpy()
    bits = encode_compounds(resolve_encoder("morgan"), X["smiles"].tolist())
    features = np.hstack([table, bits, np.log10(X[["dose"]])])
    settings = {"n_estimators": 100, "max_features": 1 / 3, "random_state": 0}
    reference = RandomForestRegressor(**settings, max_samples=0.5)
    reference.fit(features[:180], y[:180])
    model = RandomForestResponse(expression=expression, **settings)
    predicted = model.fit(X[:180], y[:180]).predict(X[180:])
    ours, theirs = (
        np.sqrt(np.mean((of - y[180:]) ** 2))
        for of in (predicted, reference.predict(features[180:]))
    )
    assert ours < 1.05 * theirs


@pytest.mark.parametrize("max_features", ["sqrt", "log2", 1, 3, 0.4, None])
def test_any_number_of_columns_can_be_drawn(max_features, rows, expression):
    X, y = rows
    model = RandomForestResponse(
        expression=expression, n_estimators=20, max_features=max_features
    )
    predicted = model.set_params(max_samples=None, random_state=0).fit(X, y).predict(X)
    assert np.corrcoef(predicted, y)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("max_samples", "drawn"), [(0.25, 30), (7, 7), (10**6, 120), (None, 120)]
)
def test_each_tree_draws_as_many_rows_as_asked_for(
    max_samples, drawn, rows, expression, monkeypatch
):
    seen = []
    grow = _forest._grow

    def record(factors, groups, response, settings, n_trees, rng):
        seen.append((settings.max_samples, n_trees))
        return grow(factors, groups, response, settings, n_trees, rng)

    monkeypatch.setattr(_forest, "_grow", record)
    monkeypatch.setattr(_forest, "_ROWS_AT_ONCE", 240)
    X, y = rows
    model = RandomForestResponse(expression=expression, n_estimators=5)
    model.set_params(max_samples=max_samples).fit(X[:120], y[:120])
    assert {n for n, _ in seen} == {drawn}
    assert sum(n_trees for _, n_trees in seen) == 5 == len(model.trees_)


def test_the_number_of_threads_changes_no_bit(rows, expression, monkeypatch):
    monkeypatch.setattr(_forest, "_ROWS_AT_ONCE", 1)
    X, y = rows
    model = RandomForestResponse(expression=expression, n_estimators=6, random_state=0)
    expected = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(
        model.set_params(n_jobs=2).fit(X, y).predict(X), expected
    )


def test_rows_that_no_column_tells_apart_share_a_leaf(expression):
    X = pd.DataFrame({"cell_line": ["c0", "c0", "c1"] * 20, "smiles": "CCO"})
    y = np.tile([1.0, 3.0, 5.0], 20)
    model = RandomForestResponse(
        expression=expression, n_estimators=50, max_samples=None, random_state=0
    )
    predicted = model.fit(X, y).predict(X[:3])
    assert predicted[0] == predicted[1] == pytest.approx(2.0, abs=0.2)
    assert predicted[2] == pytest.approx(5.0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_response_is_predicted_exactly(dtype, rows, expression):
    X, _ = rows
    model = RandomForestResponse(expression=expression, n_estimators=7)
    y = np.full(len(X), 0.1, dtype=dtype)
    assert (model.fit(X, y).predict(X) == y[0]).all()


def test_single_and_double_precision_of_the_response_agree(rows, expression):
    X, y = rows
    y = y.astype(np.float32)
    model = RandomForestResponse(expression=expression, n_estimators=7, random_state=0)
    expected = model.fit(X, y.astype(np.float64)).predict(X)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), expected)


def test_a_row_alone_has_the_bits_that_it_has_among_others(rows, expression):
    X, y = rows
    model = RandomForestResponse(expression=expression, n_estimators=20).fit(X, y)
    alone = [model.predict(X.iloc[[row]])[0] for row in range(20)]
    np.testing.assert_array_equal(alone, model.predict(X)[:20])
