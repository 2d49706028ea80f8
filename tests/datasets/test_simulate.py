"""The simulated screen is valid, reproducible and agrees with its own truth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.chem import compound_identity, smiles_problem
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.datasets.simulate._library import LIBRARY_SIZE, enumerate_library
from sklearn_csg2a.exceptions import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = {
    "n_cells": 12,
    "n_compounds": 8,
    "n_genes": 48,
    "n_perturbation_compounds": 16,
    "profiles_per_compound": 5,
    "n_targets": 4,
}
FINGERPRINT = """
import hashlib
from sklearn_csg2a.datasets import make_screen
s = make_screen(n_cells=8, n_compounds=6, n_genes=36, random_state=3)
tables = (s.X, s.y, s.expression, s.interactome, s.perturbation.X, s.perturbation.Y)
text = "".join(t.to_csv() for t in tables)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def _tables(screen):
    return [
        screen.X,
        screen.y,
        screen.expression,
        screen.interactome,
        screen.perturbation.X,
        screen.perturbation.Y,
        screen.compounds,
        screen.cells,
        screen.truth.interactions,
        screen.truth.target,
    ]


def _assert_same(ours, theirs):
    for ours_table, theirs_table in zip(_tables(ours), _tables(theirs), strict=True):
        assert ours_table.equals(theirs_table)


@pytest.fixture(scope="module")
def screen():
    return make_screen(**SMALL, random_state=0)


@pytest.fixture(scope="module")
def noiseless():
    return make_screen(**SMALL, noise=0, response_noise=0, random_state=0)


def test_same_random_state_gives_the_same_screen(screen):
    _assert_same(screen, make_screen(**SMALL, random_state=0))


def test_random_state_instance_gives_the_same_screen_as_its_copy():
    first, second = (np.random.RandomState(5) for _ in range(2))
    _assert_same(
        make_screen(**SMALL, random_state=first),
        make_screen(**SMALL, random_state=second),
    )


def test_other_random_states_give_other_screens(screen):
    assert not screen.y.equals(make_screen(**SMALL, random_state=1).y)
    assert not make_screen(**SMALL).y.equals(make_screen(**SMALL).y)


@pytest.mark.slow
def test_screen_does_not_depend_on_the_hash_seed():
    digests = {
        subprocess.run(
            [sys.executable, "-c", FINGERPRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(digests) == 1


def test_every_compound_of_the_library_is_valid_and_unlike_all_others():
    library = enumerate_library(8, np.random.default_rng(0))
    assert len(library) == LIBRARY_SIZE == library["smiles"].nunique()
    # Every substituent at both positions of every scaffold, a sixth of the library.
    position = np.arange(len(library)) % 144
    sample = library["smiles"][(position // 12 - position % 12) % 12 <= 1]
    assert [smiles_problem(s) for s in sample] == [None] * len(sample)
    assert len({compound_identity(s) for s in sample}) == len(sample)


@pytest.mark.slow
def test_identities_of_the_whole_library_differ():
    library = enumerate_library(8, np.random.default_rng(0))
    assert len({compound_identity(s) for s in library["smiles"]}) == LIBRARY_SIZE


def test_rows_of_the_response_are_pairs_of_known_cells_and_compounds(screen):
    X, y = screen.X, screen.y
    assert list(X.columns) == ["cell_line", "smiles", "drug", "tissue"]
    assert X.index.equals(y.index)
    assert not X.duplicated(["cell_line", "drug"]).any()
    assert X["cell_line"].isin(screen.expression.index).all()
    tissue = screen.cells.set_index("cell_line")["tissue"]
    assert (X["tissue"] == X["cell_line"].map(tissue)).all()
    compounds = screen.compounds.set_index("drug")
    assert (X["smiles"] == X["drug"].map(compounds["smiles"])).all()
    assert compounds["in_response"][X["drug"]].all()
    assert np.isfinite(y).all()


def test_missing_is_the_fraction_of_pairs_without_a_response(screen):
    assert len(screen.y) == 12 * 8 - round(0.1 * 12 * 8)
    assert len(make_screen(**SMALL, missing=0, random_state=0).y) == 12 * 8


def test_perturbation_covers_more_compounds_and_shares_half_of_the_response(screen):
    perturbation = screen.perturbation
    assert perturbation.X.index.equals(perturbation.Y.index)
    assert perturbation.Y.columns.equals(screen.expression.columns)
    assert perturbation.X.groupby("drug").size().tolist() == [5] * 16
    assert not perturbation.X.duplicated(["drug", "cell_line", "dose", "time"]).any()
    shared = set(perturbation.X["drug"]) & set(screen.X["drug"])
    assert len(shared) == 4
    compounds = screen.compounds.set_index("drug")
    assert compounds["in_perturbation"][perturbation.X["drug"]].all()
    assert compounds.groupby("in_perturbation").size()[True] == 16


def test_one_scaffold_has_one_target_and_targets_take_turns(screen):
    target = screen.compounds["drug"].map(screen.truth.target)
    pairs = pd.DataFrame({"scaffold": screen.compounds["scaffold"], "target": target})
    assert not pairs.drop_duplicates().duplicated("scaffold").any()
    in_response = target[screen.compounds["in_response"]]
    assert in_response.value_counts().tolist() == [2, 2, 2, 2]


def test_perturbed_expression_is_the_effect_matrix_times_basal(noiseless):
    X, truth = noiseless.perturbation.X, noiseless.truth
    basal = noiseless.expression.loc[X["cell_line"]].to_numpy()
    which = pd.Index(truth.targets).get_indexer(X["drug"].map(truth.target))
    ec50 = np.exp(X["drug"].map(truth.ln_ec50).to_numpy())
    dose, time = X["dose"].to_numpy(), X["time"].to_numpy()
    strength = dose / (dose + ec50) * (1 - np.exp(-time / 18))
    np.testing.assert_allclose(truth.strength, strength)
    change = strength[:, None] * np.einsum("nji,ni->nj", truth.effects[which], basal)
    np.testing.assert_allclose(noiseless.perturbation.Y, basal + change, atol=1e-5)


def test_response_is_the_stated_sum(noiseless):
    X, truth = noiseless.X, noiseless.truth
    basal = noiseless.expression.loc[X["cell_line"]].to_numpy()
    target = X["drug"].map(truth.target)
    which = pd.Index(truth.targets).get_indexer(target)
    ln_ec50 = X["drug"].map(truth.ln_ec50).to_numpy()
    strength = 10 / (10 + np.exp(ln_ec50)) * (1 - np.exp(-72 / 18))
    change = strength[:, None] * np.einsum("nji,ni->nj", truth.effects[which], basal)
    expected = (
        truth.intercept
        + ln_ec50
        + target.map(truth.target_effect).to_numpy()
        + X["cell_line"].map(truth.cell_effect).to_numpy()
        + truth.sensitivity * change @ truth.viability.to_numpy()
    )
    np.testing.assert_allclose(noiseless.y, expected, atol=1e-5)
    np.testing.assert_array_equal(noiseless.y, truth.y)


def test_noise_alone_differs_between_screens_that_differ_in_noise(screen, noiseless):
    assert screen.truth.y.equals(noiseless.truth.y)
    assert screen.perturbation.X.equals(noiseless.perturbation.X)
    difference = (screen.perturbation.Y - noiseless.perturbation.Y).to_numpy()
    assert difference.std() == pytest.approx(0.2, rel=0.05)


def test_planted_interactions_are_the_entries_of_the_effect_matrices(screen):
    truth, genes = screen.truth, screen.expression.columns
    rebuilt = np.zeros_like(truth.effects)
    table = truth.interactions
    rebuilt[
        pd.Index(truth.targets).get_indexer(table["target"]),
        genes.get_indexer(table["gene_j"]),
        genes.get_indexer(table["gene_i"]),
    ] = table["weight"]
    own = np.arange(len(genes))
    off_diagonal = truth.effects.copy()
    off_diagonal[:, own, own] = 0
    np.testing.assert_array_equal(rebuilt, off_diagonal)
    first_step = table[table["step"] == 1]
    assert (first_step["gene_i"] == first_step["target"]).all()


def _pairs(table, first, second):
    return {frozenset(pair) for pair in zip(table[first], table[second], strict=True)}


def test_interactome_leaves_out_the_hidden_fraction_of_planted_edges(screen):
    edges = _pairs(screen.interactome, "source", "target")
    assert len(edges) == len(screen.interactome)
    table = screen.truth.interactions
    planted = _pairs(table, "gene_i", "gene_j")
    assert len(planted - edges) == round(0.2 * len(planted))
    seen = _pairs(table[table["in_interactome"]], "gene_i", "gene_j")
    assert seen == planted & edges


@pytest.mark.parametrize("hidden_fraction", [0, 1])
def test_interactome_can_hide_none_or_all_of_the_planted_edges(hidden_fraction):
    screen = make_screen(**SMALL, hidden_fraction=hidden_fraction, random_state=0)
    assert (screen.truth.interactions["in_interactome"] == (hidden_fraction == 0)).all()


def test_basal_expression_is_robust_z(screen):
    values = screen.expression.to_numpy()
    assert values.dtype == np.float32
    np.testing.assert_allclose(np.median(values, axis=0), 0, atol=1e-6)
    mad = np.median(np.abs(values), axis=0)
    np.testing.assert_allclose(1.4826 * mad, 1, atol=1e-5)


def test_knowing_the_perturbation_explains_what_mean_effects_cannot():
    screen = make_screen(random_state=0)
    X, truth = screen.X, screen.truth
    basal = screen.expression.loc[X["cell_line"]].to_numpy(dtype=float)
    which = pd.Index(truth.targets).get_indexer(X["drug"].map(truth.target))
    by_target = truth.viability.to_numpy() @ truth.effects  # (targets, genes)
    change = (by_target[which] * basal).sum(axis=1)
    change *= 10 / (10 + np.exp(X["drug"].map(truth.ln_ec50).to_numpy()))
    residual = screen.y - screen.y.groupby(X["drug"]).transform("mean")
    residual -= residual.groupby(X["cell_line"]).transform("mean")
    assert np.corrcoef(residual, change)[0, 1] > 0.8


@pytest.mark.parametrize(("n_genes", "n_targets"), [(24, 4), (48, 8), (120, 8)])
def test_targets_are_eight_or_as_many_as_the_genes_allow(n_genes, n_targets):
    screen = make_screen(n_cells=5, n_compounds=4, n_genes=n_genes, random_state=0)
    assert len(screen.truth.targets) == n_targets


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_compounds": 4000}, "has 3456 compounds"),
        ({"n_targets": 9}, "needs at least 60 genes"),
        ({"profiles_per_compound": 109}, "allow only 108"),
        ({"n_cells": 3}, "'n_cells' parameter"),
        ({"missing": 1.0}, "'missing' parameter"),
    ],
)
def test_impossible_sizes_are_refused_in_words(changed, message):
    with pytest.raises(ValueError, match=message) as raised:
        make_screen(**{**SMALL, **changed})
    if "parameter" not in message:
        assert isinstance(raised.value, InputError)
