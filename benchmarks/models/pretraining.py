"""Perturbation models for transfer, trained once for each set of profiles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from benchmarks.models import registry as models
from sklearn_csg2a import PerturbationRegressor, save_model
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.interrupts import check_uninterrupted
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.evaluation.configuration import hash_parts


@dataclass(frozen=True)
class Pretraining:
    """A perturbation model and its training data."""

    estimator: PerturbationRegressor
    X: pd.DataFrame
    Y: np.ndarray  # (n_profiles, n_genes), in the units of the response data
    hash: str

    @property
    def n_compounds(self) -> int:
        """Number of compounds among the profiles."""
        return len(np.unique(compound_identities(self.X["smiles"])))


def plan_pretraining(
    profiles: Bunch, settings: Mapping[str, Any], seed: int, excluded: pd.Series | None
) -> Pretraining:
    """Select the profiles and the model, without profiles of `excluded` SMILES."""
    kept = np.arange(len(profiles.X))
    if excluded is not None:
        unwanted = np.unique(compound_identities(excluded))
        kept = np.flatnonzero(~np.isin(profiles.compound, unwanted))
    estimator = PerturbationRegressor(
        expression=profiles.expression,
        interactome=profiles.interactome,
        random_state=seed,
        **settings,
    )
    plan = hash_parts(models.config_hash(estimator), profiles.hash, profiles.ids[kept])
    return Pretraining(estimator, profiles.X.iloc[kept], profiles.Y[kept], plan)


def pretrain(plan: Pretraining, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return the file of the trained model and information on the training.

    A model that is already in the folder is not trained again.
    """
    path = folder / f"{plan.hash[:16]}.csg2a"
    notes = path.with_suffix(".json")
    if not (path.is_file() and notes.is_file()):
        start = perf_counter()
        model = plan.estimator.fit(plan.X, plan.Y)
        check_uninterrupted(model)
        facts = {
            "pretraining_seconds": perf_counter() - start,
            "pretraining_best_epoch": model.best_epoch_,
            "pretraining_profiles": len(plan.X),
            "pretraining_compounds": plan.n_compounds,
        }
        with replacing(path) as part:
            save_model(model, part)
        with replacing(notes) as part:
            part.write_text(json.dumps(facts), encoding="utf-8")
    return path, json.loads(notes.read_text(encoding="utf-8"))
