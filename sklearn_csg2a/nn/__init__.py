"""The networks, in plain torch; independent of tables and estimators."""

from __future__ import annotations

from sklearn_csg2a.nn.csg2a import (
    CSG2A,
    FORMS,
    CellTerms,
    ChemicalConditionEncoder,
    GeneGeneAttention,
    TreatmentBatch,
)
from sklearn_csg2a.nn.layers import Dropout, EntityBatchNorm, set_dropout_generator
from sklearn_csg2a.nn.mat import MAT
from sklearn_csg2a.nn.molecules import MoleculeBatch, Molecules
from sklearn_csg2a.nn.response import (
    ResponseHead,
    ResponseNetwork,
    ScalingLayer,
    csg2a_part,
)

__all__ = [
    "CSG2A",
    "FORMS",
    "MAT",
    "CellTerms",
    "ChemicalConditionEncoder",
    "Dropout",
    "EntityBatchNorm",
    "GeneGeneAttention",
    "MoleculeBatch",
    "Molecules",
    "ResponseHead",
    "ResponseNetwork",
    "ScalingLayer",
    "TreatmentBatch",
    "csg2a_part",
    "set_dropout_generator",
]
