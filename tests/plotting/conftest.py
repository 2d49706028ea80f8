"""Tables to draw, and figures that are closed after each test."""

from __future__ import annotations

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
