"""EnsembleMF, an average of small factor networks, written from its description.

What differs from the published model stands in the Notes of :class:`EnsembleMF`.
"""

from sklearn_csg2a.baselines.ensemblemf.estimator import EnsembleMF

__all__ = ["EnsembleMF"]
