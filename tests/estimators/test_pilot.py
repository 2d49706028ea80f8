"""A few measurements of a new compound improve its predictions without another fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge

from sklearn_csg2a import PilotRegressor, load_model, save_model
from sklearn_csg2a.baselines import CellMean, MeanEffects, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError

SCREEN = make_screen(n_cells=40, n_compounds=12, n_genes=30, random_state=0)
IS_NEW = SCREEN.X["smiles"].isin(SCREEN.X["smiles"].unique()[-2:]).to_numpy()
X, y = SCREEN.X[~IS_NEW], SCREEN.y[~IS_NEW]
X_NEW, Y_NEW = SCREEN.X[IS_NEW], SCREEN.y[IS_NEW]
FIRST = (X_NEW["smiles"] == X_NEW["smiles"].iloc[0]).to_numpy()
FITTED = PairwiseKernelRidge(expression=SCREEN.expression).fit(X, y)


def _frozen(**settings):
    return PilotRegressor(
        FrozenEstimator(FITTED), expression=SCREEN.expression, **settings
    )


def _error(model, rows):
    errors = model.predict(X_NEW.iloc[rows]) - Y_NEW.iloc[rows].to_numpy()
    return float(np.sqrt(np.mean(errors**2)))


def _first(n_rows):
    return np.flatnonzero(FIRST)[:n_rows]


def test_the_error_falls_with_the_number_of_pilot_rows():
    place = X_NEW.groupby("smiles").cumcount().to_numpy()
    rest = np.flatnonzero(place >= 20)
    errors = [_error(FITTED, rest)]
    for n_rows in (2, 20):
        few = place < n_rows
        errors.append(_error(_frozen().partial_fit(X_NEW[few], Y_NEW[few]), rest))
    assert errors[0] > errors[1] > errors[2]


def test_other_compounds_are_predicted_as_before():
    model = _frozen().partial_fit(X_NEW[FIRST], Y_NEW[FIRST])
    assert (model.predict(X_NEW[~FIRST]) == FITTED.predict(X_NEW[~FIRST])).all()


def test_rows_may_come_one_after_the_other():
    at_once = _frozen().partial_fit(X_NEW, Y_NEW)
    model = _frozen()
    for rows in np.array_split(np.arange(len(X_NEW)), 4):
        model.partial_fit(X_NEW.iloc[rows], Y_NEW.iloc[rows])
    assert model.n_pilot_rows_ == at_once.n_pilot_rows_ == len(X_NEW)
    np.testing.assert_allclose(model.predict(X_NEW), at_once.predict(X_NEW), rtol=1e-9)


def test_the_correction_is_that_of_the_gaussian_process():
    rows, to = _first(3), np.flatnonzero(FIRST)[3:5]
    model = _frozen(level_std=2.0, ranking_std=0.5, slope_std=0.4, noise_std=0.7)
    model.partial_fit(X_NEW.iloc[rows], Y_NEW.iloc[rows])
    scaled = (SCREEN.expression - SCREEN.expression.mean()) / SCREEN.expression.std(
        ddof=0
    )
    both = X_NEW.iloc[[*rows, *to]]
    genes = scaled.loc[both["cell_line"]].to_numpy()
    predicted = FITTED.predict(both)
    u = predicted - predicted[:3].mean()
    distance = ((genes[:, None] - genes) ** 2).mean(axis=2)
    kernel = 2.0**2 + 0.5**2 * np.exp(-0.3 * distance) + 0.4**2 * np.outer(u, u)
    residual = Y_NEW.iloc[rows].to_numpy() - predicted[:3]
    dual = np.linalg.solve(kernel[:3, :3] + 0.7**2 * np.eye(3), residual)
    expected = predicted[3:] + kernel[3:, :3] @ dual
    np.testing.assert_allclose(model.predict(both)[3:], expected, rtol=1e-6)


def test_one_row_shrinks_the_level_by_its_share_of_the_variance():
    row = _first(1)
    model = _frozen(level_std=2.0, ranking_std=0.0, slope_std=0.0, noise_std=1.0)
    model.partial_fit(X_NEW.iloc[row], Y_NEW.iloc[row])
    residual = Y_NEW.iloc[row].to_numpy() - FITTED.predict(X_NEW.iloc[row])
    moved = model.predict(X_NEW[FIRST]) - FITTED.predict(X_NEW[FIRST])
    np.testing.assert_allclose(moved, 0.8 * residual[0], rtol=1e-9)


def test_another_spelling_of_the_compound_is_the_same_compound():
    cells = list(SCREEN.expression.index[:6])
    model = _frozen().partial_fit(
        pd.DataFrame({"cell_line": cells[:3], "smiles": "CCO"}), [3.0, 4.0, 5.0]
    )
    ways = [
        model.predict(pd.DataFrame({"cell_line": cells, "smiles": smiles}))
        for smiles in ("CCO", "OCC", "CCO.Cl")
    ]
    base = FITTED.predict(pd.DataFrame({"cell_line": cells, "smiles": "CCO"}))
    assert (ways[0] == ways[1]).all()
    assert (ways[0] != base).all()
    assert np.abs(ways[2] - ways[0]).max() < np.abs(ways[0] - base).max()


def test_predictions_do_not_depend_on_other_rows():
    model = _frozen().partial_fit(X_NEW.iloc[::3], Y_NEW.iloc[::3])
    together = model.predict(SCREEN.X)
    rows = np.random.default_rng(0).permutation(len(SCREEN.X))[:50]
    assert (model.predict(SCREEN.X.iloc[rows]) == together[rows]).all()


def test_fit_fits_the_estimator_and_forgets_pilot_rows():
    model = PilotRegressor(CellMean(), expression=SCREEN.expression).fit(X, y)
    before = model.predict(X_NEW)
    assert (before == CellMean().fit(X, y).predict(X_NEW)).all()
    assert (model.partial_fit(X_NEW, Y_NEW).predict(X_NEW) != before).all()
    assert (model.fit(X, y).predict(X_NEW) == before).all()
    assert model.n_pilot_rows_ == 0


def test_wide_rows_need_no_table():
    def widen(rows):
        genes = SCREEN.expression.loc[rows["cell_line"]].set_axis(rows.index)
        return pd.concat([rows, genes], axis=1)

    wide = PilotRegressor(MeanEffects()).fit(widen(X), y)
    wide.partial_fit(widen(X_NEW), Y_NEW)
    assert np.isfinite(wide.predict(widen(X_NEW))).all()


def test_a_fitted_model_that_a_clone_would_lose_is_refused():
    model = PilotRegressor(FITTED, expression=SCREEN.expression)
    with pytest.raises(InputError, match="FrozenEstimator"):
        model.partial_fit(X_NEW, Y_NEW)


def test_pilot_rows_with_an_invalid_compound_are_named():
    bad = X_NEW.head(3).assign(smiles=["CCO", "no compound", "CCO"])
    frozen = FrozenEstimator(
        clone(FITTED).set_params(on_invalid_smiles="nan").fit(X, y)
    )
    model = PilotRegressor(frozen, expression=SCREEN.expression)
    model.partial_fit(X_NEW, Y_NEW)
    before = model.predict(X_NEW)
    with pytest.raises(InputError, match="1 pilot rows"):
        model.partial_fit(bad, Y_NEW.head(3))
    assert (model.predict(X_NEW) == before).all()
    assert np.isnan(model.predict(bad)).tolist() == [False, True, False]


def test_a_saved_model_keeps_its_pilot_rows(tmp_path):
    model = _frozen().partial_fit(X_NEW.iloc[::2], Y_NEW.iloc[::2])
    save_model(model, tmp_path / "model", include_expression=True)
    again = load_model(tmp_path / "model")
    assert (again.predict(X_NEW) == model.predict(X_NEW)).all()
    again.partial_fit(X_NEW.iloc[1::2], Y_NEW.iloc[1::2])
    assert again.n_pilot_rows_ == len(X_NEW)


def test_any_regressor_on_numbers_can_be_corrected():
    values = np.random.default_rng(0).normal(size=(30, 3))
    frozen = FrozenEstimator(Ridge().fit(values, values[:, 0]))
    model = PilotRegressor(frozen).partial_fit(values, values[:, 0] + 2)
    assert np.abs(model.predict(values) - values[:, 0] - 2).max() < 0.3
