"""The classes that a model file may contain; no other is imported."""

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

# Accepted by save_model: estimators of this package ...
_ESTIMATORS = {
    "sklearn_csg2a.estimators": (
        "DrugResponseRegressor",
        "LevelRankingRegressor",
        "PerturbationRegressor",
        "PilotRegressor",
        "ResidualRegressor",
    ),
    "sklearn_csg2a.baselines": (
        "CellMean",
        "DRPreter",
        "DeepCoVDR",
        "DeepTTA",
        "DrugMean",
        "EnsembleMF",
        "GlobalMean",
        "GradientBoostingResponse",
        "GraphDRP",
        "LatentFactors",
        "MeanEffects",
        "PairwiseKernelRidge",
        "PathDNN",
        "PotencyRegressor",
        "Precily",
        "RandomForestResponse",
        "ResponseGaussianProcess",
        "SVMResponse",
        "TissueDrugMean",
        "TissueMean",
    ),
    "sklearn_csg2a.encoders": (
        "AnnotationEncoder",
        "FingerprintEncoder",
        "MATEncoder",
        "MorganEncoder",
        "PairFeatures",
        "PotencyEncoder",
    ),
    "sklearn_csg2a.preprocessing": (
        "ComBat",
        "NormalScores",
        "QuantileMatch",
        "RobustZScore",
    ),
    "sklearn_csg2a.uncertainty": ("ApplicabilityDomain", "ConformalRegressor"),
}
# ... and meta-estimators of scikit-learn.
_CONTAINERS = {
    "sklearn.compose": ("TransformedTargetRegressor",),
    "sklearn.ensemble": ("StackingRegressor", "VotingRegressor"),
    "sklearn.frozen": ("FrozenEstimator",),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
}
# Classes accepted inside these.
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
# Fitted parts of baselines: only attributes, no constructor is called.
_PARTS = {
    "sklearn_csg2a.baselines._features": ("Standardizer",),
    "sklearn_csg2a.baselines.deeptta.subwords": ("Subwords",),
    "sklearn_csg2a.baselines.kernels._pairs": ("PairSide",),
    "sklearn_csg2a.baselines.kernels._training_cells": ("TrainingCells",),
    "sklearn_csg2a.baselines.precily.scores": ("WordVectors",),
    "sklearn_csg2a.baselines.trees._trees": ("Trees",),
    "sklearn_csg2a.encoders._pair_layout": ("AmountScaler", "PairLayout"),
    "sklearn_csg2a.estimators._levels": ("CompoundLevels", "StructureLevels"),
    "sklearn_csg2a.uncertainty._calibration": ("Calibration",),
    "sklearn_csg2a.uncertainty._known_errors": ("KnownErrors", "KnownUnits"),
    "sklearn_csg2a.uncertainty._novelty": ("CellDistances",),
    "sklearn_csg2a.uncertainty._widths": (
        "ErrorsByRegressor",
        "LogLinearErrors",
        "RowNovelty",
    ),
}

_TREES = (
    "its trees are compiled objects of another library; skops.io.dump writes them "
    "as data that can be checked before it is loaded"
)
# Parts of models that cannot be stored in a model file, with the reason.
NOT_STORED = {"HistGradientBoostingRegressor": _TREES, "LGBMRegressor": _TREES}


def _home_of(*tables: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the module of each class name."""
    return {
        name: home
        for table in tables
        for home, names in table.items()
        for name in names
    }


# Imported by name on first use, because the estimators import this package.
_HOME_OF = _home_of(_ESTIMATORS, _CONTAINERS, _INSIDE, _PARTS)
_PART_NAMES = frozenset(_home_of(_PARTS))
MODELS = frozenset(_home_of(_ESTIMATORS, _CONTAINERS))


def stored_name(value: object) -> str | None:
    """Return the stored name of the class of an object, None if not accepted."""
    name = type(value).__name__
    if name in _HOME_OF and type(value).__module__.startswith(_HOME_OF[name]):
        return name
    return None


def is_part(name: str) -> bool:
    """Tell whether a class is stored by its attributes alone."""
    return name in _PART_NAMES


def find_class(name: object) -> type:
    """Return the class that a file names, if it is allowed."""
    if not isinstance(name, str) or name not in _HOME_OF:
        msg = f"it names the class {name!r}, which model files must not contain."
        raise ModelFileError(msg)
    return getattr(import_module(_HOME_OF[name]), name)


def parameter_names(cls: type) -> list[str]:
    """Return the names of a class's constructor parameters."""
    return list(inspect.signature(cls).parameters)
