"""Pretraining of the Molecule Attention Transformer on molecules without labels."""

from sklearn_csg2a.encoders.pretraining.pretrain import pretrain_mat

__all__ = ["pretrain_mat"]
