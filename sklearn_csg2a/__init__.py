"""Drug response from gene expression and chemical structure, scikit-learn style."""

from sklearn_csg2a._version import __version__
from sklearn_csg2a.estimators import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
)
from sklearn_csg2a.persistence import load_model, save_model

__all__ = [
    "DrugResponseRegressor",
    "PerturbationRegressor",
    "ResidualRegressor",
    "__version__",
    "load_model",
    "save_model",
]
