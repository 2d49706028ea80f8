"""Baselines: estimators with the same input contract as the models."""

from sklearn_csg2a.baselines.classical import (
    GradientBoostingResponse,
    RandomForestResponse,
)
from sklearn_csg2a.baselines.kernel_ridge import PairwiseKernelRidge
from sklearn_csg2a.baselines.mean_effects import MeanEffects
from sklearn_csg2a.baselines.naive import (
    CellMean,
    DrugMean,
    GlobalMean,
    TissueDrugMean,
    TissueMean,
)
from sklearn_csg2a.baselines.svm import SVMResponse

__all__ = [
    "CellMean",
    "DrugMean",
    "GlobalMean",
    "GradientBoostingResponse",
    "MeanEffects",
    "PairwiseKernelRidge",
    "RandomForestResponse",
    "SVMResponse",
    "TissueDrugMean",
    "TissueMean",
]
