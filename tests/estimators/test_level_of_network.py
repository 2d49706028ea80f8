"""DrugResponseRegressor(level=): another model predicts the level of compounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import StandardScaler

from sklearn_csg2a import DrugResponseRegressor, load_model, save_model
from sklearn_csg2a.baselines import GlobalMean, PotencyRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders._fingerprints import FINGERPRINTS
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import fit_mean_effects
from sklearn_csg2a.model_selection import DrugBlindKFold


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=12, n_compounds=16, n_genes=24, random_state=0)


@pytest.fixture(scope="module")
def split(screen):
    train, test = next(DrugBlindKFold(4, random_state=0).split(screen.X))
    return screen.X.iloc[train], screen.y.iloc[train], screen.X.iloc[test]


def _make(screen, **parameters):
    given = {"level": PotencyRegressor(), "hidden_dim": 8, "head_hidden": (16, 8)}
    return DrugResponseRegressor(
        expression=screen.expression,
        max_epochs=3,
        random_state=0,
        **{**given, **parameters},
    )


def _levels_measured(X, y):
    effects = fit_mean_effects(y, X["cell_line"], X["smiles"], shrinkage=1.0)
    return effects.intercept + effects.drug_effects


def test_the_network_learns_what_the_levels_leave(screen, split):
    X, y, new = split
    model = _make(screen).fit(X, y)
    left = y.to_numpy() - _levels_measured(X, y)[X["smiles"]].to_numpy()
    alone = clone(model).set_params(level=None).fit(X, left)
    parts = model.predict_parts(new)
    np.testing.assert_allclose(parts["ranking"], alone.predict(new), atol=1e-5)
    np.testing.assert_allclose(parts.sum(axis=1), model.predict(new))
    assert parts.index.equals(new.index)


def test_levels_of_known_compounds_are_measured_and_of_new_ones_predicted(
    screen, split
):
    X, y, new = split
    model = _make(screen).fit(X, y)
    measured = _levels_measured(X, y)
    found = model.predict_parts(X)["level"]
    np.testing.assert_allclose(found, measured[X["smiles"]])
    compounds = pd.DataFrame({"smiles": measured.index})
    level = PotencyRegressor().fit(compounds, measured.to_numpy())
    np.testing.assert_allclose(
        model.predict_parts(new)["level"], level.predict(new), rtol=1e-6
    )


@pytest.mark.parametrize("n_members", [1, 2])
def test_members_and_deviations_share_the_level(screen, split, n_members):
    X, y, new = split
    model = _make(screen, n_members=n_members).fit(X, y)
    mean, std = model.predict(new, return_spread=True)
    np.testing.assert_allclose(mean, model.predict(new))
    assert (std > 0).all()
    members = model.predict_members(new)
    np.testing.assert_allclose(members.mean(axis=1), mean)


def test_a_model_file_keeps_levels(screen, split, tmp_path):
    X, y, new = split
    model = _make(screen).fit(X, y)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(new), model.predict(new))
    pd.testing.assert_frame_equal(loaded.predict_parts(new), model.predict_parts(new))


def test_without_a_level_there_are_no_parts(screen, split):
    X, y, new = split
    model = _make(screen, level=None).fit(X, y)
    with pytest.raises(InputError, match="level=None"):
        model.predict_parts(new)
    assert model.level_ is None


def _make_for_compounds(screen, **parameters):
    return _make(
        screen, **{"novelty": "compound", "level": "auto", **parameters}
    ).set_params(compound_encoder="morgan")


def test_for_new_compounds_levels_and_effects_of_cell_lines_are_set_apart(
    screen, split
):
    X, y, new = split
    model = _make_for_compounds(screen).fit(X, y)
    effects = fit_mean_effects(y, X["cell_line"], X["smiles"], shrinkage=1.0)
    left = y.to_numpy() - effects.predict(X["cell_line"], X["smiles"])
    alone = clone(model).set_params(level=None).fit(X, left)
    of_cells = effects.cell_effects[new["cell_line"]].to_numpy()
    ranking = model.predict_parts(new)["ranking"]
    np.testing.assert_allclose(ranking - of_cells, alone.predict(new), atol=1e-5)


def test_levels_by_structure_are_those_of_the_gaussian_process(screen, split):
    X, y, new = split
    by_structure = _make_for_compounds(screen).fit(X, y)
    process = PotencyRegressor(
        compound_encoder=FeatureUnion(
            list(FINGERPRINTS.items()),
            transformer_weights=dict.fromkeys(FINGERPRINTS, 1 / 3),
        ),
        compound_kernel=dict.fromkeys(FINGERPRINTS, "tanimoto"),
    )
    given = _make_for_compounds(screen, level=process).fit(X, y)
    np.testing.assert_allclose(
        by_structure.predict_parts(new)["level"],
        given.predict_parts(new)["level"],
        rtol=1e-6,
    )


@pytest.mark.parametrize("novelty", [None, "pair", "cell"])
def test_elsewhere_the_network_predicts_all(screen, split, novelty):
    X, y, _ = split
    model = _make(screen, novelty=novelty, level="auto").fit(X, y)
    assert model.level_ is None


def test_a_cell_line_is_known_by_its_expression(screen, split):
    X, y, new = split
    model = _make_for_compounds(screen, expression_scaler=StandardScaler()).fit(X, y)
    genes = screen.expression.loc[new["cell_line"]].set_index(new.index)
    wide = pd.concat([new.drop(columns="cell_line"), genes], axis=1)
    np.testing.assert_allclose(model.predict(wide), model.predict(new))
    other = pd.concat([new.drop(columns="cell_line"), genes + 0.01], axis=1)
    effects = fit_mean_effects(y, X["cell_line"], X["smiles"], shrinkage=1.0)
    np.testing.assert_allclose(
        model.predict(new) - model.predict(other),
        effects.cell_effects[new["cell_line"]],
        atol=0.05,
    )


def test_rows_do_not_depend_on_each_other_and_a_file_keeps_effects(
    screen, split, tmp_path
):
    X, y, new = split
    model = _make_for_compounds(screen, n_members=2).fit(X, y)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    whole = model.predict(new)
    np.testing.assert_array_equal(loaded.predict(new), whole)
    np.testing.assert_array_equal(loaded.predict(new.iloc[[2]]), whole[[2]])


def test_one_compound_alone_has_its_level(screen, split):
    X, y, new = split
    one = (X["smiles"] == X["smiles"].iloc[0]).to_numpy()
    model = _make_for_compounds(screen).fit(X[one], y[one])
    assert model.level_ is None
    assert np.isfinite(model.predict(new)).all()


def test_numbers_without_compounds_have_one_level():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    model = DrugResponseRegressor(level=GlobalMean(), max_epochs=2, random_state=0)
    parts = model.fit(X, y).predict_parts(X)
    assert len(set(parts["level"])) == 1


def test_numbers_without_compounds_need_no_structure():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    model = DrugResponseRegressor(novelty="compound", max_epochs=2, random_state=0)
    assert np.isfinite(model.fit(X, y).predict(X)).all()


def test_a_fit_with_levels_resumes_from_its_checkpoint(screen, split, tmp_path):
    X, y, new = split
    path = tmp_path / "checkpoint"
    whole = _make(screen, checkpoint=path).fit(X, y)
    again = _make(screen, checkpoint=path).fit(X, y)
    np.testing.assert_array_equal(again.predict(new), whole.predict(new))
