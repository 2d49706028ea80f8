"""Distances of predicted from basal expression, beside those that know no model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import compare_distances, zero_shot_response

GENES = tuple(f"G{i}" for i in range(8))
CELLS = tuple(f"C{i}" for i in range(6))
SMILES = tuple("C" * n + "O" for n in range(1, 31))


class Planted(PerturbationRegressor):
    """Predicts a change whose length is known, whatever it was fitted to."""

    def _predict_treatments(self, treatments):
        length = {text: n for n, text in enumerate(SMILES, start=1)}
        of_compound = np.array([length[text] for text in treatments.smiles])
        change = of_compound[treatments.compound_index][:, None] / np.sqrt(len(GENES))
        return treatments.basal_expression[treatments.cell_index] + change


@pytest.fixture(scope="module")
def expression():
    values = np.random.default_rng(0).normal(size=(len(CELLS), len(GENES)))
    return pd.DataFrame(values, index=CELLS, columns=GENES)


@pytest.fixture(scope="module")
def X():
    grid = pd.MultiIndex.from_product([CELLS, SMILES], names=["cell_line", "smiles"])
    return grid.to_frame(index=False).set_axis([f"r{i}" for i in range(len(grid))])


@pytest.fixture(scope="module")
def model(expression, X):
    settings = {
        "expression": expression,
        "compound_encoder": MorganEncoder(n_bits=16),
        "hidden_dim": 2,
        "max_epochs": 1,
        "random_state": 0,
    }
    Y = expression.loc[X["cell_line"]].to_numpy()
    return Planted(**settings, on_invalid_smiles="nan").fit(X, Y)


@pytest.fixture(scope="module")
def y(X):
    """The longer the chain, the more sensitive; the level of a cell is its own."""
    length = X["smiles"].str.len().to_numpy()
    level = X["cell_line"].str[1:].astype(int).to_numpy()
    noise = np.random.default_rng(1).normal(scale=3.0, size=len(X))
    return 10.0 * level - length + noise


def test_one_row_per_treatment_with_its_distances(model, X, y, expression):
    table = zero_shot_response(model, X, y)
    assert table.index.equals(X.index)
    np.testing.assert_allclose(table["distance"], model.perturbation_distance(X))
    np.testing.assert_allclose(
        table["expression_norm"],
        np.linalg.norm(expression.loc[X["cell_line"]], axis=1),
        rtol=1e-6,
    )
    assert table.groupby("compound")["structure_norm"].nunique().eq(1).all()
    np.testing.assert_allclose(table["mean_effects"], table["distance"], rtol=1e-5)
    np.testing.assert_array_equal(table["response"], y)
    means = pd.Series(y).groupby(X["cell_line"].to_numpy()).transform("mean")
    np.testing.assert_array_equal(table["sensitive"], y < means.to_numpy())


def test_without_a_response_there_are_distances_alone(model, X):
    table = zero_shot_response(model, X)
    assert not {"response", "sensitive"} & set(table.columns)


def test_unreadable_compounds_have_no_distance(model, X, y):
    broken = X.assign(smiles=X["smiles"].where(X["smiles"] != "CO", "C1CC"))
    table = zero_shot_response(model, broken, y)
    bad = (X["smiles"] == "CO").to_numpy()
    names = ["distance", "structure_norm", "expression_norm", "mean_effects"]
    assert table.loc[bad, [*names, "compound"]].isna().all(axis=None)
    assert table.loc[~bad, names].notna().all(axis=None)
    assert compare_distances(table)["n_pairs"].eq((~bad).sum()).all()


def test_sensitive_pairs_are_farther_where_that_was_planted(model, X, y):
    result = compare_distances(zero_shot_response(model, X, y))
    assert result["n_cells"].eq(len(CELLS)).all()
    distance = result.loc["distance"]
    assert distance["sensitive"] > distance["resistant"]
    assert distance["p"] < 1e-6
    assert distance["within_cell"] < -0.8
    assert distance["share_negative"] == 1.0
    assert distance["p_permuted"] == 0.001
    norm = result.loc["expression_norm"]
    assert norm["within_cell"] == 0.0
    assert norm["p_permuted"] == 1.0


def test_a_response_of_other_compounds_is_significant_by_pairs_alone(model, X):
    """One level per compound in all cells is one draw, however many cells there are."""
    table = zero_shot_response(model, X)
    p_pairs, p_permuted = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        level = dict(zip(SMILES, rng.permutation(len(SMILES)), strict=True))
        response = X["smiles"].map(level) + rng.normal(scale=0.1, size=len(X))
        given = table.assign(response=response)
        row = compare_distances(given, n_permutations=99).loc["distance"]
        p_pairs.append(row["p"])
        p_permuted.append(row["p_permuted"])
    assert np.mean(np.array(p_pairs) < 0.05) > 0.15
    assert np.mean(np.array(p_permuted) <= 0.05) <= 0.125  # 99 % of 40 draws of 5 %


def test_pairs_that_were_not_measured_are_left_out(model, X, y):
    table = zero_shot_response(model, X, y)
    kept = np.random.default_rng(0).random(len(table)) < 0.7
    result = compare_distances(table[kept], n_permutations=99).loc["distance"]
    expected = (
        table[kept]
        .groupby("cell_line")[["distance", "response"]]
        .apply(lambda cell: cell["distance"].corr(cell["response"]))
    )
    assert result["within_cell"] == pytest.approx(expected.mean())
    assert result["p_permuted"] == 0.01


def test_replicates_are_one_pair(model, X, y):
    table = zero_shot_response(model, X, y)
    twice = pd.concat([table, table])
    pd.testing.assert_frame_equal(
        compare_distances(twice, n_permutations=9),
        compare_distances(table, n_permutations=9),
    )


def test_it_needs_a_model_of_expression(expression, X, y):
    model = DrugResponseRegressor(
        expression=expression, hidden_dim=2, max_epochs=1, random_state=0
    ).fit(X, y)
    with pytest.raises(InputError, match="Pass the one that it was pretrained with"):
        zero_shot_response(model, X, y)


def test_a_plain_array_has_no_compounds(expression):
    values = expression.to_numpy()
    model = PerturbationRegressor(hidden_dim=2, max_epochs=1, random_state=0)
    with pytest.raises(InputError, match="plain array without any"):
        zero_shot_response(model.fit(values, values), values)


def test_a_table_without_response_is_named(model, X):
    with pytest.raises(InputError, match=r"no column 'response'.*Pass y"):
        compare_distances(zero_shot_response(model, X))


def test_two_compounds_have_no_correlation(model, X, y):
    few = X["smiles"].isin(SMILES[:2]).to_numpy()
    table = zero_shot_response(model, X[few], y[few])
    with pytest.raises(InputError, match="No cell line has 3 compounds"):
        compare_distances(table)
