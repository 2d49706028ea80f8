"""How well new cell lines can be ranked: kernels, features, and their number.

Inner cell-blind splits of gdsc2: of each outer fold the training cell lines alone are
split again, so that no test cell line of the benchmark has a say. Models are kernel
ridge regression for each compound on the same kernel of cell lines, after missing pairs
of training cell lines are filled in by singular values; this is much faster than the
models of the benchmark, and compares kernels, not models.

    python benchmarks/studies/cells.py --outer 0 3
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import linalg
from scipy.spatial.distance import cdist
from sklearn.cross_decomposition import PLSRegression

from sklearn_csg2a.datasets import load_gdsc2, load_gene_sets
from sklearn_csg2a.evaluation.folds import TEST_SEED, TUNING_SEED
from sklearn_csg2a.model_selection import CellBlindKFold

RESULTS = Path(__file__).resolve().parents[1] / "results" / "cells_inner.csv"
GENE_SETS = ("hallmark", "pid", "reactome", "wikipathways_2020")
NUMBERS = (60, 120, 240, 360)
PENALTY = 0.3
THRESHOLD = 15.0  # of singular values, where missing pairs are filled in
N_COMPONENTS = 10

Predict = Callable[["Task"], np.ndarray]


class Task:
    """Features and responses of cell lines, of which some train.

    `response` is (n_cells, n_compounds), NaN where not measured; `features` are tables
    of all cell lines by name. `target` holds the deviations of the training cell lines
    from the means of compounds, filled in.
    """

    def __init__(
        self,
        response: np.ndarray,
        features: dict[str, np.ndarray],
        train: np.ndarray,
        test: np.ndarray,
    ) -> None:
        self.features, self.train, self.test = features, train, test
        self.truth = response[test]
        self.mean = np.nanmean(response[train], axis=0)
        filled = fill_in(response[train] - self.mean)
        self.center = filled.mean(axis=0)
        self.target = filled - self.center

    def scaled(self, name: str = "expression") -> np.ndarray:
        """Return features standardised over the training cell lines."""
        table = self.features[name]
        spread = table[self.train].std(axis=0)
        return (table - table[self.train].mean(axis=0)) / np.where(
            spread > 0, spread, 1
        )

    def solve(
        self,
        kernel: np.ndarray,
        penalty: float = PENALTY,
        target: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return predictions of kernel ridge regression, (n_test, n_targets)."""
        target = self.target if target is None else target
        own = kernel[np.ix_(self.train, self.train)] + penalty * np.eye(len(self.train))
        dual = linalg.solve(own, target, assume_a="pos")
        return kernel[np.ix_(self.test, self.train)] @ dual


def fill_in(table: np.ndarray, n_steps: int = 15) -> np.ndarray:
    """Return a table whose missing values follow its large singular values."""
    measured = ~np.isnan(table)
    filled = np.where(measured, table, 0.0)
    for _ in range(n_steps):
        left, values, right = linalg.svd(filled, full_matrices=False)
        low_rank = (left * np.maximum(values - THRESHOLD, 0)) @ right
        filled = np.where(measured, table, low_rank)
    return filled


def rbf(features: np.ndarray, gamma: float) -> np.ndarray:
    """Return ``exp(-gamma * mean((x - y)^2))``."""
    squares = cdist(features, features, "sqeuclidean") / features.shape[1]
    return np.exp(-gamma * squares)


def same(labels: np.ndarray) -> np.ndarray:
    """Return the kernel of a group: 1 within it."""
    return (labels == labels.T).astype(float)


def plain(gamma: float, penalty: float = PENALTY) -> Predict:
    """Return the model of one width."""
    return lambda task: task.solve(rbf(task.scaled(), gamma), penalty)


def plus(name: str, weight: float, gamma: float | None = None) -> Predict:
    """Return the model of expression and another kernel: of groups, or of features."""

    def predict(task: Task) -> np.ndarray:
        if gamma is None:
            other = same(task.features[name])
        else:
            other = rbf(task.scaled(name), gamma)
        return task.solve(rbf(task.scaled(), 0.5) + weight * other)

    return predict


def gene_weights(task: Task) -> np.ndarray:
    """Return how much principal responses explain each gene, with mean 1."""
    left, values, _ = linalg.svd(task.target, full_matrices=False)
    genes = task.scaled()[task.train]
    correlation = genes.T @ left[:, :N_COMPONENTS] / np.sqrt(len(genes))
    weights = correlation**2 @ values[:N_COMPONENTS] ** 2
    return weights / weights.mean()


def weighted(power: float) -> Predict:
    """Return the model of genes weighted by responses."""

    def predict(task: Task) -> np.ndarray:
        weights = gene_weights(task) ** power
        weights /= weights.mean()
        return task.solve(rbf(task.scaled() * np.sqrt(weights), 0.5))

    return predict


def chosen(n_genes: int) -> Predict:
    """Return the model of the genes that principal responses explain best."""

    def predict(task: Task) -> np.ndarray:
        best = np.argsort(-gene_weights(task))[:n_genes]
        return task.solve(rbf(task.scaled()[:, best], 0.5))

    return predict


def principal(n_components: int) -> Predict:
    """Return the model of principal responses."""

    def predict(task: Task) -> np.ndarray:
        left, values, right = linalg.svd(task.target, full_matrices=False)
        scores = left[:, :n_components] * values[:n_components]
        found = task.solve(rbf(task.scaled(), 0.5), target=scores)
        return found @ right[:n_components]

    return predict


def partial_least_squares(task: Task) -> np.ndarray:
    """Return predictions of PLS."""
    genes = task.scaled()
    model = PLSRegression(N_COMPONENTS, scale=False).fit(genes[task.train], task.target)
    return model.predict(genes[task.test])


def nearest(task: Task, n_neighbors: int = 20) -> np.ndarray:
    """Return weighted means of the nearest cell lines."""
    near = rbf(task.scaled(), 0.5)[np.ix_(task.test, task.train)]
    last = np.sort(near, axis=1)[:, -n_neighbors]
    weights = np.where(near >= last[:, None], near, 0)
    return weights @ task.target / weights.sum(axis=1, keepdims=True)


MODELS: dict[str, Predict] = {
    **{f"RBF {gamma}": plain(gamma) for gamma in (0.1, 0.3, 0.5, 1.0)},
    "RBF 0.5, penalty 0.1": plain(0.5, 0.1),
    "RBF 0.5, penalty 1": plain(0.5, 1.0),
    "RBF 0.1, penalty 1": plain(0.1, 1.0),
    "linear": lambda task: task.solve(
        task.scaled() @ task.scaled().T / task.scaled().shape[1], 1.0
    ),
    "RBF 0.5 plus tissue": plus("tissue", 0.1),
    "RBF 0.5 plus subtype": plus("subtype", 0.1),
    "RBF 0.5 plus mutations": plus("mutations", 0.3, 0.5),
    "RBF 0.5 plus gene sets": plus("gene sets", 0.5, 0.5),
    "gene sets alone": lambda task: task.solve(rbf(task.scaled("gene sets"), 0.5)),
    **{f"genes weighted, power {p}": weighted(p) for p in (0.5, 1.0, 2.0)},
    "200 genes": chosen(200),
    **{f"{n} principal responses": principal(n) for n in (5, 20)},
    "PLS": partial_least_squares,
    "20 nearest cell lines": nearest,
}


def load(
    data_home: str | None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    """Load rows, responses, cell lines by compounds, and features of cell lines."""
    data = load_gdsc2(data_home=data_home)
    rows = data.X.assign(response=np.asarray(data.y))
    table = rows.pivot_table(index="cell_line", columns="smiles", values="response")
    ids, genes = table.index, data.expression.columns
    expression = data.expression.loc[ids].to_numpy(np.float64)
    sets = [
        genes.isin(members)
        for name in GENE_SETS
        for members in load_gene_sets(name, data_home=data_home).values()
    ]
    sets = [members for members in sets if members.sum() >= 5]
    scores = np.column_stack([expression[:, k].mean(axis=1) for k in sets])
    cells = data.cells.set_index("cell_line").reindex(ids).fillna("unknown").astype(str)
    return (
        data.X,
        table,
        {
            "expression": expression,
            "mutations": data.mutations.reindex(ids).fillna(0).to_numpy(np.float64),
            "gene sets": scores,
            "tissue": cells[["tissue"]].to_numpy(),
            "subtype": cells[["tissue_subtype"]].to_numpy(),
        },
    )


def split_again(
    X: pd.DataFrame, ids: pd.Index, outer: int
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield positions of training and held-out cell lines of the inner folds."""
    train, _ = list(CellBlindKFold(10, random_state=TEST_SEED).split(X))[outer]
    kept = X.iloc[train]
    for parts in CellBlindKFold(10, random_state=TUNING_SEED).split(kept):
        names = (kept["cell_line"].iloc[rows].unique() for rows in parts)
        yield tuple(np.sort(ids.get_indexer(one)) for one in names)


def measure(task: Task, predicted: np.ndarray) -> dict[str, float]:
    """Return the mean correlation within compounds, and the RMSE."""
    found = []
    for true, one in zip(task.truth.T, predicted.T, strict=True):
        both = ~np.isnan(true)
        if both.sum() > 5:
            found.append(np.corrcoef(true[both], one[both])[0, 1])
    errors = predicted + task.center + task.mean - task.truth
    return {
        "r_within": float(np.mean(found)),
        "rmse": float(np.sqrt(np.nanmean(errors**2))),
        "n_compounds": len(found),
    }


def run(outer: list[int], path: Path, data_home: str | None) -> pd.DataFrame:
    """Measure all models and numbers of cell lines, written after each inner fold."""
    X, table, features = load(data_home)
    response = table.to_numpy()
    found = []
    for fold in outer:
        for inner, (train, test) in enumerate(split_again(X, table.index, fold)):
            task = Task(response, features, train, test)
            key = {"outer": fold, "inner": inner}
            for name, predict in MODELS.items():
                row = {"name": name, **key, "n_cells": len(train)}
                found.append({**row, **measure(task, predict(task))})
            order = np.random.default_rng(inner).permutation(train)
            for number in NUMBERS:
                some = Task(response, features, np.sort(order[:number]), test)
                row = {"name": "RBF 0.1, penalty 1", **key, "n_cells": number}
                predicted = MODELS[row["name"]](some)
                found.append({**row, **measure(some, predicted)})
            pd.DataFrame(found).round(5).to_csv(path, index=False)
            print(f"{fold} {inner}", flush=True)
    return pd.DataFrame(found).round(5)


def main() -> None:
    """Run the study from the command line, and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--outer", type=int, nargs="+", default=[0, 3])
    parser.add_argument("--data-home", default=None)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    results = run(given.outer, given.out, given.data_home)
    by = ["name", results["n_cells"].where(results["n_cells"].isin(NUMBERS), "all")]
    print(results.groupby(by, sort=False)[["r_within", "rmse"]].mean().round(3))


if __name__ == "__main__":
    main()
