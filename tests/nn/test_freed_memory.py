"""Memory that a step frees is kept for the next one, within limits."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries keep other amounts"
)

STEPS = """
import resource
import torch
from sklearn_csg2a.nn.blocks import steady_threads

def step():
    values = [torch.ones(2**21) for _ in range(4)]  # 8 MB each
    del values

def count_pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

with steady_threads():
    for _ in range(3):
        step()
    before = count_pages()
    for _ in range(10):
        step()
    print(count_pages() - before)
"""


def _pages_taken(limits):
    kept = {key: os.environ[key] for key in os.environ if not key.startswith("MALLOC")}
    run = subprocess.run(
        [sys.executable, "-c", STEPS],
        env=kept | limits,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(run.stdout)


def test_later_steps_do_not_take_their_memory_again():
    assert _pages_taken({}) < 2**25 / 4096  # of one step


def test_limits_of_the_user_are_kept():
    limits = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}
    assert _pages_taken(limits) > 5 * 2**25 / 4096
