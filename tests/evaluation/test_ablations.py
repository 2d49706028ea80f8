"""Ablations: what is taken away is gone, and nothing else is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion

from sklearn_csg2a.encoders import MorganEncoder, encode_compounds

ablations = pytest.importorskip(
    "benchmarks.models.ablations", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
models = pytest.importorskip("benchmarks.models.registry")


def _edges(n_nodes=60, n_edges=200):
    rng = np.random.RandomState(0)
    pairs = rng.randint(n_nodes, size=(n_edges, 2))
    names = np.array([f"G{k}" for k in range(n_nodes)])
    return pd.DataFrame(names[pairs], columns=["source", "target"])


def _pairs(edges):
    return {frozenset(pair) for pair in edges.to_numpy().tolist() if len(set(pair)) > 1}


def _degrees(pairs):
    return pd.Series([gene for pair in pairs for gene in pair]).value_counts()


def test_rewired_interactome_keeps_every_degree():
    before, after = _pairs(_edges()), ablations.rewire(_edges(), seed=0)
    assert len(after) == len(_pairs(after)) == len(before)  # no loop, no edge twice
    pd.testing.assert_series_equal(
        _degrees(before).sort_index(), _degrees(_pairs(after)).sort_index()
    )


def test_rewired_interactome_shares_few_edges_with_the_true_one():
    edges = _edges()
    shared = _pairs(edges) & _pairs(ablations.rewire(edges, seed=0))
    assert len(shared) < 0.25 * len(_pairs(edges))


def test_rewiring_only_depends_on_the_seed():
    edges = _edges()
    first = ablations.rewire(edges, seed=1)
    swapped = edges.rename(columns={"source": "target", "target": "source"})
    pd.testing.assert_frame_equal(first, ablations.rewire(swapped[::-1], seed=1))
    assert _pairs(first) != _pairs(ablations.rewire(edges, seed=2))


def test_interactome_that_cannot_be_rewired_stays_as_it_is():
    star = pd.DataFrame({"source": ["A"] * 4, "target": list("BCDE")})
    assert _pairs(ablations.rewire(star, seed=0)) == _pairs(star)


@pytest.mark.parametrize("n_items", [2, 3, 50])
def test_derangement_moves_every_item(n_items):
    taken = ablations.derange(n_items, seed=0)
    assert sorted(taken) == list(range(n_items))
    assert (taken != np.arange(n_items)).all()


def test_every_cell_line_gets_the_expression_of_another():
    expression = data_module.load_data("screen").expression
    shuffled = ablations.shuffle_cells(expression, seed=0)
    assert shuffled.index.equals(expression.index)
    assert shuffled.columns.equals(expression.columns)
    assert not (shuffled == expression).all(axis=1).any()
    assert sorted(shuffled.iloc[:, 0]) == sorted(expression.iloc[:, 0])


@pytest.mark.parametrize(
    "encoder",
    [
        MorganEncoder(),
        FeatureUnion(
            [("bits", MorganEncoder()), ("counts", MorganEncoder(count=True))]
        ),
    ],
    ids=["one encoder", "two side by side"],
)
def test_compounds_get_the_structure_of_another_whatever_their_spelling(encoder):
    X = pd.DataFrame({"smiles": ["CCO", "OCC", "CCN", "c1ccccc1"]})
    given = ["CCO", "OCC", "CCN", "C1=CC=CC=C1"]
    true = encode_compounds(clone(encoder).fit(given), given)
    encoder = clone(ablations.shuffled_encoder(encoder, X, seed=0))
    found = encode_compounds(encoder, given)
    assert found.shape == true.shape
    assert np.array_equal(found[0], found[1])
    assert not (found == true).all(axis=1).any()
    assert np.array_equal(np.unique(found, axis=0), np.unique(true, axis=0))
    assert np.array_equal(found, encode_compounds(clone(encoder), given))


def test_ablations_only_differ_from_the_model_in_their_configuration():
    data = data_module.load_data("screen")
    made = {
        name: models.MODELS[name](data, "drug", 0)
        for name in models.expand_names(["ablations"])
    }
    assert len(made) == 1 + len(models.ABLATIONS)
    assert len({models.config_hash(model) for model in made.values()}) == len(made)
    whole = made.pop("csg2a").get_params(deep=False)
    for model in made.values():
        changed = {
            name
            for name, value in model.get_params(deep=False).items()
            if value is not whole[name] and repr(value) != repr(whole[name])
        }
        assert len(changed) == 1


def test_model_of_shuffled_compounds_can_be_fitted():
    data = data_module.load_data("screen")
    model = models.MODELS["csg2a_shuffled_compounds"](data, "drug", 0)
    small = {"max_epochs": 1, "hidden_dim": 4, "head_hidden": (8,)}
    model.set_params(**small, precision="float32")
    assert np.isfinite(model.fit(data.X, data.y).predict(data.X)).all()
