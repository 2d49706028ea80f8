"""Transformers from a list of SMILES to a matrix, and from treatments to features."""

from sklearn_csg2a.encoders._annotation import AnnotationEncoder
from sklearn_csg2a.encoders._base import MorganEncoder
from sklearn_csg2a.encoders._fingerprints import FingerprintEncoder
from sklearn_csg2a.encoders._mat import MATEncoder
from sklearn_csg2a.encoders._mat_weights import MATWeights
from sklearn_csg2a.encoders._mechanism import mechanism_groups
from sklearn_csg2a.encoders._pair_features import PairFeatures
from sklearn_csg2a.encoders._potency import PotencyEncoder
from sklearn_csg2a.encoders._resolve import (
    clear_encoding_cache,
    encode_compounds,
    resolve_encoder,
)
from sklearn_csg2a.encoders.pretraining import pretrain_mat

__all__ = [
    "AnnotationEncoder",
    "FingerprintEncoder",
    "MATEncoder",
    "MATWeights",
    "MorganEncoder",
    "PairFeatures",
    "PotencyEncoder",
    "clear_encoding_cache",
    "encode_compounds",
    "mechanism_groups",
    "pretrain_mat",
    "resolve_encoder",
]
