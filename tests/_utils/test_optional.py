"""Packages that only some features need."""

from __future__ import annotations

import json
import sys

import pytest

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.evaluation import figures, page
from sklearn_csg2a.exceptions import Csg2aError, MissingDependencyError


def test_package_that_is_installed_is_returned():
    assert import_optional("json", purpose="A test") is json


@pytest.mark.parametrize(
    ("extra", "command"),
    [("h5", r"pip install 'sklearn_csg2a\[h5\]'"), (None, "pip install absent")],
)
def test_error_says_what_needs_the_package_and_how_to_install_it(extra, command):
    message = rf"^Reading needs the package absent: {command}\.$"
    with pytest.raises(MissingDependencyError, match=message) as caught:
        import_optional("absent", extra=extra, purpose="Reading")
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, Csg2aError)
    assert caught.value.name == "absent"


@pytest.mark.parametrize(
    ("package", "use"), [("jinja2", page.as_html), ("matplotlib", figures.draw_ranks)]
)
def test_report_names_the_package_that_it_needs(package, use, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"sklearn_csg2a\[report\]"):
        use(None)
