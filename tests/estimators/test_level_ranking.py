"""LevelRankingRegressor: levels of compounds and rankings of cells are apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from sklearn_csg2a import LevelRankingRegressor, load_model, save_model
from sklearn_csg2a.baselines import (
    CellMean,
    GlobalMean,
    MeanEffects,
    PairwiseKernelRidge,
    PotencyRegressor,
)
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import fit_mean_effects, within_group_correlation
from sklearn_csg2a.model_selection import DrugBlindKFold


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=20, n_compounds=24, n_genes=24, random_state=0)


def _make(screen, **parameters):
    return LevelRankingRegressor(
        PotencyRegressor(),
        PairwiseKernelRidge(expression=screen.expression),
        **parameters,
    )


def _split(screen):
    train, test = next(DrugBlindKFold(4, random_state=0).split(screen.X))
    return screen.X.iloc[train], screen.y.iloc[train], screen.X.iloc[test]


def test_predictions_are_the_sum_of_both_parts(screen):
    X, y, new = _split(screen)
    model = _make(screen).fit(X, y)
    parts = model.predict_parts(new)
    assert list(parts) == ["level", "ranking"]
    assert parts.index.equals(new.index)
    np.testing.assert_array_equal(parts.sum(axis=1), model.predict(new))


def test_the_level_is_the_mean_of_predictions_over_the_training_cells(screen):
    X, y, new = _split(screen)
    model = _make(screen).fit(X, y)
    cells = X["cell_line"].unique()
    for smiles in [*X["smiles"].unique()[:2], *new["smiles"].unique()[:2]]:
        grid = pd.DataFrame({"cell_line": cells, "smiles": smiles})
        parts = model.predict_parts(grid)
        assert len(set(parts["level"])) == 1
        assert parts["ranking"].mean() == pytest.approx(0, abs=1e-12)


def test_known_compounds_have_their_shrunk_measured_level(screen):
    model = _make(screen, shrinkage=2.0).fit(screen.X, screen.y)
    effects = fit_mean_effects(
        screen.y, screen.X["cell_line"], screen.X["smiles"], shrinkage=2.0
    )
    expected = effects.intercept + effects.drug_effects
    level = model.predict_parts(screen.X)["level"]
    np.testing.assert_allclose(level, expected[screen.X["smiles"]], rtol=1e-8)
    found = pd.Series(model.levels_, index=model.compounds_)
    np.testing.assert_allclose(found[expected.index], expected, rtol=1e-8)


def test_sensitive_cell_lines_do_not_make_a_compound_potent():
    cells = [f"c{i}" for i in range(40)]
    alcohols = ["C" * n + "O" for n in range(1, 11)]
    X = pd.MultiIndex.from_product([cells, alcohols]).to_frame(index=False)
    X.columns = ["cell_line", "smiles"]
    y = np.where(X["cell_line"].isin(cells[:20]), -4.0, 4.0)
    kept = (X["smiles"] != "CCO") | X["cell_line"].isin(cells[:20])
    model = LevelRankingRegressor(PotencyRegressor(), MeanEffects())
    model.fit(X[kept], y[kept])
    levels = dict(zip(model.compounds_, model.levels_, strict=True))
    assert abs(levels["CO"] - levels["CCO"]) < 0.5
    assert y[kept & (X["smiles"] == "CCO")].mean() == -4.0


def test_compounds_weigh_the_same_however_many_rows_they_have(screen):
    seen = {}

    class Recording(GlobalMean):
        def fit(self, X, y):
            seen["X"], seen["y"] = X, y
            return super().fit(X, y)

    few = screen.X["smiles"] == screen.X["smiles"].iloc[0]
    kept = ~few | (np.arange(len(few)) < 40)
    X, y = screen.X[kept], screen.y[kept]
    model = LevelRankingRegressor(Recording(), CellMean()).fit(X, y)
    assert list(seen["X"]["smiles"]) == list(X["smiles"].unique())
    rest = seen["X"].drop(columns="smiles")
    assert (rest == rest.iloc[0]).to_numpy().all()
    np.testing.assert_array_equal(seen["y"], model.levels_)


def test_any_regressors_do(screen):
    X, y, new = _split(screen)
    letters = CountVectorizer(analyzer="char", lowercase=False)
    level = make_pipeline(make_column_transformer((letters, "smiles")), Ridge())
    ranking = PairwiseKernelRidge(expression=screen.expression)
    predicted = LevelRankingRegressor(level, ranking).fit(X, y).predict(new)
    assert np.isfinite(predicted).all()
    # A model of rows is a model of levels, too.
    predicted = LevelRankingRegressor(ranking, ranking).fit(X, y).predict(new)
    assert np.isfinite(predicted).all()


def test_wide_rows_and_renamed_columns(screen):
    genes = screen.expression.loc[screen.X["cell_line"]].reset_index(drop=True)
    wide = pd.concat([screen.X[["smiles"]].reset_index(drop=True), genes], axis=1)
    wide = wide.rename(columns={"smiles": "compound"})
    names = {"smiles": "compound"}
    model = LevelRankingRegressor(
        PotencyRegressor(columns=names),
        PairwiseKernelRidge(columns=names),
        columns=names,
    )
    light = _make(screen).fit(screen.X, screen.y)
    np.testing.assert_allclose(
        model.fit(wide, screen.y).predict(wide), light.predict(screen.X), atol=1e-5
    )


def test_rows_with_invalid_smiles_are_refused_or_nan(screen):
    X = screen.X.head(5).reset_index(drop=True)
    X.loc[2, "smiles"] = "no compound"
    model = _make(screen).fit(screen.X, screen.y)
    with pytest.raises(InputError, match="row 2"):
        model.predict(X)
    predicted = model.set_params(on_invalid_smiles="nan").predict(X)
    assert np.isnan(predicted).tolist() == [False, False, True, False, False]
    rest = X.drop(index=2)
    np.testing.assert_array_equal(predicted[[0, 1, 3, 4]], model.predict(rest))
    assert np.isnan(model.predict(X.iloc[[2]])).all()


def test_a_salt_has_the_level_of_its_parent(screen):
    model = _make(screen).fit(screen.X, screen.y)
    X = screen.X.head(1)
    salt = X.assign(smiles=X["smiles"] + ".Cl")
    assert model.predict_parts(salt)["level"].iloc[0] == pytest.approx(
        model.predict_parts(X)["level"].iloc[0]
    )


def test_levels_that_are_no_numbers_are_refused(screen):
    class Broken(GlobalMean):
        def predict(self, X):
            return super().predict(X) * np.nan

    X, y, new = _split(screen)
    model = LevelRankingRegressor(Broken(), CellMean()).fit(X, y)
    with pytest.raises(InputError, match="no finite number for the compound"):
        model.predict(new)


def test_a_model_file_keeps_both_parts(screen, tmp_path):
    X, y, new = _split(screen)
    model = _make(screen).fit(X, y)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.predict_parts(new).equals(model.predict_parts(new))
    np.testing.assert_array_equal(loaded.levels_, model.levels_)
    assert loaded.compounds_ == model.compounds_


def test_level_and_ranking_apart_are_better_for_new_compounds():
    screen = make_screen(n_cells=30, n_compounds=60, n_genes=40, random_state=1)
    ranking = PairwiseKernelRidge(expression=screen.expression)
    model = LevelRankingRegressor(
        PotencyRegressor(), clone(ranking).set_params(identity_weight=1.0)
    )
    folds = DrugBlindKFold(5, random_state=0)
    ours, rows = (
        np.mean((cross_val_predict(one, screen.X, screen.y, cv=folds) - screen.y) ** 2)
        for one in (model, ranking)
    )
    assert ours < rows * 1.05


def _profiles(screen, of):
    """Return responses in another unit, compounds by cell lines."""
    rows = screen.X.assign(response=3 * screen.y + 5)
    rows = rows[rows["smiles"].isin(of)]
    return rows.pivot_table(index="smiles", columns="cell_line", values="response")


def _with_profiles(screen, profiles, **parameters):
    ranking = PairwiseKernelRidge(
        expression=screen.expression, identity_weight=1.0, compound_weight=0.0
    )
    return LevelRankingRegressor(
        PotencyRegressor(), ranking, profiles=profiles, **parameters
    )


def _mean_correlation(model, X, y, new, true):
    predicted = model.fit(X, y).predict(new)
    return within_group_correlation(true, predicted, new["smiles"]).mean


def test_profiles_of_other_compounds_improve_the_ranking_and_keep_the_level():
    screen = make_screen(n_cells=20, n_compounds=60, n_genes=24, random_state=0)
    train, test = next(DrugBlindKFold(3, random_state=0).split(screen.X))
    X, y = screen.X.iloc[train], screen.y.iloc[train]
    new, true = screen.X.iloc[test], screen.y.iloc[test]
    held_out = new["smiles"].unique()
    own, others = X["smiles"].unique()[:10], X["smiles"].unique()[10:]
    few = X["smiles"].isin(own).to_numpy()
    models = [
        _with_profiles(screen, None),
        _with_profiles(
            screen, _profiles(screen, [*others, *held_out]), exclude=held_out
        ),
    ]
    alone, helped = (
        _mean_correlation(model, X[few], y[few], new, true) for model in models
    )
    assert helped > alone + 0.02
    levels = [model.predict_parts(new)["level"] for model in models]
    pd.testing.assert_series_equal(*levels)


def test_excluded_compounds_have_no_say(screen):
    X, y, new = _split(screen)
    held_out = new["smiles"].unique()
    profiles = _profiles(screen, screen.X["smiles"])
    changed = profiles.copy()
    changed.loc[held_out] *= -2
    first, second = (
        _with_profiles(screen, table, exclude=held_out).fit(X, y).predict(new)
        for table in (profiles, changed)
    )
    np.testing.assert_array_equal(first, second)


def test_profiles_say_nothing_of_new_cell_lines(screen):
    known = screen.X["cell_line"].unique()[:15]
    rows = screen.X["cell_line"].isin(known).to_numpy()
    profiles = _profiles(screen, screen.X["smiles"])
    first, second = (
        _with_profiles(screen, table)
        .fit(screen.X[rows], screen.y[rows])
        .predict(screen.X)
        for table in (profiles, profiles[known])
    )
    np.testing.assert_allclose(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.add_prefix("x"), "none of the cell lines of X"),
        (lambda table: table.astype(object).mask(table > 0, "?"), "numbers"),
        (lambda table: table.mask(table > 0, np.inf), "finite"),
        (lambda table: table * np.nan, "has no compound"),
        (lambda table: pd.concat([table, table], axis=1), "more than once"),
    ],
)
def test_profiles_that_cannot_be_used_are_refused(screen, change, message):
    profiles = change(_profiles(screen, screen.X["smiles"]))
    with pytest.raises(InputError, match=message):
        _with_profiles(screen, profiles).fit(screen.X, screen.y)


def test_profiles_need_a_ranking_that_takes_weights(screen):
    profiles = _profiles(screen, screen.X["smiles"])
    model = _make(screen, profiles=profiles).set_params(ranking=CellMean())
    with pytest.raises(InputError, match="sample_weight"):
        model.fit(screen.X, screen.y)


def test_profiles_need_ids_of_cell_lines(screen):
    profiles = _profiles(screen, screen.X["smiles"])
    expression = screen.expression.loc[screen.X["cell_line"]]
    wide = expression.reset_index(drop=True).assign(smiles=screen.X["smiles"].tolist())
    model = _make(screen, profiles=profiles).set_params(ranking=PairwiseKernelRidge())
    with pytest.raises(InputError, match="ids of cell lines"):
        model.fit(wide, screen.y)
