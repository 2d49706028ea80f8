"""What the nulls keep of a network, and what they change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.estimators._map_reader import MapReader
from sklearn_csg2a.inspection._null import draw_null


@pytest.fixture(scope="module")
def reader():
    screen = make_screen(n_cells=8, n_perturbation_compounds=5, random_state=0)
    X, Y = screen.perturbation.X, screen.perturbation.Y
    model = PerturbationRegressor(
        expression=screen.expression, interactome=screen.interactome, max_epochs=1
    )
    rows = [np.arange(len(X))]
    return MapReader.of(model.fit(X, Y), X, "attention", rows)


def adjacency(reader):
    return reader.sources[0].csg2a.attention.adjacency()


def test_a_rewired_interactome_keeps_the_number_of_partners(reader):
    given = adjacency(reader)
    rewired = draw_null(reader, "rewired", 0)
    drawn = adjacency(rewired)
    assert torch.equal(drawn, drawn.T)
    assert torch.equal((drawn != 0).sum(0), (given != 0).sum(0))
    assert torch.equal(torch.diagonal(drawn), torch.diagonal(given))
    kept = ((drawn != 0) & (given != 0)).sum() / (given != 0).sum()
    assert kept < 0.6  # the diagonal is a third of all entries
    source = rewired.sources[0]
    torch.testing.assert_close(
        source.data.interactome_term, source.data.basal @ drawn, atol=1e-4, rtol=1e-4
    )
    assert torch.equal(adjacency(reader), given)


def test_an_untrained_network_keeps_the_interactome_and_no_weight(reader):
    drawn = draw_null(reader, "untrained", 0)
    assert torch.equal(adjacency(drawn), adjacency(reader))
    layers = [one.sources[0].csg2a.attention for one in (reader, drawn)]
    assert not torch.isclose(layers[0].w_gene, layers[1].w_gene).any(dim=1).all()
    again = draw_null(reader, "untrained", 0).sources[0].csg2a.attention
    assert torch.equal(layers[1].w_gene, again.w_gene)


def test_permuted_compounds_keep_cells_doses_and_times(reader):
    given = reader.sources[0].data
    drawn = draw_null(reader, "permuted", 0).sources[0].data
    assert torch.equal(given.cell_index, drawn.cell_index)
    assert torch.equal(given.dose, drawn.dose)
    pairs = torch.stack([given.condition_compound, drawn.condition_compound])
    assert len(pairs.unique(dim=1).T) == len(given.compounds)  # one for one
    assert not torch.equal(*pairs)
