"""The summary says what the numbers say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

summary = pytest.importorskip(
    "benchmarks.summary", reason="the benchmarks folder is not importable"
)


def _results(rmse_of, scheme="mixed", residual=0.1):
    """Make results of some models over folds, from their errors."""
    rows = [
        {
            **dict.fromkeys(summary.NUMBERS, 0.0),
            "scheme": scheme,
            "model": model,
            "n_splits": 10,
            "fold": fold,
            "rmse": rmse,
            "residual_pearson": residual if model == "csg2a" else 0.0,
        }
        for model, errors in rmse_of.items()
        for fold, rmse in enumerate(errors)
    ]
    return pd.DataFrame(rows)


def test_naive_model_that_wins_is_named():
    results = _results({"csg2a": [1.3, 1.4, 1.5], "MeanEffects": [1.2, 1.2, 1.3]})
    text = summary.summarize(results, "gdsc2")
    assert "csg2a DOES NOT beat the best naive model, MeanEffects: RMSE +0.167" in text
    assert "lower in 0 of 3 folds" in text
    assert "**MeanEffects**" in text


def test_model_that_wins_is_said_to():
    results = _results({"csg2a": [1.0, 1.1, 1.2], "MeanEffects": [1.2, 1.3, 1.4]})
    text = summary.summarize(results, "gdsc2")
    assert "csg2a beats the best naive model, MeanEffects: RMSE -0.200" in text
    assert "A naive model wins" not in text


def test_naive_correlation_that_is_higher_is_named():
    results = _results({"csg2a": [1.0], "MeanEffects": [1.2]}, residual=-0.1)
    text = summary.summarize(results, "gdsc2")
    assert "A naive model wins in residual r: MeanEffects 0.000, csg2a -0.100." in text


def test_naive_model_that_beats_that_of_the_split_is_named():
    results = _results({"TissueDrugMean": [1.1], "DrugMean": [1.2]}, scheme="cell")
    text = summary.summarize(results, "gdsc2")
    assert "TissueDrugMean has the lowest RMSE (1.100), not DrugMean (1.200)" in text


def test_models_are_compared_on_the_folds_that_all_have_finished():
    results = _results({"csg2a": [1.0, 1.2], "MeanEffects": [1.1, 1.3, 9.9]})
    text = summary.summarize(results, "gdsc2")
    assert "Folds 0, 1;" in text
    assert "more folds than all models share: MeanEffects (3)" in text
    assert "| MeanEffects | 1.200 ± 0.141 |" in text


def test_naive_models_come_first():
    results = _results({"csg2a": [1.0], "MeanEffects": [1.1], "GlobalMean": [2.0]})
    folds = summary.per_fold(results)
    assert list(folds.index.get_level_values("model")) == [
        "GlobalMean",
        "MeanEffects",
        "csg2a",
    ]


def test_seeds_are_averaged_within_a_fold():
    results = pd.concat(
        [
            _results({"csg2a": [1.0, 2.0]}).assign(seed=0),
            _results({"csg2a": [3.0, 4.0]}).assign(seed=1),
        ]
    )
    assert list(summary.per_fold(results)["rmse"]) == [2.0, 3.0]


def test_interval_is_that_of_student():
    """With 3 folds, t = 4.3027 and the standard error 1 / sqrt(3)."""
    low, high = summary.t_interval(np.array([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert np.isnan(summary.t_interval(np.array([1.0]))).all()
