"""Responders, enrichment and learning curves are drawn as their tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.baselines import DrugMean
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.plotting import (
    EnrichmentDisplay,
    LearningCurveDisplay,
    RespondersDisplay,
)
from sklearn_csg2a.plotting._canvas import palette


def _labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def _beside(ax):
    return [text.get_text() for text in ax.texts]


def test_responders_stand_by_auroc_with_their_numbers(comparison):
    display = RespondersDisplay.from_table(comparison)
    ax = display.ax_
    assert _labels(ax) == ["b (4 / 9)", "a (10 / 20)"]
    assert display.n_left_out == 1
    title = "2 drugs, 14 / 29 courses (responders / others)"
    assert ax.get_title(loc="left") == title
    assert _beside(ax) == ["< .001", ".400", "p, Holm", ".001", ".200", "p, permuted"]
    intervals = [tuple(each.get_segments()[0][:, 0]) for each in ax.collections]
    assert intervals == [(0.8, 1.0), (0.4, 0.8)]


def test_only_responders_that_hold_after_holm_are_colored(comparison):
    ax = RespondersDisplay.from_table(comparison).ax_
    colors = [line.get_color() for line in ax.get_lines() if line.get_marker() == "o"]
    assert colors == [palette().blue, palette().gray]


def test_responders_without_an_auroc_are_refused(comparison):
    with pytest.raises(InputError, match="no drug with an AUROC"):
        RespondersDisplay.from_table(comparison.loc[["c"]])


def test_responders_are_compared_before_they_are_drawn():
    display = RespondersDisplay.from_predictions(
        [1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], ["a"] * 4, n_resamples=19
    )
    assert display.comparison["auroc"].tolist() == [1.0]


def test_pathways_stand_by_adjusted_p_and_are_colored_if_the_null_agrees(enrichment):
    ax = EnrichmentDisplay.from_table(enrichment).ax_
    assert _labels(ax) == ["artefact", "real", "weak"]
    holds, others = ax.collections[1:]
    assert holds.get_offsets()[:, 1].tolist() == [1]
    np.testing.assert_allclose(holds.get_offsets()[:, 0], [4])
    assert tuple(holds.get_facecolor()[0][:3]) == to_rgb(palette().blue)
    assert others.get_offsets()[:, 1].tolist() == [0, 2]
    (null,) = (line for line in ax.get_lines() if line.get_marker() == "D")
    np.testing.assert_allclose(null.get_xdata(), -np.log10([0.7, 0.01, 0.4]))
    assert _beside(ax) == ["12 / 60", "9 / 40", "3 / 50", "genes"]


def test_enrichment_without_a_null_says_so(enrichment):
    display = EnrichmentDisplay.from_table(enrichment.assign(p_null=np.nan))
    assert display.ax_.get_title(loc="left") == "3 of 3 pathways; no null given"
    assert not [line for line in display.ax_.get_lines() if line.get_marker() == "D"]
    assert len(display.ax_.collections) == 2  # nothing is colored


def test_a_p_of_zero_and_long_names_can_be_drawn(enrichment):
    table = enrichment.assign(p_adjusted=0.0, pathway=enrichment["pathway"] + 80 * "x")
    ax = EnrichmentDisplay.from_table(table, n_pathways=1).ax_
    assert np.isfinite(ax.get_xlim()).all()
    assert len(_labels(ax)[0]) < 50


def test_learning_curves_are_errors_in_the_unit_of_the_response(history):
    display = LearningCurveDisplay.from_table(history, best_epoch=2)
    train, valid, best = display.ax_.get_lines()
    assert train.get_ydata().tolist() == [3, 2, 1]
    assert valid.get_ydata().tolist() == pytest.approx([4, 3, 10**0.5])
    assert best.get_label() == "weights of epoch 2"
    assert display.ax_.get_ylabel() == "root mean squared error (ln uM)"
    assert display.ax_.get_title(loc="left") == "3 epochs"


def test_learning_curves_of_members_and_without_held_out_rows(history):
    both = pd.concat([history.assign(member=0), history.assign(member=1)])
    display = LearningCurveDisplay.from_table(both)
    assert len(display.ax_.get_lines()) == 4
    assert display.ax_.get_title(loc="left") == "2 networks, 3 epochs"
    alone = LearningCurveDisplay.from_table(history.drop(columns="valid_loss"))
    assert len(alone.ax_.get_lines()) == 1


def test_models_without_epochs_have_no_learning_curve(history):
    with pytest.raises(InputError, match="estimator is a DrugMean; expected a fitted"):
        LearningCurveDisplay.from_estimator(DrugMean())
    with pytest.raises(InputError, match="'train_loss': a value is negative"):
        LearningCurveDisplay.from_table(history.assign(train_loss=-1.0))


def test_learning_curves_of_expression_have_its_unit():
    screen = make_screen(n_perturbation_compounds=2, n_genes=24, random_state=0)
    model = PerturbationRegressor(expression=screen.expression, max_epochs=1)
    model.fit(screen.perturbation.X, screen.perturbation.Y)
    display = LearningCurveDisplay.from_estimator(model)
    assert display.ax_.get_ylabel() == "root mean squared error (unit of Y)"
