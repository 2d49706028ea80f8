"""Evaluate predicted changes of expression, not only expression, on LINCS.

    python benchmarks/perturbation.py

Predicts the change from control of profiles of new compounds and of new plates, by
CSG2A, by kernel ridge regression and by simple baselines. Finished fits are stored in
results/perturbation.csv and not run again; tests over compounds are
written to results/perturbation_tests.csv. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import interrupts

if __name__ == "__main__":
    interrupts.stop_at_once()

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from benchmarks.data.lincs import load_profiles
from benchmarks.models.profiles import baselines as _change
from benchmarks.models.profiles import kernel as _change_kernel
from benchmarks.models.profiles import network as _change_network
from benchmarks.models.profiles.baselines import (
    Predictor,
    mean_over_compounds,
    score_profiles,
)
from benchmarks.models.profiles.network import (
    Prediction,
    find_unseen,
    make_splitter,
    predict_by_network,
    predict_by_tuned_network,
)
from benchmarks.run import RESULTS, cache_folder
from benchmarks.studies.perturbation_summary import by_plate, compare_models, summarize
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a.datasets import load_interactome
from sklearn_csg2a.evaluation.configuration import hash_parts
from sklearn_csg2a.evaluation.folds import TEST_SEED, Fold, hash_split
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.study import Study, is_stored
from sklearn_csg2a.evaluation.tasks import Result, describe_versions
from sklearn_csg2a.evaluation.workers import Processes
from sklearn_csg2a.metrics import (
    discrimination_score,
    most_changed_recall,
    sign_agreement,
)

DATA = "perturbation"
N_SPLITS = {"compound": 5, "plate": 6}
N_INNER = 3

KEY = ("split", "fold", "model", "seed")
COLUMNS = (
    *KEY,
    "data_hash",
    "split_hash",
    "config_hash",
    "n_train",
    "n_test",
    "n_compounds",
    "pearson",
    "rmse",
    "skill",
    "raw_pearson",
    "fit_seconds",
    "settings",
    "versions",
    "direction",
    "recall",
    "discrimination",
)


def _baseline(predict: Predictor, profiles: Bunch, fold: Fold, seed: int) -> Prediction:
    """Predict by a baseline."""
    del seed
    return predict(profiles, fold.train, fold.test), {}


def predict_by_kernel(profiles: Bunch, fold: Fold, seed: int) -> Prediction:
    """Predict by kernel ridge with a penalty chosen on the training rows."""
    inner = make_splitter(fold.scheme, N_INNER, seed + 1)
    return _change_kernel.predict_kernel_ridge(
        profiles, fold.train, fold.test, inner.split(profiles.X.iloc[fold.train])
    )


MODELS: dict[str, Callable[[Bunch, Fold, int], Prediction]] = {
    "no_change": partial(_baseline, _change.predict_no_change),
    "mean_change": partial(_baseline, _change.predict_mean),
    "nearest_compound": partial(_baseline, _change.predict_nearest),
    "nearest_in_cell": partial(_baseline, _change.predict_nearest_in_cell),
    "plate_mean": partial(_baseline, _change.predict_plate_mean),
    "kernel_ridge": predict_by_kernel,
    "csg2a_default": partial(predict_by_network, target="perturbed", n_members=1),
    "csg2a_perturbed": partial(predict_by_tuned_network, target="perturbed"),
    "csg2a": partial(predict_by_tuned_network, target="change"),
    "csg2a_off": partial(predict_by_tuned_network, attention="off"),
    "csg2a_on_plate": partial(predict_by_tuned_network, target="on_plate"),
}
NETWORKS = frozenset(name for name in MODELS if name.startswith("csg2a"))


@dataclass(frozen=True)
class ChangeTask:
    """One model to fit on one fold."""

    fold: Fold
    model: str
    seed: int
    hashes: dict[str, str] = field(repr=False)  # data_hash, split_hash, config_hash
    profiles: Bunch = field(repr=False)

    def as_row(self) -> dict[str, Any]:
        """Return the columns that are known before the model is fitted."""
        fold = self.fold.as_row()
        ids = {"split": self.fold.scheme, "model": self.model, "seed": self.seed}
        return {**ids, **fold, **self.hashes}

    def __str__(self) -> str:
        """Name of the task, used in messages."""
        return f"{self.fold.scheme} fold {self.fold.index} {self.model} {self.seed}"

    def do(self) -> Result:
        """Fit, predict and score."""
        return evaluate(self)

    def scores_path(self, cache: Path) -> Path:
        """Return the file of the scores of each profile."""
        name = f"{self.fold.scheme}-fold{self.fold.index}-{self.model}-seed{self.seed}"
        return cache / DATA / f"{name}-{self.hashes['config_hash'][:8]}.npz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested tasks that are not stored yet; return the exit status."""
    options = parse_arguments(arguments)
    profiles = load(options.data_home)
    tasks = list_tasks(options, profiles)
    table = Table(options.results / f"{DATA}.csv", KEY, COLUMNS)
    stored = table.read()
    missing = [
        task
        for task in tasks
        if options.again or not is_finished(task, table, stored, options.cache)
    ]

    def keep(result: Result) -> None:
        path = result.task.scores_path(options.cache)
        with replacing(path) as part, part.open("wb") as file:
            np.savez_compressed(file, **result.arrays)
        table.add([result.row])

    status = Study(Processes(1, options.threads), keep).run(missing, stored.values())
    if status == 130:
        return status
    write_summary(profiles, table, options)
    return status


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--splits", nargs="+", choices=N_SPLITS, default=list(N_SPLITS))
    add("--models", nargs="+", choices=MODELS, default=list(MODELS))
    add("--seeds", nargs="+", type=int, default=[0], help="of the networks")
    add("--threads", type=int, default=1, help="to compute with (default 1)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add("--cache", type=Path, default=cache_folder().parent, help="of the scores")
    add("--again", action="store_true", help="recompute stored results")
    return parser.parse_args(arguments)


@lru_cache(maxsize=2)
def load(data_home: str | None = None) -> Bunch:
    """Load the profiles and the interactome of their genes."""
    profiles = load_profiles(data_home)
    profiles.interactome = load_interactome(data_home=data_home, genes=profiles.genes)
    return profiles


def make_folds(profiles: Bunch, split: str) -> list[Fold]:
    """Split the profiles by compound or by plate."""
    n_splits = N_SPLITS[split]
    splitter = make_splitter(split, n_splits, TEST_SEED)
    return [
        Fold(split, n_splits, index, hash_split(profiles.ids, train, test), train, test)
        for index, (train, test) in enumerate(splitter.split(profiles.X))
    ]


def list_tasks(options: argparse.Namespace, profiles: Bunch) -> list[ChangeTask]:
    """List all tasks, in the order of the models."""
    return [
        ChangeTask(fold, model, seed, _hashes(profiles, fold, model), profiles)
        for split in options.splits
        for model in options.models
        for fold in make_folds(profiles, split)
        for seed in (options.seeds if model in NETWORKS else [0])
    ]


def _hashes(profiles: Bunch, fold: Fold, model: str) -> dict[str, str]:
    """Return the hashes that determine whether a stored result is still valid."""
    predict = MODELS[model]
    settings: dict[str, Any] = {"keywords": getattr(predict, "keywords", {})}
    if model in NETWORKS - {"csg2a_default"}:
        constants = vars(_change_network)
        settings["network"] = [
            constants[name] for name in ("NETWORK", "N_MEMBERS", "N_COMPONENTS")
        ]
    elif model == "kernel_ridge":
        constants = vars(_change_kernel)
        settings["kernel"] = [
            constants[name] for name in ("ALPHAS", "POWERS", "ACROSS", "DOSE_WIDTH")
        ]
    return {
        "data_hash": profiles.hash,
        "split_hash": fold.split_hash,
        "config_hash": hash_parts(model, json.dumps(settings, sort_keys=True)),
    }


def is_finished(
    task: ChangeTask,
    table: Table,
    stored: dict[tuple[str, ...], dict[str, str]],
    cache: Path,
) -> bool:
    """Whether row and scores of the same data, fold and configuration are stored."""
    return is_stored(task, table, stored) and task.scores_path(cache).is_file()


def evaluate(task: ChangeTask) -> Result:
    """Fit, predict and score."""
    profiles = task.profiles
    start = perf_counter()
    predicted, settings = MODELS[task.model](profiles, task.fold, task.seed)
    seconds = perf_counter() - start
    arrays, measures = measure(profiles, task.fold, predicted)
    row = {
        **task.as_row(),
        **measures,
        "fit_seconds": seconds,
        "settings": json.dumps(settings, sort_keys=True),
        "versions": describe_versions(),
    }
    return Result(task, row, arrays)


def measure(
    profiles: Bunch, fold: Fold, predicted: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Score the predicted change (n_test, n_genes): by profile, and overall.

    `skill` is relative to the mean change of the training profiles; `direction` and
    `recall` are those of the 50 most changed genes of each profile, and
    `discrimination` is among the profiles of a plate.
    """
    test = fold.test
    measured, compound = profiles.change[test], profiles.compound[test]
    scores = score_profiles(predicted, measured, compound)
    raw = score_profiles(profiles.control[test] + predicted, profiles.Y[test], compound)
    means = mean_over_compounds(scores)
    naive = _change.predict_mean(profiles, fold.train, test)
    arrays = {
        "row": test,
        "pearson": scores["pearson"].to_numpy(),
        "rmse": scores["rmse"].to_numpy(),
    }
    return arrays, {
        "n_compounds": len(means),
        "pearson": float(means["pearson"].mean()),
        "rmse": float(means["rmse"].mean()),
        "skill": float(
            1 - np.mean((predicted - measured) ** 2) / np.mean((naive - measured) ** 2)
        ),
        "raw_pearson": float(mean_over_compounds(raw)["pearson"].mean()),
        "direction": sign_agreement(measured, predicted),
        "recall": most_changed_recall(measured, predicted),
        "discrimination": discrimination_score(
            measured,
            predicted,
            compound,
            within=profiles.X["plate"].iloc[test],
            distance="correlation",
        ),
    }


def write_summary(profiles: Bunch, table: Table, options: argparse.Namespace) -> None:
    """Write the tests over compounds and the Markdown; print the latter."""
    stored = table.read()
    tasks = list_finished(profiles, table, stored, options.cache)
    if not tasks:
        return
    scores = read_scores(tasks, profiles, options.cache)
    tests = compare_models(scores)
    with replacing(options.results / f"{DATA}_tests.csv") as part:
        tests.to_csv(part, index=False, float_format="%.6g")
    kept = pd.DataFrame([stored[table.key_of(task.as_row())] for task in tasks])
    agreement = _change.replicate_agreement(profiles)
    text = summarize(kept, tests, agreement, by_plate(scores))
    with replacing(options.results / f"{DATA}.md") as part:
        part.write_text(text, encoding="utf-8")
    print(text)


def list_finished(
    profiles: Bunch,
    table: Table,
    stored: dict[tuple[str, ...], dict[str, str]],
    cache: Path,
) -> list[ChangeTask]:
    """List the stored results of models that have finished all folds of a split."""
    finished = []
    for split in N_SPLITS:
        folds = make_folds(profiles, split)
        for model in MODELS:
            seeds = {int(row["seed"]) for row in stored.values()}
            for seed in sorted(seeds):
                tasks = [
                    ChangeTask(
                        fold, model, seed, _hashes(profiles, fold, model), profiles
                    )
                    for fold in folds
                ]
                if all(is_finished(task, table, stored, cache) for task in tasks):
                    finished += tasks
    return finished


def read_scores(
    tasks: Sequence[ChangeTask], profiles: Bunch, cache: Path
) -> pd.DataFrame:
    """Read the scores of each profile, with split, fold, model, compound and plate.

    `unseen` tells whether settings were chosen without the compound.
    """
    parts = []
    unseen = find_unseen(profiles.X["smiles"])
    for task in tasks:
        with np.load(task.scores_path(cache)) as arrays:
            part = pd.DataFrame({name: arrays[name] for name in ("pearson", "rmse")})
            part["compound"] = profiles.compound[arrays["row"]]
            part["plate"] = profiles.X["plate"].to_numpy()[arrays["row"]]
            part["unseen"] = unseen[arrays["row"]]
        parts.append(
            part.assign(split=task.fold.scheme, fold=task.fold.index, model=task.model)
        )
    return pd.concat(parts, ignore_index=True)


if __name__ == "__main__":
    interrupts.run(main)
