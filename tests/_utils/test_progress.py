"""A progress line is rewritten in a terminal, and plain and rare everywhere else."""

from __future__ import annotations

import gzip
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a._utils import progress as _progress
from sklearn_csg2a._utils.progress import ProgressLine
from sklearn_csg2a.baselines import PathDNN
from sklearn_csg2a.datasets.fetch import _download
from sklearn_csg2a.encoders import pretrain_mat
from sklearn_csg2a.exceptions import DivergedError

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self):
        return True


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(_progress, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture(autouse=True)
def _a_terminal_that_can_rewrite(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    return X, 30 * X[:, 0] + 100


# --- in a file ---------------------------------------------------------------------


def test_a_file_only_gets_the_last_state_of_a_quick_run():
    file = io.StringIO()
    with ProgressLine(3, "epoch", stream=file) as line:
        for epoch in (1, 2, 3):
            line.update(epoch, f"train {epoch}.5")
    assert re.fullmatch(r"epoch 3/3, 00:00 left, train 3\.5\n", file.getvalue())


def test_a_file_gets_few_lines_however_long_it_takes(clock):
    file = io.StringIO()
    with ProgressLine(86_400, "step", stream=file) as line:
        for second in range(1, 86_401):
            clock.now = float(second)
            line.update(second)
    lines = file.getvalue().splitlines()
    assert lines[0] == "step 10/86400, 23:59:50 left"
    assert lines[-1] == "step 86400/86400, 00:00 left"
    assert len(lines) == 10
    assert not CONTROL.search(file.getvalue())


def test_nothing_is_shown_for_no_work_or_quick_work(clock):
    for stream in (io.StringIO(), Terminal()):
        with ProgressLine(3, "file", stream=stream, delay=2.0) as line:
            line.update(3)
        assert stream.getvalue() == ""
    with ProgressLine(3, "epoch", stream=(file := io.StringIO())):
        pass
    assert file.getvalue() == ""


def test_a_total_may_be_unknown_and_bytes_are_written_short():
    file = io.StringIO()
    with ProgressLine(None, "matrix.gz", in_bytes=True, stream=file) as line:
        line.update(1_500_000)
    assert file.getvalue() == "matrix.gz 1.50M\n"


def test_a_terminal_that_cannot_rewrite_is_like_a_file(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    with ProgressLine(2, "epoch", stream=terminal) as line:
        line.update(1)
        line.write_message("hello")
    assert not CONTROL.search(terminal.getvalue())


# --- in a terminal -----------------------------------------------------------------


def test_a_terminal_sees_one_line_that_is_rewritten():
    terminal = Terminal()
    with ProgressLine(3, "epoch", stream=terminal) as line:
        for epoch in (1, 2, 3):
            line.update(epoch, f"train {epoch}.5")
    shown = terminal.getvalue()
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert shown.count("\r") >= 2
    assert "epoch 3/3" in shown.rpartition("\r")[2]
    assert "train 3.5" in shown.rpartition("\r")[2]
    assert "\x1b" not in shown


def test_a_message_has_its_own_line():
    terminal = Terminal()
    with ProgressLine(3, "task", time_left="", stream=terminal) as line:
        line.update(1, "RMSE 1.0")
        line.write_message("PathDNN failed")
    assert re.search(r"\r *\rPathDNN failed\n", terminal.getvalue())


def test_no_thread_is_left_behind():
    code = (
        "import io, runpy, sys, threading\n"
        f"ProgressLine = runpy.run_path({_progress.__file__!r})['ProgressLine']\n"
        "class Terminal(io.StringIO):\n"
        "    def isatty(self): return True\n"
        "with ProgressLine(2, 'epoch', stream=Terminal()) as line: line.update(1)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- of a training -----------------------------------------------------------------


@pytest.mark.parametrize("kind", [DrugResponseRegressor, PathDNN])
def test_losses_are_those_of_the_history(kind, data, clock, capsys):
    model = kind(max_epochs=3, early_stopping=True, random_state=0, verbose=1)
    model.fit(*data)
    shown = capsys.readouterr().err
    losses = re.fullmatch(r"epoch 3/3, .* left, train (\S+), valid (\S+)\n", shown)
    last = model.history_.iloc[-1]
    assert last["train_loss"] > 10  # of y, not of y divided by its spread
    found = [float(one) for one in losses.groups()]
    np.testing.assert_allclose(found, last[["train_loss", "valid_loss"]], rtol=1e-3)


def test_a_training_that_diverges_leaves_the_line(data, monkeypatch):
    X, y = data
    monkeypatch.setattr(sys, "stderr", Terminal())
    model = DrugResponseRegressor(
        max_epochs=50, learning_rate=1e30, random_state=0, verbose=1
    )
    with pytest.raises(DivergedError):
        model.fit(X, y)
    assert sys.stderr.getvalue().endswith("\n")


SCRIPT = """
import signal, sys, warnings
import numpy as np
from skorch.callbacks import Callback
from sklearn_csg2a import DrugResponseRegressor

class Interrupt(Callback):
    def on_epoch_end(self, net, **_):
        if len(net.history) == 4:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).normal(size=(60, 4))
model = DrugResponseRegressor(
    max_epochs=int(sys.argv[1]),
    early_stopping=True,
    callbacks=[Interrupt()],
    random_state=0,
    verbose=1,
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model.fit(X, X[:, 0])
"""


def _run(epochs, **streams):
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(epochs)],
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": path},
        **streams,
    )


def _read_all(descriptor):
    """Read from a terminal until nobody writes to it any more."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode()


@pytest.mark.slow
@pytest.mark.parametrize(("epochs", "last"), [(3, "3/3"), (9, "4/9")])
def test_a_fit_in_a_terminal_leaves_one_clean_line(epochs, last):
    """The second is ended by Ctrl-C in its fourth epoch."""
    outer, inner = pty.openpty()
    process = _run(epochs, stderr=inner)
    os.close(inner)
    shown = _read_all(outer).replace("\r\n", "\n")
    os.close(outer)
    assert process.wait() == 0
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert "\x1b" not in shown
    final = shown.rpartition("\r")[2]
    assert f"epoch {last}" in final
    assert "valid" in final


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [3, 9])
def test_a_fit_writes_no_control_characters_to_a_file(epochs, tmp_path):
    path = tmp_path / "log"
    with path.open("wb") as file:
        assert _run(epochs, stderr=file).wait() == 0
    shown = path.read_text("utf-8")
    assert not CONTROL.search(shown)
    assert 1 <= shown.count("\n") <= 3  # one, if it takes less than ten seconds


# --- of a pretraining and a download -----------------------------------------------


def test_a_pretraining_shows_coordinates_then_steps(tmp_path, monkeypatch):
    for stream, form in ((io.StringIO(), "{}"), (Terminal(), "\r{}")):
        monkeypatch.setattr(sys, "stderr", stream)
        pretrain_mat(
            ["CCO", "CCN", "CCC", "c1ccccc1"],
            tmp_path / type(stream).__name__,
            d_model=8,
            n_layers=1,
            n_heads=2,
            held_out=0.25,
            max_epochs=2,
            verbose=1,
        )
        shown = stream.getvalue()
        assert form.format("step 2/2") in shown
        assert "loss" in shown
        assert shown.endswith("\n")
        assert "\x1b" not in shown


def test_unpacking_shows_how_far_the_packed_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "_SECONDS_WITHOUT_A_LINE", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    packed = tmp_path / "table.gz"
    packed.write_bytes(gzip.compress(bytes(100_000)))
    _download.unpack(packed, tmp_path / "table")
    size = packed.stat().st_size
    assert f"table.gz, unpacked {size}/{size}, " in sys.stderr.getvalue()
