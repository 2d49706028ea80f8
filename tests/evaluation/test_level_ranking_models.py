"""Level and ranking apart: the models of the benchmark fit, and know what they may."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import Bunch

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.evaluation.folds import make_folds

data_module = pytest.importorskip(
    "benchmarks.data.load", reason="the benchmarks folder is not importable"
)
models = pytest.importorskip("benchmarks.models.registry")
NAMES = models.expand_names(["level_ranking"])


@pytest.fixture(scope="module")
def data():
    return data_module.load_data("screen")


@pytest.fixture(scope="module")
def fold(data):
    return make_folds(data, ["drug"], 4, 1)[0]


def _fit(name, data, fold):
    model = models.MODELS[name](data, "drug", 0)
    return model.fit(data.X.iloc[fold.train], data.y.iloc[fold.train])


@pytest.mark.parametrize("name", NAMES)
def test_every_model_predicts_new_compounds(name, data, fold):
    new = data.X.iloc[fold.test]
    model = models.MODELS[name](data, "drug", 0)
    if name in models.WITH_LEVEL:
        model.set_params(max_epochs=1, compound_encoder="morgan", precision="float32")
    model.fit(data.X.iloc[fold.train], data.y.iloc[fold.train])
    parts = model.predict_parts(new)
    assert np.isfinite(parts).all(axis=None)
    assert (parts.groupby(new["smiles"])["level"].std() == 0).all()


@pytest.mark.parametrize("name", [one for one in NAMES if one != "LevelRanking"])
def test_screens_tell_nothing_of_the_compounds_of_the_data(name, data):
    model = models.MODELS[name](data, "drug", 0)
    levels = getattr(model.level, "estimators", [("level", model.level)])
    lists = [level.exclude for _, level in levels]
    if "profiles" in name or "similarity" in name:
        lists.append(model.exclude)
    if "similarity" in name:
        lists.append(dict(model.ranking.encoder.transformer_list)["potency"].exclude)
    own = set(compound_identities(data.X["smiles"].unique()))
    assert all(own <= set(compound_identities(excluded)) for excluded in lists)


def test_expected_annotation_is_not_that_of_held_out_compounds(data, fold):
    train, test = (set(data.X["smiles"].iloc[rows]) for rows in (fold.train, fold.test))
    told = data.knowledge()
    wrong = told.annotation.copy()
    held_out = wrong["smiles"].isin(test - train)
    assert held_out.any()
    wrong.loc[held_out, ["target", "mechanism", "target_pathway"]] = "nonsense"
    knowledge = Bunch(**{**told, "annotation": wrong})
    changed = Bunch(**{**data, "knowledge": lambda: knowledge})
    new = data.X.iloc[fold.test]
    cases = {
        "LevelRanking_expected": False,
        "LevelRanking_similarity_expected": False,
        "LevelRanking_known": True,
    }
    for name, differs in cases.items():
        one, other = (
            _fit(name, told_data, fold).predict(new) for told_data in (data, changed)
        )
        assert np.allclose(one, other) != differs


def test_data_of_which_nothing_is_known_are_refused(data):
    less = Bunch(**{k: v for k, v in data.items() if k != "knowledge"})
    with pytest.raises(ValueError, match="nothing but the structure is known"):
        models.MODELS["LevelRanking_known"](less, "drug", 0)
    models.MODELS["LevelRanking"](less, "drug", 0)
