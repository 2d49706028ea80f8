"""The networks of the deep baselines: sizes, and what they compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_csg2a.baselines.deep._bert_layers import BertLayer, Sequences
from sklearn_csg2a.baselines.deep._data import PairDataset, PairTensors
from sklearn_csg2a.baselines.deep._graph_layers import (
    GATLayer,
    GCNLayer,
    max_pool,
    mean_pool,
    pack_atoms,
    sum_pool,
)
from sklearn_csg2a.baselines.deep._network import PairDense
from sklearn_csg2a.baselines.deepcovdr.network import DeepCoVDRNetwork
from sklearn_csg2a.baselines.deeptta.network import DeepTTANetwork
from sklearn_csg2a.baselines.drpreter.network import DRPreterNetwork
from sklearn_csg2a.baselines.graphdrp.network import GraphDRPNetwork
from sklearn_csg2a.baselines.pathdnn.network import PathDNNNetwork
from sklearn_csg2a.baselines.precily.network import PrecilyNetwork
from sklearn_csg2a.chem.graphs.atoms import AtomGraph, atom_graph, pad_atom_graphs
from sklearn_csg2a.chem.graphs.bonds import BondGraph, bond_graph, pad_bond_graphs

SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "C#N", "C", "CCN(CC)C(=O)c1ccc(Cl)cc1")


def _graphdrp(n_genes=978, conv="gin"):
    return GraphDRPNetwork(
        n_genes=n_genes, n_atom_features=78, conv=conv, dropout=0.5, squash=True
    )


def _drpreter(pathways, edges=()):
    return DRPreterNetwork(
        pathways=pathways, edges=edges, n_atom_features=77, dropout=0.1
    )


def _deeptta(n_genes):
    return DeepTTANetwork(
        n_genes=n_genes, n_tokens=2586, max_tokens=50, n_layers=8, dropout=0.1
    )


def _deepcovdr(n_genes, n_layers=8):
    return DeepCoVDRNetwork(
        n_genes=n_genes, n_features=(133, 14), n_layers=n_layers, dropout=0.1
    )


# Of the published DeepCoVDR, a second set of queries, keys and values in the first
# transformer gets no gradient, and queries of atoms and keys of cells in the second
# change nothing. They are not built.
_UNUSED = 8 * 3 * (128 * 128 + 128) + 8 * 2 * (128 * 128 + 128)

SIZES = {
    "GraphDRP, 735 features": (lambda: _graphdrp(735), 870_433),
    "GraphDRP, 978 genes": (_graphdrp, 1_017_889),
    "DRPreter, 34 pathways of up to 351 genes": (
        lambda: _drpreter([range(351), *[[0]] * 33]),
        4_513_617,
    ),
    "DRPreter, 34 pathways of up to 54 genes": (
        lambda: _drpreter([range(54), *[[0]] * 33]),
        2_080_593,
    ),
    "DeepTTA, 17,737 genes": (lambda: _deeptta(17_737), 22_352_193),
    "DeepTTA, 978 genes": (lambda: _deeptta(978), 5_190_977),
    "PathDNN, 323 pathways": (
        lambda: PathDNNNetwork(
            members=torch.zeros(323, 1278),
            n_targets=741,
            n_bits=0,
            widths=(256, 256),
            dropout=0.2,
        ),
        562_110,
    ),
    "Precily, 1,429 inputs": (
        lambda: PrecilyNetwork(
            n_pathways=1329, n_components=100, widths=(140, 200), dropout=0.1
        ),
        2_875_851,
    ),
    "DeepCoVDR, 11,794 genes": (lambda: _deepcovdr(11_794), 17_371_209 - _UNUSED),
    "DeepCoVDR, 978 genes": (lambda: _deepcovdr(978), 6_295_625 - _UNUSED),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_network_has_as_many_parameters_as_the_published_one(name):
    make, expected = SIZES[name]
    assert sum(weight.numel() for weight in _seeded(make).parameters()) == expected


def _seeded(make, seed=0):
    """Make a network, and leave torch's generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()


def _draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _graphs(kind):
    if kind == "bonds":
        return [bond_graph(one) for one in SMILES]
    return [atom_graph(one, kind) for one in SMILES]


def _pad(graphs):
    pad = pad_bond_graphs if isinstance(graphs[0], BondGraph) else pad_atom_graphs
    return tuple(torch.from_numpy(part) for part in pad(graphs))


def _shuffle_atoms(graph, seed=1):
    """Number the atoms of a graph anew."""
    order = np.random.default_rng(seed).permutation(len(graph.neighbors))
    place = np.append(np.argsort(order), -1)  # of -1: -1
    return AtomGraph(graph.features[order], place[graph.neighbors[order]])


GRAPH_NETWORKS = {
    **{
        conv: (lambda conv=conv: _graphdrp(120, conv), "graphdrp")
        for conv in ("gin", "gcn", "gat", "gat_gcn")
    },
    "DRPreter": (lambda: _drpreter([[0, 1], [1, 2, 3]]), "drpreter"),
}


@pytest.mark.parametrize("name", GRAPH_NETWORKS)
@torch.no_grad()
def test_the_order_of_atoms_does_not_matter(name):
    make, kind = GRAPH_NETWORKS[name]
    network, graphs = _seeded(make), _graphs(kind)
    codes = network.encode_compounds(_pad(graphs))
    shuffled = network.encode_compounds(_pad([_shuffle_atoms(one) for one in graphs]))
    for part, other in zip(codes, shuffled, strict=True):
        torch.testing.assert_close(part, other, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(codes[0][0], codes[0][3], atol=1e-3)


@pytest.mark.parametrize("name", [*GRAPH_NETWORKS, "DeepCoVDR"])
@torch.no_grad()
def test_an_encoding_does_not_depend_on_the_other_compounds(name):
    make, kind = GRAPH_NETWORKS.get(name, (lambda: _deepcovdr(20, 1), "bonds"))
    network, graphs = _seeded(make), _graphs(kind)
    together = network.encode_compounds(_pad(graphs))[0]
    for i, graph in enumerate(graphs):
        alone = network.encode_compounds(_pad([graph]))[0]
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)


def test_batch_norm_weights_atoms_by_the_rows_of_their_compound():
    graphs = _graphs("drpreter")
    counts = torch.tensor([1, 3, 2, 1])
    repeated = [one for one, n in zip(graphs, counts, strict=True) for _ in range(n)]
    networks = [_seeded(lambda: _drpreter([[0]])).compound_tower for _ in range(2)]
    for network in networks:
        network.train()
        network.dropout.eval()
    with torch.no_grad():
        once = networks[0](_pad(graphs), counts)
        all_rows = networks[1](_pad(repeated), torch.ones(7, dtype=torch.int64))
    torch.testing.assert_close(
        once.repeat_interleave(counts, 0), all_rows, rtol=1e-3, atol=1e-4
    )


@torch.no_grad()
def test_graph_layers_agree_with_products_of_dense_matrices():
    features, neighbors, n_atoms = _pad(_graphs("graphdrp")[:1])
    atoms = pack_atoms(features, neighbors, n_atoms)
    n, x = int(n_atoms), features[0]
    bonds = torch.zeros(n, n + 1)
    bonds.scatter_(1, neighbors[0].where(neighbors[0] >= 0, n), 1.0)
    looped = bonds[:, :n] + torch.eye(n)

    gcn = _seeded(lambda: GCNLayer(78, 32))
    scale = looped.sum(1).rsqrt()
    expected = (scale[:, None] * looped * scale) @ gcn.dense(x) + gcn.bias
    torch.testing.assert_close(gcn(x, atoms), expected)

    gat = _seeded(lambda: GATLayer(78, 16, n_heads=3))
    heads = gat.dense(x).view(n, 3, 16).transpose(0, 1)  # (heads, atoms, width)
    target = (heads * gat.of_target[:, None]).sum(2, keepdim=True)
    source = (heads * gat.of_source[:, None]).sum(2)[:, None]
    scores = nn.functional.leaky_relu(target + source, 0.2)
    weights = scores.masked_fill(looped == 0, -torch.inf).softmax(2)
    expected = (weights @ heads).transpose(0, 1).flatten(1) + gat.bias
    torch.testing.assert_close(gat(x, atoms), expected)

    for pool, expected in (
        (sum_pool, x.sum(0)),
        (mean_pool, x.mean(0)),
        (max_pool, x.max(0).values),
    ):
        torch.testing.assert_close(pool(x, atoms)[0], expected)


@torch.no_grad()
def test_a_pair_layer_is_the_layer_on_the_concatenation():
    layer = _seeded(lambda: PairDense(5, 7, 3))
    cell, compound = _draw(4, 5), _draw(4, 7, seed=1)
    expected = nn.functional.linear(
        torch.cat([cell, compound], dim=1), layer.weight, layer.bias
    )
    actual = layer.cell_terms(cell) + layer.compound_terms(compound)
    torch.testing.assert_close(actual, expected)


@torch.no_grad()
def test_the_convolutions_are_those_of_the_textbook():
    tower = _seeded(lambda: _graphdrp(200)).cell_tower
    x = _draw(3, 200)
    expected = x[:, None]
    for layer in tower.layers:
        expected = nn.functional.max_pool1d(torch.relu(layer(expected)), 3)
    expected = tower.dense(expected.flatten(1))
    torch.testing.assert_close(tower(x), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_fusion_is_self_attention_over_pathways_and_drug():
    fusion = _seeded(lambda: _drpreter([[0], [1]])).fusion
    tokens, drug = _draw(3, 4, 256), _draw(3, 256, seed=1)
    x = torch.cat([tokens, drug[:, None]], dim=1)  # (rows, tokens, width)
    query, key, value = (
        layer(x).view(3, 5, 8, 64).transpose(1, 2)
        for layer in (fusion.query, fusion.key, fusion.value)
    )
    attended = nn.functional.scaled_dot_product_attention(query, key, value)
    x = fusion.first_norm(x + fusion.project(attended.transpose(1, 2).flatten(2)))
    x = fusion.second_norm(x + fusion.outer(torch.relu(fusion.inner(x))))
    of_cell = (tokens, *fusion.cell_terms(tokens))
    pathways, of_drug = fusion(of_cell, (drug, *fusion.compound_terms(drug)))
    torch.testing.assert_close(pathways, x[:, :4].sum(1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(of_drug, drug + x[:, 4], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_genes_of_a_pathway_only_attend_to_their_neighbors():
    network = _seeded(lambda: _drpreter([[0, 1, 2], [2, 3]], [(0, 1), (1, 0)]))
    layer, x = network.pathway_tower.layers[0], _draw(1, 5, 1)  # (1, nodes, cells)
    edges = network.pathway_tower.edges
    before = layer(x, edges)
    x[:, 0] += 1
    changed = (layer(x, edges) != before).any(dim=0)[:, 0]
    assert changed.tolist() == [True, True, False, False, False]
    cells = _draw(1, 4)
    before = network.encode_cells(cells)[0]
    cells[0, 2] += 1  # in both pathways
    assert (network.encode_cells(cells)[0] != before).any(dim=2).all()
    cells[0, 3] += 1  # in the second
    moved = network.encode_cells(cells)[0] != before
    assert moved.any(dim=2).all()


@torch.no_grad()
def test_attention_among_genes_agrees_with_products_of_dense_matrices():
    pathways = [[0], [1, 2, 3, 4], *[[0]] * 8]
    network = _seeded(lambda: _drpreter(pathways, [(2, 1), (3, 1), (4, 2)]))
    tower = network.pathway_tower
    edges, n = tower.edges, len(tower.genes)
    x = _draw(5)[tower.genes][:, None]  # (nodes, 1)
    linked = torch.zeros(n, n).index_put((edges[1], edges[0]), torch.tensor(1.0))
    for layer in tower.layers:
        x = layer.dense(x)  # (nodes, width)
        scores = x @ layer.of_target.T + (x @ layer.of_source.T).T
        scores = nn.functional.leaky_relu(scores, 0.2)
        weights = scores.masked_fill(linked == 0, -torch.inf).softmax(1)
        x = torch.relu(weights @ x + layer.bias)
    flat = torch.zeros(len(pathways), 4 * 8)
    for i, one in enumerate(pathways):
        first = sum(map(len, pathways[:i]))
        flat[i, : 8 * len(one)] = x[first : first + len(one)].flatten()
    expected = torch.relu(tower.second(torch.relu(tower.first(flat))))
    torch.testing.assert_close(tower(_draw(5)[None])[0], expected)


@torch.no_grad()
def test_transformer_layers_agree_with_torch_on_each_sequence():
    layer = _seeded(lambda: BertLayer(32, 4, 64, 0.1))
    lengths = torch.tensor([3, 1, 5])
    x = _draw(9, 32)
    actual = layer(x, Sequences(lengths))
    for one, out in zip(x.split([3, 1, 5]), actual.split([3, 1, 5]), strict=True):
        query, key, value = (
            part(one).view(len(one), 4, 8).transpose(0, 1)
            for part in (layer.query, layer.key, layer.value)
        )
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        last = layer.feed_forward
        y = last.first_norm(one + last.project(attended.transpose(0, 1).flatten(1)))
        y = last.second_norm(y + last.outer(torch.relu(last.inner(y))))
        torch.testing.assert_close(out, y, rtol=1e-4, atol=1e-5)
    first = layer(x, Sequences(lengths), first_only=True)
    torch.testing.assert_close(first, actual[[0, 3, 4]], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_cross_layer_is_attention_of_the_cell_on_atoms():
    network = _seeded(lambda: _deepcovdr(20, 1))
    layer = network.cross_layers[0]
    cell, atoms = _draw(1, 128), _draw(6, 128, seed=1)
    query, key, value = (
        part.view(-1, 8, 16).transpose(0, 1)
        for part in (layer.query(cell), layer.key(atoms), layer.value(atoms))
    )
    attended = nn.functional.scaled_dot_product_attention(query, key, value)
    expected = layer.feed_forward(atoms, attended.transpose(0, 1).flatten(1))
    sequences = Sequences(torch.tensor([6]))
    actual = layer(atoms, sequences, layer.cell_queries(cell))
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    first = layer(atoms, sequences, layer.cell_queries(cell), first_only=True)
    torch.testing.assert_close(first, expected[:1], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_messages_never_return_along_the_bond_they_came_by():
    messages = _seeded(lambda: _deepcovdr(20, 1)).messages
    atoms, incoming, n_atoms, bonds, begin, n_bonds = _pad([bond_graph("CO")])
    before = messages(atoms, incoming, n_atoms, bonds, begin, n_bonds)
    # With a single bond each atom gets what the other one sends at first, not more.
    start = messages.enter(torch.cat([atoms[0], bonds[0]], dim=1))
    gathered = torch.relu(start)[[1, 0]]
    expected = torch.relu(messages.leave(torch.cat([atoms[0], gathered], dim=1)))
    torch.testing.assert_close(before, expected, rtol=1e-4, atol=1e-5)


def test_pathways_only_learn_from_their_own_genes():
    members = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    for n_targets in (0, 1):
        network = _seeded(
            lambda n_targets=n_targets: PathDNNNetwork(
                members=members,
                n_targets=n_targets,
                n_bits=0 if n_targets else 3,
                widths=(8,),
                dropout=0.0,
            )
        )
        layer = network.first if n_targets else network.cell_tower.dense
        compounds, rows = (_draw(20, n_targets or 3),), torch.arange(20)
        tensors = PairTensors(_draw(20, 4 - n_targets), compounds, rows, rows)
        data = PairDataset(tensors, rows, torch.zeros(20, 1))
        network(data.batch(rows)[0]).sum().backward()
        assert (layer.weight.grad[members == 0] == 0).all()
        assert (layer.weight.grad[members == 1] != 0).any()
