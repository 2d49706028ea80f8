"""The benchmark of intervals runs, continues, and is summarised over folds."""

from __future__ import annotations

import sys

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
    assert len(table) == 2 * len(uncertainty.ADAPT)
    assert "worst_fold" in printed
    again, printed = run("--schemes", "drug", "--folds", "2")
    assert "drug 1" in printed
    assert "drug 0" not in printed
    pd.testing.assert_frame_equal(again[: len(table)], table)


def test_folds_are_pooled_by_their_rows():
    rows = [
        {"data": "d", "scheme": "drug", "model": "m", "adapt": "none", "fold": fold}
        | {"nominal": 0.9, "coverage": coverage, "width": 1.0, "n_test": n}
        | {"of_units": f"{coverage} 1.0", "own_width": 1.0, "rank_of_widths": None}
        for fold, coverage, n in ((0, 0.5, 30), (1, 0.9, 10))
    ]
    (one,) = uncertainty.summarise(pd.DataFrame(rows)).to_dict("records")
    assert one["coverage"] == pytest.approx(0.6)
    assert one["worst_fold"] == 0.5
    assert one["units_worst_tenth"] == 0.5
