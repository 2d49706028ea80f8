"""The response head: what it computes once per entity, and its bilinear term."""

from __future__ import annotations

import pytest
import torch

from sklearn_csg2a.nn import CSG2A, ResponseHead, ResponseNetwork, TreatmentBatch
from sklearn_csg2a.nn import set_dropout_generator as give_generator

N_GENES = 6


def _batch(n_rows=12):
    generator = torch.Generator().manual_seed(0)
    cell_index = torch.randint(3, (n_rows,), generator=generator)
    condition_index = torch.randint(2, (n_rows,), generator=generator)
    basal = torch.randn(3, N_GENES, generator=generator)
    return TreatmentBatch(
        basal=basal,
        interactome_term=basal.clone(),
        compound=torch.randn(2, 4, generator=generator),
        dose=torch.tensor([10.0, 1.0]),
        time=torch.tensor([72.0, 24.0]),
        cell_counts=torch.bincount(cell_index, minlength=3),
        condition_counts=torch.bincount(condition_index, minlength=2),
        cell_index=cell_index,
        condition_index=condition_index,
        encoded_conditions=None,
    )


def _network(**settings):
    diagonal = torch.arange(N_GENES)
    interactome = diagonal, diagonal, torch.ones(N_GENES)
    csg2a = CSG2A(N_GENES, N_GENES, 4, interactome, hidden_dim=3)
    network = ResponseNetwork(csg2a, (8, 4), 0.0, freeze=False, **settings)
    give_generator(network, torch.Generator().manual_seed(0))
    return network


@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("bilinear_dim", [0, 5])
def test_first_predictions_are_the_mean_of_y(bilinear_dim):
    network = _network(bilinear_dim=bilinear_dim).eval()
    assert torch.equal(network(_batch()), torch.zeros(12, 1))


@pytest.mark.changes_global_random_state
def test_bilinear_term_is_a_linear_model_of_expression_per_condition():
    network = _network(bilinear_dim=5).eval()
    head, batch = network.head, _batch()
    with torch.no_grad():
        head.condition_factors.weight.normal_()
        conditions = network.csg2a.encode_conditions(batch)
        per_gene = conditions @ head.condition_factors.weight.T
        per_gene = per_gene @ head.cell_factors.weight  # (conditions, genes)
        basal = batch.basal[batch.cell_index]
        expected = (per_gene[batch.condition_index] * basal).sum(1, keepdim=True)
        torch.testing.assert_close(network(batch), expected)


@pytest.mark.changes_global_random_state
def test_projection_of_many_rows_equals_that_of_few_and_so_do_its_gradients():
    network = _network().double()
    output = network.csg2a.output.weight
    activated = torch.randn(20, N_GENES, dtype=torch.float64)  # more than the width, 8
    parameters = [output, network.head.perturbed.dense.weight]
    together = network.head.project(activated, output)
    apart = torch.cat(
        [network.head.project(rows, output) for rows in activated[:, None]]
    )
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(
        torch.autograd.grad(together.sin().sum(), parameters),
        torch.autograd.grad(apart.sin().sum(), parameters),
    )


@pytest.mark.changes_global_random_state
def test_head_without_a_bilinear_term_has_the_published_parameters():
    names = {name for name, _ in ResponseHead(N_GENES, N_GENES).named_parameters()}
    assert not any("factors" in name for name in names)


@pytest.mark.changes_global_random_state
def test_genes_are_only_hidden_in_training():
    network = _network(gene_dropout=0.9)
    batch = _batch()
    hidden = network.train().csg2a.hide_genes(batch, network.gene_dropout)
    assert (hidden.basal == 0).float().mean() > 0.5
    torch.testing.assert_close(
        hidden.interactome_term,
        network.csg2a.attention.interactome_term(hidden.basal),
    )
    shown = network.eval().csg2a.hide_genes(batch, network.gene_dropout)
    assert shown.basal is batch.basal


@pytest.mark.changes_global_random_state
def test_absent_entities_do_not_change_the_statistics_of_a_batch():
    network = _network().train()
    batch = _batch()
    present = network(batch)
    statistics = network.head.basal.norm.running_mean.clone()
    padded = _batch()
    padded.basal = torch.cat([batch.basal, torch.full((1, N_GENES), 1e3)])
    padded.interactome_term = padded.basal.clone()
    padded.cell_counts = torch.cat([batch.cell_counts, torch.zeros(1, dtype=int)])
    other = _network().train()
    other.load_state_dict(network.state_dict())
    other.head.basal.norm.running_mean.zero_()
    torch.testing.assert_close(other(padded), present)
    torch.testing.assert_close(other.head.basal.norm.running_mean, statistics)
