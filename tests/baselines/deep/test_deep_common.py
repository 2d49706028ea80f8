"""The deep baselines: what holds for every one of them."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import check_estimator

from sklearn_csg2a import baselines
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.metrics import rmse
from sklearn_csg2a.model_selection import DrugBlindKFold

# Settings that learn a small screen in a second.
MODELS = {
    "DRPreter": {"learning_rate": 3e-4},
    "DeepCoVDR": {"learning_rate": 1e-3, "n_layers": 1},
    "DeepTTA": {"learning_rate": 5e-4, "n_layers": 1},
    "EnsembleMF": {"learning_rate": 1e-2, "n_members": 3},
    "GraphDRP": {"learning_rate": 3e-3, "dropout": 0.1},
    "PathDNN": {"learning_rate": 1e-2},
    "Precily": {"learning_rate": 1e-2, "hidden": (20,)},
}
# Epochs of three steps until the error is well below that of the mean.
EPOCHS = {"DRPreter": 25, "DeepCoVDR": 25, "GraphDRP": 25}
N_CELLS, N_GENES = 9, 12
CELLS = np.array([f"c{i}" for i in range(N_CELLS)])
GENES = [f"g{i}" for i in range(N_GENES)]
SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCCCN", "Oc1ccccc1Cl"])


@pytest.fixture(params=list(MODELS), scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def screen():
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.normal(size=(N_CELLS, N_GENES)), CELLS, GENES)
    expression = expression.astype(np.float32)
    cell, drug = np.divmod(np.arange(N_CELLS * len(SMILES)), len(SMILES))
    X = pd.DataFrame({"cell_line": CELLS[cell], "smiles": SMILES[drug]})
    return X, drug + expression["g0"].to_numpy()[cell], expression


def _make(name, **changed):
    settings = {
        "max_epochs": 1,
        "batch_size": 64,
        "random_state": 0,
        **MODELS[name],
        **changed,
    }
    return getattr(baselines, name)(**settings)


@pytest.fixture(scope="module")
def fitted(name, screen):
    """A fitted model as bytes: each test may change the copy that it loads."""
    X, y, expression = screen
    return pickle.dumps(_make(name, expression=expression).fit(X, y))


@pytest.mark.slow
def test_a_screen_is_learned_better_than_by_its_mean(name):
    screen = make_screen(n_cells=12, n_compounds=12, n_genes=24, random_state=0)
    X, y = screen.X, screen.y
    model = _make(
        name,
        expression=screen.expression,
        max_epochs=EPOCHS.get(name, 15),
        batch_size=40,
        early_stopping=False,
    )
    if name == "DRPreter":  # quicker with few pathways
        genes = list(screen.expression.columns)
        model.set_params(gene_sets={f"set{i}": genes[i::4] for i in range(4)})
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:100], order[100:]
    predicted = model.fit(X.iloc[train], y.iloc[train]).predict(X.iloc[test])
    of_mean = rmse(y.iloc[test], np.full(len(test), y.iloc[train].mean()))
    assert rmse(y.iloc[test], predicted) < 0.95 * of_mean


@pytest.fixture
def encoded(fitted, monkeypatch):
    """Record the cells and compounds that a kind of network encodes, call by call."""
    network = type(pickle.loads(fitted).net_.module_)
    found = {"cells": [], "compounds": []}
    for part, calls in found.items():
        encode = getattr(network, f"encode_{part}")

        def watch(self, given, counts=None, calls=calls, encode=encode):
            calls.append(given[0] if isinstance(given, tuple) else given)
            return encode(self, given, counts)

        monkeypatch.setattr(network, f"encode_{part}", watch)
    return found


def test_a_prediction_encodes_each_cell_and_compound_once(fitted, screen, encoded):
    X = screen[0]
    pickle.loads(fitted).predict(pd.concat([X] * 4))
    (cells,) = encoded["cells"]
    assert len(torch.unique(cells, dim=0)) == N_CELLS
    assert sum(len(compounds) for compounds in encoded["compounds"]) == len(SMILES)


def test_a_training_step_encodes_its_cells_and_compounds_once(name, screen, encoded):
    X, y, expression = screen
    model = _make(name, expression=expression, batch_size=16, early_stopping=False)
    model.fit(X, y)
    for part, n_all in (("cells", N_CELLS), ("compounds", len(SMILES))):
        for given in encoded[part]:
            assert len(given) == len(torch.unique(given, dim=0)) <= n_all


def test_a_prediction_does_not_depend_on_the_other_rows_bit_for_bit(fitted, screen):
    X, model = screen[0], pickle.loads(fitted)
    expected = model.predict(X)
    order = np.random.default_rng(0).permutation(len(X))
    for rows in (order, order[:5]):
        np.testing.assert_array_equal(model.predict(X.iloc[rows]), expected[rows])


def test_light_and_wide_rows_have_the_same_predictions(fitted, screen):
    X, _, expression = screen
    genes = expression.loc[X["cell_line"]].reset_index(drop=True)
    wide = pd.concat([X[["smiles"]], genes[GENES[::-1]]], axis=1)
    model = pickle.loads(fitted)
    np.testing.assert_allclose(model.predict(wide), model.predict(X), rtol=1e-5)


def test_the_spelling_of_a_compound_does_not_matter(fitted, screen):
    X, model = screen[0], pickle.loads(fitted)
    other = X.replace({"smiles": {"Oc1ccccc1Cl": "c1cc(Cl)c(O)cc1", "CCO": "C(O)C"}})
    assert not other.equals(X)
    np.testing.assert_array_equal(model.predict(other), model.predict(X))


def test_compounds_and_cells_never_seen_are_predicted(fitted, screen):
    X, _, expression = screen
    model = pickle.loads(fitted)
    other = expression.rename(index=lambda cell: f"new_{cell}") + 1
    model.set_params(expression=other)
    new = X.assign(cell_line="new_" + X["cell_line"], smiles="CC(Br)C[Si](C)(C)C#N")
    predicted = model.predict(new)
    assert np.isfinite(predicted).all()
    assert len(np.unique(predicted)) > 1


def test_a_fit_repeats_itself(name, fitted, screen):
    X, y, _ = screen
    model = pickle.loads(fitted)
    expected = model.predict(X)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), expected)
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.predict(X), expected)


def test_a_pickle_holds_no_class_of_torch(fitted):
    assert b"torch" not in fitted
    assert b"skorch" not in fitted


def test_models_work_in_a_search_over_a_pipeline(name, screen):
    X, y, expression = screen
    search = GridSearchCV(
        Pipeline([("model", _make(name, expression=expression))]),
        {"model__learning_rate": [1e-4, 1e-3]},
        cv=DrugBlindKFold(2, random_state=0),
        error_score="raise",
        refit=False,
    )
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert scores[0] != scores[1]


def test_early_stopping_is_judged_by_the_splitter(name, screen):
    X, y, expression = screen
    model = _make(
        name,
        expression=expression,
        validation=DrugBlindKFold(3, random_state=0),
        max_epochs=2,
    ).fit(X, y)
    assert model.history_["valid_loss"].notna().all()
    assert 1 <= model.best_epoch_ <= model.n_iter_ == len(model.history_) == 2


def test_a_refit_trains_on_all_rows_as_many_epochs_as_were_best(name, screen):
    X, y, expression = screen
    held_out = {"expression": expression, "validation": 0.3, "max_epochs": 4}
    stopped = _make(name, **held_out).fit(X, y)
    refitted = _make(name, **held_out, refit=True).fit(X, y)
    assert refitted.best_epoch_ == stopped.best_epoch_
    assert len(refitted.net_.history) == stopped.best_epoch_
    pd.testing.assert_frame_equal(
        refitted.history_.drop(columns="seconds"),
        stopped.history_.drop(columns="seconds"),
    )
    assert not np.allclose(refitted.predict(X), stopped.predict(X))


def test_a_refit_at_the_last_epoch_is_a_fit_without_early_stopping(name, screen):
    X, y, expression = screen
    once = {"expression": expression, "max_epochs": 1}
    refitted = _make(name, **once, refit=True).fit(X, y)
    without = _make(name, **once, early_stopping=False).fit(X, y)
    assert np.array_equal(refitted.predict(X), without.predict(X))


def test_a_splitter_without_a_seed_follows_the_random_state(name, screen):
    X, y, expression = screen
    losses = [
        _make(
            name,
            expression=expression,
            validation=DrugBlindKFold(3, random_state=None),
            max_epochs=1,
            random_state=0,
        )
        .fit(X, y)
        .history_["valid_loss"]
        .tolist()
        for _ in range(2)
    ]
    assert losses[0] == losses[1]


def test_invalid_input_is_an_error_that_names_the_row(fitted, screen):
    X, y, _ = screen
    model = pickle.loads(fitted)
    bad = X.set_axis([f"row{i}" for i in range(len(X))])
    bad.loc["row7", "smiles"] = "C1CC"
    with pytest.raises(InvalidSmilesError, match=r"row 7 \(index 'row7'\).*C1CC"):
        model.predict(bad)
    with pytest.raises(InputError, match=r"y contains NaN.*row 3"):
        model.fit(X, np.where(np.arange(len(y)) == 3, np.nan, y))
    expected = model.predict(X)  # still the first fit
    expected[7] = np.nan
    model.set_params(on_invalid_smiles="nan")
    np.testing.assert_array_equal(model.predict(bad), expected)


def test_a_constant_response_is_predicted(name, screen):
    X, _, expression = screen
    model = _make(name, expression=expression)
    if name == "GraphDRP":
        model.set_params(target_transform="none")
    predicted = model.fit(X, np.full(len(X), 0.7)).predict(X)
    np.testing.assert_array_equal(predicted, 0.7)


def test_a_plain_table_is_learned_without_compounds(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 12))
    model = _make(name).fit(X, X[:, 0])
    assert model.predict(X).shape == (30,)
    with pytest.raises(InputError, match="fitted on a plain table"):
        model.predict(pd.DataFrame({"smiles": ["CCO"], "x0": [1.0]}))


# One that asks for a good fit, which takes this network more steps than a test has.
NEEDS_LONGER = {"DRPreter": {"check_regressors_train"}}


@pytest.mark.slow
@pytest.mark.changes_global_random_state  # some checks of scikit-learn do
def test_the_checks_of_scikit_learn_pass_without_compounds(name):
    model = _make(name, max_epochs=30, batch_size=32, random_state=None)
    results = check_estimator(model, on_fail=None, on_skip=None)
    failed = {r["check_name"] for r in results if r["status"] == "failed"}
    assert failed <= NEEDS_LONGER.get(name, set())
    assert len(results) >= 51
