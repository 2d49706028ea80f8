"""What a fitted model holds, or one inside of an ensemble, search or pipeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

__all__ = [
    "allows_invalid_smiles",
    "default_amounts",
    "find_compounds",
    "find_expression",
    "find_genes",
    "find_names",
    "find_reference",
    "find_scale",
]

_OTHER_TASK = frozenset({"pretrained", "_pretrained"})  # models of other cells


def find_expression(model: Any) -> pd.DataFrame | None:
    """Return the table that a model looks cells up in, None where it has none."""
    return _find(model, "expression", pd.DataFrame)


def find_compounds(model: Any) -> list[str] | None:
    """Return the SMILES that a model was fitted with; None where none are kept."""
    return _find(model, "compounds_", list)


def find_genes(model: Any) -> tuple[tuple[str, ...], str] | None:
    """Return the genes that a model needs, and what it does where some are missing."""
    genes = _find(model, "genes_", np.ndarray)
    if genes is None:
        return None
    return tuple(genes), _find(model, "missing_genes", str) or "error"


def find_names(model: Any) -> dict[str, str]:
    """Return the names of the columns in X by their names in the contract."""
    names = {name: name for name in ("cell_line", "smiles", "dose", "time")}
    return names | dict(_find(model, "columns", dict) or {})


def default_amounts(model: Any) -> dict[str, float]:
    """Return dose [uM] and time [h] of a model that has defaults for them."""
    found = {name: _find(model, f"default_{name}", float) for name in ("dose", "time")}
    return {name: float(value) for name, value in found.items() if value is not None}


def find_reference(model: Any) -> dict[str, Any] | None:
    """Return what `keep_reference` has stored in a model; None where it has not."""
    return _find(model, "reference_", dict)


def find_scale(model: Any) -> dict[str, Any] | None:
    """Return the scale of expression in the fit of a model; None where unknown."""
    return _find(model, "_expression_scale", dict)


def allows_invalid_smiles(model: Any) -> bool:
    """Tell whether a model predicts NaN for invalid SMILES."""
    return _find(model, "on_invalid_smiles", str) == "nan"


def _find(model: Any, name: str, kind: type) -> Any:
    """Return the attribute of the outermost model that has one of this kind."""
    kinds = (int, float) if kind is float else kind
    found = (getattr(part, name, None) for part in _list_models(model))
    return next((value for value in found if isinstance(value, kinds)), None)


def _list_models(model: Any) -> Iterator[Any]:
    """Yield a model and those inside of it, the outermost and fitted ones first."""
    queue, seen = deque([model]), set()
    while queue:
        part = queue.popleft()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, (list, tuple)):
            queue.extend(part)
        elif isinstance(part, Mapping):
            queue.extend(part.values())
        elif isinstance(part, BaseEstimator):
            if hasattr(part, "predict"):
                yield part
            inside = vars(part)
            queue.extend(
                inside[name]
                for name in sorted(inside, key=lambda name: not name.endswith("_"))
                if name not in _OTHER_TASK
            )
