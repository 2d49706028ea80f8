"""The forest of profiles: its share beside kernel ridge, and what it learns alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.encoders import FingerprintEncoder

module = pytest.importorskip(
    "benchmarks.models.profile_forest",
    reason="the benchmarks folder is not importable",
)
descriptors = pytest.importorskip("benchmarks.models.descriptors")

ALCOHOLS = ["C" * n + "O" for n in range(1, 9)]
AMINES = ["C" * n + "N" for n in range(1, 9)]
CELLS = [f"cell {k}" for k in range(12)]
SMALL = {
    "n_components": 3,
    "n_estimators": 50,
    "max_features": 0.2,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def screen():
    """Alcohols act on odd cell lines, amines on even ones; the first gene says which.

    A quarter of the pairs were not measured.
    """
    rng = np.random.default_rng(0)
    is_odd = np.arange(len(CELLS)) % 2
    genes = np.column_stack([is_odd, rng.normal(size=(len(CELLS), 2)) / 10])
    expression = pd.DataFrame(genes, CELLS, ["first", "second", "third"])
    X = pd.MultiIndex.from_product(
        [CELLS, ALCOHOLS + AMINES], names=["cell_line", "smiles"]
    ).to_frame(index=False)
    is_alcohol = X["smiles"].str.endswith("O")
    odd = X["cell_line"].map(dict(zip(CELLS, is_odd, strict=True))) == 1
    y = np.where(is_alcohol == odd, -1.0, 1.0) + rng.normal(size=len(X)) / 10
    return X, y, expression, rng.random(len(X)) < 0.75


def _make(expression, **settings):
    return module.KernelAndForest(
        PairwiseKernelRidge(expression=expression),
        FingerprintEncoder("features"),
        expression,
        **{**SMALL, **settings},
    )


def _new(cells, compounds):
    return pd.MultiIndex.from_product(
        [cells, compounds], names=["cell_line", "smiles"]
    ).to_frame(index=False)


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_mean_of_both_has_the_spread_that_it_predicts(screen, share):
    X, y, expression, measured = screen
    model = _make(expression, share=share).fit(X[measured], y[measured])
    new = _new(CELLS, ["CC(C)O", "CC(C)N"])
    mean = (1 - share) * model.kernel_.predict(new) + share * model._predict_forest(new)
    mean, found = (one.reshape(-1, 2) for one in (mean, model.predict(new)))
    spread = mean.std(axis=0)
    assert np.allclose(found.mean(axis=0), mean.mean(axis=0))
    assert np.allclose(found.std(axis=0), spread**2 / model.typical_)
    centered = (one - one.mean(axis=0) for one in (mean, found))
    ratios = np.divide(*centered)
    assert np.allclose(ratios, ratios[0])


def test_cell_lines_asked_for_do_not_change_each_other(screen):
    X, y, expression, measured = screen
    model = _make(expression).fit(X[measured], y[measured])
    new = _new(CELLS, ["CC(C)O", "CC(C)N"])
    some = [0, 3, 7]
    assert np.allclose(model.predict(new.iloc[some]), model.predict(new)[some])


def test_profiles_without_any_difference_can_be_learned(screen):
    X, _, expression, measured = screen
    model = _make(expression).fit(X[measured], np.full(measured.sum(), 2.0))
    assert np.isfinite(model.predict(_new(CELLS, ["CC(C)O"]))).all()


@pytest.mark.parametrize("held_out", [[], CELLS[-2:]])
def test_forest_ranks_cell_lines_of_new_compounds(screen, held_out):
    X, y, expression, measured = screen
    used = measured & ~X["cell_line"].isin(held_out).to_numpy()
    model = _make(expression, share=1.0).fit(X[used], y[used])
    new = _new(held_out or CELLS, ["CC(C)O", "CC(C)N"])
    predicted = model.predict(new).reshape(-1, 2)
    odd = np.array([int(cell.split()[1]) % 2 for cell in held_out or CELLS]) == 1
    assert predicted[odd, 0].max() < predicted[~odd, 0].min()
    assert predicted[odd, 1].min() > predicted[~odd, 1].max()


def test_compounds_of_small_weight_say_little(screen):
    X, y, expression, _ = screen
    wrong = X["smiles"].isin(AMINES).to_numpy()
    reversed_twice = np.where(wrong, -y, y)
    both = pd.concat([X, X.assign(smiles=X["smiles"] + "C")], ignore_index=True)
    targets = np.concatenate([y, -reversed_twice])
    new = _new(CELLS, ["CC(C)O"])
    fits = [
        _make(expression, share=1.0).fit(both, targets, sample_weight=weights)
        for weights in (np.repeat([1.0, 1e-3], len(X)), np.repeat([1e-3, 1.0], len(X)))
    ]
    first, second = (fit.predict(new) for fit in fits)
    sign = np.where(np.arange(len(CELLS)) % 2, -1, 1)
    assert (sign * first).mean() > (sign * second).mean()


def test_measured_pairs_stay_and_others_are_filled_in(screen):
    X, y, _, measured = screen
    compound, cell = (pd.factorize(X[name])[0] for name in ("smiles", "cell_line"))
    profiles = module._tabulate(
        y[measured], np.ones(measured.sum()), compound[measured], cell[measured]
    )
    assert np.allclose(profiles[compound, cell][measured], y[measured])
    assert np.isfinite(profiles).all()


def test_descriptors_are_finite_and_differ():
    encoding = descriptors.DescriptorEncoder().transform(["CCO", "C[NH3+]", "CCCl"])
    assert encoding.shape == (3, len(descriptors.DESCRIPTORS))
    assert np.isfinite(encoding).all()
    assert len(np.unique(encoding, axis=0)) == 3
