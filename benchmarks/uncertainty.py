"""Measure coverage and width of intervals, and errors inside and outside of the domain.

    python benchmarks/uncertainty.py --folds 10

Of each fold of a data set the training rows are split again by the same scheme, to
calibrate a ConformalRegressor, whose intervals are judged on the test rows. Writes
results/uncertainty.csv: one row per data set, scheme, fold, model, way to adapt and
nominal coverage. Existing rows are not run again, and with --memory predictions are
kept in a folder, so that a run continues within a fold. Ways to adapt called "foreseen"
are told what no model can know, the errors of each unit: they bound what is possible.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Bunch

from benchmarks.data.load import load_data
from benchmarks.models.registry import make_csg2a
from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import MeanEffects, PairwiseKernelRidge
from sklearn_csg2a.evaluation.folds import SPLITTERS
from sklearn_csg2a.uncertainty import ApplicabilityDomain, ConformalRegressor

RESULTS = Path(__file__).parent / "results" / "uncertainty.csv"
KEYS = ["data", "scheme", "fold", "model", "n_inner", "adapt"]
N_FOLDS = 10
N_INNER = 5
NOMINAL = 0.9
COVERAGES = (0.8, 0.85, 0.87, 0.88, 0.89, NOMINAL, 0.91, 0.92, 0.94, 0.96)
OF_UNITS = (
    0.85,
    0.88,
    NOMINAL,
    0.92,
    0.96,
)  # nominal coverages that units are judged at
ADAPT = {
    "none": None,
    "errors": "errors",
    "tanimoto": "tanimoto",
    "cell_distance": "cell_distance",
    "mean_effects": MeanEffects(),
}
FORESEEN = {f"foreseen_{share}": share for share in (0.5, 0.7, 0.9, 1.0)}
NOVELTY = {"mixed": "pair", "cell": "cell", "drug": "compound", "disjoint": "both"}
HELD_OUT = {"mixed": "smiles", "drug": "smiles", "disjoint": "smiles"}
MODELS: dict[str, Callable[[Bunch, str, int], BaseEstimator]] = {
    "PairwiseKernelRidge": lambda data, *_: PairwiseKernelRidge(
        expression=data.expression, alpha=0.3, tol=1e-5
    ),
    "csg2a": make_csg2a,
    "csg2a_quarter": lambda *of: PartOfRows(make_default(*of), 0.25),
    "csg2a_tenth": lambda *of: PartOfRows(make_default(*of), 0.1),
}


def make_default(data: Bunch, scheme: str, seed: int) -> DrugResponseRegressor:
    """Make CSG2A with the default parameters for what is new in a scheme."""
    return DrugResponseRegressor(
        expression=data.expression,
        interactome=data.interactome,
        novelty=NOVELTY[scheme],
        random_state=seed,
    )


class PartOfRows(RegressorMixin, BaseEstimator):
    """Fit an estimator to a share of the rows, drawn at random, to save time.

    All compounds and cell lines stay, with fewer rows of each.
    """

    def __init__(self, estimator: BaseEstimator, share: float) -> None:
        self.estimator = estimator
        self.share = share

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> PartOfRows:
        """Fit to some of the rows."""
        n_rows = round(self.share * len(X))
        rows = np.sort(np.random.default_rng(0).permutation(len(X))[:n_rows])
        self.estimator_ = clone(self.estimator).fit(X.iloc[rows], y[rows])
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Predict ln IC50, in ln uM."""
        return self.estimator_.predict(X)


class Remembered(RegressorMixin, BaseEstimator):
    """Fit on demand, and remember predictions by the labels of the rows of X."""

    seen: dict[str, np.ndarray] = {}  # noqa: RUF012 (of all clones)
    folder: Path | None = None

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Remembered:
        """Keep the rows."""
        self.rows_ = X, y
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Predict, from memory where the same rows were asked before."""
        parts = [table.index.to_numpy().tobytes() for table in (self.rows_[0], X)]
        key = hashlib.sha256(b"|".join(parts)).hexdigest()[:24]
        path = self.folder and self.folder / f"{key}.npy"
        if key not in self.seen:
            if path and path.exists():
                self.seen[key] = np.load(path)
            else:
                self.seen[key] = clone(self.estimator).fit(*self.rows_).predict(X)
                if path:
                    np.save(path, self.seen[key])
        return self.seen[key]


class Foreseen(RegressorMixin, BaseEstimator):
    """Expected errors from those that each unit will have, known in part.

    Parameters
    ----------
    column : str
        Column of X that names units.
    errors : Series
        The nominal quantile of the errors of each unit.
    share : float
        Correlation of what is foreseen with the logarithm of `errors`.
    """

    def __init__(self, column: str, errors: pd.Series, share: float) -> None:
        self.column = column
        self.errors = errors
        self.share = share

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Foreseen:
        """Draw what is foreseen of each unit."""
        del X, y
        true = np.log(self.errors)
        spread = true.std() * np.sqrt(1 - self.share**2)
        noise = np.random.default_rng(0).normal(0, spread, len(true))
        self.foreseen_ = true.mean() + self.share * (
            self.share * (true - true.mean()) + noise
        )
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return the error that is foreseen for the unit of each row."""
        return np.exp(X[self.column].map(self.foreseen_).to_numpy())


def measure_errors(
    model: Remembered, splits: Iterable[Any], X: pd.DataFrame, y: np.ndarray
) -> pd.Series:
    """Return absolute errors of held-out rows, by their labels."""
    errors = []
    for train, test in splits:
        held_out = X.iloc[test]
        predicted = clone(model).fit(X.iloc[train], y[train]).predict(held_out)
        errors.append(pd.Series(np.abs(y[test] - predicted), held_out.index))
    return pd.concat(errors)


def judge(
    data: Bunch, keys: dict[str, Any], names: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield one row per way to adapt, of those named, and nominal coverage."""
    scheme = keys["scheme"]
    X, y = data.X.reset_index(drop=True), np.asarray(data.y, dtype=float)
    train, test = list(SPLITTERS[scheme](N_FOLDS).split(X, y))[keys["fold"]]
    column = HELD_OUT.get(scheme, "cell_line")
    model = Remembered(MODELS[keys["model"]](data, scheme, 0))
    inner = SPLITTERS[scheme](keys["n_inner"])
    Remembered.seen.clear()
    test_errors = measure_errors(model, [(train, test)], X, y)
    X_train, y_train = X.iloc[train], y[train]
    known = measure_errors(model, inner.split(X_train, y_train), X_train, y_train)
    by_unit = pd.concat([known, test_errors]).groupby(X[column]).quantile(NOMINAL)
    ways = ADAPT | {
        name: Foreseen(column, by_unit, share) for name, share in FORESEEN.items()
    }
    for name in names:
        start = time.perf_counter()
        conformal = ConformalRegressor(
            model, cv=inner, coverage=NOMINAL, adapt=ways[name]
        ).fit(X_train, y_train)
        for coverage in COVERAGES:
            lower, upper = conformal.predict_interval(X.iloc[test], coverage).T
            covered = (lower <= y[test]) & (y[test] <= upper)
            width = upper - lower
            row = {"adapt": name, "nominal": coverage, "n_test": len(test)}
            row |= {"coverage": covered.mean(), "width": width.mean()}
            if coverage in OF_UNITS:
                unit = X[column].iloc[test].to_numpy()
                row |= judge_units(unit, covered, width, test_errors.to_numpy())
            if coverage == NOMINAL:
                row["seconds"] = time.perf_counter() - start
            if coverage == NOMINAL and name == "none":
                errors = test_errors.to_numpy()
                row |= judge_domain(data, X_train, X.iloc[test], errors)
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
    names = ["data", "scheme", "model", "n_inner", "adapt"]
    for keys, some in table.groupby(names, sort=False):
        by_level = some.groupby("nominal")
        pooled = by_level[["coverage", "width"]].apply(
            lambda level, n=some["n_test"]: pd.Series(
                np.average(level, axis=0, weights=n[level.index]), level.columns
            )
        )
        at = some[some["nominal"] == NOMINAL]
        worst = {
            nominal: worst_units(level["of_units"])
            for nominal, level in some[some["of_units"].notna()].groupby("nominal")
        }
        tenths = [tenth for tenth, _ in worst.values()]
        rows.append(
            {
                **dict(zip(names, keys, strict=True)),
                "folds": len(at),
                "coverage": pooled.loc[NOMINAL, "coverage"],
                "worst_fold": at["coverage"].min(),
                "width": pooled.loc[NOMINAL, "width"],
                "width_at_90": np.interp(NOMINAL, pooled["coverage"], pooled["width"]),
                "own_width": np.average(at["own_width"], weights=at["n_test"]),
                "rank_of_widths": at["rank_of_widths"].mean(),
                "units_worst_tenth": worst[NOMINAL][0],
                "units_p10": worst[NOMINAL][1],
                **{
                    f"worst_at_{100 * level:.0f}": np.interp(
                        level, pooled.loc[list(worst), "coverage"], tenths
                    )
                    for level in (0.88, 0.9, 0.92)
                },
            }
        )
    summary = pd.DataFrame(rows)
    names.remove("adapt")
    constant = summary[summary["adapt"] == "none"].set_index(names)
    base = constant["width_at_90"].reindex(pd.MultiIndex.from_frame(summary[names]))
    summary["narrower"] = 1 - summary["width_at_90"] / base.to_numpy()
    return summary


def worst_units(texts: pd.Series) -> tuple[float, float]:
    """Return the mean coverage of the worst tenth of units, and the best of theirs."""
    units = np.sort([float(share) for text in texts for share in text.split()])
    return units[: max(len(units) // 10, 1)].mean(), np.quantile(units, 0.1)


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
    parser.add_argument("--inner", type=int, default=N_INNER)
    parser.add_argument("--adapt", nargs="+", default=[*ADAPT, *FORESEEN])
    parser.add_argument("--memory", type=Path, help="folder for predictions")
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    Remembered.folder = asked.memory
    data = load_data(asked.data, asked.data_home)
    table = pd.read_csv(asked.output) if asked.output.exists() else pd.DataFrame()
    for fold, scheme, model in product(range(asked.folds), asked.schemes, asked.models):
        values = (asked.data, scheme, fold, model, asked.inner)
        keys = dict(zip(KEYS[:-1], values, strict=True))
        done = set()
        if not table.empty:
            done = set(table[(table[[*keys]] == pd.Series(keys)).all(axis=1)]["adapt"])
        missing = [name for name in asked.adapt if name not in done]
        if not missing:
            continue
        new = pd.DataFrame([keys | row for row in judge(data, keys, missing)])
        table = pd.concat([table, new.round(5)], ignore_index=True)
        table.to_csv(asked.output, index=False)
        print(scheme, fold, model, f"{new['seconds'].sum():.0f} s", flush=True)
    pd.set_option("display.width", 200, "display.max_columns", 20)
    print(summarise(table).round(3).to_string(index=False))
    print(summarise_domain(table).round(3).to_string())


if __name__ == "__main__":
    main()
