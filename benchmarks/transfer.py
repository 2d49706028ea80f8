"""Evaluate pretraining on LINCS for GDSC2, on the same folds.

    python benchmarks/transfer.py --schemes drug disjoint
    python benchmarks/transfer.py --screen gdsc_full --schemes cell

CSG2A from scratch and from a perturbation model of the LINCS profiles, frozen or
fine-tuned; "plain" uses all profiles, "strict" those of compounds that are not in the
test fold. The screen is that of the cell lines of GDSC2 that have the L1000 landmark
genes, or GDSC2 whole ("gdsc_full") with the half of these genes that its microarrays
have. Finished fits are stored in results/transfer.csv or transfer_full.csv, and not run
again. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
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

from benchmarks.data.transfer import SCREENS, load_transfer
from benchmarks.models import registry as models
from benchmarks.models.pretraining import Pretraining, plan_pretraining, pretrain
from benchmarks.run import RESULTS, cache_folder
from benchmarks.studies.transfer_summary import summarize
from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a.evaluation.configuration import hash_parts
from sklearn_csg2a.evaluation.evaluate import describe_fit, measure
from sklearn_csg2a.evaluation.folds import (
    SPLITTERS,
    VALIDATION_SEED,
    Fold,
    make_folds,
    validation_splitter,
)
from sklearn_csg2a.evaluation.results import (
    COLUMNS,
    KEY,
    record_folds,
    save_predictions,
)
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.study import Study, is_stored
from sklearn_csg2a.evaluation.tasks import Result, describe_versions
from sklearn_csg2a.evaluation.workers import Processes
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import DrugBlindKFold, SplitAudit, audit_split

# The data set of a screen: the name of its result files.
DATA = {"gdsc2": "transfer", "gdsc_full": "transfer_full"}

# The epoch is chosen on compounds held out of the profiles. Dropout is that of the
# response model: a pretrained network only differs from a new one in its
# initialisation.
PRETRAINING: dict[str, Any] = {
    "max_epochs": 40,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "gene_dropout": 0.5,
    "patience": 10,
    "precision": "bf16",
}
PRETRAINING_TARGET = "perturbed"  # or "change"; both in z-scores
# Batches of 256 rows instead of 1024, since 11 steps per epoch are too few for a new
# network: squared error on held-out compounds of drug fold 0 5.4 instead of 6.2.
RESPONSE: dict[str, Any] = {
    "attention": "paper",
    "head_hidden": (512, 64),
    "bilinear_dim": 0,
    "early_stopping": True,
    "max_epochs": 20,
    "batch_size": 256,
    "learning_rate": 3e-4,
    "patience": 10,
    "precision": "bf16",
    "dropout": 0.3,
    "gene_dropout": 0.5,
}
# Known pairs need less regularisation, new cell lines a linear model for each compound.
OF_SCHEME: dict[str, dict[str, Any]] = {
    "mixed": {"max_epochs": 40, "dropout": 0.1, "gene_dropout": 0.0},
    "cell": {"bilinear_dim": 64},
}
# A constant time is irrelevant for a new network. The profiles are from 6 and 24 h, and
# a pretrained one would have to extrapolate to the 72 h of the assay.
TIME = 24.0

FOUND = (
    "pretraining_profiles",
    "pretraining_compounds",
    "pretraining_seconds",
    "pretraining_best_epoch",
    "test_compounds",
    "test_compounds_seen",
    "test_cells",
    "test_cells_seen",
    "median_tanimoto",
    "audit",
)


@dataclass(frozen=True)
class Variant:
    """Initialisation of a response model."""

    profiles: str | None = None  # "plain", "strict" or None for a new network
    freeze: bool = False


VARIANTS = {
    "scratch": Variant(),
    "plain_frozen": Variant("plain", freeze=True),
    "plain_tuned": Variant("plain"),
    "strict_frozen": Variant("strict", freeze=True),
    "strict_tuned": Variant("strict"),
}


@dataclass(frozen=True)
class TransferTask:
    """One model to fit on one fold."""

    name: str  # of the data set
    fold: Fold
    model: str
    seed: int
    estimator: BaseEstimator
    pretraining: Pretraining | None
    hashes: dict[str, str]  # data_hash, split_hash, config_hash
    data: Bunch = field(repr=False)
    pretrained: Path  # folder of pretrained models

    def as_row(self) -> dict[str, Any]:
        """Return the columns that are known before the model is fitted."""
        ids = {"data": self.name, "model": self.model, "seed": self.seed}
        return {**ids, **self.fold.as_row(), **self.hashes}

    def do(self) -> Result:
        """Audit, pretrain, fit, predict and measure."""
        return evaluate(self)

    def __str__(self) -> str:
        """Name of the task, used in messages."""
        return f"{self.fold.scheme} fold {self.fold.index} {self.model} {self.seed}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested tasks that are not stored yet; return the exit status."""
    options = parse_arguments(arguments)
    name = DATA[options.screen]
    data = load_transfer(options.data_home, options.screen, PRETRAINING_TARGET)
    folds = make_folds(data, options.schemes, options.n_splits, options.folds)
    manifest = Table(
        options.results / f"{name}_folds.csv",
        ("scheme", "n_splits", "fold"),
        ("scheme", "n_splits", "fold", "split_hash", "n_train", "n_test"),
    )
    record_folds(manifest, folds)
    table = Table(options.results / f"{name}.csv", KEY, (*COLUMNS, *FOUND))
    stored = table.read()
    tasks = [
        task
        for task in list_tasks(options, data, folds)
        if options.again or not is_stored(task, table, stored)
    ]

    def keep(result: Result) -> None:
        save_predictions(options.cache / "predictions", result)
        table.add([result.row])

    status = Study(Processes(1, options.threads), keep).run(tasks, stored.values())
    if status == 130:
        return status
    text = summarize(pd.DataFrame(table.read().values()), options.screen)
    with replacing(options.results / f"{name}.md") as part:
        part.write_text(text, encoding="utf-8")
    print(text)
    return status


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--screen", choices=SCREENS, default="gdsc2", help="default gdsc2")
    add("--schemes", nargs="+", choices=SPLITTERS, default=list(SPLITTERS))
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    add("--folds", type=int, default=10, help="run the first folds (default 10)")
    add("--n-splits", type=int, default=10, help="number of folds (default 10)")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--threads", type=int, default=1, help="number of threads (default 1)")
    add("--max-epochs", type=int, help="of both networks, for a quick try")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV file")
    add("--cache", type=Path, default=cache_folder().parent, help="of models and rows")
    add("--again", action="store_true", help="recompute stored results")
    return parser.parse_args(arguments)


def list_tasks(
    options: argparse.Namespace, data: Bunch, folds: Iterable[Fold]
) -> list[TransferTask]:
    """List all tasks: naive models first, then fold by fold."""
    ordered = sorted(folds, key=lambda fold: fold.index)
    few = {} if options.max_epochs is None else {"max_epochs": options.max_epochs}
    tasks = [
        make_naive_task(options, data, fold, name)
        for fold in ordered
        for name in models.NAIVE
    ]
    return tasks + [
        make_task(options, data, fold, name, seed, few)
        for fold in ordered
        for seed in options.seeds
        for name in options.variants
    ]


def make_naive_task(
    options: argparse.Namespace, data: Bunch, fold: Fold, name: str
) -> TransferTask:
    """Describe a naive model on a fold."""
    estimator = models.NAIVE[name](data, fold.scheme, 0)
    hashes = _hashes(data, fold, models.config_hash(estimator))
    folder = options.cache / "pretrained"
    return TransferTask(
        DATA[options.screen], fold, name, 0, estimator, None, hashes, data, folder
    )


def make_task(
    options: argparse.Namespace,
    data: Bunch,
    fold: Fold,
    name: str,
    seed: int,
    few: dict[str, Any],
) -> TransferTask:
    """Describe a variant on a fold; `few` replaces settings of both networks."""
    variant = VARIANTS[name]
    estimator = DrugResponseRegressor(
        expression=data.expression,
        expression_scaler=data.expression_scaler,
        interactome=data.interactome,
        validation=validation_splitter(fold.scheme),
        random_state=seed,
        freeze=variant.freeze,
        default_time=TIME,
        **{**RESPONSE, **OF_SCHEME.get(fold.scheme, {}), **few},
    )
    config = models.config_hash(estimator)
    plan = None
    if variant.profiles is not None:
        settings = {
            "validation": DrugBlindKFold(10, random_state=VALIDATION_SEED),
            "dropout": estimator.dropout,
            **PRETRAINING,
            **few,
        }
        tested = data.X["smiles"].iloc[fold.test]
        plan = plan_pretraining(
            data.profiles,
            settings,
            seed,
            excluded=tested if variant.profiles == "strict" else None,
        )
        config = hash_parts(config, plan.hash)
    hashes = _hashes(data, fold, config)
    folder = options.cache / "pretrained"
    return TransferTask(
        DATA[options.screen], fold, name, seed, estimator, plan, hashes, data, folder
    )


def _hashes(data: Bunch, fold: Fold, config: str) -> dict[str, str]:
    """Return the hashes that determine whether a stored result is still valid."""
    return {
        "data_hash": data.hash,
        "split_hash": fold.split_hash,
        "config_hash": config,
    }


def evaluate(task: TransferTask) -> Result:
    """Audit, pretrain, fit, predict and measure."""
    data, fold, model = task.data, task.fold, task.estimator
    found = describe_audit(audit(task, data), data, fold)
    if task.pretraining is not None:
        path, notes = pretrain(task.pretraining, task.pretrained)
        model.set_params(pretrained=str(path))
        found.update(notes)
    start = perf_counter()
    model.fit(data.X.iloc[fold.train], data.y.iloc[fold.train])
    fitted = perf_counter()
    check_uninterrupted(model)
    predicted = np.asarray(model.predict(data.X.iloc[fold.test]), dtype=float)
    end = perf_counter()
    row = {
        **task.as_row(),
        **measure(data, fold, predicted),
        **found,
        "fit_seconds": fitted - start,
        "predict_seconds": end - fitted,
        **describe_fit(model),
        "settings": list_settings(task),
        "versions": describe_versions(),
    }
    true = data.y.iloc[fold.test].to_numpy(dtype=float)
    return Result(task, row, {"row": fold.test, "y_true": true, "y_pred": predicted})


def audit(task: TransferTask, data: Bunch) -> SplitAudit:
    """Audit the split with the pretraining data.

    A strict one must be clean but for cell lines, of which only responses are held out.
    """
    plan = task.pretraining
    seen = None if plan is None else plan.X[["smiles"]].assign(cell_line=plan.X["cell"])
    found = audit_split(
        data.X,
        task.fold.train,
        task.fold.test,
        scheme=task.fold.scheme,
        pretraining=seen,
    )
    checks = found.to_frame().drop(index="pretraining cells", errors="ignore")
    violated = checks[checks["forbidden"] & (checks["count"] > 0)]
    if task.model.startswith("strict") and len(violated):
        msg = f"the strict split is not clean: {', '.join(violated['what'])}."
        raise InputError(msg)
    return found


def describe_audit(found: SplitAudit, data: Bunch, fold: Fold) -> dict[str, Any]:
    """Return the counts of an audit; without pretraining, some are empty."""
    tested = data.X.iloc[fold.test]
    nearest = found.nearest_tanimoto
    return {
        "test_compounds": tested["smiles"].nunique(),
        "test_compounds_seen": _count(found.pretraining_compounds),
        "test_cells": tested["cell_line"].nunique(),
        "test_cells_seen": _count(found.pretraining_cells),
        "median_tanimoto": None if nearest is None else float(nearest.median()),
        "audit": "clean" if found.is_clean else "; ".join(found.violations),
    }


def _count(items: Sequence[str] | None) -> int | None:
    """Count findings; None is kept."""
    return None if items is None else len(items)


def list_settings(task: TransferTask) -> str:
    """Return the settings that are not defaults, of both networks, as JSON."""
    settings = json.loads(models.list_settings(task.estimator))
    settings.pop("pretrained", None)
    if task.pretraining is not None:
        settings["pretraining"] = {
            "target": PRETRAINING_TARGET,
            **json.loads(models.list_settings(task.pretraining.estimator)),
        }
    return json.dumps(settings, sort_keys=True)


if __name__ == "__main__":
    interrupts.run(main)
