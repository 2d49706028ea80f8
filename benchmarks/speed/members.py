"""Measure what further networks of one model cost.

    python benchmarks/speed/members.py --members 20
    python benchmarks/speed/members.py --members 20 --max-samples 0.4

Fits of one network and of several alternate in one process, on random tables of the
size of GDSC2. Reported are wall and processor time of all members in units of a fit
alone with the same threads, and the time in which all members predict all rows. Wall
times are only meaningful on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np
import pandas as pd

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.datasets import make_screen

N_CELLS, N_GENES, N_COMPOUNDS, N_ROWS = 580, 706, 160, 82_833
SETTINGS: dict[str, Any] = {
    "attention": "gated",
    "compound_encoder": "morgan",
    "head_hidden": (256, 64),
    "batch_size": 2048,
    "early_stopping": False,
    "random_state": 0,
}


def make_tables(
    n_cells: int, n_genes: int, n_compounds: int, n_rows: int
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return random treatments, expression and response."""
    rng = np.random.default_rng(0)
    cells = [f"cell{i}" for i in range(n_cells)]
    genes = [f"gene{i}" for i in range(n_genes)]
    values = rng.normal(size=(n_cells, n_genes)).astype(np.float32)
    screen = make_screen(n_cells=5, n_compounds=n_compounds, random_state=0)
    smiles = screen.X["smiles"].unique()
    X = pd.DataFrame(
        {
            "cell_line": np.array(cells)[rng.integers(n_cells, size=n_rows)],
            "smiles": smiles[rng.integers(len(smiles), size=n_rows)],
        }
    )
    return X, pd.DataFrame(values, cells, genes), rng.normal(size=n_rows)


def time_of(function: Callable[[], object]) -> np.ndarray:
    """Return wall and processor seconds of a call, (2,)."""
    start = np.array([perf_counter(), process_time()])
    function()
    return np.array([perf_counter(), process_time()]) - start


def measure(
    n_members: int,
    max_epochs: int = 1,
    rounds: int = 3,
    sizes: tuple[int, int, int, int] = (N_CELLS, N_GENES, N_COMPOUNDS, N_ROWS),
    max_samples: float = 1.0,
) -> dict[str, float]:
    """Return the cost of a member, and of the prediction by all."""
    X, expression, y = make_tables(*sizes)
    alone = DrugResponseRegressor(
        expression=expression, max_epochs=max_epochs, **SETTINGS
    )
    several = DrugResponseRegressor(
        expression=expression,
        max_epochs=max_epochs,
        n_members=n_members,
        max_samples=max_samples,
        **SETTINGS,
    )
    times = [
        (time_of(lambda: alone.fit(X, y)), time_of(lambda: several.fit(X, y)))
        for _ in range(rounds)
    ]
    wall, processor = (
        median(all_members[k] / one[k] for one, all_members in times) for k in (0, 1)
    )
    predicting = time_of(lambda: several.predict(X))
    return {
        "members": n_members,
        "max_samples": max_samples,
        "wall_of_all_to_one": wall,
        "processor_of_all_to_one": processor,
        "predict_seconds": predicting[0],
        "predict_processor_seconds": predicting[1],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-samples", type=float, default=1.0)
    asked = parser.parse_args()
    measured = measure(
        asked.members, asked.epochs, asked.rounds, max_samples=asked.max_samples
    )
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
