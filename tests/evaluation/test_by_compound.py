"""Models are compared compound by compound, from stored predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

run = pytest.importorskip(
    "benchmarks.run", reason="the benchmarks folder is not importable"
)
by_compound = pytest.importorskip("benchmarks.by_compound")


@pytest.fixture
def folders(tmp_path):
    """Store the predictions of two models on two folds; return arguments for both."""
    folders = ["--results", str(tmp_path), "--predictions", str(tmp_path / "rows")]
    common = ["--data", "screen", "--schemes", "drug", *folders, "--n-splits", "2"]
    models = ["--models", "CellMean", "GlobalMean", "--folds", "2"]
    assert run.main([*common, *models]) == 0
    return common


def test_each_compound_counts_once(folders, capsys):
    options = by_compound.parse_arguments(["CellMean", "GlobalMean", *folders])
    data = by_compound.Registered("screen").load()
    rmse, r = by_compound.list_comparisons(options, data)
    assert rmse["compounds"] == data.X["smiles"].nunique()
    assert r["better"] > 0.9 * r["compounds"]  # GlobalMean ranks nothing
    assert r["p"] < 0.001
    assert by_compound.main(["CellMean", "GlobalMean", *folders]) == 0
    assert "CellMean GlobalMean" in capsys.readouterr().out


def test_better_is_lower_in_error_and_higher_in_correlation():
    one = pd.DataFrame({"rmse": [1.0, 2.0, 5.0], "r": [0.5, 0.6, np.nan]})
    other = pd.DataFrame({"rmse": [2.0, 3.0, 4.0], "r": [0.4, 0.7, 0.1]})
    assert by_compound.compare(one, other, "rmse")["better"] == 2
    of_r = by_compound.compare(one, other, "r")
    assert (of_r["better"], of_r["compounds"]) == (1, 2)
    assert by_compound.compare(one, one, "rmse")["p"] == 1.0


def test_a_model_without_predictions_is_named(folders):
    with pytest.raises(ValueError, match="drug fold 0: no predictions of DrugMean"):
        by_compound.main(["CellMean", "DrugMean", *folders])
