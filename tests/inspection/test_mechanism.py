"""Whether compounds of one mechanism are more alike, and more than by structure."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import (
    compare_mechanisms,
    influence,
    mechanism_similarity,
)


@pytest.fixture(scope="module")
def screen():
    return make_screen(
        n_cells=8, n_genes=24, n_targets=2, n_perturbation_compounds=8, random_state=0
    )


@pytest.fixture(scope="module")
def X(screen):
    return screen.perturbation.X.groupby("drug").head(12)


@pytest.fixture(scope="module")
def model(screen):
    settings = {"hidden_dim": 4, "max_epochs": 2, "random_state": 0}
    model = PerturbationRegressor(
        expression=screen.expression, interactome=screen.interactome, **settings
    )
    return model.fit(screen.perturbation.X, screen.perturbation.Y)


def pairs_of(similarity, label):
    """Pairs of compounds numbered as in a matrix, with the mechanism of each."""
    i, j = np.triu_indices(len(label), k=1)
    return pd.DataFrame(
        {
            "compound_i": i,
            "compound_j": j,
            "same_mechanism": np.asarray(label)[i] == np.asarray(label)[j],
            "similarity": similarity[i, j],
        }
    )


def symmetric(rng, n):
    noise = rng.normal(size=(n, n))
    return noise + noise.T


@pytest.mark.parametrize("method", ["attention", "jacobian"])
def test_similarity_is_the_correlation_of_maps_without_their_diagonal(
    model, X, screen, method
):
    pairs = mechanism_similarity(
        model, X, screen.truth.target, by="drug", method=method
    )
    found = influence(model, X, by="drug", method=method, contrast=None)
    off = ~np.eye(24, dtype=bool)
    for _, pair in pairs.iloc[::5].iterrows():
        one, other = (
            found.map(pair[name]).to_numpy()[off]
            for name in ("compound_i", "compound_j")
        )
        expected = np.corrcoef(one, other)[0, 1]
        assert pair["similarity"] == pytest.approx(expected, abs=1e-4)


def test_the_readout_is_the_best_that_model_and_rows_allow(model, X, screen):
    """Covariation needs ten cells, and a model without pretraining has no Jacobian."""
    target = screen.truth.target
    few = mechanism_similarity(model, X, target, by="drug")
    jacobian = mechanism_similarity(model, X, target, by="drug", method="jacobian")
    pd.testing.assert_frame_equal(few, jacobian)
    wide = make_screen(n_cells=12, n_genes=24, n_targets=2, random_state=0)
    cells = pd.DataFrame({"cell_line": wide.expression.index})
    rows = X.drop_duplicates("drug")[["drug", "smiles", "dose", "time"]]
    many = rows.merge(cells, how="cross")
    other = PerturbationRegressor(
        expression=wide.expression, hidden_dim=4, max_epochs=1, random_state=0
    ).fit(wide.perturbation.X, wide.perturbation.Y)
    pd.testing.assert_frame_equal(
        mechanism_similarity(other, many, target, by="drug"),
        mechanism_similarity(other, many, target, by="drug", method="covariation"),
    )
    response = DrugResponseRegressor(
        expression=screen.expression, hidden_dim=4, max_epochs=1, random_state=0
    ).fit(screen.X, screen.y)
    assert len(mechanism_similarity(response, X, target, by="drug")) == len(few)


def test_every_pair_stands_once_with_structure_and_mechanism(model, X, screen):
    target = screen.truth.target
    pairs = mechanism_similarity(model, X, target, by="drug")
    names = list(X["drug"].unique())
    assert list(zip(pairs["compound_i"], pairs["compound_j"], strict=True)) == list(
        itertools.combinations(names, 2)
    )
    smiles = X.drop_duplicates("drug")["smiles"].tolist()
    i, j = np.triu_indices(len(names), k=1)
    np.testing.assert_array_equal(pairs["tanimoto"], tanimoto_matrix(smiles)[i, j])
    expected = [
        target[one] == target[other] for one, other in itertools.combinations(names, 2)
    ]
    assert pairs["same_mechanism"].tolist() == expected
    assert "response" not in pairs


def test_mechanisms_may_be_a_column_lists_or_separated_by_bars(model, X, screen):
    names = list(X["drug"].unique())
    barred = dict(zip(names, ["a", "a|b", "b", "c", None, "c", "", "a"], strict=True))
    listed = {
        name: str(text).split("|") if text else [] for name, text in barred.items()
    }
    first, second, third = (
        mechanism_similarity(model, given, mechanisms, by="drug")
        for given, mechanisms in (
            (X, barred),
            (X, listed),
            (X.assign(moa=X["drug"].map(barred)), "moa"),
        )
    )
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first, third)
    assert {names[4], names[6]}.isdisjoint(set(first["compound_i"]))
    same = first.set_index(["compound_i", "compound_j"])["same_mechanism"]
    assert same[names[0], names[1]]
    assert same[names[1], names[2]]
    assert not same[names[0], names[2]]


def test_responses_are_compared_without_the_level_of_cells_and_compounds(
    model, X, screen
):
    rng = np.random.default_rng(0)
    cells, drugs = list(screen.expression.index), list(X["drug"].unique())
    own = pd.DataFrame(rng.normal(size=(len(cells), len(drugs))), cells, drugs)
    own[drugs[1]] = own[drugs[0]]
    own = own.sub(own.mean(axis=1), axis=0)
    own = own.sub(own.mean(axis=0), axis=1)
    smiles = X.drop_duplicates("drug").set_index("drug")["smiles"]
    grid = pd.MultiIndex.from_product([cells, drugs], names=["cell_line", "drug"])
    rows = grid.to_frame(index=False).assign(dose=10.0, time=24.0)
    rows["smiles"] = rows["drug"].map(smiles)
    level = 5.0 * rows["cell_line"].map(dict(zip(cells, range(8), strict=True)))
    y = own.to_numpy().ravel() + level.to_numpy()
    pairs = mechanism_similarity(model, rows, screen.truth.target, by="drug", y=y)
    found = pairs.set_index(["compound_i", "compound_j"])["response"]
    assert found[drugs[0], drugs[1]] == pytest.approx(1.0)
    expected = own[drugs[2]].corr(own[drugs[5]])
    assert found[drugs[2], drugs[5]] == pytest.approx(expected, abs=1e-6)


def test_a_planted_mechanism_is_found():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(8), 3)
    similarity = symmetric(rng, 24) + 2.0 * (label[:, None] == label)
    row = compare_mechanisms(pairs_of(similarity, label)).loc["similarity"]
    assert row["n_compounds"] == 24
    assert row["n_within"] == 8 * 3
    assert row["n_between"] == 24 * 23 / 2 - 24
    assert row["within"] - row["between"] == pytest.approx(2.0, abs=0.7)
    assert row["auroc"] > 0.8
    assert row["p"] == 0.001


def test_compounds_are_permuted_and_not_pairs():
    """One compound like all others makes many similar pairs, and is one compound."""
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(60):
        label = np.repeat(np.arange(5), 4)
        general = rng.normal(scale=3.0, size=20)
        similarity = symmetric(rng, 20) + general[:, None] + general
        row = compare_mechanisms(pairs_of(similarity, label), n_permutations=99)
        p_values.append(row["p"].iloc[0])
    assert np.mean(np.array(p_values) <= 0.05) <= 0.12  # 99 % of 60 draws of 5 %


def test_what_structure_explains_is_told_apart():
    rng = np.random.default_rng(2)
    label = np.repeat(np.arange(10), 3)
    tanimoto = 0.1 * symmetric(rng, 30) + (label[:, None] == label)
    copied = pairs_of(tanimoto + 0.3 * symmetric(rng, 30), label)
    own = pairs_of(symmetric(rng, 30) + 2.0 * (label[:, None] == label), label)
    i, j = np.triu_indices(30, k=1)
    by_structure = compare_mechanisms(copied.assign(tanimoto=tanimoto[i, j]))
    noise = symmetric(rng, 30)[i, j]
    by_itself = compare_mechanisms(own.assign(tanimoto=noise))
    assert by_structure.loc["similarity", "p"] == 0.001
    assert by_itself.loc["similarity", "p"] == 0.001
    assert by_itself.loc["similarity", "p_beyond"] == 0.001
    above = by_structure.loc["similarity", "auroc"]
    assert by_structure.loc["similarity", "beyond_tanimoto"] < above
    assert by_structure.loc["tanimoto", "beyond_tanimoto":].isna().all()


def beside_structure(similarity, tanimoto, label):
    i, j = np.triu_indices(len(label), k=1)
    pairs = pairs_of(similarity, label).assign(tanimoto=tanimoto[i, j])
    return compare_mechanisms(pairs, n_permutations=199)


def test_a_similarity_is_above_structure_only_if_it_differs_from_it():
    rng = np.random.default_rng(4)
    label = np.repeat(np.arange(30), 3)
    same = label[:, None] == label
    weak, alike, strong = (symmetric(rng, 90) + size * same for size in (1.5, 1.5, 4.0))
    equal = beside_structure(alike, weak, label)
    row = equal.loc["similarity"]
    assert row["p"] == 0.005  # both are above chance
    assert row["above_tanimoto"] == pytest.approx(
        row["auroc"] - equal.loc["tanimoto", "auroc"]
    )
    assert row["above_low"] < 0 < row["above_high"]
    assert row["p_above"] > 0.05
    better = beside_structure(strong, weak, label).loc["similarity"]
    assert better["above_low"] > 0
    assert better["p_above"] == 0.01
    worse = beside_structure(weak, strong, label).loc["similarity"]
    assert worse["above_high"] < 0  # two-sided
    assert worse["p_above"] == 0.01


def test_one_mechanism_of_many_compounds_is_one_draw():
    """All pairs within are of two mechanisms: no evidence about other mechanisms."""
    rng = np.random.default_rng(5)
    label = np.concatenate([np.repeat([0, 1], 10), np.arange(2, 22)])
    own = np.array([4.0, -1.0] + [0.0] * 20)[label]
    same = label[:, None] == label
    table = beside_structure(
        symmetric(rng, 40) + own * same, symmetric(rng, 40) + same, label
    )
    assert table.loc["similarity", "p_above"] > 0.05


def test_what_a_similarity_adds_to_structure():
    rng = np.random.default_rng(6)
    label = np.repeat(np.arange(15), 3)
    same = label[:, None] == label
    tanimoto = symmetric(rng, 45) + 1.5 * same
    independent = beside_structure(symmetric(rng, 45) + 1.5 * same, tanimoto, label)
    row = independent.loc["similarity"]
    assert row["with_tanimoto"] > independent["auroc"].max()
    assert row["p_with"] == 0.005
    copied = beside_structure(tanimoto + 2.0 * symmetric(rng, 45), tanimoto, label)
    row = copied.loc["similarity"]
    assert row["p"] <= 0.05
    assert row["with_tanimoto"] < copied.loc["tanimoto", "auroc"]
    assert row["p_with"] > 0.05


def test_responses_are_compared_with_the_structures_of_the_same_pairs():
    rng = np.random.default_rng(7)
    label = np.repeat(np.arange(6), 3)
    i, j = np.triu_indices(18, k=1)
    tanimoto = (symmetric(rng, 18) + (label[:, None] == label))[i, j]
    pairs = pairs_of(symmetric(rng, 18), label).assign(tanimoto=tanimoto)
    known = rng.random(len(pairs)) < 0.7
    response = np.where(known, tanimoto, np.nan)
    row = compare_mechanisms(pairs.assign(response=response)).loc["response"]
    assert row["above_tanimoto"] == 0.0
    assert row["p_above"] == 1.0


def test_pairs_without_a_value_do_not_count():
    rng = np.random.default_rng(3)
    label = np.repeat(np.arange(4), 3)
    pairs = pairs_of(symmetric(rng, 12), label)
    response = np.where(rng.random(len(pairs)) < 0.3, np.nan, pairs["similarity"])
    table = compare_mechanisms(pairs.assign(response=response))
    known = pairs[~np.isnan(response)]
    within = known.loc[known["same_mechanism"], "similarity"]
    assert table.loc["response", "within"] == pytest.approx(within.mean())
    assert table.loc["response", "n_within"] == len(within)


@pytest.mark.slow
def test_compounds_of_one_target_influence_the_same_genes():
    screen = make_screen(n_genes=60, n_targets=4, random_state=0)
    X = screen.perturbation.X
    model = PerturbationRegressor(
        expression=screen.expression, batch_size=128, max_epochs=20, random_state=0
    ).fit(X, screen.perturbation.Y)
    names = X["drug"].unique()[:24]
    rows = X[X["drug"].isin(names)]
    pairs = mechanism_similarity(model, rows, screen.truth.target, by="drug")
    row = compare_mechanisms(pairs).loc["similarity"]
    assert row["within"] > row["between"]
    assert row["p"] < 0.05


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"by": "name"}, "by='name' is not a column of X"),
        ({"mechanisms": "moa"}, "mechanisms='moa' is not a column of X"),
        ({"mechanisms": 3}, "mechanisms is a int; expected a column"),
        ({"mechanisms": {"aspirin": "COX"}}, "None of the 8 compounds.*Pass by="),
        ({"method": "weights"}, "method='weights'"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(model, X, screen, changed, message):
    given = {"mechanisms": screen.truth.target, "by": "drug"}
    with pytest.raises(InputError, match=message):
        mechanism_similarity(model, X, **given | changed)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda X: X.iloc[:0], "X has no rows"),
        (lambda X: X["dose"].to_numpy(), "X is a ndarray; expected a table"),
        (lambda X: None, "X is a NoneType; expected a table"),
    ],
)
def test_rows_that_name_no_compounds_are_refused(model, X, screen, rows, message):
    with pytest.raises(InputError, match=message):
        mechanism_similarity(model, rows(X), screen.truth.target, by="drug")


def test_mechanisms_of_one_compound_each_are_refused(model, X):
    each = {name: name for name in X["drug"].unique()}
    with pytest.raises(InputError, match="No two of the 8 compounds"):
        mechanism_similarity(model, X, each, by="drug")


def test_a_table_of_some_pairs_is_refused():
    pairs = pairs_of(symmetric(np.random.default_rng(0), 6), [0, 0, 1, 1, 2, 2])
    with pytest.raises(InputError, match="14 rows for 6 compounds"):
        compare_mechanisms(pairs.iloc[1:])
    with pytest.raises(InputError, match="no column 'similarity'"):
        compare_mechanisms(pairs.drop(columns="similarity"))
    with pytest.raises(InputError, match="0 of 15 pairs share a mechanism"):
        compare_mechanisms(pairs.assign(same_mechanism=False))
