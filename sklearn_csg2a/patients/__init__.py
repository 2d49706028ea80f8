"""From predictions to answers for patients: ranked drugs, responders."""

from sklearn_csg2a.patients._rank import rank_drugs
from sklearn_csg2a.treatments._grid import predict_grid

__all__ = ["predict_grid", "rank_drugs"]
