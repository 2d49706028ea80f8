"""Sums of gene-gene matrices from their factors, against matrices built in full."""

from __future__ import annotations

import pytest
import torch

from sklearn_csg2a.nn import CSG2A
from sklearn_csg2a.nn.thin import (
    AttentionInput,
    Grams,
    attention_rows,
    derivative_rows,
    layer_output,
    normed_rows,
)
from sklearn_csg2a.training.device import seeded_initialisation

ROWS, GENES, HIDDEN = 5, 7, 3


@pytest.fixture(params=["paper", "gated", "released", "off"])
def network(request):
    generator = torch.Generator().manual_seed(0)
    edges = torch.tensor([[0, 1, 2, 4, *range(GENES)], [1, 0, 4, 2, *range(GENES)]])
    values = torch.tensor([0.5, 0.5, 0.9, 0.9, *GENES * [1.0]])
    with seeded_initialisation(0):
        network = CSG2A(
            GENES,
            GENES,
            2,
            interactome=(*edges, values),
            hidden_dim=HIDDEN,
            attention=request.param,
        )
    for weights in network.parameters():
        torch.nn.init.normal_(weights, generator=generator)
    return network.double().eval().requires_grad_(requires_grad=False)


@pytest.fixture
def rows(network):
    generator = torch.Generator().manual_seed(1)
    basal, condition = torch.randn(2, ROWS, GENES, generator=generator).double()
    term = network.attention.interactome_term(basal)
    return AttentionInput(basal, term, condition.relu())


def add_up(layer, thin, block=3):
    """The sum over rows, from blocks of columns."""
    parts = []
    for start in range(0, GENES, block):
        genes = slice(start, min(start + block, GENES))
        total = torch.zeros(GENES, genes.stop - start, dtype=torch.float64)
        Grams(layer, genes).add(thin, total)
        parts.append(total)
    return torch.cat(parts, dim=1)


def jacobians(layer, rows, function):
    """The derivative of a function of one row by its basal expression, each row."""

    def of_one(basal, condition):
        term = basal[None] @ layer.adjacency() if layer.multiplies else basal[None, :0]
        return function(AttentionInput(basal[None], term, condition[None]))[0]

    pairs = zip(rows.basal, rows.condition, strict=True)
    return torch.stack([torch.func.jacrev(of_one)(g, d) for g, d in pairs])


def test_learned_attention_is_summed(network, rows):
    layer = network.attention
    if layer.form == "off":
        pytest.skip("there is none")
    each = layer.matrix(rows.basal, rows.condition) - layer.adjacency()
    torch.testing.assert_close(add_up(layer, attention_rows(layer, rows)), each.sum(0))


def test_derivative_of_the_attention_layer_is_exact(network, rows):
    layer = network.attention
    each = jacobians(layer, rows, lambda one: layer_output(layer, one))
    torch.testing.assert_close(add_up(layer, derivative_rows(layer, rows)), each.sum(0))


def test_derivative_through_norm_and_activation_is_exact(network, rows):
    layer = network.attention

    def activate(one):
        return torch.relu(network.norm(layer_output(layer, one)))

    each = jacobians(layer, rows, activate)
    torch.testing.assert_close(add_up(layer, normed_rows(network, rows)), each.sum(0))


def test_factors_on_either_side_multiply_rows_and_columns(network, rows):
    layer = network.attention
    each = jacobians(layer, rows, lambda one: layer_output(layer, one))
    generator = torch.Generator().manual_seed(2)
    left, right, vectors = torch.rand(3, ROWS, GENES, generator=generator).double()
    thin = derivative_rows(layer, rows).scale_changed(left).scale_source(right)
    expected = (left[:, :, None] * each * right[:, None]).sum(0)
    torch.testing.assert_close(add_up(layer, thin), expected)
    torch.testing.assert_close(
        thin.apply_left(vectors, layer),
        ((left * vectors)[:, None] @ each)[:, 0] * right,
    )
