"""Covariance of compounds learned from responses, and the posterior given it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_csg2a.baselines import MeanEffects, ResponseGaussianProcess
from sklearn_csg2a.baselines.kernels import response_gp
from sklearn_csg2a.baselines.kernels._response_covariance import learn_covariance
from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import MixedKFold

SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CO", "CCCCO", "c1ccccc1O"])
N_CELLS, N_GENES = 12, 20
DRUG, CELL = np.divmod(np.arange(len(SMILES) * N_CELLS), N_CELLS)
CELLS = np.array([f"c{i}" for i in range(N_CELLS)])


def _pairs(at):
    return pd.DataFrame({"cell_line": CELLS[CELL[at]], "smiles": SMILES[DRUG[at]]})


def _choose(grid):
    """Return positions on the grid of all pairs: all drugs, in their order."""
    rng = np.random.default_rng(5)
    if grid == "complete":
        return np.arange(len(DRUG))
    return np.sort(rng.choice(len(DRUG), 60, replace=grid == "replicates"))


@pytest.fixture
def expression():
    values = np.random.default_rng(0).normal(2, 3, size=(N_CELLS, N_GENES))
    return pd.DataFrame(
        values.astype(np.float32), CELLS, [f"g{i}" for i in range(N_GENES)]
    )


@pytest.fixture
def response():
    """Two groups of drugs, each with its own profile over cells, and noise."""
    rng = np.random.default_rng(1)
    profile = rng.normal(size=(2, N_CELLS))
    return lambda at: (
        DRUG[at]
        - 3.0
        + profile[DRUG[at] % 2, CELL[at]]
        + 0.2 * rng.normal(size=len(at))
    )


def _compare_cells(expression, at, share, gamma):
    values = expression.to_numpy(dtype=float)
    seen = values[np.unique(CELL[at])]
    scaled = (values - seen.mean(axis=0)) / seen.std(axis=0)
    return (1 - share) * np.eye(N_CELLS) + share * rbf_kernel(
        scaled, gamma=gamma / N_GENES
    )


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("grid", ["complete", "incomplete", "replicates"])
def test_predictions_are_the_posterior_mean_over_all_rows(
    grid, share, expression, response
):
    at = _choose(grid)
    y = response(at)
    model = ResponseGaussianProcess(
        expression=expression, expression_share=share, gamma=0.7, tol=1e-12
    ).fit(_pairs(at), y)
    cells = _compare_cells(expression, at, share, 0.7)
    prior = model.covariance_[np.ix_(DRUG, DRUG)] * cells[np.ix_(CELL, CELL)]
    noise = np.diag(model.noise_variance_[DRUG[at]])
    means = model.condition_means_[DRUG]
    weights = linalg.solve(prior[np.ix_(at, at)] + noise, y - means[at])
    predicted = model.predict(_pairs(np.arange(len(DRUG))))
    expected = means + prior[:, at] @ weights
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-7)


def _textbook_step(residuals, counts, covariance, noise):
    """Return the expected covariance and squared noise given the measurements."""
    outer, squares = np.zeros_like(covariance), np.zeros(len(covariance))
    for values, count in zip(residuals, counts, strict=True):
        seen = np.flatnonzero(count)
        measured = covariance[np.ix_(seen, seen)] + np.diag(noise[seen] / count[seen])
        gain = covariance[:, seen] @ linalg.inv(measured)
        mean = gain @ values[seen]
        rest = covariance - gain @ covariance[seen]
        outer += np.outer(mean, mean) + rest
        error = (values - mean)[seen] ** 2 + np.diag(rest)[seen]
        squares[seen] += count[seen] * error
    return outer / len(residuals), squares


@pytest.mark.parametrize("largest_count", [1, 3])
def test_the_covariance_is_that_of_textbook_expectation_maximisation(largest_count):
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5))
    counts = rng.integers(0, largest_count + 1, size=(30, 5))
    counts[counts.sum(axis=1) == 0, 0] = 1
    counts[:4] = counts[0]  # cells of one pattern
    learned = learn_covariance(
        residuals, counts, noise=0.3, shrinkage=2.0, max_iter=3, tol=0.0
    )
    n_pairs = np.count_nonzero(counts, axis=0)
    covariance, noise = 0.5 * np.eye(5), np.full(5, 0.3)
    for _ in range(3):
        covariance, squares = _textbook_step(residuals, counts, covariance, noise)
        prior = np.trace(covariance) / 5 * np.eye(5)
        covariance = (30 * covariance + 2 * prior) / 32
        noise = (squares + 10 * 0.3) / (n_pairs + 10)
        noise *= 0.3 / noise.mean()
    np.testing.assert_allclose(learned.covariance, covariance, rtol=1e-9)
    np.testing.assert_allclose(learned.noise, noise, rtol=1e-9)
    assert learned.n_iter == 3


def test_the_covariance_of_a_simulation_is_found():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    truth = root @ root.T
    responses = rng.multivariate_normal(np.zeros(4), truth, size=4000)
    counts = rng.integers(0, 2, size=responses.shape)
    counts[counts.sum(axis=1) == 0, 0] = 1
    noisy = responses + rng.normal(scale=0.5, size=responses.shape)
    learned = learn_covariance(
        noisy, counts, noise=0.25, shrinkage=0.0, max_iter=100, tol=1e-3
    )
    assert linalg.norm(learned.covariance - truth) < 0.1 * linalg.norm(truth)
    assert learned.n_iter < 100


def test_missing_pairs_are_filled_in_from_compounds_that_act_alike(
    expression, response
):
    at = _choose("incomplete")
    left_out = np.setdiff1d(np.arange(len(DRUG)), at)
    y = response(np.arange(len(DRUG)))
    models = (
        ResponseGaussianProcess(expression=expression, shrinkage=1.0),
        MeanEffects(),
    )
    errors = []
    for model in models:
        model.fit(_pairs(at), y[at])
        errors.append(np.mean((model.predict(_pairs(left_out)) - y[left_out]) ** 2))
    assert errors[0] < 0.6 * errors[1]


def test_a_new_cell_line_without_use_of_expression_has_the_means(expression, response):
    at = _choose("complete")
    known = at[CELL[at] > 0]
    model = ResponseGaussianProcess(expression=expression, expression_share=0.0)
    model.fit(_pairs(known), response(known))
    predicted = model.predict(_pairs(at[CELL[at] == 0]))
    np.testing.assert_allclose(predicted, model.condition_means_)


def test_cell_lines_are_known_by_their_expression(expression, response):
    at = _choose("incomplete")
    model = ResponseGaussianProcess(expression=expression)
    model.fit(_pairs(at), response(at))
    renamed = expression.rename(index=lambda name: f"other {name}")
    X = _pairs(at).assign(cell_line="other " + _pairs(at)["cell_line"])
    expected = model.predict(_pairs(at))
    model.set_params(expression=renamed)
    np.testing.assert_array_equal(model.predict(X), expected)


def test_a_new_compound_is_combined_from_those_of_similar_structure(
    expression, response
):
    at = _choose("complete")
    known, new = at[DRUG[at] > 0], at[DRUG[at] == 0]
    model = ResponseGaussianProcess(
        expression=expression, alpha=0.3, level_alpha=2.0, tol=1e-12
    )
    model.fit(_pairs(known), response(known))
    means = model.condition_means_
    profiles = model.predict(_pairs(known)).reshape(-1, N_CELLS) - means[:, None]
    kernel = tanimoto_matrix(SMILES)
    expected = 0.0
    for fitted, alpha in ((means[:, None], 2.0), (profiles, 0.3)):
        weights = linalg.solve(kernel[1:, 1:] + alpha * np.eye(6), kernel[1:, 0])
        center = fitted.mean(axis=0)
        expected = expected + center + weights @ (fitted - center)
    np.testing.assert_allclose(model.predict(_pairs(new)), expected, atol=1e-9)


def test_spellings_and_salts_are_one_compound(expression, response):
    at = _choose("incomplete")
    X, y = _pairs(at), response(at)
    expected = ResponseGaussianProcess(expression=expression).fit(X, y)
    spelled = X.copy()
    spelled.loc[::2, "smiles"] = X["smiles"].replace({"CCN": "NCC.Cl", "CO": "OC"})[::2]
    model = ResponseGaussianProcess(expression=expression).fit(spelled, y)
    assert len(model.identities_) == len(SMILES)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.predict(spelled))


def test_the_noise_with_the_smallest_held_out_error_is_taken(expression, response):
    at = _choose("incomplete")
    X, y = _pairs(at), response(at)
    splitter = MixedKFold(5, random_state=0)
    noises = [3.0, 0.1, 0.5]
    model = ResponseGaussianProcess(
        expression=expression, noise=noises, validation=splitter
    ).fit(X, y)
    train, held_out = next(iter(splitter.split(X, y)))
    for noise, error in zip(noises, model.validation_errors_, strict=True):
        one = ResponseGaussianProcess(expression=expression, noise=noise)
        one.fit(X.iloc[train], y[train])
        expected = np.mean((y[held_out] - one.predict(X.iloc[held_out])) ** 2)
        np.testing.assert_allclose(error, expected)
    assert model.noise_ == noises[np.argmin(model.validation_errors_)]
    one = ResponseGaussianProcess(expression=expression, noise=model.noise_).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), one.predict(X))


def test_a_bad_noise_is_explained(expression, response):
    at = _choose("incomplete")
    model = ResponseGaussianProcess(expression=expression, noise=[0.1, -1.0])
    with pytest.raises(InputError, match=r"noise=\[0.1, -1.0\] must be positive"):
        model.fit(_pairs(at), response(at))
    model = ResponseGaussianProcess(
        expression=expression, noise=[0.1, 1.0], validation=0.999
    )
    with pytest.raises(InputError, match="Give a single noise"):
        model.fit(_pairs(at), response(at))


def test_noisy_compounds_have_more_noise(expression):
    at = _choose("complete")
    rng = np.random.default_rng(0)
    y = rng.normal(size=N_CELLS)[CELL[at]] + np.where(DRUG[at] == 2, 1.0, 0.1) * (
        rng.normal(size=len(at))
    )
    model = ResponseGaussianProcess(expression=expression, shrinkage=1.0)
    noise = model.fit(_pairs(at), y).noise_variance_
    assert np.argmax(noise) == 2


def test_a_dose_is_a_condition_of_its_own(expression):
    at = np.repeat(_choose("incomplete"), 3)
    dose = np.random.default_rng(0).choice([0.1, 1.0, 10.0], len(at))
    y = np.log10(dose)
    X = _pairs(at).assign(dose=dose)
    model = ResponseGaussianProcess(expression=expression, noise=0.01).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=0.4)
    between = model.predict(X.assign(dose=3.0))
    assert (between > 0).all()
    assert (between < 1).all()


def test_a_constant_response_comes_back(expression):
    X = _pairs(_choose("incomplete"))
    model = ResponseGaussianProcess(expression=expression).fit(X, np.full(len(X), 3.0))
    np.testing.assert_allclose(model.predict(X), 3.0)


def test_a_plain_table_is_a_gaussian_process_on_expression():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)).astype(np.float32), rng.normal(size=40)
    model = ResponseGaussianProcess(gamma=2.0, expression_share=1.0, tol=1e-12)
    model.fit(X, y)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    ratio = model.noise_variance_[0] / model.covariance_[0, 0]
    reference = GaussianProcessRegressor(
        RBF(np.sqrt(5 / 2 / 2.0)), alpha=ratio, optimizer=None
    ).fit(scaled, y - model.condition_means_[0])
    expected = model.condition_means_[0] + reference.predict(scaled)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-5)


def test_too_few_steps_give_a_warning(expression, response, monkeypatch):
    monkeypatch.setattr(response_gp, "_MAX_STEPS", 1)
    at = _choose("incomplete")
    model = ResponseGaussianProcess(expression=expression, tol=1e-12)
    with pytest.warns(ConvergenceWarning, match="after 1 steps"):
        model.fit(_pairs(at), response(at))
