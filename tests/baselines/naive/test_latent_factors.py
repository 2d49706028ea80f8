"""Latent factors fill in what is special to a pair, and only where they can."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sklearn_csg2a.baselines import LatentFactors, MeanEffects
from sklearn_csg2a.baselines.naive import latent_factors
from sklearn_csg2a.chem import compound_identity

N_CELLS, N_DRUGS = 40, 25
CELL, DRUG = np.divmod(np.arange(N_CELLS * N_DRUGS), N_DRUGS)
GRID = pd.DataFrame(
    {
        "cell_line": [f"c{i}" for i in CELL],
        "smiles": ["C" * (i + 1) for i in DRUG],
    }
)


@pytest.fixture
def planted():
    """Return a response of effects and three factors, and which pairs are measured."""
    rng = np.random.default_rng(0)
    of_cells, of_drugs = rng.normal(size=(N_CELLS, 3)), rng.normal(size=(N_DRUGS, 3))
    effects = rng.normal(size=N_CELLS)[CELL] + rng.normal(size=N_DRUGS)[DRUG]
    response = 5.0 + effects + (of_cells @ of_drugs.T)[CELL, DRUG]
    return response, rng.random(len(response)) < 0.8


def _error(model, response, measured):
    model.fit(GRID[measured], response[measured])
    predicted = model.predict(GRID[~measured])
    return np.sqrt(np.mean((predicted - response[~measured]) ** 2))


def _objective(model, rows, response):
    """Return what the factors minimise, on rows of the grid."""
    effects = MeanEffects(shrinkage=model.shrinkage).fit(rows, response)
    left = response - effects.predict(rows)
    products = model.predict(rows) - effects.predict(rows)
    sizes = np.sum(model.drug_factors_**2) + np.sum(model.cell_factors_**2)
    return np.sum((left - products) ** 2) + model.alpha * sizes


@pytest.mark.parametrize("n_factors", [4, 40])
def test_a_planted_matrix_of_low_rank_is_recovered(n_factors, planted):
    model = LatentFactors(n_factors=n_factors, alpha=0.5, random_state=0)
    assert _error(model, *planted) < 0.2 * _error(MeanEffects(), *planted)


def test_an_unseen_drug_or_cell_gets_exactly_what_the_effects_predict(planted):
    response, measured = planted
    new = pd.DataFrame({"cell_line": ["c0", "new", "new"], "smiles": ["N", "C", "N"]})
    effects = MeanEffects().fit(GRID[measured], response[measured])
    model = LatentFactors(random_state=0).fit(GRID[measured], response[measured])
    np.testing.assert_array_equal(model.predict(new), effects.predict(new))
    known = GRID[:3]
    assert not np.allclose(model.predict(known), effects.predict(known), atol=0.1)


def test_a_huge_penalty_reduces_the_model_to_effects(planted):
    response, measured = planted
    effects = MeanEffects(shrinkage=3.0).fit(GRID[measured], response[measured])
    model = LatentFactors(alpha=1e9, shrinkage=3.0, random_state=0)
    model.fit(GRID[measured], response[measured])
    np.testing.assert_allclose(model.predict(GRID), effects.predict(GRID), rtol=1e-12)


def test_the_factors_are_ridge_solutions_of_each_other(planted):
    response, measured = planted
    rows, response = GRID[measured], response[measured]
    model = LatentFactors(
        n_factors=4, alpha=2.0, max_iter=500, tol=1e-8, random_state=0
    )
    least = _objective(model.fit(rows, response), rows, response)
    rng = np.random.default_rng(1)
    for name in ("drug_factors_", "cell_factors_"):
        found = getattr(model, name)
        for _ in range(5):
            setattr(model, name, found + 1e-3 * rng.normal(size=found.shape))
            assert _objective(model, rows, response) > least
        setattr(model, name, found)


def test_replicates_count_as_rows(planted):
    response, measured = planted
    rng = np.random.default_rng(2)
    rows = np.flatnonzero(measured)
    often = np.repeat(rows, rng.integers(1, 4, len(rows)))
    noisy = response[often] + rng.normal(size=len(often))
    model = LatentFactors(n_factors=4, alpha=3.0, random_state=0)
    once = model.fit(GRID.iloc[often], noisy).predict(GRID)
    # Each row twice is each row once under half the penalties.
    twice = np.repeat(np.arange(len(often)), 2)
    model.set_params(alpha=6.0, shrinkage=2.0)
    model.fit(GRID.iloc[often[twice]], noisy[twice])
    np.testing.assert_allclose(model.predict(GRID), once, rtol=1e-7)


def test_levels_of_any_size_are_solved_alike(planted, monkeypatch):
    """More or fewer rows than factors, and blocks of one level or of many."""
    response, _ = planted
    rng = np.random.default_rng(4)
    rows = np.flatnonzero(rng.random(len(response)) < (CELL + 1) / N_CELLS)
    model = LatentFactors(n_factors=6, alpha=3.0, max_iter=1, random_state=0)
    together = model.fit(GRID.iloc[rows], response[rows]).predict(GRID)
    effects = MeanEffects().fit(GRID.iloc[rows], response[rows])
    left = response[rows] - effects.predict(GRID.iloc[rows])
    cells = list(model.cells_)
    for drug in range(N_DRUGS):
        at = rows[DRUG[rows] == drug]
        codes = [cells.index(cell) for cell in GRID["cell_line"][at]]
        ridge = Ridge(alpha=3.0, fit_intercept=False)
        ridge.fit(model.cell_factors_[0][codes], left[DRUG[rows] == drug])
        np.testing.assert_allclose(
            model.drug_factors_[
                0, list(model.drugs_).index(compound_identity("C" * (drug + 1)))
            ],
            ridge.coef_,
        )
    monkeypatch.setattr(latent_factors, "_BLOCK_SIZE", 1)
    alone = model.fit(GRID.iloc[rows], response[rows]).predict(GRID)
    np.testing.assert_allclose(alone, together, rtol=1e-9)


def test_the_order_of_rows_does_not_matter(planted):
    response, measured = planted
    rows = np.flatnonzero(measured)
    model = LatentFactors(n_factors=5, alpha=3.0, random_state=0)
    expected = model.fit(GRID.iloc[rows], response[rows]).predict(GRID)
    order = np.random.default_rng(3).permutation(rows)
    model.fit(GRID.iloc[order], response[order])
    np.testing.assert_allclose(model.predict(GRID), expected, rtol=1e-7)


def test_the_seed_decides_the_start_and_little_of_the_result(planted):
    response, measured = planted
    model = LatentFactors(n_factors=5, alpha=3.0, max_iter=300, tol=1e-6)
    predicted = [
        model.set_params(random_state=seed)
        .fit(GRID[measured], response[measured])
        .predict(GRID)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(predicted[0], predicted[1])
    assert not np.array_equal(predicted[0], predicted[2])
    np.testing.assert_allclose(predicted[0], predicted[2], atol=0.01)


def test_it_stops_when_the_fit_no_longer_changes(planted):
    response, measured = planted
    steps = [
        LatentFactors(max_iter=50, tol=tol, random_state=0)
        .fit(GRID[measured], response[measured])
        .n_iter_
        for tol in (0, 1e-3, 1.0)
    ]
    assert steps[0] == 50
    assert 1 < steps[1] < 50
    assert steps[2] == 1


def test_a_response_without_interactions_gives_zero_factors():
    model = LatentFactors(random_state=0).fit(GRID, np.ones(len(GRID)))
    assert model.n_iter_ < 30
    np.testing.assert_allclose(model.predict(GRID), 1.0)


def test_factors_have_one_table_for_each_output(planted):
    response, measured = planted
    both = np.column_stack([response, -response])[measured]
    model = LatentFactors(n_factors=2, random_state=0).fit(GRID[measured], both)
    assert model.drug_factors_.shape == (2, N_DRUGS, 2)
    assert model.cell_factors_.shape == (2, N_CELLS, 2)
    assert model.predict(GRID).shape == (len(GRID), 2)
