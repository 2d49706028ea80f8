"""Predictions against measurements, and the correlation within each drug."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.baselines import MeanEffects
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.plotting import PredictionByDrugDisplay


def _legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_correlation_over_all_rows_stands_beside_those_within_drugs(predictions):
    display = PredictionByDrugDisplay.from_predictions(**predictions)
    assert display.by_drug.index.tolist() == ["good", "random", "reverse"]
    assert display.by_drug["good"] == pytest.approx(1)
    assert display.by_drug["reverse"] == pytest.approx(-1)
    left, right = display.axes_
    assert display.pearson > 0.9
    assert left.get_title(loc="left") == f"30 rows: r = {display.pearson:.2f}".replace(
        "0.", "."
    )
    assert right.get_title(loc="left").startswith("3 drugs: mean r = ")
    assert left.get_xlabel() == "measured ln IC50 (ln uM)"
    assert left.get_xlim() == left.get_ylim()


def test_drugs_are_named_beside_their_correlation_the_highest_first(predictions):
    right = PredictionByDrugDisplay.from_predictions(**predictions).axes_[1]
    labels = [label.get_text() for label in right.get_yticklabels()]
    assert labels == ["good", "random", "reverse"]


def test_many_drugs_are_not_named():
    rng = np.random.default_rng(0)
    drug = np.repeat([f"d{i}" for i in range(40)], 4)
    y_true, y_pred = rng.normal(size=(2, 160))
    display = PredictionByDrugDisplay.from_predictions(y_true, y_pred, drug=drug)
    right = display.axes_[1]
    assert right.get_ylabel() == "40 drugs"
    assert right.get_yticks().size == 0
    chosen = [text.partition(" (")[0] for text in _legend(display.axes_[0])]
    order = display.by_drug.index
    assert chosen == ["other drugs", order[0], order[20], order[-1]]


def test_drugs_of_few_rows_are_not_shown_as_the_best(predictions):
    few = {"y_true": [-20, 0, 20], "y_pred": [-20, 0, 20], "drug": ["few"] * 3}
    both = {name: np.concatenate([predictions[name], few[name]]) for name in few}
    display = PredictionByDrugDisplay.from_predictions(**both)
    assert set(display.by_drug.index[:2]) == {"few", "good"}
    chosen = [text.partition(" (")[0] for text in _legend(display.axes_[0])]
    assert chosen == ["other drugs", "good", "random", "reverse"]


def test_chosen_drugs_are_colored_with_their_correlation(predictions):
    display = PredictionByDrugDisplay.from_predictions(
        **predictions, highlight=["reverse"]
    )
    assert _legend(display.axes_[0]) == [
        "other drugs",
        "reverse (r = \N{MINUS SIGN}1.00, n = 10)",
    ]


@pytest.mark.parametrize(
    ("highlight", "problem"),
    [(["unknown"], "'unknown' has no correlation"), (["good"] * 5, "too many")],
)
def test_drugs_that_cannot_be_colored_are_refused(predictions, highlight, problem):
    with pytest.raises(InputError, match=problem):
        PredictionByDrugDisplay.from_predictions(**predictions, highlight=highlight)


def test_wrong_drugs_are_refused(predictions):
    with pytest.raises(
        InputError, match="drug is 3 entries; expected one drug for eac"
    ):
        PredictionByDrugDisplay.from_predictions(**{**predictions, "drug": list("abc")})
    drug = predictions["drug"].astype(object)
    drug[4] = None
    with pytest.raises(InputError, match="drug is missing in row 4; expected one drug"):
        PredictionByDrugDisplay.from_predictions(**{**predictions, "drug": drug})


def test_from_estimator_reads_the_names_of_drugs_from_a_column():
    X = pd.DataFrame(
        {
            "cell_line": list("abcd") * 2,
            "smiles": ["CCO"] * 4 + ["CCN"] * 4,
            "name": ["ethanol"] * 4 + ["ethylamine"] * 4,
        }
    )
    y = np.arange(8.0) + np.tile([0.0, 1.0, 0.0, 2.0], 2)
    model = MeanEffects().fit(X, y)
    display = PredictionByDrugDisplay.from_estimator(model, X, y, drug="name")
    assert set(display.by_drug.index) == {"ethanol", "ethylamine"}
    with pytest.raises(
        InputError, match=r"drug='drug' is not a column of X, whose col"
    ):
        PredictionByDrugDisplay.from_estimator(model, X, y)
    with pytest.raises(InputError, match="drug='name' is a column, and X is a ndarray"):
        PredictionByDrugDisplay.from_estimator(model, X.to_numpy(), y, drug="name")


def test_one_cell_line_has_no_correlation_within_drugs():
    X = pd.DataFrame({"cell_line": "a", "smiles": ["CCO", "CCN", "CCC", "CCF"]})
    y = np.arange(4.0)
    model = MeanEffects().fit(X, y)
    with pytest.raises(InputError, match="No drug has more than 1 of the 4 rows"):
        PredictionByDrugDisplay.from_estimator(model, X, y, drug="smiles")
