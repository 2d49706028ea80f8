"""EnsembleMF, an average of small factor networks, written from its description.

The Notes of :class:`EnsembleMF` list the differences from the published model.
"""

from sklearn_csg2a.baselines.ensemblemf.estimator import EnsembleMF

__all__ = ["EnsembleMF"]
