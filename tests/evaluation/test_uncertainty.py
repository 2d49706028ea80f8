"""The benchmark of intervals runs, continues, and is summarised over folds."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import uncertainty


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(uncertainty, "COVERAGES", (0.8, 0.9))
    path = tmp_path / "uncertainty.csv"

    def call(*arguments):
        words = ["uncertainty.py", "--data", "screen", "--output", str(path)]
        monkeypatch.setattr(sys, "argv", [*words, *arguments])
        uncertainty.main()
        return pd.read_csv(path), capsys.readouterr().out

    return call


def test_missing_folds_alone_are_run(run):
    table, printed = run("--schemes", "drug", "--folds", "1")
    assert len(table) == 2 * len(uncertainty.ADAPT | uncertainty.FORESEEN)
    assert "worst_fold" in printed
    again, printed = run("--schemes", "drug", "--folds", "2", "--adapt", "none")
    assert "drug 1" in printed
    assert "drug 0" not in printed
    pd.testing.assert_frame_equal(again[: len(table)], table)


def test_folds_are_pooled_by_their_rows():
    rows = [
        {"data": "d", "scheme": "drug", "model": "m", "adapt": "none", "fold": fold}
        | {
            "nominal": 0.9,
            "coverage": coverage,
            "width": 1.0,
            "n_test": n,
            "n_inner": 5,
        }
        | {"of_units": f"{coverage} 1.0", "own_width": 1.0, "rank_of_widths": None}
        for fold, coverage, n in ((0, 0.5, 30), (1, 0.9, 10))
    ]
    (one,) = uncertainty.summarise(pd.DataFrame(rows)).to_dict("records")
    assert one["coverage"] == pytest.approx(0.6)
    assert one["worst_fold"] == 0.5
    assert one["units_worst_tenth"] == 0.5


def test_predictions_are_kept_in_a_folder(run, tmp_path):
    (tmp_path / "memory").mkdir()
    words = ("--schemes", "cell", "--folds", "1", "--adapt", "none")
    table, _ = run(*words, "--memory", str(tmp_path / "memory"))
    kept = sorted((tmp_path / "memory").iterdir())
    assert len(kept) == uncertainty.N_INNER + 1
    (tmp_path / "uncertainty.csv").unlink()
    again, _ = run(*words, "--memory", str(tmp_path / "memory"))
    columns = ["nominal", "coverage", "width"]
    pd.testing.assert_frame_equal(again[columns], table[columns])


def test_what_is_foreseen_correlates_with_the_errors_of_units():
    errors = pd.Series(np.exp(np.random.RandomState(0).normal(size=999)))
    X = pd.DataFrame({"smiles": errors.index})
    for share in (0.3, 1.0):
        model = uncertainty.Foreseen("smiles", errors, share).fit(X, None)
        correlation = np.corrcoef(np.log(model.predict(X)), np.log(errors))[0, 1]
        assert correlation == pytest.approx(share, abs=0.1)
