"""Every model of the package, alone and inside of scikit-learn's, comes back."""

from __future__ import annotations

import functools
import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_csg2a
from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
    baselines,
    encoders,
    load_model,
    preprocessing,
    save_model,
    uncertainty,
)
from sklearn_csg2a.baselines import (
    GlobalMean,
    GradientBoostingResponse,
    LatentFactors,
    MeanEffects,
    PairwiseKernelRidge,
    PotencyRegressor,
)
from sklearn_csg2a.baselines._features import Standardizer
from sklearn_csg2a.baselines.trees._stored import _BoostingTree
from sklearn_csg2a.encoders import PairFeatures
from sklearn_csg2a.exceptions import InputError, ModelFileError
from sklearn_csg2a.model_selection import MixedKFold
from sklearn_csg2a.persistence._read_values import ValueReader
from sklearn_csg2a.persistence._write_values import ValueWriter
from sklearn_csg2a.uncertainty import ConformalRegressor

GENES = [f"G{i}" for i in range(6)]
CELLS = ["A549", "HeLa", "K562", "MCF7"]
SMILES = ["CCO", "c1ccccc1O", "CC(=O)O", "CCN", "CCCl"]
SMALL = {"hidden_dim": 3, "max_epochs": 2, "random_state": 0}

RNG = np.random.default_rng(0)
EXPRESSION = pd.DataFrame(RNG.normal(size=(4, 6)), index=CELLS, columns=GENES)
LIGHT = pd.DataFrame(
    {"cell_line": np.repeat(CELLS, 6), "smiles": np.resize(SMILES, 24)}
)
RESPONSE = RNG.normal(size=24)
Y = RNG.normal(size=(24, 6))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.csg2a"


def _round_trip(model, path):
    save_model(model, path)
    return load_model(path)


def _same(actual, expected):
    """Compare values with types and last bits."""
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected), strict=True)


def _public_estimators():
    """Return every public class with `fit`, by name."""
    parts = (sklearn_csg2a, baselines, encoders, preprocessing, uncertainty)
    classes = (getattr(part, name) for part in parts for name in part.__all__)
    return {
        cls.__name__: cls
        for cls in classes
        if isinstance(cls, type) and hasattr(cls, "fit")
    }


FITTED_WITH = {
    "AnnotationEncoder": {
        "table": pd.DataFrame({"moa": ["a", "b|a"]}, index=["CCO", "CCN"]),
        "columns": ["moa"],
    },
    "ConformalRegressor": {
        "estimator": PairwiseKernelRidge(expression=EXPRESSION),
        "cv": MixedKFold(2, random_state=0),
        "adapt": "tanimoto",
    },
    "LevelRankingRegressor": {
        "level": PotencyRegressor(),
        "ranking": PairwiseKernelRidge(expression=EXPRESSION),
    },
    "PilotRegressor": {"estimator": PairwiseKernelRidge(expression=EXPRESSION)},
    "ResidualRegressor": {
        "base": LatentFactors(),
        "regressor": PairwiseKernelRidge(expression=EXPRESSION),
        "cv": MixedKFold(2, random_state=0),
    },
    "PotencyEncoder": {
        "responses": pd.DataFrame({"A": [1.0, 2.0, 4.0]}, index=["CCO", "CCN", "CCC"])
    },
}


@functools.cache
def _fit_any(cls):
    """Fit an estimator of the package on small data; return it and its output."""
    accepted = inspect.signature(cls).parameters
    settings = {"expression": EXPRESSION, "max_epochs": 1, "random_state": 0}
    settings = {k: v for k, v in settings.items() if k in accepted}
    model = cls(**settings, **FITTED_WITH.get(cls.__name__, {}))
    if cls is PerturbationRegressor:
        return model.fit(LIGHT, Y), lambda fitted: fitted.predict(LIGHT)
    if hasattr(cls, "describe"):
        described = ["tanimoto", "cell_percentile", "scale_ratio", "in_domain"]
        return model.fit(LIGHT), lambda fitted: fitted.describe(LIGHT)[described]
    if hasattr(cls, "predict"):
        X = LIGHT.assign(tissue=np.resize(["skin", "lung"], len(LIGHT)))
        return model.fit(X, RESPONSE), lambda fitted: fitted.predict(X)
    if cls is PairFeatures:
        return model.fit(LIGHT), lambda fitted: fitted.transform(LIGHT)
    takes_expression = cls.__name__ in preprocessing.__all__
    rows = EXPRESSION if takes_expression else LIGHT["smiles"]
    return model.fit(rows), lambda fitted: fitted.transform(rows)


@pytest.mark.parametrize("name", sorted(_public_estimators()))
def test_every_public_estimator_is_stored(name, path):
    model, apply = _fit_any(_public_estimators()[name])
    loaded = _round_trip(model, path)
    assert type(loaded) is type(model)
    _same(apply(loaded), apply(model))


@pytest.fixture
def skops():
    return pytest.importorskip("skops.io", reason="skops is not installed")


@pytest.mark.parametrize("name", sorted(_public_estimators()))
def test_P37_skops_writes_every_estimator_and_names_types_of_ours_alone(name, skops):
    model, apply = _fit_any(_public_estimators()[name])
    _same_after_skops(skops, model, apply)


def _same_after_skops(skops, model, apply):
    content = skops.dumps(model)
    types = skops.get_untrusted_types(data=content)
    assert [name for name in types if not name.startswith("sklearn_csg2a.")] == []
    _same(apply(skops.loads(content, trusted=types)), apply(model))


@pytest.mark.parametrize("library", ["scikit-learn", "lightgbm"])
def test_P37_skops_writes_boosted_trees_of_other_libraries(library, skops):
    pytest.importorskip(library.replace("scikit-", "sk"), reason="it is not installed")
    model = GradientBoostingResponse(
        expression=EXPRESSION, library=library, min_samples_leaf=2, max_iter=3
    )
    _same_after_skops(skops, model.fit(LIGHT, RESPONSE), lambda one: one.predict(LIGHT))


def test_P37_skops_writes_intervals_of_adapted_widths(skops):
    model = ConformalRegressor(
        PairwiseKernelRidge(expression=EXPRESSION),
        cv=MixedKFold(2),
        adapt="cell_distance",
    )
    model.fit(LIGHT, RESPONSE)
    _same_after_skops(skops, model, lambda one: one.predict_interval(LIGHT))


@pytest.mark.parametrize(("field", "value"), [("left", 99), ("feature_idx", 10_000)])
def test_P37_trees_that_point_outside_of_themselves_are_refused(field, value):
    model = GradientBoostingResponse(
        expression=EXPRESSION, library="scikit-learn", min_samples_leaf=2, max_iter=1
    ).fit(LIGHT, RESPONSE)
    ((tree,),) = model.trees_._predictors
    make, (_, parts) = _BoostingTree((tree, 6)).__reduce__()
    nodes = parts["tree"]["nodes"].copy()
    nodes[field][0] = value
    with pytest.raises(ModelFileError, match="It has a tree"):
        make(None, {**parts, "tree": {**parts["tree"], "nodes": nodes}})


@pytest.mark.parametrize("name", ["RandomForestResponse", "GradientBoostingResponse"])
@pytest.mark.parametrize(
    ("field", "value"), [("below", 0), ("below", 10_000), ("column", 10_000)]
)
def test_trees_of_a_damaged_model_are_refused(name, field, value):
    cls = _public_estimators()[name]
    model = cls(expression=EXPRESSION, min_samples_leaf=2, random_state=0)
    trees = model.fit(LIGHT, RESPONSE).trees_
    getattr(trees, field)[trees.column >= 0] = value
    with pytest.raises(ModelFileError, match="has a tree"):
        model.predict(LIGHT)


def _containers():
    """Return scikit-learn's estimators around models of the package."""
    kernel = PairwiseKernelRidge(expression=EXPRESSION)
    network = DrugResponseRegressor(expression=EXPRESSION, **SMALL)
    pair = [("network", network), ("kernel", kernel)]
    return {
        "voting": VotingRegressor(pair, weights=[2, 1]),
        "stacking": StackingRegressor(pair, cv=MixedKFold(2, random_state=0)),
        "stacking on ridge": StackingRegressor([*pair], Ridge(), cv=2),
        "pipeline": Pipeline([("model", kernel)]),
        "voting in a pipeline": Pipeline([("model", VotingRegressor([*pair]))]),
        "frozen": FrozenEstimator(clone(kernel).fit(LIGHT, RESPONSE)),
        "frozen in a mean": VotingRegressor(
            [("a", FrozenEstimator(clone(kernel).fit(LIGHT, RESPONSE))), ("b", kernel)]
        ),
        "scaled response": TransformedTargetRegressor(
            kernel, transformer=StandardScaler()
        ),
        "residual": ResidualRegressor(
            MeanEffects(), VotingRegressor([*pair]), cv=MixedKFold(2, random_state=0)
        ),
    }


@pytest.mark.parametrize("name", _containers())
def test_scikit_learn_estimators_around_ours_are_loaded_as_saved(name, path):
    model = _containers()[name].fit(LIGHT, RESPONSE)
    loaded = _round_trip(model, path)
    _same(loaded.predict(LIGHT), model.predict(LIGHT))
    assert type(loaded) is type(model)


def test_a_model_used_twice_in_an_ensemble_is_loaded_as_one(path):
    voting = VotingRegressor([("kernel", PairwiseKernelRidge(expression=EXPRESSION))])
    loaded = _round_trip(voting.fit(LIGHT, RESPONSE), path)
    assert loaded.named_estimators_["kernel"] is loaded.estimators_[0]
    _same(clone(loaded).fit(LIGHT, RESPONSE).predict(LIGHT), loaded.predict(LIGHT))


def test_a_part_that_two_attributes_share_is_loaded_as_one():
    scaler = Standardizer(EXPRESSION.to_numpy())
    writer = ValueWriter()
    stored = writer.write({"one": scaler, "other": scaler}, "parts")
    parts = ValueReader(writer.arrays).read(stored)
    assert parts["one"] is parts["other"]
    _same(parts["one"].mean, scaler.mean)


def test_trees_of_another_library_are_refused_by_name(path):
    trees = GradientBoostingResponse(
        expression=EXPRESSION, max_iter=2, library="scikit-learn"
    )
    voting = VotingRegressor([("trees", trees), ("mean", GlobalMean())])
    with pytest.raises(InputError, match=r"HistGradientBoosting.*skops\.io\.dump"):
        save_model(voting.fit(LIGHT, RESPONSE), path)


def test_a_function_in_a_container_is_refused(path):
    model = TransformedTargetRegressor(
        GlobalMean(), func=np.log1p, inverse_func=np.expm1
    ).fit(LIGHT, np.abs(RESPONSE))
    with pytest.raises(InputError, match="cannot write a ufunc"):
        save_model(model, path)
