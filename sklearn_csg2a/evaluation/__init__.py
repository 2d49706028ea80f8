"""Folds, tasks, stored results, statistics and reports: what judges any regressor."""

from sklearn_csg2a.evaluation._compare import compare
from sklearn_csg2a.evaluation._comparison import Comparison

__all__ = ["Comparison", "compare"]
