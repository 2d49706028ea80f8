"""How sure a prediction is: intervals that cover, and what a model can know."""

from sklearn_csg2a.uncertainty._conformal import ConformalRegressor
from sklearn_csg2a.uncertainty._domain import ApplicabilityDomain

__all__ = ["ApplicabilityDomain", "ConformalRegressor"]
