"""EnsembleMF: members that share their products and nothing else."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_csg2a import load_model, save_model
from sklearn_csg2a.baselines import EnsembleMF
from sklearn_csg2a.baselines.ensemblemf.data import MemberDataset
from sklearn_csg2a.baselines.ensemblemf.network import EnsembleMFNetwork
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.training.device import seeded_initialisation

SIZES = {
    "n_genes": 7,
    "n_bits": 16,
    "n_known": 3,
    "width": 6,
    "n_factors": 4,
    "dropout": 0.0,
}


@pytest.fixture(autouse=True)
def _seeded():
    """Torch draws from a seed, and its global state is restored."""
    with seeded_initialisation(0):
        yield


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=12, n_compounds=9, n_genes=24, random_state=0)


def _fit(screen, **settings):
    given = {"n_members": 4, "max_epochs": 3, "batch_size": 32, "random_state": 0}
    model = EnsembleMF(expression=screen.expression, **{**given, **settings})
    return model.fit(screen.X, screen.y)


@pytest.fixture(scope="module")
def fitted(screen):
    return _fit(screen)


def test_the_prediction_is_the_mean_of_members_that_differ(fitted, screen):
    members = fitted.predict_members(screen.X)
    assert members.shape == (len(screen.X), 4)
    np.testing.assert_allclose(members.mean(axis=1), fitted.predict(screen.X))
    assert (members.std(axis=1) > 0).all()


def test_members_are_nan_where_a_compound_is_invalid(fitted, screen):
    X = screen.X.copy()
    X.iloc[3, X.columns.get_loc("smiles")] = "C1CC"
    model = copy.copy(fitted).set_params(on_invalid_smiles="nan")
    members = model.predict_members(X)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(members).all(axis=1)), [3])
    assert np.isnan(members).sum() == 4


def test_a_known_compound_has_a_vector_of_its_own_and_a_new_one_has_none():
    network = EnsembleMFNetwork(n_members=2, **SIZES).eval()
    bits, number = torch.ones(4, 16), torch.tensor([0, 1, 2, 0])
    factors = network.encode_compounds((bits, number))[0]  # (compounds, members, ...)
    assert torch.equal(factors[0], factors[3])
    torch.testing.assert_close(factors[1] - factors[0], network.embedding[:, 0])
    torch.testing.assert_close(factors[2] - factors[0], network.embedding[:, 1])


def test_the_vectors_of_compounds_begin_near_zero():
    sizes = {**SIZES, "n_known": 200, "n_factors": 50}
    embedding = EnsembleMFNetwork(n_members=1, **sizes).embedding
    assert embedding.std().item() == pytest.approx(0.01, rel=0.05)


def test_expression_is_ranked_among_the_training_cells(screen):
    fitted = _fit(screen, n_members=1, early_stopping=False)
    cells = screen.expression.loc[screen.X["cell_line"].unique()]

    def inputs(expression):
        X = screen.X.drop_duplicates("cell_line")
        fitted.set_params(expression=expression)
        return fitted._cell_inputs(fitted._read_for_predict(X))

    of_training = inputs(screen.expression)
    ranks = cells.rank().to_numpy()
    expected = (ranks - ranks.mean(0)) / ranks.std(0)
    np.testing.assert_allclose(of_training, expected, atol=1e-5)
    # another table: one cell above all, the others as they were
    changed = screen.expression.copy()
    changed.loc[cells.index[0]] = changed.max() + 1
    new = inputs(changed)
    np.testing.assert_array_equal(new[1:], of_training[1:])
    np.testing.assert_array_less(of_training.max(0), new[0])
    changed.loc[cells.index[0]] += 100  # no further than above all
    np.testing.assert_array_equal(inputs(changed), new)


def test_a_salt_of_a_known_compound_and_a_new_one_are_predicted(fitted, screen):
    X = screen.X.head(2).assign(smiles=["CC(Br)C[Si](C)(C)C#N", "O=C=O"])
    assert np.isfinite(fitted.predict_members(X)).all()


def _tower(tower, member, x):
    """Compute a tower of a member, layer by layer."""

    def apply(layer, x):
        return x @ layer.weight[member] + layer.bias[member, 0]

    hidden = torch.relu(apply(tower.first, x))
    change = torch.nn.functional.layer_norm(
        apply(tower.block, hidden),
        hidden.shape[-1:],
        tower.norm_weight[member, 0],
        tower.norm_bias[member, 0],
    )
    joined = hidden + torch.relu(change)
    return apply(tower.last, joined) + apply(tower.skip, hidden)


def test_each_member_equals_the_published_network_with_its_weights():
    network = EnsembleMFNetwork(n_members=3, **SIZES).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight)
    cells, bits = torch.randn(5, 7), torch.randint(2, (4, 16)).float()
    number = torch.tensor([0, 1, 2, 3])
    cell, compound = torch.arange(20) // 4, torch.arange(20) % 4
    together = network.combine(
        network.encode_cells(cells),
        network.encode_compounds((bits, number)),
        cell,
        compound,
    )
    head = network.head
    for member in range(3):
        of_cell = _tower(network.cell_tower, member, cells)[cell]
        embedded = torch.cat([torch.zeros(1, 4), network.embedding[member]])
        of_compound = _tower(network.compound_tower, member, bits) + embedded[number]
        of_compound = of_compound[compound]
        product = of_cell * of_compound
        first = torch.cat(
            [part[member] for part in (head.of_cell, head.of_compound, head.of_product)]
        )
        joined = torch.cat([of_cell, of_compound, product], dim=1)
        hidden = torch.relu(joined @ first + head.bias[member])
        alone = (
            head.scale[member] * product.sum(1)
            + of_cell @ head.cell_effect[member, 0]
            + of_compound @ head.compound_effect[member, 0]
            + head.constant[member]
            + hidden @ head.last[member, 0]
        )
        torch.testing.assert_close(together[:, member], alone)


def test_the_first_members_start_alike_whatever_their_number():
    def start(n_members):
        with seeded_initialisation(0):
            return EnsembleMFNetwork(n_members=n_members, **SIZES)

    few, many = start(2), start(5)
    for one, other in zip(few.parameters(), many.parameters(), strict=True):
        assert torch.equal(one, other[:2])


def test_every_member_sees_each_row_once_in_an_order_of_its_own(fitted, screen):
    tensors = fitted._tensors(fitted._read_for_predict(screen.X), torch.device("cpu"))
    n_rows = len(screen.X)
    target = torch.arange(n_rows).float()[:, None]
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    data = MemberDataset(
        tensors, torch.arange(n_rows), target, generators=generators, rows_of_block=30
    )
    order = data.order()
    assert order.shape == (n_rows, 3)
    assert torch.equal(order.sort(0).values, torch.arange(n_rows)[:, None].repeat(1, 3))
    assert not torch.equal(order[:, 0], order[:, 1])
    batch, values = data.batch(order[:25])
    member = torch.arange(3)[:, None]
    rows = values.T.long()  # the target is the row
    cells = batch.cells[member, batch.cell_index]
    assert torch.equal(cells, tensors.cells[tensors.cell_index[rows]])
    bits = batch.compounds[0][member, batch.compound_index]
    assert torch.equal(bits, tensors.compounds[0][tensors.compound_index[rows]])


def test_a_saved_model_predicts_alike_by_each_member(fitted, screen, tmp_path):
    save_model(fitted, tmp_path / "model.csg2a")
    restored = load_model(tmp_path / "model.csg2a")
    restored.set_params(expression=screen.expression)
    np.testing.assert_array_equal(
        restored.predict_members(screen.X), fitted.predict_members(screen.X)
    )


def test_one_member_is_a_model_too(screen):
    model = _fit(screen, n_members=1, batching="blocks", n_bits=64)
    members = model.predict_members(screen.X)
    np.testing.assert_array_equal(members[:, 0], model.predict(screen.X))


def test_a_plain_table_has_factors_without_compounds():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 5)))
    model = EnsembleMF(n_members=2, max_epochs=1, random_state=0)
    model.fit(X.to_numpy(), X[0])
    assert model.predict_members(X.to_numpy()).shape == (30, 2)
