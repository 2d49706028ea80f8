"""Naive models predict the means that their names say."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_validate
from sklearn.preprocessing import OneHotEncoder

from sklearn_csg2a.baselines import (
    CellMean,
    DrugMean,
    GlobalMean,
    LatentFactors,
    MeanEffects,
    TissueDrugMean,
    TissueMean,
)
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError

MODELS = [
    CellMean,
    DrugMean,
    GlobalMean,
    pytest.param(partial(LatentFactors, random_state=0), id="LatentFactors"),
    MeanEffects,
    TissueDrugMean,
    TissueMean,
]
SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CO"])


@pytest.fixture
def screen():
    rng = np.random.default_rng(0)
    drug, cell = rng.integers(0, 5, 60), rng.integers(0, 8, 60)
    X = pd.DataFrame(
        {
            "cell_line": np.array([f"c{i}" for i in range(8)])[cell],
            "smiles": SMILES[drug],
            "tissue": np.array(["lung", "skin"])[cell % 2],
        }
    )
    return X, drug + rng.normal(size=8)[cell] + rng.normal(size=60)


def test_each_mean_is_the_mean_of_its_group(screen):
    X, y = screen
    np.testing.assert_allclose(GlobalMean().fit(X, y).predict(X), y.mean())
    groups = {
        DrugMean: "smiles",
        CellMean: "cell_line",
        TissueMean: "tissue",
        TissueDrugMean: ["tissue", "smiles"],
    }
    for model_class, by in groups.items():
        expected = X.assign(y=y).groupby(by)["y"].transform("mean")
        np.testing.assert_allclose(model_class().fit(X, y).predict(X), expected)


def test_spellings_of_a_drug_share_its_mean():
    X = pd.DataFrame({"smiles": ["CC(=O)O", "OC(C)=O", "CC(=O)[O-].[Na+]", "CCN"]})
    predicted = DrugMean().fit(X, [1.0, 2.0, 3.0, 8.0]).predict(X)
    np.testing.assert_allclose(predicted, [2.0, 2.0, 2.0, 8.0])


def test_unseen_levels_fall_back_to_the_level_above(screen):
    X, y = screen
    new = pd.DataFrame(
        {
            "cell_line": ["c0", "new", "new"],
            "smiles": ["C#N", "CCO", "C#N"],
            "tissue": ["lung", "bone", None],
        }
    )
    by_drug = DrugMean().fit(X, y)
    by_tissue = TissueMean().fit(X, y)
    of_ethanol = y[X["smiles"] == "CCO"].mean()
    of_lung = y[X["tissue"] == "lung"].mean()
    mean = y.mean()
    np.testing.assert_allclose(by_drug.predict(new), [mean, of_ethanol, mean])
    np.testing.assert_allclose(by_tissue.predict(new), [of_lung, mean, mean])
    both = TissueDrugMean().fit(X, y).predict(new)
    np.testing.assert_allclose(both, [of_lung, of_ethanol, mean])
    cells = CellMean().fit(X, y).predict(new)
    np.testing.assert_allclose(cells[1:], mean)


def test_an_unseen_pair_of_known_tissue_and_drug_gets_the_mean_of_the_drug():
    X = pd.DataFrame({"tissue": ["lung", "skin"], "smiles": ["CCO", "CO"]})
    model = TissueDrugMean().fit(X, [1.0, 2.0])
    crossed = X.assign(tissue=["skin", "lung"])
    np.testing.assert_allclose(model.predict(crossed), [1.0, 2.0])


@pytest.mark.parametrize("n_cells", [3, 40])
@pytest.mark.parametrize("shrinkage", [0.5, 20.0])
def test_mean_effects_are_the_ridge_solution(n_cells, shrinkage):
    rng = np.random.default_rng(n_cells)
    cell = rng.integers(0, n_cells, 80).astype(str)
    X = pd.DataFrame({"cell_line": cell, "smiles": rng.choice(SMILES, 80)})
    y = rng.normal(size=80) + 100
    design = OneHotEncoder().fit_transform(X)
    reference = Ridge(alpha=shrinkage, solver="cholesky").fit(design.toarray(), y)
    model = MeanEffects(shrinkage=shrinkage).fit(X, y)
    np.testing.assert_allclose(model.predict(X), reference.predict(design.toarray()))
    np.testing.assert_allclose(model.intercept_, reference.intercept_)


def test_mean_effects_separate_the_effects_of_an_unbalanced_screen():
    rng = np.random.default_rng(1)
    cell, drug = np.divmod(np.arange(200), 5)
    effect = rng.normal(size=40)
    y = effect[cell] + drug * 2.0
    kept = rng.random(200) < 1 / (1 + np.exp(-3 * y))
    X = pd.DataFrame({"cell_line": cell.astype(str), "smiles": SMILES[drug]})
    model = MeanEffects(shrinkage=1e-9).fit(X[kept], y[kept])
    known = X["cell_line"].isin(model.cells_)
    np.testing.assert_allclose(model.predict(X[known]), y[known], atol=1e-6)


def test_unseen_drugs_and_cells_have_no_effect(screen):
    X, y = screen
    model = MeanEffects().fit(X, y)
    new = pd.DataFrame({"cell_line": ["c0", "new"], "smiles": ["C#N", "C#N"]})
    cell_effect = model.cell_effects_[list(model.cells_).index("c0")]
    expected = [(model.intercept_ + cell_effect)[0], model.intercept_[0]]
    np.testing.assert_allclose(model.predict(new), expected)


@pytest.mark.parametrize("model_class", MODELS)
def test_several_outputs_are_predicted_as_one_by_one(model_class, screen):
    X, y = screen
    Y = np.column_stack([y, -2 * y + 1])
    together = model_class().fit(X, Y).predict(X)
    assert together.shape == (60, 2)
    for k in range(2):
        alone = model_class().fit(X, Y[:, k]).predict(X)
        np.testing.assert_allclose(together[:, k], alone)


@pytest.mark.parametrize("model_class", MODELS)
def test_models_survive_clone_pickle_and_cross_validation(model_class, screen):
    X, y = screen
    model = model_class(columns={"smiles": "SMILES"}, on_invalid_smiles="nan")
    X = X.rename(columns={"smiles": "SMILES"})
    predicted = clone(model).fit(X, y).predict(X)
    again = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    np.testing.assert_array_equal(again.predict(X), predicted)
    scores = cross_validate(model, X, y, cv=3, error_score="raise")
    assert np.isfinite(scores["test_score"]).all()


@pytest.mark.parametrize("model_class", MODELS)
def test_invalid_smiles_give_nan_in_their_rows_if_allowed(model_class, screen):
    X, y = screen
    bad = X.copy()
    bad.loc[3, "smiles"] = "C1CC"
    with pytest.raises(InvalidSmilesError, match="row 3"):
        model_class().fit(X, y).predict(bad)
    model = model_class(on_invalid_smiles="nan")
    with pytest.raises(InvalidSmilesError, match="row 3"):
        model.fit(bad, y)
    predicted = model.fit(X, y).predict(bad)
    expected = model.predict(X)
    assert np.isnan(predicted[3])
    np.testing.assert_array_equal(np.delete(predicted, 3), np.delete(expected, 3))


def test_cells_without_ids_are_known_by_their_expression():
    genes = pd.DataFrame({"TP53": [0.1, 0.2, 0.1], "EGFR": [1.0, 2.0, 1.0]})
    X = genes.assign(smiles="CCO")
    model = CellMean().fit(X, [1.0, 5.0, 3.0])
    named = X[["EGFR", "smiles", "TP53"]].assign(cell_line="any")
    np.testing.assert_allclose(model.predict(named), [2.0, 5.0, 2.0])


def test_a_model_fitted_by_id_asks_for_the_id():
    X = pd.DataFrame({"cell_line": ["a", "b"], "smiles": "CCO", "TP53": [0.1, 0.2]})
    model = CellMean().fit(X, [1.0, 2.0])
    with pytest.raises(InputError, match="no column 'cell_line', by which CellMean"):
        model.predict(X.drop(columns="cell_line"))


def test_a_missing_tissue_column_is_named(screen):
    X, y = screen
    with pytest.raises(InputError, match="no column 'organ', which TissueMean needs"):
        TissueMean(tissue="organ").fit(X, y)
    with pytest.raises(InputError, match="no column 'cell_line', which CellMean needs"):
        CellMean().fit(X.drop(columns="cell_line"), y)


def test_a_model_of_treatments_refuses_plain_input(screen):
    X, y = screen
    with pytest.raises(InputError, match="fitted with compounds"):
        GlobalMean().fit(X, y).predict([[1.0, 2.0]])
    with pytest.raises(InputError, match="fitted on a plain table"):
        GlobalMean().fit(np.zeros((60, 2)), y).predict(X)
