"""Many fits and predictions in one process leave no memory, file or thread behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = """
import gc, json, os, pickle, sys, tempfile, warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone

from sklearn_csg2a import (
    DrugResponseRegressor, PerturbationRegressor, ResidualRegressor, baselines,
    load_model, save_model,
)
from sklearn_csg2a.datasets import make_screen

warnings.simplefilter("ignore")
n_fits, folder = int(sys.argv[1]), Path(sys.argv[2])
screen = make_screen(n_genes=24, n_cells=12, n_compounds=10, random_state=0)
X, y, expression = screen.X[:60], screen.y[:60], screen.expression
small = {"expression": expression, "max_epochs": 2, "random_state": 0}
models = [
    PerturbationRegressor(**small, hidden_dim=8),
    DrugResponseRegressor(**small, hidden_dim=8, head_hidden=(16, 8)),
    baselines.PairwiseKernelRidge(expression=expression),
    baselines.RandomForestResponse(expression=expression, n_estimators=5),
    baselines.SVMResponse(expression=expression),
    baselines.PathDNN(**small),
    baselines.GraphDRP(**small),
    ResidualRegressor(
        baselines.MeanEffects(),
        baselines.PairwiseKernelRidge(expression=expression),
        cv=3,
    ),
    baselines.LatentFactors(n_factors=3),
]


def measure():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
    }


measured = []
for number in range(n_fits):
    model = clone(models[number % len(models)])
    with_checkpoint = "checkpoint" in model.get_params()
    if with_checkpoint and number % 3 == 0:
        (folder / "checkpoint").unlink(missing_ok=True)
        model.set_params(checkpoint=str(folder / "checkpoint"))
    target = np.column_stack([y, -y]) if number % len(models) == 0 else y
    model.fit(X, target).predict(X)
    pickle.loads(pickle.dumps(model)).predict(X)
    if number % len(models) in (0, 1, 2):
        save_model(model, folder / "model")
        load_model(folder / "model").predict(X)
    try:
        clone(model).fit(X.assign(smiles="C1CC"), target)
    except ValueError:
        pass
    # new compounds each time: caches are bounded
    new = ["C" * (2 + number % 50) + "O" + "C" * (row % 7) for row in range(len(X))]
    model.predict(X.assign(smiles=new))
    measured.append(measure())
print(json.dumps(measured))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="measured as on Linux"
)
def test_500_fits_leave_no_memory_file_or_thread_behind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SOAK, "500", str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    measured = json.loads(done.stdout)
    warm, last = measured[100:250], measured[-1]
    for what in ("files", "threads"):
        assert last[what] <= max(state[what] for state in warm)
    highest = max(state["memory"] for state in warm)
    assert max(state["memory"] for state in measured[250:]) <= 1.05 * highest
