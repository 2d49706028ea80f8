"""Measures agree with their definitions, and never turn into NaN."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_csg2a import metrics
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import (
    fit_mean_effects,
    neg_rmse_scorer,
    pearson,
    pearson_scorer,
    profile_correlation,
    profile_scorer,
    residual_correlation,
    rmse,
    skill,
    spearman,
    spearman_scorer,
    within_cell_scorer,
    within_drug_scorer,
    within_group_correlation,
    within_group_scorer,
)

SCORERS = {
    "neg_rmse": neg_rmse_scorer,
    "pearson": pearson_scorer,
    "spearman": spearman_scorer,
    "within_drug": within_drug_scorer,
    "within_cell": within_cell_scorer,
    "within_tissue": within_group_scorer("tissue", method="spearman"),
}


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    true = rng.normal(size=200)
    return true, true + rng.normal(size=200), np.repeat(np.arange(20), 10)


class ColumnRegressor(RegressorMixin, BaseEstimator):
    """Predict the column `signal` of X."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X["signal"].to_numpy()


@pytest.fixture
def screen(values):
    true, pred, groups = values
    X = pd.DataFrame(
        {
            "cell_line": [f"cell {i % 10}" for i in range(200)],
            "smiles": ["C" * (1 + group) for group in groups],
            "tissue": [f"tissue {i % 5}" for i in range(200)],
            "signal": pred,
        }
    )
    return X, true


def test_correlations_agree_with_scipy(values):
    true, pred, _ = values
    assert pearson(true, pred) == pytest.approx(stats.pearsonr(true, pred)[0])
    assert spearman(true, pred) == pytest.approx(stats.spearmanr(true, pred)[0])


def test_ties_share_their_rank():
    true, pred = [1, 1, 2, 3], [1, 2, 2, 2]
    assert spearman(true, pred) == pytest.approx(stats.spearmanr(true, pred)[0])


@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1 + 0.2, 1e300, -1e-300])
@pytest.mark.parametrize("measure", [pearson, spearman])
def test_constant_prediction_scores_zero(measure, constant):
    true = np.arange(7.0)
    assert measure(true, np.full(7, constant)) == 0.0
    assert measure(np.full(7, constant), true) == 0.0
    assert measure([1.0], [2.0]) == 0.0


def test_rounding_around_a_constant_scores_zero():
    pred = 0.3 + np.array([0, 1, 0, -1, 1, 0]) * np.spacing(0.3)
    assert pearson(np.arange(6.0), pred) == 0.0


@settings(max_examples=50)
@given(
    pair=st.integers(1, 20).flatmap(
        lambda n: arrays(np.float64, (2, n), elements=st.floats(-1e150, 1e150))
    )
)
def test_correlations_are_always_between_minus_one_and_one(pair):
    for measure in (pearson, spearman):
        assert -1.0 <= measure(*pair) <= 1.0


def test_several_outputs_are_one_long_vector(values):
    true, pred, _ = values
    wide = true.reshape(20, 10), pred.reshape(20, 10)
    for measure in (rmse, pearson, spearman):
        assert measure(*wide) == pytest.approx(measure(true, pred))


def test_profile_correlation_is_the_mean_over_rows(values):
    true, pred = (one.reshape(20, 10) for one in values[:2])
    expected = [stats.pearsonr(a, b)[0] for a, b in zip(true, pred, strict=True)]
    assert profile_correlation(true, pred) == pytest.approx(np.mean(expected))
    pred[:10] = 1.0
    assert profile_correlation(true, pred) == pytest.approx(np.sum(expected[10:]) / 20)
    with pytest.raises(InputError, match="at least two genes"):
        profile_correlation(true[:, 0], pred[:, 0])


def test_skill_compares_squared_errors(values):
    true, pred, _ = values
    naive = np.full(200, true.mean())
    expected = 1 - np.mean((true - pred) ** 2) / np.var(true)
    assert skill(true, pred, naive) == pytest.approx(expected)
    assert skill(true, naive, naive) == 0.0
    assert skill(true, true, naive) == 1.0


def test_skill_over_a_perfect_naive_model_is_no_division_by_zero():
    assert skill([1, 2], [1, 2], [1, 2]) == 0.0
    assert skill([1, 2], [1, 3], [1, 2]) == -np.inf


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_within_group_is_the_mean_over_groups(method, values):
    true, pred, groups = values
    measure = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}[method]
    expected = [measure(true[groups == k], pred[groups == k])[0] for k in range(20)]
    order = np.random.default_rng(1).permutation(200)
    result = within_group_correlation(
        true[order], pred[order], groups[order], method=method
    )
    assert result.mean == pytest.approx(np.mean(expected))
    assert result.n_groups == 20
    np.testing.assert_allclose(result.per_group.sort_index(), expected)


def test_within_group_ignores_what_the_group_means_explain(values):
    true, _, groups = values
    pred = groups * 100.0
    assert pearson(true + groups * 100.0, pred) > 0.99
    assert within_group_correlation(true + groups * 100.0, pred, groups).mean == 0.0


def test_within_group_leaves_out_small_and_constant_groups():
    groups = list("aaabbcccc")
    true = [1, 2, 3, 1, 2, 5, 5, 5, 5]
    pred = [1, 2, 3, 2, 1, 1, 2, 3, 4]
    assert within_group_correlation(true, pred, groups).n_groups == 1
    result = within_group_correlation(true, pred, groups, min_rows=2)
    assert result.per_group.to_dict() == pytest.approx({"a": 1.0, "b": -1.0})
    with pytest.raises(
        InputError, match="None of the 3 groups has at least min_rows=4"
    ):
        within_group_correlation(true, pred, groups, min_rows=4)


def test_mean_effects_are_least_squares():
    rng = np.random.default_rng(0)
    cell, drug = rng.integers(0, 8, 120), rng.integers(0, 5, 120)
    y = cell * 1.0 - drug * 2.0 + rng.normal(size=120)
    design = np.hstack([np.eye(8)[cell], np.eye(5)[drug]])
    expected = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    fit = fit_mean_effects(y, cell, drug)
    np.testing.assert_allclose(fit.predict(cell, drug), expected, atol=1e-7)


def test_mean_effects_of_new_ids_are_zero_and_shrink():
    y, cell, drug = [1.0, 2.0, 3.0, 6.0], list("aabb"), list("xyxy")
    fit = fit_mean_effects(y, cell, drug)
    assert fit.predict(["new"], ["new"]).tolist() == [3.0]
    shrunk = fit_mean_effects(y, cell, drug, shrinkage=10.0)
    assert (shrunk.drug_effects.abs() < fit.drug_effects.abs()).all()
    with pytest.raises(InputError, match="shrinkage must not be negative"):
        fit_mean_effects(y, cell, drug, shrinkage=-1)
    with pytest.raises(InputError, match="must have the same length"):
        fit_mean_effects(y, cell[:3], drug)
    with pytest.raises(InputError, match="missing in row 1"):
        fit_mean_effects(y, ["a", None, "b", "b"], drug)


def test_residual_correlation_removes_the_naive_model(values):
    true, pred, groups = values
    naive = groups * 10.0
    found = residual_correlation(true + naive, pred + naive, naive)
    assert found == pytest.approx(pearson(true, pred))
    assert residual_correlation(true + naive, naive, naive) == 0.0
    assert residual_correlation(true + naive, naive * (1 + 1e-16), naive) == 0.0


@pytest.mark.parametrize(
    ("true", "pred", "text"),
    [
        ([1, 2, 3], [1, 2], r"y_true has the shape \(3,\) and y_pred the shape \(2,\)"),
        ([1, np.nan], [1, 2], "y_true is not finite at row 1: nan"),
        ([1, 2], [np.inf, 2], "y_pred is not finite at row 0: inf"),
        ([[1, 2], [3, 4]], [[1, 2], [3, np.nan]], "y_pred .* at row 1, output 1: nan"),
        ([1] * 9, [np.nan] * 9, r"row 4: nan; and 4 more\. Remove these rows"),
        (["a"], [1], "y_true must contain numbers"),
        ([], [], "with at least one row"),
    ],
)
@pytest.mark.parametrize("measure", [rmse, pearson, spearman])
def test_bad_values_are_named(measure, true, pred, text):
    with pytest.raises(InputError, match=text):
        measure(true, pred)


def test_row_label_of_a_series_is_named():
    true = pd.Series([1.0, np.nan], index=["A549", "MCF7"])
    with pytest.raises(InputError, match=r"row 1 \(index 'MCF7'\): nan"):
        rmse(true, [1.0, 2.0])


def test_bad_groups_and_settings_are_named(values):
    true, pred, groups = values
    with pytest.raises(InputError, match=r"groups of shape \(3,\)"):
        within_group_correlation(true, pred, groups[:3])
    with pytest.raises(InputError, match="groups is missing in row 1"):
        within_group_correlation([1, 2], [1, 2], ["a", None])
    with pytest.raises(InputError, match="method must be one of"):
        within_group_correlation(true, pred, groups, method="kendall")
    with pytest.raises(InputError, match="min_rows must be at least 2"):
        within_group_correlation(true, pred, groups, min_rows=1)


def test_column_vectors_are_flat_responses(values):
    true, pred, _ = values
    assert rmse(true[:, None], pred) == rmse(true, pred)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_can_be_pickled(name, screen):
    X, y = screen
    model = ColumnRegressor().fit(X, y)
    scorer = SCORERS[name]
    assert pickle.loads(pickle.dumps(scorer))(model, X, y) == scorer(model, X, y)


def test_scorers_agree_with_their_measures(screen):
    X, y = screen
    result = cross_validate(ColumnRegressor(), X, y, scoring=SCORERS, cv=2)
    rows = np.arange(100)
    true, X = y[rows], X.iloc[rows]
    assert result["test_neg_rmse"][0] == pytest.approx(-rmse(true, X["signal"]))
    assert result["test_pearson"][0] == pytest.approx(pearson(true, X["signal"]))
    within = within_group_correlation(true, X["signal"], X["smiles"]).mean
    assert result["test_within_drug"][0] == pytest.approx(within)
    within = within_group_correlation(true, X["signal"], X["cell_line"]).mean
    assert result["test_within_cell"][0] == pytest.approx(within)


def test_scorers_that_need_no_column_share_one_prediction(screen):
    X, y = screen
    calls = []

    class CountingRegressor(ColumnRegressor):
        def predict(self, X):
            calls.append(len(X))
            return super().predict(X)

    plain = {name: SCORERS[name] for name in ("neg_rmse", "pearson", "spearman")}
    cross_validate(CountingRegressor(), X, y, scoring=plain, cv=2)
    assert len(calls) == 2  # one for each fold


def test_constant_model_scores_zero_in_a_search(screen):
    X, y = screen
    for name, scorer in SCORERS.items():
        if name == "neg_rmse":
            continue
        search = GridSearchCV(
            DummyRegressor(), {"strategy": ["mean", "median"]}, scoring=scorer, cv=2
        )
        assert search.fit(X, y).best_score_ == 0.0


def test_within_drug_scorer_joins_spellings():
    X = pd.DataFrame({"smiles": ["CCO", "OCC", "C(O)C"], "signal": [1.0, 2.0, 4.0]})
    model = ColumnRegressor().fit(X, None)
    assert within_drug_scorer(model, X, [1.0, 2.0, 4.0]) == pytest.approx(1.0)


def test_scorer_names_the_column_that_is_absent(screen):
    X, y = screen
    model = ColumnRegressor().fit(X, y)
    with pytest.raises(InputError, match="from column 'mechanism', and there is no"):
        within_group_scorer("mechanism")(model, X, y)


def test_profile_scorer_takes_several_outputs():
    Y = np.arange(6.0).reshape(2, 3)
    model = DummyRegressor().fit([[0], [1]], Y)
    assert profile_scorer(model, [[0], [1]], Y) == pytest.approx(1.0)


def test_public_names_exist():
    assert all(hasattr(metrics, name) for name in metrics.__all__)


PAIRED = [rmse, pearson, spearman]
NAIVE = [skill, residual_correlation]
KINDS = {
    "complex": np.array([1 + 0j, 2, 4]),
    "bytes": np.array([b"1", b"2", b"4"]),
    "booleans": np.array([True, False, True]),
    "a boolean among numbers": [1.0, True, 4.0],
    "a list of bytes": [b"1", b"2", b"4"],
}


@pytest.mark.parametrize("measure", [*PAIRED, *NAIVE])
def test_a_column_is_the_same_as_its_values(measure):
    true, pred = np.array([1.0, 2.0, 4.0, 3.0]), np.array([1.5, 1.0, 5.0, 2.0])
    more = [np.array([2.0, 1.0, 1.0, 2.0])] if measure in NAIVE else []
    expected = measure(true, pred, *more)
    assert expected not in (0, 1)
    assert measure(true, pred[:, None], *more) == expected
    assert measure(true[:, None], pred, *more) == expected
    assert measure(pd.DataFrame({"y": true}), pd.Series(pred), *more) == expected
    with pytest.raises(InputError, match="shape"):
        measure(true, pred[None], *more)


def test_groups_take_a_column_as_well():
    true, pred = np.array([1.0, 2.0, 4.0, 3.0]), np.array([1.5, 1.0, 5.0, 2.0])
    expected = within_group_correlation(true, pred, list("aabb"), min_rows=2)
    found = within_group_correlation(true, pred[:, None], list("aabb"), min_rows=2)
    assert found.mean == expected.mean


@pytest.mark.parametrize("measure", PAIRED)
@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_no_real_numbers_are_refused(measure, kind):
    with pytest.raises(InputError, match=r"y_pred holds .*, not numbers: entry"):
        measure([1.0, 2.0, 4.0], KINDS[kind])
    with pytest.raises(InputError, match=r"y_true holds .*, not numbers: entry"):
        measure(KINDS[kind], [1.0, 2.0, 4.0])
