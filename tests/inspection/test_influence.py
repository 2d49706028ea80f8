"""Influence of genes and pairs, by four readouts of both models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.baselines import DrugMean
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import AttentionContrast, influence, top_interactions

METHODS = (
    "covariation",
    "jacobian",
    "integrated_gradients",
    "attention",
    "learned_attention",
)
STEP = 1e-2


@pytest.fixture(scope="module")
def screen():
    return make_screen(
        n_cells=8,
        n_genes=24,
        n_compounds=4,
        n_perturbation_compounds=4,
        profiles_per_compound=12,
        random_state=0,
    )


def fit_perturbation(screen, **changed):
    settings = {"max_epochs": 2, "batch_size": 8, "hidden_dim": 4, "random_state": 0}
    tables = {"expression": screen.expression, "interactome": screen.interactome}
    model = PerturbationRegressor(**{**settings, **tables, **changed})
    return model.fit(screen.perturbation.X, screen.perturbation.Y)


@pytest.fixture(scope="module")
def perturbation(screen):
    return fit_perturbation(screen)


@pytest.fixture(scope="module")
def response(screen, perturbation):
    return DrugResponseRegressor(
        expression=screen.expression,
        pretrained=FrozenEstimator(perturbation),
        max_epochs=2,
        head_hidden=(8, 4),
        random_state=0,
    ).fit(screen.X, screen.y)


def shift_gene(screen, X, gene, by):
    """Wide rows with one gene changed."""
    genes = screen.expression.loc[X["cell_line"]].reset_index(drop=True)
    genes[gene] += by
    return pd.concat(
        [X.drop(columns="cell_line").reset_index(drop=True), genes], axis=1
    )


@pytest.mark.parametrize("n_members", [1, 2])
def test_the_jacobian_is_the_slope_of_predicted_expression(screen, n_members):
    model = fit_perturbation(screen, n_members=n_members)
    X = screen.perturbation.X[:5]
    jacobian = influence(model, X, method="jacobian").map()
    for gene in ("GENE003", "GENE020"):
        up, down = (
            model.predict(shift_gene(screen, X, gene, step)) for step in (STEP, -STEP)
        )
        slope = ((up - down) / (2 * STEP)).mean(axis=0)
        np.testing.assert_allclose(jacobian[gene], slope, atol=0.02)


def test_the_jacobian_of_a_response_model_is_that_of_its_perturbed_expression(
    screen, response
):
    X = screen.X[:5]
    jacobian = influence(response, X, method="jacobian").map()
    up, down = (
        response.predict_perturbation(shift_gene(screen, X, "GENE003", step))
        for step in (STEP, -STEP)
    )
    slope = ((up - down) / (2 * STEP)).mean(axis=0)
    np.testing.assert_allclose(jacobian["GENE003"], slope, atol=0.02)


def test_attention_is_the_map_of_the_model(screen, perturbation):
    X = screen.perturbation.X
    maps = perturbation.attention_maps(X, by="drug")
    found = influence(perturbation, X, method="attention", by="drug")
    learned = influence(perturbation, X, method="learned_attention", by="drug")
    adjacency = next(iter(maps.values())) - learned.map(next(iter(maps)))
    for drug, table in maps.items():
        pd.testing.assert_frame_equal(found.map(drug), table)
        np.testing.assert_allclose(table - learned.map(drug), adjacency, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["perturbation", "response"])
def test_genes_are_a_row_each_of_every_group(screen, request, method, kind):
    model = request.getfixturevalue(kind)
    X = screen.perturbation.X if kind == "perturbation" else screen.X
    found = influence(model, X, method=method, by="drug")
    drugs = X["drug"].unique()
    assert found.genes.columns.tolist() == ["drug", "gene", "influence", "rank"]
    assert found.genes["drug"].tolist() == np.repeat(drugs, 24).tolist()
    assert found.genes["gene"].tolist() == 4 * screen.expression.columns.tolist()
    wide = found.wide()
    assert wide.index.tolist() == list(drugs)
    assert wide.index.name == "drug"
    assert np.isfinite(wide.to_numpy()).all()
    first = found.genes[found.genes["drug"] == drugs[0]]
    strongest = first.loc[first["influence"].abs().idxmax()]
    assert strongest["rank"] == 1


def test_one_label_per_row_makes_groups_with_these_labels(screen, perturbation):
    X = screen.perturbation.X[:3].set_axis(["a", "b", "c"])
    found = influence(perturbation, X, by=X.index, contrast=None)
    assert found.wide().index.tolist() == ["a", "b", "c"]
    alone = influence(perturbation, X[1:2])
    np.testing.assert_allclose(
        found.wide().loc["b"], alone.wide().loc["all"], rtol=1e-4
    )


@pytest.mark.parametrize("method", METHODS)
def test_pairs_are_the_largest_entries_of_the_map(screen, perturbation, method):
    X = screen.perturbation.X
    found = influence(perturbation, X, method=method)
    pairs = found.top_pairs(k=10**6)
    assert len(pairs) == 24 * 23 / 2
    assert pairs["score"].abs().is_monotonic_decreasing
    assert pairs[["gene_i", "gene_j"]].apply(frozenset, axis=1).is_unique
    table = found.map()
    for row in pairs.itertuples():
        acting = table.loc[row.gene_j, row.gene_i]
        assert row.score == pytest.approx(acting, rel=1e-4, abs=1e-6)
        assert abs(acting) >= abs(table.loc[row.gene_i, row.gene_j]) - 1e-5
    edges = set(screen.interactome.apply(frozenset, axis=1))
    known = pairs[pairs["in_interactome"]][["gene_i", "gene_j"]].apply(
        frozenset, axis=1
    )
    assert set(known) == edges
    few = found.top_pairs(k=7)
    pd.testing.assert_frame_equal(few, pairs[:7])
    pd.testing.assert_frame_equal(
        top_interactions(perturbation, X, 7, method=method, by=None), few
    )
    pd.testing.assert_frame_equal(
        perturbation.top_interactions(X, 7, by=None, method=method), few
    )


def test_a_contrast_is_what_sets_a_group_apart(screen, perturbation):
    X = screen.perturbation.X
    found = AttentionContrast(perturbation, X, by="drug")
    each = perturbation.attention_maps(X, aggregate=None)
    drugs = X["drug"].unique()
    is_first = (X["drug"] == drugs[1]).to_numpy()
    mean = np.mean([each[X["drug"] == drug].mean(axis=0) for drug in drugs], axis=0)
    own = each[is_first].mean(axis=0)
    of_cells = [
        each[is_first & (X["cell_line"] == cell)].mean(axis=0)
        for cell in X["cell_line"][is_first].unique()
    ]
    spread = np.std(of_cells, axis=0, ddof=1)
    np.testing.assert_allclose(
        found.map(drugs[1]), (own - mean) / spread, rtol=1e-2, atol=1e-3
    )


@pytest.mark.parametrize("method", ["jacobian", "integrated_gradients"])
def test_a_difference_is_from_the_mean_of_the_groups(screen, perturbation, method):
    X = screen.perturbation.X
    maps = influence(perturbation, X, method=method, by="drug", contrast=None)
    each = np.stack([maps.map(drug) for drug in maps.groups])
    found = influence(perturbation, X, method=method, by="drug", contrast="difference")
    for drug, own in zip(maps.groups, each, strict=True):
        np.testing.assert_allclose(found.map(drug), own - each.mean(0), atol=1e-5)
    values = each - each.mean(axis=0)
    own = np.arange(24)
    values[:, own, own] = 0
    norms = np.linalg.norm(values, axis=1)  # of what each gene does to the others
    np.testing.assert_allclose(found.wide(), norms, atol=1e-5)


def many_cells(screen, n_drugs=3):
    """Three compounds in twelve cells, the last four new."""
    expression = pd.concat([screen.expression, screen.expression[:4] * 0.9 + 0.1])
    expression.index = [f"cell_{i}" for i in range(12)]
    drugs = screen.perturbation.X[["smiles", "drug"]].drop_duplicates()[:n_drugs]
    X = drugs.merge(pd.DataFrame({"cell": expression.index}), how="cross")
    genes = expression.loc[X["cell"]].reset_index(drop=True)
    return pd.concat([X.assign(dose=10.0, time=72.0), genes], axis=1)


@pytest.mark.parametrize("n_members", [1, 2])
def test_covariation_is_that_of_predicted_change_with_expression(screen, n_members):
    model = fit_perturbation(screen, n_members=n_members)
    X = many_cells(screen)
    basal = X[screen.expression.columns].to_numpy()
    change = model.predict(X) - basal
    found = influence(model, X, method="covariation", by="drug", contrast=None)
    for drug in found.groups:
        rows = (X["drug"] == drug).to_numpy()
        g = basal[rows] - basal[rows].mean(axis=0)
        expected = change[rows].T @ g / rows.sum() / g.std(axis=0)
        np.testing.assert_allclose(found.map(drug), expected, atol=1e-4)


def test_covariation_of_a_response_model_is_that_of_its_perturbed_expression(
    screen, response
):
    X = many_cells(screen, n_drugs=1)
    basal = X[screen.expression.columns].to_numpy()
    scaling = response.net_.module_.scaling
    taken = (basal - scaling.mean.item()) * scaling.inverse_std.item()
    change = response.predict_perturbation(X) - taken
    found = influence(response, X, method="covariation").map()
    g = basal - basal.mean(axis=0)
    expected = change.T @ g / len(X) / g.std(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_by_default_groups_of_many_cells_are_read_by_covariation(screen, perturbation):
    X = many_cells(screen)
    pd.testing.assert_frame_equal(
        top_interactions(perturbation, X, 5, by="drug"),
        top_interactions(
            perturbation, X, 5, by="drug", method="covariation", contrast=None
        ),
    )
    pd.testing.assert_frame_equal(
        perturbation.top_interactions(X, 5, by="drug"),
        top_interactions(perturbation, X, 5, by="drug"),
    )


def test_by_default_few_cells_are_read_by_the_jacobian_and_compared(
    screen, perturbation
):
    X = screen.perturbation.X[:4]
    pd.testing.assert_frame_equal(
        top_interactions(perturbation, X, 5, by=None),
        top_interactions(perturbation, X, 5, by=None, method="jacobian"),
    )
    X = screen.perturbation.X
    pd.testing.assert_frame_equal(
        top_interactions(perturbation, X, 5, by="drug", method="jacobian"),
        top_interactions(
            perturbation, X, 5, by="drug", method="jacobian", contrast="difference"
        ),
    )
    with pytest.raises(InputError, match="a group of X has 1; expected at least 3"):
        influence(perturbation, X[:1], method="covariation")


@pytest.mark.parametrize("null", ["untrained", "rewired", "permuted"])
def test_a_null_stands_in_the_same_tables(screen, perturbation, null):
    X = screen.perturbation.X
    found = influence(
        perturbation, X, method="attention", by="drug", null=null, n_null=4
    )
    for table in (found.genes, found.top_pairs(5)):
        assert table.columns[-2:].tolist() == ["null_rank", "p_null"]
        assert set(table["p_null"].round(3)) <= {0.2, 0.4, 0.6, 0.8, 1.0}
        assert (table["null_rank"] >= 1).all()
    again = influence(
        perturbation, X, method="attention", by="drug", null=null, n_null=4
    )
    pd.testing.assert_frame_equal(again.genes, found.genes)


def test_edges_of_the_interactome_are_as_strong_in_untrained_networks(
    screen, perturbation
):
    """What attention owes to the interactome is not sold as learned."""
    pairs = top_interactions(
        perturbation,
        screen.perturbation.X,
        5,
        method="attention",
        by=None,
        null="untrained",
        n_null=9,
    )
    assert pairs["in_interactome"].all()
    assert (pairs["null_rank"] < len(screen.interactome) + 5).all()
    assert pairs["p_null"].mean() > 0.1


def test_what_cannot_be_read_is_refused(screen, perturbation, response):
    X = screen.perturbation.X
    with pytest.raises(InputError, match="model is a DrugMean"):
        influence(DrugMean().fit(screen.X, screen.y), screen.X)
    with pytest.raises(InputError, match="method='lime'; expected one of 'cov"):
        influence(perturbation, X, method="lime")
    with pytest.raises(InputError, match="null='random'; expected one of 'untrained'"):
        influence(perturbation, X, null="random")
    with pytest.raises(InputError, match="contrast='ratio'; expected one of 'auto'"):
        influence(perturbation, X, by="drug", contrast="ratio")
    with pytest.raises(InputError, match="X has one group"):
        influence(perturbation, X, contrast="difference")
    with pytest.raises(InputError, match="n_null=0"):
        influence(perturbation, X, null="permuted", n_null=0)
    with pytest.raises(InputError, match="X has 1; expected at least 2"):
        influence(perturbation, X[X["drug"] == X["drug"][0]], null="permuted")
    alone = fit_perturbation(screen, interactome=None)
    with pytest.raises(InputError, match="without one"):
        influence(alone, X, null="rewired")
    off = fit_perturbation(screen, attention="off")
    with pytest.raises(InputError, match="attention='off'"):
        influence(off, X, method="attention")
    assert influence(off, X, method="jacobian").map().shape == (24, 24)
    scratch = response.__class__(expression=screen.expression, max_epochs=1)
    scratch.fit(screen.X, screen.y)
    with pytest.raises(InputError, match="integrated_gradients"):
        influence(scratch, screen.X, method="jacobian")
    assert influence(scratch, screen.X, method="integrated_gradients").genes is not None


def test_compounds_are_found_in_a_renamed_column(screen):
    X = screen.perturbation.X.rename(columns={"smiles": "SMILES"})
    model = PerturbationRegressor(
        expression=screen.expression, columns={"smiles": "SMILES"}, max_epochs=1
    )
    model.fit(X, screen.perturbation.Y)
    assert top_interactions(model, X, 2).columns[0] == "SMILES"
    plain = PerturbationRegressor(max_epochs=1)
    basal = screen.expression.to_numpy()
    plain.fit(basal, basal)
    assert top_interactions(plain, basal, 2).columns[0] == "gene_i"
    with pytest.raises(InputError, match="by='drug' is not a column"):
        top_interactions(plain, basal, 2, by="drug")


def test_groups_that_do_not_exist_are_named(screen, perturbation):
    X = screen.perturbation.X
    with pytest.raises(InputError, match="by='moa' is not a column"):
        influence(perturbation, X, by="moa")
    with pytest.raises(InputError, match=r"shape \(3,\); expected one label"):
        influence(perturbation, X, by=["a", "b", "c"])
    found = influence(perturbation, X, by="drug")
    with pytest.raises(InputError, match="group='aspirin' is not one of the 4 groups"):
        found.map("aspirin")
    with pytest.raises(InputError, match="column='p' is not a column of genes"):
        found.wide("p")
    with pytest.raises(InputError, match="a group of X has 1; expected at least 2"):
        influence(  # noqa: B018
            perturbation,
            X.drop_duplicates("drug"),
            by="drug",
            contrast="standardised",
        ).genes


def test_pairs_need_one_output_per_gene(screen):
    model = PerturbationRegressor(expression=screen.expression, max_epochs=1)
    model.fit(screen.perturbation.X, screen.perturbation.Y.iloc[:, :5])
    found = influence(model, screen.perturbation.X, method="jacobian")
    assert len(found.genes) == 24
    assert found.map().shape == (5, 24)
    with pytest.raises(InputError, match="5 outputs for 24 genes"):
        found.top_pairs()
