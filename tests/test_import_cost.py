"""Importing a part of the package does not import what the part does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
{statement}

print(*sorted({{"torch", "skorch", "rdkit", "matplotlib"}} & set(sys.modules)))
"""


def imported_with(statement):
    """Return the large packages that a fresh process has after an import."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "part", ["metrics", "model_selection", "preprocessing", "datasets", "treatments"]
)
def test_parts_without_networks_import_no_network_library(part):
    assert not imported_with(f"import sklearn_csg2a.{part}") & {"torch", "skorch"}


def test_pictures_load_matplotlib_when_they_are_drawn():
    displays = "from sklearn_csg2a.plotting import CoverageDisplay, EnrichmentDisplay"
    assert not imported_with(displays) & {"matplotlib", "torch"}


def test_the_package_alone_imports_nothing_large():
    assert imported_with("import sklearn_csg2a") == set()


def test_a_first_fit_does_not_import_the_compiler_of_torch():
    """Which takes longer than the fit of a small table."""
    script = """
import sys
import numpy as np
from sklearn_csg2a import DrugResponseRegressor

X = np.arange(12.0).reshape(6, 2)
model = DrugResponseRegressor(max_epochs=1).fit(X, X[:, 0])
model.predict(X)
print("torch" in sys.modules, "torch._dynamo" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "False"]
