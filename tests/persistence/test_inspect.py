"""inspect_model says what is in a file, and builds nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingRegressor
from sklearn.preprocessing import StandardScaler

import sklearn_csg2a
from sklearn_csg2a import DrugResponseRegressor, inspect_model, save_model
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.exceptions import InputError, ModelFileError

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


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.csg2a"


@pytest.fixture(scope="module")
def response():
    return DrugResponseRegressor(
        expression=EXPRESSION,
        head_hidden=(8, 4),
        expression_scaler=StandardScaler(),
        **SMALL,
    ).fit(LIGHT, RESPONSE)


def test_inspecting_says_what_is_in_the_file_and_builds_nothing(
    response, path, monkeypatch
):
    save_model(response, path, card={"data": "simulated", "terms": "none"})

    def refuse(name):
        msg = f"{name} was looked up"
        raise AssertionError(msg)

    monkeypatch.setattr("sklearn_csg2a.persistence._read_values.find_class", refuse)
    content = inspect_model(path)
    assert content.class_name == "DrugResponseRegressor"
    assert content.card == {"data": "simulated", "terms": "none"}
    assert content.genes == tuple(EXPRESSION.columns)
    assert content.parameters["head_hidden"] == (8, 4)
    assert content.parameters["expression"] is None
    assert content.parameters["expression_scaler"].startswith("StandardScaler(")
    assert content.versions["sklearn_csg2a"] == sklearn_csg2a.__version__
    assert content.n_bytes == path.stat().st_size


def test_inspecting_finds_the_genes_of_a_model_inside(path):
    kernel = PairwiseKernelRidge(expression=EXPRESSION)
    save_model(VotingRegressor([("kernel", kernel)]).fit(LIGHT, RESPONSE), path)
    assert inspect_model(path).genes == tuple(EXPRESSION.columns)


def test_inspecting_a_damaged_file_is_an_error(response, path):
    save_model(response, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        inspect_model(path)


@pytest.mark.parametrize("card", [{"a": {1, 2}}, float("nan"), object()])
def test_a_card_that_json_cannot_hold_is_refused(response, path, card):
    with pytest.raises(InputError, match="card must be text"):
        save_model(response, path, card=card)
