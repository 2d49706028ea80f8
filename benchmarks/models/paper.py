"""Models of the paper's figures: trained once, with nulls that have nothing to show.

The perturbation model learns all LINCS profiles with the interactome. Its nulls are
trained in the same way, with compounds exchanged among each other or with an
interactome whose edges were exchanged, so that every gene keeps its number of partners.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from benchmarks.models.ablations import rewire
from benchmarks.models.pretraining import plan_pretraining, pretrain
from benchmarks.transfer import OF_SCHEME, PRETRAINING, RESPONSE, TIME
from sklearn_csg2a import DrugResponseRegressor, load_model, save_model
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a.evaluation.folds import VALIDATION_SEED, validation_splitter
from sklearn_csg2a.model_selection import DrugBlindKFold, MixedKFold

__all__ = ["KINDS", "fit_response", "load_perturbation", "split_rows"]

KINDS = (
    "csg2a",
    "untrained",
    "no interactome",
    "permuted compounds",
    "rewired interactome",
)


def load_perturbation(
    data: Bunch, folder: Path, kind: str = "csg2a", seed: int = 0
) -> Any:
    """Return a perturbation model, trained now or before; `seed` is that of a null."""
    profiles = data.profiles
    if kind == "permuted compounds":
        profiles = _with(profiles, X=permute_compounds(profiles.X, seed))
    elif kind == "rewired interactome":
        profiles = _with(profiles, interactome=rewire(profiles.interactome, seed))
    elif kind == "no interactome":
        profiles = _with(profiles, interactome=None)
    settings = {
        **PRETRAINING,
        "validation": DrugBlindKFold(10, random_state=VALIDATION_SEED),
        "dropout": RESPONSE["dropout"],
        "default_time": TIME,
    }
    if kind == "untrained":  # one epoch that changes nothing
        settings |= {"max_epochs": 1, "learning_rate": 1e-9}
    plan = plan_pretraining(profiles, settings, 0, excluded=None)
    path, _ = pretrain(plan, folder)
    model = load_model(path)
    return model.set_params(expression=data.expression)


def _with(profiles: Bunch, **changed: Any) -> Bunch:
    """Return the profiles with some parts replaced, and ids that say so."""
    changed = {**profiles, **changed}
    ids = changed["X"]["smiles"].astype(str).to_numpy() + "\t" + profiles.ids
    return Bunch(**{**changed, "ids": ids})


def permute_compounds(X: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Exchange the compounds, each for another one in all its rows."""
    codes, smiles = pd.factorize(X["smiles"])
    order = np.random.default_rng(seed).permutation(len(smiles))
    return X.assign(smiles=np.asarray(smiles, dtype=object)[order][codes])


def split_rows(data: Bunch) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test rows of the first of ten mixed folds."""
    return next(iter(MixedKFold(10).split(data.X)))


def fit_response(data: Bunch, folder: Path) -> Any:
    """Return a response model on the frozen perturbation model, trained once."""
    path = folder / f"paper-response-{data.hash[:12]}.csg2a"
    if not path.is_file():
        train, _ = split_rows(data)
        pretrained = load_perturbation(data, folder)
        model = DrugResponseRegressor(
            expression=data.expression,
            interactome=data.interactome,
            pretrained=FrozenEstimator(pretrained),
            freeze=True,
            default_time=TIME,
            validation=validation_splitter("mixed"),
            random_state=0,
            **{**RESPONSE, **OF_SCHEME["mixed"]},
        )
        model.fit(data.X.iloc[train], data.y.iloc[train])
        with replacing(path) as part:
            save_model(model, part)
    return load_model(path).set_params(expression=data.expression)
