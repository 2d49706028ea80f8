"""Pairwise kernel ridge is kernel ridge, without the kernel of all rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import FeatureUnion

from sklearn_csg2a.baselines import MeanEffects, PairwiseKernelRidge
from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.encoders import AnnotationEncoder, MorganEncoder
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import DrugBlindKFold
from sklearn_csg2a.persistence import load_model, save_model

SMILES = np.array(["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CO", "CCCCO", "c1ccccc1O"])
N_CELLS, N_GENES = 12, 20
DRUG, CELL = np.divmod(np.arange(len(SMILES) * N_CELLS), N_CELLS)
CELLS = np.array([f"c{i}" for i in range(N_CELLS)])


def _pairs(at):
    return pd.DataFrame({"cell_line": CELLS[CELL[at]], "smiles": SMILES[DRUG[at]]})


def _choose(grid):
    """Return positions on the grid of all pairs."""
    rng = np.random.default_rng(5)
    if grid == "complete":
        return rng.permutation(len(DRUG))
    return rng.choice(len(DRUG), 60, replace=grid == "replicates")


@pytest.fixture
def expression():
    values = np.random.default_rng(0).normal(2, 3, size=(N_CELLS, N_GENES))
    return pd.DataFrame(
        values.astype(np.float32), CELLS, [f"g{i}" for i in range(N_GENES)]
    )


@pytest.fixture
def response():
    rng = np.random.default_rng(1)
    return lambda at: DRUG[at] - 3.0 + rng.normal(size=len(at))


def _standardised(expression, at):
    values = expression.to_numpy(dtype=float)
    seen = values[np.unique(CELL[at])]
    return (values - seen.mean(axis=0)) / seen.std(axis=0)


@pytest.mark.parametrize("cell_kernel", ["rbf", "linear"])
@pytest.mark.parametrize("alpha", [0.03, 2.0])
@pytest.mark.parametrize("grid", ["complete", "incomplete", "replicates"])
def test_predictions_are_those_of_kernel_ridge_on_all_rows(
    grid, alpha, cell_kernel, expression, response
):
    at = _choose(grid)
    y = response(at)
    model = PairwiseKernelRidge(
        expression=expression,
        cell_kernel=cell_kernel,
        gamma=0.7,
        compound_weight=0.5,
        cell_weight=2.0,
        alpha=alpha,
        tol=1e-13,
    ).fit(_pairs(at), y)
    cells = _standardised(expression, at)
    if cell_kernel == "rbf":
        of_cells = rbf_kernel(cells, gamma=0.7 / N_GENES)
    else:
        of_cells = cells @ cells.T / N_GENES
    of_drugs = tanimoto_matrix(SMILES)
    kernel = (of_drugs + 2.0)[np.ix_(DRUG, DRUG)] * (of_cells + 0.5)[np.ix_(CELL, CELL)]
    reference = KernelRidge(alpha=alpha, kernel="precomputed")
    reference.fit(kernel[np.ix_(at, at)], y - y.mean())
    expected = y.mean() + reference.predict(kernel[:, at])
    every_pair = np.arange(len(DRUG))
    predicted = model.predict(_pairs(every_pair))
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-8)


TARGETS = pd.DataFrame({"target": ["A", "A|B", "B", "A", "C", "C", None]}, SMILES)


def _union():
    known = AnnotationEncoder(TARGETS, columns=["target"], weight=1.0)
    return FeatureUnion(
        [("bits", MorganEncoder()), ("known", known)],
        transformer_weights={"bits": 0.5, "known": 0.7},
    )


def _fit_sum(expression, y, at, **parameters):
    parts = {"bits": "tanimoto", "known": "linear"}
    model = PairwiseKernelRidge(
        expression=expression,
        compound_encoder=_union(),
        compound_kernel=parts,
        tol=1e-13,
        **parameters,
    )
    return model.fit(_pairs(at), y)


def test_kernels_of_the_parts_of_a_union_add_up(expression, response):
    at = _choose("incomplete")
    y = response(at)
    known = _union().fit(SMILES).transformer_list[1][1].transform(SMILES)
    cells = rbf_kernel(_standardised(expression, at), gamma=1.0 / N_GENES)
    of_drugs = 0.5**2 * tanimoto_matrix(SMILES) + 0.7**2 * known @ known.T
    kernel = (of_drugs + 1.0)[np.ix_(DRUG, DRUG)] * (cells + 1.0)[np.ix_(CELL, CELL)]
    reference = KernelRidge(alpha=0.3, kernel="precomputed")
    reference.fit(kernel[np.ix_(at, at)], y - y.mean())
    expected = y.mean() + reference.predict(kernel[:, at])
    predicted = _fit_sum(expression, y, at).predict(_pairs(np.arange(len(DRUG))))
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-6)


def test_a_sum_of_kernels_comes_back_from_a_model_file(expression, response, tmp_path):
    at = _choose("complete")
    model = _fit_sum(expression, response(at), at)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(_pairs(at)), model.predict(_pairs(at)))


def test_models_of_files_that_know_no_parts_predict(expression, response):
    at = _choose("incomplete")
    model = PairwiseKernelRidge(expression=expression).fit(_pairs(at), response(at))
    expected = model.predict(_pairs(at))
    del model._blocks  # as files of earlier versions are read
    np.testing.assert_array_equal(model.predict(_pairs(at)), expected)


def test_a_linear_kernel_of_compounds_is_that_of_their_encoding(expression, response):
    at = _choose("complete")
    y = response(at)
    models = [
        PairwiseKernelRidge(
            expression=expression, compound_encoder=encoder, compound_kernel=kernel
        ).fit(_pairs(at), y)
        for encoder, kernel in [
            (MorganEncoder(), "linear"),
            (FeatureUnion([("bits", MorganEncoder())]), {"bits": "linear"}),
        ]
    ]
    one, other = (model.predict(_pairs(at)) for model in models)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"compound_kernel": "rbf"}, "compound_kernel"),
        ({"compound_kernel": {"bits": "tanimoto", "known": "rbf"}}, "FeatureUnion"),
        ({"compound_kernel": {"bits": "tanimoto"}}, r"'bits'.*has \['bits', 'known'\]"),
        (
            {"compound_encoder": "morgan", "compound_kernel": {"bits": "linear"}},
            "compound_encoder is 'morgan'",
        ),
    ],
)
def test_kernels_of_other_parts_are_refused(parameters, message, expression, response):
    at = _choose("complete")
    model = PairwiseKernelRidge(expression=expression, compound_encoder=_union())
    with pytest.raises(ValueError, match=message):
        model.set_params(**parameters).fit(_pairs(at), response(at))


def test_a_complete_grid_needs_no_iterations(expression, response):
    at = _choose("complete")
    model = PairwiseKernelRidge(expression=expression).fit(_pairs(at), response(at))
    assert model.n_iter_ == 0
    at = _choose("incomplete")
    model = PairwiseKernelRidge(expression=expression).fit(_pairs(at), response(at))
    assert 0 < model.n_iter_ < 50


def test_effects_of_drugs_and_cells_are_representable(expression, response):
    at = _choose("complete")
    effects = MeanEffects(shrinkage=1e-9).fit(_pairs(at), response(at))
    additive = effects.predict(_pairs(at))
    model = PairwiseKernelRidge(
        expression=expression, compound_weight=1e4, cell_weight=1e4, alpha=1e-3
    )
    predicted = model.fit(_pairs(at), additive).predict(_pairs(at))
    np.testing.assert_allclose(predicted, additive, atol=1e-3)


def test_unmeasured_pairs_have_no_weight(expression, response):
    at = _choose("incomplete")
    model = PairwiseKernelRidge(expression=expression, tol=1e-12)
    model.fit(_pairs(at), response(at))
    dual = model.dual_coef_.copy()
    drugs = pd.unique(SMILES[DRUG[at]]).tolist()
    cells = pd.unique(CELLS[CELL[at]]).tolist()
    for i in at:
        dual[drugs.index(SMILES[DRUG[i]]), cells.index(CELLS[CELL[i]])] = 0
    np.testing.assert_allclose(dual, 0, atol=1e-8)


def test_the_alpha_with_the_smallest_held_out_error_is_taken(expression, response):
    at = _choose("incomplete")
    X, y = _pairs(at), response(at)
    splitter = DrugBlindKFold(3, random_state=0)
    alphas = [0.01, 100.0, 1.0]
    model = PairwiseKernelRidge(
        expression=expression, alpha=alphas, validation=splitter, tol=1e-12
    ).fit(X, y)
    train, held_out = next(iter(splitter.split(X, y)))
    for alpha, error in zip(alphas, model.validation_errors_, strict=True):
        one = PairwiseKernelRidge(expression=expression, alpha=alpha, tol=1e-12)
        one.fit(X.iloc[train], y[train])
        expected = np.mean((y[held_out] - one.predict(X.iloc[held_out])) ** 2)
        np.testing.assert_allclose(error, expected, rtol=1e-6)
    assert model.alpha_ == alphas[np.argmin(model.validation_errors_)]
    one = PairwiseKernelRidge(expression=expression, alpha=model.alpha_, tol=1e-12)
    expected = one.fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-8)


def test_the_seed_decides_the_rows_held_out(expression, response):
    at = _choose("incomplete")
    X, y = _pairs(at), response(at)
    model = PairwiseKernelRidge(expression=expression, alpha=[1.0, 10.0])
    errors = [
        model.set_params(random_state=seed).fit(X, y).validation_errors_
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(errors[0], errors[1])
    assert not np.array_equal(errors[0], errors[2])


def test_alpha_is_not_chosen_by_replicates_that_train_too(expression):
    """Repeated noise: memorised, it would make the smallest alpha best."""
    at = _choose("incomplete")
    y = np.random.default_rng(3).normal(size=len(at))
    model = PairwiseKernelRidge(
        expression=expression, alpha=[1e-3, 100.0], tol=1e-10, random_state=0
    ).fit(_pairs(np.repeat(at, 3)), np.repeat(y, 3))
    assert model.alpha_ == 100.0


def test_a_splitter_without_a_seed_follows_the_random_state(expression, response):
    at = _choose("incomplete")
    X, y = _pairs(at), response(at)
    model = PairwiseKernelRidge(
        expression=expression,
        alpha=[1.0, 10.0],
        validation=DrugBlindKFold(3, random_state=None),
    )
    errors = [
        model.set_params(random_state=seed).fit(X, y).validation_errors_
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(errors[0], errors[1])
    assert not np.array_equal(errors[0], errors[2])


def test_a_bad_alpha_or_split_is_explained(expression, response):
    at = _choose("incomplete")
    X, y = _pairs(at), response(at)
    for alphas in ([], [1.0, 0.0]):
        with pytest.raises(InputError, match="must be positive numbers"):
            PairwiseKernelRidge(expression=expression, alpha=alphas).fit(X, y)
    model = PairwiseKernelRidge(
        expression=expression, alpha=[1.0, 2.0], validation=0.999
    )
    with pytest.raises(InputError, match="gives 0 training and 60 held-out rows"):
        model.fit(X, y)


def test_too_few_steps_give_a_warning(expression, response):
    at = _choose("incomplete")
    model = PairwiseKernelRidge(expression=expression, max_iter=1, tol=1e-9)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 steps"):
        model.fit(_pairs(at), response(at))


def test_a_dose_is_part_of_the_condition(expression):
    at = np.repeat(_choose("incomplete"), 3)
    rng = np.random.default_rng(0)
    dose = rng.choice([0.0, 0.1, 1.0, 10.0], len(at))
    y = np.log10(dose + 0.01)
    X = _pairs(at).assign(dose=dose)
    model = PairwiseKernelRidge(expression=expression, alpha=0.01).fit(X, y)
    other = X.assign(dose=1.0)
    np.testing.assert_allclose(model.predict(X), y, atol=0.3)
    np.testing.assert_allclose(model.predict(other), np.log10(1.01), atol=0.3)


def test_a_dose_that_never_changes_is_left_out(expression, response):
    at = _choose("incomplete")
    X, y = _pairs(at), response(at)
    model = PairwiseKernelRidge(expression=expression).fit(X.assign(dose=1.0), y)
    expected = PairwiseKernelRidge(expression=expression).fit(X, y).predict(X)
    np.testing.assert_array_equal(model.predict(X.assign(dose=5.0)), expected)


def test_the_kernel_of_compounds_takes_any_encoder(expression, response):
    at = _choose("incomplete")
    counts = MorganEncoder(n_bits=256, count=True)
    model = PairwiseKernelRidge(expression=expression, compound_encoder=counts)
    predicted = model.fit(_pairs(at), response(at)).predict(_pairs(at))
    assert np.isfinite(predicted).all()
    assert model.encoder_.n_bits == 256


def test_a_plain_table_is_kernel_ridge_on_expression():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)).astype(np.float32), rng.normal(size=40)
    model = PairwiseKernelRidge(gamma=2.0, alpha=0.5, compound_weight=0, cell_weight=0)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    reference = KernelRidge(alpha=0.5, kernel="rbf", gamma=2.0 / 5)
    expected = y.mean() + reference.fit(scaled, y - y.mean()).predict(scaled)
    np.testing.assert_allclose(model.fit(X, y).predict(X), expected, atol=1e-5)


def test_identity_tells_known_cells_from_others_like_them(expression, response):
    at = _choose("incomplete")
    y = response(at)
    cells = rbf_kernel(_standardised(expression, at), gamma=1.0 / N_GENES)
    cells = cells + 0.7 * np.eye(N_CELLS)
    kernel = (tanimoto_matrix(SMILES) + 1.0)[np.ix_(DRUG, DRUG)]
    kernel = kernel * (cells + 1.0)[np.ix_(CELL, CELL)]
    reference = KernelRidge(alpha=0.3, kernel="precomputed")
    reference.fit(kernel[np.ix_(at, at)], y - y.mean())
    expected = y.mean() + reference.predict(kernel[:, at])
    model = PairwiseKernelRidge(
        expression=expression, identity_weight=0.7, tol=1e-13
    ).fit(_pairs(at), y)
    predicted = model.predict(_pairs(np.arange(len(DRUG))))
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-6)


def test_a_weight_is_a_number_of_measurements():
    X, y, model = _weighted()
    weights = np.random.default_rng(0).integers(0, 3, len(y))
    copies = np.repeat(np.arange(len(y)), weights)
    weighted = clone(model).fit(X, y, sample_weight=weights)
    repeated = clone(model).fit(X.iloc[copies], y[copies])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-4)


def test_rows_of_small_weight_are_hardly_fitted():
    X, y, model = _weighted()
    errors = []
    for weight in (1.0, 0.01):
        weights = np.where(np.arange(len(y)) % 2, weight, 1.0)
        found = clone(model).fit(X, y, sample_weight=weights).predict(X)
        errors.append(np.mean((found - y)[1::2] ** 2))
    assert errors[1] > 1.5 * errors[0]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], "2 numbers"),
        (["many"] * len(DRUG), "one number for each"),
        ([1.0] * (len(DRUG) - 1) + [-1.0], f"row {len(DRUG) - 1}: -1.0"),
        ([np.nan] + [1.0] * (len(DRUG) - 1), "row 0: nan"),
        ([0.0] * len(DRUG), "zero in all rows"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights, message):
    X, y, model = _weighted()
    with pytest.raises(InputError, match=message):
        model.fit(X, y, sample_weight=weights)


def _weighted():
    rng = np.random.default_rng(3)
    expression = pd.DataFrame(
        rng.normal(size=(N_CELLS, N_GENES)), CELLS, [f"g{i}" for i in range(N_GENES)]
    )
    y = rng.normal(size=len(DRUG))
    model = PairwiseKernelRidge(expression=expression, alpha=0.3, tol=1e-8)
    return _pairs(np.arange(len(DRUG))), y, model
