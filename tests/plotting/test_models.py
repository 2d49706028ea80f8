"""Comparisons of models, mechanisms and zero-shot distances are drawn as measured."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import compare_distances, compare_mechanisms
from sklearn_csg2a.plotting import (
    ComparisonDisplay,
    MechanismSimilarityDisplay,
    ZeroShotDisplay,
)


@pytest.fixture(scope="module")
def fitted():
    """A model of perturbed expression, and the screen that it belongs to."""
    screen = make_screen(n_cells=8, n_genes=24, n_compounds=12, random_state=0)
    model = PerturbationRegressor(
        expression=screen.expression, max_epochs=2, random_state=0
    )
    return model.fit(screen.perturbation.X, screen.perturbation.Y), screen


def _labels(ax):
    return [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]


def _legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def _vertical(ax, style):
    """Places of the vertical lines of a style."""
    return [line.get_xdata()[0] for line in ax.get_lines() if line.get_ls() == style]


def test_models_stand_from_the_best_to_the_worst_over_all_schemes(results):
    display = ComparisonDisplay.from_table(results)
    assert _labels(display.axes_[0]) == ["ridge", "network", "DrugMean", "GlobalMean"]
    titles = [panel.get_title(loc="left") for panel in display.axes_]
    assert titles == ["new cell lines\n10 folds", "new compounds\n10 folds"]


def test_the_best_naive_model_of_each_scheme_and_the_noise_are_lines(results):
    display = ComparisonDisplay.from_table(results, noise=0.7)
    assert [_vertical(panel, "--") for panel in display.axes_] == [[1.4], [2.5]]
    assert [_vertical(panel, ":") for panel in display.axes_] == [[0.7], [0.7]]
    assert set(_legend(display.ax_)) == {
        "naive",
        "best naive model",
        "noise of a measurement",
        "classical",
        "network",
    }


def test_skill_is_measured_from_the_naive_model(results):
    columns = {f"rmse{end}": f"skill{end}" for end in ("", "_low", "_high")}
    display = ComparisonDisplay.from_table(
        results.rename(columns=columns), measure="skill", noise=0.7
    )
    assert display.models[0] == "GlobalMean"  # the largest number
    assert _vertical(display.axes_[0], "--") == [0.0]
    assert _vertical(display.axes_[0], ":") == []


def test_models_far_below_the_naive_one_are_arrows_at_the_edge(results):
    columns = {f"rmse{end}": f"skill{end}" for end in ("", "_low", "_high")}
    table = results.rename(columns=columns)
    table[list(columns.values())] -= 4.0
    left, _ = ComparisonDisplay.from_table(table, measure="skill").axes_
    arrows = [line for line in left.get_lines() if line.get_marker() == "<"]
    drawn = np.concatenate([line.get_xdata() for line in arrows])
    assert drawn.tolist() == [-0.5] * 4
    assert left.get_xlim()[0] == -0.5


def test_a_model_that_lacks_a_scheme_or_an_interval_is_drawn_where_it_can(results):
    results.loc[2, ["rmse_low", "rmse_high"]] = np.nan
    display = ComparisonDisplay.from_table(results.drop(index=7))
    marks = [line for line in display.axes_[1].get_lines() if line.get_marker() == "^"]
    assert marks == []
    assert "network" in display.models


def test_a_comparison_brings_its_noise(results):
    found = SimpleNamespace(table=results, noise=0.6)
    assert ComparisonDisplay.from_comparison(found).noise == 0.6
    with pytest.raises(InputError, match="comparison is a DataFrame; expected what"):
        ComparisonDisplay.from_comparison(results)
    with pytest.raises(InputError, match="measure='mse'; expected one of rmse, skill"):
        ComparisonDisplay.from_table(results, measure="mse")
    with pytest.raises(InputError, match="'rmse': no row has a value"):
        ComparisonDisplay.from_table(results.assign(rmse=np.nan))


def test_pairs_within_a_mechanism_are_compared_by_each_similarity(pairs):
    display = MechanismSimilarityDisplay.from_table(pairs, n_permutations=19)
    expected = compare_mechanisms(pairs, n_permutations=19)
    pd.testing.assert_frame_equal(display.comparison, expected)
    left, right = display.axes_
    assert _labels(left) == ["model", "structure (Tanimoto)"]
    circles, diamonds, _ = right.get_lines()
    np.testing.assert_array_equal(circles.get_xdata(), expected["auroc"])
    np.testing.assert_array_equal(diamonds.get_xdata(), expected["beyond_tanimoto"])
    assert [text.get_text() for text in right.texts][-3:][1] == "n/a"
    assert _legend(display.ax_)[:2] == ["within a mechanism", "between"]


def test_similarities_without_structures_have_nothing_beyond(pairs):
    table = pairs.drop(columns="tanimoto")
    display = MechanismSimilarityDisplay.from_table(table, n_permutations=9)
    assert "beyond structure" not in _legend(display.ax_)
    with pytest.raises(InputError, match=r"has no column 'same_mechanism'; its"):
        MechanismSimilarityDisplay.from_table(table.drop(columns="same_mechanism"))
    with pytest.raises(InputError, match=r"'same_mechanism': row 0: 'yes'; .*True or"):
        MechanismSimilarityDisplay.from_table(table.assign(same_mechanism="yes"))


def test_cell_lines_stand_by_effect_beside_distances_without_a_model(distances):
    display = ZeroShotDisplay.from_table(distances, n_permutations=19)
    left, right = display.axes_
    assert _labels(left) == ["A", "B", "C"]
    assert _labels(right) == ["model", "cell alone (expression norm)"]
    within = display.within_cell
    assert within.loc["A", "distance"] == pytest.approx(-1)
    assert (within["expression_norm"] == 0).all()
    expected = compare_distances(distances, n_permutations=19)
    pd.testing.assert_frame_equal(display.comparison, expected)
    np.testing.assert_allclose(within.mean(), expected["within_cell"], atol=1e-12)
    assert left.get_title(loc="left") == "3 of 3 cell lines, 15 pairs"


def test_some_of_many_cell_lines_are_drawn_from_the_strongest_to_the_weakest(distances):
    display = ZeroShotDisplay.from_table(distances, n_cells=2, n_permutations=9)
    assert _labels(display.axes_[0]) == ["A", "C"]
    dots = display.axes_[1].get_lines()[0].get_xdata()
    assert len(dots) == 3, "correlations are those of all cell lines"


def test_rows_without_a_distance_are_left_out(distances):
    distances.loc[0, ["compound", "distance"]] = None
    display = ZeroShotDisplay.from_table(distances, n_permutations=9)
    assert len(display.pairs) == 14


def test_responses_are_needed(distances, fitted):
    with pytest.raises(InputError, match=r"has no column 'response'; its columns are"):
        ZeroShotDisplay.from_table(distances.drop(columns="response"))
    with pytest.raises(InputError, match="y is None; expected the response"):
        ZeroShotDisplay.from_estimator(fitted[0], fitted[1].X, None)


def test_displays_are_made_from_a_model(fitted):
    model, screen = fitted
    X = screen.X.assign(dose=10.0, time=72.0)
    display = ZeroShotDisplay.from_estimator(model, X, screen.y, n_permutations=9)
    assert len(display.pairs) == len(X)
    kept = X["drug"].isin(X["drug"].unique()[:6])
    alike = MechanismSimilarityDisplay.from_estimator(
        model, X[kept], screen.truth.target, by="drug", n_permutations=9
    )
    assert len(alike.pairs) == 15
