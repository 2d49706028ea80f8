"""Models are told what is known of compounds, and no more than that."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

knowledge = pytest.importorskip(
    "benchmarks.models.knowledge", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
models = pytest.importorskip("benchmarks.models.registry")
study = pytest.importorskip("benchmarks.studies.knowledge")

AMINES = [f"{'C' * n}N" for n in range(2, 12)]
ALCOHOLS = [f"{'C' * n}O" for n in range(2, 12)]
OURS = [*AMINES[:2], *ALCOHOLS[:2]]


def make_knowledge():
    levels = pd.Series(np.arange(20.0), index=AMINES + ALCOHOLS)
    annotation = pd.DataFrame(
        {"smiles": levels.index, "target": ["A"] * 10 + ["B"] * 10}
    )
    return Bunch(
        screens={
            "NCI-60": levels.to_frame("x"),
            "DrugCell": -levels.to_frame("y"),
            "GDSC1": levels.to_frame("z") / 2,
        },
        annotation=annotation.reindex(columns=["smiles", *knowledge.COLUMNS]),
        smiles=OURS,
    )


def encode(known, smiles=OURS, fit=OURS, told=None):
    parts = known.list_parts(make_knowledge() if told is None else told, WEIGHTS)
    return [encoder.fit(fit).transform(smiles) for _, encoder in parts]


WEIGHTS = {"potency": 1.0, "annotation": 1.0}


def test_potency_is_learned_without_the_compounds_of_the_data():
    changed = make_knowledge()
    for screen in changed.screens.values():
        screen.loc[OURS] = 100.0
    known = knowledge.Known(("NCI-60", "DrugCell", "GDSC1"))
    np.testing.assert_array_equal(encode(known), encode(known, told=changed))


def test_measurements_are_used_of_the_screens_that_say_so():
    known = knowledge.Known(("NCI-60", "DrugCell"), measured=("NCI-60",))
    before = encode(known)[0]
    for name, is_used in (("NCI-60", True), ("DrugCell", False)):
        changed = make_knowledge()
        changed.screens[name].loc[OURS] = 100.0
        assert np.array_equal(encode(known, told=changed)[0], before) != is_used


@pytest.mark.parametrize("annotation", ["fit", "none"])
def test_annotation_of_compounds_held_out_is_not_used(annotation):
    changed = make_knowledge()
    is_ours = changed.annotation["smiles"].isin(OURS[1:])
    changed.annotation.loc[is_ours, "target"] = "C"
    known = knowledge.Known(annotation=annotation)
    (before,), (after,) = (
        encode(known, OURS[1:], OURS[:1], told) for told in (None, changed)
    )
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", models.expand_names(["knowledge"]))
def test_models_are_told_by_parts_beside_the_structure(name):
    data = data_module.load_data("screen")
    model = models.MODELS[name](data, "drug", 0)
    parts = [part for part, _ in model.compound_encoder.transformer_list]
    assert parts == ["structure", "potency", "annotation"]
    if name.startswith("PairwiseKernelRidge"):
        assert set(model.compound_kernel) == set(parts)
    plain = name.rpartition("_")[0]
    assert models.ROSTER.kind_of(name) == models.ROSTER.kind_of(plain)


def test_data_of_which_nothing_is_known_are_refused():
    data = Bunch(**data_module.load_data("screen"))
    del data["knowledge"]
    with pytest.raises(ValueError, match="nothing but the structure"):
        models.MODELS["SVM_known"](data, "drug", 0)


def test_inner_folds_hold_out_training_compounds_alone():
    data = data_module.load_data("screen")
    smiles = data.X["smiles"].to_numpy()
    held_out = set()
    for train, test in study.split_again(data, 0):
        assert set(smiles[train]).isdisjoint(smiles[test])
        held_out |= set(smiles[test])
    splitter = study.DrugBlindKFold(study.N_OUTER, random_state=study.TEST_SEED)
    outer, judged = next(splitter.split(data.X, data.y))
    assert held_out == set(smiles[outer])
    assert held_out.isdisjoint(smiles[judged])


def test_a_study_goes_on_where_it_stopped(tmp_path, monkeypatch):
    data = data_module.load_data("screen")
    monkeypatch.setattr(study, "load", lambda _: (data, data.knowledge()))
    monkeypatch.setattr(study, "N_INNER", 2)
    names = ["structure", "annotation expected"]
    path = tmp_path / "results.csv"
    first = study.run(names[:1], [0], path, None)
    assert len(first) == 2
    study.fit_once.cache_clear()
    both = study.run(names, [0], path, None)
    assert len(both) == 4
    pd.testing.assert_frame_equal(both.iloc[:2], pd.read_csv(path).iloc[:2])
    table = study.summarise(both)
    assert list(table.index) == names
    assert table["folds"].tolist() == [2, 2]
    study.fit_once.cache_clear()
