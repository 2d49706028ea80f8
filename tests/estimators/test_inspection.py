"""Attention maps, ranked interactions, grids, distances and spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_csg2a.exceptions import InputError, UnknownCellLineError

EDGES = pd.DataFrame({"source": ["TP53", "EGFR"], "target": ["MYC", "KRAS"]})


@pytest.fixture
def model(small, screen):
    """Each estimator, fitted on light rows with an interactome."""
    model = small(expression=screen.expression, interactome=EDGES)
    y = screen.Y if hasattr(model, "perturbation_distance") else screen.y
    return model.fit(screen.light, y)


def test_attention_is_averaged_over_treatments(model, screen):
    X = screen.light[:6]
    each = model.attention_maps(X, aggregate=None)
    mean = model.attention_maps(X)
    assert each.shape == (6, 8, 8)
    assert mean.index.tolist() == mean.columns.tolist() == model.genes_.tolist()
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mean, mean.T, rtol=1e-5, atol=1e-6)


def test_attention_by_a_column_is_the_average_of_its_rows(model, screen):
    maps = model.attention_maps(screen.light, by="smiles")
    assert list(maps) == list(screen.light["smiles"].unique())
    for smiles, table in maps.items():
        rows = screen.light[screen.light["smiles"] == smiles]
        pd.testing.assert_frame_equal(table, model.attention_maps(rows), rtol=1e-4)


def test_attention_holds_the_interactome(small, screen):
    y = screen.Y if hasattr(small(), "perturbation_distance") else screen.y
    known, none = (
        small(interactome=interactome, max_epochs=1, learning_rate=1e-12)
        .fit(screen.wide, y)
        .attention_maps(screen.wide)
        for interactome in (EDGES, None)
    )
    difference = (known - none).round(3)
    assert difference.loc["TP53", "MYC"] == difference.loc["MYC", "TP53"] == 1
    assert difference.to_numpy().sum() == pytest.approx(4)


def test_attention_refuses_what_it_cannot_do(model, small, screen):
    with pytest.raises(InputError, match="by='drug' is not a column"):
        model.attention_maps(screen.light, by="drug")
    with pytest.raises(InputError, match="aggregate='median'; expected 'mean' or None"):
        model.attention_maps(screen.light, aggregate="median")
    with pytest.raises(InputError, match="use it with aggregate='mean'"):
        model.attention_maps(screen.light, aggregate=None, by="smiles")
    with pytest.raises(NotFittedError):
        small().attention_maps(screen.light)
    y = screen.Y if hasattr(model, "perturbation_distance") else screen.y
    off = small(attention="off").fit(screen.wide, y)
    with pytest.raises(InputError, match="attention='off'"):
        off.attention_maps(screen.wide)


def test_attention_of_unreadable_compounds_is_refused(model, screen):
    model.set_params(on_invalid_smiles="nan")
    with pytest.raises(InputError, match="drop those rows"):
        model.attention_maps(screen.light.assign(smiles="C1CC"))


def test_groups_without_a_value_are_refused(model, screen):
    X = screen.light.assign(tissue=[None] + ["lung"] * 39)
    with pytest.raises(InputError, match=r"'tissue'.*row 0 \(index 'row_0'\)"):
        model.attention_maps(X, by="tissue")


def test_interactions_are_ranked_by_absolute_score(model, screen):
    table = model.top_interactions(screen.light, k=28, by=None, method="attention")
    assert list(table) == ["gene_i", "gene_j", "score", "learned", "in_interactome"]
    assert len(table) == 8 * 7 / 2
    assert table["score"].abs().is_monotonic_decreasing
    assert (table["gene_i"] != table["gene_j"]).all()
    pairs = {frozenset(p) for p in table[["gene_i", "gene_j"]].to_numpy()}
    assert len(pairs) == len(table)
    known = table[table["in_interactome"]]
    assert {frozenset(p) for p in known[["gene_i", "gene_j"]].to_numpy()} == {
        frozenset(p) for p in EDGES.to_numpy()
    }
    np.testing.assert_allclose(table["score"] - table["learned"], table.in_interactome)
    attention = model.attention_maps(screen.light)
    for row in table.itertuples():
        assert row.score == pytest.approx(
            attention.loc[row.gene_i, row.gene_j], rel=1e-4, abs=1e-5
        )


def test_interactions_are_listed_per_group(model, screen):
    table = model.top_interactions(screen.light, k=3)
    assert table["smiles"].tolist() == list(
        np.repeat(screen.light["smiles"].unique(), 3)
    )
    cells = model.top_interactions(screen.light, k=2, by="cell_line")
    assert cells.columns[0] == "cell_line"
    assert len(cells) == 12


def test_interactions_of_plain_input_form_one_group(small, screen):
    y = screen.Y if hasattr(small(), "perturbation_distance") else screen.y
    table = small().fit(screen.plain, y).top_interactions(screen.plain, k=4)
    assert table.columns[0] == "gene_i"
    X = screen.wide[list(screen.expression.columns)]
    named = small().fit(X, y).top_interactions(X, k=4)
    assert list(named) == list(table)


def test_interactions_are_grouped_by_a_renamed_column(small, screen):
    y = screen.Y if hasattr(small(), "perturbation_distance") else screen.y
    X = screen.wide.rename(columns={"smiles": "SMILES"})
    table = small(columns={"smiles": "SMILES"}).fit(X, y).top_interactions(X, k=2)
    assert table.columns[0] == "SMILES"
    assert len(table) == 10


@pytest.mark.parametrize("k", [0, -1, 2.5])
def test_interactions_need_a_positive_number(model, screen, k):
    with pytest.raises(InputError, match=f"k={k}"):
        model.top_interactions(screen.light, k=k)


def _value(grid, cell, smiles):
    found = grid.loc[(cell, smiles)] if grid.index.nlevels == 2 else grid
    return found if grid.index.nlevels == 2 else grid.loc[cell, smiles]


@pytest.mark.parametrize("wide", [False, True])
def test_a_grid_holds_every_cell_with_every_compound(model, screen, wide):
    cells, compounds = ["MCF7", "A549"], ["CCO", "CCC", "CCN"]
    given = screen.expression.loc[cells] if wide else cells
    grid = model.predict_grid(given, compounds)
    for cell in cells:
        for smiles in compounds:
            row = pd.DataFrame({"cell_line": [cell], "smiles": [smiles]})
            row = row.assign(dose=model.default_dose, time=model.default_time)
            np.testing.assert_array_equal(
                _value(grid, cell, smiles), model.predict(row)[0]
            )


def test_a_grid_names_unknown_cells_and_bad_compounds(model):
    with pytest.raises(UnknownCellLineError, match="'A-549'"):
        model.predict_grid(["A-549"], ["CCO"])
    with pytest.raises(InputError, match="'C1CC'"):
        model.predict_grid(["A549"], ["C1CC"])


@pytest.mark.parametrize(
    ("cells", "compounds", "name"),
    [("A549", ["CCO"], "cells='A549'"), (["A549"], "CCO", "smiles='CCO'")],
)
def test_a_grid_takes_lists_and_not_one_text(model, cells, compounds, name):
    with pytest.raises(InputError, match=name):
        model.predict_grid(cells, compounds)


def test_a_grid_of_renamed_columns_has_the_default_dose(small, screen):
    names = {"cell_line": "DepMap_ID", "smiles": "SMILES", "dose": "uM"}
    X = screen.light.rename(columns=names)
    model = small(expression=screen.expression, columns=names)
    model.fit(X, screen.Y if hasattr(model, "perturbation_distance") else screen.y)
    grid = model.predict_grid(["A549"], ["CCO"])
    row = pd.DataFrame({"DepMap_ID": ["A549"], "SMILES": ["CCO"], "uM": [10.0]})
    row = row.assign(time=model.default_time)
    np.testing.assert_array_equal(_value(grid, "A549", "CCO"), model.predict(row)[0])


def test_distance_is_that_of_predicted_from_basal_expression(perturbation, screen):
    model = perturbation(expression=screen.expression).fit(screen.light, screen.Y)
    basal = screen.expression.loc[screen.light["cell_line"]].to_numpy()
    expected = np.linalg.norm(model.predict(screen.light) - basal, axis=1)
    np.testing.assert_allclose(
        model.perturbation_distance(screen.light), expected, rtol=1e-6
    )


def test_distance_needs_one_output_per_gene(perturbation, screen):
    model = perturbation().fit(screen.wide, screen.Y[:, :3])
    with pytest.raises(InputError, match="3 outputs for 8 genes"):
        model.perturbation_distance(screen.wide)


def test_distance_of_unreadable_compounds_is_nan(perturbation, screen):
    model = perturbation(on_invalid_smiles="nan").fit(screen.wide, screen.Y)
    X = screen.wide[:4].assign(smiles=["CCO", "C1CC", "CCO", None])
    distance = model.perturbation_distance(X)
    np.testing.assert_array_equal(np.isnan(distance), [False, True, False, True])


def test_the_spread_is_repeatable_and_does_not_change_the_prediction(response, screen):
    model = response(dropout=0.5, max_epochs=10).fit(screen.wide, screen.y)
    expected = model.predict(screen.wide)
    (mean, std), (_, again) = (
        model.predict(screen.wide, return_spread=True) for _ in range(2)
    )
    np.testing.assert_array_equal(mean, expected)
    np.testing.assert_array_equal(std, again)
    assert (std > 0).all()
    np.testing.assert_array_equal(model.predict(screen.wide), expected)


def test_without_dropout_there_is_no_spread(response, screen):
    model = response(dropout=0.0).fit(screen.wide, screen.y)
    np.testing.assert_allclose(
        model.predict(screen.wide, return_spread=True)[1], 0.0, atol=1e-6
    )


def test_spread_of_unreadable_compounds_is_nan(response, screen):
    model = response(on_invalid_smiles="nan").fit(screen.wide, screen.y)
    X = screen.wide[:2].assign(smiles=["CCO", "C1CC"])
    for values in model.predict(X, return_spread=True):
        np.testing.assert_array_equal(np.isnan(values), [False, True])


def test_predicted_perturbation_has_one_column_per_output(response, pretrained, screen):
    model = response(
        pretrained=pretrained, expression=screen.expression, on_invalid_smiles="nan"
    ).fit(screen.light, screen.y)
    assert model.predict_perturbation(screen.light).shape == (40, 8)
    none = model.predict_perturbation(screen.light[:3].assign(smiles="C1CC"))
    assert none.shape == (3, 8)
    assert np.isnan(none).all()
