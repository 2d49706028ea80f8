"""Clones share the table of expression, and are clones in all else."""

import inspect
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import VotingRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline

import sklearn_csg2a
from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
    baselines,
)
from sklearn_csg2a.baselines import MeanEffects, PairwiseKernelRidge, SVMResponse
from sklearn_csg2a.encoders import PotencyEncoder

# Before pandas 3, writing into a table changes it wherever it is shared.
COPY_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3

PUBLIC = [
    getattr(module, name)
    for module in (sklearn_csg2a, baselines)
    for name in module.__all__
]
WITH_EXPRESSION = [
    one
    for one in PUBLIC
    if callable(one) and "expression" in inspect.signature(one).parameters
]


@pytest.fixture
def screen():
    rng = np.random.default_rng(0)
    cells = [f"C{i}" for i in range(12)]
    genes = [f"G{i}" for i in range(6)]
    expression = pd.DataFrame(rng.normal(size=(12, 6)), index=cells, columns=genes)
    X = pd.DataFrame({"cell_line": np.repeat(cells, 2), "smiles": ["CCO", "CCN"] * 12})
    return X, rng.normal(size=24), expression


def shares(model, expression):
    return np.shares_memory(model.expression.to_numpy(), expression.to_numpy())


@pytest.mark.parametrize("estimator", WITH_EXPRESSION)
def test_a_clone_shares_expression(estimator, screen):
    *_, expression = screen
    around = "estimator" in inspect.signature(estimator).parameters
    inner = {"estimator": MeanEffects()} if around else {}
    model = estimator(**inner, expression=expression, missing_genes="zero")
    copied = clone(model)
    assert copied is not model
    assert shares(copied, expression)
    ours, theirs = model.get_params(deep=False), copied.get_params(deep=False)
    others = set(ours) - {"expression", "estimator"}
    assert {k: ours[k] for k in others} == {k: theirs[k] for k in others}
    assert model.expression is expression


def test_a_clone_is_not_fitted_and_has_its_own_parameters(screen):
    X, y, expression = screen
    rng = np.random.RandomState(0)
    model = PairwiseKernelRidge(expression=expression, alpha=[0.1, 1], random_state=rng)
    model.fit(X, y)
    copied = clone(model)
    assert not hasattr(copied, "genes_")
    assert copied.alpha == model.alpha
    assert copied.alpha is not model.alpha
    assert copied.random_state is not rng


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_a_clone_shares_the_interactome(kind):
    edges = kind(np.eye(4))
    model = PerturbationRegressor(interactome=edges)
    assert clone(model).interactome is edges


def test_a_clone_shares_what_a_potency_encoder_learns_from():
    responses = pd.DataFrame({"A": [1.0, 2.0]}, index=["CCO", "CCN"])
    model = DrugResponseRegressor(compound_encoder=PotencyEncoder(responses))
    assert clone(model).compound_encoder.responses is responses
    assert clone(model).compound_encoder is not model.compound_encoder
    screens = {"ours": responses, "theirs": responses * 2}
    of_both = clone(PotencyEncoder(screens)).responses
    assert all(of_both[name] is table for name, table in screens.items())


def test_containers_hold_clones_that_share(screen):
    *_, expression = screen
    model = PairwiseKernelRidge(expression=expression)
    around = clone(ResidualRegressor(MeanEffects(), model))
    assert shares(around.regressor, expression)
    around = clone(make_pipeline("passthrough", VotingRegressor([("one", model)])))
    assert shares(around[-1].estimators[0][1], expression)
    assert shares(clone(GridSearchCV(model, {"alpha": [1]})).estimator, expression)


def test_all_folds_share_one_table(screen):
    X, y, expression = screen
    before = expression.copy()
    model = PairwiseKernelRidge(expression=expression)
    found = cross_validate(model, X, y, cv=KFold(3), return_estimator=True)
    assert all(shares(fold, expression) for fold in found["estimator"])
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=KFold(3)).fit(X, y)
    assert shares(search.best_estimator_, expression)
    pd.testing.assert_frame_equal(expression, before)


@pytest.mark.slow
def test_a_search_in_two_processes_chooses_as_in_one(screen):
    X, y, expression = screen
    search = GridSearchCV(
        PairwiseKernelRidge(expression=expression), {"alpha": [0.1, 10.0]}, cv=KFold(3)
    )
    scores = [
        clone(search).set_params(n_jobs=n).fit(X, y).cv_results_["mean_test_score"]
        for n in (None, 2)
    ]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("kernel_model", [PairwiseKernelRidge, SVMResponse])
def test_a_fitted_kernel_model_holds_less_than_its_cells(kernel_model):
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.normal(size=(100, 5000)))
    expression.columns = [f"G{i}" for i in range(5000)]
    X = pd.DataFrame({"cell_line": expression.index, "smiles": ["CCO", "CCN"] * 50})
    y = rng.normal(size=100)
    kernel_model(expression=expression).fit(X, y)  # caches of compounds are filled
    tracemalloc.start()
    model = kernel_model(expression=expression).fit(X, y)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(model.predict(X)).all()
    assert held < expression.to_numpy().nbytes / 4


@pytest.mark.parametrize("kernel_model", [PairwiseKernelRidge, SVMResponse])
def test_kernel_models_predict_with_the_cells_of_fit(kernel_model, screen):
    X, y, expression = screen
    model = kernel_model(expression=expression).fit(X, y)
    expected = model.predict(X)
    wide = X.drop(columns="cell_line").join(expression.loc[X.cell_line].reset_index())
    copied = pickle.loads(pickle.dumps(model))
    others = expression.iloc[::-1].rename(index=lambda name: f"{name} again")
    model.set_params(expression=others)
    if COPY_ON_WRITE:
        expression.iloc[:, 0] = 7.0
    for one in (model, copied):
        np.testing.assert_array_equal(one.predict(wide), expected)
