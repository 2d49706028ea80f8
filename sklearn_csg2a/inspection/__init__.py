"""Why a model predicts what it does: gene sets, mechanisms, changes of expression."""

from sklearn_csg2a.inspection._enrich import enrich
from sklearn_csg2a.inspection._reversal import signature_reversal
from sklearn_csg2a.inspection._zero_shot import compare_distances, zero_shot_response

__all__ = ["compare_distances", "enrich", "signature_reversal", "zero_shot_response"]
