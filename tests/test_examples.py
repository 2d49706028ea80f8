"""The examples run as they stand and draw something."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_draws(path, capsys):
    plt.close("all")
    runpy.run_path(str(path), run_name="__main__")
    drawn = [plt.figure(number) for number in plt.get_fignums()]
    assert drawn
    assert all(figure.axes for figure in drawn)
    assert capsys.readouterr().out
    plt.close("all")
