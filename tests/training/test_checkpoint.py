"""A fit that was cut off goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    ShuffleSplit,
    cross_validate,
)

from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
)
from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.exceptions import CheckpointError
from sklearn_csg2a.model_selection import DrugBlindKFold
from tests.training.cut_arrays import without_last_value

REPOSITORY = Path(__file__).resolve().parents[2]
N_ROWS = 40


def _data(seed=0, genes="ABCDE"):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(N_ROWS, len(genes))), columns=list(genes))
    Y = X.to_numpy() * 2 + rng.normal(size=X.shape) / 10
    return X.assign(smiles=np.resize(["CCO", "CCN", "CCC", "CCCl"], N_ROWS)), Y


X, Y = _data()


def _model(checkpoint=None, **parameters):
    settings = {
        "hidden_dim": 3,
        "max_epochs": 6,
        "batch_size": 8,
        "learning_rate": 0.002,
        "compound_encoder": MorganEncoder(n_bits=16),
        "random_state": 0,
        "checkpoint": checkpoint,
    }
    return PerturbationRegressor(**(settings | parameters))


def _weights(model):
    state = model.net_.module_.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in state.items()}


class _StopAt:
    """End the fit by an error at the end of an epoch, before it is written."""

    def __init__(self, epoch):
        self.epoch = epoch

    def __call__(self, path, content):
        self.epoch -= 1
        if self.epoch < 0:
            raise KeyError("cut off")
        self.write(path, content)


@pytest.fixture
def cut_off(monkeypatch, tmp_path):
    """Leave the checkpoint of a fit that was cut off after some epochs."""

    def cut_off(model, *data, epochs=3):
        from sklearn_csg2a._utils import archive

        stop = _StopAt(epochs)
        stop.write = archive.write_atomically
        with monkeypatch.context() as patch:
            patch.setattr(archive, "write_atomically", stop)
            with pytest.raises(KeyError, match="cut off"):
                model.fit(*data)
        return model.checkpoint

    return cut_off


@pytest.fixture
def checkpoint(cut_off, tmp_path):
    return cut_off(_model(tmp_path / "fit.checkpoint"), X, Y)


def test_P34_a_resumed_fit_equals_an_uninterrupted_one_bit_by_bit(checkpoint):
    assert len(read_archive(checkpoint)[0]["history"]) == 3
    resumed = _model(checkpoint).fit(X, Y)
    straight = _model().fit(X, Y)
    assert _weights(resumed) == _weights(straight)
    losses = ["epoch", "train_loss", "valid_loss", "learning_rate"]
    pd.testing.assert_frame_equal(
        resumed.history_[losses], straight.history_[losses], check_exact=True
    )
    assert resumed.n_iter_ == straight.n_iter_ == 6
    assert resumed.best_epoch_ == straight.best_epoch_


def test_P34_a_response_model_resumes_too(cut_off, tmp_path):
    y = Y[:, 0]
    settings = {
        **_model().get_params(deep=False),
        "head_hidden": (8, 4),
        "checkpoint": tmp_path / "fit.checkpoint",
    }
    cut_off(DrugResponseRegressor(**settings), X, y)
    resumed = DrugResponseRegressor(**settings).fit(X, y)
    straight = DrugResponseRegressor(**settings | {"checkpoint": None}).fit(X, y)
    assert _weights(resumed) == _weights(straight)


def test_the_checkpoint_of_a_finished_fit_gives_its_model(checkpoint):
    first = _model(checkpoint).fit(X, Y)
    again = _model(checkpoint).fit(X, Y)
    assert _weights(first) == _weights(again)
    assert again.n_iter_ == 6


def test_without_a_checkpoint_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _model().fit(X, Y)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "data", "named"),
    [
        (
            {},
            (X + {"A": 1.0, **dict.fromkeys("BCDE", 0.0), "smiles": ""}, Y),
            "treatments",
        ),
        ({}, (X, Y + 1), "y"),
        ({}, _data(genes="ABCDF"), "genes"),
        ({}, (X.assign(smiles="CCBr"), Y), "compounds"),
        ({"learning_rate": 0.01}, (X, Y), "parameter learning_rate: 0.002 then, 0.01"),
        ({"hidden_dim": 4}, (X, Y), "parameter hidden_dim: 3 then, 4 now"),
        ({"max_epochs": 7}, (X, Y), "parameter max_epochs"),
        ({"random_state": 1}, (X, Y), "parameter random_state"),
    ],
    ids=["X", "y", "genes", "compounds", "rate", "width", "epochs", "seed"],
)
def test_P35_the_checkpoint_of_another_fit_is_refused_by_name(
    checkpoint, parameters, data, named
):
    before = checkpoint.read_bytes()
    with pytest.raises(CheckpointError, match=named):
        _model(checkpoint, **parameters).fit(*data)
    assert checkpoint.read_bytes() == before


def test_P35_the_checkpoint_of_another_version_is_refused_by_name(checkpoint):
    manifest, arrays = read_archive(checkpoint)
    manifest["fingerprint"]["version"] = "0.0.1"
    write_archive(checkpoint, manifest, arrays)
    with pytest.raises(CheckpointError, match=r"version: 0\.0\.1 then"):
        _model(checkpoint).fit(X, Y)


class _Potency(TransformerMixin, BaseEstimator):
    """An encoder whose content its parameters do not show."""

    potency = 1.0

    def fit(self, smiles, y=None):
        return self

    def transform(self, smiles):
        return np.array([[self.potency, len(one)] for one in smiles])


def test_P35_the_checkpoint_of_other_encoder_weights_is_refused(
    cut_off, tmp_path, monkeypatch
):
    model = _model(tmp_path / "fit.checkpoint", compound_encoder=_Potency())
    cut_off(model, X, Y)
    monkeypatch.setattr(_Potency, "potency", 2.0)
    with pytest.raises(CheckpointError, match="encoded compounds"):
        model.fit(X, Y)


def test_P35_the_checkpoint_of_another_predefined_split_is_refused(cut_off, tmp_path):
    fold = np.full(N_ROWS, -1)
    fold[:4] = 0
    model = _model(tmp_path / "fit.checkpoint", validation=PredefinedSplit(fold))
    cut_off(model, X, Y)
    with pytest.raises(CheckpointError, match="training and validation rows"):
        model.set_params(validation=PredefinedSplit(fold[::-1])).fit(X, Y)


def test_P35_the_checkpoint_of_another_interactome_is_refused(checkpoint):
    edges = pd.DataFrame({"source": ["A"], "target": ["B"]})
    with pytest.raises(CheckpointError, match="interactome"):
        _model(checkpoint, interactome=edges).fit(X, Y)


def test_P35_the_checkpoint_of_another_pretraining_is_refused(cut_off, tmp_path):
    first, second = (_model(random_state=seed).fit(X, Y) for seed in (0, 1))
    model = DrugResponseRegressor(
        pretrained=FrozenEstimator(first),
        compound_encoder=MorganEncoder(n_bits=16),
        head_hidden=(8, 4),
        max_epochs=6,
        random_state=0,
        checkpoint=tmp_path / "fit.checkpoint",
    )
    cut_off(model, X, Y[:, 0])
    with pytest.raises(CheckpointError, match="first weights"):
        model.set_params(pretrained=FrozenEstimator(second)).fit(X, Y[:, 0])


def test_P35_a_checkpoint_of_the_future_is_refused(checkpoint):
    manifest, arrays = read_archive(checkpoint)
    write_archive(checkpoint, {**manifest, "format": 99}, arrays)
    with pytest.raises(CheckpointError, match="not a checkpoint that this version"):
        _model(checkpoint).fit(X, Y)


@pytest.mark.parametrize("damage", ["flipped byte", "truncated", "empty", "other file"])
def test_P35_a_damaged_checkpoint_is_refused(checkpoint, damage):
    content = bytearray(checkpoint.read_bytes())
    if damage == "flipped byte":
        content[len(content) // 2] ^= 1
    elif damage == "truncated":
        content = content[:-100]
    else:
        content = b"" if damage == "empty" else b"text"
    checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match="Delete the file"):
        _model(checkpoint).fit(X, Y)


@pytest.mark.parametrize(
    "change",
    [
        # torch would write the moments of a parameter past the end of their memory
        lambda manifest, arrays: without_last_value(arrays, "optimizer/"),
        lambda manifest, arrays: without_last_value(arrays, "weights/"),
        lambda manifest, arrays: without_last_value(arrays, "best/"),
        lambda manifest, arrays: arrays | {"optimizer/99/step": np.zeros((), "f4")},
        lambda manifest, arrays: arrays | {"optimizer/step": np.zeros((), "f4")},
        lambda manifest, arrays: {
            name: array
            for name, array in arrays.items()
            if not name.startswith("generator/")
        },
        lambda manifest, arrays: manifest.update(history=[{}]),
        lambda manifest, arrays: manifest.update(history=5),
        lambda manifest, arrays: manifest.update(history=7 * manifest["history"]),
        lambda manifest, arrays: manifest["history"][1].update(valid_loss="0.5"),
        lambda manifest, arrays: manifest.update(best_epoch=9),
        lambda manifest, arrays: manifest.update(best_loss=None),
        lambda manifest, arrays: manifest.update(finished="yes"),
        lambda manifest, arrays: manifest.update(fingerprint=None),
        lambda manifest, arrays: manifest["fingerprint"].update(y=1),
    ],
)
def test_P35_a_checkpoint_with_the_state_of_no_such_training_is_refused(
    checkpoint, change
):
    manifest, arrays = read_archive(checkpoint)
    changed = change(manifest, arrays)
    write_archive(
        checkpoint, manifest, changed if isinstance(changed, dict) else arrays
    )
    with pytest.raises(CheckpointError, match=re.escape(str(checkpoint))):
        _model(checkpoint).fit(X, Y)


def test_P35_a_full_disk_is_an_error_and_keeps_the_last_epoch(tmp_path, monkeypatch):
    path = tmp_path / "fit.checkpoint"
    synchronize, calls = os.fsync, []

    def fill_up(handle):
        calls.append(handle)
        if len(calls) > 4:  # a file and its folder for each of two epochs
            raise OSError(28, "No space left on device")
        synchronize(handle)

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(OSError, match="No space left"):
        _model(path).fit(X, Y)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [path]
    assert len(read_archive(path)[0]["history"]) == 2
    assert _weights(_model(path).fit(X, Y)) == _weights(_model().fit(X, Y))


@pytest.mark.parametrize(
    "validation", [ShuffleSplit(1, test_size=0.2), DrugBlindKFold(3, random_state=None)]
)
def test_P34_a_splitter_without_a_seed_gives_the_same_rows_when_resumed(
    cut_off, tmp_path, validation
):
    model = _model(tmp_path / "fit.checkpoint", validation=validation)
    cut_off(model, X, Y)
    straight = _model(validation=validation).fit(X, Y)
    assert _weights(model.fit(X, Y)) == _weights(straight)


class _OtherRows:
    """A splitter that draws anew, and takes no seed."""

    drawn = 0

    def split(self, X, y=None, groups=None):
        rows = np.roll(np.arange(len(X)), type(self).drawn)
        type(self).drawn += 1
        yield rows[4:], rows[:4]

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


class _OtherScale(TransformerMixin, BaseEstimator):
    """A scaler that learns something else in each fit."""

    fits = 0

    def fit(self, X, y=None):
        type(self).fits += 1
        self.scale_ = type(self).fits
        return self

    def transform(self, X):
        return np.asarray(X) * self.scale_


def test_P35_a_splitter_or_scaler_that_cannot_be_repeated_is_refused(cut_off, tmp_path):
    model = _model(tmp_path / "rows", validation=_OtherRows())
    cut_off(model, X, Y)
    with pytest.raises(CheckpointError, match="training and validation rows"):
        model.fit(X, Y)
    settings = {
        k: v for k, v in model.get_params(deep=False).items() if k != "validation"
    }
    scaled = DrugResponseRegressor(**settings, expression_scaler=_OtherScale())
    scaled.set_params(head_hidden=(4,), checkpoint=tmp_path / "scale")
    cut_off(scaled, X, Y[:, 0])
    with pytest.raises(CheckpointError, match="belongs to another fit"):
        scaled.fit(X, Y[:, 0])


# --- several fits with one path -------------------------------------------------------


def _files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_every_fit_of_a_cross_validation_has_a_checkpoint_of_its_own(tmp_path):
    model = _model(tmp_path / "fit.checkpoint", max_epochs=2)
    plain = cross_validate(_model(max_epochs=2), X, Y, cv=3)["test_score"]
    scores = cross_validate(model, X, Y, cv=3)["test_score"]
    np.testing.assert_array_equal(scores, plain)
    written = _files(tmp_path)
    assert len(written) == 3
    assert all(name.startswith("fit.checkpoint.") for name in written)
    again = cross_validate(model, X, Y, cv=3)["test_score"]
    np.testing.assert_array_equal(again, plain)
    assert _files(tmp_path) == written  # finished fits are read, not repeated


def test_a_search_and_an_estimator_around_a_model_may_name_one_checkpoint(tmp_path):
    model = _model(tmp_path / "a" / "fit.checkpoint", max_epochs=1)
    model.checkpoint.parent.mkdir()
    search = GridSearchCV(model, {"dropout": [0.0, 0.2]}, cv=2, error_score="raise")
    search.fit(X, Y)
    assert len(_files(tmp_path / "a")) == 5  # and one of the last fit on all rows

    inner = DrugResponseRegressor(
        **{**model.get_params(deep=False), "checkpoint": tmp_path / "b"}
    )
    around = ResidualRegressor(inner, inner, cv=2, random_state=0)
    rows = X.assign(cell_line=[f"C{i % 8}" for i in range(N_ROWS)])
    around.fit(rows, Y[:, 0])
    names = [path.name for path in tmp_path.glob("b*")]
    assert "b" not in names
    assert len(names) >= 3


def test_members_in_a_cross_validation_have_checkpoints_of_their_own(tmp_path):
    model = _model(tmp_path / "fit.ckpt", max_epochs=1, n_members=2)
    scores = cross_validate(model, X, Y, cv=2, error_score="raise")["test_score"]
    assert np.isfinite(scores).all()
    assert len(_files(tmp_path)) == 4


# --- killed at any moment ------------------------------------------------------------

# Forks a child for each fit, kills it at a random moment and resumes in the next.
# The first fit, never interrupted, warms up what the children inherit.
KILLER = """
import json, os, random, signal, sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
import torch
torch.set_num_threads(1)
from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a._utils.archive import read_archive

folder, n_kills, EPOCHS = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
path = os.path.join(folder, "fit.checkpoint")
rng = np.random.default_rng(0)
X = rng.normal(size=(64, 5))
Y = X[:, ::-1] + rng.normal(size=(64, 5)) / 10


def fit(checkpoint):
    model = PerturbationRegressor(
        hidden_dim=3, max_epochs=EPOCHS, batch_size=16, patience=EPOCHS,
        dropout=0.3, random_state=0, checkpoint=checkpoint,
    )
    return model.fit(X, Y)


def digest(model):
    state = model.net_.module_.state_dict()
    return b"".join(state[name].numpy().tobytes() for name in sorted(state))


def epochs_written():
    return len(read_archive(path)[0]["history"]) if os.path.exists(path) else 0


def train_and_exit():
    model = fit(path)
    with open(os.path.join(folder, "result"), "wb") as file:
        file.write(digest(model))
    with open(os.path.join(folder, "n_iter"), "w") as file:
        file.write(str(model.n_iter_))
    os._exit(0)


def check_finished():
    with open(os.path.join(folder, "result"), "rb") as file:
        identical = file.read() == expected
    with open(os.path.join(folder, "n_iter")) as file:
        return identical and int(file.read()) == EPOCHS


expected = digest(fit(None))
start = time.monotonic()
fit(None)
whole = time.monotonic() - start
random_moment = random.Random(n_kills)
kills, written, runs = 0, [], []
while kills < n_kills or not runs or epochs_written():
    before = epochs_written()
    child = os.fork()
    if child == 0:
        train_and_exit()
    if kills < n_kills:
        time.sleep(random_moment.uniform(0, whole / 2))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    after = epochs_written()  # raises if the file cannot be read
    assert after >= before, (before, after)
    if os.WIFSIGNALED(status):
        kills += 1
        written.append(after)
        continue
    assert os.WEXITSTATUS(status) == 0
    runs.append(check_finished())
    os.remove(path)
cut = sum(name.startswith(".") for name in os.listdir(folder))
print(json.dumps({"kills": kills, "written": written, "runs": runs, "cut": cut}))
"""


def _kill_and_resume(folder, n_kills, epochs):
    script = folder / "killer.py"
    script.write_text(KILLER)
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, script, REPOSITORY, work, str(n_kills), str(epochs)],
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked fits")


@pytest.mark.slow
@needs_fork
def test_P33_a_fit_killed_a_few_times_ends_as_if_never_killed(tmp_path):
    seen = _kill_and_resume(tmp_path, n_kills=3, epochs=15)
    assert seen["kills"] == 3
    assert seen["runs"]
    assert all(seen["runs"])


@needs_fork
@pytest.mark.slow
def test_P33_a_fit_killed_at_25_random_moments_ends_as_if_never_killed(tmp_path):
    seen = _kill_and_resume(tmp_path, n_kills=25, epochs=60)
    assert seen["kills"] == 25
    assert all(seen["runs"])
    assert max(seen["written"]) > 0
