"""Time and memory of the strongest pairs of genes, for 1,000 rows.

The expression, of 100 cell lines, the interactome, of about five edges per gene, and
the weights are random. A network is saved, and a new process loads it and ranks pairs:
the highest resident memory is that of the whole process, with everything imported.
Seconds are those of the ranking; CPU seconds, those of all threads together, also tell
something on a machine that does other work.

    python benchmarks/speed/inspection.py                # 978 and 10,167 genes
    python benchmarks/speed/inspection.py --genes 978 --methods jacobian
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sklearn_csg2a import PerturbationRegressor, load_model, save_model
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.inspection import top_interactions

N_CELLS, N_COMPOUNDS, N_ROWS, N_PAIRS = 100, 10, 1000, 1000
EDGES_PER_GENE = 5
METHODS = ("covariation", "attention", "jacobian", "integrated_gradients")


def simulate(n_genes: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return treatments and expression."""
    rng = np.random.default_rng(0)
    cells = [f"cell_{i}" for i in range(N_CELLS)]
    expression = pd.DataFrame(
        rng.standard_normal((N_CELLS, n_genes), dtype=np.float32),
        index=cells,
        columns=[f"gene_{i}" for i in range(n_genes)],
    )
    compounds = make_screen(n_cells=5, n_compounds=N_COMPOUNDS, random_state=0)
    smiles = compounds.X["smiles"].unique()
    X = pd.DataFrame(
        {
            "cell_line": np.repeat(cells, len(smiles)),
            "smiles": np.tile(smiles, N_CELLS),
        }
    )
    return X[:N_ROWS], expression


def save_network(n_genes: int, path: Path) -> None:
    """Fit a network for one step and save it."""
    X, expression = simulate(n_genes)
    rng = np.random.default_rng(1)
    edges = rng.choice(expression.columns, size=(EDGES_PER_GENE * n_genes, 2))
    edges = pd.DataFrame(edges, columns=["source", "target"])
    edges = edges[edges["source"] != edges["target"]]
    model = PerturbationRegressor(
        expression=expression,
        interactome=edges,
        max_epochs=1,
        early_stopping=False,
        random_state=0,
    )
    few = X[:20]
    model.fit(few, expression.loc[few["cell_line"]].to_numpy())
    save_model(model, path)


def peak_memory() -> float:
    """Return the highest resident memory of this process so far, in GB."""
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return float(line.split()[1]) * 1024 / 1e9


def measure(n_genes: int, method: str, path: Path) -> None:
    """Rank pairs by a saved network in this process and print what it takes."""
    X, expression = simulate(n_genes)
    model = load_model(path).set_params(expression=expression)
    before = peak_memory()
    start, start_of_cpu = time.perf_counter(), time.process_time()
    pairs = top_interactions(model, X, N_PAIRS, method=method, by=None)
    seconds = time.perf_counter() - start
    cpu_seconds = time.process_time() - start_of_cpu
    print(
        f"{n_genes} genes, {len(X)} rows, {len(pairs)} pairs by {method}: "
        f"{seconds:.2f} s ({cpu_seconds:.2f} s of CPU, {torch.get_num_threads()} "
        f"threads), at most {peak_memory():.2f} GB ({before:.2f} GB before)",
        flush=True,
    )


def main() -> None:
    """Measure each size and readout in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--genes", type=int, nargs="+", default=[978, 10_167])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS[:3])
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        measure(given.genes[0], given.methods[0], given.here)
        return
    with tempfile.TemporaryDirectory() as folder:
        for n_genes in given.genes:
            path = Path(folder) / f"{n_genes}.csg2a"
            save_network(n_genes, path)
            for method in given.methods:
                command = [sys.executable, __file__, "--here", str(path)]
                command += ["--genes", str(n_genes), "--methods", method]
                subprocess.run(command, check=True)  # noqa: S603 (this script)


if __name__ == "__main__":
    main()
