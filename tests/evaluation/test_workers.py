"""Other processes and Dask clusters find what one process finds."""

from __future__ import annotations

import csv
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

workers = pytest.importorskip(
    "sklearn_csg2a.evaluation.workers", reason="the benchmarks folder is not importable"
)
tasks = pytest.importorskip("sklearn_csg2a.evaluation.tasks")

NAMES = ["--schemes", "mixed", "drug", "--models", "naive", "--folds", 2]
OF_A_RUN = ("fit_seconds", "predict_seconds")


def _rows(benchmark):
    path = benchmark.folder / "screen.csv"
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            {name: value for name, value in row.items() if name not in OF_A_RUN}
            for row in csv.DictReader(lines)
        ]


def _die():
    raise RuntimeError("worker died")


def test_a_task_whose_worker_died_counts_as_failed():
    with ThreadPoolExecutor(1) as pool:
        died, done = pool.submit(_die), pool.submit(str, "found")
        failure = workers._outcome(died, "task")
        assert workers._outcome(done, "task") == "found"
    assert failure == tasks.Failure("task", "RuntimeError: worker died")


def test_backend_and_scheduler_go_together(benchmark, capsys):
    with pytest.raises(SystemExit):
        benchmark(*NAMES, "--backend", "dask")
    assert "--scheduler ADDRESS must be used together" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_give_the_rows_of_one(benchmark, tmp_path):
    assert benchmark(*NAMES) == 0
    alone = _rows(benchmark)
    (benchmark.folder / "screen.csv").unlink()
    assert benchmark(*NAMES, "--jobs", 2) == 0
    assert _rows(benchmark) == alone


@pytest.fixture
def cluster(monkeypatch):
    """Start a Dask cluster of two worker processes; give its address."""
    distributed = pytest.importorskip(
        "distributed", reason='needs pip install "sklearn_csg2a[distributed]"'
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=logging.ERROR,
    ) as started:
        yield started.scheduler_address


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.changes_global_random_state  # by Dask
def test_a_dask_cluster_finds_the_rows_of_one_process_and_resumes(
    benchmark, cluster, monkeypatch
):
    """Stopped after three results, it does the others when started again."""
    assert benchmark(*NAMES) == 0
    alone = _rows(benchmark)
    path = benchmark.folder / "screen.csv"
    path.unlink()
    dask = [*NAMES, "--backend", "dask", "--scheduler", cluster]
    store = pytest.importorskip("sklearn_csg2a.evaluation.store")
    add = store.Table.add

    def stop_after_three(table, rows):
        if table.path == path and len(table.read()) == 3:
            raise KeyboardInterrupt
        add(table, rows)

    with monkeypatch.context() as patch:
        patch.setattr(store.Table, "add", stop_after_three)
        assert benchmark(*dask) == 130
    assert len(_rows(benchmark)) == 3
    assert benchmark(*dask) == 0
    assert _rows(benchmark) == alone
    before = path.read_bytes()
    assert benchmark(*dask) == 0
    assert path.read_bytes() == before
