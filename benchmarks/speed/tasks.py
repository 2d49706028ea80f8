"""What `growth.py` measures: simulated tables of any size, and work on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a import (
    DrugResponseRegressor,
    LevelRankingRegressor,
    PerturbationRegressor,
)
from sklearn_csg2a.baselines import (
    GradientBoostingResponse,
    PairwiseKernelRidge,
    PotencyRegressor,
    RandomForestResponse,
    ResponseGaussianProcess,
)
from sklearn_csg2a.metrics import (
    fit_mean_effects,
    pearson,
    residual_correlation,
    rmse,
    spearman,
    within_group_correlation,
)
from sklearn_csg2a.model_selection import (
    ClusterBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
    audit_split,
)
from sklearn_csg2a.treatments import read_response, read_treatments

__all__ = ["TASKS", "Sizes", "Tables", "simulate"]

_PIECES = ("N", "O", "S", "C(=O)", "c1ccc(cc1)", "C(F)", "C(Cl)", "C(N)")
_LENGTH = 6  # pieces of a compound: 262,144 compounds


@dataclass(frozen=True)
class Sizes:
    """Numbers of treatments, genes, compounds and cell lines."""

    rows: int = 20_000
    genes: int = 1_000
    compounds: int = 100
    cells: int = 500


@dataclass(frozen=True, eq=False)
class Tables:
    """Random treatments X (rows, 2), expression (cells, genes) and ln IC50 (rows,)."""

    X: pd.DataFrame
    expression: pd.DataFrame
    y: np.ndarray


def list_compounds(n_compounds: int) -> np.ndarray:
    """Return SMILES of different compounds, chains of six pieces."""
    codes = np.random.default_rng(0).permutation(len(_PIECES) ** _LENGTH)[:n_compounds]
    chains = np.array(np.unravel_index(codes, (len(_PIECES),) * _LENGTH)).T
    texts = ["C" + "".join(_PIECES[k] for k in chain) + "C#N" for chain in chains]
    return np.array(texts, dtype=object)


def simulate(sizes: Sizes) -> Tables:
    """Return tables of these sizes; every cell line and every compound has a row."""
    rng = np.random.default_rng(0)
    cells = np.array([f"cell{i}" for i in range(sizes.cells)], dtype=object)
    expression = pd.DataFrame(
        rng.standard_normal((sizes.cells, sizes.genes), dtype=np.float32),
        index=cells,
        columns=[f"gene{i}" for i in range(sizes.genes)],
    )
    effects = rng.normal(size=(2, max(sizes.cells, sizes.compounds)))
    cell, compound = (
        rng.permutation(np.arange(sizes.rows) % n)
        for n in (sizes.cells, sizes.compounds)
    )
    X = pd.DataFrame(
        {
            "cell_line": cells[cell],
            "smiles": list_compounds(sizes.compounds)[compound],
        }
    )
    noise = rng.normal(size=sizes.rows)
    return Tables(X, expression, effects[0][cell] + effects[1][compound] + noise)


def fit(model: Any) -> Callable[[Tables], None]:
    """Return the work of fitting a model to the tables."""

    def work(tables: Tables) -> None:
        model.set_params(expression=tables.expression).fit(tables.X, tables.y)

    return work


def predict_rows(tables: Tables) -> None:
    """Predict all rows by a model of the first 2,000."""
    model = PairwiseKernelRidge(expression=tables.expression)
    model.fit(tables.X[:2000], tables.y[:2000]).predict(tables.X)


def rank_levels(tables: Tables) -> None:
    """Fit a model of levels and one of rankings."""
    ranking = PairwiseKernelRidge(expression=tables.expression)
    LevelRankingRegressor(PotencyRegressor(), ranking).fit(tables.X, tables.y)


def perturb(tables: Tables) -> None:
    """Fit perturbed expression, one epoch."""
    rng = np.random.default_rng(1)
    shape = len(tables.X), tables.expression.shape[1]
    response = rng.standard_normal(shape, dtype=np.float32)
    model = PerturbationRegressor(max_epochs=1, **_NETWORK)
    model.set_params(expression=tables.expression).fit(tables.X, response)


def read(tables: Tables) -> None:
    """Read and check a table of treatments."""
    treatments = read_treatments(tables.X, expression=tables.expression)
    read_response(tables.y, treatments)


def read_wide(tables: Tables) -> None:
    """Read and check a table whose rows hold their own expression."""
    cells = tables.X["cell_line"].to_numpy()
    wide = tables.expression.loc[cells].reset_index(drop=True)
    read_treatments(wide.assign(smiles=tables.X["smiles"].to_numpy()))


def split(tables: Tables) -> None:
    """Make the folds of three splitters, and audit one of them."""
    for splitter in (MixedKFold(5), DrugBlindKFold(5), DisjointKFold(5)):
        folds = list(splitter.split(tables.X))
    audit_split(tables.X, *folds[0], scheme="disjoint")


def split_clusters(tables: Tables) -> None:
    """Make the folds of clusters of compounds."""
    list(ClusterBlindKFold(5).split(tables.X))


def judge(tables: Tables) -> None:
    """Compute measures of a prediction."""
    predicted = tables.y + np.random.default_rng(1).normal(size=len(tables.y))
    for measure in (rmse, pearson, spearman):
        measure(tables.y, predicted)
    cell, drug = tables.X["cell_line"], tables.X["smiles"]
    within_group_correlation(tables.y, predicted, drug, min_rows=2)
    naive = fit_mean_effects(tables.y, cell, drug).predict(cell, drug)
    residual_correlation(tables.y, predicted, naive)


_NETWORK: dict[str, Any] = {
    "compound_encoder": "morgan",
    "early_stopping": False,
    "random_state": 0,
}
TASKS: dict[str, Callable[[Tables], None]] = {
    "reading": read,
    "reading wide rows": read_wide,
    "splitting": split,
    "splitting by cluster": split_clusters,
    "measures": judge,
    "kernel ridge": fit(PairwiseKernelRidge()),
    "kernel ridge, prediction": predict_rows,
    "level and ranking": rank_levels,
    "Gaussian process": fit(ResponseGaussianProcess()),
    "random forest, 20 trees": fit(RandomForestResponse(n_estimators=20)),
    "boosting, 50 trees": fit(GradientBoostingResponse(max_iter=50)),
    "CSG2A response, epoch": fit(DrugResponseRegressor(max_epochs=1, **_NETWORK)),
    "CSG2A perturbation, epoch": perturb,
}
