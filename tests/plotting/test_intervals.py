"""Coverage, width and errors by distance are measured as they are described."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.baselines import DrugMean, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import DrugBlindKFold
from sklearn_csg2a.plotting import CoverageDisplay, ErrorByDistanceDisplay
from sklearn_csg2a.uncertainty import ApplicabilityDomain, ConformalRegressor


@pytest.fixture(scope="module")
def new_compounds():
    """Rows of new compounds, a model with intervals, and its domain."""
    screen = make_screen(n_cells=10, n_compounds=30, random_state=0)
    train, test = next(DrugBlindKFold(3).split(screen.X))
    model = ConformalRegressor(
        PairwiseKernelRidge(expression=screen.expression), cv=DrugBlindKFold(3)
    )
    model.fit(screen.X.iloc[train], screen.y.iloc[train])
    domain = ApplicabilityDomain(screen.expression, min_tanimoto=0.6)
    domain.fit(screen.X.iloc[train])
    return screen.X.iloc[test], screen.y.iloc[test], model, domain


def _lines(ax, marker):
    return [line for line in ax.get_lines() if line.get_marker() == marker]


def test_each_kind_of_interval_has_a_line_in_both_panels(coverage):
    display = CoverageDisplay.from_table(coverage)
    left, right = display.axes_
    for marker, (_, rows) in zip(
        "os", coverage.groupby("name", sort=False), strict=True
    ):
        for ax, column in ((left, "coverage"), (right, "width")):
            (line,) = _lines(ax, marker)
            np.testing.assert_array_equal(line.get_ydata(), rows[column])
    legend = [text.get_text() for text in left.get_legend().get_texts()]
    assert legend == ["as promised", "rows", "compounds"]
    assert right.get_ylabel() == "mean width (ln uM)"


def test_coverage_width_and_the_worst_units_are_those_of_the_intervals():
    y = np.zeros(20)
    units = np.repeat(list("abcdefghij"), 2)
    ends = np.tile([-1.0, 1.0], (20, 1))
    ends[0] = [2.0, 4.0]  # half of the rows of a
    ends[2:4] = [2.0, 4.0]  # both rows of b
    display = CoverageDisplay.from_predictions(y, {0.9: ends}, units=units)
    row = display.table.iloc[0]
    assert row["coverage"] == pytest.approx(17 / 20)
    assert row["width"] == 2
    assert row["worst"] == pytest.approx(np.quantile([0, 0.5] + [1] * 8, 0.1))
    assert display.ax_.get_title(loc="left") == "20 rows"


def test_infinite_intervals_cover_everything_and_can_be_drawn():
    ends = np.tile([-np.inf, np.inf], (4, 1))
    display = CoverageDisplay.from_predictions(np.zeros(4), {0.9: ends})
    assert display.table["coverage"].tolist() == [1.0]
    display.figure_.canvas.draw()


def test_percentages_and_missing_ends_are_refused(coverage):
    with pytest.raises(
        InputError, match=r"'coverage': row 0: 30; row 1: 60; .* not per"
    ):
        CoverageDisplay.from_table(coverage.assign(coverage=100 * coverage["coverage"]))
    with pytest.raises(InputError, match=r"intervals of 0.9 are NaN in row 1"):
        CoverageDisplay.from_predictions([0, 0], {0.9: [[0, 1], [np.nan, 1]]})
    with pytest.raises(InputError, match=r"shape \(3,\); expected \(3, 2\), lower and"):
        CoverageDisplay.from_predictions([0, 0, 0], {0.9: [1, 2, 3]})


def test_too_many_kinds_to_tell_apart_are_refused(coverage):
    many = pd.concat(coverage.assign(name=f"model {i}") for i in range(6))
    with pytest.raises(InputError, match=r"table has 6 names; expected at most 5"):
        CoverageDisplay.from_table(many)


def test_intervals_of_models_are_measured_on_rows_given(new_compounds):
    X, y, model, _ = new_compounds
    display = CoverageDisplay.from_estimator(
        {"ridge": model}, X, y, nominal=[0.8], units="smiles"
    )
    lower, upper = model.predict_interval(X, 0.8).T
    row = display.table.iloc[0]
    assert row["coverage"] == ((lower <= y) & (y <= upper)).mean()
    assert row["n"] == len(X)
    assert 0 <= row["worst"] <= row["coverage"]
    with pytest.raises(InputError, match=r"DrugMean has no predict_interval; expected"):
        CoverageDisplay.from_estimator(DrugMean(), X, y)


def test_errors_of_a_unit_count_once():
    display = ErrorByDistanceDisplay.from_predictions(
        [0.0] * 5,
        [1.0, 3.0, 4.0, 4.0, 4.0],
        [0.2, 0.2, 0.8, 0.8, 0.8],
        units=pd.Series(list("aabbb"), name="compounds"),
    )
    assert display.errors["error"].tolist() == [2.0, 4.0]
    assert display.ax_.get_title(loc="left") == "2 compounds, 5 rows"


def test_bins_have_equal_numbers_of_units():
    distance = np.linspace(0, 1, 40)
    display = ErrorByDistanceDisplay.from_predictions(
        np.zeros(40), distance, distance, n_bins=4
    )
    assert display.bins["n_units"].tolist() == [10] * 4
    assert display.bins["error"].is_monotonic_increasing


def test_units_of_one_distance_are_in_one_bin():
    distance = np.repeat([0.0, 1.0], [30, 10])
    display = ErrorByDistanceDisplay.from_predictions(np.zeros(40), distance, distance)
    assert display.bins["distance"].tolist() == [0, 1]
    assert display.bins["n_units"].tolist() == [30, 10]


def test_errors_in_and_out_of_the_domain_are_told_apart(new_compounds):
    X, y, model, domain = new_compounds
    display = ErrorByDistanceDisplay.from_estimator(model, X, y, domain=domain)
    described = domain.describe(X)
    error = np.abs(model.predict(X) - y)
    of_compound = error.groupby(X["smiles"]).mean()
    inside = described.groupby(X["smiles"])["tanimoto"].mean() >= 0.6
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert (
        texts[0]
        == f"inside of the domain (mean {of_compound[inside].mean():.2f} ln uM)"
    )
    assert texts[1].startswith("outside of the domain")
    assert display.ax_.get_xlabel().startswith("Tanimoto similarity")
    cells = ErrorByDistanceDisplay.from_estimator(
        model, X, y, domain=domain, by="cell_percentile"
    )
    assert len(cells.errors) == X["cell_line"].nunique()
    with pytest.raises(InputError, match=r"by='smiles'; expected one of"):
        ErrorByDistanceDisplay.from_estimator(model, X, y, domain=domain, by="smiles")
