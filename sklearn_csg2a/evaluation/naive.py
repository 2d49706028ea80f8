"""The naive models, which only use the ids of a row."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from sklearn_csg2a.baselines import (
    CellMean,
    DrugMean,
    GlobalMean,
    MeanEffects,
    TissueDrugMean,
    TissueMean,
)

NAIVE_MODELS: dict[str, type[BaseEstimator]] = {
    kind.__name__: kind
    for kind in (
        GlobalMean,
        DrugMean,
        CellMean,
        TissueMean,
        TissueDrugMean,
        MeanEffects,
    )
}
