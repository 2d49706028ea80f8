"""From predictions to answers for patients: ranked drugs, responders."""

from sklearn_csg2a.patients._page import write_ranking
from sklearn_csg2a.patients._rank import rank_drugs
from sklearn_csg2a.patients._reference import keep_reference
from sklearn_csg2a.patients._responders import compare_responders
from sklearn_csg2a.treatments._grid import predict_grid

__all__ = [
    "compare_responders",
    "keep_reference",
    "predict_grid",
    "rank_drugs",
    "write_ranking",
]
