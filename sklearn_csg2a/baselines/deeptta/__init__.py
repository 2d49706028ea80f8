"""DeepTTA (Jiang et al., 2022), re-implemented.

The Notes of :class:`DeepTTA` list the differences from the published model.
"""

from sklearn_csg2a.baselines.deeptta.estimator import DeepTTA

__all__ = ["DeepTTA"]
