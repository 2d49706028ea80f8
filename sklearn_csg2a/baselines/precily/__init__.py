"""Precily (Chawla et al., 2022), written anew.

What differs from the published model stands in the Notes of :class:`Precily`.
"""

from sklearn_csg2a.baselines.precily.estimator import Precily

__all__ = ["Precily"]
