"""The command as a process: start, Ctrl-C, a pipe that closes."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sklearn_csg2a import __version__, load_model

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "sklearn_csg2a"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}


def _start(*arguments, cwd, **how):
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **how,
    )


def _interrupt(process):
    """Press Ctrl-C, and again: Python loses one that comes while it cleans up."""
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=60)[1]
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.communicate()[1]


def test_help_and_version_import_nothing_large(tmp_path):
    script = (
        "import sys\n"
        "from sklearn_csg2a.cli._main import build_parser\n"
        "build_parser().format_help()\n"
        "print(*{'numpy', 'pandas', 'torch', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
    process = _start("--version", cwd=tmp_path)
    assert process.communicate()[0] == f"sklearn-csg2a {__version__}\n"
    assert process.returncode == 0


@pytest.mark.slow
def test_ctrl_c_saves_the_model_of_a_fit_and_leaves_with_130(files, tmp_path):
    process = _start(
        *("fit", files / "screen.csv", "--expression", files / "cells.csv"),
        *("--set", "max_epochs=1000000", "--set", "early_stopping=False"),
        *("--set", f"checkpoint={tmp_path / 'epochs'}", "-o", "net.csg2a"),
        cwd=tmp_path,
    )
    while not (tmp_path / "epochs").exists() and process.poll() is None:
        time.sleep(0.05)
    err = _interrupt(process)
    assert process.returncode == 130, err
    assert "Stopped; net.csg2a holds the model as it was then." in err
    assert "Traceback" not in err
    assert load_model(tmp_path / "net.csg2a").interrupted_


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    process = _start("data", "check", ".", cwd=tmp_path)
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()
    assert process.wait(timeout=120) == 1
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def _examples():
    text = (REPOSITORY / "docs" / "cli.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = "".join(blocks).splitlines()
    return [line for line in lines if line.startswith("sklearn-csg2a ")]


def test_the_examples_of_the_documentation_run(run):
    examples = _examples()
    assert len(examples) >= 7
    for line in examples:
        code, _, err = run(*shlex.split(line)[1:])
        assert code == 0, f"{line}\n{err}"


@pytest.mark.parametrize("loader", ["load_lincs", "interactome"])
def test_data_check_says_what_is_missing(run, tmp_path, loader):
    (tmp_path / "data").mkdir()
    code, out, _ = run("data", "check", "data", "--loader", loader)
    assert code == 1
    assert "missing" in out
    assert "terms: CC BY 4.0" in out
    assert "to get it: " in out


@pytest.mark.slow
def test_data_check_finds_the_real_data_complete(run, data_home):
    code, out, _ = run("data", "check", data_home)
    assert code == 0, out
    assert "missing" not in out
