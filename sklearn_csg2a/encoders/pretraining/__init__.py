"""Pretraining of the Molecule Attention Transformer on unlabelled molecules."""

from sklearn_csg2a.encoders.pretraining.pretrain import pretrain_mat

__all__ = ["pretrain_mat"]
