"""Precily (Chawla et al., 2022), re-implemented.

The Notes of :class:`Precily` list the differences from the published model.
"""

from sklearn_csg2a.baselines.precily.estimator import Precily

__all__ = ["Precily"]
