"""Metrics of predicted responses and profiles, and scorers based on them."""

from sklearn_csg2a.metrics._ceiling import (
    NoiseCeiling,
    ceiling_share,
    noise_ceiling,
    replicate_noise,
)
from sklearn_csg2a.metrics._effects import MeanEffectsFit, fit_mean_effects
from sklearn_csg2a.metrics._grouped import (
    WithinGroupCorrelation,
    residual_correlation,
    within_group_correlation,
)
from sklearn_csg2a.metrics._ladder import (
    replicate_ceiling,
    retrieve_profiles,
    share_of_gap,
)
from sklearn_csg2a.metrics._measures import (
    pearson,
    profile_correlation,
    rmse,
    skill,
    spearman,
)
from sklearn_csg2a.metrics._naive_scorers import ceiling_share_scorer, skill_scorer
from sklearn_csg2a.metrics._profiles import (
    discrimination_score,
    most_changed_recall,
    sign_agreement,
)
from sklearn_csg2a.metrics._scorers import (
    neg_rmse_scorer,
    pearson_scorer,
    profile_scorer,
    spearman_scorer,
    within_cell_scorer,
    within_drug_scorer,
    within_group_scorer,
)

__all__ = [
    "MeanEffectsFit",
    "NoiseCeiling",
    "WithinGroupCorrelation",
    "ceiling_share",
    "ceiling_share_scorer",
    "discrimination_score",
    "fit_mean_effects",
    "most_changed_recall",
    "neg_rmse_scorer",
    "noise_ceiling",
    "pearson",
    "pearson_scorer",
    "profile_correlation",
    "profile_scorer",
    "replicate_ceiling",
    "replicate_noise",
    "residual_correlation",
    "retrieve_profiles",
    "rmse",
    "share_of_gap",
    "sign_agreement",
    "skill",
    "skill_scorer",
    "spearman",
    "spearman_scorer",
    "within_cell_scorer",
    "within_drug_scorer",
    "within_group_correlation",
    "within_group_scorer",
]
