"""The shipped model of expression after treatment: CSG2A on all LINCS profiles.

Expression before and after treatment is in standard deviations of each gene from its
mean over untreated cell lines. The settings are those of the perturbation benchmark.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from benchmarks.models.profiles.network import NETWORK, make_encoder
from benchmarks.perturbation import load, make_folds, measure
from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.tasks import describe_versions
from sklearn_csg2a.model_selection import DrugBlindKFold

N_MEMBERS = 1
SEED = 0

KEY = ("split", "fold", "model")
COLUMNS = (
    *KEY,
    "n_members",
    "split_hash",
    "n_train",
    "n_test",
    "n_compounds",
    "pearson",
    "rmse",
    "skill",
    "raw_pearson",
    "fit_seconds",
    "versions",
)


def make_model(profiles: Bunch, **settings: Any) -> PerturbationRegressor:
    """Make the model, unfitted: a tenth of the compounds chooses the epoch."""
    return PerturbationRegressor(
        expression=profiles.scaled.astype(np.float32),
        interactome=profiles.interactome,
        compound_encoder=make_encoder(),
        validation=DrugBlindKFold(10, random_state=SEED + 1),
        missing_genes="zero",
        n_members=N_MEMBERS,
        random_state=SEED,
        **{**NETWORK, **settings},
    )


def scale_profiles(profiles: Bunch) -> pd.DataFrame:
    """Return expression after treatment in the units of the controls."""
    Y = pd.DataFrame(profiles.Y, columns=profiles.genes)
    return ((Y - profiles.location) / profiles.scale).astype(np.float32)


def train(data_home: str | None, cache: Path) -> PerturbationRegressor:
    """Train on all profiles."""
    profiles = load(data_home)
    model = make_model(profiles, checkpoint=cache / "lincs.ckpt", verbose=1)
    model.fit(profiles.X, scale_profiles(profiles))
    return model.set_params(checkpoint=None, verbose=0)


def describe(model: PerturbationRegressor, data_home: str | None) -> dict[str, Any]:
    """Return the size of the training data."""
    del model
    profiles = load(data_home)
    size = {
        "profiles": len(profiles.X),
        "controls": len(profiles.scaled),
        "cell_lines": int(profiles.X["cell"].nunique()),
        "compounds": len(np.unique(profiles.compound)),
        "genes": len(profiles.genes),
    }
    return {"data": size}


def measure_errors(data_home: str | None, table: Table, n_folds: int) -> None:
    """Measure the change from control that is predicted for new compounds."""
    profiles = load(data_home)
    Y, stored = scale_profiles(profiles), table.read()
    unit = profiles.scale[profiles.genes].to_numpy()
    for fold in make_folds(profiles, "compound")[:n_folds]:
        row = stored.get(("compound", str(fold.index), "csg2a"))
        if row is not None and row["split_hash"] == fold.split_hash:
            continue
        model, start = make_model(profiles), perf_counter()
        model.fit(profiles.X.iloc[fold.train], Y.iloc[fold.train])
        seconds = perf_counter() - start
        after = model.predict(profiles.X.iloc[fold.test])
        before = profiles.scaled.loc[
            profiles.X["cell_line"].iloc[fold.test], profiles.genes
        ].to_numpy()
        _, measures = measure(profiles, fold, (np.asarray(after) - before) * unit)
        table.add(
            [
                {
                    **fold.as_row(),
                    **measures,
                    "split": "compound",
                    "model": "csg2a",
                    "n_members": N_MEMBERS,
                    "fit_seconds": seconds,
                    "versions": describe_versions(),
                }
            ]
        )
        print(f"fold {fold.index}: {measures}", flush=True)
