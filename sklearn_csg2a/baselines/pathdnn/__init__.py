"""PathDNN (Deng et al., 2020), written anew.

What differs from the published model stands in the Notes of :class:`PathDNN`.
"""

from sklearn_csg2a.baselines.pathdnn.estimator import PathDNN

__all__ = ["PathDNN"]
