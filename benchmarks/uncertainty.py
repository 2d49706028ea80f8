"""Measure coverage and width of intervals, and errors inside and outside of the domain.

    python benchmarks/uncertainty.py --folds 10

Of each fold of a data set the training rows are split again by the same scheme, to
calibrate a ConformalRegressor, whose intervals are judged on the test rows. Writes
results/uncertainty.csv: one row per data set, scheme, fold, model, way to adapt and
nominal coverage. Existing rows are not run again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Bunch

from benchmarks.data.load import load_data
from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import MeanEffects, PairwiseKernelRidge
from sklearn_csg2a.evaluation.folds import SPLITTERS
from sklearn_csg2a.uncertainty import ApplicabilityDomain, ConformalRegressor

RESULTS = Path(__file__).parent / "results" / "uncertainty.csv"
KEYS = ["data", "scheme", "fold", "model"]
N_FOLDS = 10
N_INNER = 5
NOMINAL = 0.9
COVERAGES = (0.8, 0.85, 0.87, 0.88, 0.89, NOMINAL, 0.91, 0.92, 0.94)
ADAPT = {
    "none": None,
    "tanimoto": "tanimoto",
    "cell_distance": "cell_distance",
    "mean_effects": MeanEffects(),
}
HELD_OUT = {"mixed": "smiles", "drug": "smiles", "disjoint": "smiles"}
MODELS = {
    "PairwiseKernelRidge": lambda data: PairwiseKernelRidge(
        expression=data.expression, alpha=0.3, tol=1e-5
    ),
    "CSG2A": lambda data: DrugResponseRegressor(
        expression=data.expression, interactome=data.interactome, random_state=0
    ),
}


class Remembered(RegressorMixin, BaseEstimator):
    """Fit on demand, and remember predictions by the labels of the rows of X."""

    seen: dict[tuple[bytes, bytes], np.ndarray] = {}  # noqa: RUF012 (of all clones)

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Remembered:
        """Keep the rows."""
        self.rows_ = X, y
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Predict, from memory where the same rows were asked before."""
        key = self.rows_[0].index.to_numpy().tobytes(), X.index.to_numpy().tobytes()
        if key not in self.seen:
            self.seen[key] = clone(self.estimator).fit(*self.rows_).predict(X)
        return self.seen[key]


def judge(data: Bunch, scheme: str, fold: int, model: str) -> Iterator[dict]:
    """Yield one row per way to adapt and nominal coverage."""
    X, y = data.X.reset_index(drop=True), np.asarray(data.y, dtype=float)
    train, test = list(SPLITTERS[scheme](N_FOLDS).split(X, y))[fold]
    X_test, true = X.iloc[test], y[test]
    unit = X_test[HELD_OUT.get(scheme, "cell_line")].to_numpy()
    Remembered.seen.clear()
    for name, adapt in ADAPT.items():
        start = time.perf_counter()
        conformal = ConformalRegressor(
            Remembered(MODELS[model](data)),
            cv=SPLITTERS[scheme](N_INNER),
            coverage=NOMINAL,
            adapt=adapt,
        ).fit(X.iloc[train], y[train])
        for coverage in COVERAGES:
            lower, upper = conformal.predict_interval(X_test, coverage).T
            covered = (lower <= true) & (true <= upper)
            width = upper - lower
            row = {"adapt": name, "nominal": coverage, "n_test": len(test)}
            row |= {"coverage": covered.mean(), "width": width.mean()}
            if coverage == NOMINAL:
                errors = np.abs(true - conformal.predict(X_test))
                row |= judge_units(unit, covered, width, errors)
                row["seconds"] = time.perf_counter() - start
            if coverage == NOMINAL and adapt is None:
                row |= judge_domain(data, X.iloc[train], X_test, errors)
            yield row


def judge_units(
    unit: np.ndarray, covered: np.ndarray, width: np.ndarray, errors: np.ndarray
) -> dict[str, object]:
    """Return the coverage of each held-out unit, and what is known of their errors.

    `own_width` is the mean width of intervals that cover the nominal share of each
    unit, for which its own errors must be known; `rank_of_widths` the correlation of
    ranks over units between the width and the mean absolute error.
    """
    table = pd.DataFrame({"covered": covered, "width": width, "error": errors})
    units = table.groupby(unit)
    means = units.mean()
    own = units["error"].transform("quantile", NOMINAL)
    rank = np.nan
    if np.ptp(means["width"]) > 1e-9:
        rank = means["width"].corr(means["error"], method="spearman")
    shares = means["covered"].sort_values()
    return {
        "of_units": " ".join(f"{share:.3f}" for share in shares),
        "own_width": 2 * own.mean(),
        "rank_of_widths": rank,
    }


def judge_domain(
    data: Bunch, X: pd.DataFrame, X_test: pd.DataFrame, errors: np.ndarray
) -> dict[str, float]:
    """Return mean absolute errors inside and outside of the domain, and by parts."""
    domain = ApplicabilityDomain(data.expression).fit(X)
    table = domain.describe(X_test)
    inside = table["in_domain"].to_numpy()
    near = table["tanimoto"].to_numpy() >= domain.min_tanimoto
    known = table["cell_percentile"].to_numpy() <= domain.max_cell_percentile
    measures = {"share_inside": inside.mean()}
    for name, rows in {
        "inside": inside,
        "outside": ~inside,
        "far_compound": ~near,
        "far_cell": ~known,
    }.items():
        measures[f"n_{name}"] = rows.sum()
        measures[f"mae_{name}"] = errors[rows].mean() if rows.any() else np.nan
    return measures


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per scheme, model and way to adapt, over all folds."""
    rows = []
    for keys, some in table.groupby(["data", "scheme", "model", "adapt"], sort=False):
        by_level = some.groupby("nominal")
        pooled = by_level[["coverage", "width"]].apply(
            lambda level, n=some["n_test"]: pd.Series(
                np.average(level, axis=0, weights=n[level.index]), level.columns
            )
        )
        at = some[some["nominal"] == NOMINAL]
        units = np.sort([float(u) for text in at["of_units"] for u in text.split()])
        n_worst = max(len(units) // 10, 1)
        rows.append(
            {
                **dict(zip(["data", "scheme", "model", "adapt"], keys, strict=True)),
                "folds": len(at),
                "coverage": pooled.loc[NOMINAL, "coverage"],
                "worst_fold": at["coverage"].min(),
                "width": pooled.loc[NOMINAL, "width"],
                "width_at_90": np.interp(NOMINAL, pooled["coverage"], pooled["width"]),
                "own_width": np.average(at["own_width"], weights=at["n_test"]),
                "rank_of_widths": at["rank_of_widths"].mean(),
                "units_p10": np.quantile(units, 0.1),
                "units_worst_tenth": units[:n_worst].mean(),
            }
        )
    summary = pd.DataFrame(rows)
    constant = summary[summary["adapt"] == "none"].set_index(
        ["data", "scheme", "model"]
    )
    base = constant["width_at_90"].reindex(
        pd.MultiIndex.from_frame(summary[["data", "scheme", "model"]])
    )
    summary["narrower"] = 1 - summary["width_at_90"] / base.to_numpy()
    return summary


def summarise_domain(table: pd.DataFrame) -> pd.DataFrame:
    """Return errors inside and outside of the domain, over all folds."""
    rows = table[table["share_inside"].notna()]
    parts = ("inside", "outside", "far_compound", "far_cell")
    summary = {}
    for keys, some in rows.groupby(["scheme", "model"], sort=False):
        summary[keys] = {
            f"{kind}_{part}": value
            for part in parts
            for kind, value in (
                ("n", some[f"n_{part}"].sum()),
                (
                    "mae",
                    (some[f"n_{part}"] * some[f"mae_{part}"].fillna(0)).sum()
                    / max(some[f"n_{part}"].sum(), 1),
                ),
            )
        }
    return pd.DataFrame(summary).T


def main() -> None:
    """Run what is missing and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="gdsc2")
    parser.add_argument("--data-home")
    parser.add_argument("--schemes", nargs="+", default=[*SPLITTERS], choices=SPLITTERS)
    parser.add_argument("--models", nargs="+", default=["PairwiseKernelRidge"])
    parser.add_argument("--folds", type=int, default=N_FOLDS)
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    data = load_data(asked.data, asked.data_home)
    table = pd.read_csv(asked.output) if asked.output.exists() else pd.DataFrame()
    for fold, scheme, model in product(range(asked.folds), asked.schemes, asked.models):
        keys = dict(zip(KEYS, (asked.data, scheme, fold, model), strict=True))
        if not table.empty and (table[KEYS] == pd.Series(keys)).all(axis=1).any():
            continue
        new = pd.DataFrame([keys | row for row in judge(data, scheme, fold, model)])
        table = pd.concat([table, new.round(5)], ignore_index=True)
        table.to_csv(asked.output, index=False)
        print(scheme, fold, model, f"{new['seconds'].sum():.0f} s", flush=True)
    pd.set_option("display.width", 200, "display.max_columns", 20)
    print(summarise(table).round(3).to_string(index=False))
    print(summarise_domain(table).round(3).to_string())


if __name__ == "__main__":
    main()
