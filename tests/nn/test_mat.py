"""The Molecule Attention Transformer against reference numbers and its own claims."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sklearn_csg2a.nn.layers import set_dropout_generator
from sklearn_csg2a.nn.mat import MAT, NodeHead, masked_mean, node_mask

PARITY_DIR = Path(__file__).resolve().parents[2].parent / "shared" / "parity"


def parity_file(name: str) -> Path:
    path = PARITY_DIR / name
    if not path.exists():
        pytest.skip(f"no reference file {name} in ../shared/parity")
    return path


def small_mat(**parameters: object) -> MAT:
    settings = {"d_model": 32, "n_layers": 2, "n_heads": 4, **parameters}
    settings.setdefault("generator", torch.Generator().manual_seed(0))
    return MAT(**settings)  # type: ignore[arg-type]


def chain_molecules(dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """Two chains of 3 and 2 atoms behind a dummy node, padded to 4 nodes."""
    features = torch.zeros(2, 4, 28, dtype=dtype)
    adjacency = torch.zeros(2, 4, 4, dtype=dtype)
    distance = torch.zeros(2, 4, 4, dtype=dtype)
    for b in range(2):
        size = 4 - b
        features[b, 0, 0] = 1
        distance[b, :size, :size] = 1e6
        for i in range(1, size):
            features[b, i, [1 + i + b, 12 + i, 20]] = 1
            for j in range(1, size):
                distance[b, i, j] = abs(i - j) * 1.4
                adjacency[b, i, j] = float(abs(i - j) <= 1)
    return features, node_mask(features), adjacency, distance


def pad(batch: tuple[Tensor, ...], extra: int, fill: float = 0.0) -> tuple[Tensor, ...]:
    """Append ``extra`` padded nodes; ``fill`` stands in the padded distances."""
    features, mask, adjacency, distance = batch
    return (
        nn.functional.pad(features, (0, 0, 0, extra)),
        nn.functional.pad(mask, (0, extra), value=False),
        nn.functional.pad(adjacency, (0, extra, 0, extra)),
        nn.functional.pad(distance, (0, extra, 0, extra), value=fill),
    )


def fill_with_sines(parameters: dict[str, nn.Parameter]) -> None:
    """Set 0.05 + 0.1 sin(0.37 i + 0.11 k), k the rank of the name, plus 1 for a_2."""
    with torch.no_grad():
        for k, name in enumerate(sorted(parameters)):
            parameter = parameters[name]
            i = torch.arange(parameter.numel(), dtype=torch.float64)
            values = 0.05 + 0.1 * torch.sin(0.37 * i + 0.11 * k)
            values += float(name.endswith("a_2"))
            parameter.copy_(values.view_as(parameter))


def test_forward_reproduces_reference_numbers_in_float64() -> None:
    mat = small_mat().double()
    head = NodeHead(32, n_outputs=1).double()
    named = dict(mat.named_parameters())
    named |= {f"generator.{name}": p for name, p in head.named_parameters()}
    assert len(named) == 34
    fill_with_sines(named)

    batch = chain_molecules()
    with torch.no_grad():
        encoded = mat(*batch)
        pooled = masked_mean(encoded, batch[1])
        output = head(pooled)

    def close(actual: Tensor, expected: object) -> None:
        np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=1e-12)

    close(
        encoded[0, 0, :4],
        [
            0.3431529330546823,
            0.20249428365761846,
            -0.8785077625114928,
            -1.2908780673658036,
        ],
    )
    close(
        encoded[1, 2, :4],
        [
            1.2989349985715464,
            1.3211562057985096,
            -0.110364195591775,
            -1.3841748175751716,
        ],
    )
    close(
        pooled[:, :4],
        [
            [
                1.0467151778839048,
                1.1005381929163547,
                -0.32387607852699385,
                -1.3248502050373963,
            ],
            [
                0.9984013671251016,
                0.9494017234664679,
                -0.3777415359438205,
                -1.342258471480614,
            ],
        ],
    )
    close(pooled.sum(dim=1), [1.552441323078254, 1.539769271979266])
    close(output[:, 0], [0.11907227707236379, 0.10940492503676628])


def test_pooled_output_equals_the_published_code() -> None:
    prefix = "weights/CSG2A.CCE.MAT."
    with np.load(parity_file("csg2a_reference_small.npz")) as arrays:
        config = json.loads(str(arrays["config"]))
        weights = {
            name.removeprefix(prefix): torch.from_numpy(arrays[name])
            for name in arrays.files
            if name.startswith(prefix)
        }
        features, adjacency, distance = (
            torch.from_numpy(arrays[f"inputs/{name}"])
            for name in ("node_features", "adjacency", "distance")
        )
        expected = arrays["outputs/mat_pooled"]

    mat = MAT(
        d_model=config["mat_d_model"],
        n_layers=config["mat_layers"],
        n_heads=config["mat_heads"],
    )
    mat.load_state_dict(weights, strict=True)
    mask = node_mask(features)
    with torch.no_grad():
        pooled = masked_mean(mat(features, mask, adjacency, distance), mask).numpy()
    assert np.abs(pooled - expected).max() < 1e-5 * np.abs(expected).max()


def test_names_and_shapes_equal_the_published_checkpoint() -> None:
    keys = json.loads(parity_file("checkpoint_keys.json").read_text())
    expected = {
        name.removeprefix("CCE.MAT."): tuple(shape)
        for name, shape in keys["perturbation_checkpoint"].items()
        if name.startswith("CCE.MAT.")
    }
    state = MAT().state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == expected


def test_default_configuration_has_the_published_size() -> None:
    with torch.device("meta"):
        mat = MAT()
        head = NodeHead(1024)
    assert sum(p.numel() for p in mat.parameters()) == 42_048_512
    assert len(mat.state_dict()) == 116
    assert [tuple(p.shape) for p in head.parameters()] == [(28, 1024), (28,)]


@pytest.mark.parametrize("fill", [0.0, 3.0])
def test_result_does_not_depend_on_padding(fill: float) -> None:
    mat = small_mat().double()
    batch = chain_molecules()
    wide = pad(batch, extra=5, fill=fill)
    with torch.no_grad():
        narrow_nodes, wide_nodes = mat(*batch), mat(*wide)
    real = batch[1]
    torch.testing.assert_close(wide_nodes[:, :4][real], narrow_nodes[real])
    torch.testing.assert_close(
        masked_mean(wide_nodes, wide[1]), masked_mean(narrow_nodes, real)
    )


def test_result_does_not_depend_on_the_other_molecules() -> None:
    mat = small_mat().double()
    batch = chain_molecules()
    with torch.no_grad():
        together = mat(*batch)
        alone = mat(*(part[1:] for part in batch))
    torch.testing.assert_close(together[1:], alone)


def test_explicit_mask_keeps_a_node_with_zero_features() -> None:
    mat = small_mat().double()
    features, mask, adjacency, distance = chain_molecules()
    features[0, 2] = 0
    derived = node_mask(features)
    assert not derived[0, 2]
    with torch.no_grad():
        kept = mat(features, mask, adjacency, distance)
        dropped = mat(features, derived, adjacency, distance)
    assert not torch.allclose(kept[0, 1], dropped[0, 1])
    torch.testing.assert_close(kept[1], dropped[1])


def test_dummy_node_counts_as_real_and_is_pooled() -> None:
    features, mask, _, _ = chain_molecules()
    assert mask.tolist() == [[True] * 4, [True] * 3 + [False]]
    encoded = torch.ones(2, 4, 1, dtype=features.dtype)
    encoded[:, 0] = 5.0
    expected = torch.tensor([[8 / 4], [7 / 3]], dtype=features.dtype)
    torch.testing.assert_close(masked_mean(encoded, mask), expected)


def test_a_molecule_without_nodes_has_a_zero_encoding() -> None:
    mat = small_mat()
    features = torch.zeros(1, 3, 28)
    square = torch.zeros(1, 3, 3)
    mask = node_mask(features)
    pooled = masked_mean(mat(features, mask, square, square), mask)
    assert torch.equal(pooled, torch.zeros(1, 32))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_output_keeps_the_dtype_of_the_model(dtype: torch.dtype) -> None:
    mat = small_mat().to(dtype)
    features, mask, adjacency, distance = chain_molecules(dtype)
    encoded = mat(features, mask, adjacency, distance)
    assert encoded.dtype == dtype
    assert torch.isfinite(encoded).all()


def test_every_parameter_gets_a_finite_gradient() -> None:
    mat = small_mat(n_dense=2)
    batch = chain_molecules(torch.float32)
    weights = torch.randn(2, 32, generator=torch.Generator().manual_seed(1))
    (masked_mean(mat(*batch), batch[1]) * weights).sum().backward()
    for name, parameter in mat.named_parameters():
        gradient = parameter.grad
        assert gradient is not None, name
        assert torch.isfinite(gradient).all(), name
        # a key bias shifts all scores of a query alike, which softmax ignores
        if not name.endswith("linears.1.bias") or "self_attn" not in name:
            assert gradient.abs().sum() > 0, name


def test_gradient_of_node_features_equals_finite_differences() -> None:
    mat = small_mat(d_model=8, n_heads=2).double()
    features, mask, adjacency, distance = chain_molecules()

    def encode(values: Tensor) -> Tensor:
        return masked_mean(mat(values, mask, adjacency, distance), mask)

    assert torch.autograd.gradcheck(encode, features.requires_grad_(), fast_mode=True)


def test_dropout_acts_in_training_only() -> None:
    mat = small_mat(dropout=0.5)
    batch = chain_molecules(torch.float32)
    set_dropout_generator(mat, torch.Generator().manual_seed(0))
    with torch.no_grad():
        mat.train()
        assert not torch.equal(mat(*batch), mat(*batch))
        mat.eval()
        assert torch.equal(mat(*batch), mat(*batch))


def test_without_dropout_training_mode_changes_nothing() -> None:
    mat = small_mat()
    batch = chain_molecules(torch.float32)
    with torch.no_grad():
        assert torch.equal(mat.train()(*batch), mat.eval()(*batch))


def test_initialization_repeats_with_its_generator_and_spares_the_global_one() -> None:
    before = torch.get_rng_state()
    first, again, other = (
        small_mat(generator=torch.Generator().manual_seed(seed)).state_dict()
        for seed in (3, 3, 4)
    )
    unseeded = [small_mat(generator=None).src_embed.lut.weight for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["src_embed.lut.weight"], other["src_embed.lut.weight"])
    assert not torch.equal(*unseeded)


def test_initial_weights_follow_the_xavier_bound() -> None:
    mat = small_mat(d_model=64)
    for name, parameter in mat.named_parameters():
        if parameter.ndim == 2:
            bound = (6 / sum(parameter.shape)) ** 0.5
            assert 0.9 * bound < parameter.abs().max() <= bound, name
    layers = mat.encoder.layers
    first, second = (layer.feed_forward.linears[0].weight for layer in layers)
    assert not torch.equal(first, second)


def test_head_count_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="d_model=30 and n_heads=4"):
        MAT(d_model=30, n_heads=4)


def test_mask_must_be_boolean() -> None:
    features, mask, adjacency, distance = chain_molecules(torch.float32)
    with pytest.raises(ValueError, match="mask must be boolean"):
        small_mat()(features, mask.float(), adjacency, distance)
