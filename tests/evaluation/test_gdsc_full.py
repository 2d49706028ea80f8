"""Genes of GDSC2 whole are chosen from the training cells of each fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from sklearn_csg2a.evaluation.evaluate import make_estimator, make_task
from sklearn_csg2a.evaluation.folds import make_folds

gdsc_full = pytest.importorskip(
    "benchmarks.data.gdsc_full", reason="the benchmarks folder is not importable"
)
load = pytest.importorskip("benchmarks.data.load")
registry = pytest.importorskip("benchmarks.models.registry")

GENES = [f"G{i}" for i in range(12)]


@pytest.fixture
def data():
    """Twelve cells, of which each shifts one gene, and four genes chosen per fold."""
    rng = np.random.default_rng(0)
    cells = [f"c{i:02d}" for i in range(12)]
    smiles = ["CCO", "CCN", "CCC", "CCCl"]
    X = pd.DataFrame(
        [(cell, compound, "lung") for cell in cells for compound in smiles],
        columns=["cell_line", "smiles", "tissue"],
    )
    expression = pd.DataFrame(
        rng.normal(0, 0.1, (12, 12)) + 10 * np.eye(12), index=cells, columns=GENES
    )
    return Bunch(
        X=X,
        y=pd.Series(rng.normal(size=len(X))),
        ids=load.row_ids(X),
        hash="",
        expression=expression,
        expression_scaler=StandardScaler(),
        interactome=pd.DataFrame({"source": GENES[:-1], "target": GENES[1:]}),
        n_variable_genes=4,
        always_genes=pd.Index(["G3", "G11"]),
    )


def test_most_variable_genes_join_those_that_are_always_used():
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 5.0, 0.1, 3.0])
    table = rng.normal(size=(50, 4)) * spread
    third = np.array([False, False, True, False])
    genes = gdsc_full.most_variable(table, third, 2)
    assert genes.tolist() == [False, True, True, True]
    assert gdsc_full.most_variable(table, third, 99).all()
    assert gdsc_full.most_variable(table, third, 0).tolist() == third.tolist()


def test_cells_under_test_do_not_choose_the_genes(data):
    for fold in make_folds(data, ["cell"], 3, 3):
        chosen = gdsc_full.choose_genes(data, fold.train)
        tested = data.X["cell_line"].iloc[fold.test].unique()
        altered = data.expression.copy()
        altered.loc[tested] = np.random.default_rng(1).normal(0, 99, (len(tested), 12))
        again = gdsc_full.choose_genes(
            Bunch(**{**data, "expression": altered}), fold.train
        )
        assert again.expression.columns.equals(chosen.expression.columns)
        assert {"G3", "G11"} <= set(chosen.expression)
        assert chosen.expression.shape == (12, 6)


def test_folds_differ_in_genes_and_interactions_follow(data):
    chosen = [
        gdsc_full.choose_genes(data, fold.train)
        for fold in make_folds(data, ["cell"], 3, 3)
    ]
    assert len({tuple(one.expression) for one in chosen}) > 1
    for one in chosen:
        ends = set(one.interactome.to_numpy().ravel())
        assert ends <= set(one.expression)
        assert len(one.X) == len(data.X)
    assert data.expression.shape == (12, 12)


def test_data_without_a_number_of_genes_stay_as_they_are(data):
    del data["n_variable_genes"]
    (fold,) = make_folds(data, ["cell"], 3, 1)
    assert gdsc_full.choose_genes(data, fold.train) is data


@pytest.mark.parametrize("model", ["PairwiseKernelRidge", "csg2a"])
def test_models_get_the_genes_of_their_fold(model, data, monkeypatch):
    monkeypatch.setattr(registry, "load_data", lambda *_: data)
    source = registry.Registered("gdsc_full")
    folds = make_folds(data, ["cell"], 3, 3)
    made = [make_estimator(source, fold, model, 0, rows=fold.train) for fold in folds]
    assert all(one.expression.shape == (12, 6) for one in made)
    tasks = [make_task(source, fold, model, 0) for fold in folds]
    assert len({task.hashes["config_hash"] for task in tasks}) == 1
    if model == "csg2a":
        assert isinstance(made[0].expression_scaler, StandardScaler)


@pytest.mark.slow
def test_three_choices_of_genes_share_rows_and_folds(data_home):
    names = ["gdsc_full", "gdsc_full_all", "gdsc_full_landmark"]
    sets = [load.LOADERS[name](data_home) for name in names]
    assert [one.expression.shape for one in sets] == [
        (848, 5778),
        (848, 5778),
        (848, 471),
    ]
    assert all(one.X.equals(sets[0].X) and one.y.equals(sets[0].y) for one in sets)
    data = sets[0]
    data.ids = load.row_ids(data.X)
    (fold,) = make_folds(data, ["cell"], 10, 1)
    assert gdsc_full.choose_genes(data, fold.train).expression.shape == (848, 2471)
