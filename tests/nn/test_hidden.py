"""One operation for batch norm, ReLU and dropout equals the three layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sklearn_csg2a.nn import blocks
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.nn.csg2a import ChemicalConditionEncoder
from sklearn_csg2a.nn.layers import (
    Dropout,
    EntityBatchNorm,
    finish_hidden,
    set_dropout_generator,
)
from sklearn_csg2a.training.device import seeded_initialisation

N_ENTITIES, N_FEATURES = 60, 37
COUNTS = torch.tensor([0, 3, 1, 2, 5, 7] * 10)
X = torch.randn(N_ENTITIES, N_FEATURES, generator=torch.Generator().manual_seed(0))


def separate(x, norm, dropout, counts):
    return dropout(torch.relu(norm(x, counts)))


def apply(function, dropout, counts, *, training=True, dtype=torch.float64):
    """Return output, gradients and running statistics."""
    norm, layer = EntityBatchNorm(N_FEATURES).to(dtype), Dropout(dropout)
    for parameter in norm.parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    both = nn.ModuleList([norm, layer]).train(training)
    set_dropout_generator(both, torch.Generator().manual_seed(2))
    x = X.to(dtype).requires_grad_()
    with steady_threads():
        output = function(x, norm, layer, counts)
        slopes = torch.linspace(-1, 1, output.numel(), dtype=dtype).view_as(output)
        gradients = torch.autograd.grad(
            (output * slopes).sum(), [x, *norm.parameters()]
        )
    return [output, *gradients, norm.running_mean, norm.running_var]


@pytest.mark.parametrize("cost", [blocks._BLOCK, 2**10], ids=["whole", "blocks"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("counts", [None, COUNTS.double()], ids=["rows", "entities"])
def test_output_gradients_and_statistics_equal_the_layers(
    counts, dropout, cost, monkeypatch
):
    monkeypatch.setattr(blocks, "_BLOCK", cost)
    torch.testing.assert_close(
        apply(finish_hidden, dropout, counts), apply(separate, dropout, counts)
    )


def test_evaluation_takes_the_running_statistics():
    found = apply(finish_hidden, 0.3, COUNTS, training=False, dtype=torch.float32)
    expected = apply(separate, 0.3, COUNTS, training=False, dtype=torch.float32)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("n_rows", [1, 2])
def test_a_layer_without_spread_has_finite_gradients(n_rows):
    norm, layer = EntityBatchNorm(5), Dropout(0.0)
    x = torch.ones(n_rows, 5, requires_grad=True)
    output = finish_hidden(x, norm, layer)
    output.sum().backward()
    assert torch.isfinite(output).all()
    assert torch.isfinite(x.grad).all()


def test_a_fixed_compound_does_not_change_the_gradients_of_a_condition():
    rng = torch.Generator().manual_seed(0)
    compound, dose = torch.randn(9, 6, generator=rng), torch.rand(9, generator=rng)
    with seeded_initialisation(0):
        encoder = ChemicalConditionEncoder(6, 20, dropout=0.0)
    found = []
    for learned in (False, True):
        encoder.zero_grad()
        given = compound.clone().requires_grad_(learned)
        output = encoder(given, dose * 100, dose * 72, None)
        output.square().sum().backward()
        found.append([output, *(p.grad for p in encoder.parameters())])
    torch.testing.assert_close(*found)
