"""Pictures of results, as display classes in the style of scikit-learn.

Names are imported on first use, so that pictures of tables do not wait for torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn_csg2a._utils.lazy import attach

if TYPE_CHECKING:
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

__getattr__, __dir__ = attach(
    __name__,
    {
        "ComparisonDisplay": "sklearn_csg2a.plotting._comparison",
        "CoverageDisplay": "sklearn_csg2a.plotting._coverage",
        "DrugRankingDisplay": "sklearn_csg2a.plotting._ranking",
        "EnrichmentDisplay": "sklearn_csg2a.plotting._enrichment",
        "ErrorByDistanceDisplay": "sklearn_csg2a.plotting._error_by_distance",
        "InfluenceMapDisplay": "sklearn_csg2a.plotting._influence_map",
        "LearningCurveDisplay": "sklearn_csg2a.plotting._learning_curve",
        "MechanismSimilarityDisplay": "sklearn_csg2a.plotting._mechanism",
        "PredictionByDrugDisplay": "sklearn_csg2a.plotting._by_drug",
        "RespondersDisplay": "sklearn_csg2a.plotting._responders",
        "ZeroShotDisplay": "sklearn_csg2a.plotting._zero_shot",
    },
)
