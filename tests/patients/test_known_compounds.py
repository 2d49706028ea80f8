"""Every model keeps the SMILES of its training compounds."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor, baselines
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.treatments._inside import find_compounds
from sklearn_csg2a.treatments._read import TreatmentRegressor

CELLS = [f"C{i}" for i in range(6)]
SMILES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "CCN"]
EXPRESSION = pd.DataFrame(
    np.random.default_rng(0).normal(size=(6, 4)),
    index=CELLS,
    columns=["TP53", "EGFR", "MYC", "KRAS"],
)
ROWS = pd.DataFrame(
    {"cell_line": np.repeat(CELLS, 4), "smiles": SMILES * 6, "tissue": "lung"}
)
SMALL = {
    "expression": EXPRESSION,
    "gene_sets": {"pathway": list(EXPRESSION.columns)},
    "min_genes": 1,
    "interactome": None,
    "max_epochs": 1,
    "n_estimators": 2,
    "max_iter": 10,
    "random_state": 0,
    "early_stopping": False,
}
FAST = {
    *("GlobalMean", "DrugMean", "CellMean", "TissueMean", "TissueDrugMean"),
    *("MeanEffects", "LatentFactors", "PairwiseKernelRidge", "SVMResponse"),
    *("ResponseGaussianProcess", "PotencyRegressor", "RandomForestResponse"),
    "PathDNN",
}
MODELS = [
    *(getattr(baselines, name) for name in sorted(FAST)),
    DrugResponseRegressor,
    PerturbationRegressor,
]


def _make(model, **changed):
    names = inspect.signature(model).parameters
    settings = {name: SMALL[name] for name in SMALL if name in names}
    return model(**{**settings, **changed})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_compounds_of_a_fit_are_kept(model):
    X = ROWS.rename(columns={"smiles": "SMILES"})
    fitted = _make(model, columns={"smiles": "SMILES"}).fit(X, np.arange(24.0))
    known = compound_identities(find_compounds(fitted))
    assert list(known) == list(compound_identities(SMILES))


def test_another_fit_replaces_them():
    model = baselines.DrugMean().fit(ROWS, np.arange(24.0))
    assert model.compounds_ == SMILES  # as they are written
    model.fit(ROWS.iloc[:1], [1.0])
    assert model.compounds_ == SMILES[:1]


def test_a_table_of_genes_alone_has_none():
    model = baselines.PairwiseKernelRidge().fit(EXPRESSION, np.arange(6.0))
    assert model.compounds_ == []


def test_every_model_of_the_package_reads_x_where_they_are_kept():
    models = [getattr(baselines, name) for name in baselines.__all__]
    assert all(
        issubclass(model, TreatmentRegressor)
        for model in models
        if inspect.isclass(model)
    )
