"""Checkpoints of the published code: every name and shape is accounted for."""

from __future__ import annotations

import json
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.exceptions import GeneMismatchError, InputError, ModelFileError
from sklearn_csg2a.persistence import load_model, load_published, save_model

KEYS = (
    Path(__file__).resolve().parents[3] / "shared" / "parity" / "checkpoint_keys.json"
)
GENES = [f"G{i}" for i in range(6)]
SMILES = ["CCO", "c1ccccc1O", "CC(=O)O"]


def _batch_norm(name, width):
    leaves = ("weight", "bias", "running_mean", "running_var")
    return {
        **{f"{name}.{leaf}": (width,) for leaf in leaves},
        f"{name}.num_batches_tracked": (),
    }


def _dense(name, n_inputs, n_outputs):
    return {f"{name}.weight": (n_outputs, n_inputs), f"{name}.bias": (n_outputs,)}


def _mat_shapes(width, n_layers):
    shapes = _dense("src_embed.lut", 28, width)
    shapes |= {"encoder.norm.a_2": (width,), "encoder.norm.b_2": (width,)}
    for layer in (f"encoder.layers.{i}" for i in range(n_layers)):
        for i in range(4):
            shapes |= _dense(f"{layer}.self_attn.linears.{i}", width, width)
        shapes |= _dense(f"{layer}.feed_forward.linears.0", width, width)
        for i, leaf in ((0, "a_2"), (0, "b_2"), (1, "a_2"), (1, "b_2")):
            shapes[f"{layer}.sublayer.{i}.norm.{leaf}"] = (width,)
    return shapes


def _perturbation_shapes(n_genes=6, hidden=3, width=64, n_layers=1):
    mat = _mat_shapes(width, n_layers)
    return {
        "w_gex": (n_genes, hidden),
        "w_comp": (n_genes, hidden),
        "CCE.comp_proj.0.weight": (n_genes, width + 4),
        **_batch_norm("CCE.comp_proj.1", n_genes),
        **_dense("CCE.time_enc", 1, 2),
        **_dense("CCE.dose_enc", 1, 2),
        **{f"CCE.MAT.{name}": shape for name, shape in mat.items()},
        "feed_forward.0.weight": (n_genes,),
        "feed_forward.0.bias": (n_genes,),
        "feed_forward.3.weight": (n_genes, n_genes),
    }


def _head_shapes(n_genes=6, widths=(8, 4)):
    first, second = widths
    shapes = {"scalar": (1,), "bias": (1,)}
    for name in ("agex_proj", "bgex_proj", "comp_proj"):
        shapes |= _dense(f"{name}.0", n_genes, first) | _batch_norm(f"{name}.1", first)
    shapes |= _dense("pred_head.0", 3 * first, first)
    shapes |= _batch_norm("pred_head.1", first)
    shapes |= _dense("pred_head.4", first, second)
    shapes |= _batch_norm("pred_head.5", second)
    return shapes | _dense("pred_head.8", second, 1)


def _random_state(shapes, seed=0):
    rng = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            state[name] = torch.rand(shape, generator=rng) + 0.5
        else:
            fan = shape[-1] if len(shape) > 1 else 4
            state[name] = torch.randn(shape, generator=rng) / fan**0.5
    return state


@pytest.fixture(scope="module")
def perturbation_state():
    return _random_state(_perturbation_shapes())


@pytest.fixture(scope="module")
def response_state(perturbation_state):
    inner = {f"CSG2A.{name}": one for name, one in perturbation_state.items()}
    return inner | _random_state(_head_shapes(), seed=1)


@pytest.fixture
def checkpoint(tmp_path):
    def checkpoint(state):
        torch.save(state, tmp_path / "published.pt")
        return tmp_path / "published.pt"

    return checkpoint


@pytest.fixture(scope="module")
def screen():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(3, 6)), columns=GENES)
    return table.assign(smiles=SMILES)


def test_perturbation_checkpoint_gives_a_fitted_model(
    checkpoint, perturbation_state, screen
):
    model = load_published(checkpoint(perturbation_state), genes=GENES)
    assert isinstance(model, PerturbationRegressor)
    assert model.predict(screen).shape == (3, 6)
    assert list(model.genes_) == GENES
    assert model.get_params()["attention"] == "released"
    assert (model.hidden_dim, model.default_dose, model.default_time) == (3, 10, 72)
    _same_numbers(
        model.net_.module_.output.weight, perturbation_state, "feed_forward.3.weight"
    )


def _same_numbers(tensor, state, name):
    assert torch.equal(tensor, state[name]), name


def test_fine_tuned_checkpoint_gives_a_fitted_response_model(
    checkpoint, response_state, screen
):
    model = load_published(checkpoint(response_state), genes=GENES)
    assert isinstance(model, DrugResponseRegressor)
    assert np.isfinite(model.predict(screen)).all()
    assert model.head_hidden == (8, 4)
    head = model.net_.module_.head
    _same_numbers(head.first.weight, response_state, "pred_head.0.weight")
    _same_numbers(
        head.hidden[0].norm.running_var, response_state, "pred_head.5.running_var"
    )


def test_scaling_is_the_published_shift_and_factor(checkpoint, response_state):
    model = load_published(checkpoint(response_state), genes=GENES)
    g = torch.tensor([[0.5, -1.0, 0.0, 2.0, 1.0, 3.0]])
    published = (g + response_state["bias"]) * response_state["scalar"]
    with torch.no_grad():
        torch.testing.assert_close(model.net_.module_.scaling(g), published)


def test_safetensors_give_the_same_model(
    checkpoint, perturbation_state, screen, tmp_path
):
    path = tmp_path / "published.safetensors"
    save_file(perturbation_state, path)
    expected = load_published(checkpoint(perturbation_state), genes=GENES)
    actual = load_published(path, genes=GENES)
    np.testing.assert_array_equal(actual.predict(screen), expected.predict(screen))


def test_a_checkpoint_in_half_precision_gives_its_rounded_weights(
    checkpoint, response_state, screen
):
    short = {
        name: tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor
        for name, tensor in response_state.items()
    }
    rounded = {name: tensor.to(torch.float32) for name, tensor in short.items()}
    found, expected = (
        load_published(checkpoint(state), genes=GENES).predict(screen)
        for state in (short, rounded)
    )
    np.testing.assert_array_equal(found, expected)


def test_number_of_heads_changes_the_encoding(checkpoint, perturbation_state, screen):
    path = checkpoint(perturbation_state)
    one, four = (load_published(path, genes=GENES, n_heads=n) for n in (None, 4))
    assert one.encoder_.n_heads == 1
    assert (one.predict(screen) != four.predict(screen)).any()


def test_interactome_acts_on_the_prediction(checkpoint, perturbation_state, screen):
    path = checkpoint(perturbation_state)
    edges = pd.DataFrame({"source": ["G0"], "target": ["G1"]})
    without = load_published(path, genes=GENES)
    with_edges = load_published(path, genes=GENES, interactome=edges)
    assert (without.predict(screen) != with_edges.predict(screen)).any()
    assert with_edges.attention_maps(screen).loc["G0", "G1"] == pytest.approx(
        without.attention_maps(screen).loc["G0", "G1"] + 1, abs=1e-6
    )


def test_model_file_holds_the_transformer_too(
    checkpoint, response_state, screen, tmp_path
):
    path = checkpoint(response_state)
    model = load_published(path, genes=GENES)
    expected = model.predict(screen)
    save_model(model, tmp_path / "model.csg2a")
    path.unlink()
    loaded = load_model(tmp_path / "model.csg2a")
    np.testing.assert_array_equal(loaded.predict(screen), expected)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict(screen), expected
    )
    assert loaded.compound_encoder.weights == model.compound_encoder.weights


def test_fine_tuning_can_be_repeated_on_other_data(checkpoint, response_state, screen):
    model = load_published(checkpoint(response_state), genes=GENES)
    again = clone(model).set_params(max_epochs=1, random_state=0, early_stopping=False)
    rows = screen.iloc[np.arange(12) % 3].reset_index(drop=True)
    again.fit(rows, np.arange(12.0))
    published, ours = (one.net_.module_.csg2a.state_dict() for one in (model, again))
    assert all(torch.equal(published[name], ours[name]) for name in published)


# --- what is not a checkpoint of the published code ----------------------------------


def test_missing_and_unexpected_names_are_listed_and_counted(
    checkpoint, perturbation_state
):
    state = dict(perturbation_state)
    for name in [name for name in state if name.startswith("CCE.comp_proj.1")]:
        state[f"x.{name}"] = state.pop(name)
    del state["feed_forward.0.bias"], state["CCE.time_enc.bias"]
    with pytest.raises(
        ModelFileError,
        match=r"6 tensors are missing \(.*and 1 more\) and 4 are unexpected \(x\.CCE",
    ):
        load_published(checkpoint(state), genes=GENES)


@pytest.mark.parametrize("name", ["scalar", "pred_head.8.bias", "bgex_proj.1.weight"])
def test_a_missing_tensor_of_the_head_is_named(checkpoint, response_state, name):
    state = {key: one for key, one in response_state.items() if key != name}
    with pytest.raises(ModelFileError, match=rf"1 tensors are missing \({name}\)"):
        load_published(checkpoint(state), genes=GENES)


def test_a_wrong_shape_is_named(checkpoint, perturbation_state):
    state = perturbation_state | {"w_comp": torch.zeros(6, 4)}
    with pytest.raises(ModelFileError, match=r"w_comp \(6, 4\), expected \(6, 3\)"):
        load_published(checkpoint(state), genes=GENES)


def test_a_missing_tensor_of_the_transformer_is_named(checkpoint, perturbation_state):
    name = "CCE.MAT.encoder.norm.b_2"
    state = {key: one for key, one in perturbation_state.items() if key != name}
    with pytest.raises(ModelFileError, match=r"prefix 'CCE\.MAT\.'.*norm\.b_2"):
        load_published(checkpoint(state), genes=GENES)


def test_a_transformer_of_another_width_is_refused(checkpoint, perturbation_state):
    state = perturbation_state | {"CCE.comp_proj.0.weight": torch.zeros(6, 40)}
    with pytest.raises(ModelFileError, match=r"gives 64 values.*takes 36"):
        load_published(checkpoint(state), genes=GENES)


def test_values_that_are_no_numbers_are_refused(checkpoint, perturbation_state):
    state = perturbation_state | {"w_comp": torch.full((6, 3), torch.nan)}
    with pytest.raises(ModelFileError, match="NaN or infinity in w_comp"):
        load_published(checkpoint(state), genes=GENES)


def test_another_number_of_genes_is_refused(checkpoint, perturbation_state):
    path = checkpoint(perturbation_state)
    with pytest.raises(GeneMismatchError, match="trained on 6 genes, genes has 5"):
        load_published(path, genes=GENES[:5])
    with pytest.raises(InputError, match="G0 occur more than once"):
        load_published(path, genes=["G0", "G0", *GENES[2:]])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(6, 3).to_sparse(),
        torch.zeros(6, 3, device="meta"),
        torch.zeros(6, 3, dtype=torch.complex64),
        torch.zeros(1, 1).expand(10**9, 3),
    ],
    ids=["sparse", "without numbers", "complex", "one number for all"],
)
def test_tensors_of_other_kinds_are_named(checkpoint, perturbation_state, tensor):
    state = perturbation_state | {"w_comp": tensor}
    with pytest.raises(ModelFileError, match="w_comp are not dense tensors of real"):
        load_published(checkpoint(state), genes=GENES)


@pytest.mark.parametrize(
    "content", [{}, {"weight": torch.zeros(3)}, {"w_gex": torch.tensor(3.0)}, [1]]
)
def test_other_contents_are_refused(checkpoint, content):
    with pytest.raises(ModelFileError):
        load_published(checkpoint(content), genes=GENES)


class _Payload:
    def __init__(self, canary):
        self.canary = str(canary)

    def __reduce__(self):
        return os.mkdir, (self.canary,)


def test_P37_code_in_a_checkpoint_is_refused_and_not_run(checkpoint, tmp_path):
    path = checkpoint({"w_gex": _Payload(tmp_path / "canary")})
    with pytest.raises(ModelFileError, match="cannot be read as weights"):
        load_published(path, genes=GENES)
    assert not (tmp_path / "canary").exists()


# --- the full size -------------------------------------------------------------------


def _published_shapes():
    if not KEYS.exists():
        pytest.skip(f"no list of names {KEYS.name} in ../shared/parity")
    return json.loads(KEYS.read_text())


def test_names_and_shapes_here_are_those_of_the_published_files():
    published = _published_shapes()
    ours = {
        "perturbation_checkpoint": _perturbation_shapes(978, 64, 1024, 8),
        "response_checkpoint_extra": _head_shapes(978, (512, 64)),
    }
    for part, shapes in ours.items():
        assert {name: list(shape) for name, shape in shapes.items()} == published[part]


@pytest.mark.slow
def test_a_checkpoint_of_full_size_loads_and_predicts(checkpoint):
    shapes = _perturbation_shapes(978, 64, 1024, 8)
    state = _random_state(shapes)
    assert sum(one.numel() for one in state.values()) > 44_000_000
    inner = {f"CSG2A.{name}": one for name, one in state.items()}
    path = checkpoint(inner | _random_state(_head_shapes(978, (512, 64)), seed=1))
    genes = [f"G{i}" for i in range(978)]
    start = time.perf_counter()
    model = load_published(path, genes=genes)
    assert time.perf_counter() - start < 60
    assert model.encoder_.n_heads == 16
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(2, 978)), columns=genes)
    values = model.predict(table.assign(smiles=SMILES[:2]))
    assert np.isfinite(values).all()
