"""A small screen and small models for the tests of the estimators."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.encoders import MorganEncoder

GENES = ("TP53", "EGFR", "MYC", "KRAS", "BRAF", "PTEN", "RB1", "ATM")
CELLS = ("A549", "MCF7", "HELA", "PC3", "K562", "HT29")
COMPOUNDS = ("CCO", "c1ccccc1O", "CC(=O)N", "CCN(CC)CC", "O=C(O)c1ccccc1")


def make_tables(n_rows=40, genes=GENES, seed=0):
    """Light, wide and plain forms of one screen, with one and with many outputs."""
    rng = np.random.default_rng(seed)
    expression = pd.DataFrame(
        rng.normal(size=(len(CELLS), len(genes))), index=CELLS, columns=genes
    )
    at = np.column_stack(
        [rng.permutation(np.arange(n_rows)) % n for n in (len(CELLS), len(COMPOUNDS))]
    )
    light = pd.DataFrame(
        {
            "cell_line": np.array(CELLS)[at[:, 0]],
            "smiles": np.array(COMPOUNDS)[at[:, 1]],
            "dose": rng.choice([0.1, 1.0, 10.0], size=n_rows),
            "time": rng.choice([24.0, 72.0], size=n_rows),
        },
        index=[f"row_{i}" for i in range(n_rows)],
    )
    values = expression.to_numpy()[at[:, 0]]
    genes_of_rows = pd.DataFrame(values, index=light.index, columns=genes)
    y = values[:, 0] + 0.5 * at[:, 1] + rng.normal(scale=0.1, size=n_rows)
    Y = values + 0.3 * at[:, 1:] + rng.normal(scale=0.1, size=values.shape)
    return SimpleNamespace(
        expression=expression,
        light=light,
        wide=pd.concat([light.drop(columns="cell_line"), genes_of_rows], axis=1),
        plain=values,
        y=y,
        Y=Y,
    )


def _settings(changed):
    return {
        "compound_encoder": MorganEncoder(n_bits=32),
        "hidden_dim": 4,
        "max_epochs": 2,
        "batch_size": 16,
        "random_state": 0,
        **changed,
    }


def perturbation_model(**changed):
    """Return a small PerturbationRegressor."""
    return PerturbationRegressor(**_settings(changed))


def response_model(**changed):
    """Return a small DrugResponseRegressor."""
    small = {"head_hidden": (8, 4), "learning_rate": 3e-4, "early_stopping": True}
    return DrugResponseRegressor(**_settings(small | changed))


@pytest.fixture(scope="session")
def tables():
    """Return the function that makes screens."""
    return make_tables


@pytest.fixture
def screen():
    """Return a screen of 40 treatments, new for each test."""
    return make_tables()


@pytest.fixture(params=[perturbation_model, response_model], ids=["Y", "y"])
def small(request):
    """Return each of the two estimators in turn, as a function of its settings."""
    return request.param


@pytest.fixture(scope="session")
def perturbation():
    """Return the function that makes small perturbation models."""
    return perturbation_model


@pytest.fixture(scope="session")
def response():
    """Return the function that makes small response models."""
    return response_model


@pytest.fixture(scope="session")
def pretrained():
    """Return a fitted perturbation model, frozen; light rows, 8 genes."""
    screen = make_tables(seed=1)
    first = perturbation_model(expression=screen.expression)
    return FrozenEstimator(first.fit(screen.light, screen.Y))
