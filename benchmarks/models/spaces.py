"""Search spaces of the models, and random draws from them.

The first candidate of a model has the settings of registry.py. The others are drawn
from its space, the same in every fold and for every seed; a larger budget adds
candidates to those of a smaller one. All models whose names begin with "csg2a" and that
have no space share one, and its draws.

ParameterSampler draws in another order, which would invalidate stored tuning results.

To tune another model, add its space to SPACES: a list of values for each
parameter, or a LogUniform.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_TRIES = 1000


@dataclass(frozen=True)
class LogUniform:
    """Log-uniform distribution between two bounds."""

    low: float
    high: float

    def draw(self, rng: np.random.RandomState) -> float:
        """Draw a number, with three digits."""
        return float(f"{np.exp(rng.uniform(np.log(self.low), np.log(self.high))):.3g}")


Space = Mapping[str, Sequence[Any] | LogUniform]


def network_space(**own: Sequence[Any] | LogUniform) -> Space:
    """Return the space of a deep baseline: common parameters and its own."""
    return {
        "learning_rate": LogUniform(3e-5, 3e-3),
        "weight_decay": LogUniform(1e-6, 1e-2),
        "dropout": [0.0, 0.1, 0.2, 0.3, 0.5],
        "batch_size": [256, 512, 1024],
        **own,
    }


SPACES: dict[str, Space] = {
    "LatentFactors": {
        "n_factors": [10, 20, 40, 80],
        "alpha": LogUniform(5.0, 50.0),
    },
    "RandomForest": {
        "n_estimators": [100, 200],
        "max_depth": [None, 10, 20, 30],
        "min_samples_leaf": [1, 2, 5, 10],
        "max_features": [0.03, 0.1, 0.3],
        "max_samples": [0.2, 0.5, 0.8],
    },
    "SVM": {
        "C": LogUniform(0.3, 30.0),
        "epsilon": LogUniform(0.01, 1.0),
        "gamma": LogUniform(0.03, 3.0),
    },
    "GradientBoosting": {
        "max_iter": [100, 200, 400, 800],
        "learning_rate": LogUniform(0.03, 0.3),
        "max_leaf_nodes": [15, 31, 63, 127],
        "min_samples_leaf": [10, 20, 50, 100],
        "max_features": [0.1, 0.3, 1.0],
        "l2_regularization": LogUniform(1e-3, 10.0),
    },
    "PairwiseKernelRidge": {  # it chooses alpha itself
        "gamma": LogUniform(0.1, 10.0),
        "compound_weight": LogUniform(0.03, 3.0),
        "cell_weight": LogUniform(0.03, 3.0),
    },
    "ResponseGP": {
        "noise": LogUniform(0.05, 0.5),
        "shrinkage": LogUniform(1.0, 100.0),
        "expression_share": [0.3, 0.5, 0.7, 0.9],
        "gamma": LogUniform(0.1, 3.0),
        "alpha": LogUniform(0.1, 10.0),
    },
    "csg2a": {
        "learning_rate": LogUniform(1e-4, 1e-3),
        "weight_decay": LogUniform(1e-5, 1e-1),
        "batch_size": [256, 512, 1024],
        "dropout": [0.0, 0.1, 0.3, 0.5],
        "gene_dropout": [0.0, 0.3, 0.5, 0.7],
        "hidden_dim": [32, 64, 128],
        "head_hidden": [(256, 64), (512, 64), (1024, 128)],
        "bilinear_dim": [0, 32, 64, 128],
    },
    "GraphDRP": network_space(conv=["gin", "gcn", "gat", "gat_gcn"]),
    "PathDNN": network_space(hidden=[(128, 128), (256, 256), (512, 256)]),
    "Precily": network_space(
        hidden=[(140, 200), (256, 128), (512, 256)], n_components=[50, 100, 200]
    ),
    "DRPreter": network_space(),
    "DeepCoVDR": network_space(n_layers=[1, 2, 4]),
    "DeepCoVDR_8_layers": network_space(),
    "DeepTTA": network_space(n_layers=[2, 4, 8]),
    "EnsembleMF": network_space(
        batch_size=[1024, 2048], width=[128, 256, 512], n_factors=[64, 128, 256]
    ),
}


SPACES["csg2a_on_factors"] = {
    "weight": [0.4, 0.6, 0.8, 1.0],
    "base__alpha": LogUniform(5.0, 50.0),
    **{f"regressor__{name}": values for name, values in SPACES["csg2a"].items()},
}

SPACES["LevelRanking"] = {
    "level__noise": LogUniform(0.03, 1.0),
    "ranking__alpha": LogUniform(0.3, 10.0),
    "ranking__gamma": LogUniform(0.1, 3.0),
    "ranking__identity_weight": LogUniform(0.1, 10.0),
}
SPACES["LevelRanking_similarity"] = {
    "ranking__share": [0.2, 0.35, 0.5],
    "ranking__max_features": [0.1, 0.2, 0.4],
    "ranking__min_samples_leaf": [1, 2, 4],
    "ranking__kernel__alpha": LogUniform(0.3, 10.0),
    "ranking__kernel__gamma": LogUniform(0.1, 3.0),
}
SPACES["csg2a_members_on_factors"] = SPACES["csg2a_on_factors"]
SPACES["csg2a_on_gp"] = {
    "weight": [0.2, 0.4, 0.6, 0.8],
    "base__noise": SPACES["ResponseGP"]["noise"],
    **{f"regressor__{name}": values for name, values in SPACES["csg2a"].items()},
}


def find_space(model: str) -> str | None:
    """Return the name of the space of a model; None if it has none."""
    for told in ("potency", "known", "measured", "expected", "profiles"):
        model = model.removesuffix(f"_{told}")
    if model in SPACES:
        return model
    family = model.partition("_")[0]  # a variant is searched like what it varies
    return family if family in SPACES else None


def draw_candidates(model: str, n_candidates: int) -> list[dict[str, Any]]:
    """Return the parameters that each candidate changes; none for the first."""
    name = find_space(model)
    if name is None:
        msg = f"{model} has no search space; add one to benchmarks/models/spaces.py."
        raise ValueError(msg)
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    candidates: list[dict[str, Any]] = [{}]
    for _ in range(_TRIES * n_candidates):
        if len(candidates) == n_candidates:
            return candidates
        drawn = {
            parameter: values.draw(rng)
            if isinstance(values, LogUniform)
            else values[rng.randint(len(values))]
            for parameter, values in SPACES[name].items()
        }
        if drawn not in candidates:
            candidates.append(drawn)
    if len(candidates) == n_candidates:
        return candidates
    msg = (
        f"The search space of {name} has fewer than {n_candidates - 1} configurations. "
        "Ask for fewer candidates, or extend it in benchmarks/models/spaces.py."
    )
    raise ValueError(msg)
