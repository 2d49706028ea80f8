"""Write results on given splits in the column format of DrEval's evaluation files.

    python benchmarks/export_dreval.py --splits CTRPv2/LCO/splits --test-mode LCO \
        --expression expression.csv --compounds compounds.csv --models csg2a --out out

`--splits` is a folder of the files ``cv_split_<k>_train.csv``, ``_validation.csv`` and
``_test.csv``, with columns cell_line_name, pubchem_id and the response, as published
with DrEval's board. Expression is cell_line_name by genes; compounds are pubchem_id and
smiles. Models train on the rows of train and validation; those that choose settings or
epochs on held-out rows use the validation rows for it. Splits that `--out` holds
already are not run again. `evaluation_results.csv` and `true_vs_pred.csv` contain:

==================  ==================================================================
column              meaning
==================  ==================================================================
algorithm           name of the model
rand_setting        "predictions": nothing is randomised
test_mode           LPO new pairs, LCO new cell lines, LTO new tissues, LDO new drugs
CV_split            number of the split
RMSE, MSE, MAE,     over the test rows
R^2, Pearson,
Spearman
... : normalized    after the prediction of MeanEffects is subtracted from both the
                    measured and the predicted response
==================  ==================================================================
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.utils import Bunch

from benchmarks.models.registry import MODELS
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a.baselines import MeanEffects
from sklearn_csg2a.datasets import load_interactome
from sklearn_csg2a.evaluation.folds import LastRows
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import pearson, rmse, spearman

# What is new in the test rows of each mode, in the terms of our schemes.
SCHEMES = {"LPO": "mixed", "LCO": "cell", "LTO": "cell", "LDO": "drug"}
SETTING = "predictions"
COLUMNS = {"cell_line_name": "cell_line", "pubchem_id": "drug"}
RESULTS, PREDICTIONS = "evaluation_results.csv", "true_vs_pred.csv"


class Split(NamedTuple):
    """One split: training rows end with the validation rows."""

    number: int
    n_validation: int
    train: pd.DataFrame  # (n_train, 3): cell_line_name, pubchem_id, response
    test: pd.DataFrame  # (n_test, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all models on all splits; return the exit status."""
    options = parse_arguments(arguments)
    data = load_descriptors(options)
    results = _read_or_empty(options.out / RESULTS)
    predictions = _read_or_empty(options.out / PREDICTIONS)
    for split in read_splits(options.splits, options.response):
        for model in options.models:
            key = f"{model}_{SETTING}_{options.test_mode}_split_{split.number}"
            if key in results.index:
                continue
            row, table = run(split, model, options, data)
            results.loc[key, list(row)] = list(row.values())
            predictions = pd.concat([predictions, table], ignore_index=True)
            options.out.mkdir(parents=True, exist_ok=True)
            _write(predictions, options.out / PREDICTIONS, index=False)
            _write(results, options.out / RESULTS, index=True)
            print(f"{key}: RMSE {row['RMSE']:.4f}", flush=True)
    return 0


def read_splits(folder: Path, response: str) -> Iterator[Split]:
    """Read the splits of a folder, in the order of their numbers."""
    named = re.compile(r"cv_split_(\d+)_test\.csv")
    numbers = sorted(
        int(found[1]) for found in map(named.fullmatch, _names(folder)) if found
    )
    if not numbers:
        msg = f"{folder} has no file cv_split_<number>_test.csv."
        raise InputError(msg)
    for number in numbers:
        train, validation, test = (
            _read_rows(folder / f"cv_split_{number}_{part}.csv", response)
            for part in ("train", "validation", "test")
        )
        train = pd.concat([train, validation], ignore_index=True)
        shared = test.merge(train, on=list(COLUMNS), how="inner")
        if len(shared):
            msg = (
                f"Split {number} of {folder}: {len(shared)} test rows are pairs of "
                f"the training rows too, such as {tuple(shared.iloc[0, :2])}."
            )
            raise InputError(msg)
        yield Split(number, len(validation), train, test)


def run(
    split: Split, model: str, options: argparse.Namespace, data: Bunch
) -> tuple[dict[str, object], pd.DataFrame]:
    """Fit a model on a split; return a row of results and a table of predictions."""
    sets = split.train, split.test
    X_train, X_test = (_as_treatments(rows, data) for rows in sets)
    y_train, y_test = (rows[options.response].to_numpy(float) for rows in sets)
    data.X, data.y = X_train, y_train
    estimator = MODELS[model](data, SCHEMES[options.test_mode], options.seed)
    if "validation" in estimator.get_params(deep=False):
        estimator.set_params(validation=LastRows(split.n_validation))
    predicted = np.asarray(estimator.fit(X_train, y_train).predict(X_test))
    effects = MeanEffects().fit(X_train, y_train).predict(X_test)
    key = {
        "algorithm": model,
        "rand_setting": SETTING,
        "test_mode": options.test_mode,
        "CV_split": split.number,
    }
    plain = measure(y_test, predicted)
    beyond = measure(y_test - effects, predicted - effects)
    table = split.test[list(COLUMNS)].assign(y_true=y_test, y_pred=predicted)
    names = [*key, *table.columns]
    return (
        {**key, **plain, **{f"{name}: normalized": v for name, v in beyond.items()}},
        table.assign(**key)[names],
    )


def measure(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float]:
    """Return the measures by the names of DrEval's files."""
    error = rmse(y_true, y_pred)
    return {
        "MSE": error**2,
        "RMSE": error,
        "MAE": float(mean_absolute_error(y_true, y_pred)),
        "R^2": float(r2_score(y_true, y_pred)),
        "Pearson": pearson(y_true, y_pred),
        "Spearman": spearman(y_true, y_pred),
    }


def load_descriptors(options: argparse.Namespace) -> Bunch:
    """Read expression and compounds; the interactome from the data folder, if any."""
    expression = pd.read_csv(options.expression, index_col=0)
    expression.index = expression.index.astype(str)
    compounds = pd.read_csv(options.compounds, dtype=str)
    absent = {"pubchem_id", "smiles"} - set(compounds)
    if absent:
        msg = f"{options.compounds} has no column {', '.join(sorted(absent))}."
        raise InputError(msg)
    interactome = None
    if options.data_home is not None:
        interactome = load_interactome(
            data_home=options.data_home, genes=expression.columns
        )
    return Bunch(
        expression=expression,
        smiles=compounds.drop_duplicates("pubchem_id").set_index("pubchem_id")[
            "smiles"
        ],
        interactome=interactome,
    )


def _as_treatments(rows: pd.DataFrame, data: Bunch) -> pd.DataFrame:
    """Return rows of a split as treatments; each needs expression and a structure."""
    X = rows.rename(columns=COLUMNS)[list(COLUMNS.values())]
    X = X.assign(smiles=X["drug"].map(data.smiles), tissue="unknown")
    for column, known, kind in (
        ("cell_line", X["cell_line"].isin(data.expression.index), "expression"),
        ("drug", X["smiles"].notna(), "SMILES"),
    ):
        unknown = X.loc[~known, column].unique()
        if len(unknown):
            shown = ", ".join(map(repr, unknown[:5]))
            msg = (
                f"{len(unknown)} values of {column} have no {kind}: {shown}. All rows "
                "of the splits are needed for results comparable with the board."
            )
            raise InputError(msg)
    return X


def _names(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    if not folder.is_dir():
        msg = f"{folder} is not a folder."
        raise InputError(msg)
    return [path.name for path in folder.iterdir()]


def _read_rows(path: Path, response: str) -> pd.DataFrame:
    """Read the rows of one file of a split."""
    if not path.is_file():
        msg = f"{path} is missing: a split has train, validation and test."
        raise InputError(msg)
    rows = pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str))
    absent = {*COLUMNS, response} - set(rows)
    if absent:
        msg = (
            f"{path} has no column {', '.join(sorted(absent))}; it has "
            f"{', '.join(rows.columns)}. --response names the response."
        )
        raise InputError(msg)
    return rows[[*COLUMNS, response]]


def _read_or_empty(path: Path) -> pd.DataFrame:
    """Read an earlier table of this program; an empty one if there is none."""
    if not path.is_file():
        return pd.DataFrame()
    if path.name == RESULTS:
        return pd.read_csv(path, index_col=0)
    return pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str))


def _write(table: pd.DataFrame, path: Path, *, index: bool) -> None:
    """Replace a file by a table at once."""
    with replacing(path) as part:
        table.to_csv(part, index=index)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    paths = {
        "--splits": "folder of the split files",
        "--expression": "CSV: cell_line_name by genes",
        "--compounds": "CSV with columns pubchem_id and smiles",
        "--out": "folder of the files to write",
    }
    for name, text in paths.items():
        parser.add_argument(name, type=Path, required=True, help=text)
    parser.add_argument("--test-mode", choices=list(SCHEMES), required=True)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), required=True)
    parser.add_argument("--response", default="response", help="column of the response")
    parser.add_argument("--data-home", help="data folder, for the interactome")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
