"""The examples run as they stand and draw something."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).resolve().parents[1] / "examples"
LONG = {
    "plot_compare",
    "plot_enrichment",
    "plot_harmonise",
    "plot_influence",
    "plot_judge_changes",
    "plot_learning_curve",
    "plot_own_table",
    "plot_public_tables",
    "plot_zero_shot",
}
EXAMPLES = [
    pytest.param(
        path, id=path.stem, marks=pytest.mark.slow if path.stem in LONG else []
    )
    for path in sorted(FOLDER.glob("plot_*.py"))
]

# The demonstration on a screen that takes seconds.
SMALL_DEMO = """
import demo
from sklearn_csg2a.datasets import make_screen

screen = make_screen(n_cells=12, n_compounds=12, n_genes=24, random_state=0)
demo.main(screen, epochs=(1, 1))
"""


@pytest.mark.parametrize("path", EXAMPLES)
def test_example_runs_and_draws(path, capsys):
    plt.close("all")
    runpy.run_path(str(path), run_name="__main__")
    drawn = [plt.figure(number) for number in plt.get_fignums()]
    assert drawn
    assert all(figure.axes for figure in drawn)
    assert capsys.readouterr().out
    plt.close("all")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_opens_with_the_title_of_its_page(path):
    opening = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    title, rule, empty, *_ = opening.splitlines()
    assert rule == "=" * len(title)
    assert empty == ""


def _run_demo(folder, *arguments):
    """Run Python in an empty folder; return what it prints."""
    package = os.pathsep.join([str(FOLDER), str(FOLDER.parent)])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": package, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _is_a_whole_demo(printed, folder):
    table = printed.partition("means of 3 folds:")[2]
    assert all(scheme in table for scheme in ("mixed", "cell-blind", "disjoint"))
    assert all(model in table for model in ("drug mean", "CSG2A pretrained"))
    assert printed.rstrip().splitlines()[-1].startswith("Done in ")
    assert (folder / "demo.png").stat().st_size > 0
    named = re.findall(r"(?:examples|docs)/\w+\.\w+", printed.partition("try next")[2])
    assert len(named) > 3
    assert [name for name in named if not (FOLDER.parent / name).is_file()] == []
    return True


@pytest.mark.slow
def test_demo_runs_to_its_end_on_a_small_screen(tmp_path):
    assert _is_a_whole_demo(_run_demo(tmp_path, "-c", SMALL_DEMO), tmp_path)


@pytest.mark.slow
def test_demo_runs_without_matplotlib_and_says_what_is_missing(tmp_path):
    """As after a plain installation."""
    hidden = "import sys\nsys.modules['matplotlib'] = None\n"
    find = "import importlib.util as u\nreal = u.find_spec\n"
    find += "u.find_spec = lambda n: None if n == 'matplotlib' else real(n)\n"
    printed = _run_demo(tmp_path, "-c", hidden + find + SMALL_DEMO)
    assert "pip install 'sklearn_csg2a[plots]'" in printed
    assert "What to try next" in printed
    assert not (tmp_path / "demo.png").exists()


@pytest.mark.slow
def test_demo_runs_to_its_end(tmp_path):
    assert _is_a_whole_demo(_run_demo(tmp_path, FOLDER / "demo.py"), tmp_path)
