"""DeepTTA (Jiang et al., 2022), written anew.

What differs from the published model stands in the Notes of :class:`DeepTTA`.
"""

from sklearn_csg2a.baselines.deeptta.estimator import DeepTTA

__all__ = ["DeepTTA"]
