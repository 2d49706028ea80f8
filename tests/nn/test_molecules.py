"""Molecule graphs without padding, each encoded once in a batch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sklearn_csg2a.nn import MAT, Molecules
from sklearn_csg2a.nn.mat import masked_mean

CPU = torch.device("cpu")


def chain(n_nodes, seed):
    """Return a chain of atoms of random kinds behind a dummy node."""
    rng = np.random.default_rng(seed)
    features = np.zeros((n_nodes, 28), dtype=np.float32)
    features[np.arange(n_nodes), rng.integers(1, 28, size=n_nodes)] = 1
    place = np.arange(n_nodes)
    gap = np.abs(place[:, None] - place).astype(np.float32)
    return SimpleNamespace(
        node_features=features,
        adjacency=(gap <= 1).astype(np.float32),
        distance=1.4 * gap,
    )


GRAPHS = [chain(n, seed) for seed, n in enumerate((5, 2, 9, 3, 9, 4, 6, 7, 3, 8, 2))]


@pytest.fixture
def molecules():
    return Molecules.join(GRAPHS, CPU)


@pytest.fixture
def mat():
    rng = torch.Generator().manual_seed(0)
    return MAT(d_model=16, n_layers=2, n_heads=2, generator=rng)


def alone(mat, graph):
    """Encode one molecule by itself, (d_model,)."""
    names = ("node_features", "adjacency", "distance")
    features, adjacency, distance = (
        torch.from_numpy(getattr(graph, name))[None] for name in names
    )
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    return masked_mean(mat(features, mask, adjacency, distance), mask)[0]


def test_padding_preserves_the_graphs(molecules):
    chosen = torch.tensor([3, 0, 2])
    features, mask, adjacency, distance = molecules.padded(chosen)
    assert features.shape == (3, 9, 28)
    for row, graph in enumerate(GRAPHS[i] for i in chosen):
        n = len(graph.node_features)
        assert mask[row].tolist() == [True] * n + [False] * (9 - n)
        for padded, values in (
            (features, graph.node_features),
            (adjacency, graph.adjacency),
            (distance, graph.distance),
        ):
            expected = np.zeros(padded.shape[1:], dtype=np.float32)
            expected[: values.shape[0], : values.shape[1]] = values
            np.testing.assert_array_equal(padded[row].numpy(), expected)


def test_every_entry_gets_the_encoding_of_its_molecule(molecules, mat):
    index = torch.tensor([10, 0, 4, 4, 2, 7, 0, 1, 3, 5, 6, 8, 9, 2])
    with torch.no_grad():
        found = molecules[index].encode(mat)
        expected = torch.stack([alone(mat, GRAPHS[i]) for i in index])
    torch.testing.assert_close(found, expected)


def test_a_molecule_is_encoded_once_whatever_the_number_of_its_entries(molecules, mat):
    sizes = []
    mat.register_forward_hook(lambda _, inputs, __: sizes.extend(inputs[1].sum(1)))
    molecules[torch.tensor([2, 2, 5, 2, 5, 1])].encode(mat)
    assert sorted(int(n) for n in sizes) == [2, 4, 9]


def test_gradients_are_those_of_molecules_encoded_one_by_one(molecules, mat):
    index = torch.tensor([2, 0, 2, 9])
    weights = torch.randn(4, 16, generator=torch.Generator().manual_seed(1))
    (molecules[index].encode(mat) * weights).sum().backward()
    found = {name: p.grad.clone() for name, p in mat.named_parameters()}
    mat.zero_grad()
    encoded = torch.stack([alone(mat, GRAPHS[i]) for i in index])
    (encoded * weights).sum().backward()
    for name, parameter in mat.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, atol=1e-5, rtol=1e-4)
