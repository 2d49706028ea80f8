"""Wall time of the same fits on one, two and four processes of this machine.

    python benchmarks/speed/processes.py                      # everything, in turn
    python benchmarks/speed/processes.py loky kernel 2        # one measurement

A cross-validation of kernel ridge and one of a small network run by joblib's processes
(`loky`) and by Dask; a fit of one network runs on the processes that `accelerate`
finds. All tables are random, each process computes on one thread, and workers are
started and warm before the clock starts. Speed-up is relative to one process of the
same kind, and cannot exceed the number of cores. Each line of `results/processes.csv`
is the fastest of some repetitions; finished ones are not repeated.
"""

from __future__ import annotations

import argparse
import csv
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import joblib
import pandas as pd
from sklearn.model_selection import cross_validate

from benchmarks.speed.tasks import Sizes, simulate
from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.model_selection import CellBlindKFold

RESULTS = Path(__file__).parent.parent / "results" / "processes.csv"
FIELDS = ("backend", "work", "processes", "seconds", "cores")
BACKENDS = ("loky", "dask", "dask_kept", "accelerate")
COUNTS = (1, 2, 4)
N_FOLDS, N_REPEATS = 8, 1
GDSC2 = Sizes(rows=82_833, genes=706, compounds=170, cells=580)
SMALL = Sizes(rows=8_000, genes=706, compounds=170, cells=580)


def network(**settings: Any) -> DrugResponseRegressor:
    """Return a network of the response that trains for few epochs."""
    fixed = {
        "compound_encoder": "morgan",
        "early_stopping": False,
        "random_state": 0,
        "batch_size": 1024,
    }
    return DrugResponseRegressor(**{"max_epochs": 1, **fixed, **settings})


WORK: dict[str, tuple[Any, Sizes]] = {
    "kernel": (PairwiseKernelRidge(), GDSC2),
    "network": (network(), SMALL),
    "large_batches": (network(batch_size=8000), SMALL),
}


def fastest(work: Callable[[], object]) -> float:
    """Return seconds of the fastest of some calls; the first warms up."""
    work()
    seconds = []
    for _ in range(N_REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def time_folds(work: str, n_processes: int) -> float:
    """Return seconds of a cross-validation."""
    model, sizes = WORK[work]
    tables = simulate(sizes)
    model.set_params(expression=tables.expression)
    return fastest(
        lambda: cross_validate(
            model,
            tables.X,
            tables.y,
            cv=CellBlindKFold(N_FOLDS),
            n_jobs=n_processes,
            error_score="raise",
        )
    )


def time_on_dask(work: str, n_processes: int, *, keeps_memory: bool) -> float:
    """Return seconds of a cross-validation on a cluster of this machine.

    By default, Dask's workers return memory to the system whenever they can.
    """
    import dask  # noqa: PLC0415 (optional)
    from distributed import Client, LocalCluster  # noqa: PLC0415 (optional)

    environment = {"OMP_NUM_THREADS": 1}
    if not keeps_memory:
        environment["MALLOC_TRIM_THRESHOLD_"] = 65536  # the default of Dask
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": environment}),
        LocalCluster(
            n_workers=n_processes, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        return time_folds(work, n_processes)


def fit_together(work: str) -> float:
    """Return seconds of a fit on all processes that were started for it."""
    model, sizes = WORK[work]
    tables = simulate(sizes)
    model.set_params(expression=tables.expression, device="accelerate", max_epochs=4)
    return fastest(lambda: model.fit(tables.X, tables.y))


def time_together(work: str, n_processes: int) -> float:
    """Return seconds of one fit, on processes as `accelerate launch` starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(  # noqa: S603 (this script)
            [sys.executable, __file__, "accelerate", work, "--rank", str(rank)],
            env={
                **os.environ,
                "ACCELERATE_USE_CPU": "true",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(n_processes),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(n_processes)
    ]
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        sys.exit("A process of the fit failed; see above.")
    return max(float(text.split()[-1]) for text in said)


def measure(backend: str, work: str, n_processes: int) -> None:
    """Measure and store, unless it is stored."""
    key = [backend, work, n_processes]
    if RESULTS.exists():
        stored = pd.read_csv(RESULTS)[list(FIELDS[:3])].to_numpy().tolist()
        if key in stored:
            return
    if backend == "accelerate":
        seconds = time_together(work, n_processes)
    elif backend == "loky":
        seconds = time_folds(work, n_processes)
    else:
        seconds = time_on_dask(work, n_processes, keeps_memory=backend == "dask_kept")
    is_new = not RESULTS.exists()
    with RESULTS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        rows = [[*key, f"{seconds:.2f}", os.cpu_count()]]
        writer.writerows([[*FIELDS], *rows] if is_new else rows)
    print(f"{backend}, {work}, {n_processes} processes: {seconds:.2f} s", flush=True)


def report() -> None:
    """Print seconds and speed-up."""
    stored = pd.read_csv(RESULTS)
    table = stored.pivot_table("seconds", ["work", "backend"], "processes")
    print(table.round(2))
    print("speed-up")
    print((table.to_numpy()[:, [0]] / table).round(2))


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("backend", nargs="?", choices=BACKENDS)
    parser.add_argument("work", nargs="?", choices=WORK)
    parser.add_argument("processes", nargs="?", type=int, choices=COUNTS)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rank is not None:
        print(fit_together(asked.work))
        return
    for backend in [asked.backend] if asked.backend else BACKENDS:
        works = list(WORK)[1:] if backend == "accelerate" else list(WORK)[:2]
        for work in [asked.work] if asked.work else works:
            for count in [asked.processes] if asked.processes else COUNTS:
                measure(backend, work, count)
    report()


if __name__ == "__main__":
    main()
