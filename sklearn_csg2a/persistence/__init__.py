"""Models in one file of plain data, and models of the published code."""

from __future__ import annotations

from sklearn_csg2a.estimators._published import load_published
from sklearn_csg2a.persistence._inspect import ModelFile, inspect_model
from sklearn_csg2a.persistence._model_file import load_model, save_model

__all__ = ["ModelFile", "inspect_model", "load_model", "load_published", "save_model"]
