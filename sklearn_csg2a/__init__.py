"""Drug response from gene expression and chemical structure, scikit-learn style."""

from sklearn_csg2a._version import __version__
from sklearn_csg2a.estimators import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
)
from sklearn_csg2a.persistence import inspect_model, load_model, save_model

__all__ = [
    "DrugResponseRegressor",
    "PerturbationRegressor",
    "ResidualRegressor",
    "__version__",
    "inspect_model",
    "load_model",
    "save_model",
]
