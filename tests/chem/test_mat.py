from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.utils import get_tags

from sklearn_csg2a.chem import molecule_graphs
from sklearn_csg2a.chem._cache import MemoryCache
from sklearn_csg2a.chem._conformers import _MEMORY
from sklearn_csg2a.encoders import MATEncoder, encode_compounds
from sklearn_csg2a.exceptions import (
    InputError,
    InvalidSmilesError,
    ModelFileError,
    UnsupportedElementWarning,
)
from sklearn_csg2a.nn.mat import MAT

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]"]

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_csg2a.exceptions.UnsupportedElementWarning"
)


def _small(**changes):
    sizes = {"weights": None, "d_model": 16, "n_layers": 2, "n_heads": 2}
    return MATEncoder(**{**sizes, **changes})


@pytest.fixture
def state():
    generator = torch.Generator().manual_seed(5)
    network = MAT(d_model=16, n_layers=2, n_heads=2, generator=generator)
    return {k: v.clone() for k, v in network.state_dict().items()}


def test_encoding_is_deterministic_and_follows_the_seed():
    first = _small().fit_transform(SMILES)
    assert first.shape == (4, 16)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, clone(_small()).transform(SMILES))
    assert (first != _small(random_state=1).transform(SMILES)).any()


def test_P23_encoding_does_not_depend_on_the_other_compounds():
    together = _small().transform(SMILES)
    alone = np.vstack([_small().transform([one]) for one in SMILES])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(_small().transform(SMILES[::-1])[::-1], together)


def test_spellings_have_one_encoding():
    one, other = _small().transform(["OCC", "C(C)O"])
    np.testing.assert_array_equal(one, other)


def test_the_default_are_the_weights_of_the_package_and_nothing_to_fit():
    encoder = MATEncoder()
    assert encoder.transform(["CCO"]).shape == (1, 256)
    assert len(encoder.get_feature_names_out()) == 256
    assert not get_tags(encoder).requires_fit


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_come_from_a_file_and_the_generator_is_ignored(tmp_path, state, suffix):
    state["generator.proj.weight"] = torch.ones(28, 16)
    state["generator.proj.bias"] = torch.ones(28)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        parameters = {k: torch.nn.Parameter(v) for k, v in state.items()}
        torch.save(parameters, path)
        encoder = MATEncoder(weights=path, n_heads=2)
    else:
        save_file(state, path, metadata={"n_heads": "2"})
        encoder = MATEncoder(weights=str(path))
    assert len(encoder.get_feature_names_out()) == 16
    # the random weights of this seed are the ones in the file
    encoder.set_params(random_state=5)
    expected = _small(random_state=5).transform(SMILES)
    np.testing.assert_array_equal(encoder.transform(SMILES), expected)


def _without(state, name):
    return {k: v for k, v in state.items() if k != name}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: _without(s, "encoder.norm.a_2"), "1 tensors are missing.*norm.a_2"),
        (lambda s: s | {"extra": torch.ones(1)}, "1 are unknown.*extra"),
        (lambda s: s | {"encoder.norm.a_2": torch.ones(3)}, "wrong shapes"),
        (lambda s: s | {"encoder.norm.a_2": torch.full((16,), torch.nan)}, "NaN"),
        (lambda s: _without(s, "src_embed.lut.weight"), "not a state dictionary"),
        (lambda s: {"a": 1}, "not contain a dictionary"),
        (lambda s: s | {"src_embed.lut.weight": torch.ones(16, 0)}, "not a state"),
        (lambda s: s | {"src_embed.lut.weight": torch.ones(999, 28)}, "too few for 2"),
        *(
            (lambda s, kind=kind: s | {"encoder.norm.a_2": kind}, "norm.a_2 are not")
            for kind in (
                torch.eye(16).to_sparse(),
                torch.ones(16, device="meta"),
                torch.ones(16, dtype=torch.complex64),
                torch.ones(1).expand(10**12),  # of one number in the file
            )
        ),
        (
            lambda s: (
                s | {"encoder.norm.a_2": torch.full((16,), 1e300, dtype=torch.float64)}
            ),
            "NaN or infinity",
        ),
    ],
)
def test_wrong_weights_are_refused(tmp_path, state, change, reason):
    path = tmp_path / "weights.pt"
    torch.save(change(state), path)
    with pytest.raises(ModelFileError, match=reason):
        MATEncoder(weights=path, n_heads=2).transform(["CCO"])


def test_weights_of_other_variants_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    network = MAT(d_atom=36, d_model=16, n_layers=1, n_heads=2)
    save_file(network.state_dict(), path)
    with pytest.raises(ModelFileError, match="36 node features"):
        MATEncoder(weights=path, n_heads=2).transform(["CCO"])


def test_number_of_heads_must_be_known(tmp_path, state):
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    with pytest.raises(ModelFileError, match="set n_heads"):
        MATEncoder(weights=path).transform(["CCO"])
    with pytest.raises(ModelFileError, match="not a multiple"):
        MATEncoder(weights=path, n_heads=3).transform(["CCO"])
    with pytest.raises(InputError, match="multiple of n_heads"):
        _small(n_heads=3).transform(["CCO"])


class _Payload:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return open, (str(self.canary), "w")


def test_weight_file_never_runs_code(tmp_path):
    path, canary = tmp_path / "weights.pt", tmp_path / "canary"
    torch.save({"src_embed.lut.weight": _Payload(canary)}, path)
    with pytest.raises(ModelFileError, match="cannot be read"):
        MATEncoder(weights=path).transform(["CCO"])
    assert not canary.exists()


def test_unreadable_weights_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="No such file"):
        MATEncoder(weights=tmp_path / "absent.pt").transform(["CCO"])
    for suffix in (".pt", ".safetensors"):
        path = tmp_path / f"weights{suffix}"
        path.write_bytes(b"no weights")
        with pytest.raises(ModelFileError, match="cannot be read as weights"):
            MATEncoder(weights=path).transform(["CCO"])


def test_cached_encodings_follow_the_content_of_the_file(tmp_path, state):
    path = tmp_path / "weights.safetensors"
    save_file(state, path, metadata={"n_heads": "2"})
    first = encode_compounds(MATEncoder(weights=path), ["CCO"])
    state["encoder.norm.b_2"] = torch.ones(16)
    save_file(state, path, metadata={"n_heads": "2"})
    second = encode_compounds(MATEncoder(weights=path), ["CCO"])
    assert (first != second).any()


def test_P20_fallbacks_are_reported():
    bridged = "C1CC2(CC1)[C@@H]3C[C@H]2C3"
    assert _small().fallbacks(["CCO", bridged, "OCC"]).tolist() == [False, True, False]
    assert np.isfinite(_small().transform([bridged])).all()


def test_coordinates_are_kept_in_the_folder_given(tmp_path, monkeypatch):
    _MEMORY.clear()
    monkeypatch.setattr("sklearn_csg2a.encoders._mat._MEMORY", MemoryCache(10**6))
    _small(cache_dir=tmp_path).transform(["CCO", "CCN.Cl"])
    assert len(list(tmp_path.glob("*.npz"))) == 4  # and the encodings


def test_salts_are_kept_or_dropped():
    encoder = _small(keep_salts=False)
    np.testing.assert_array_equal(*encoder.transform(["CCN.Cl", "CCN"]))
    assert (_small().transform(["CCN.Cl"]) != encoder.transform(["CCN.Cl"])).any()


def test_P21_compounds_too_large_and_invalid_ones_are_refused():
    with pytest.raises(InputError, match="max_atoms=3"):
        _small(max_atoms=3).transform(["CCCC"])
    with pytest.raises(InvalidSmilesError, match="row 0"):
        _small().transform([""])


def test_an_encoding_is_computed_once(tmp_path, monkeypatch):
    first = _small(cache_dir=tmp_path).transform(SMILES)

    def forbidden(*_):
        raise AssertionError

    monkeypatch.setattr("sklearn_csg2a.encoders._mat._pooled", forbidden)
    np.testing.assert_array_equal(_small().transform(SMILES), first)
    monkeypatch.setattr("sklearn_csg2a.encoders._mat._MEMORY", MemoryCache(10**6))
    np.testing.assert_array_equal(_small(cache_dir=tmp_path).transform(SMILES), first)
    with pytest.raises(AssertionError):
        _small(random_state=1).transform(SMILES)


def test_elements_without_a_column_are_named_also_when_kept():
    for _ in range(2):
        with pytest.warns(UnsupportedElementWarning, match="Pt"):
            _small().transform(["N[Pt](N)(Cl)Cl"])


def test_an_encoding_that_time_decided_is_not_kept(monkeypatch):
    late = molecule_graphs(["CCCO"])[0]
    graphs = lambda smiles, **_: [replace(late, timed_out=True) for _ in smiles]  # noqa: E731
    monkeypatch.setattr("sklearn_csg2a.encoders._mat.molecule_graphs", graphs)
    memory = MemoryCache(10**6)
    monkeypatch.setattr("sklearn_csg2a.encoders._mat._MEMORY", memory)
    _small().transform(["CCCO"])
    assert len(memory) == 0
