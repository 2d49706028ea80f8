"""The plain implementation that benchmarks compare with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_csg2a.nn.mat import MAT, masked_mean, node_mask

textbook = pytest.importorskip(
    "benchmarks.speed.textbook", reason="the benchmarks folder is not importable"
)

# The plain networks draw from torch's global generator, as textbooks do.
pytestmark = pytest.mark.changes_global_random_state

PARITY_DIR = Path(__file__).resolve().parents[2].parent / "shared" / "parity"
TINY = textbook.Sizes(
    n_genes=6,
    hidden_dim=3,
    batch_size=4,
    n_atoms=5,
    mat_width=16,
    mat_layers=1,
    mat_heads=2,
    head_hidden=(8, 4),
)


@pytest.mark.parametrize("form", ["paper", "released"])
def test_finetune_step_moves_head_and_scaling_only(form: str) -> None:
    model, optimizer, batch, response = textbook.setup_finetuning(TINY, form=form)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss = textbook.finetune_step(model, optimizer, batch, response)
    assert np.isfinite(loss)
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert {"scalar", "bias", "pred_head.8.weight"} <= moved
    assert not any(name.startswith("CSG2A.") for name in moved)


def test_pretrain_step_moves_the_transformer_too() -> None:
    model, optimizer, batch, target = textbook.setup_pretraining(TINY)
    before = model.CCE.MAT.src_embed["lut"].weight.detach().clone()
    assert np.isfinite(textbook.pretrain_step(model, optimizer, batch, target))
    assert not torch.equal(model.CCE.MAT.src_embed["lut"].weight, before)
    predicted, condition = model(batch)
    assert predicted.shape == condition.shape == target.shape == (4, 6)


def test_setup_spares_the_global_random_state() -> None:
    before = torch.get_rng_state()
    textbook.setup_finetuning(TINY)
    assert torch.equal(torch.get_rng_state(), before)


def test_transformer_equals_the_one_of_the_package() -> None:
    batch = textbook.random_batch(TINY)
    ours = MAT(d_model=16, n_layers=1, n_heads=2)
    plain = textbook.MAT(TINY)
    plain.load_state_dict(ours.state_dict(), strict=True)
    mask = node_mask(batch.node_features)
    with torch.no_grad():
        pooled = masked_mean(ours(*batch[:1], mask, *batch[1:3]), mask)
        torch.testing.assert_close(plain(*batch[:3]), pooled)


def test_networks_equal_the_published_code() -> None:
    path = PARITY_DIR / "csg2a_reference_small.npz"
    if not path.exists():
        pytest.skip(f"no reference file {path.name} in ../shared/parity")
    with np.load(path) as file:
        config = json.loads(str(file["config"]))
        arrays = {
            name: torch.from_numpy(file[name])
            for name in file.files
            if file[name].dtype.kind in "fi"
        }
    sizes = textbook.Sizes(
        n_genes=config["n_genes"],
        hidden_dim=config["hidden_dim"],
        mat_width=config["mat_d_model"],
        mat_layers=config["mat_layers"],
        mat_heads=config["mat_heads"],
        head_hidden=tuple(config["head_hidden"]),
    )
    interactome = arrays["inputs/interactome"]
    model = textbook.Response(sizes, interactome, "released").eval()
    weights = {
        name.removeprefix("weights/"): array
        for name, array in arrays.items()
        if name.startswith("weights/")
    }
    model.load_state_dict(weights, strict=True)
    fields = ("node_features", "adjacency", "distance", "basal_expression")
    batch = textbook.Batch(
        *(arrays[f"inputs/{name}"] for name in fields),
        dose=arrays["inputs/dose_scaled"],
        time=arrays["inputs/time_scaled"],
    )

    def close(actual: torch.Tensor, name: str) -> None:
        expected = arrays[f"outputs/{name}"]
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)

    g, net = batch.basal_expression, model.CSG2A
    with torch.no_grad():
        perturbed, condition = net(batch)
        attention = textbook.attention_matrix(
            g, condition, net.w_gex, net.w_comp, interactome
        )
        close(condition, "chemical_condition")
        close(attention, "attention_weights")
        close(perturbed, "perturbed_gate")
        close(model(batch), "response")
        net.form = "paper"
        close(net(batch)[0], "perturbed_propagate")


@pytest.mark.parametrize("form", ["paper", "released"])
def test_check_perturbation_accepts_equal_numbers_only(form: str) -> None:
    rng = torch.Generator().manual_seed(0)
    shapes = [(4, 6), (4, 6), (6, 3), (6, 3), (6, 6)]
    inputs = [torch.rand(s, generator=rng, dtype=torch.float64) for s in shapes]
    g, d, w_gene, w_comp, interactome = inputs
    q_sum = g @ w_gene + d @ w_comp  # (batch, hidden)
    if form == "released":
        row_sum = g * (q_sum @ w_gene.T) + d * (q_sum @ w_comp.T)
        factorized = g * (row_sum / 3**0.5 + interactome.sum(dim=1))
    else:
        s = (g * g) @ w_gene + (g * d) @ w_comp  # (batch, hidden)
        mixed = g * (s @ w_gene.T) + d * (s @ w_comp.T)
        factorized = mixed / 3**0.5 + g @ interactome.T
    textbook.check_perturbation(factorized, inputs, form=form)
    with pytest.raises(AssertionError):
        textbook.check_perturbation(factorized + 1e-6, inputs, form=form)
