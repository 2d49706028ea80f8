"""DeepCoVDR (Huang et al., 2023), written anew.

What differs from the published model stands in the Notes of :class:`DeepCoVDR`.
"""

from sklearn_csg2a.baselines.deepcovdr.estimator import DeepCoVDR

__all__ = ["DeepCoVDR"]
