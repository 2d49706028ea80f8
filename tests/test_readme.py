"""What the README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text("utf-8")


def _makefile_targets():
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def _folders():
    table = README.partition("| folder | content |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([\w/]+)`", table, flags=re.MULTILINE)


def test_python_blocks_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    assert len(names["scores"]["test_score"]) == 3


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", README))))
def test_make_commands_exist(target):
    assert target in _makefile_targets()


@pytest.mark.parametrize("path", _folders())
def test_folders_of_the_table_exist(path):
    assert (REPOSITORY / path).is_dir()


@pytest.mark.parametrize("link", re.findall(r"\]\(([A-Za-z]\w+\.\w+)\)", README))
def test_linked_files_exist(link):
    assert (REPOSITORY / link).is_file()
