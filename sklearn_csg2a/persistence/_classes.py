"""The classes that a model file may name; no other is ever looked up."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING

from sklearn_csg2a.exceptions import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MODELS",
    "NOT_STORED",
    "find_class",
    "is_part",
    "parameter_names",
    "stored_name",
]

# What save_model takes: estimators of this package ...
_ESTIMATORS = {
    "sklearn_csg2a.estimators": (
        "DrugResponseRegressor",
        "PerturbationRegressor",
        "ResidualRegressor",
    ),
    "sklearn_csg2a.baselines": (
        "CellMean",
        "DRPreter",
        "DeepCoVDR",
        "DeepTTA",
        "DrugMean",
        "GlobalMean",
        "GraphDRP",
        "LatentFactors",
        "MeanEffects",
        "PairwiseKernelRidge",
        "PathDNN",
        "Precily",
        "SVMResponse",
        "TissueDrugMean",
        "TissueMean",
    ),
    "sklearn_csg2a.encoders": ("MATEncoder", "MorganEncoder", "PotencyEncoder"),
    "sklearn_csg2a.preprocessing": ("RobustZScore",),
}
# ... and what scikit-learn puts around them.
_CONTAINERS = {
    "sklearn.compose": ("TransformedTargetRegressor",),
    "sklearn.ensemble": ("StackingRegressor", "VotingRegressor"),
    "sklearn.frozen": ("FrozenEstimator",),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
}
# What may stand inside of these.
_INSIDE = {
    "sklearn_csg2a.model_selection": (
        "CellBlindKFold",
        "ClusterBlindKFold",
        "DisjointKFold",
        "DrugBlindKFold",
        "MixedKFold",
        "TissueBlindKFold",
    ),
    "sklearn.decomposition": ("PCA", "TruncatedSVD"),
    "sklearn.dummy": ("DummyRegressor",),
    "sklearn.feature_selection": ("VarianceThreshold",),
    "sklearn.kernel_ridge": ("KernelRidge",),
    "sklearn.linear_model": (
        "BayesianRidge",
        "ElasticNet",
        "ElasticNetCV",
        "HuberRegressor",
        "Lasso",
        "LassoCV",
        "LinearRegression",
        "Ridge",
        "RidgeCV",
    ),
    "sklearn.model_selection": (
        "GroupKFold",
        "GroupShuffleSplit",
        "KFold",
        "PredefinedSplit",
        "ShuffleSplit",
    ),
    "sklearn.preprocessing": (
        "MaxAbsScaler",
        "MinMaxScaler",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "StandardScaler",
    ),
}
# Fitted parts of baselines: attributes alone, no constructor is called.
_PARTS = {
    "sklearn_csg2a.baselines._features": ("AmountScaler", "Standardizer"),
    "sklearn_csg2a.baselines.deeptta.subwords": ("Subwords",),
    "sklearn_csg2a.baselines.kernels._pairs": ("PairSide",),
    "sklearn_csg2a.baselines.kernels._training_cells": ("TrainingCells",),
    "sklearn_csg2a.baselines.precily.scores": ("WordVectors",),
}

_TREES = (
    "its trees are compiled objects of another library; skops.io.dump writes them "
    "as data that can be checked before it is loaded"
)
# Public estimators that have no place in a model file, and why.
NOT_STORED = {"GradientBoostingResponse": _TREES, "RandomForestResponse": _TREES}


def _home_of(*tables: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the module of each class name."""
    return {
        name: home
        for table in tables
        for home, names in table.items()
        for name in names
    }


# Imported when asked for, by name: the estimators themselves import this package.
_HOME_OF = _home_of(_ESTIMATORS, _CONTAINERS, _INSIDE, _PARTS)
_PART_NAMES = frozenset(_home_of(_PARTS))
MODELS = frozenset(_home_of(_ESTIMATORS, _CONTAINERS))


def stored_name(value: object) -> str | None:
    """Return the name under which an object's class is stored, None if it is not."""
    name = type(value).__name__
    if name in _HOME_OF and type(value).__module__.startswith(_HOME_OF[name]):
        return name
    return None


def is_part(name: str) -> bool:
    """Tell whether a class is stored by its attributes alone."""
    return name in _PART_NAMES


def find_class(name: object) -> type:
    """Return the class that a file names, if it is one of those allowed."""
    if not isinstance(name, str) or name not in _HOME_OF:
        msg = f"it names the class {name!r}, which no model file may hold."
        raise ModelFileError(msg)
    return getattr(import_module(_HOME_OF[name]), name)


def parameter_names(cls: type) -> list[str]:
    """Return the names of a class's constructor parameters."""
    return list(inspect.signature(cls).parameters)
