"""Baselines: estimators that take the same X as the CSG2A models."""

from sklearn_csg2a.baselines.deepcovdr import DeepCoVDR
from sklearn_csg2a.baselines.deeptta import DeepTTA
from sklearn_csg2a.baselines.drpreter import DRPreter
from sklearn_csg2a.baselines.ensemblemf import EnsembleMF
from sklearn_csg2a.baselines.graphdrp import GraphDRP
from sklearn_csg2a.baselines.kernels.potency import PotencyRegressor
from sklearn_csg2a.baselines.kernels.response_gp import ResponseGaussianProcess
from sklearn_csg2a.baselines.kernels.ridge import PairwiseKernelRidge
from sklearn_csg2a.baselines.kernels.svr import SVMResponse
from sklearn_csg2a.baselines.naive.latent_factors import LatentFactors
from sklearn_csg2a.baselines.naive.mean_effects import MeanEffects
from sklearn_csg2a.baselines.naive.means import (
    CellMean,
    DrugMean,
    GlobalMean,
    TissueDrugMean,
    TissueMean,
)
from sklearn_csg2a.baselines.pathdnn import PathDNN
from sklearn_csg2a.baselines.precily import Precily
from sklearn_csg2a.baselines.trees.boosting import GradientBoostingResponse
from sklearn_csg2a.baselines.trees.forest import RandomForestResponse

__all__ = [
    "CellMean",
    "DRPreter",
    "DeepCoVDR",
    "DeepTTA",
    "DrugMean",
    "EnsembleMF",
    "GlobalMean",
    "GradientBoostingResponse",
    "GraphDRP",
    "LatentFactors",
    "MeanEffects",
    "PairwiseKernelRidge",
    "PathDNN",
    "PotencyRegressor",
    "Precily",
    "RandomForestResponse",
    "ResponseGaussianProcess",
    "SVMResponse",
    "TissueDrugMean",
    "TissueMean",
]
