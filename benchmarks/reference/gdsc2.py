"""The shipped model of ln IC50: CSG2A on all of GDSC2.

Expression is in normal scores of each gene over the cell lines, so that cohorts of any
platform can be brought to the same scale by themselves. The settings are those of the
benchmark for new cell lines, with half as many bits in the fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from benchmarks.data.load import load_data
from benchmarks.models.registry import SCHEME_SETTINGS, config_hash, list_settings
from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import load_nci60
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.evaluation.evaluate import measure
from sklearn_csg2a.evaluation.folds import SPLITTERS, TEST_SEED, Fold, hash_split
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.tasks import describe_versions
from sklearn_csg2a.metrics import rmse, within_group_correlation
from sklearn_csg2a.patients import keep_reference
from sklearn_csg2a.preprocessing import NormalScores

DATA = "gdsc_full_landmark"
N_MEMBERS = 2
SEED = 0
SETTINGS: dict[str, Any] = {
    **SCHEME_SETTINGS["cell"],
    "attention": "gated",
    "compound_encoder": MorganEncoder(n_bits=1024),
    "missing_genes": "zero",
    "random_state": SEED,
}

N_SPLITS = 10
KEY = ("scheme", "fold", "model", "scale")
COLUMNS = (
    *KEY,
    "n_members",
    "data_hash",
    "split_hash",
    "config_hash",
    "n_train",
    "n_test",
    "rmse",
    "pearson",
    "skill",
    "naive_model",
    "naive_rmse",
    "within_drug_pearson",
    "n_drugs",
    "within_cell_pearson",
    "n_cells",
    "fit_seconds",
    "settings",
    "versions",
)
# What expression of test cells is ranked among: the training lines, or each other.
SCALES = ("training", "cohort")


def make_model(
    data: Bunch, expression: pd.DataFrame, **settings: Any
) -> DrugResponseRegressor:
    """Make the model, unfitted; `expression` is in normal scores."""
    return DrugResponseRegressor(
        expression=expression,
        interactome=data.interactome,
        **{**SETTINGS, **settings},
    )


def train(data_home: str | None, cache: Path) -> DrugResponseRegressor:
    """Train all members on all rows; an interrupted training continues."""
    data = load_data(DATA, data_home)
    model = make_model(
        data,
        NormalScores().fit_transform(data.expression),
        n_members=N_MEMBERS,
        checkpoint=cache / "gdsc2.ckpt",
        verbose=1,
    )
    return model.fit(data.X, data.y).set_params(checkpoint=None, verbose=0)


def keep_what_ranking_needs(
    model: DrugResponseRegressor, data_home: str | None
) -> None:
    """Keep the names of the compounds and quantiles of predictions in the model."""
    drugs = load_data(DATA, data_home).X[["drug", "smiles"]].drop_duplicates()
    keep_reference(model, drugs.sort_values("drug"), transformer=NormalScores())


def describe(model: DrugResponseRegressor, data_home: str | None) -> dict[str, Any]:
    """Return the size of the training data, and errors on another platform."""
    data = load_data(DATA, data_home)
    size = {
        "rows": len(data.X),
        "cell_lines": int(data.X["cell_line"].nunique()),
        "compounds": int(data.X["smiles"].nunique()),
        "genes": data.expression.shape[1],
    }
    return {"data": size, "other_platform": compare_platforms(model, data_home)}


def compare_platforms(
    model: DrugResponseRegressor, data_home: str | None
) -> dict[str, Any]:
    """Measure known lines by their expression from the arrays of NCI-60, and by GDSC's.

    NCI-60's 59 lines are ranked among each other, as a cohort of another laboratory.
    """
    data = load_data(DATA, data_home)
    other = load_nci60(data_home=data_home).expression
    rows = data.X["cell_line"].isin(other.index).to_numpy()
    X, y = data.X[rows], data.y[rows]
    genes = [gene for gene in model.genes_ if gene in other]
    tables = {
        "gdsc": NormalScores().fit_transform(data.expression),
        "nci60": NormalScores().fit_transform(other[genes]),
    }
    measured: dict[str, Any] = {"cell_lines": int(X["cell_line"].nunique())}
    own = model.expression
    for name, expression in tables.items():
        predicted = model.set_params(expression=expression).predict(X)
        within = within_group_correlation(y, predicted, X["smiles"])
        measured[f"rmse_{name}"] = round(float(rmse(y, predicted)), 3)
        measured[f"r_within_compounds_{name}"] = round(float(within.mean), 3)
    model.set_params(expression=own)
    return measured


def hold_out(data: Bunch, k: int) -> list[Fold]:
    """Hold out cell lines, compounds and pairs together; one test set per scheme.

    All have the same training rows: those without the cell lines and the compounds of
    fold `k` of their splitters, and without its pairs.
    """
    held = {}
    for scheme in ("cell", "drug", "mixed"):
        folds = list(SPLITTERS[scheme](N_SPLITS, random_state=TEST_SEED).split(data.X))
        held[scheme] = np.isin(np.arange(len(data.X)), folds[k][1])
    cell, drug, pair = held["cell"], held["drug"], held["mixed"]
    rows = {
        "mixed": pair & ~cell & ~drug,
        "cell": cell & ~drug,
        "drug": drug & ~cell,
        "disjoint": cell & drug,
    }
    train_rows = np.flatnonzero(~(cell | drug | pair))
    return [
        Fold(
            scheme,
            N_SPLITS,
            k,
            hash_split(data.ids, train_rows, np.flatnonzero(test)),
            train_rows,
            np.flatnonzero(test),
        )
        for scheme, test in rows.items()
    ]


def measure_errors(
    data_home: str | None, table: Table, n_folds: int, n_members: int
) -> None:
    """Measure model and kernel ridge on rows that neither was trained on."""
    data = load_data(DATA, data_home)
    for k in range(n_folds):
        folds = hold_out(data, k)
        cells = data.X["cell_line"].to_numpy()
        known = pd.unique(cells[folds[0].train])
        expression = data.expression
        by_rank = NormalScores().fit(expression.loc[known]).transform(expression)
        new = expression.drop(index=known)
        own = pd.concat([by_rank.loc[known], NormalScores().fit_transform(new)])
        tables = dict(zip(SCALES, (by_rank, own), strict=True))
        models: dict[str, BaseEstimator] = {
            "PairwiseKernelRidge": PairwiseKernelRidge(expression=by_rank),
            "csg2a": make_model(data, by_rank, n_members=n_members),
        }
        for name, model in models.items():
            if not _is_stored(table, folds, name, model, data):
                hashed = config_hash(model)
                table.add(_evaluate(data, folds, name, model, tables, hashed))
                print(f"fold {k}: {name}", flush=True)


def _is_stored(
    table: Table, folds: list[Fold], name: str, model: BaseEstimator, data: Bunch
) -> bool:
    """Whether all rows of a model are stored, of the same data and settings."""
    stored, wanted = table.read(), (data.hash, config_hash(model))
    rows = [
        stored.get((fold.scheme, str(fold.index), name, scale))
        for fold in folds
        for scale in SCALES
    ]
    return all(
        row is not None and (row["data_hash"], row["config_hash"]) == wanted
        for row in rows
    )


def _evaluate(
    data: Bunch,
    folds: list[Fold],
    name: str,
    model: BaseEstimator,
    tables: dict[str, pd.DataFrame],
    hashed: str,
) -> Iterator[dict[str, Any]]:
    """Fit once; yield the rows of all schemes and scales."""
    train_rows = folds[0].train
    start = perf_counter()
    model.fit(data.X.iloc[train_rows], data.y.iloc[train_rows])
    seconds = perf_counter() - start
    settings = list_settings(model)
    for scale, expression in tables.items():
        model.set_params(expression=expression)
        for fold in folds:
            predicted = model.predict(data.X.iloc[fold.test])
            yield {
                **fold.as_row(),
                **measure(data, fold, np.asarray(predicted, dtype=float)),
                "model": name,
                "scale": scale,
                "n_members": getattr(model, "n_members", ""),
                "data_hash": data.hash,
                "config_hash": hashed,
                "fit_seconds": seconds,
                "settings": settings,
                "versions": describe_versions(),
            }
