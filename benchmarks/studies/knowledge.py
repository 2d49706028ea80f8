"""What helps more: another screen's potency, annotation, or annotation expected.

Inner drug-blind splits of gdsc2: of each outer fold the training compounds alone are
split again, so that no test compound of the benchmark has a say in what is chosen here.
A run continues where the last one stopped:

    python benchmarks/studies/knowledge.py --outer 0 5
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import root_mean_squared_error
from sklearn.utils import Bunch

from benchmarks.data.load import load_data
from benchmarks.models.knowledge import Known, load_knowledge, with_knowledge
from benchmarks.models.registry import config_hash
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.evaluation.folds import TEST_SEED, TUNING_SEED
from sklearn_csg2a.metrics import within_group_correlation
from sklearn_csg2a.model_selection import DrugBlindKFold

RESULTS = Path(__file__).resolve().parents[1] / "results" / "knowledge_inner.csv"
KEYS = ["config", "outer", "inner"]
N_OUTER = N_INNER = 10
THREE = ("NCI-60", "DrugCell", "GDSC1")

# Name: what is known, and whether kernels are added up.
CONFIGURATIONS: dict[str, tuple[Known, bool]] = {
    "structure": (Known(), True),
    "potency of 1 screen": (Known(THREE[:1]), True),
    "potency of 2 screens": (Known(THREE[:2]), True),
    "potency of 3 screens": (Known(THREE), True),
    "potency of 3 screens, one similarity": (Known(THREE), False),
    "potency measured in NCI-60": (Known(THREE[:1], measured=THREE[:1]), True),
    "potency measured in NCI-60, 2 other screens": (
        Known(THREE, measured=THREE[:1]),
        True,
    ),
    "annotation": (Known(annotation="all"), True),
    "annotation, one similarity": (Known(annotation="all"), False),
    "annotation with flags": (
        Known(annotation="all", parameters={"add_indicator": True}),
        False,
    ),
    "annotation expected": (Known(annotation="fit"), True),
    "annotation expected, one similarity": (Known(annotation="fit"), False),
    "annotation expected for all": (Known(annotation="none"), True),
    "potency of 3 screens, annotation": (Known(THREE, annotation="all"), True),
    "potency of 3 screens, annotation, one similarity": (
        Known(THREE, annotation="all"),
        False,
    ),
    "potency of 3 screens, annotation expected": (Known(THREE, annotation="fit"), True),
    "potency measured in NCI-60, annotation": (
        Known(THREE, measured=THREE[:1], annotation="all"),
        True,
    ),
}


@lru_cache(maxsize=1)
def load(data_home: str | None) -> tuple[Bunch, Bunch]:
    """Load the data set and what is known of compounds."""
    data = load_data("gdsc2", data_home)
    return data, load_knowledge(data.compounds, data_home)


def make_model(name: str, data: Bunch, knowledge: Bunch) -> BaseEstimator:
    """Make the model of a configuration; the penalty is the same for all."""
    known, as_sum = CONFIGURATIONS[name]
    model = PairwiseKernelRidge(expression=data.expression, alpha=0.3, tol=1e-5)
    return with_knowledge(model, MorganEncoder(), known, knowledge, as_sum=as_sum)


@cache
def fit_once(name: str, data_home: str | None) -> dict[str, BaseEstimator]:
    """Return fitted encoders of a configuration that are the same for all folds."""
    data, knowledge = load(data_home)
    known, _ = CONFIGURATIONS[name]
    union = make_model(name, data, knowledge).compound_encoder
    parts = dict(union.transformer_list[1:])
    if known.annotation == "fit":
        del parts["annotation"]
    return {
        part: FrozenEstimator(encoder.fit(knowledge.smiles))
        for part, encoder in parts.items()
    }


def split_again(data: Bunch, outer: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield training and held-out rows of the inner folds of an outer fold."""
    splitter = DrugBlindKFold(N_OUTER, random_state=TEST_SEED)
    train, _ = list(splitter.split(data.X, data.y))[outer]
    inner = DrugBlindKFold(N_INNER, random_state=TUNING_SEED)
    for kept, held_out in inner.split(data.X.iloc[train], data.y.iloc[train]):
        yield train[kept], train[held_out]


def measure(model: BaseEstimator, data: Bunch, train: np.ndarray, test: np.ndarray):
    """Fit and judge a model; return its measures by name."""
    start = time.perf_counter()
    model.fit(data.X.iloc[train], data.y.iloc[train])
    predicted = model.predict(data.X.iloc[test])
    true, compound = data.y.iloc[test].to_numpy(), data.X["smiles"].iloc[test]
    within = within_group_correlation(true, predicted, compound)
    error = pd.Series(predicted - true).groupby(compound.to_numpy()).mean()
    return {
        "rmse": root_mean_squared_error(true, predicted),
        "pcc": np.corrcoef(true, predicted)[0, 1],
        "r_within": within.mean,
        "rmse_of_levels": np.sqrt(np.mean(error**2)),
        "n_compounds": len(error),
        "seconds": time.perf_counter() - start,
    }


def run(
    names: list[str], outer: list[int], path: Path, data_home: str | None
) -> pd.DataFrame:
    """Measure what is missing, and write it to the file after each fit."""
    data, knowledge = load(data_home)
    done = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEYS)
    for fold in outer:
        for inner, (train, test) in enumerate(split_again(data, fold)):
            for name in names:
                model = make_model(name, data, knowledge)
                key = dict(
                    zip(KEYS, (config_hash(model)[:12], fold, inner), strict=True)
                )
                if (done[KEYS] == pd.Series(key)).all(axis=1).any():
                    continue
                model.compound_encoder.set_params(**fit_once(name, data_home))
                row = {"name": name, **key, **measure(model, data, train, test)}
                done = pd.concat([done, pd.DataFrame([row])], ignore_index=True)
                done.round(5).to_csv(path, index=False)
                print(f"{fold} {inner} {name}: RMSE {row['rmse']:.3f}", flush=True)
    return done


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return means over folds, and over compounds for what is measured by compound."""

    def describe(of_one: pd.DataFrame) -> pd.Series:
        n_compounds = of_one["n_compounds"]
        squares = np.average(of_one["rmse_of_levels"] ** 2, weights=n_compounds)
        return pd.Series(
            {
                "RMSE": of_one["rmse"].mean(),
                "PCC": of_one["pcc"].mean(),
                "r within": np.average(of_one["r_within"], weights=n_compounds),
                "RMSE of levels": np.sqrt(squares),
                "folds": len(of_one),
                "seconds": of_one["seconds"].median(),
            }
        )

    grouped = results.groupby("name", sort=False)
    return grouped[results.columns.drop("name").tolist()].apply(describe)


def main() -> None:
    """Run the study from the command line, and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--outer", type=int, nargs="+", default=[0])
    parser.add_argument("--names", nargs="+", default=list(CONFIGURATIONS))
    parser.add_argument("--data-home", default=None)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    results = run(given.names, given.outer, given.out, given.data_home)
    print(summarise(results).round(3).to_string())


if __name__ == "__main__":
    main()
