"""Training elsewhere than on one CPU thread by thread: GPUs and torch.compile."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.exceptions import DivergedError, InputError, SlowPrecisionWarning
from sklearn_csg2a.training.net import TrainingNet

REPOSITORY = Path(__file__).resolve().parents[2]


def target(model, screen):
    return screen.Y if isinstance(model, PerturbationRegressor) else screen.y


def fit(model, screen):
    return model.fit(screen.wide, target(model, screen))


def losses(model):
    return model.history_[["train_loss", "valid_loss"]].to_numpy()


# --- precision -----------------------------------------------------------------------


def set_capability(monkeypatch, name):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: name)


def test_bf16_warns_on_a_processor_that_emulates_it(small, screen, monkeypatch):
    set_capability(monkeypatch, "AVX2")
    with pytest.warns(SlowPrecisionWarning, match="use precision='float32'") as caught:
        fit(small(precision="bf16", device="cpu"), screen)
    assert Path(caught[0].filename) == Path(__file__)


def test_bf16_does_not_warn_on_a_processor_that_has_it(small, screen, monkeypatch):
    set_capability(monkeypatch, "AVX512")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(small(precision="bf16", device="cpu"), screen)


# --- when losses are read ------------------------------------------------------------


@pytest.fixture
def read_late(monkeypatch):
    """Read losses at the end of an epoch, as on a GPU."""
    monkeypatch.setattr(TrainingNet, "reads_losses_at_once", False)


def test_losses_read_at_the_end_of_an_epoch_are_the_same(small, screen, monkeypatch):
    at_once = fit(small(), screen)
    monkeypatch.setattr(TrainingNet, "reads_losses_at_once", False)
    late = fit(small(), screen)
    np.testing.assert_array_equal(losses(late), losses(at_once))
    np.testing.assert_array_equal(
        late.predict(screen.wide), at_once.predict(screen.wide)
    )


@pytest.mark.usefixtures("read_late")
def test_P25_a_divergence_read_late_still_names_its_batch(small, screen):
    with pytest.raises(
        DivergedError,
        match=r"loss is (nan|inf) at epoch 1, batch 2 \(last finite loss: \d",
    ):
        fit(small(learning_rate=1e30, max_epochs=50), screen)


# --- torch.compile -------------------------------------------------------------------


@pytest.fixture
def compiled_steps(monkeypatch):
    """Count training steps that go through torch.compile, which compiles nothing."""
    steps = []

    def compile_nothing(forward):
        def run(batch):
            steps.append(len(batch))
            return forward(batch)

        return run

    monkeypatch.setattr(torch, "compile", compile_nothing)
    return steps


def test_only_training_steps_are_compiled(small, screen, compiled_steps):
    model = fit(small(compile=True), screen)
    assert compiled_steps == [16, 16, 4] * model.n_iter_  # 36 of 40 rows train
    np.testing.assert_array_equal(
        model.predict(screen.wide), fit(small(), screen).predict(screen.wide)
    )


@pytest.mark.usefixtures("compiled_steps")
def test_a_fitted_model_is_not_compiled(small, screen):
    model, plain = (fit(small(compile=c), screen) for c in (True, False))
    restored = pickle.loads(pickle.dumps(model))
    for one in (model, restored):
        assert one.net_.compiled is None
        assert list(one.net_.module_.state_dict()) == list(
            plain.net_.module_.state_dict()
        )
    assert restored.compile is True
    np.testing.assert_array_equal(
        restored.predict(screen.wide), model.predict(screen.wide)
    )


def test_without_a_compiler_the_error_says_what_to_do(small, screen, monkeypatch):
    from torch._dynamo.exc import TorchDynamoException

    def compile_fails(forward):
        def run(batch):
            message = "InvalidCxxCompiler: No working C++ compiler found\n\nmore"
            raise TorchDynamoException(message)

        return run

    monkeypatch.setattr(torch, "compile", compile_fails)
    message = r"No working C\+\+ compiler found Install .* or set compile=False"
    with pytest.raises(InputError, match=message):
        fit(small(compile=True), screen)


COMPILED = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
import numpy as np
from conftest import make_tables, perturbation_model, response_model
screen = make_tables()
for make, y in ((perturbation_model, screen.Y), (response_model, screen.y)):
    eager, compiled = (
        make(compile=one, early_stopping=False).fit(screen.wide, y).predict(screen.wide)
        for one in (False, True)
    )
    np.testing.assert_allclose(compiled, eager, rtol=1e-3, atol=1e-4)
print("equal")
"""


def run_compiled(folder, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILED, Path(__file__).parent],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "OMP_NUM_THREADS": "1",
            "TORCHINDUCTOR_CACHE_DIR": str(folder),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here")
def test_a_compiled_training_equals_an_eager_one(tmp_path):
    done = run_compiled(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "equal" in done.stdout


@pytest.mark.slow
def test_a_machine_without_a_compiler_is_told_so(tmp_path):
    done = run_compiled(tmp_path, PATH=str(tmp_path), CXX=str(tmp_path / "none"))
    assert done.returncode != 0
    assert "InputError: compile=True, but torch.compile cannot" in done.stderr


# --- on a GPU ------------------------------------------------------------------------


@pytest.fixture
def same(small, screen):
    """Return a function that fits the same model on a device."""

    def same(device, **changed):
        settings = {"expression": screen.expression, "dropout": 0.0, "max_epochs": 3}
        model = small(**settings, device=device, **changed)
        return model.fit(screen.light, target(model, screen))

    return same


@pytest.mark.gpu
def test_P31_a_fit_on_a_gpu_gives_what_one_on_the_cpu_gives(same, screen):
    on_cpu, on_gpu = same("cpu"), same("cuda")
    np.testing.assert_allclose(losses(on_gpu), losses(on_cpu), rtol=1e-3)
    np.testing.assert_allclose(
        on_gpu.predict(screen.light), on_cpu.predict(screen.light), rtol=1e-2, atol=1e-2
    )


class WhereTensorsAre(Callback):
    """Collect the kinds of device that batches and weights are on."""

    def on_train_begin(self, net, **_):
        self.found_ = {parameter.device.type for parameter in net.module_.parameters()}

    def on_batch_begin(self, net, batch, **_):
        parts = [part for part in vars(batch[0]).values() if part is not None]
        self.found_ |= {part.device.type for part in [*parts, batch[1]]}


@pytest.mark.gpu
def test_everything_that_a_step_needs_is_on_the_gpu(same):
    watch = WhereTensorsAre()
    assert same("cuda", callbacks=[watch]).device_ == "cuda"
    assert watch.found_ == {"cuda"}


class NoWaiting(Callback):
    """Make it an error to wait for the GPU inside an epoch, from its first batch on."""

    def __init__(self, n_batches):
        self.n_batches = n_batches

    def on_epoch_begin(self, net, **_):
        self.left_ = self.n_batches

    def on_batch_begin(self, net, training, **_):
        torch.cuda.set_sync_debug_mode("error" if training else "default")

    def on_batch_end(self, net, training, **_):
        self.left_ -= training
        if self.left_ == 0:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.parametrize("batch_size", [4, 16])  # fewer and more rows than conditions
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_no_batch_waits_for_the_gpu(small, screen, batch_size, dropout):
    model = small(
        expression=screen.expression,
        dropout=dropout,
        batch_size=batch_size,
        callbacks=[NoWaiting(-(-36 // batch_size))],
        device="cuda",
    )
    try:
        model.fit(screen.light, target(model, screen))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
def test_P23_predictions_on_a_gpu_do_not_depend_on_the_other_rows(same, screen):
    model = same("cuda")
    together = model.predict(screen.light)
    alone = [model.predict(screen.light[i : i + 1]) for i in range(5)]
    np.testing.assert_array_equal(np.concatenate(alone), together[:5])


LOAD_ON_CPU = """
import pickle, sys
import numpy as np
import torch
assert not torch.cuda.is_available()
model, X, expected = pickle.load(open(sys.argv[1], "rb"))
assert model.device_ == "cpu"
np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-5)
"""


@pytest.mark.gpu
def test_P36_a_model_of_a_gpu_loads_where_there_is_none(same, screen, tmp_path):
    model = same("cuda")
    path = tmp_path / "model.pickle"
    content = (model, screen.light, model.predict(screen.light))
    path.write_bytes(pickle.dumps(content))
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ON_CPU, path],
        env={
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": str(REPOSITORY),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
def test_P25_a_divergence_on_a_gpu_names_its_batch(same):
    with pytest.raises(DivergedError, match=r"at epoch 1, batch 2 \(last finite"):
        same("cuda", learning_rate=1e30)


def test_a_model_of_a_missing_gpu_loads_on_another(small, screen):
    model = fit(small(), screen)
    model.device_ = "cuda:99"
    restored = pickle.loads(pickle.dumps(model))
    assert restored.device_ in {"cpu", "cuda"}
    assert np.isfinite(restored.predict(screen.wide)).all()
