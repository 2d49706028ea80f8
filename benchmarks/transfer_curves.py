"""Does pretraining pay where responses are few? Learning curves with controls.

    python benchmarks/transfer_curves.py --schemes drug cell --shares 0.01 0.05

CSG2A on GDSC2 whole (848 cell lines, the 495 landmark genes of its microarrays), fitted
to a share of the training rows of each fold: from scratch, from a perturbation model of
LINCS profiles that saw no compound of the test fold ("strict"), frozen and not, and
frozen as it was before any training ("untrained"): pretraining has learned something
only if it beats that. Kernel ridge, and naive models through the skill, get the same
rows. The number of steps is the same for all shares. Finished fits are stored in
results/transfer_curves.csv and not run again; the summary is transfer_curves.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from benchmarks.data.transfer import load_transfer
from benchmarks.models import registry as models
from benchmarks.models.pretraining import Pretraining, plan_pretraining, pretrain
from benchmarks.run import RESULTS, cache_folder
from benchmarks.studies.transfer_curves_summary import summarize
from benchmarks.transfer import OF_SCHEME, PRETRAINING, RESPONSE, TIME
from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.evaluation.configuration import hash_parts
from sklearn_csg2a.evaluation.evaluate import measure
from sklearn_csg2a.evaluation.folds import (
    SPLITTERS,
    VALIDATION_SEED,
    Fold,
    make_folds,
    validation_splitter,
)
from sklearn_csg2a.evaluation.results import COLUMNS, KEY
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.study import Study, is_stored
from sklearn_csg2a.evaluation.tasks import Result, describe_versions
from sklearn_csg2a.evaluation.workers import Processes
from sklearn_csg2a.model_selection import DrugBlindKFold

NAME = "transfer_curves"
SHARE_SEED = 7
N_STEPS = 1500  # of each network, whatever the share
LEAST_EPOCHS = 4
# Neither learns: the running statistics of the untrained one are those of the profiles.
UNTRAINED = {"max_epochs": 1, "learning_rate": 1e-12, "early_stopping": False}


@dataclass(frozen=True)
class Start:
    """What a network starts from."""

    profiles: str | None  # "strict", "untrained" or None for a new network
    freeze: bool = False
    attention: str = "gated"


NETWORKS = {
    "scratch": Start(None),
    "untrained_frozen": Start("untrained", freeze=True),
    "strict_frozen": Start("strict", freeze=True),
    "strict_tuned": Start("strict"),
    "paper_scratch": Start(None, attention="paper"),
    "paper_untrained_frozen": Start("untrained", freeze=True, attention="paper"),
    "paper_strict_frozen": Start("strict", freeze=True, attention="paper"),
}
DEFAULT = ["scratch", "untrained_frozen", "strict_frozen", "strict_tuned"]


@dataclass(frozen=True)
class CurveTask:
    """One model to fit to a share of the training rows of one fold."""

    fold: Fold
    rows: np.ndarray  # training rows in use
    model: str
    seed: int
    estimator: BaseEstimator
    pretraining: Pretraining | None
    hashes: dict[str, str]
    data: Bunch = field(repr=False)
    pretrained: Path

    def as_row(self) -> dict[str, Any]:
        """Return the columns that are known before the model is fitted."""
        ids = {"data": NAME, "model": self.model, "seed": self.seed}
        return {**ids, **self.fold.as_row(), "n_train": len(self.rows), **self.hashes}

    def do(self) -> Result:
        """Pretrain if needed, fit, predict and measure."""
        data, fold, model = self.data, self.fold, self.estimator
        if self.pretraining is not None:
            path, _ = pretrain(self.pretraining, self.pretrained)
            model.set_params(pretrained=str(path))
        start = perf_counter()
        model.fit(data.X.iloc[self.rows], data.y.iloc[self.rows])
        seconds = perf_counter() - start
        check_uninterrupted(model)
        predicted = np.asarray(model.predict(data.X.iloc[fold.test]), dtype=float)
        row = {
            **self.as_row(),
            **measure(data, fold, predicted),
            "fit_seconds": seconds,
            "settings": models.list_settings(model),
            "versions": describe_versions(),
        }
        true = data.y.iloc[fold.test].to_numpy(dtype=float)
        return Result(self, row, {"row": fold.test, "y_true": true})

    def __str__(self) -> str:
        """Name of the task, used in messages."""
        return f"{self.fold.scheme} fold {self.fold.index} {self.model}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested tasks that are not stored yet; return the exit status."""
    options = parse_arguments(arguments)
    data = load_transfer(options.data_home, "gdsc_full", "change")
    folds = make_folds(data, options.schemes, options.n_splits, options.folds)
    table = Table(options.results / f"{NAME}.csv", KEY, COLUMNS)
    stored = table.read()
    tasks = [
        task
        for task in list_tasks(options, data, folds)
        if not is_stored(task, table, stored)
    ]

    def keep(result: Result) -> None:
        table.add([result.row])

    status = Study(Processes(1, options.threads), keep).run(tasks, stored.values())
    if status == 130:
        return status
    text = summarize(pd.DataFrame(table.read().values()))
    with replacing(options.results / f"{NAME}.md") as part:
        part.write_text(text, encoding="utf-8")
    print(text)
    return status


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--schemes", nargs="+", choices=SPLITTERS, default=list(SPLITTERS))
    add("--models", nargs="+", choices=NETWORKS, default=DEFAULT)
    add("--shares", nargs="+", type=float, default=[0.01, 0.05, 0.25, 1.0])
    add("--folds", type=int, default=10, help="run the first folds (default 10)")
    add("--n-splits", type=int, default=10, help="number of folds (default 10)")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--threads", type=int, default=1, help="number of threads (default 1)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV file")
    add("--cache", type=Path, default=cache_folder().parent, help="of models")
    return parser.parse_args(arguments)


def list_tasks(
    options: argparse.Namespace, data: Bunch, folds: Sequence[Fold]
) -> Iterator[CurveTask]:
    """Yield all tasks, fold by fold, from few rows to all."""
    for fold in sorted(folds, key=lambda fold: fold.index):
        for share in sorted(options.shares):
            rows = draw_rows(fold, share)
            for seed in options.seeds:
                for name in ("PairwiseKernelRidge", *options.models):
                    yield make_task(options, data, fold, rows, name, share, seed)


def draw_rows(fold: Fold, share: float) -> np.ndarray:
    """Return a share of the training rows; smaller shares are parts of larger ones."""
    order = np.random.default_rng(SHARE_SEED).permutation(len(fold.train))
    return np.sort(fold.train[order[: max(round(share * len(order)), 20)]])


def make_task(
    options: argparse.Namespace,
    data: Bunch,
    fold: Fold,
    rows: np.ndarray,
    name: str,
    share: float,
    seed: int,
) -> CurveTask:
    """Describe a model on a share of the rows of a fold."""
    plan = None
    if name in NETWORKS:
        estimator, plan = make_network(data, fold, len(rows), NETWORKS[name], seed)
    else:
        estimator = models.MODELS[name](data, fold.scheme, seed)
        if not isinstance(estimator, PairwiseKernelRidge):
            raise TypeError(name)
    config = models.config_hash(estimator)
    if plan is not None:
        config = hash_parts(config, plan.hash)
    hashes = {
        "data_hash": data.hash,
        "split_hash": hash_parts(fold.split_hash, rows),
        "config_hash": config,
    }
    return CurveTask(
        fold,
        rows,
        f"{name}@{share:g}",
        seed,
        estimator,
        plan,
        hashes,
        data,
        options.cache / "pretrained",
    )


def make_network(
    data: Bunch, fold: Fold, n_rows: int, start: Start, seed: int
) -> tuple[DrugResponseRegressor, Pretraining | None]:
    """Return a response model, and the perturbation model that it starts from."""
    settings = {**RESPONSE, **OF_SCHEME.get(fold.scheme, {})}
    settings["attention"] = start.attention
    steps = -(-n_rows // settings["batch_size"])
    settings["max_epochs"] = max(N_STEPS // steps, LEAST_EPOCHS)
    model = DrugResponseRegressor(
        expression=data.expression,
        expression_scaler=data.expression_scaler,
        interactome=data.interactome,
        validation=validation_splitter(fold.scheme),
        random_state=seed,
        freeze=start.freeze,
        default_time=TIME,
        **settings,
    )
    if start.profiles is None:
        return model, None
    plan = plan_pretraining(
        data.profiles,
        {
            "validation": DrugBlindKFold(10, random_state=VALIDATION_SEED),
            "dropout": model.dropout,
            **PRETRAINING,
            "attention": start.attention,
            **(UNTRAINED if start.profiles == "untrained" else {}),
        },
        seed,
        excluded=data.X["smiles"].iloc[fold.test],
    )
    return model, plan


if __name__ == "__main__":
    interrupts.run(main)
