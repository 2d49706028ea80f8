"""Why a model predicts what it does: genes, gene pairs, gene sets, changes."""

from sklearn_csg2a.inspection._enrich import enrich
from sklearn_csg2a.inspection._gradients import integrated_gradients
from sklearn_csg2a.inspection._influence import influence, top_interactions
from sklearn_csg2a.inspection._mechanism import mechanism_similarity
from sklearn_csg2a.inspection._mechanism_tests import compare_mechanisms
from sklearn_csg2a.inspection._reversal import signature_reversal
from sklearn_csg2a.inspection._tables import AttentionContrast, Influence
from sklearn_csg2a.inspection._zero_shot import compare_distances, zero_shot_response

__all__ = [
    "AttentionContrast",
    "Influence",
    "compare_distances",
    "compare_mechanisms",
    "enrich",
    "influence",
    "integrated_gradients",
    "mechanism_similarity",
    "signature_reversal",
    "top_interactions",
    "zero_shot_response",
]
