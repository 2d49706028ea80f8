"""MAPIE's estimators take models of tables of treatments."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_csg2a import (
    DrugResponseRegressor,
    LevelRankingRegressor,
    PerturbationRegressor,
    ResidualRegressor,
)
from sklearn_csg2a.baselines import (
    EnsembleMF,
    MeanEffects,
    PairwiseKernelRidge,
    PotencyRegressor,
    RandomForestResponse,
)
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import DrugBlindKFold
from sklearn_csg2a.uncertainty import ConformalRegressor

SCREEN = make_screen(n_cells=20, n_compounds=20, n_genes=30, random_state=0)
RIDGE = PairwiseKernelRidge(expression=SCREEN.expression)
MODELS = [
    RIDGE,
    ConformalRegressor(RIDGE, cv=3),
    DrugResponseRegressor(expression=SCREEN.expression, max_epochs=1, random_state=0),
    EnsembleMF(expression=SCREEN.expression, max_epochs=1, random_state=0),
    LevelRankingRegressor(PotencyRegressor(), RIDGE),
    MeanEffects(),
    PotencyRegressor(),
    RandomForestResponse(expression=SCREEN.expression, n_estimators=5),
    ResidualRegressor(MeanEffects(), RIDGE, cv=3),
]
X, y = SCREEN.X, SCREEN.y
FIRST, REST = np.arange(200), np.arange(200, len(SCREEN.X))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_one_row_of_zeros_asks_whether_a_model_is_fitted(model):
    zeros = np.zeros((1, X.shape[1]))
    with pytest.raises(NotFittedError):
        model.__sklearn_clone__().predict(zeros)
    model.fit(X, y)
    predicted = model.predict(zeros)
    assert predicted.shape == (1,)
    assert np.isnan(predicted).all()
    for other in (zeros + 1, np.zeros((2, X.shape[1])), np.zeros((1, 1)), [[0.0]]):
        with pytest.raises(InputError):
            model.predict(other)


def test_the_answer_has_the_shape_of_a_prediction():
    zeros = np.zeros((1, SCREEN.perturbation.X.shape[1]))
    model = PerturbationRegressor(
        expression=SCREEN.expression, max_epochs=1, random_state=0
    ).fit(SCREEN.perturbation.X, SCREEN.perturbation.Y)
    assert model.predict(zeros).shape == (1, SCREEN.perturbation.Y.shape[1])


def test_zeros_are_a_row_like_others_for_a_model_of_numbers():
    values = np.random.RandomState(0).normal(size=(30, 3))
    model = PairwiseKernelRidge().fit(values, values[:, 0])
    assert np.isfinite(model.predict(np.zeros((1, 3)))).all()


# MAPIE draws from the generator of NumPy.
@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("model", MODELS[:3], ids=lambda model: type(model).__name__)
def test_split_and_cross_estimators_of_mapie(model):
    regression = pytest.importorskip("mapie.regression", reason="needs mapie")
    split = regression.SplitConformalRegressor(model, prefit=False)
    split.fit(X.iloc[FIRST], y.iloc[FIRST]).conformalize(X.iloc[REST], y.iloc[REST])
    fitted = model.fit(X.iloc[FIRST], y.iloc[FIRST])
    prefit = regression.SplitConformalRegressor(fitted, prefit=True)
    prefit.conformalize(X.iloc[REST], y.iloc[REST])
    cross = regression.CrossConformalRegressor(model, cv=DrugBlindKFold(3))
    cross.fit_conformalize(X, y)
    for one in (split, prefit, cross):
        _, interval = one.predict_interval(X.iloc[:5])
        assert interval.shape == (5, 2, 1)
        assert np.isfinite(interval).all()
