"""The text of an estimator fits on a screen, whatever tables it holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
)
from sklearn_csg2a.baselines import DrugMean, PairwiseKernelRidge, RandomForestResponse
from sklearn_csg2a.encoders import PotencyEncoder

LINES, COLUMNS = 24, 120  # of a small screen


def _table(n_cells, n_genes=700):
    """Long names and all the rows that pandas prints before it abbreviates."""
    cells = [f"a cell line with a long name {i}" for i in range(n_cells)]
    genes = [f"GENE{i}" for i in range(n_genes)]
    return pd.DataFrame(np.zeros((n_cells, n_genes)), index=cells, columns=genes)


def _perturbation():
    edges = pd.DataFrame({"source": ["GENE1"] * 50, "target": ["GENE2"] * 50})
    return PerturbationRegressor(expression=_table(50), interactome=edges)


def _response():
    links = sparse.csr_array((700, 700))
    return DrugResponseRegressor(expression=_table(900), interactome=links)


NESTED = {
    "frozen": lambda: DrugResponseRegressor(
        expression=_table(900), pretrained=FrozenEstimator(_perturbation())
    ),
    "residual": lambda: ResidualRegressor(base=DrugMean(), regressor=_response()),
    "voting": lambda: VotingRegressor(
        [
            ("first", _response()),
            ("second", RandomForestResponse(expression=_table(55))),
            ("third", PairwiseKernelRidge(expression=_table(900))),
        ]
    ),
    "pipeline": lambda: make_pipeline(_response()),
    "pipeline of votes": lambda: make_pipeline(VotingRegressor([("one", _response())])),
}


def fits_on_a_screen(text):
    lines = text.splitlines()
    return len(lines) <= LINES and max(map(len, lines)) <= COLUMNS


def test_a_table_is_named_by_its_size():
    assert repr(RandomForestResponse(expression=_table(580, 706))) == (
        "RandomForestResponse(expression=<580 x 706 table>)"
    )
    text = repr(_response())
    assert "expression=<900 x 700 table>" in text
    assert "interactome=<700 x 700 sparse matrix>" in text
    links = np.zeros((700, 700))
    text = repr(PerturbationRegressor(interactome=links))
    assert text == "PerturbationRegressor(interactome=<700 x 700 array>)"
    responses = _table(30, 20)
    assert repr(PotencyEncoder(responses)) == (
        "PotencyEncoder(responses=<30 x 20 table>)"
    )
    assert repr(PotencyEncoder({"ours": responses, "theirs": _table(9, 8)})) == (
        "PotencyEncoder(responses={'ours': <30 x 20 table>, 'theirs': <9 x 8 table>})"
    )


def test_what_is_no_table_is_printed_as_ever():
    model = PairwiseKernelRidge(alpha=2.0)
    assert repr(model) == "PairwiseKernelRidge(alpha=2.0)"
    assert repr(PairwiseKernelRidge()) == "PairwiseKernelRidge()"
    model = DrugResponseRegressor(head_hidden=(8,), pretrained=_perturbation())
    assert "head_hidden=(8,)" in repr(model)
    assert "pretrained=PerturbationRegressor(" in repr(model)


@pytest.mark.parametrize("make", [_perturbation, _response, *NESTED.values()])
def test_texts_fit_on_a_screen(make):
    assert fits_on_a_screen(repr(make()))
    assert fits_on_a_screen(repr(clone(make())))


@pytest.mark.parametrize("make", NESTED.values(), ids=NESTED)
def test_nested_models_print_the_sizes_of_their_tables(make):
    assert "expression=<900 x 700 table>" in repr(make())
    assert "GENE0" not in repr(make())


def test_a_fitted_model_prints_as_before_the_fit_and_keeps_its_table():
    expression = _table(60, 30) + np.random.default_rng(0).normal(size=(60, 30))
    X = pd.DataFrame({"cell_line": expression.index, "smiles": ["CCO", "CCN"] * 30})
    model = RandomForestResponse(expression=expression, n_estimators=2)
    before = repr(model)
    assert repr(model.fit(X, np.arange(60.0))) == before
    assert model.expression is expression
    assert model.get_params()["expression"] is expression
