"""Variants of the deep baselines have one part as published, all else as before."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.utils import Bunch

published = pytest.importorskip(
    "benchmarks.models.published", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
models = pytest.importorskip("benchmarks.models.registry")

OWN = {
    "DRPreter_rows": {"batching"},  # and other pathways, which are the same here
    "DeepCoVDR_8_layers": {"n_layers"},
    "DeepTTA_library": {"corpus", "min_frequency"},
    "PathDNN_targets": {"targets"},
    "Precily_library": {"corpus"},
}


@pytest.fixture(scope="module")
def data():
    data = Bunch(**data_module.load_data("screen"))
    genes = data.expression.columns.tolist()
    pathways = {"A": genes[:20], "B": genes[20:40]}
    data.gene_sets = dict.fromkeys(("hallmark", "pid", "reactome"), pathways)
    told = pd.DataFrame({"smiles": data.X["smiles"].unique(), "target": genes[0]})
    data.knowledge = lambda: Bunch(annotation=told)
    return data


@pytest.mark.parametrize("name", OWN)
def test_a_variant_differs_from_its_model_in_its_own_part_alone(data, name):
    base = models.MODELS[name.partition("_")[0]](data, "mixed", 0)
    variant = models.MODELS[name](data, "mixed", 0)
    before, after = (one.get_params(deep=False) for one in (base, variant))
    changed = {key for key in before if repr(before[key]) != repr(after[key])}
    assert type(variant) is type(base)
    assert changed == OWN[name]


@pytest.mark.parametrize("name", OWN)
def test_a_variant_can_be_fitted(data, name):
    rows = data.X.iloc[:60]
    model = models.MODELS[name](data, "mixed", 0).set_params(max_epochs=1)
    predicted = model.fit(rows, data.y.iloc[:60]).predict(rows)
    assert len(predicted) == 60


def test_targets_are_those_of_the_compound_in_any_spelling_and_salt():
    told = pd.DataFrame(
        {
            "smiles": ["OCC", "CN.Cl", "CCC"],
            "target": ["EGFR|ERBB2", "TP53", None],
        }
    )
    data = Bunch(
        X=pd.DataFrame({"smiles": ["CCO", "CN", "CCC", "CCCC"]}),
        knowledge=lambda: Bunch(annotation=told),
    )
    assert published.find_targets(data) == {
        "CCO": ["EGFR", "ERBB2"],
        "CN": ["TP53"],
        "CCC": [],
        "CCCC": [],
    }


def test_molecules_of_the_library_are_drawn_the_same_every_time(monkeypatch):
    monkeypatch.setattr(published, "N_MOLECULES", 3)
    data = Bunch(molecules=lambda: ["C" * n for n in range(1, 20)])
    drawn = published.draw_molecules(data)
    assert drawn == published.draw_molecules(data)
    assert len(set(drawn)) == 3


def test_data_without_a_library_say_so():
    with pytest.raises(ValueError, match="without a library of molecules"):
        published.draw_molecules(Bunch())
