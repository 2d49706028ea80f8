"""What every test of the project shares."""

from __future__ import annotations

import os
import random
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]

# The same examples in every run, and no opinion on how long one may take.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")

# Small tensors gain nothing from many threads, and the machine may be shared.
_IN_PARALLEL = "PYTEST_XDIST_WORKER" in os.environ
torch.set_num_threads(1 if _IN_PARALLEL else min(2, torch.get_num_threads()))


def pytest_runtest_setup(item):
    """Skip the tests for a GPU where there is none."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")


def _global_random_states():
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    return {
        "random": random.getstate(),
        "numpy.random": (name, keys.tobytes(), position, has_gauss, cached),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


@pytest.fixture(autouse=True)
def _global_random_states_stay(request):
    """P28: nothing in this package touches a random state that others share."""
    before = _global_random_states()
    yield
    if request.node.get_closest_marker("changes_global_random_state"):
        return
    after = _global_random_states()
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, f"global random state changed: {', '.join(changed)}"


@pytest.fixture(scope="session")
def data_home():
    """Folder with the real data sets; tests that need it are skipped without it."""
    named = os.environ.get("SKLEARN_CSG2A_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if folder.is_dir():
        return folder
    if named:
        pytest.fail(f"SKLEARN_CSG2A_DATA names {named!r}, which is not a folder")
    pytest.skip("real data sets are not here; set SKLEARN_CSG2A_DATA to their folder")
