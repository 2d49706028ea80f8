"""What holds for every regressor on treatments, whatever it is made of."""

from __future__ import annotations

import functools
import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor

import sklearn_csg2a
from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
    baselines,
    uncertainty,
)
from sklearn_csg2a.baselines import (
    GradientBoostingResponse,
    LatentFactors,
    MeanEffects,
    PairwiseKernelRidge,
    PotencyRegressor,
    SVMResponse,
)
from sklearn_csg2a.model_selection import MixedKFold

SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "CC(C)Cc1ccc(cc1)C(C)C(O)=O",
    "NS(=O)(=O)c1ccc(N)cc1",
    "O=C(O)c1ccccc1O",
    "CCO",
]
N_CELLS, N_GENES, N_ROWS = 8, 12, 40
RNG = np.random.default_rng(0)
EXPRESSION = pd.DataFrame(
    RNG.normal(size=(N_CELLS, N_GENES)),
    index=[f"C{i}" for i in range(N_CELLS)],
    columns=[f"G{i}" for i in range(N_GENES)],
)
PAIRS = RNG.permutation(N_CELLS * len(SMILES))[:N_ROWS]
X = pd.DataFrame(
    {
        "cell_line": EXPRESSION.index[PAIRS % N_CELLS],
        "smiles": np.array(SMILES)[PAIRS // N_CELLS],
        "tissue": np.where(PAIRS % N_CELLS < 4, "lung", "skin"),
    }
)
Y = RNG.normal(size=N_ROWS) + 2 * (PAIRS % N_CELLS)

SHORT = {
    "expression": EXPRESSION,
    "head_hidden": (8,),
    "hidden_dim": 8,
    "max_epochs": 1,
    "n_layers": 1,
    "random_state": 0,
}
KERNEL = PairwiseKernelRidge(expression=EXPRESSION)
NETWORK = DrugResponseRegressor(
    expression=EXPRESSION, head_hidden=(8,), hidden_dim=8, max_epochs=1, random_state=0
)
# What parameters without a default are given, by the names of classes.
REQUIRED = {
    "ConformalRegressor": {"estimator": KERNEL, "cv": MixedKFold(2)},
    "LevelRankingRegressor": {"level": PotencyRegressor(), "ranking": KERNEL},
    "PilotRegressor": {"estimator": KERNEL},
    "ResidualRegressor": {"base": LatentFactors(), "regressor": KERNEL, "cv": 2},
}
# Fits of a second or more, all fits together.
LONG = {
    *("DRPreter", "DeepCoVDR", "DeepTTA", "EnsembleMF", "GraphDRP", "PathDNN"),
    *("Precily", "RandomForestResponse"),
}
# Sums of these are rounded: an equal response comes back but for the last digits.
ROUNDED = {
    *("CellMean", "DrugMean", "GlobalMean", "TissueDrugMean", "TissueMean"),
    *("GradientBoostingResponse", "LevelRankingRegressor", "PotencyRegressor"),
    *("RandomForestResponse", "a level below a network", "trees of scikit-learn"),
}


def _public_regressors():
    """Return every public regressor with short settings, by name."""
    parts = (sklearn_csg2a, baselines, uncertainty)
    classes = [getattr(part, name) for part in parts for name in part.__all__]
    found = {}
    for cls in classes:
        if not (isinstance(cls, type) and hasattr(cls, "predict")):
            continue
        accepted = inspect.signature(cls).parameters
        settings = {k: v for k, v in SHORT.items() if k in accepted}
        found[cls.__name__] = cls(**settings, **REQUIRED.get(cls.__name__, {}))
    return found


COMBINED = {
    "a level below a network": sklearn_csg2a.LevelRankingRegressor(
        level=PotencyRegressor(), ranking=NETWORK
    ),
    "a network after means": ResidualRegressor(
        MeanEffects(), NETWORK, cv=2, random_state=0
    ),
    "a support vector machine after factors": ResidualRegressor(
        LatentFactors(), SVMResponse(expression=EXPRESSION), cv=2, random_state=0
    ),
    "members": clone(NETWORK).set_params(n_members=2),
    "a MAT encoder": clone(NETWORK).set_params(compound_encoder="mat"),
    "bfloat16": clone(NETWORK).set_params(precision="bf16"),
    "trees of scikit-learn": GradientBoostingResponse(
        expression=EXPRESSION, library="scikit-learn", max_iter=5
    ),
}
REGRESSORS = {**_public_regressors(), **COMBINED}
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in {*LONG, *COMBINED} else [])
    for name in REGRESSORS
]
every_regressor = pytest.mark.parametrize("name", NAMES)


@functools.cache
def _fitted(name, response=None):
    model = clone(REGRESSORS[name])
    y = Y if response is None else np.array(response)
    if isinstance(model, PerturbationRegressor):
        y = np.column_stack([y, -y])
    return model.fit(X, y)


def test_all_public_regressors_are_here():
    assert all(is_regressor(model) for model in REGRESSORS.values())
    assert {"DrugResponseRegressor", "ConformalRegressor", "DeepTTA"} <= set(REGRESSORS)


@every_regressor
def test_P23_a_row_is_predicted_as_among_others_to_the_bit(name):
    model = _fitted(name)
    expected = model.predict(X)
    assert expected.dtype == np.float64
    one_by_one = [model.predict(X.iloc[[i]])[0] for i in range(0, N_ROWS, 7)]
    np.testing.assert_array_equal(one_by_one, expected[::7])
    order = np.random.default_rng(1).permutation(N_ROWS)
    np.testing.assert_array_equal(model.predict(X.iloc[order]), expected[order])
    among_many = model.predict(pd.concat([X] * 30, ignore_index=True))
    np.testing.assert_array_equal(among_many[-N_ROWS:], expected)


@every_regressor
@pytest.mark.parametrize("value", [3.7, pytest.param(-1e4 / 3, marks=pytest.mark.slow)])
def test_P13_an_equal_response_is_predicted_exactly(name, value):
    predicted = _fitted(name, (value,) * N_ROWS).predict(X)
    if isinstance(REGRESSORS[name], PerturbationRegressor):
        predicted = predicted[:, 0]
    if name in ROUNDED:
        np.testing.assert_allclose(predicted, value, rtol=1e-14)
    else:
        np.testing.assert_array_equal(predicted, value)


@every_regressor
def test_P16_a_response_of_any_type_of_number_gives_the_same_model(name):
    model = REGRESSORS[name]
    y = np.round(4 * Y) / 4
    if isinstance(model, PerturbationRegressor):
        y = np.column_stack([y, -y])
    expected = clone(model).fit(X, y).predict(X)
    for other in (y.astype(np.float32), y.tolist()):
        np.testing.assert_array_equal(clone(model).fit(X, other).predict(X), expected)
    whole = (4 * y).astype(np.int64)
    np.testing.assert_array_equal(
        clone(model).fit(X, whole).predict(X),
        clone(model).fit(X, 4 * y).predict(X),
    )


@every_regressor
def test_P12_an_empty_table_is_refused(name):
    y = np.empty((0, 2)) if name == "PerturbationRegressor" else np.empty(0)
    for response in (y, Y):
        with pytest.raises(ValueError, match="0 sample"):
            clone(REGRESSORS[name]).fit(X.iloc[:0], response)
