"""GraphDRP (Nguyen et al., 2022), written anew.

What differs from the published model stands in the Notes of :class:`GraphDRP`.
"""

from sklearn_csg2a.baselines.graphdrp.estimator import GraphDRP

__all__ = ["GraphDRP"]
