"""Drug response from gene expression and chemical structure, scikit-learn style.

Names are imported on first use, so that ``import sklearn_csg2a.metrics`` does not wait
for torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn_csg2a._utils.lazy import attach
from sklearn_csg2a._version import __version__

if TYPE_CHECKING:
    from sklearn_csg2a.estimators import (
        DrugResponseRegressor,
        LevelRankingRegressor,
        PerturbationRegressor,
        PilotRegressor,
        ResidualRegressor,
        load_published,
    )
    from sklearn_csg2a.evaluation import compare
    from sklearn_csg2a.patients import rank_drugs
    from sklearn_csg2a.persistence import inspect_model, load_model, save_model

__all__ = [
    "DrugResponseRegressor",
    "LevelRankingRegressor",
    "PerturbationRegressor",
    "PilotRegressor",
    "ResidualRegressor",
    "__version__",
    "compare",
    "inspect_model",
    "load_model",
    "load_published",
    "rank_drugs",
    "save_model",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "DrugResponseRegressor": "sklearn_csg2a.estimators",
        "LevelRankingRegressor": "sklearn_csg2a.estimators",
        "PerturbationRegressor": "sklearn_csg2a.estimators",
        "PilotRegressor": "sklearn_csg2a.estimators",
        "ResidualRegressor": "sklearn_csg2a.estimators",
        "compare": "sklearn_csg2a.evaluation",
        "inspect_model": "sklearn_csg2a.persistence",
        "load_model": "sklearn_csg2a.persistence",
        "load_published": "sklearn_csg2a.estimators",
        "rank_drugs": "sklearn_csg2a.patients",
        "save_model": "sklearn_csg2a.persistence",
    },
)
