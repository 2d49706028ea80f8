"""PathDNN (Deng et al., 2020), re-implemented.

The Notes of :class:`PathDNN` list the differences from the published model.
"""

from sklearn_csg2a.baselines.pathdnn.estimator import PathDNN

__all__ = ["PathDNN"]
