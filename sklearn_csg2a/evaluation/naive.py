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

# What each of them predicts.
NAIVE_TEXTS = {
    "GlobalMean": "mean of all rows",
    "DrugMean": "mean of the compound",
    "CellMean": "mean of the cell line",
    "TissueMean": "mean of the tissue",
    "TissueDrugMean": "mean of the compound in the tissue",
    "MeanEffects": "effects of compound and cell line",
}
