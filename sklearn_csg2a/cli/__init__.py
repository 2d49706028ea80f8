"""The command line ``sklearn-csg2a``."""

from sklearn_csg2a.cli._main import main

__all__ = ["main"]
