"""Results on given splits are written in the columns of DrEval's files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.baselines import MeanEffects, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import pearson, rmse

export = pytest.importorskip(
    "benchmarks.export_dreval", reason="the benchmarks folder is not importable"
)


@pytest.fixture
def case(tmp_path):
    """Write a screen as two splits with new cell lines; return arguments and rows."""
    screen = make_screen(n_cells=12, n_compounds=8, n_genes=24, random_state=0)
    drugs = {smiles: str(100 + i) for i, smiles in enumerate(screen.X.smiles.unique())}
    rows = pd.DataFrame(
        {
            "cell_line_name": screen.X["cell_line"],
            "pubchem_id": screen.X["smiles"].map(drugs),
            "response": screen.y,
        }
    )
    splits = tmp_path / "splits"
    splits.mkdir()
    cells = list(screen.expression.index)
    for number in range(2):
        parts = {
            "test": cells[3 * number : 3 * number + 3],
            "validation": cells[6:8],
            "train": [*cells[3 - 3 * number : 6 - 3 * number], *cells[8:]],
        }
        for part, names in parts.items():
            path = splits / f"cv_split_{number}_{part}.csv"
            rows[rows["cell_line_name"].isin(names)].to_csv(path, index=False)
    screen.expression.to_csv(tmp_path / "expression.csv")
    pd.Series(drugs, name="pubchem_id").rename_axis("smiles").reset_index().to_csv(
        tmp_path / "compounds.csv", index=False
    )
    arguments = ["--splits", splits, "--out", tmp_path / "out", "--test-mode", "LCO"]
    arguments += ["--expression", tmp_path / "expression.csv"]
    arguments += ["--compounds", tmp_path / "compounds.csv"]
    arguments = [str(argument) for argument in arguments]
    return arguments, rows, screen, tmp_path


def test_tables_have_the_index_and_columns_of_the_board(case):
    arguments, _, _, folder = case
    assert export.main([*arguments, "--models", "MeanEffects", "DrugMean"]) == 0
    results = pd.read_csv(folder / "out" / "evaluation_results.csv", index_col=0)
    assert sorted(results.index) == [
        "DrugMean_predictions_LCO_split_0",
        "DrugMean_predictions_LCO_split_1",
        "MeanEffects_predictions_LCO_split_0",
        "MeanEffects_predictions_LCO_split_1",
    ]
    wanted = {"algorithm", "rand_setting", "test_mode", "CV_split", "RMSE", "Pearson"}
    assert wanted | {"Pearson: normalized"} <= set(results)
    predictions = pd.read_csv(folder / "out" / "true_vs_pred.csv")
    assert list(predictions) == [
        *("algorithm", "rand_setting", "test_mode", "CV_split"),
        *("cell_line_name", "pubchem_id", "y_true", "y_pred"),
    ]


def test_measures_are_those_of_a_model_fitted_to_train_and_validation(case):
    arguments, rows, screen, folder = case
    assert export.main([*arguments, "--models", "PairwiseKernelRidge"]) == 0
    table = pd.read_csv(folder / "out" / "true_vs_pred.csv")
    table = table[table["CV_split"] == 1]
    held_out = rows["cell_line_name"].isin(table["cell_line_name"]).to_numpy()
    X, y = screen.X, np.asarray(screen.y)
    effects = MeanEffects().fit(X[~held_out], y[~held_out]).predict(X[held_out])
    row = pd.read_csv(folder / "out" / "evaluation_results.csv").iloc[-1]
    assert row["RMSE"] == pytest.approx(rmse(table["y_true"], table["y_pred"]))
    normalized = pearson(table["y_true"] - effects, table["y_pred"] - effects)
    assert row["Pearson: normalized"] == pytest.approx(normalized)
    np.testing.assert_allclose(table["y_true"], y[held_out])
    model = PairwiseKernelRidge(expression=screen.expression, alpha=0.3)
    predicted = model.fit(X[~held_out], y[~held_out]).predict(X[held_out])
    assert pearson(predicted, table["y_pred"]) > 0.95  # alpha may be another one


def test_a_second_run_adds_only_what_is_missing(case, capsys):
    arguments, _, _, folder = case
    export.main([*arguments, "--models", "DrugMean"])
    before = pd.read_csv(folder / "out" / "true_vs_pred.csv")
    capsys.readouterr()
    export.main([*arguments, "--models", "DrugMean", "CellMean"])
    assert capsys.readouterr().out.count("CellMean_predictions_LCO_split_") == 2
    after = pd.read_csv(folder / "out" / "true_vs_pred.csv")
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)
    assert len(after) == 2 * len(before)


def test_a_test_pair_that_is_in_training_is_refused(case):
    arguments, _, _, folder = case
    test = pd.read_csv(folder / "splits" / "cv_split_0_test.csv")
    path = folder / "splits" / "cv_split_0_train.csv"
    pd.concat([pd.read_csv(path), test.head(2)]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"Split 0 .*2 test rows"):
        export.main([*arguments, "--models", "DrugMean"])


@pytest.mark.parametrize("missing", ["expression", "SMILES"])
def test_rows_without_descriptors_are_named(case, missing):
    arguments, _, screen, folder = case
    if missing == "expression":
        screen.expression.iloc[1:].to_csv(folder / "expression.csv")
        name = screen.expression.index[0]
    else:
        path = folder / "compounds.csv"
        pd.read_csv(path).iloc[1:].to_csv(path, index=False)
        name = "100"
    with pytest.raises(InputError, match=rf"no {missing}: '{name}'"):
        export.main([*arguments, "--models", "DrugMean"])


def test_a_folder_without_splits_is_named(case, tmp_path):
    arguments = [*case[0]]
    arguments[1] = str(tmp_path)
    with pytest.raises(InputError, match="has no file cv_split_"):
        export.main([*arguments, "--models", "DrugMean"])
