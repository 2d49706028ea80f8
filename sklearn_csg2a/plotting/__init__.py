"""Pictures of results, as display classes in the style of scikit-learn."""

from sklearn_csg2a.plotting._by_drug import PredictionByDrugDisplay
from sklearn_csg2a.plotting._comparison import ComparisonDisplay
from sklearn_csg2a.plotting._coverage import CoverageDisplay
from sklearn_csg2a.plotting._enrichment import EnrichmentDisplay
from sklearn_csg2a.plotting._error_by_distance import ErrorByDistanceDisplay
from sklearn_csg2a.plotting._influence_map import InfluenceMapDisplay
from sklearn_csg2a.plotting._learning_curve import LearningCurveDisplay
from sklearn_csg2a.plotting._mechanism import MechanismSimilarityDisplay
from sklearn_csg2a.plotting._ranking import DrugRankingDisplay
from sklearn_csg2a.plotting._responders import RespondersDisplay
from sklearn_csg2a.plotting._zero_shot import ZeroShotDisplay

__all__ = [
    "ComparisonDisplay",
    "CoverageDisplay",
    "DrugRankingDisplay",
    "EnrichmentDisplay",
    "ErrorByDistanceDisplay",
    "InfluenceMapDisplay",
    "LearningCurveDisplay",
    "MechanismSimilarityDisplay",
    "PredictionByDrugDisplay",
    "RespondersDisplay",
    "ZeroShotDisplay",
]
