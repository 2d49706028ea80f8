"""What the tests of the benchmark share."""

from __future__ import annotations

import pytest


@pytest.fixture
def benchmark(tmp_path):
    """Run the program on the simulated screen, in folders of this test."""
    run = pytest.importorskip(
        "benchmarks.run", reason="the benchmarks folder is not importable"
    )

    def call(*arguments):
        folders = ["--results", str(tmp_path / "results")]
        folders += ["--predictions", str(tmp_path / "predictions")]
        return run.main(["--data", "screen", *folders, *map(str, arguments)])

    call.folder = tmp_path / "results"
    call.predictions = tmp_path / "predictions" / "screen"
    return call
