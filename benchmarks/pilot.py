"""Measure how the error for a new compound falls with a few measurements of it.

    python benchmarks/pilot.py --models PairwiseKernelRidge ResponseGP --folds 10

Of each compound of a test fold of "drug", some cell lines are drawn at random as pilot
rows, and the first 1, 5, 20 and 50 of them given to the models; the rows that are never
drawn are predicted. A model is fitted once per fold and corrected by PilotRegressor.
"refitted" models have the pilot rows among their training rows instead, as have
MeanEffects, the naive model. Writes results/pilot.csv: one row per fold, model and
number of pilot rows. Existing rows are not run again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from benchmarks.data.load import load_data
from benchmarks.models.registry import MODELS
from sklearn_csg2a import PilotRegressor
from sklearn_csg2a.evaluation.folds import make_folds
from sklearn_csg2a.metrics import pearson, rmse, within_group_correlation

RESULTS = Path(__file__).parent / "results" / "pilot.csv"
KEYS = ["data", "fold", "model"]
SCHEME, N_SPLITS = "drug", 10
N_PILOT = (0, 1, 5, 20, 50)
N_FEWEST = 20  # rows of a compound that are left to predict
REFITTED = "_refitted"
QUICK = ["MeanEffects", "PairwiseKernelRidge", "PairwiseKernelRidge_refitted"]


def draw_pilot_rows(
    compounds: np.ndarray, seed: int
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return the rows to predict, and those of each number of pilot rows.

    `compounds` are those of the test rows, (n_test,). Fewer pilot rows are among more.
    """
    rng = np.random.RandomState(seed)
    most = max(N_PILOT)
    predicted, drawn = [], {n: [] for n in N_PILOT}
    for compound in pd.unique(compounds):
        rows = rng.permutation(np.flatnonzero(compounds == compound))
        if len(rows) < most + N_FEWEST:
            continue
        predicted.append(rows[most:])
        for n in N_PILOT:
            drawn[n].append(rows[:n])
    return (
        np.sort(np.concatenate(predicted)),
        {n: np.sort(np.concatenate(rows)) for n, rows in drawn.items()},
    )


def judge(data: Bunch, fold: int, model: str) -> Iterator[dict[str, object]]:
    """Yield the measures of a model for each number of pilot rows."""
    X, y = data.X, np.asarray(data.y)
    rows = make_folds(data, [SCHEME], N_SPLITS, fold + 1)[fold]
    of_test = X["smiles"].iloc[rows.test].to_numpy()
    at, drawn = draw_pilot_rows(of_test, fold)
    test = rows.test[at]
    predict = find_predictor(data, model)(data, rows.train)
    for n, pilot in drawn.items():
        start = time.perf_counter()
        predicted = predict(rows.test[pilot], test)
        yield {
            "n_pilot": n,
            "n_test": len(test),
            "n_compounds": len(np.unique(X["smiles"].iloc[test])),
            "rmse": rmse(y[test], predicted),
            "pearson": pearson(y[test], predicted),
            "within_drug_pearson": within_group_correlation(
                y[test], predicted, X["smiles"].iloc[test]
            ).mean,
            "seconds": time.perf_counter() - start,
        }


Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def find_predictor(data: Bunch, model: str) -> Callable[[Bunch, np.ndarray], Predict]:
    """Return what makes a function of pilot rows and rows to predict."""
    name = model.removesuffix(REFITTED)
    estimator = MODELS[name](data, SCHEME, 0)
    refits = model.endswith(REFITTED) or name == "MeanEffects"
    make = predict_by_refitting if refits else predict_by_correction
    return lambda data, train: make(estimator, data, train)


def predict_by_refitting(
    estimator: BaseEstimator, data: Bunch, train: np.ndarray
) -> Predict:
    """Fit to the training rows and the pilot rows."""

    def predict(pilot: np.ndarray, test: np.ndarray) -> np.ndarray:
        rows = np.concatenate([train, pilot])
        model = clone(estimator).fit(data.X.iloc[rows], data.y.iloc[rows])
        return model.predict(data.X.iloc[test])

    return predict


def predict_by_correction(
    estimator: BaseEstimator, data: Bunch, train: np.ndarray
) -> Predict:
    """Fit to the training rows once; pilot rows only correct the predictions."""
    fitted = clone(estimator).fit(data.X.iloc[train], data.y.iloc[train])

    def predict(pilot: np.ndarray, test: np.ndarray) -> np.ndarray:
        model = PilotRegressor(FrozenEstimator(fitted), expression=data.expression)
        if not len(pilot):
            return fitted.predict(data.X.iloc[test])
        model.partial_fit(data.X.iloc[pilot], data.y.iloc[pilot])
        return model.predict(data.X.iloc[test])

    return predict


def main() -> None:
    """Run what is missing and print the means over folds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="gdsc2")
    parser.add_argument("--data-home")
    parser.add_argument("--models", nargs="+", default=QUICK)
    parser.add_argument("--folds", type=int, default=N_SPLITS)
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    data = load_data(asked.data, asked.data_home)
    table = pd.read_csv(asked.output) if asked.output.exists() else pd.DataFrame()
    for fold in range(asked.folds):
        for model in asked.models:
            keys = dict(zip(KEYS, (asked.data, fold, model), strict=True))
            if not table.empty and (table[KEYS] == pd.Series(keys)).all(axis=1).any():
                continue
            new = pd.DataFrame([keys | row for row in judge(data, fold, model)])
            table = pd.concat([table, new.round(5)], ignore_index=True)
            table.to_csv(asked.output, index=False)
            print(fold, model, new["rmse"].round(3).tolist(), flush=True)
    measures = ["rmse", "pearson", "within_drug_pearson"]
    means = table.groupby(["model", "n_pilot"], sort=False)[measures].mean()
    print(means.assign(folds=table.groupby(["model", "n_pilot"]).size()).round(3))


if __name__ == "__main__":
    main()
