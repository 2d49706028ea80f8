"""Warnings point at the line of the user, whatever lies between."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.baselines import PairwiseKernelRidge, SVMResponse
from sklearn_csg2a.exceptions import ExpressionScaleWarning

SMILES = ["CCO", "CCN", "CCCl", "c1ccccc1"]


@pytest.fixture(scope="module")
def screen():
    rng = np.random.default_rng(0)
    cells = [f"C{i}" for i in range(8)]
    expression = pd.DataFrame(rng.normal(size=(8, 5)), cells, list("abcde"))
    X = pd.DataFrame({"cell_line": np.repeat(cells, 4), "smiles": SMILES * 8})[3:]
    return X, rng.normal(size=len(X)), expression


@pytest.mark.parametrize("kernel_model", [PairwiseKernelRidge, SVMResponse])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        make_pipeline,
        lambda model: GridSearchCV(model, {"gamma": [1.0]}, cv=2),
        lambda model: VotingRegressor([("only", model)]),
    ],
    ids=["alone", "pipeline", "search", "voting"],
)
def test_a_warning_of_a_kernel_model_points_at_the_call_of_fit(
    kernel_model, wrap, screen
):
    X, y, expression = screen
    model = wrap(kernel_model(expression=expression, max_iter=1, tol=1e-12))
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    assert {warning.filename for warning in caught} == {__file__}


def test_a_warning_of_a_distance_points_at_the_call(screen):
    X, _, expression = screen
    Y = expression.loc[X["cell_line"]].to_numpy()
    model = PerturbationRegressor(max_epochs=1, hidden_dim=2, random_state=0)
    model.set_params(expression=expression).fit(X, Y)
    model.set_params(expression=30 + 9 * expression)
    with pytest.warns(ExpressionScaleWarning) as caught:
        model.perturbation_distance(X)
    assert [warning.filename for warning in caught] == [__file__]
