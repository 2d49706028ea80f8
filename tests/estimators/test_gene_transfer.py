"""new_genes: a pretrained network moves to the genes of the response data."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.frozen import FrozenEstimator

from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    load_model,
    save_model,
)
from sklearn_csg2a.estimators._networks import move_to_genes
from sklearn_csg2a.exceptions import GeneMismatchError
from sklearn_csg2a.nn import csg2a_part
from sklearn_csg2a.training.device import seeded_initialisation
from sklearn_csg2a.treatments import read_treatments


@pytest.fixture(scope="module")
def first(tables):
    """Return a perturbation model of the screen's genes."""
    screen = tables()
    model = PerturbationRegressor(
        expression=screen.expression, hidden_dim=4, max_epochs=2, random_state=0
    )
    return model.fit(screen.light, screen.Y)


@pytest.fixture
def other_genes(screen):
    """Return expression with the screen's genes but two, reversed, and three more."""
    kept = screen.expression.iloc[:, :1:-1]
    rng = np.random.default_rng(0)
    new = pd.DataFrame(
        rng.normal(size=(len(kept), 3)), index=kept.index, columns=["NEW1", "N2", "N3"]
    )
    return pd.concat([new, kept], axis=1)


def _response(first, expression, **changed):
    settings = {"new_genes": "add", "freeze": False, "max_epochs": 2, "random_state": 0}
    return DrugResponseRegressor(
        pretrained=FrozenEstimator(first), expression=expression, **settings | changed
    )


def _moved(first, screen, expression, interactome=None):
    treatments = read_treatments(screen.light, expression=expression)
    network = csg2a_part(first.net_.module_)
    with seeded_initialisation(0):
        moved = move_to_genes(network, first.genes_, treatments, interactome)
    return moved, treatments


def test_in_another_order_the_network_computes_the_same(first, screen):
    moved, _ = _moved(first, screen, screen.expression.iloc[:, ::-1])
    network = csg2a_part(first.net_.module_)
    rng = torch.Generator().manual_seed(0)
    g = torch.randn(4, len(first.genes_), generator=rng)
    compound = torch.randn(3, network.condition.compound_dim, generator=rng)
    dose = time = torch.ones(3)
    index = torch.tensor([0, 1, 2, 0])

    def run(csg2a, basal):
        cells = csg2a.cell_terms(basal, csg2a.attention.interactome_term(basal))
        condition = csg2a.condition(compound, dose, time, None)
        return csg2a.perturb(cells, condition, torch.arange(4), index)

    with torch.no_grad():
        expected = run(network.eval(), g)
        actual = run(moved.eval(), g.flip(1))
    torch.testing.assert_close(actual, expected)


def test_shared_genes_keep_their_rows_and_new_ones_add_nothing_at_first(
    first, screen, other_genes
):
    moved, treatments = _moved(first, screen, other_genes)
    network = csg2a_part(first.net_.module_)
    known = list(first.genes_)
    for position, gene in enumerate(treatments.genes):
        if gene in known:
            row = known.index(gene)
            for name in ("attention.w_gene", "condition.project.weight", "norm.bias"):
                a, b = moved.state_dict()[name], network.state_dict()[name]
                assert (a[position] == b[row]).all(), name
            columns = moved.output.weight[:, position], network.output.weight[:, row]
            assert torch.equal(*columns)
        else:
            assert (moved.output.weight[:, position] == 0).all()
    assert moved.n_outputs == network.n_outputs


def test_edges_between_shared_genes_come_along(first, screen, other_genes):
    genes = list(first.genes_)
    ends = {"source": [genes[5], genes[0]], "target": [genes[7], genes[6]]}
    edges = pd.DataFrame(ends)
    model = PerturbationRegressor(
        expression=screen.expression, interactome=edges, max_epochs=1, random_state=0
    ).fit(screen.light, screen.Y)
    moved, treatments = _moved(model, screen, other_genes)
    adjacency = moved.attention.adjacency().numpy()
    at = {gene: position for position, gene in enumerate(treatments.genes)}
    off_diagonal = adjacency - np.eye(len(adjacency))
    assert off_diagonal[at[genes[5]], at[genes[7]]] == 1  # both shared
    assert off_diagonal.sum() == 2  # the first gene is not

    new = pd.DataFrame({"source": ["NEW1"], "target": [genes[7]]})
    given = _moved(model, screen, other_genes, new)[0].attention.adjacency()
    assert given[at["NEW1"], at[genes[7]]] == 1
    assert given[at[genes[5]], at[genes[7]]] == 0


def test_a_response_model_learns_on_its_own_genes(first, screen, other_genes, tmp_path):
    model = _response(first, other_genes).fit(screen.light, screen.y)
    assert list(model.genes_) == list(other_genes.columns)
    predicted = model.predict(screen.light)
    assert np.isfinite(predicted).all()
    assert model.predict_perturbation(screen.light).shape == screen.Y.shape
    again = pickle.loads(pickle.dumps(model)).predict(screen.light)
    np.testing.assert_array_equal(again, predicted)
    save_model(model, tmp_path / "model.csg2a")
    loaded = load_model(tmp_path / "model.csg2a").predict(screen.light)
    np.testing.assert_array_equal(loaded, predicted)


def test_by_default_the_genes_are_those_of_the_pretraining(first, screen, other_genes):
    model = _response(first, other_genes, new_genes="drop", missing_genes="zero")
    model.fit(screen.light, screen.y)
    assert list(model.genes_) == list(first.genes_)


def test_without_pretraining_it_has_no_effect(response, screen):
    settings = {"expression": screen.expression, "max_epochs": 1}
    plain = response(**settings).fit(screen.light, screen.y)
    adding = response(**settings, new_genes="add").fit(screen.light, screen.y)
    expected = plain.predict(screen.light)
    np.testing.assert_array_equal(adding.predict(screen.light), expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"freeze": True}, "set freeze=False"),
        ({"new_genes": "keep"}, "new_genes"),
    ],
)
def test_settings_that_cannot_work_are_refused(first, screen, changed, message):
    model = _response(first, screen.expression).set_params(**changed)
    with pytest.raises(ValueError, match=message):
        model.fit(screen.light, screen.y)


def test_no_gene_in_common_is_an_error_that_shows_one_of_each(first, screen):
    foreign = screen.expression.add_prefix("ENSG")
    with pytest.raises(GeneMismatchError, match=r"none of the 8 genes of X .*ENSG"):
        _response(first, foreign).fit(screen.light, screen.y)
