"""Another screen tells of potency, and of no compound that is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from sklearn_csg2a.chem import compound_identities

potency = pytest.importorskip(
    "benchmarks.models.potency", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
models = pytest.importorskip("benchmarks.models.registry")


def make_rows():
    rows = [
        ("A", "CCO", 1.0),
        ("A", "OCC", 3.0),  # the same compound, spelt otherwise
        ("B", "CCO", 5.0),
        ("A", "CCN", 7.0),
        ("B", "CCCCl", 9.0),
    ]
    names = ["cell_line", "smiles", "response"]
    table = pd.DataFrame(rows, columns=names, index=list("vwxyz"))
    return Bunch(X=table[["cell_line", "smiles"]], y=table["response"])


def test_table_has_the_mean_of_repeats_and_nan_where_nothing_was_measured():
    table = potency.tabulate_screen(make_rows(), pd.Series(["c1ccccc1"]))
    assert sorted(table.index) == ["CCCCl", "CCN", "CCO"]
    assert table.loc["CCO"].to_dict() == {"A": 2.0, "B": 5.0}
    assert np.isnan(table.loc["CCN", "B"])


def test_compounds_of_the_data_are_left_out_in_every_spelling():
    table = potency.tabulate_screen(make_rows(), pd.Series(["NCC", "C(O)C.Cl"]))
    assert list(table.index) == ["CCCCl"]


@pytest.mark.parametrize("name", models.expand_names(["potency"]))
def test_models_with_potency_see_no_compound_of_the_data(name):
    data = data_module.load_data("screen")
    encoder = models.MODELS[name](data, "drug", 0).compound_encoder
    responses = dict(encoder.transformer_list)["potency"].responses
    judged = set(compound_identities(data.X["smiles"].unique()))
    assert len(responses) > 10
    assert judged.isdisjoint(compound_identities(list(responses.index)))


def test_data_without_another_screen_are_refused():
    data = Bunch(**data_module.load_data("screen"))
    del data["other_screen"]
    with pytest.raises(ValueError, match="no other screen"):
        models.MODELS["csg2a_potency"](data, "drug", 0)


@pytest.mark.parametrize("name", models.expand_names(["potency"]))
def test_model_with_potency_is_of_the_kind_of_the_model_without(name):
    plain = name.removesuffix("_potency")
    assert models.ROSTER.kind_of(name) == models.ROSTER.kind_of(plain)
