"""DRPreter (Shin et al., 2022), re-implemented.

The Notes of :class:`DRPreter` list the differences from the published model.
"""

from sklearn_csg2a.baselines.drpreter.estimator import DRPreter

__all__ = ["DRPreter"]
