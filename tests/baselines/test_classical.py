"""Classical models on fingerprints and expression, and what they share."""

from __future__ import annotations

import pickle
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.svm import SVR
from sklearn.utils.estimator_checks import check_estimator

from sklearn_csg2a.baselines import (
    GradientBoostingResponse,
    PairwiseKernelRidge,
    RandomForestResponse,
    ResponseGaussianProcess,
    SVMResponse,
)
from sklearn_csg2a.baselines.kernels import svr as svm
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders import encode_compounds, resolve_encoder
from sklearn_csg2a.encoders._pair_layout import PairBlocks
from sklearn_csg2a.exceptions import (
    GeneMismatchError,
    InputError,
    InvalidSmilesError,
    MissingDependencyError,
)

# Small models, and a parameter of each to search over.
MODELS = {
    "forest": (
        RandomForestResponse(n_estimators=10, max_features=1 / 3),
        {"max_depth": [1, None]},
    ),
    "boosting": (
        GradientBoostingResponse(max_iter=20, min_samples_leaf=5),
        {"max_leaf_nodes": [2, 8]},
    ),
    "histograms": (
        GradientBoostingResponse(
            max_iter=20, min_samples_leaf=5, library="scikit-learn"
        ),
        {"max_leaf_nodes": [2, 8]},
    ),
    "lightgbm": (
        GradientBoostingResponse(
            max_iter=20, min_samples_leaf=5, library="lightgbm", n_jobs=1
        ),
        {"max_leaf_nodes": [2, 8]},
    ),
    "svm": (SVMResponse(), {"C": [0.01, 10.0]}),
    "kernel_ridge": (PairwiseKernelRidge(), {"alpha": [0.1, 100.0]}),
    "response_gp": (ResponseGaussianProcess(), {"noise": [0.1, 1.0]}),
}
SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CO", "CCCCO"])
N_CELLS, N_GENES = 15, 8
CELLS = np.array([f"c{i}" for i in range(N_CELLS)])
GENES = [f"g{i}" for i in range(N_GENES)]


needs_lightgbm = pytest.mark.skipif(
    find_spec("lightgbm") is None, reason="lightgbm is not installed"
)


@pytest.fixture(
    params=[
        pytest.param(name, marks=needs_lightgbm) if name == "lightgbm" else name
        for name in MODELS
    ]
)
def name(request):
    return request.param


@pytest.fixture
def screen():
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.normal(size=(N_CELLS, N_GENES)), CELLS, GENES)
    expression = expression.astype(np.float32)
    drug, cell = rng.integers(0, 6, 120), rng.integers(0, N_CELLS, 120)
    X = pd.DataFrame({"cell_line": CELLS[cell], "smiles": SMILES[drug]})
    y = drug + expression["g0"].to_numpy()[cell] + 0.1 * rng.normal(size=120)
    return X, y, expression


def _make(name, expression=None, **parameters):
    model = clone(MODELS[name][0]).set_params(expression=expression, **parameters)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return model


# Models at their defaults: tests/test_common.py.
@pytest.mark.changes_global_random_state  # some checks of scikit-learn do
@pytest.mark.parametrize(
    "name", ["histograms", pytest.param("lightgbm", marks=needs_lightgbm)]
)
def test_every_check_of_scikit_learn_passes_with_a_library(name):
    results = check_estimator(MODELS[name][0], on_fail=None, on_skip=None)
    failed = [r["check_name"] for r in results if r["status"] == "failed"]
    assert failed == []
    assert len(results) >= 51


def test_drugs_and_cells_are_learned(name, screen):
    X, y, expression = screen
    model = _make(name, expression).fit(X[:90], y[:90])
    predicted = model.predict(X[90:])
    assert np.corrcoef(predicted, y[90:])[0, 1] > 0.8
    assert model.genes_.tolist() == GENES
    assert model.n_features_in_ == 2


def test_light_and_wide_rows_have_the_same_predictions(name, screen):
    X, y, expression = screen
    genes = expression.loc[X["cell_line"]].reset_index(drop=True)
    wide = pd.concat([X[["smiles"]], genes[GENES[::-1]]], axis=1)
    light_model = _make(name, expression).fit(X, y)
    expected = light_model.predict(X)
    np.testing.assert_allclose(light_model.predict(wide), expected)
    wide_model = _make(name).fit(pd.concat([X[["smiles"]], genes], axis=1), y)
    np.testing.assert_allclose(wide_model.predict(wide), expected, rtol=1e-6)
    np.testing.assert_allclose(
        wide_model.set_params(expression=expression).predict(X), expected, rtol=1e-6
    )


def test_a_prediction_does_not_depend_on_the_other_rows(name, screen):
    X, y, expression = screen
    model = _make(name, expression).fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))[:50]
    np.testing.assert_allclose(
        model.predict(X.iloc[order]), model.predict(X)[order], rtol=1e-12
    )


def test_models_survive_clone_pickle_and_cross_validation(name, screen):
    X, y, expression = screen
    model = _make(name, expression)
    predicted = clone(model).fit(X, y).predict(X)
    again = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    np.testing.assert_array_equal(again.predict(X), predicted)
    scores = cross_validate(model, X, y, cv=3, error_score="raise")
    assert (scores["test_score"] > 0.5).all()


def test_models_can_be_searched_in_a_pipeline(name, screen):
    X, y, expression = screen
    ((parameter, values),) = MODELS[name][1].items()
    steps = Pipeline([("model", _make(name, expression))])
    search = GridSearchCV(steps, {f"model__{parameter}": values}, cv=2)
    assert search.fit(X, y).best_score_ > 0.5
    assert next(iter(search.best_params_.values())) in values


def test_invalid_smiles_give_nan_in_their_rows_if_allowed(name, screen):
    X, y, expression = screen
    bad = X.copy()
    bad.loc[3, "smiles"] = "C1CC"
    with pytest.raises(InvalidSmilesError, match="row 3"):
        _make(name, expression).fit(X, y).predict(bad)
    model = _make(name, expression, on_invalid_smiles="nan")
    with pytest.raises(InvalidSmilesError, match="row 3"):
        model.fit(bad, y)
    predicted, expected = model.fit(X, y).predict(bad), model.predict(X)
    assert np.isnan(predicted[3])
    np.testing.assert_array_equal(np.delete(predicted, 3), np.delete(expected, 3))
    assert np.isnan(model.predict(bad.iloc[[3]])).all()


def test_columns_can_be_renamed_and_genes_be_missing(name, screen):
    X, y, expression = screen
    expected = _make(name, expression).fit(X, y).predict(X)
    renamed = X.rename(columns={"smiles": "SMILES", "cell_line": "DepMap_ID"})
    columns = {"smiles": "SMILES", "cell_line": "DepMap_ID"}
    model = _make(name, expression, columns=columns).fit(renamed, y)
    np.testing.assert_array_equal(model.predict(renamed), expected)
    fewer = expression.drop(columns="g7")
    with pytest.raises(GeneMismatchError, match="7 of 8 genes match"):
        model.set_params(expression=fewer).predict(renamed)
    model.set_params(missing_genes="zero")
    filled = expression.assign(g7=np.float32(0))
    predicted = model.predict(renamed)
    expected = model.set_params(expression=filled).predict(renamed)
    np.testing.assert_array_equal(predicted, expected)


def test_a_dose_is_learned_where_it_changes(name, screen):
    X, y, expression = screen
    dose = np.random.default_rng(0).choice([0.0, 0.1, 1.0, 10.0], len(X))
    effect = 3 * np.log10(dose + 0.01)
    with_dose = X.assign(dose=dose)
    model = _make(name, expression).fit(with_dose, effect)
    assert np.corrcoef(model.predict(with_dose), effect)[0, 1] > 0.95
    constant = _make(name, expression).fit(X.assign(dose=1.0, time=24.0), y)
    np.testing.assert_array_equal(
        constant.predict(with_dose), _make(name, expression).fit(X, y).predict(X)
    )


def test_one_row_and_the_wrong_kind_of_input_are_explained(name, screen):
    X, y, expression = screen
    with pytest.raises(InputError, match="at least 2 treatments"):
        _make(name, expression).fit(X[:1], y[:1])
    plain = expression.to_numpy()
    with pytest.raises(InputError, match="fitted on a plain table"):
        _make(name).fit(plain, plain[:, 0]).predict(X)


def test_where_nothing_differs_the_mean_is_predicted(name):
    expression = pd.DataFrame(np.ones((1, 3)), ["a"], list("xyz"))
    X = pd.DataFrame({"cell_line": ["a"] * 4, "smiles": ["CCO"] * 4})
    model = _make(name, expression)
    if name == "forest":
        model.set_params(n_estimators=500)
    predicted = model.fit(X, [1.0, 2.0, 3.0, 4.0]).predict(X)
    assert np.ptp(predicted) < 1e-12
    np.testing.assert_allclose(predicted, 2.5, atol=0.1)


def test_the_seed_decides_the_forest(screen):
    X, y, expression = screen
    model = _make("forest", expression)
    first = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), first)
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.predict(X), first)


@needs_lightgbm
def test_all_libraries_predict_new_rows_of_a_screen_equally_well():
    screen = make_screen(random_state=0)
    order = np.random.default_rng(0).permutation(len(screen.X))
    train, test = order[:1600], order[1600:]
    y = screen.y.to_numpy()
    errors = []
    for library in (None, "scikit-learn", "lightgbm"):
        model = GradientBoostingResponse(
            expression=screen.expression, max_iter=50, library=library, n_jobs=1
        ).fit(screen.X.iloc[train], y[train])
        assert model.n_iter_ == 50
        predicted = model.predict(screen.X.iloc[test])
        errors.append(np.sqrt(np.mean((predicted - y[test]) ** 2)))
    assert errors[0] < 0.5 * y[test].std()
    np.testing.assert_allclose(errors[1:], errors[0], rtol=0.05)


@pytest.mark.slow
@needs_lightgbm
def test_the_seed_decides_the_trees_of_lightgbm(screen):
    X, y, expression = screen
    # Few trees: on two threads OpenMP waits actively for the second, if it is busy.
    model = _make("lightgbm", expression, max_features=0.3, max_iter=3)
    for n_jobs in (1, 2, None):
        model.set_params(n_jobs=n_jobs)
        first = model.fit(X, y).predict(X)
        np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), first)
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.predict(X), first)


@needs_lightgbm
@pytest.mark.parametrize(("max_leaf_nodes", "leaves"), [(4, 4), (None, 24), (99, 24)])
def test_lightgbm_gets_no_more_leaves_than_the_rows_allow(
    max_leaf_nodes, leaves, screen
):
    X, y, expression = screen
    model = _make("lightgbm", expression, max_leaf_nodes=max_leaf_nodes).fit(X, y)
    assert model.trees_.num_leaves == leaves
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.8


@needs_lightgbm
def test_lightgbm_reads_rows_in_single_precision(screen, monkeypatch):
    X, y, expression = screen
    seen = []
    rows = PairBlocks.rows

    def record(self, at, dtype):
        seen.append(dtype)
        return rows(self, at, dtype)

    monkeypatch.setattr(PairBlocks, "rows", record)
    _make("lightgbm", expression).fit(X, y).predict(X)
    assert seen == [np.float32, np.float32]


def test_lightgbm_is_a_package_that_the_error_names(screen, monkeypatch):
    X, y, expression = screen
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingDependencyError, match=r"sklearn_csg2a\[boosting\]"):
        _make("lightgbm", expression).fit(X, y)


def _scaled(X, expression):
    """Return the rows that the SVM's kernel stands for: (n_rows, genes + bits)."""
    seen = expression.loc[X["cell_line"].unique()].astype(float)
    genes = (expression - seen.mean()) / seen.std(ddof=0) / np.sqrt(N_GENES)
    compounds = X["smiles"].unique().tolist()
    bits = encode_compounds(resolve_encoder("morgan"), compounds).astype(float)
    bits = pd.DataFrame(bits / np.sqrt(bits.var(axis=0).sum()), compounds)
    return np.hstack([genes.loc[X["cell_line"]], bits.loc[X["smiles"]]])


@pytest.mark.changes_global_random_state  # scikit-learn's SVR does
@pytest.mark.parametrize("C", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("epsilon", [0.1, 0.5])
@pytest.mark.parametrize("rows", ["replicates", "incomplete"])
@pytest.mark.parametrize("smoothing", [svm._SMOOTHING, 1e-3])
def test_the_svm_is_that_of_scikit_learn_on_all_columns(
    C, epsilon, rows, smoothing, screen, monkeypatch
):
    monkeypatch.setattr(svm, "_SMOOTHING", smoothing)
    X, y, expression = screen
    if rows == "incomplete":
        X = X.drop_duplicates()
        y = y[X.index]
    model = _make("svm", expression, C=C, epsilon=epsilon, gamma=0.5, tol=1e-6)
    features = _scaled(X, expression)
    reference = SVR(C=C, epsilon=epsilon, gamma=0.5, tol=1e-6).fit(features, y)
    predicted, expected = model.fit(X, y).predict(X), reference.predict(features)
    # The width over which the corner of the loss is rounded off, and solvers' errors.
    atol = 1.5 * smoothing * epsilon + 1e-4
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=atol)


def test_an_svm_may_have_an_epsilon_of_zero(screen):
    X, y, expression = screen
    errors = []
    for epsilon in (0.0, 1e-3):
        model = _make("svm", expression, epsilon=epsilon).fit(X, y)
        errors.append(np.abs(model.predict(X) - y).sum())
    np.testing.assert_allclose(errors[0], errors[1], rtol=0.02)


def test_an_svm_within_epsilon_is_flat(screen):
    X, y, expression = screen
    model = _make("svm", expression, epsilon=20.0).fit(X, y)
    np.testing.assert_allclose(model.dual_coef_, 0, atol=1e-6)
    predicted = _make("svm", expression, epsilon=0.0).fit(X, np.ones(120)).predict(X)
    np.testing.assert_allclose(predicted, 1.0)


def test_an_svm_that_is_stopped_early_warns(screen):
    X, y, expression = screen
    with pytest.warns(ConvergenceWarning, match="max_iter=1 steps"):
        _make("svm", expression, max_iter=1).fit(X, y)
