"""Packages that only some features need."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

import sklearn_csg2a
from sklearn_csg2a._utils import optional
from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.evaluation import figures, page
from sklearn_csg2a.exceptions import Csg2aError, MissingDependencyError

PACKAGE = Path(sklearn_csg2a.__file__).parent


def test_package_that_is_installed_is_returned(monkeypatch):
    h5py = types.ModuleType("h5py")
    monkeypatch.setitem(sys.modules, "h5py", h5py)
    assert import_optional("h5py", purpose="A test") is h5py


@pytest.mark.parametrize(
    ("extra", "command"),
    [("h5", r"pip install 'sklearn_csg2a\[h5\]'"), (None, "pip install h5py")],
)
def test_error_says_what_needs_the_package_and_how_to_install_it(
    extra, command, monkeypatch
):
    monkeypatch.setitem(sys.modules, "h5py", None)
    message = rf"^Reading needs the package h5py: {command}\.$"
    with pytest.raises(MissingDependencyError, match=message) as caught:
        import_optional("h5py", extra=extra, purpose="Reading")
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, Csg2aError)
    assert caught.value.name == "h5py"


@pytest.mark.parametrize(
    ("package", "use"), [("jinja2", page.as_html), ("matplotlib", figures.draw_ranks)]
)
def test_report_names_the_package_that_it_needs(package, use, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"sklearn_csg2a\[report\]"):
        use(None)


def test_every_package_that_is_asked_for_is_listed():
    sources = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    asked = set(re.findall(r"import_optional\(\s*\"([^\"]+)\"", sources))
    assert asked
    assert asked == set(optional._HOME_OF)
