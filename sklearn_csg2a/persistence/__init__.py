"""Saving of models as plain data in one file."""

from __future__ import annotations

from sklearn_csg2a._utils.lazy import attach
from sklearn_csg2a.persistence._inspect import ModelFile, inspect_model
from sklearn_csg2a.persistence._model_file import load_model, save_model

__all__ = ["ModelFile", "inspect_model", "load_model", "save_model"]

# It has moved to `sklearn_csg2a.load_published`; this name goes in 0.3.
__getattr__, __dir__ = attach(
    __name__, {"load_published": "sklearn_csg2a.estimators._published"}
)
