"""What the README shows works as it stands there."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a import PerturbationRegressor

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")


def _makefile_targets():
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def _folders():
    table = README.partition("| folder | content |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([\w/]+)`", table, flags=re.MULTILINE)


def _run_python_blocks(folder):
    """Run all blocks one after the other; return their names and what they print."""
    names, printed = {}, io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
            exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    return names, printed.getvalue()


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    return [_run_python_blocks(tmp_path_factory.mktemp("readme")) for _ in range(2)]


def _predictions(names):
    """Return what each fitted model of the blocks predicts."""
    screen = names["screen"]
    return {
        name: value.predict(
            screen.perturbation.X
            if isinstance(value, PerturbationRegressor)
            else screen.X
        )
        for name, value in names.items()
        if isinstance(value, RegressorMixin) and _is_fitted(value)
    }


def _is_fitted(model):
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def test_python_blocks_run_one_after_the_other(two_runs):
    names, _ = two_runs[0]
    assert len(names["scores"]["test_score"]) == 3


def test_two_runs_of_the_python_blocks_print_the_same_numbers(two_runs):
    (_, first), (_, second) = two_runs
    assert re.search(r"\d\.\d+", first)
    assert first == second


def test_two_runs_of_the_python_blocks_fit_the_same_models(two_runs):
    first, second = (_predictions(names) for names, _ in two_runs)
    fitted = {"perturbation", "restored", "gaps", "novelty", "deep"}
    assert fitted <= set(first) == set(second)
    for name, expected in first.items():
        np.testing.assert_array_equal(second[name], expected, err_msg=name)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", README))))
def test_make_commands_exist(target):
    assert target in _makefile_targets()


@pytest.mark.parametrize("path", _folders())
def test_folders_of_the_table_exist(path):
    assert (REPOSITORY / path).is_dir()


@pytest.mark.parametrize("link", re.findall(r"\]\(([A-Za-z]\w+\.\w+)\)", README))
def test_linked_files_exist(link):
    assert (REPOSITORY / link).is_file()
