"""Models that are shipped with the package are loaded by name."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    inspect_model,
    load_model,
    rank_drugs,
    save_model,
)
from sklearn_csg2a._utils.archive import read_archive
from sklearn_csg2a.exceptions import ExpressionScaleWarning
from sklearn_csg2a.persistence._shipped import SHIPPED
from sklearn_csg2a.preprocessing import NormalScores

CLASSES = {"gdsc2": DrugResponseRegressor, "lincs": PerturbationRegressor}
MOST_BYTES = 15e6  # of all models together
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def gdsc2():
    return load_model("gdsc2")


@pytest.fixture(scope="module")
def lincs():
    return load_model("lincs")


@pytest.fixture(scope="module")
def tumours(gdsc2):
    """Return a cohort as sequencing gives it: log2(TPM + 1), more genes, some lost."""
    rng = np.random.default_rng(0)
    level = rng.gamma(4, 1, size=len(gdsc2.genes_))
    values = level + rng.normal(size=(12, len(level)))
    table = pd.DataFrame(
        values.clip(0), index=[f"T{i}" for i in range(12)], columns=gdsc2.genes_
    )
    return table.iloc[:, 20:].assign(ACTB=12.0)


@pytest.fixture(scope="module")
def samples(tumours):
    return NormalScores().fit_transform(tumours)


@pytest.fixture
def small():
    """Return a small fitted model to save."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    return PerturbationRegressor(max_epochs=1, random_state=0).fit(X, X)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_name_loads_the_shipped_model(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = load_model(name)
    assert type(model) is CLASSES[name]
    assert inspect_model(name).class_name == type(model).__name__


def test_shipped_models_are_small():
    assert sum(path.stat().st_size for path in SHIPPED.values()) < MOST_BYTES


@pytest.mark.parametrize("name", SHIPPED)
def test_another_version_of_scikit_learn_is_no_news(name, monkeypatch):
    for module in ("sklearn", "sklearn.base"):
        monkeypatch.setattr(f"{module}.__version__", "99.0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(name)


def test_a_file_of_that_name_is_not_shadowed_silently(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_model(small, "gdsc2")
    for read in (load_model, inspect_model):
        with pytest.warns(UserWarning, match=r"'gdsc2' is the model.*'\./gdsc2'") as w:
            read("gdsc2")
        assert w[0].filename == __file__
    assert type(load_model("./gdsc2")) is PerturbationRegressor
    assert type(load_model(Path("gdsc2"))) is PerturbationRegressor


def test_a_folder_of_that_name_is_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gdsc2").mkdir()
    assert inspect_model("gdsc2").class_name == "DrugResponseRegressor"


@pytest.mark.parametrize("read", [load_model, inspect_model])
def test_a_wrong_name_is_told_the_right_ones(read):
    with pytest.raises(FileNotFoundError, match=r"shipped model \('gdsc2', 'lincs'\)"):
        read("gdsc1")


@pytest.mark.parametrize("name", SHIPPED)
def test_no_training_row_is_inside(name):
    manifest, arrays = read_archive(SHIPPED[name])
    model, data = load_model(name), inspect_model(name).card["data"]
    assert model.expression is None
    assert inspect_model(name).left_out["model/expression"]["n_genes"] == len(
        model.genes_
    )
    n_cells = data.get("controls", data["cell_lines"])
    n_rows = data.get("profiles", data.get("rows"))
    for path, array in arrays.items():
        assert not {n_cells, n_rows} & set(array.shape), path
        if "/_network/" not in path and "/encoder_/" not in path:
            assert array.ndim == 1 or path.endswith("reference_/predictions"), path
    names = "A549|A375|HT115|MCF7|HCT116|K562|ACH-|control_0"
    assert not re.search(names, str(manifest["model"]))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_says_what_must_be_known(name):
    content = inspect_model(name)
    card = content.card
    assert content.genes == tuple(load_model(name).genes_)
    assert card["name"] == name
    assert card["training"]["command"].endswith(f"{name} train")
    assert len(card["training"]["seeds"]) == card["training"]["members"]
    for part in ("data", "terms", "licence_of_the_code", "input", "domain", "limits"):
        assert card[part], part
    assert card["errors"]["how"]


def test_the_card_of_gdsc2_gives_errors_of_what_is_new_beside_simple_models():
    card = inspect_model("gdsc2").card
    assert "non-commercial" in card["terms"]
    for scheme in ("mixed", "cell", "drug", "disjoint"):
        errors = card["errors"][scheme]
        assert errors["folds"] >= 1
        assert 0 < errors["rmse"] < 4
        assert {"naive_rmse", "kernel_ridge_rmse"} <= set(errors)


def test_drugs_are_ranked_in_three_lines(tumours):
    with pytest.warns(ExpressionScaleWarning, match="NormalScores within the 12"):
        ranking = rank_drugs(load_model("gdsc2"), tumours)
    assert len(ranking) == 12 * 210
    assert {"Lapatinib", "Cisplatin", "Dabrafenib"} <= set(ranking["drug"])
    assert ranking["percentile"].between(0, 100).all()
    assert ranking["ln_ic50"].between(-10, 12).all()


def test_normal_scores_are_taken_as_they_are(gdsc2, tumours, samples):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given = rank_drugs(gdsc2, samples)
    with pytest.warns(ExpressionScaleWarning):
        pd.testing.assert_frame_equal(given, rank_drugs(gdsc2, tumours))


def test_percentiles_do_not_depend_on_the_other_samples(gdsc2, samples):
    alone = rank_drugs(gdsc2, samples.iloc[:1])
    first = rank_drugs(gdsc2, samples).query("sample == 'T0'")
    assert alone["percentile"].tolist() == pytest.approx(first["percentile"].tolist())


def test_a_compound_of_ones_own_is_predicted(gdsc2, samples):
    ranking = rank_drugs(gdsc2, samples, {"aspirin": ASPIRIN}, reference=samples)
    assert ranking["percentile"].notna().all()


def test_lincs_predicts_expression_after_treatment(lincs):
    rng = np.random.default_rng(0)
    before = pd.DataFrame(rng.normal(size=(2, 978)), columns=lincs.genes_)
    X = before.assign(smiles=ASPIRIN, dose=[1.0, 10.0], time=24.0)
    after = lincs.predict(X)
    assert after.shape == (2, 978)
    assert np.abs(after).max() < 10


def test_lincs_is_a_pretraining(lincs):
    rng = np.random.default_rng(0)
    cells = pd.DataFrame(rng.normal(size=(6, 978)), columns=lincs.genes_)
    X = pd.DataFrame(
        {"cell_line": np.repeat(range(6), 2), "smiles": [ASPIRIN, "CCO"] * 6}
    )
    model = DrugResponseRegressor(
        expression=cells, pretrained="lincs", max_epochs=1, random_state=0
    )
    assert model.fit(X, rng.normal(size=12)).predict(X).shape == (12,)
