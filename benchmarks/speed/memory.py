"""Growth of memory in cross-validation and in a nested search of kernel ridge.

The screen is simulated: 1,000 cell lines with 20,000 genes in float32, a table of 80
MB, and 20,000 treatments. Each task runs in a new process, and its growth is the
highest resident memory of the task less that at its start, once the table is there and
the same has been done with 50 of its genes: all processes run and have imported what
they need. Resident memory is sampled; with two processes the memory that is theirs
alone is added.

    python benchmarks/speed/memory.py                    # both tasks
    python benchmarks/speed/memory.py folds
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.model_selection import CellBlindKFold

TASKS = ("folds", "nested")
N_CELLS, N_GENES, N_COMPOUNDS = 1000, 20_000, 20
N_GENES_AT_FIRST = 50
SECONDS_BETWEEN_SAMPLES = 0.02
MB = 1e6


class HighestMemory:
    """Sample the memory of this process and of its children while a block runs."""

    def __enter__(self) -> Self:
        self.start = self.peak = memory_of_all()
        self._is_done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_done.set()
        self._sampler.join()
        self.end = memory_of_all()

    def _sample(self) -> None:
        while not self._is_done.wait(SECONDS_BETWEEN_SAMPLES):
            self.peak = max(self.peak, memory_of_all())


def memory_of_all() -> float:
    """Return the resident memory of this process and its children, in MB.

    Memory that children map from files, as joblib's workers do with large arrays, is
    shared and does not count.
    """
    own = Path("/proc/self")
    total = field_of(own / "status", "VmRSS")
    for task in (own / "task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except OSError:  # a thread that has ended
            continue
        total += sum(
            field_of(Path("/proc") / child / "status", "RssAnon") for child in children
        )
    return total


def field_of(path: Path, name: str) -> float:
    """Return a field of a status file in MB; 0 for a process that has ended."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0.0
    found = [line.split() for line in lines if line.startswith(f"{name}:")]
    return float(found[0][1]) * 1024 / MB if found else 0.0


def simulate() -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return treatments, ln IC50 and expression, (cells, genes) in float32."""
    rng = np.random.default_rng(0)
    cells = [f"cell_{i}" for i in range(N_CELLS)]
    expression = pd.DataFrame(
        rng.standard_normal((N_CELLS, N_GENES), dtype=np.float32),
        index=cells,
        columns=[f"gene_{i}" for i in range(N_GENES)],
    )
    compounds = make_screen(n_cells=5, n_compounds=N_COMPOUNDS, random_state=0)
    smiles = compounds.X["smiles"].unique()
    X = pd.DataFrame(
        {
            "cell_line": np.repeat(cells, len(smiles)),
            "smiles": np.tile(smiles, N_CELLS),
        }
    )
    return X, rng.normal(size=len(X)), expression


def validate(
    task: str, X: pd.DataFrame, y: np.ndarray, expression: pd.DataFrame
) -> list[object]:
    """Cross-validate a model or a search for one in two processes; keep all models."""
    model = PairwiseKernelRidge(expression=expression)
    cv = CellBlindKFold(10)
    if task == "nested":
        cv = CellBlindKFold(2)
        model = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=cv, n_jobs=2)
    return list(cross_validate(model, X, y, cv=cv, return_estimator=True)["estimator"])


def run_task(task: str) -> None:
    """Run one task in this process and print how much memory it takes."""
    X, y, expression = simulate()
    validate(task, X, y, expression.iloc[:, :N_GENES_AT_FIRST])
    start = time.perf_counter()
    with HighestMemory() as memory:
        kept = validate(task, X, y, expression)
    seconds = time.perf_counter() - start
    grown, left = memory.peak - memory.start, memory.end - memory.start
    print(
        f"{task}: a table of {expression.to_numpy().nbytes / MB:.0f} MB, "
        f"{len(kept)} models kept. Memory at the start {memory.start:.0f} "
        f"MB, growth at most {grown:.0f} MB, at the end {left:.0f} MB; {seconds:.0f} s",
        flush=True,
    )


def main() -> None:
    """Run the tasks, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", nargs="?", choices=TASKS)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        run_task(given.task)
        return
    for task in [given.task] if given.task else TASKS:
        command = [sys.executable, __file__, task, "--here"]
        subprocess.run(command, check=True)  # noqa: S603 (this script)


if __name__ == "__main__":
    main()
