"""Several processes train one network: shares of batches, and one result."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a._utils.archive import read_archive
from sklearn_csg2a.exceptions import InputError, MissingDependencyError
from sklearn_csg2a.training.data import Batches, TreatmentDataset
from sklearn_csg2a.training.device import Processes, join_processes

REPOSITORY = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")


class Positions(TreatmentDataset):
    """A data set whose batches are positions."""

    encodes_compounds = False

    def batch(self, positions):
        return None, positions


def positions(n_rows):
    generator = torch.Generator().manual_seed(0)
    return Positions(None, torch.arange(n_rows), torch.zeros(n_rows, 1), generator)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("n_rows", [6, 8, 9, 16, 17, 20, 24, 25])
def test_shares_make_up_the_batches_and_have_two_rows_at_least(count, n_rows):
    shares = [
        [part.tolist() for _, part in Batches(positions(n_rows), 8, (rank, count))]
        for rank in range(count)
    ]
    sizes = [[len(part) for part in share] for share in shares]
    assert min(chain.from_iterable(sizes)) >= 2
    batches = [list(chain(*parts)) for parts in zip(*shares, strict=True)]
    assert sorted(chain(*batches)) == list(range(n_rows))
    for parts in zip(*sizes, strict=True):
        assert max(parts) - min(parts) <= 1
    whole = [part.tolist() for _, part in Batches(positions(n_rows), 8)]
    assert batches[:-1] == whole[: len(batches) - 1]


@pytest.mark.parametrize(("batch_size", "n_rows"), [(5, 100), (32, 5)])
def test_batches_too_small_for_the_processes_are_refused(batch_size, n_rows):
    with pytest.raises(InputError, match=r"3 processes, which need 6 .* Raise"):
        Processes(CPU, 0, 3).check_batches(batch_size, n_rows)
    Processes(CPU).check_batches(batch_size, n_rows)


def test_each_process_and_epoch_has_its_own_seed():
    seeds = {
        Processes(CPU, rank, 3).seed_of_epoch(7, epoch)
        for rank in range(3)
        for epoch in range(5)
    }
    assert len(seeds) == 15


@pytest.fixture
def launched(monkeypatch):
    """Let accelerate say that this is one of two processes."""
    found = SimpleNamespace(device=CPU, process_index=1, num_processes=2)
    stand_in = SimpleNamespace(Accelerator=lambda: found)
    monkeypatch.setitem(sys.modules, "accelerate", stand_in)


@pytest.mark.usefixtures("launched")
def test_the_device_is_the_one_that_accelerate_assigns():
    assert join_processes("accelerate", 0) == Processes(CPU, 1, 2)
    assert join_processes("cpu", None) == Processes(CPU)


@pytest.mark.usefixtures("launched")
@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_several_processes_need_an_integer_seed(random_state):
    model = PerturbationRegressor(device="accelerate", random_state=random_state)
    with pytest.raises(InputError, match="Give an integer random_state"):
        model.fit(np.eye(8), np.eye(8))


def test_without_accelerate_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    message = "needs the package accelerate: pip install"
    with pytest.raises(MissingDependencyError, match=message):
        PerturbationRegressor(device="accelerate").fit(np.eye(8), np.eye(8))


# --- two processes -------------------------------------------------------------------

# Fits, and writes what came out of it: one file for each process.
SCRIPT = """
import hashlib, json, os, sys
folder, device = sys.argv[1:]
sys.path[:0] = [os.environ["TESTS"]]
import numpy as np
import torch
torch.set_num_threads(1)
from sklearn.frozen import FrozenEstimator
from conftest import make_tables, perturbation_model, response_model
from sklearn_csg2a.training.device import join_processes
from sklearn_csg2a.exceptions import InputError


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def describe(model, y):
    state = model.net_.module_.state_dict()
    weights = {name: tensor.numpy() for name, tensor in state.items()}
    return {
        "weights": digest(*(weights[name] for name in sorted(weights))),
        "predictions": digest(model.predict(screen.light)),
        "score": model.score(screen.light, y),
        "train_loss": model.history_["train_loss"].tolist(),
        "valid_loss": model.history_["valid_loss"].tolist(),
        "names": list(weights),
        "device": model.device_,
    }


processes = join_processes(device, 0)
rank = processes.rank
screen = make_tables(n_rows=203)
settings = dict(
    expression=screen.expression, device=device, max_epochs=6, learning_rate=0.02,
    verbose=1,
)
checkpoint = os.path.join(folder, device)
first = perturbation_model(**settings, checkpoint=checkpoint)
first = first.fit(screen.light, screen.Y)
settings["pretrained"] = FrozenEstimator(first)
frozen = response_model(**settings).fit(screen.light, screen.y)
tuned = response_model(**settings, freeze=False).fit(screen.light, screen.y)
again = perturbation_model(**first.get_params(deep=False))
models = {
    "first": describe(first, screen.Y),
    "frozen": describe(frozen, screen.y),
    "tuned": describe(tuned, screen.y),
    "again": describe(again.fit(screen.light, screen.Y), screen.Y),
}

# gradients of shares that differ in size are those of the whole batch
layer = torch.nn.Linear(3, 2, bias=False)
torch.nn.init.ones_(layer.weight)
inputs = torch.arange(15.0).reshape(5, 3)
mine = inputs.tensor_split(processes.count)[rank]
loss = layer(mine).square().mean()
loss.backward()
models["loss"] = processes.average(loss, len(mine), layer.parameters()).item()
models["gradient"] = layer.weight.grad.tolist()

if processes.count > 1:
    try:
        other = perturbation_model(device=device, max_epochs=1)
        other.fit(screen.wide, np.roll(screen.Y, rank, axis=0))
    except InputError as error:
        models["error"] = str(error)
with open(os.path.join(folder, f"{device}_{rank}.json"), "w") as file:
    json.dump(models, file)
"""


def run(folder, device, *launcher):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *launcher, script, folder, device],
        env={
            **os.environ,
            "ACCELERATE_USE_CPU": "true",
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(REPOSITORY),
            "TESTS": str(REPOSITORY / "tests" / "estimators"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Fit with two processes and with one; return what each said of itself."""
    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("accelerate is not installed")
    folder = tmp_path_factory.mktemp("processes")
    log = run(
        folder,
        "accelerate",
        # accelerate launch, which calls this, starts one process only on CPUs
        *("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
    )
    run(folder, "cpu")
    names = ("accelerate_0", "accelerate_1", "cpu_0")
    first, second, alone = (
        json.loads((folder / f"{name}.json").read_text()) for name in names
    )
    return SimpleNamespace(
        first=first, second=second, alone=alone, log=log, folder=folder
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first", "frozen", "tuned", "again"])
def test_two_processes_end_with_the_same_weights_bit_by_bit(results, name):
    assert results.first[name] == results.second[name]
    assert results.first[name]["device"] == "cpu"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first", "frozen", "tuned"])
def test_two_processes_learn_what_one_learns(results, name):
    several, alone = results.first[name], results.alone[name]
    assert several["names"] == alone["names"]
    for loss in ("train_loss", "valid_loss"):
        assert several[loss][0] == pytest.approx(alone[loss][0], rel=0.3)
    assert several["score"] == pytest.approx(alone["score"], abs=0.1)


@pytest.mark.slow
def test_gradients_of_uneven_shares_are_those_of_the_batch(results):
    assert results.first["loss"] == pytest.approx(results.alone["loss"])
    np.testing.assert_allclose(results.first["gradient"], results.alone["gradient"])


@pytest.mark.slow
def test_one_process_writes_the_progress_line(results):
    assert results.log.count("epoch 6/6") == 3


@pytest.mark.slow
def test_a_finished_checkpoint_of_two_processes_gives_their_model(results):
    assert results.first["again"] == results.first["first"]
    manifest, _ = read_archive(results.folder / "accelerate")
    assert manifest["fingerprint"]["processes"] == "2"


@pytest.mark.slow
def test_processes_with_different_data_are_told_so(results):
    for one in (results.first, results.second):
        assert "not all processes have the same rows" in one["error"]
        assert "those that differ from process 0 are 1." in one["error"]
