"""DRPreter (Shin et al., 2022), written anew.

What differs from the published model stands in the Notes of :class:`DRPreter`.
"""

from sklearn_csg2a.baselines.drpreter.estimator import DRPreter

__all__ = ["DRPreter"]
