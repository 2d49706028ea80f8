"""Averages of stored predictions are results like those of a model."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from sklearn_csg2a.metrics import rmse

run = pytest.importorskip(
    "benchmarks.run", reason="the benchmarks folder is not importable"
)
average = pytest.importorskip("benchmarks.average")
results = pytest.importorskip("sklearn_csg2a.evaluation.results")

OF_TWO = {"of_two": [("DrugMean", 0, 3.0), ("CellMean", 0, 1.0)]}


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    """Store the predictions of two models on one fold; return arguments for both."""
    monkeypatch.setattr(average, "AVERAGES", OF_TWO)
    folders = ["--results", str(tmp_path), "--predictions", str(tmp_path / "rows")]
    common = ["--data", "screen", "--schemes", "mixed", *folders]
    models = ["--models", "DrugMean", "CellMean", "--folds", "1"]
    assert run.main([*common, *models]) == 0
    return common


def _results(folder):
    with (folder / "screen.csv").open(newline="", encoding="utf-8") as lines:
        return {row["model"]: row for row in csv.DictReader(lines)}


def _predictions(folder, model):
    (path,) = (folder / "rows" / "screen").glob(f"mixed-10-fold0-{model}-*.npz")
    return np.load(path)


def test_average_is_the_weighted_mean_of_its_members_and_is_measured_like_them(
    arguments, tmp_path
):
    assert average.main(arguments) == 0
    members = [_predictions(tmp_path, model) for model in ("DrugMean", "CellMean")]
    stored = _predictions(tmp_path, "of_two")
    expected = (3 * members[0]["y_pred"] + members[1]["y_pred"]) / 4
    np.testing.assert_allclose(stored["y_pred"], expected)
    row = _results(tmp_path)["of_two"]
    assert float(row["rmse"]) == pytest.approx(
        rmse(members[0]["y_true"], expected), rel=1e-5
    )
    assert row["split_hash"] == _results(tmp_path)["DrugMean"]["split_hash"]


def test_average_needs_the_predictions_of_all_members(arguments, tmp_path):
    (path,) = (tmp_path / "rows" / "screen").glob("*CellMean*")
    path.unlink()
    assert average.main(arguments) == 0
    assert "of_two" not in _results(tmp_path)


def test_average_changes_its_name_tag_when_a_member_does(arguments, tmp_path):
    assert average.main(arguments) == 0
    before = _results(tmp_path)["of_two"]["config_hash"]
    table = results.results_table(tmp_path, "screen")
    row = _results(tmp_path)["DrugMean"]
    old = tmp_path / "rows" / "screen" / results.predictions_path(row)
    row["config_hash"] = "0" * 64
    old.rename(old.parent / results.predictions_path(row))
    table.add([row])
    assert average.main(arguments) == 0
    assert _results(tmp_path)["of_two"]["config_hash"] != before
