"""A whole fit to the GDSC2 screen of `load_gdsc_full`: seconds and peak memory.

    python benchmarks/speed/whole.py                 # the default response model
    python benchmarks/speed/whole.py --epochs 1      # an epoch of it
    python benchmarks/speed/whole.py --kernel --genes all

One process does nothing else: its highest resident memory counts libraries and tables.
The data come from the folder that SKLEARN_CSG2A_DATA names.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import load_gdsc_full

MB = 1e3  # of kilobytes


def peak() -> float:
    """Return the highest resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024 / MB


def main() -> None:
    """Fit once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--genes", choices=("landmark", "all"), default="landmark")
    parser.add_argument("--epochs", type=int, help="instead of the default number")
    parser.add_argument("--kernel", action="store_true", help="kernel ridge")
    asked = parser.parse_args()
    screen = load_gdsc_full(genes=asked.genes)
    loaded = peak()
    model = PairwiseKernelRidge(expression=screen.expression, random_state=0)
    if not asked.kernel:
        model = DrugResponseRegressor(
            expression=screen.expression, random_state=0, verbose=1
        )
    if asked.epochs is not None:
        model.set_params(max_epochs=asked.epochs)
    start, start_of_cpu = time.perf_counter(), time.process_time()
    model.fit(screen.X, screen.y)
    print(
        json.dumps(
            {
                "rows": len(screen.X),
                "cells_genes": screen.expression.shape,
                "epochs_or_steps": model.n_iter_,
                "processor_seconds": round(time.process_time() - start_of_cpu, 1),
                "seconds": round(time.perf_counter() - start, 1),
                "threads": os.environ.get("OMP_NUM_THREADS", os.cpu_count()),
                "loaded_mb": round(loaded),
                "peak_mb": round(peak()),
            }
        )
    )


if __name__ == "__main__":
    main()
