"""AdamW in blocks is torch's AdamW."""

from __future__ import annotations

import copy

import pytest
import torch

from sklearn_csg2a.nn import blocks, layers
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.nn.layers import Dense
from sklearn_csg2a.training import net
from sklearn_csg2a.training.device import seeded_initialisation
from sklearn_csg2a.training.net import AdamW

SHAPES = [(50, 30), (7,), (1,), (200, 40), (1, 3)]


def train(optimizer_class, n_steps, state=None, **settings):
    """Return parameters and state after some steps on the same gradients."""
    rng = torch.Generator().manual_seed(0)
    parameters = [
        torch.randn(shape, generator=rng).requires_grad_() for shape in SHAPES
    ]
    optimizer = optimizer_class(parameters, lr=0.1, fused=True, **settings)
    if state is not None:
        optimizer.load_state_dict(copy.deepcopy(state))
    with steady_threads():
        for _ in range(n_steps):
            for parameter in parameters[:-1]:  # the last has no gradient
                parameter.grad = torch.randn(parameter.shape, generator=rng)
            optimizer.step()
    return [p.detach() for p in parameters], optimizer.state_dict()


@pytest.fixture(params=["whole", "blocks"])
def _blocks(request, monkeypatch):
    if request.param == "blocks":
        monkeypatch.setattr(net, "_COST_OF_UPDATE", 2**14)
        monkeypatch.setattr(net, "_LARGE", 1000)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("settings", [{}, {"amsgrad": True}, {"weight_decay": 0.5}])
def test_steps_and_state_equal_those_of_torch(settings):
    found, expected = (
        train(optimizer, 3, **settings) for optimizer in (AdamW, torch.optim.AdamW)
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures("_blocks")
def test_a_stored_state_continues():
    _, state = train(AdamW, 2)
    found, expected = (
        train(optimizer, 1, state)[0] for optimizer in (AdamW, torch.optim.AdamW)
    )
    torch.testing.assert_close(found, expected)


def test_a_step_returns_the_loss_of_its_closure():
    weight = torch.ones(2, requires_grad=True)
    optimizer = AdamW([weight], lr=0.1, fused=True)

    def closure():
        optimizer.zero_grad()
        loss = weight.sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 2
    assert optimizer.step(closure) < 2


def test_gradients_of_large_layers_share_memory_from_step_to_step(monkeypatch):
    def train_layer():
        with seeded_initialisation(0):
            layer, places = Dense(20, 30), []
        optimizer = AdamW(layer.parameters(), lr=0.1, fused=True)
        for k in range(4):
            optimizer.zero_grad()
            x = torch.full((40, 20), float(k))
            (layer(x) + layer(2 * x)).square().sum().backward()
            places.append(layer.weight.grad.data_ptr())
            optimizer.step()
        return layer.weight.detach(), len(set(places))

    monkeypatch.setattr(blocks, "_BLOCK", 2**10)
    expected, _ = train_layer()
    monkeypatch.setattr(layers, "_LARGE", 1)
    found, n_places = train_layer()
    assert n_places == 1
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
