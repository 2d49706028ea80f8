"""Slowdown of the demo, a fit on GDSC2 and kernel ridge by a busy process on one core.

Each task runs in a new process, alone and with another process that keeps the first
core busy, and also on one thread, with bitwise identical predictions. Run it on an
otherwise idle machine:

    python benchmarks/speed/neighbour.py --repeats 3

With `--against`, the path of another checkout, each line ends with the ratio of the
times alone, relative to the package of that checkout.

GDSC2 is read from `SKLEARN_CSG2A_DATA`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import load_gdsc2

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
TASKS = ("demo", "gdsc2", "kernel_ridge")
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
N_ROWS = 20_000  # of the fit on GDSC2


def run_task(task: str, n_threads: int | None) -> None:
    """Fit and predict; print seconds and a digest of the predictions."""
    if n_threads is not None:
        torch.set_num_threads(n_threads)
        threadpool_limits(n_threads, user_api="blas")
    if task == "demo":
        start = time.perf_counter()
        runpy.run_path(str(REPOSITORY / "examples" / "demo.py"), run_name="__main__")
        print("result", time.perf_counter() - start, "-")
        return
    screen = load_gdsc2()
    X, y = screen.X, screen.y
    if task == "gdsc2":
        rows = np.random.RandomState(0).permutation(len(X))[:N_ROWS]
        X, y = X.iloc[rows], y.iloc[rows]
        model = DrugResponseRegressor(
            expression=screen.expression,
            head_hidden=(512, 64),
            max_epochs=2,
            batch_size=512,
            early_stopping=True,
            random_state=0,
        )
    else:
        model = PairwiseKernelRidge(expression=screen.expression, random_state=0)
    start = time.perf_counter()
    predicted = model.fit(X, y).predict(X)
    seconds = time.perf_counter() - start
    print("result", seconds, hashlib.sha256(predicted.tobytes()).hexdigest())


def measure(
    task: str, n_threads: int | None = None, checkout: Path = REPOSITORY
) -> tuple[float, str]:
    """Run a task on the package of a checkout; return seconds and digest."""
    command = [sys.executable, __file__, "--task", task]
    if n_threads is not None:
        command += ["--threads", str(n_threads)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 (this file)
            command,
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(checkout)},
        )
    lines = done.stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("result "))
    _, seconds, digest = line.split()
    return float(seconds), digest


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep the first core busy by a process that always ends with this one."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])  # noqa: S603
    try:
        if hasattr(os, "sched_setaffinity"):
            first = min(os.sched_getaffinity(0))
            os.sched_setaffinity(process.pid, {first})
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measure all tasks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--against", type=Path, help="another checkout")
    given = parser.parse_args()
    if given.task is not None:
        run_task(given.task, given.threads)
        return
    print(f"{'task':14}{'alone, s':>10}{'beside, s':>11}{'ratio':>7}  bits")
    for task in given.tasks:
        compare(task, given.repeats, given.against)


def compare(task: str, n_repeats: int, against: Path | None) -> None:
    """Measure a task alone and with a busy process, alternately; print a line."""
    alone, beside, other = [], [], []
    for _ in range(n_repeats):
        alone.append(measure(task))
        if against is not None:
            other.append(measure(task, checkout=against.resolve()))
        with busy_core():
            beside.append(measure(task))
    first, second = (statistics.median(s for s, _ in runs) for runs in (alone, beside))
    bits = "-"
    if task != "demo":
        runs = [*alone, *beside, *(measure(task, n) for n in (1, 2))]
        bits = "equal" if len({digest for _, digest in runs}) == 1 else "DIFFER"
    line = f"{task:14}{first:10.1f}{second:11.1f}{second / first:7.2f}  {bits:6}"
    if other:
        ratio = first / statistics.median(s for s, _ in other)
        line += f"  {ratio:.2f} times as long as there"
    print(line, flush=True)


if __name__ == "__main__":
    main()
