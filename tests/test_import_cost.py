"""Importing a part of the package does not import what the part does not need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PARTS = ("metrics", "model_selection", "preprocessing", "datasets", "treatments")
DISPLAYS = "from sklearn_csg2a.plotting import CoverageDisplay, EnrichmentDisplay"
FIT = """
import numpy as np
from sklearn_csg2a import DrugResponseRegressor
X = np.arange(12.0).reshape(6, 2)
DrugResponseRegressor(max_epochs=1).fit(X, X[:, 0]).predict(X)
"""
STATEMENTS = (
    "import sklearn_csg2a",
    *(f"import sklearn_csg2a.{part}" for part in PARTS),
    DISPLAYS,
    FIT,
)
# One fresh process does one after the other: what is there after a later one was not
# there after an earlier one.
SCRIPT = """
import json, sys

LARGE = {"torch", "torch._dynamo", "skorch", "rdkit", "matplotlib"}
for statement in json.loads(sys.argv[1]):
    exec(statement, {})
    print(json.dumps(sorted(LARGE & set(sys.modules))))
"""


@pytest.fixture(scope="module")
def imported():
    """Return the large packages that a process has after each of the statements."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, json.dumps(STATEMENTS)],
        capture_output=True,
        text=True,
        check=True,
    )
    after = map(json.loads, done.stdout.splitlines())
    return {name: set(found) for name, found in zip(STATEMENTS, after, strict=True)}


def test_the_package_alone_imports_nothing_large(imported):
    assert imported["import sklearn_csg2a"] == set()


@pytest.mark.parametrize("part", PARTS)
def test_parts_without_networks_import_no_network_library(imported, part):
    assert not imported[f"import sklearn_csg2a.{part}"] & {"torch", "skorch"}


def test_pictures_load_matplotlib_when_they_are_drawn(imported):
    assert not imported[DISPLAYS] & {"matplotlib", "torch"}


def test_a_first_fit_does_not_import_the_compiler_of_torch(imported):
    """Which takes longer than the fit of a small table."""
    assert "torch" in imported[FIT]
    assert "torch._dynamo" not in imported[FIT]
