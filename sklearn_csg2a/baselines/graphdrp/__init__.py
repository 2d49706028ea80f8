"""GraphDRP (Nguyen et al., 2022), re-implemented.

The Notes of :class:`GraphDRP` list the differences from the published model.
"""

from sklearn_csg2a.baselines.graphdrp.estimator import GraphDRP

__all__ = ["GraphDRP"]
