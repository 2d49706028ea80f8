"""Tuning with an equal budget: the same number of configurations for each model.

Every candidate is fitted to a part of the training rows of a fold and evaluated on the
others, split by the scheme of the fold. The best one is then fitted to all training
rows. No candidate uses a test row of the fold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a.evaluation.configuration import hash_parts
from sklearn_csg2a.evaluation.evaluate import (
    TUNED,
    FoldTask,
    TunableSource,
    make_estimator,
    make_task,
    training_rows,
)
from sklearn_csg2a.evaluation.folds import Fold, inner_fold
from sklearn_csg2a.evaluation.naive import NAIVE_MODELS
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.study import is_valid
from sklearn_csg2a.evaluation.tasks import Failure, Result, describe_versions
from sklearn_csg2a.exceptions import DivergedError
from sklearn_csg2a.metrics import rmse

KEY = ("scheme", "n_splits", "fold", "model", "seed", "candidate")
COLUMNS = (
    "data",
    *KEY,
    "data_hash",
    "split_hash",
    "config_hash",
    "n_train",
    "n_valid",
    "rmse",
    "fit_seconds",
    "error",
    "changes",
    "versions",
)


@dataclass(frozen=True)
class Candidate:
    """One configuration to evaluate within a fold, on the inner fold."""

    task: FoldTask
    number: int

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.task.model

    @property
    def hashes(self) -> dict[str, str]:
        """Return the hashes that determine whether a stored score is still valid."""
        return self.task.hashes

    def as_row(self) -> dict[str, Any]:
        """Return the columns that are known before the model is fitted."""
        fold = self.task.fold
        return {
            **self.task.as_row(),
            "candidate": self.number,
            "n_train": len(fold.train),
            "n_valid": len(fold.test),
            "changes": json.dumps(dict(self.task.changes), sort_keys=True),
        }

    def __str__(self) -> str:
        """Name of the candidate, used in messages."""
        return f"{self.task} candidate {self.number}"

    def do(self) -> Result:
        """Fit to the inner training rows and evaluate on the others.

        A non-finite loss is a property of the configuration, and stored as the worst
        possible score; after any other error, the candidate is tried again.
        """
        try:
            return Result(self, _score(self), {})
        except DivergedError as error:
            return Result(self, {**_row(self), "error": str(error)}, {})


@dataclass(frozen=True)
class Search:
    """Candidates, and the task of fitting the best of them."""

    task: FoldTask
    candidates: tuple[Candidate, ...]


def plan_search(
    source: TunableSource,
    folds: tuple[Fold, Fold],
    model: str,
    seed: int,
    n_candidates: int,
    known: dict[Any, str],
) -> Search:
    """Plan the search for a model in a fold and its inner fold (`folds`).

    `known` caches the hashes of configurations, which are the same in all folds.
    """
    fold, inner = folds
    name = model + TUNED
    candidates = []
    for number, changes in enumerate(source.draw_candidates(model, n_candidates)):
        key = fold.scheme, model, seed, number
        task = make_task(source, inner, name, seed, changes, known.get(key))
        known[key] = task.hashes["config_hash"]
        candidates.append(Candidate(task, number))
    hashes = {
        "data_hash": source.load().hash,
        "split_hash": fold.split_hash,
        "config_hash": hash_parts(
            inner.split_hash, *(item.hashes["config_hash"] for item in candidates)
        ),
    }
    task = FoldTask(source, fold, name, seed, hashes)
    return Search(task, tuple(candidates))


def make_inner_fold(source: TunableSource, fold: Fold) -> Fold:
    """Split the training rows of a fold."""
    return inner_fold(source.load(), fold)


def scores_table(folder: Any, data: str) -> Table:
    """Return the table with the scores of all candidates on a data set."""
    return Table(folder / f"{data}_tuning.csv", KEY, COLUMNS)


def _score(candidate: Candidate) -> dict[str, Any]:
    """Fit a candidate to the inner training rows; return its row of scores."""
    task = candidate.task
    data = task.source.load()
    fold = task.fold
    model = make_estimator(
        task.source, fold, task.model, task.seed, task.changes, fold.train
    )
    train, valid = training_rows(model, fold), fold.test
    start = perf_counter()
    model.fit(data.X.iloc[train], data.y.iloc[train])
    seconds = perf_counter() - start
    check_uninterrupted(model)
    predicted = np.asarray(model.predict(data.X.iloc[valid]), dtype=float)
    error = rmse(data.y.iloc[valid].to_numpy(dtype=float), predicted)
    return {**_row(candidate), "rmse": error, "fit_seconds": seconds}


def _row(candidate: Candidate) -> dict[str, Any]:
    """Return the columns common to all scores."""
    return {**candidate.as_row(), "versions": describe_versions()}


def choose(search: Search, table: Table) -> FoldTask | Failure:
    """Return the task of fitting the best candidate, once all are evaluated."""
    stored = table.read()
    rows = [stored.get(table.key_of(item.as_row())) for item in search.candidates]
    judged = [
        row
        for one, row in zip(search.candidates, rows, strict=True)
        if row is not None and is_valid(row, one.hashes)
    ]
    if len(judged) < len(search.candidates):
        n_absent = len(search.candidates) - len(judged)
        return Failure(
            search.task,
            f"{n_absent} of {len(search.candidates)} candidates have no score; start "
            "again to retry them.",
        )
    errors = [float(row["rmse"] or "inf") for row in judged]
    best = int(np.argmin(errors))
    if not np.isfinite(errors[best]):
        return Failure(search.task, "No candidate has a finite error.")
    return replace(
        search.task,
        changes=search.candidates[best].task.changes,
        choice={
            "n_candidates": len(judged),
            "candidate": best,
            "inner_rmse": errors[best],
            "tuning_seconds": sum(float(row["fit_seconds"] or 0) for row in judged),
        },
    )


def is_tunable(model: str) -> bool:
    """Whether a model has settings to tune, which naive models have not."""
    return model not in NAIVE_MODELS
