"""What is built from the sources works where there are no sources."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")

# The build uses the setuptools of this environment, and needs no network.
BUILD = "from setuptools import build_meta; build_meta.build_{kind}({folder!r})"


def _run(command, cwd):
    """Run a command without the paths of this checkout; return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _build(kind, source, folder):
    _run([sys.executable, "-c", BUILD.format(kind=kind, folder=str(folder))], source)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution, made of a copy of what git knows."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a checkout of git")
    copy = tmp_path_factory.mktemp("copy")
    names = _run(["git", "ls-files", "-z"], REPOSITORY).split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((REPOSITORY / name).read_bytes())
    return _build("sdist", copy, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel, built from the source distribution."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return _build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Python of an empty environment with the wheel, beside the packages it needs."""
    folder = tmp_path_factory.mktemp("environment")
    _run([sys.executable, "-m", "venv", folder], folder)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    interpreter = scripts / "python"
    _run(
        [interpreter, "-m", "pip", "install", "-qq", "--no-deps", "--no-index", wheel],
        folder,
    )
    site = _run(
        [interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        folder,
    ).strip()
    # Installing torch again takes minutes; it is found after what is in the folder.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(site) / "borrowed.pth").write_text("\n".join(sorted(borrowed)), "utf-8")
    return interpreter


def _package_files():
    """Files that the package needs at run time, modules included."""
    names = _run(["git", "ls-files", "-z", "sklearn_csg2a"], REPOSITORY).split("\0")
    return {name for name in names if name and (REPOSITORY / name).is_file()}


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == _package_files()


@pytest.mark.slow
def test_the_readmes_first_example_runs_from_the_wheel(python, tmp_path):
    example = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL).group(1)
    where = "\nimport sklearn_csg2a\nprint(sklearn_csg2a.__file__)\n"
    (tmp_path / "example.py").write_text(example + where, "utf-8")
    printed = _run([python, "example.py"], tmp_path).splitlines()
    assert Path(printed[-1]).is_relative_to(python.parents[1])
    assert re.search(r"\d\.\d+", printed[0])


@pytest.mark.slow
def test_the_command_and_the_files_beside_modules_are_in_the_wheel(python, tmp_path):
    script = """
from sklearn_csg2a import rank_drugs
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders import MATEncoder
from sklearn_csg2a.patients import write_ranking

screen = make_screen(n_cells=8, n_compounds=8, random_state=0)
MATEncoder().fit_transform(["CCO"])
model = PairwiseKernelRidge(expression=screen.expression).fit(screen.X, screen.y)
write_ranking(rank_drugs(model, ["CELL001"]), "page.html")
"""
    _run([python, "-c", script], tmp_path)
    assert (tmp_path / "page.html").stat().st_size > 1000
    command = python.parent / "sklearn-csg2a"
    assert _run([command, "--version"], tmp_path).startswith("sklearn-csg2a ")
    assert "usage" in _run([python, "-m", "sklearn_csg2a", "--help"], tmp_path)
