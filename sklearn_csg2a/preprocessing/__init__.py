"""Scaling of gene expression, and bringing cohorts to one scale."""

from sklearn_csg2a.preprocessing._combat import ComBat
from sklearn_csg2a.preprocessing._ranks import NormalScores, QuantileMatch
from sklearn_csg2a.preprocessing._robust import RobustZScore

__all__ = ["ComBat", "NormalScores", "QuantileMatch", "RobustZScore"]
