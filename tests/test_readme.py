"""What the README and the pages of docs/ show works as it stands there."""

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
PAGES = {page.name: page.read_text("utf-8") for page in REPOSITORY.glob("docs/*.md")}
TUTORIALS = sorted(REPOSITORY.glob("docs/tutorials/*.md"))
LINK = re.compile(r"\]\(([\w./]+\.\w+)(?:#[\w-]*)?\)")


def _makefile_targets():
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def _folders():
    structure = PAGES["structure.md"]
    table = structure.partition("| folder | content |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([\w/]+)`", table, flags=re.MULTILINE)


def _run(text, names):
    """Run all Python blocks of a text, one after the other, with these names."""
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, "<block>", "exec"), names)  # noqa: S102
    return names


def _run_python_blocks(folder):
    """Run the README, then each page after it; return all names and what is printed."""
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        first = _run(README, {})
        names = dict(first)
        for _, text in sorted(PAGES.items()):
            names.update(_run(text, dict(first)))
    return names, printed.getvalue()


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    return _run_python_blocks(tmp_path_factory.mktemp("readme"))


@pytest.fixture(scope="module")
def two_runs(one_run, tmp_path_factory):
    return [one_run, _run_python_blocks(tmp_path_factory.mktemp("again"))]


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


def test_python_blocks_run_one_after_the_other(one_run):
    names, _ = one_run
    assert len(names["scores"]["test_score"]) == 3


@pytest.mark.slow
def test_two_runs_of_the_python_blocks_print_the_same_numbers(two_runs):
    (_, first), (_, second) = two_runs
    assert re.search(r"\d\.\d+", first)
    assert first == second


@pytest.mark.slow
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


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}" for name in PAGES)])
def test_linked_files_exist(page):
    links = LINK.findall((REPOSITORY / page).read_text("utf-8"))
    missing = [
        link for link in links if not ((REPOSITORY / page).parent / link).is_file()
    ]
    assert missing == []


def _contents(page):
    """Yield the pages below a page of the site: those of its tables of contents."""
    for block in re.findall(
        r"```{toctree}\n(.*?)```", page.read_text("utf-8"), re.DOTALL
    ):
        for name in re.findall(r"^(\w[\w/]*)$", block, flags=re.MULTILINE):
            below = page.parent / f"{name}.md"
            if below.is_file():  # others are written when the site is built
                yield below
                yield from _contents(below)


def test_a_newcomer_finds_every_page_from_the_readme():
    index = REPOSITORY / "docs" / "index.md"
    assert "docs/index.md" in LINK.findall(README)
    assert {index, *_contents(index)} == set(REPOSITORY.glob("docs/**/*.md"))


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_alone(page, tmp_path):
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(io.StringIO()):
        _run(page.read_text("utf-8"), {"__name__": "tutorial"})


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 200
