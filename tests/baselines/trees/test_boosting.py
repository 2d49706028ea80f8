"""Gradient boosting on unique cell lines and compounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.baselines import GradientBoostingResponse
from sklearn_csg2a.baselines.trees import _boost, _columns

SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CO", "CCCCO", "Cc1ccccc1"])
N_CELLS = 30


@pytest.fixture
def rows(expression):
    """Treatments of most pairs, some of them twice, at several doses and times."""
    rng = np.random.default_rng(1)
    cell, drug = rng.integers(0, N_CELLS, 250), rng.integers(0, len(SMILES), 250)
    X = pd.DataFrame(
        {
            "cell_line": expression.index[cell],
            "smiles": SMILES[drug],
            "dose": rng.choice([0.1, 1.0, 10.0], 250),
            "time": rng.choice([24.0, 48.0, 72.0], 250),
        }
    )
    effect = drug * (expression["g0"].to_numpy()[cell] > 0.3) - np.log10(X["dose"])
    return X, effect + 0.01 * X["time"] + 0.3 * rng.normal(size=250)


SETTINGS = [
    {},
    {"max_leaf_nodes": 4},
    {"max_leaf_nodes": None, "min_samples_leaf": 3},
    {"l2_regularization": 5.0, "learning_rate": 0.5},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("left_out", [[], ["dose", "time"], ["smiles"]])
def test_trees_are_those_of_scikit_learn_if_each_value_has_a_bin(
    settings, left_out, rows, expression
):
    X, y = rows
    X = X.drop(columns=left_out)
    if "smiles" in left_out:
        X["smiles"] = "CCO"
    model = GradientBoostingResponse(expression=expression, max_iter=15, **settings)
    predicted = model.fit(X, y).predict(X)
    model.set_params(library="scikit-learn").fit(X, y)
    # In other rows, columns that divide these rows in the same way may differ.
    np.testing.assert_allclose(predicted, model.predict(X), rtol=0, atol=1e-5)


def test_values_that_share_a_bin_are_not_divided(rows, expression, monkeypatch):
    monkeypatch.setattr(_columns, "MAX_BINS", 3)
    X, _ = rows
    above = expression["g0"].to_numpy()[expression.index.get_indexer(X["cell_line"])]
    model = GradientBoostingResponse(
        expression=expression[["g0"]], max_iter=1, learning_rate=1.0
    )
    X = X[["cell_line"]].assign(smiles="CCO")
    assert len(np.unique(model.fit(X, above).predict(X))) == 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_response_is_predicted_exactly(dtype, rows, expression):
    X, _ = rows
    model = GradientBoostingResponse(expression=expression, max_iter=5)
    y = np.full(len(X), 0.1, dtype=dtype)
    assert (model.fit(X, y).predict(X) == y[0]).all()


def test_single_and_double_precision_of_the_response_agree(rows, expression):
    X, y = rows
    y = y.to_numpy(np.float32)
    model = GradientBoostingResponse(expression=expression, max_iter=5)
    expected = model.fit(X, y.astype(np.float64)).predict(X)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), expected)


def test_a_row_alone_has_the_bits_that_it_has_among_others(rows, expression):
    X, y = rows
    model = GradientBoostingResponse(expression=expression, max_iter=20).fit(X, y)
    alone = [model.predict(X.iloc[[row]])[0] for row in range(20)]
    np.testing.assert_array_equal(alone, model.predict(X)[:20])


def test_the_seed_decides_the_columns_of_a_split(rows, expression):
    X, y = rows
    model = GradientBoostingResponse(expression=expression, max_iter=5)
    model.set_params(max_features=0.3, random_state=0)
    first = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), first)
    other = model.set_params(random_state=1).fit(X, y).predict(X)
    assert not np.array_equal(other, first)


@pytest.mark.parametrize("most_bytes", [0, 50_000])
def test_trees_do_not_depend_on_the_memory_for_sums(
    most_bytes, rows, expression, monkeypatch
):
    X, y = rows
    model = GradientBoostingResponse(expression=expression, max_iter=5)
    model.set_params(max_leaf_nodes=None, min_samples_leaf=2)
    expected = model.fit(X, y).predict(X)
    monkeypatch.setattr(_boost, "_MOST_BYTES", most_bytes)
    monkeypatch.setattr(_columns, "_MOST_PLACES", 1)
    np.testing.assert_allclose(model.fit(X, y).predict(X), expected, rtol=1e-9)
