from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a.chem import molecule_graphs
from sklearn_csg2a.chem.graphs.mat import FEATURE_GROUPS, N_NODE_FEATURES
from sklearn_csg2a.encoders import MATEncoder, pretrain_mat
from sklearn_csg2a.encoders.pretraining.masked_atoms import AccuracyTable, hide_atoms
from sklearn_csg2a.encoders.pretraining.packed import pack_molecules
from sklearn_csg2a.encoders.pretraining.training import MaskedAtomTraining
from sklearn_csg2a.exceptions import CheckpointError, InputError, InterruptedFitWarning
from tests.training.cut_arrays import without_last_value

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "c1ccsc1", "C1CCOC1"]
TAILS = ["C", "CC", "O", "N", "CO", "C(=O)O", "C#N", "Cl"]
MOLECULES = [ring + tail for ring in RINGS for tail in TAILS]
SMALL = {
    "d_model": 16,
    "n_layers": 1,
    "n_heads": 2,
    "batch_size": 8,
    "held_out": 0.1,
    "max_epochs": 2,
}


@pytest.fixture(scope="module")
def coordinates(tmp_path_factory):
    """A folder whose coordinates are there already."""
    folder = tmp_path_factory.mktemp("coordinates")
    _pack(MOLECULES, folder)
    return folder


def _pack(smiles, folder, **changes):
    settings = {"seed": 0, "max_atoms": 60, "timeout": 60, **changes}
    return pack_molecules(
        smiles, folder, n_jobs=1, on_shard=lambda *_: None, **settings
    )


def _pretrain(folder, coordinates, **changes):
    (folder / "coordinates").symlink_to(coordinates)
    return pretrain_mat(MOLECULES, folder, **{**SMALL, **changes})


def _weights(path):
    with safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_weights_of_a_pretraining_are_used_by_the_encoder(tmp_path, coordinates):
    result = _pretrain(tmp_path, coordinates)
    encoding = MATEncoder(weights=result.weights).transform(["CCO", "CCN"])
    assert encoding.shape == (2, 16)
    assert not np.array_equal(encoding[0], encoding[1])
    assert result.n_molecules == 36
    assert list(result.history["epoch"]) == [1, 2]


def test_accuracy_rises_above_that_of_the_most_frequent_class(tmp_path, coordinates):
    result = _pretrain(
        tmp_path,
        coordinates,
        max_epochs=40,
        learning_rate=5e-3,
        held_out=0.4,
        masked=0.4,
    )
    accuracy = result.accuracy
    assert list(accuracy.index) == list(FEATURE_GROUPS)
    assert accuracy.loc["hydrogens", "accuracy"] > accuracy.loc["hydrogens", "majority"]
    assert accuracy.loc["aromatic", "accuracy"] > accuracy.loc["aromatic", "majority"]
    assert result.history["train_loss"].iloc[-1] < result.history["train_loss"].iloc[0]


def test_an_interrupted_pretraining_ends_like_one_that_ran_through(
    tmp_path, coordinates, monkeypatch
):
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = _pretrain(whole, coordinates)

    parts = tmp_path / "parts"
    parts.mkdir()
    step = MaskedAtomTraining._train_step
    calls = []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        loss = step(self, *args)
        if len(calls) == 8:  # the network has moved and nothing is noted yet
            raise KeyboardInterrupt
        return loss

    monkeypatch.setattr(
        "sklearn_csg2a.encoders.pretraining.training._CHECKPOINT_SECONDS", 0
    )
    monkeypatch.setattr(MaskedAtomTraining, "_train_step", interrupted)
    with pytest.warns(InterruptedFitWarning, match="goes on from the last checkpoint"):
        first = _pretrain(parts, coordinates)
    assert first.interrupted
    assert MATEncoder(weights=first.weights).transform(["CCO"]).shape == (1, 16)
    with pytest.warns(InterruptedFitWarning):
        pretrain_mat(MOLECULES, parts, **SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = pretrain_mat(MOLECULES, parts, **SMALL)
    assert not result.interrupted
    pd.testing.assert_frame_equal(result.history, expected.history)
    for name, array in _weights(expected.weights).items():
        np.testing.assert_array_equal(_weights(result.weights)[name], array)


def test_P35_a_damaged_checkpoint_of_a_pretraining_is_refused(tmp_path, coordinates):
    _pretrain(tmp_path, coordinates, max_epochs=1)
    path = tmp_path / "pretraining.checkpoint"
    content = path.read_bytes()
    step = len(content) // 20
    flipped = [
        content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        for at in range(0, len(content), step)
    ]
    cut = [content[:at] for at in range(0, len(content), step)]
    for damaged in flipped + cut:
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="Delete the file to restart"):
            pretrain_mat(MOLECULES, tmp_path, **SMALL | {"max_epochs": 1})


@pytest.mark.parametrize(
    "change",
    [
        # torch would write the moments of a parameter past the end of their memory
        lambda manifest, arrays: without_last_value(arrays, "optimizer/"),
        lambda manifest, arrays: without_last_value(arrays, "model/"),
        lambda manifest, arrays: manifest.update(step=manifest["step"] - 1),
        lambda manifest, arrays: manifest.update(losses=["1.5"]),
        lambda manifest, arrays: manifest.update(history=None),
        lambda manifest, arrays: manifest.update(kind="checkpoint"),
    ],
)
def test_P35_a_checkpoint_with_the_state_of_no_such_pretraining_is_refused(
    tmp_path, coordinates, change
):
    _pretrain(tmp_path, coordinates, max_epochs=1)
    path = tmp_path / "pretraining.checkpoint"
    manifest, arrays = read_archive(path)
    changed = change(manifest, arrays)
    write_archive(path, manifest, changed if isinstance(changed, dict) else arrays)
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        pretrain_mat(MOLECULES, tmp_path, **SMALL | {"max_epochs": 1})


def test_other_molecules_or_settings_are_refused(tmp_path, coordinates):
    _pretrain(tmp_path, coordinates, max_epochs=1)
    with pytest.raises(CheckpointError, match="other molecules or settings"):
        pretrain_mat(MOLECULES, tmp_path, **{**SMALL, "max_epochs": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masked": 0.0}, "masked=0.0 must lie between 0 and 1"),
        ({"held_out": 1.0}, "held_out=1.0 must lie between 0 and 1"),
        ({"max_epochs": 0}, "max_epochs=0 must be an integer"),
        ({"precision": "int8"}, "'float32' or 'bf16'"),
        ({"learning_rate": -1.0}, "must be positive"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        pretrain_mat(MOLECULES, tmp_path, **{**SMALL, **changes})


def test_too_few_usable_molecules_are_refused(tmp_path):
    with pytest.raises(InputError, match="too few"):
        pretrain_mat(["CCO", "not a molecule", "C"], tmp_path, **SMALL)


def test_unusable_and_repeated_molecules_are_left_out(tmp_path):
    smiles = ["CCO", "nonsense", "OCC", "C", "CC(=O)O", "C" * 30]
    molecules = _pack(smiles, tmp_path, max_atoms=20)
    assert list(molecules.smiles) == ["CCO", "CC(=O)O"]


def test_coordinates_are_searched_once(tmp_path, monkeypatch):
    first = _pack(MOLECULES[:3], tmp_path)

    def forbidden(*_, **__):
        raise AssertionError

    monkeypatch.setattr(
        "sklearn_csg2a.encoders.pretraining.packed.embed_conformer", forbidden
    )
    again = _pack(MOLECULES[:3], tmp_path)
    np.testing.assert_array_equal(first.coordinates, again.coordinates)


def test_a_damaged_shard_is_computed_again(tmp_path):
    first = _pack(MOLECULES[:2], tmp_path)
    (shard,) = tmp_path.glob("*.npz")
    shard.write_bytes(shard.read_bytes()[:200])
    again = _pack(MOLECULES[:2], tmp_path)
    np.testing.assert_array_equal(first.coordinates, again.coordinates)


def test_packed_molecules_become_the_graphs_of_the_encoder(tmp_path):
    smiles = ["CC(=O)Oc1ccccc1C(=O)O", "C[N+](C)(C)C", "ClCc1ccsc1"]
    molecules = _pack(smiles, tmp_path)
    batch = molecules.padded(np.array([2, 0, 1]), width=16)
    for row, graph in enumerate(molecule_graphs([smiles[2], smiles[0], smiles[1]])):
        n = len(graph.node_features)
        assert batch.mask[row].sum() == n
        np.testing.assert_array_equal(batch.node_features[row, :n], graph.node_features)
        np.testing.assert_array_equal(batch.adjacency[row, :n, :n], graph.adjacency)
        np.testing.assert_allclose(
            batch.distance[row, :n, :n], graph.distance, atol=2e-3
        )
    taken = molecules.take(np.array([1]))
    np.testing.assert_array_equal(
        taken.padded(np.array([0]), 16).adjacency[0], batch.adjacency[2]
    )


def test_hidden_atoms_are_a_share_of_each_molecule_and_never_the_dummy():
    mask = torch.arange(24) < torch.tensor([[2], [11], [21]])  # 1, 10 and 20 atoms
    rng = torch.Generator().manual_seed(0)
    draws = torch.stack([hide_atoms(mask, 0.15, rng) for _ in range(200)])
    assert (draws.sum(dim=2) == torch.tensor([1, 2, 3])).all()
    assert not draws[:, :, 0].any()
    assert not draws[:, ~mask].any()
    assert draws[:, 2, 1:21].any(dim=0).all()


def test_accuracy_counts_right_answers_and_the_most_frequent_class():
    features = torch.zeros(4, N_NODE_FEATURES)
    features[:3, 2] = 1  # three carbons
    features[3, 4] = 1  # and an oxygen
    features[:, [12, 18, 23]] = 1
    features[:2, 26] = 1
    logits = torch.full((4, N_NODE_FEATURES), -1.0)
    logits[:, 2] = 1.0  # carbon, whatever it is
    scores = AccuracyTable()
    scores.add(logits[:2], features[:2])
    scores.add(logits[2:], features[2:])
    table = scores.table()
    assert table.loc["element", "accuracy"] == 0.75
    assert table.loc["element", "majority"] == 0.75
    assert table.loc["ring", "accuracy"] == 0.5
    assert (table["atoms"] == 4).all()
