"""The classes that a model file may name; no other is ever looked up."""

from __future__ import annotations

import inspect
from importlib import import_module

from sklearn_csg2a.exceptions import ModelFileError

__all__ = ["MODELS", "find_class", "parameter_names", "stored_name"]

MODELS = ("DrugResponseRegressor", "PerturbationRegressor")

# Imported when asked for, by name: the estimators themselves import this package.
_HOMES = {
    "sklearn_csg2a.estimators": MODELS,
    "sklearn_csg2a.chem": ("MATEncoder", "MorganEncoder", "PotencyEncoder"),
    "sklearn_csg2a.model_selection": (
        "CellBlindKFold",
        "ClusterBlindKFold",
        "DisjointKFold",
        "DrugBlindKFold",
        "MixedKFold",
        "TissueBlindKFold",
    ),
    "sklearn_csg2a.preprocessing": ("RobustZScore",),
    "sklearn.model_selection": ("KFold", "PredefinedSplit", "ShuffleSplit"),
    "sklearn.pipeline": ("FeatureUnion",),
    "sklearn.preprocessing": ("RobustScaler", "StandardScaler"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def stored_name(value: object) -> str | None:
    """Return the name under which an object's class is stored, None if it is not."""
    name = type(value).__name__
    if name in _HOME_OF and type(value).__module__.startswith(_HOME_OF[name]):
        return name
    return None


def find_class(name: object) -> type:
    """Return the class that a file names, if it is one of those allowed."""
    if not isinstance(name, str) or name not in _HOME_OF:
        msg = f"it names the class {name!r}, which no model file may hold."
        raise ModelFileError(msg)
    return getattr(import_module(_HOME_OF[name]), name)


def parameter_names(cls: type) -> list[str]:
    """Return the names of a class's constructor parameters."""
    return list(inspect.signature(cls).parameters)
