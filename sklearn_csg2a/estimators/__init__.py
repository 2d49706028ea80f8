"""The estimators that users fit."""

from __future__ import annotations

from sklearn_csg2a.estimators._level_ranking import LevelRankingRegressor
from sklearn_csg2a.estimators._perturbation import PerturbationRegressor
from sklearn_csg2a.estimators._pilot import PilotRegressor
from sklearn_csg2a.estimators._published import load_published
from sklearn_csg2a.estimators._residual import ResidualRegressor
from sklearn_csg2a.estimators._response import DrugResponseRegressor

__all__ = [
    "DrugResponseRegressor",
    "LevelRankingRegressor",
    "PerturbationRegressor",
    "PilotRegressor",
    "ResidualRegressor",
    "load_published",
]
