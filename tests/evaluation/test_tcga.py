"""The benchmark on patients: which drugs are compared, and what is computed again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

tcga = pytest.importorskip(
    "benchmarks.tcga", reason="the benchmarks folder is not importable"
)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    genes = [f"G{i}" for i in range(5)]
    lines = [f"L{i}" for i in range(12)]
    compounds = ["CCO", "c1ccccc1O"]
    expression = pd.DataFrame(rng.normal(size=(12, 5)), index=lines, columns=genes)
    patients = pd.DataFrame(
        rng.normal(size=(16, 5)), index=[f"P{i}" for i in range(16)], columns=genes
    )
    X = pd.DataFrame({"cell_line": lines * 2, "smiles": np.repeat(compounds, 12)})
    courses = pd.DataFrame(
        {"cell_line": patients.index, "smiles": np.repeat(compounds, 8)}
    )
    return Bunch(
        X=X.assign(tissue="lung"),
        y=pd.Series(rng.normal(size=24)),
        expression=expression,
        patients=patients,
        courses=courses.assign(drug=np.repeat(["a", "b"], 8), tissue="lung"),
        responds=pd.Series([1, 0] * 4 + [1] * 8),
    )


@pytest.mark.parametrize("name", tcga.MODELS)
def test_every_model_predicts_every_course(data, name):
    predicted = tcga.MODELS[name](data)
    assert predicted.shape == (16,)
    assert np.isfinite(predicted).all()


def test_drugs_with_few_of_either_kind_are_left_out(data):
    enough = tcga.select_drugs(data)
    assert data.courses.loc[enough, "drug"].unique().tolist() == ["a"]


def test_finished_models_are_not_computed_again(data, monkeypatch):
    monkeypatch.setattr(tcga, "load_scaled", lambda *_: data)
    tpm = Bunch(expression_log2tpm=data.patients.iloc[:8])
    monkeypatch.setattr(tcga, "load_tcga", lambda **_: tpm)
    first = pd.concat(tcga.compare("normal scores", set(), None))
    assert set(first["model"]) == set(tcga.MODELS)
    keys = set(map(tuple, first[["scale", "model", "patients"]].to_numpy()))
    assert list(tcga.compare("normal scores", keys, None)) == []
    some = {key for key in keys if key[1] != "DrugMean"}
    again = pd.concat(tcga.compare("normal scores", some, None))
    assert set(again["model"]) == {"DrugMean"}
