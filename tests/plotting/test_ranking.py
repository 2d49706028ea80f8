"""The picture of a ranking shows the first drugs of one sample."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_csg2a import rank_drugs
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.plotting import DrugRankingDisplay


def _labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def _legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_drugs_stand_by_rank_with_the_first_at_the_top(ranking):
    display = DrugRankingDisplay.from_table(ranking.iloc[::-1], sample="P1")
    left, right = display.axes_
    assert _labels(left) == ["c", "a", "b"]
    low, high = left.get_ylim()
    assert low > high
    assert left.get_xlabel().startswith("percentile among reference cell lines")
    assert right.get_xlabel() == "predicted ln IC50 (ln uM)"


def test_drugs_without_prediction_are_not_counted(ranking):
    display = DrugRankingDisplay.from_table(ranking, sample="P1", n_drugs=2)
    assert display.ax_.get_title(loc="left") == "P1: 2 of 3 drugs"


def test_percentiles_predictions_and_limits_are_drawn(ranking):
    left, right = DrugRankingDisplay.from_table(ranking, sample="P2").axes_
    for ax, column in ((left, "percentile"), (right, "ln_ic50")):
        values = ranking.loc[ranking["sample"] == "P2", column].to_numpy()
        inside_line, outside_line = (
            line for line in ax.get_lines() if line.get_marker() == "o"
        )
        np.testing.assert_array_equal(outside_line.get_xdata(), values[[1]])
        np.testing.assert_array_equal(inside_line.get_xdata(), values[[0, 2, 3]])
    segments = right.collections[0].get_segments()
    assert [tuple(segment[:, 0]) for segment in segments] == [
        (-1.0, 1.0),
        (0.0, 2.0),
        (1.0, 3.0),
        (2.0, 4.0),
    ]


def test_legend_names_what_is_there(ranking):
    display = DrugRankingDisplay.from_table(ranking, sample="P1")
    assert _legend(display.ax_) == ["interval", "prediction", "outside of the domain"]
    plain = ranking.assign(lower=np.nan, upper=np.nan).drop(columns="in_domain")
    display = DrugRankingDisplay.from_table(plain, sample="P1")
    assert display.ax_.get_legend() is None


def test_a_ranking_without_percentiles_is_drawn_by_ln_ic50(ranking):
    plain = ranking.assign(percentile=np.nan)
    display = DrugRankingDisplay.from_table(plain, sample="P2")
    (panel,) = display.axes_
    assert panel.get_xlabel() == "predicted ln IC50 (ln uM)"
    assert _labels(panel) == list("abcd")
    assert display.ax_.get_title(loc="left") == "P2: 4 of 4 drugs by ln IC50"


def test_the_sample_is_chosen(ranking):
    with pytest.raises(InputError, match=r"2 samples, 'P1', 'P2'; choose one with"):
        DrugRankingDisplay.from_table(ranking)
    with pytest.raises(InputError, match=r"sample='P3' is not in ranking, whose samp"):
        DrugRankingDisplay.from_table(ranking, sample="P3")
    only = DrugRankingDisplay.from_table(ranking[ranking["sample"] == "P2"])
    assert only.sample == "P2"


def test_a_sample_without_predictions_is_refused(ranking):
    with pytest.raises(InputError, match=r"no prediction for the sample 'P1'"):
        DrugRankingDisplay.from_table(ranking.iloc[3:], sample="P1")


@pytest.mark.parametrize("n_drugs", [0, 1.5, True])
def test_the_number_of_drugs_is_checked(ranking, n_drugs):
    with pytest.raises(InputError, match=r"n_drugs=.*; expected an integer"):
        DrugRankingDisplay.from_table(ranking, sample="P1", n_drugs=n_drugs)


def test_from_estimator_draws_what_rank_drugs_returns():
    screen = make_screen(n_cells=15, n_compounds=6, random_state=0)
    model = PairwiseKernelRidge(expression=screen.expression).fit(screen.X, screen.y)
    display = DrugRankingDisplay.from_estimator(model, ["CELL003"])
    ranking = rank_drugs(model, ["CELL003"])
    assert display.ranking["drug"].tolist() == ranking["drug"].tolist()
