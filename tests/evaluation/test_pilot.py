"""Rows that are given to a model before it predicts the others."""

from __future__ import annotations

import numpy as np
import pytest

pilot = pytest.importorskip(
    "benchmarks.pilot", reason="the benchmarks folder is not importable"
)
load = pytest.importorskip("benchmarks.data.load")


def test_fewer_pilot_rows_are_among_more_and_none_is_predicted():
    compounds = np.repeat(["CCO", "CCN", "CCC"], [100, 80, 60])
    predicted, drawn = pilot.draw_pilot_rows(compounds, seed=0)
    assert list(drawn) == [0, 1, 5, 20, 50]
    for n, rows in drawn.items():
        assert (np.sort(compounds[rows]) == np.repeat(["CCN", "CCO"], n)).all()
        assert not set(rows) & set(predicted)
    assert set(drawn[5]) < set(drawn[20]) < set(drawn[50])
    assert len(predicted) == 50 + 30


@pytest.mark.parametrize("model", ["MeanEffects", "PairwiseKernelRidge"])
def test_pilot_rows_lower_the_error_of_new_compounds(model, monkeypatch):
    monkeypatch.setattr(pilot, "N_PILOT", (0, 5))
    rows = list(pilot.judge(load.load_data("screen"), 0, model))
    assert [row["n_pilot"] for row in rows] == [0, 5]
    assert rows[1]["rmse"] < rows[0]["rmse"]
    assert -1 <= rows[1]["within_drug_pearson"] <= 1
