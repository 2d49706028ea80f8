"""Tables to draw, and figures that are closed after each test."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def ranking():
    """Two samples and four drugs; d has no prediction for the first."""
    return pd.DataFrame(
        {
            "sample": ["P1"] * 4 + ["P2"] * 4,
            "drug": list("cabd") + list("abcd"),
            "ln_ic50": [1.0, -2.0, 3.0, np.nan, 0.0, 1.0, 2.0, 3.0],
            "percentile": [3.0, 40.0, 80.0, np.nan, 1.0, 2.0, 3.0, 4.0],
            "lower": [0.0, -3.0, 2.0, np.nan, -1.0, 0.0, 1.0, 2.0],
            "upper": [2.0, -1.0, 4.0, np.nan, 1.0, 2.0, 3.0, 4.0],
            "in_domain": pd.array([True, False, True, True] * 2, dtype="boolean"),
            "rank": pd.array([1, 2, 3, None, 1, 2, 3, 4], dtype="Int64"),
        }
    )


@pytest.fixture
def comparison():
    """Responders of three drugs, of which one cannot be compared."""
    return pd.DataFrame(
        {
            "n_responders": [10, 4, 0],
            "n_non_responders": [20, 9, 5],
            "auroc": [0.6, 0.9, np.nan],
            "auroc_low": [0.4, 0.8, np.nan],
            "auroc_high": [0.8, 1.0, np.nan],
            "p_holm": [0.4, 0.0002, np.nan],
            "p_permuted": [0.2, 0.001, np.nan],
        },
        index=pd.Index(["a", "b", "c"], name="drug"),
    )


@pytest.fixture
def enrichment():
    """Three pathways: one holds against the null."""
    return pd.DataFrame(
        {
            "pathway": ["weak", "artefact", "real"],
            "overlap": [3, 12, 9],
            "size": [50, 60, 40],
            "p": [0.2, 1e-7, 1e-5],
            "p_adjusted": [0.3, 1e-6, 1e-4],
            "p_null": [0.4, 0.7, 0.01],
            "genes": ["A", "B;C", "D;E"],
        }
    )


@pytest.fixture
def coverage():
    """Two kinds of intervals at two nominal coverages."""
    return pd.DataFrame(
        {
            "name": ["rows", "rows", "compounds", "compounds"],
            "nominal": [0.5, 0.9, 0.5, 0.9],
            "coverage": [0.3, 0.6, 0.5, 0.9],
            "width": [1.0, 2.0, 2.0, 4.0],
        }
    )


@pytest.fixture
def history():
    """Three epochs; a loss is a squared error."""
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [9.0, 4.0, 1.0],
            "valid_loss": [16.0, 9.0, 10.0],
            "seconds": [0.1, 0.1, 0.1],
        }
    )


@pytest.fixture
def predictions():
    """Rows of three drugs: predicted well, at random, and in reverse."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=30)
    noise = [true[:10], rng.normal(size=10), -true[20:]]
    level = np.repeat([0.0, 5.0, 10.0], 10)
    return {
        "y_true": true + level,
        "y_pred": np.concatenate(noise) + level,
        "drug": np.repeat(["good", "random", "reverse"], 10),
    }


@pytest.fixture
def influence_map():
    """Two groups of five genes that act on each other, in alternating order."""
    rng = np.random.default_rng(0)
    group = np.tile([0, 1], 5)
    values = np.where(group[:, None] == group, 1.0, -0.2) + 0.05 * rng.random((10, 10))
    names = [f"{'ab'[one]}{i}" for i, one in enumerate(group)]
    return pd.DataFrame(values, index=names, columns=names)


@pytest.fixture
def results():
    """Four models in two schemes, as a table of means and intervals."""
    means = {
        ("cell", "DrugMean", "naive"): 1.4,
        ("cell", "GlobalMean", "naive"): 2.5,
        ("cell", "ridge", "classical"): 1.2,
        ("cell", "network", "network"): 1.3,
        ("drug", "DrugMean", "naive"): 2.5,
        ("drug", "GlobalMean", "naive"): 2.6,
        ("drug", "ridge", "classical"): 2.2,
        ("drug", "network", "network"): 2.1,
    }
    table = pd.DataFrame(list(means), columns=["scheme", "model", "kind"])
    table["n_folds"] = 10
    table["rmse"] = list(means.values())
    return table.assign(rmse_low=table["rmse"] - 0.1, rmse_high=table["rmse"] + 0.1)


@pytest.fixture
def pairs():
    """Similarities of six compounds of two mechanisms."""
    rng = np.random.default_rng(0)
    listed = list(itertools.combinations("abcxyz", 2))
    table = pd.DataFrame(listed, columns=["compound_i", "compound_j"])
    table["same_mechanism"] = [(i in "abc") == (j in "abc") for i, j in listed]
    table["similarity"] = 0.9 + 0.05 * table["same_mechanism"]
    table["tanimoto"] = rng.random(15)
    return table


@pytest.fixture
def distances():
    """Distances in three cell lines; the sensitive are farther, most so in A."""
    table = pd.DataFrame(
        list(itertools.product("CAB", "vwxyz")), columns=["cell_line", "compound"]
    )
    response = np.tile(np.arange(5.0), 3)
    noise = np.array([0, 3, -3, 2, 0, 0, 0, 0, 0, 0, 0, 1, -1, 1, 0])
    table["distance"] = 10 - response + noise
    table["expression_norm"] = np.repeat([1.0, 2.0, 3.0], 5)
    return table.assign(response=response)
