"""What is wrong with data is said once in a call, however many models read them."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a._utils import one_warning
from sklearn_csg2a.baselines import PairwiseKernelRidge, RandomForestResponse
from sklearn_csg2a.exceptions import ExpressionScaleWarning
from sklearn_csg2a.model_selection import CellBlindKFold

CELLS = [f"C{i}" for i in range(12)]


@pytest.fixture
def screen():
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.normal(size=(12, 30)), index=CELLS)
    expression.columns = [f"G{i}" for i in range(30)]
    X = pd.DataFrame({"cell_line": np.repeat(CELLS, 3), "smiles": ["C", "N", "O"] * 12})
    return X.assign(dose=1.0), rng.normal(size=36), expression


def models(expression):
    return [
        ("trees", RandomForestResponse(expression=expression, n_estimators=2)),
        ("kernel", PairwiseKernelRidge(expression=expression)),
        ("other", PairwiseKernelRidge(expression=expression, alpha=0.1)),
    ]


def search(expression):
    model = PairwiseKernelRidge(expression=expression)
    return GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=CellBlindKFold(3))


ENSEMBLES = {
    "voting": lambda expression: VotingRegressor(models(expression)),
    "stacking": lambda expression: StackingRegressor(models(expression), cv=2),
    "search": search,
}


def warned(call, *given):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*given)
    return caught


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_models_of_an_ensemble_warn_once(ensemble, screen):
    X, y, expression = screen
    model = ENSEMBLES[ensemble](expression)
    (said,) = warned(lambda: model.fit(X, np.exp(3 * y)))
    assert "looks like IC50" in str(said.message)
    assert said.filename == __file__
    other_scale = (8 + 3 * expression).reset_index(drop=True).assign(smiles="C", dose=1)
    (said,) = warned(lambda: model.predict(other_scale))
    assert said.category is ExpressionScaleWarning
    assert said.filename == __file__
    assert not warned(lambda: model.predict(X))


def test_folds_and_models_in_them_warn_once_of_each_kind(screen):
    X, y, expression = screen
    y = np.exp(3 * y)
    X = X.drop(columns="dose").assign(Dose=1.0)
    model = VotingRegressor(models(expression))
    first, second = warned(lambda: cross_validate(model, X, y, cv=CellBlindKFold(4)))
    assert {str(one.message)[:4] for one in (first, second)} == {"X ha", "y lo"}


def test_another_table_is_warned_about_again(screen):
    X, y, expression = screen
    model = VotingRegressor(models(expression)).fit(X, y)
    patients = (8 + 3 * expression).reset_index(drop=True).assign(smiles="C", dose=1)
    tables = [patients.iloc[:4], patients.iloc[4:8], patients.iloc[8:]]
    assert len(warned(lambda: [model.predict(one) for one in tables])) == 3


@pytest.mark.parametrize(
    "model",
    [PairwiseKernelRidge(), DrugResponseRegressor(max_epochs=1)],
    ids=lambda model: type(model).__name__,
)
def test_each_fit_of_one_model_says_it_again(model, screen):
    X, y, expression = screen
    model.set_params(expression=expression)
    y = np.exp(3 * y)
    for _ in range(2):
        assert len(warned(lambda: model.fit(X, y))) == 1


def test_a_warning_that_was_an_error_is_said_again(screen):
    X, y, expression = screen
    model, y = VotingRegressor(models(expression)), np.exp(3 * y)
    for _ in range(2):
        with pytest.raises(UserWarning, match="looks like IC50"):
            model.fit(X, y)


def test_cached_calls_are_dropped_with_their_tables(screen):
    X, y, expression = screen
    n_before = len(one_warning._CALLS)
    table = X.copy()
    warned(VotingRegressor(models(expression)).fit, table, np.exp(3 * y))
    del table
    gc.collect()
    assert len(one_warning._CALLS) <= n_before
