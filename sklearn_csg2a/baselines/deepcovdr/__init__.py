"""DeepCoVDR (Huang et al., 2023), re-implemented.

The Notes of :class:`DeepCoVDR` list the differences from the published model.
"""

from sklearn_csg2a.baselines.deepcovdr.estimator import DeepCoVDR

__all__ = ["DeepCoVDR"]
