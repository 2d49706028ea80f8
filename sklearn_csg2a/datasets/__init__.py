"""Simulated screens and loaders of real ones."""

from sklearn_csg2a.datasets._simulate import make_screen

__all__ = ["make_screen"]
