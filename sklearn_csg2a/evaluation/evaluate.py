"""Fit one model on one fold and evaluate it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.evaluation.folds import Fold, LastRows, naive_of, rows_of
from sklearn_csg2a.evaluation.naive import NAIVE_MODELS
from sklearn_csg2a.evaluation.tasks import Result, describe_versions
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import (
    pearson,
    residual_correlation,
    rmse,
    skill,
    spearman,
    within_group_correlation,
)

TUNED = "_tuned"  # suffix of models whose settings were chosen within the fold


class Source(Protocol):
    """Data and models by name, as loaded by a worker; small to pickle."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    def load(self) -> Bunch:
        """Return X, y, row ids and a hash of these.

        Where X names its columns otherwise, `rows` is X with the names of the input
        contract, for naive models, splitters and correlations within groups.
        """

    def make(
        self, model: str, scheme: str, seed: int, rows: np.ndarray | None = None
    ) -> BaseEstimator:
        """Make a model for a scheme, with the genes chosen for training on `rows`.

        Without rows, it has all genes to choose from: the same in all folds.
        """

    def hash(self, estimator: BaseEstimator) -> str:
        """Return the hash of the configuration of a model."""

    def describe(self, estimator: BaseEstimator) -> str:
        """Return the settings of a model as text."""


class TunableSource(Source, Protocol):
    """A source that knows the settings of its models that can be tuned."""

    def draw_candidates(self, model: str, n_candidates: int) -> list[dict[str, Any]]:
        """Return the parameters that each candidate of a search changes."""


@dataclass(frozen=True)
class FoldTask:
    """One model to fit on one fold."""

    source: Source
    fold: Fold
    model: str
    seed: int
    hashes: dict[str, str]  # data_hash, split_hash, config_hash
    changes: Mapping[str, Any] = field(default_factory=dict)  # chosen parameters
    choice: Mapping[str, Any] = field(default_factory=dict)  # columns on the choice

    def as_row(self) -> dict[str, Any]:
        """Return the columns that are known before the model is fitted."""
        ids = {"data": self.source.name, "model": self.model, "seed": self.seed}
        return {**ids, **self.fold.as_row(), **self.hashes}

    def __str__(self) -> str:
        """Name of the task, used in messages."""
        fold = f"{self.fold.scheme} fold {self.fold.index}"
        return f"{self.source.name} {fold} {self.model} seed {self.seed}"

    def do(self) -> Result:
        """Fit, predict and measure."""
        return evaluate(self)


def make_task(
    source: Source,
    fold: Fold,
    model: str,
    seed: int,
    changes: Mapping[str, Any] | None = None,
    config_hash: str | None = None,
) -> FoldTask:
    """Make a task; its hashes determine whether a stored result is still valid."""
    if config_hash is None:
        config_hash = source.hash(make_estimator(source, fold, model, seed, changes))
    hashes = {
        "data_hash": source.load().hash,
        "split_hash": fold.split_hash,
        "config_hash": config_hash,
    }
    return FoldTask(source, fold, model, seed, hashes, changes or {})


def make_estimator(
    source: Source,
    fold: Fold,
    model: str,
    seed: int,
    changes: Mapping[str, Any] | None = None,
    rows: np.ndarray | None = None,
) -> BaseEstimator:
    """Make a model for a fold, with changed parameters, to train on `rows` of it.

    Early stopping uses the validation rows of the fold, if it has any. Models without
    rows are those to hash.
    """
    estimator = source.make(model, fold.scheme, seed, rows)
    estimator = estimator.set_params(**(changes or {}))
    if fold.valid is not None and getattr(estimator, "early_stopping", False):
        estimator.set_params(validation=LastRows(len(fold.valid)))
    return estimator


def training_rows(estimator: BaseEstimator, fold: Fold) -> np.ndarray:
    """Return the rows to fit on; the validation rows, if used, come last."""
    if isinstance(getattr(estimator, "validation", None), LastRows):
        return np.concatenate([fold.train, fold.valid])
    return fold.train


def evaluate(task: FoldTask) -> Result:
    """Fit, predict and measure."""
    data = task.source.load()
    X = rows_of(data) if task.model in NAIVE_MODELS else data.X
    fold = task.fold
    model = make_estimator(
        task.source, fold, task.model, task.seed, task.changes, fold.train
    )
    train, test = training_rows(model, fold), fold.test
    settings = task.source.describe(model)
    start = perf_counter()
    model.fit(X.iloc[train], data.y.iloc[train])
    fitted = perf_counter()
    network = getattr(model, "regressor_", model)  # inside a ResidualRegressor
    check_uninterrupted(model)
    predicted = np.asarray(model.predict(X.iloc[test]), dtype=float)
    end = perf_counter()
    row = {
        **task.as_row(),
        **measure(data, fold, predicted),
        "fit_seconds": fitted - start,
        "predict_seconds": end - fitted,
        **describe_fit(network),
        **task.choice,
        "settings": settings,
        "versions": describe_versions(),
    }
    true = data.y.iloc[test].to_numpy(dtype=float)
    arrays = {"row": test, "y_true": true, "y_pred": predicted}
    if hasattr(model, "history_"):
        for name in ("train_loss", "valid_loss"):
            if name in model.history_:
                arrays[name] = model.history_[name].to_numpy(dtype=float)
    return Result(task, row, arrays)


def measure(data: Bunch, fold: Fold, predicted: np.ndarray) -> dict[str, Any]:
    """Compute all measures of the predictions of a test fold, (n_test,)."""
    X, true = rows_of(data).iloc[fold.test], data.y.iloc[fold.test].to_numpy(float)
    naive_model = naive_of(fold.scheme)
    naive = _predict_naive(data, fold, naive_model)
    effects = _predict_naive(data, fold, "MeanEffects")
    within_drug, n_drugs = _within(true, predicted, compound_identities(X["smiles"]))
    within_cell, n_cells = _within(true, predicted, X["cell_line"])
    return {
        "rmse": rmse(true, predicted),
        "pearson": pearson(true, predicted),
        "spearman": spearman(true, predicted),
        "skill": skill(true, predicted, naive),
        "naive_model": naive_model,
        "naive_rmse": rmse(true, naive),
        "within_drug_pearson": within_drug,
        "n_drugs": n_drugs,
        "within_cell_pearson": within_cell,
        "n_cells": n_cells,
        "residual_pearson": residual_correlation(true, predicted, effects),
    }


def _predict_naive(data: Bunch, fold: Fold, name: str) -> np.ndarray:
    """Fit a naive model to the training rows; return its predictions, (n_test,)."""
    model, X = NAIVE_MODELS[name](), rows_of(data)
    model.fit(X.iloc[fold.train], data.y.iloc[fold.train])
    return np.asarray(model.predict(X.iloc[fold.test]), dtype=float)


def _within(
    true: np.ndarray, predicted: np.ndarray, groups: pd.Series | np.ndarray
) -> tuple[float, int]:
    """Return the mean correlation within groups and the number of groups used."""
    try:
        result = within_group_correlation(true, predicted, groups)
    except InputError:  # no group of this fold is large enough
        return float("nan"), 0
    return result.mean, result.n_groups


def describe_fit(model: BaseEstimator) -> dict[str, Any]:
    """Return number of parameters and epochs of a network; empty for other models."""
    net = getattr(model, "net_", None)
    if net is None:
        return {}
    return {
        "n_parameters": sum(
            p.numel() for p in net.module_.parameters() if p.requires_grad
        ),
        "epochs": model.n_iter_,
        "best_epoch": model.best_epoch_,
        "device": model.device_,
    }
