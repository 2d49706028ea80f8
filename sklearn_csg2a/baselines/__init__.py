"""Baselines: estimators with the same input contract as the models."""

from sklearn_csg2a.baselines.mean_effects import MeanEffects
from sklearn_csg2a.baselines.naive import (
    CellMean,
    DrugMean,
    GlobalMean,
    TissueDrugMean,
    TissueMean,
)

__all__ = [
    "CellMean",
    "DrugMean",
    "GlobalMean",
    "MeanEffects",
    "TissueDrugMean",
    "TissueMean",
]
