"""Matrices that the machine cannot hold are refused before they are made."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_csg2a._utils import memory
from sklearn_csg2a.baselines import (
    PairwiseKernelRidge,
    PotencyRegressor,
    ResponseGaussianProcess,
    SVMResponse,
)
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import DeviceMemoryError


def test_what_fits_is_not_refused():
    memory.refuse_without_memory(1e6, "A matrix", "")


def test_what_does_not_fit_is_refused_with_its_size_and_a_remedy():
    with pytest.raises(
        DeviceMemoryError, match=r"A matrix needs about \d+ GB .* Less\.$"
    ):
        memory.refuse_without_memory(1e21, "A matrix", "Less.")


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text("2000000000\n")
    monkeypatch.setattr(memory, "_LIMITS", (limit,))
    with pytest.raises(DeviceMemoryError, match="this machine has 2 GB"):
        memory.refuse_without_memory(3e9, "A matrix", "")
    limit.write_text("max\n")
    memory.refuse_without_memory(1e6, "A matrix", "")


@pytest.mark.parametrize(
    "model", [PairwiseKernelRidge, SVMResponse, ResponseGaussianProcess]
)
def test_kernels_of_too_many_compounds_are_refused_before_they_are_encoded(
    monkeypatch, model
):
    screen = make_screen(n_cells=6, n_compounds=4, random_state=0)
    monkeypatch.setattr(memory, "_memory_of_machine", lambda: 1000.0)
    encoder = _Unused()
    estimator = model(expression=screen.expression, compound_encoder=encoder)
    with pytest.raises(DeviceMemoryError, match=r"compounds.*Fit fewer of them, or"):
        estimator.fit(screen.X, screen.y)


def test_potencies_of_too_many_compounds_are_refused(monkeypatch):
    screen = make_screen(n_cells=6, n_compounds=4, random_state=0)
    monkeypatch.setattr(memory, "_memory_of_machine", lambda: 100.0)
    with pytest.raises(DeviceMemoryError, match=r"potencies.*Give fewer compounds"):
        PotencyRegressor().fit(screen.X, screen.y)


class _Unused:
    """An encoder that must not run."""

    def fit(self, X, y=None):
        raise AssertionError

    def transform(self, X):
        return np.ones((len(X), 1))
