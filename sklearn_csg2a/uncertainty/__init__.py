"""How sure a prediction is: intervals with a coverage that holds for new units."""

from sklearn_csg2a.uncertainty._conformal import ConformalRegressor

__all__ = ["ConformalRegressor"]
