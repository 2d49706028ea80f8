"""P04-P06: the manners of a scikit-learn estimator."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import EpochTimer

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor, save_model
from sklearn_csg2a.baselines import GlobalMean, PairwiseKernelRidge
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import CellBlindKFold

OTHER_VALUES = {
    "expression": [],  # filled from the screen
    "interactome": [pd.DataFrame({"source": ["TP53"], "target": ["MYC"]})],
    "compound_encoder": ["morgan", MorganEncoder(n_bits=16)],
    "train_encoder": [False],  # True needs a MATEncoder: see test_train_encoder.py
    "attention": ["paper", "released", "off"],
    "hidden_dim": [1, 3],
    "dropout": [0.0, 0.5],
    "gene_dropout": [0.0, 0.5],
    "max_epochs": [1],
    "batch_size": ["auto", 8],
    "learning_rate": [0.01],
    "weight_decay": [0.0],
    "early_stopping": [False],
    "patience": [1],
    "validation": [0.2, CellBlindKFold(3, random_state=0)],
    "missing_genes": ["zero"],
    "on_invalid_smiles": ["nan"],
    "default_dose": [1.0],
    "default_time": [24.0],
    "columns": [{"dose": "dose"}],
    "device": ["cpu"],
    "precision": ["float32"],
    "compile": [False],  # True needs a C++ compiler: see test_devices.py
    "warm_start": [True],
    "callbacks": [[EpochTimer()]],
    "checkpoint": [],  # filled from a temporary folder
    "random_state": [1, np.random.RandomState(0)],
    "verbose": [1],
    "pretrained": [],  # filled from a fixture
    "freeze": [False],
    "new_genes": ["add"],
    "expression_scaler": [StandardScaler()],
    "head_hidden": [(4,), [6, 3]],
    "bilinear_dim": [0, 3],
    "cell_effects": [True],
    "level": [GlobalMean()],
    "n_members": [2],
    "max_samples": [0.5],
    "novelty": ["cell", "compound"],
}
ARGUMENTS = [
    (estimator, name)
    for estimator in (PerturbationRegressor, DrugResponseRegressor)
    for name in inspect.signature(estimator).parameters
]


def target(estimator, screen):
    return screen.Y if isinstance(estimator, PerturbationRegressor) else screen.y


@pytest.mark.parametrize("estimator", [PerturbationRegressor, DrugResponseRegressor])
def test_P04_init_sets_its_arguments_and_nothing_else(estimator):
    names = inspect.signature(estimator).parameters
    model = estimator()
    assert set(vars(model)) == set(names)
    for name, parameter in names.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert vars(model)[name] is parameter.default


@pytest.mark.parametrize(("estimator", "name"), ARGUMENTS)
def test_P04_each_argument_survives_clone_set_params_and_a_search(
    estimator, name, screen, perturbation, response, pretrained, tmp_path
):
    small = perturbation if estimator is PerturbationRegressor else response
    model = small(expression=screen.expression, max_epochs=1)
    candidates = {
        **OTHER_VALUES,
        "expression": [screen.expression.iloc[:, ::-1]],
        "checkpoint": [tmp_path / "checkpoint", str(tmp_path / "other")],
        "pretrained": [pretrained],
    }[name]
    for value in candidates:
        model.set_params(**{name: value})
        assert vars(model)[name] is value
        assert type(vars(clone(model))[name]) is type(value)
    model.set_params(**{name: candidates[0]})
    if name == "checkpoint":  # belongs to one fit: a search has many
        model.fit(screen.light, target(model, screen))
        assert candidates[0].exists()
        return
    search = GridSearchCV(
        model, {name: candidates}, cv=KFold(2), refit=False, error_score="raise"
    )
    search.fit(screen.light, target(model, screen))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_P04_works_at_the_end_of_a_pipeline(small, screen):
    model = small(expression=screen.expression)
    y = target(model, screen)
    pipeline = make_pipeline(FunctionTransformer(), model).fit(screen.light, y)
    direct = clone(model).fit(screen.light, y)
    np.testing.assert_array_equal(
        pipeline.predict(screen.light), direct.predict(screen.light)
    )


def test_P04_cross_validate_returns_fitted_estimators(small, screen):
    model = small(expression=screen.expression)
    y = target(model, screen)
    results = cross_validate(
        model,
        screen.light,
        y,
        cv=CellBlindKFold(2, random_state=0),
        return_estimator=True,
        error_score="raise",
    )
    for fitted in results["estimator"]:
        assert fitted.predict(screen.light).shape == y.shape
    assert not hasattr(model, "net_")


def test_P04_attention_is_a_plain_parameter(small, screen):
    model = small(expression=screen.expression, attention="released")
    assert model.get_params()["attention"] == "released"
    assert clone(model).attention == "released"
    assert "attention='released'" in repr(model)
    model.fit(screen.light, target(model, screen))
    assert model.attention_maps(screen.light[:2]).shape == (8, 8)
    assert type(model.attention) is str
    assert model.attention == "released"


def test_P05_a_bare_estimator_is_refused_with_the_line_that_mends_it(
    screen, response, pretrained
):
    model = response(pretrained=pretrained.estimator, expression=screen.expression)
    with pytest.raises(InputError, match=r"pretrained=FrozenEstimator\(fitted\)"):
        model.fit(screen.light, screen.y)


@pytest.mark.parametrize("given", [StandardScaler(), DrugResponseRegressor()])
def test_P05_another_kind_of_pretraining_is_refused(screen, response, given):
    model = response(pretrained=FrozenEstimator(given), expression=screen.expression)
    with pytest.raises(InputError, match=f"holds a {type(given).__name__}"):
        model.fit(screen.light, screen.y)


def _weights(network):
    return {
        name: tensor.numpy().copy() for name, tensor in network.state_dict().items()
    }


def _assert_same_weights(weights, expected):
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


@pytest.mark.parametrize("by_path", [True, False])
def test_P05_searches_keep_the_pretrained_weights(
    screen, response, pretrained, tmp_path, by_path
):
    expected = _weights(pretrained.estimator.net_.module_)
    given = pretrained
    if by_path:
        given = tmp_path / "first"
        save_model(pretrained.estimator, given)
    model = response(pretrained=given, expression=screen.expression)
    search = GridSearchCV(clone(model), {"dropout": [0.0, 0.3]}, cv=2)
    search.fit(screen.light, screen.y)
    weights = _weights(search.best_estimator_.net_.module_.csg2a)
    for name in ("location", "scale"):  # units of the pretraining, set on transfer
        expected.pop(name, None)
    _assert_same_weights(weights, expected)


def test_P06_the_second_fit_forgets_the_first(small, screen, tables):
    other = tables(n_rows=30, seed=5)
    model = small()
    model.fit(other.wide, target(model, other))
    twice = model.fit(screen.wide, target(model, screen))
    once = small().fit(screen.wide, target(model, screen))
    np.testing.assert_array_equal(twice.predict(screen.wide), once.predict(screen.wide))
    assert twice.history_.drop(columns="seconds").equals(
        once.history_.drop(columns="seconds")
    )


@pytest.mark.parametrize("kind", ["light", "wide", "plain"])
def test_P06_fit_and_predict_leave_their_input_alone(small, screen, kind):
    X, expression = getattr(screen, kind), screen.expression
    model = small(expression=expression if kind == "light" else None)
    y = target(model, screen)
    if kind == "plain":
        X.flags.writeable = False
    y.flags.writeable = False
    before = copy.deepcopy((X, expression, y))
    model.fit(X, y).predict(X)
    after = (X, expression, y)
    for was, now in zip(before, after, strict=True):
        assert now.equals(was) if hasattr(was, "equals") else (now == was).all()


@pytest.mark.parametrize("freeze", [True, False])
def test_P06_the_pretrained_model_is_never_changed(
    screen, response, pretrained, freeze
):
    before = _weights(pretrained.estimator.net_.module_)
    predicted = pretrained.estimator.predict(screen.light)
    response(pretrained=pretrained, expression=screen.expression, freeze=freeze).fit(
        screen.light, screen.y
    )
    _assert_same_weights(_weights(pretrained.estimator.net_.module_), before)
    np.testing.assert_array_equal(pretrained.estimator.predict(screen.light), predicted)


def test_frozen_parts_of_a_model_are_used_as_they_are(response, screen):
    scaler = FrozenEstimator(StandardScaler().fit(screen.expression.to_numpy() * 2))
    encoder = FrozenEstimator(MorganEncoder(n_bits=16).fit(["CCO"]))
    frozen = response(
        expression=screen.expression,
        expression_scaler=scaler,
        compound_encoder=encoder,
        max_epochs=1,
    ).fit(screen.light, screen.y)
    np.testing.assert_array_equal(frozen.scaler_.scale_, scaler.scale_)
    assert np.isfinite(frozen.predict(screen.light)).all()
    kernel = PairwiseKernelRidge(expression=screen.expression, compound_encoder=encoder)
    assert np.isfinite(kernel.fit(screen.light, screen.y).predict(screen.light)).all()
