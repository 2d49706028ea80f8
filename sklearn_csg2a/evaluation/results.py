"""The stored results of a data set: rows of measures, folds, and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.evaluation.folds import Fold
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.tasks import Result
from sklearn_csg2a.exceptions import InputError

KEY = ("scheme", "n_splits", "fold", "model", "seed")
COLUMNS = (
    "data",
    *KEY,
    "data_hash",
    "split_hash",
    "config_hash",
    "n_train",
    "n_test",
    "rmse",
    "pearson",
    "spearman",
    "skill",
    "naive_model",
    "naive_rmse",
    "within_drug_pearson",
    "n_drugs",
    "within_cell_pearson",
    "n_cells",
    "residual_pearson",
    "fit_seconds",
    "predict_seconds",
    "n_parameters",
    "epochs",
    "best_epoch",
    "device",
    "n_candidates",
    "candidate",
    "inner_rmse",
    "tuning_seconds",
    "settings",
    "versions",
)
_TEXTS = {
    *("data", "scheme", "model", "data_hash", "split_hash", "config_hash"),
    *("naive_model", "device", "candidate", "settings", "versions"),
}
NUMBER_COLUMNS = tuple(name for name in COLUMNS if name not in _TEXTS)

FOLD_KEY = ("scheme", "n_splits", "fold")
FOLD_COLUMNS = (*FOLD_KEY, "split_hash", "n_train", "n_test", "n_valid")


def results_table(folder: Path, data: str) -> Table:
    """Return the table of results of a data set."""
    return Table(folder / f"{data}.csv", KEY, COLUMNS, NUMBER_COLUMNS)


def folds_table(folder: Path, data: str) -> Table:
    """Return the manifest: the folds of a data set, identified by their hashes."""
    return Table(folder / f"{data}_folds.csv", FOLD_KEY, FOLD_COLUMNS)


def record_folds(manifest: Table, folds: Iterable[Fold]) -> None:
    """Add the folds to the manifest.

    Raises
    ------
    InputError
        If a fold differs from the one of its name in the manifest, which is kept.
    """
    rows = [fold.as_row() for fold in folds]
    known = manifest.read()
    changed = [
        row
        for row in rows
        if known.get(manifest.key_of(row), row)["split_hash"] != row["split_hash"]
    ]
    if changed:
        shown = list_offenders(
            changed, lambda row: f"{row['scheme']} {row['fold']} of {row['n_splits']}"
        )
        msg = (
            f"Folds differ from those of {manifest.path}: {shown}. The data or the "
            "splitter has changed, and results on the former folds are no longer "
            "valid. Write to another folder, or delete this file to replace the folds."
        )
        raise InputError(msg)
    manifest.add(rows)


def save_predictions(folder: Path, result: Result) -> None:
    """Store row positions, measured and predicted values of the test fold."""
    row = result.task.as_row()
    path = folder / row["data"] / predictions_path(row)
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **dict(result.arrays))  # type: ignore[arg-type]


def predictions_path(row: Mapping[str, Any]) -> str:
    """Return the path of the predictions of a result."""
    return (
        f"{row['scheme']}-{row['n_splits']}-fold{row['fold']}-{row['model']}"
        f"-seed{row['seed']}-{row['config_hash'][:8]}.npz"
    )
