"""Ways to split: the published protocol, and data that are split in one way alone."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

manifest = pytest.importorskip(
    "sklearn_csg2a.evaluation.folds", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
evaluate = pytest.importorskip("sklearn_csg2a.evaluation.evaluate")
models = pytest.importorskip("benchmarks.models.registry")
nci60 = pytest.importorskip("benchmarks.data.nci60")
SCREEN = models.Registered("screen")


def test_random811_has_three_disjoint_sets_of_the_published_sizes():
    data = data_module.load_data("screen")
    folds = manifest.make_folds(data, ["random811"], 5, 10)
    assert [fold.index for fold in folds] == list(range(10))
    assert {fold.n_splits for fold in folds} == {10}
    assert len({fold.split_hash for fold in folds}) == 10
    for fold in folds:
        parts = fold.train, fold.valid, fold.test
        assert sorted(np.concatenate(parts)) == list(range(len(data.X)))
        shares = [len(rows) / len(data.X) for rows in parts]
        assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.002)


def test_split_hash_covers_the_validation_rows():
    ids = np.array(["a", "b", "c", "d"])
    train, test, valid = np.array([0]), np.array([1]), np.array([2])
    assert manifest.hash_split(ids, train, test, valid) != manifest.hash_split(
        ids, train, test, np.array([3])
    )


def test_early_stopping_uses_the_validation_rows_of_the_fold():
    data = data_module.load_data("screen")
    (fold,) = manifest.make_folds(data, ["random811"], 10, 1)
    model = evaluate.make_estimator(SCREEN, fold, "PathDNN", 0)
    rows = evaluate.training_rows(model, fold)
    train, valid = next(model.validation.split(data.X.iloc[rows]))
    assert np.array_equal(rows[train], fold.train)
    assert np.array_equal(rows[valid], fold.valid)
    assert json.loads(models.list_settings(model))["validation"] == (
        "validation rows of the fold"
    )


@pytest.mark.parametrize(
    "name", ["MeanEffects", "RandomForest", "PairwiseKernelRidge", "csg2a"]
)
def test_models_without_early_stopping_train_on_four_fifths(name):
    data = data_module.load_data("screen")
    (fold,) = manifest.make_folds(data, ["random811"], 10, 1)
    model = evaluate.make_estimator(SCREEN, fold, name, 0)
    assert np.array_equal(evaluate.training_rows(model, fold), fold.train)


def test_random811_is_run_and_entered_in_the_manifest(benchmark):
    assert benchmark("--schemes", "random811", "--models", "naive", "--folds", 2) == 0
    with (benchmark.folder / "screen_folds.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["scheme"], row["fold"]) for row in rows] == [
        ("random811", "0"),
        ("random811", "1"),
    ]
    assert int(rows[0]["n_valid"]) == int(rows[0]["n_test"])


@pytest.fixture
def screens():
    """Two small screens: cells a, b, c and A, D; b and B are one line by its mark."""
    genes = ["G1", "G2", "G3"]
    gdsc = Bunch(
        X=pd.DataFrame(
            {
                "cell_line": list("aabbcc"),
                "smiles": ["CCO", "CCN"] * 3,
                "drug": ["1", "2"] * 3,
                "tissue": "lung",
            }
        ),
        y=pd.Series(np.arange(6.0)),
        expression=pd.DataFrame(
            [[1.0, 2.0, 3.0], [9.0, 9.0, 9.0], [3.0, 2.0, 1.0]], list("abc"), genes
        ),
        cells=pd.DataFrame(
            {
                "cell_line": list("abc"),
                "cell_line_name": ["Line A", "Line B", "Line-C"],
                "in_nci60": [False, True, False],
            }
        ),
    )
    panel = Bunch(
        X=pd.DataFrame(
            {
                "cell_line": ["LINEB", "LINED", "LINED", "MDAN", "LINED"],
                "smiles": ["OCC", "OCC", "CCCC", "OCC", "CCCl"],
                "drug": ["9", "9", "8", "9", "7"],
                "tissue": "Lung",
                "source": [
                    "AOD_IOA",
                    "CellMiner_60",
                    "AOD_IOA",
                    "AOD_IOA",
                    "NMTF_2200",
                ],
            }
        ),
        y=pd.Series([1.0, 2.0, 3.0, 4.0, 5.0]),
        expression=pd.DataFrame(
            [[5.0, 6.0, 0.0], [7.0, 6.0, 0.0], [0.0, 0.0, 0.0]],
            ["LINEB", "LINED", "MDAN"],
            ["G2", "G1", "OTHER"],
        ),
        cells=pd.DataFrame(
            {"cell_line": ["LINEB", "LINED", "MDAN"], "depmap_id": [None] * 3}
        ),
    )
    edges = pd.DataFrame({"source": ["G1", "G1"], "target": ["G2", "G3"]})
    return gdsc, panel, edges


def test_transfer_trains_on_no_line_that_is_tested(screens):
    data = nci60.make_transfer(*screens)
    for scheme, tested in {"cell": ["OCC", "OCC"], "disjoint": ["CCCC"]}.items():
        train, test = data.splits[scheme]
        assert set(data.X["cell_line"].iloc[train]) == {"a", "c"}
        assert list(data.X["smiles"].iloc[test]) == tested
    assert set(data.X["cell_line"]) <= set(data.expression.index)


def test_transfer_keeps_common_genes_as_z_scores_of_each_set(screens):
    data = nci60.make_transfer(*screens)
    assert list(data.expression) == ["G1", "G2"]
    assert data.expression.loc["a"].tolist() == [-1.0, 0.0]
    assert data.expression.loc["LINEB"].tolist() == [0.0, -1.0]
    assert data.interactome.to_numpy().tolist() == [["G1", "G2"]]


def test_second_lines_of_a_patient_and_doubtful_sources_are_left_out(screens):
    kept = nci60.select_nci60(screens[1])
    assert list(kept.X["cell_line"]) == ["LINEB", "LINED", "LINED"]
    assert list(kept.expression.index) == ["LINEB", "LINED"]


def test_data_with_their_own_splits_have_no_others(benchmark, screens, monkeypatch):
    def load(data_home):
        return nci60.make_transfer(*screens)

    monkeypatch.setitem(data_module.LOADERS, "transfer_of_test", load)
    names = ["--data", "transfer_of_test", "--models", "GlobalMean"]
    assert benchmark(*names) == 0
    with (benchmark.folder / "transfer_of_test.csv").open(encoding="utf-8") as lines:
        found = [(row["scheme"], row["fold"]) for row in csv.DictReader(lines)]
    assert found == [("cell", "0"), ("disjoint", "0")]
    with pytest.raises(SystemExit, match="only split by cell, disjoint, not drug"):
        benchmark(*names, "--schemes", "drug")
