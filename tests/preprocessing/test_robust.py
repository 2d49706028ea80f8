"""Robust z-scores: from the cells of fit, for each gene, whatever its spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from sklearn_csg2a import DrugResponseRegressor, load_model, save_model
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.preprocessing import RobustZScore

EXPRESSION = np.random.default_rng(0).normal(5, [1, 2, 0.5], size=(41, 3))


@pytest.mark.changes_global_random_state
def test_every_estimator_check_passes():
    results = check_estimator(RobustZScore(), on_fail=None, on_skip=None)
    failed = [r["check_name"] for r in results if r["status"] in {"failed", "xfail"}]
    assert not failed
    assert sum(result["status"] == "passed" for result in results) >= 46


def test_scores_are_distances_from_the_median_in_robust_deviations():
    scores = RobustZScore().fit_transform(EXPRESSION)
    median = np.median(EXPRESSION, axis=0)
    mad = np.median(np.abs(EXPRESSION - median), axis=0)
    np.testing.assert_allclose(scores, (EXPRESSION - median) / (1.4826 * mad))


def test_only_the_cells_of_fit_have_an_effect():
    scaler = RobustZScore().fit(EXPRESSION[:30])
    np.testing.assert_array_equal(scaler.center_, np.median(EXPRESSION[:30], axis=0))
    other = EXPRESSION.copy()
    other[30:] = 1e6
    np.testing.assert_array_equal(
        scaler.transform(EXPRESSION)[:30],
        RobustZScore().fit(other[:30]).transform(other)[:30],
    )


def test_gene_that_most_cells_share_a_value_of_is_scaled_by_the_mean_deviation():
    gene = np.array([[1.0], [1.0], [1.0], [1.0], [6.0]])
    scaler = RobustZScore().fit(gene)
    np.testing.assert_allclose(scaler.scale_, [np.sqrt(np.pi / 2)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_gene_scores_0(dtype, value):
    gene = np.full((6, 1), value, dtype=dtype)
    scaler = RobustZScore()
    np.testing.assert_array_equal(scaler.fit_transform(gene), np.zeros((6, 1)))
    assert scaler.scale_.tolist() == [1.0]
    assert np.isfinite(scaler.transform(gene + dtype(1.0))).all()


def test_scores_can_be_clipped_and_turned_back():
    scaler = RobustZScore(clip=1.5).fit(EXPRESSION)
    scores = scaler.transform(EXPRESSION)
    assert np.abs(scores).max() == 1.5
    back = scaler.inverse_transform(scores)
    inside = np.abs(scores) < 1.5
    np.testing.assert_allclose(back[inside], EXPRESSION[inside])
    with pytest.raises(ValueError, match="clip"):
        RobustZScore(clip=0).fit(EXPRESSION)
    with pytest.raises(InputError, match="2 genes"):
        scaler.inverse_transform(scores[:, :2])


def test_groups_are_scaled_by_themselves():
    groups = np.array(["P1"] * 20 + ["P2"] * 21, dtype=object)
    shifted = EXPRESSION.copy()
    shifted[20:] += 100
    scaler = RobustZScore()
    scores = scaler.fit_transform(shifted, groups=groups)
    for plate in ("P1", "P2"):
        rows = groups == plate
        alone = RobustZScore().fit_transform(shifted[rows])
        np.testing.assert_allclose(scores[rows], alone)
    np.testing.assert_array_equal(scaler.transform(shifted[:2], ["P1"] * 2), scores[:2])
    np.testing.assert_allclose(scaler.inverse_transform(scores, groups), shifted)


def test_groups_must_be_known_and_given_again():
    scaler = RobustZScore().fit(EXPRESSION, groups=["a"] * 20 + ["b"] * 21)
    with pytest.raises(InputError, match=r"'c'.*fit_transform"):
        scaler.transform(EXPRESSION[:1], ["c"])
    with pytest.raises(InputError, match="fitted with groups"):
        scaler.transform(EXPRESSION)
    with pytest.raises(InputError, match="fitted without groups"):
        RobustZScore().fit(EXPRESSION).transform(EXPRESSION, ["a"] * 41)
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        RobustZScore().fit(EXPRESSION, groups=["a"] * 3)


def test_tables_keep_their_names():
    table = pd.DataFrame(EXPRESSION, columns=["TP53", "EGFR", "MYC"]).add_prefix("g_")
    scaler = RobustZScore().set_output(transform="pandas").fit(table)
    scored = scaler.transform(table)
    pd.testing.assert_index_equal(scored.columns, table.columns)
    pd.testing.assert_index_equal(scored.index, table.index)
    assert make_pipeline(clone(scaler)).fit(table).get_feature_names_out().tolist() == (
        table.columns.tolist()
    )
    with pytest.raises(ValueError, match="feature names"):
        scaler.transform(table[["g_EGFR", "g_TP53", "g_MYC"]])


def test_it_scales_the_expression_of_a_response_model_and_is_saved_with_it(tmp_path):
    screen = make_screen(
        n_cells=8,
        n_compounds=6,
        n_genes=40,
        n_perturbation_compounds=4,
        profiles_per_compound=2,
        random_state=0,
    )
    model = DrugResponseRegressor(
        expression=screen.expression,
        expression_scaler=RobustZScore(),
        max_epochs=1,
        hidden_dim=4,
        head_hidden=(4,),
        random_state=0,
    ).fit(screen.X, screen.y)
    cells = screen.expression.loc[screen.X["cell_line"].unique()]
    assert model.scaler_.center_.shape == (40,)
    assert set(model.scaler_.center_) <= set(
        np.concatenate([np.float32(cells.to_numpy()).ravel(), model.scaler_.center_])
    )
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded.scaler_, RobustZScore)
    np.testing.assert_array_equal(loaded.predict(screen.X), model.predict(screen.X))
