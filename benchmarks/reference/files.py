"""Writing of a shipped model: weights in half the bytes, without any training row."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sklearn_csg2a import inspect_model, save_model
from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a.persistence._shipped import SHIPPED

_SMALL = 2048  # smaller arrays, as of normalisation layers, keep all their digits


def write_shipped(name: str, model: Any, card: dict[str, Any]) -> str:
    """Write the file of a shipped model; return what was written, in words."""
    path = SHIPPED[name]
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.csg2a"
        save_model(model, whole, card=card)
        manifest, arrays = read_archive(whole)
    write_archive(path, manifest, {key: _halve(a) for key, a in arrays.items()})
    return f"{path}: {inspect_model(path).n_bytes / 1e6:.2f} MB"


def round_weights(model: Any) -> None:
    """Round the large weights of all members to float16, in place."""
    for member in getattr(model, "members_", [model]):
        for weights in member.net_.module_.state_dict().values():
            if weights.dtype == torch.float32 and weights.numel() >= _SMALL:
                weights.copy_(weights.half())


def _halve(array: np.ndarray) -> np.ndarray:
    """Return weights as float16 where that changes no value, others as they are."""
    if array.dtype != np.float32 or array.size < _SMALL:
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), array) else array
