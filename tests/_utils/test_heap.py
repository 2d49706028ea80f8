"""Memory that a fit frees is kept during it, and returned afterwards."""

from __future__ import annotations

import pytest
import torch

from sklearn_csg2a._utils import heap
from sklearn_csg2a.nn.blocks import steady_threads


@pytest.fixture
def settings(monkeypatch):
    """Return what is told to the C library, by number of the setting."""
    told = {}

    class Library:
        @staticmethod
        def mallopt(name, value):
            told[name] = value

    monkeypatch.setattr(heap, "_glibc", Library)
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    return told


def test_memory_is_kept_inside_alone(settings):
    with steady_threads():
        inside = dict(settings)
        with steady_threads():
            assert settings == inside
        assert settings == inside
    assert settings[heap._TRIM_THRESHOLD] < inside[heap._TRIM_THRESHOLD]


def test_what_the_environment_asks_for_is_restored(settings, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "much")
    with steady_threads():
        assert settings[heap._TRIM_THRESHOLD] > 65536
    assert settings[heap._TRIM_THRESHOLD] == 65536
    assert settings[heap._MMAP_THRESHOLD] > 0


def test_without_glibc_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(heap, "_glibc", lambda: None)
    with steady_threads():
        assert torch.ones(3).sum() == 3
