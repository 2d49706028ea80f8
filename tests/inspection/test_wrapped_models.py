"""A model inside of another one: the message says where the right one is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.baselines import MeanEffects, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import (
    AttentionContrast,
    enrich,
    influence,
    integrated_gradients,
    mechanism_similarity,
    signature_reversal,
    top_interactions,
    zero_shot_response,
)
from sklearn_csg2a.uncertainty import ConformalRegressor


@pytest.fixture(scope="module")
def screen():
    return make_screen(
        n_cells=6,
        n_genes=24,
        n_compounds=6,
        n_targets=2,
        n_perturbation_compounds=4,
        random_state=0,
    )


def small(cls, screen, **settings):
    settings = {"hidden_dim": 4, "max_epochs": 1, "random_state": 0} | settings
    return cls(expression=screen.expression, **settings)


def pipeline_of(network):
    return Pipeline([("same", FunctionTransformer()), ("network", network)])


WRAPPED = {
    "pipeline": (
        pipeline_of,
        r"model\[-1\], with X as the steps before it return it",
    ),
    "search": (
        lambda network: GridSearchCV(network, {"dropout": [0.1]}, cv=KFold(2)),
        r"model\.best_estimator_\.$",
    ),
    "search of a pipeline": (
        lambda network: GridSearchCV(
            pipeline_of(network), {"network__dropout": [0.1]}, cv=KFold(2)
        ),
        r"model\.best_estimator_\[-1\], with X as",
    ),
    "scaled response": (
        lambda network: TransformedTargetRegressor(
            network, transformer=StandardScaler()
        ),
        r"model\.regressor_\.$",
    ),
    "ensemble": (
        lambda network: VotingRegressor([("mean", MeanEffects()), ("own", network)]),
        r"model\.estimators_\[1\]\.$",
    ),
    "intervals": (
        lambda network: ConformalRegressor(network, cv=KFold(2)),
        r"model\.estimator_\.$",
    ),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_message_says_where_the_network_is(screen, name):
    wrap, where = WRAPPED[name]
    model = wrap(small(DrugResponseRegressor, screen)).fit(screen.X, screen.y)
    with pytest.raises(InputError, match="pass the one inside, " + where):
        influence(model, screen.X, by="drug")


def test_the_model_inside_of_a_search_is_read(screen):
    search = GridSearchCV(
        pipeline_of(small(DrugResponseRegressor, screen)),
        {"network__dropout": [0.1]},
        cv=KFold(2),
    ).fit(screen.X, screen.y)
    inner = search.best_estimator_[-1]
    assert len(influence(inner, screen.X, by="drug").wide()) == 6


@pytest.mark.parametrize(
    "read",
    [
        influence,
        top_interactions,
        integrated_gradients,
        AttentionContrast,
        lambda model, X: mechanism_similarity(
            model, X, dict.fromkeys(X["drug"], "one"), by="drug"
        ),
        zero_shot_response,
        lambda model, X: signature_reversal(model, (["GENE001"], []), X),
    ],
)
def test_models_without_a_network_are_refused_by_name(screen, read):
    """Kernel ridge has no genes inside that could be read."""
    ridge = PairwiseKernelRidge(expression=screen.expression).fit(screen.X, screen.y)
    with pytest.raises(InputError, match="model is a PairwiseKernelRidge; expected"):
        read(ridge, screen.X)
    with pytest.raises(InputError, match="is the class PairwiseKernelRidge"):
        read(PairwiseKernelRidge, screen.X)


def test_models_that_are_not_fitted_say_so(screen):
    with pytest.raises(NotFittedError):
        influence(small(DrugResponseRegressor, screen), screen.X)
    with pytest.raises(NotFittedError):
        zero_shot_response(small(PerturbationRegressor, screen), screen.X)


def test_changes_are_read_from_a_frozen_model_and_not_from_a_pipeline(screen):
    X, Y = screen.perturbation.X, screen.perturbation.Y
    model = small(PerturbationRegressor, screen).fit(X, Y)
    alone = zero_shot_response(model, X)["distance"]
    frozen = zero_shot_response(FrozenEstimator(model), X)["distance"]
    np.testing.assert_array_equal(alone, frozen)
    with pytest.raises(InputError, match=r"pass the one inside, model\[-1\]\."):
        zero_shot_response(Pipeline([("own", model)]), X)
    response = DrugResponseRegressor(
        expression=screen.expression,
        pretrained=FrozenEstimator(model),
        max_epochs=1,
        random_state=0,
    ).fit(screen.X, screen.y)
    with pytest.raises(InputError, match="Pass the one that it was pretrained with"):
        zero_shot_response(response, X)


def test_rows_that_are_no_table_are_refused(screen):
    model = small(DrugResponseRegressor, screen).fit(screen.X, screen.y)
    with pytest.raises(InputError, match="X is a NoneType; expected a table"):
        AttentionContrast(model, None)
    with pytest.raises(
        InputError, match="by='drug' is not a column of X, which is a ndarray"
    ):
        influence(model, screen.expression.to_numpy(), by="drug")


def test_a_background_that_wraps_a_model_says_where_it_is(screen):
    model = pipeline_of(small(DrugResponseRegressor, screen)).fit(screen.X, screen.y)
    sets = {"one": ["GENE001", "GENE002"]}
    with pytest.raises(
        InputError, match=r"background is a Pipeline; .*background\[-1\]"
    ):
        enrich(["GENE001"], sets, background=model)
    table = enrich(["GENE001"], sets, background=model[-1])
    assert table["pathway"].tolist() == ["one"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells.to_numpy(), "reference is a ndarray; expected expression"),
        (lambda cells: cells.iloc[:, 2:], "22 of 24 genes match: reference lacks"),
        (
            lambda cells: cells.where(cells != cells.iloc[1, 1]),
            "reference has genes without a value",
        ),
    ],
)
def test_a_reference_that_cannot_be_used_is_called_by_its_name(screen, change, said):
    model = small(DrugResponseRegressor, screen).fit(screen.X, screen.y)
    with pytest.raises(InputError, match=said):
        integrated_gradients(model, screen.X, reference=change(screen.expression))
