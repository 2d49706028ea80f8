"""Kernels of encoded compounds: one of the whole encoding, or a sum over its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.pipeline import FeatureUnion

from sklearn_csg2a.baselines.kernels._kronecker import tanimoto_kernel
from sklearn_csg2a.baselines.kernels._products import multiply_rows
from sklearn_csg2a.chem._similarity import similarity_of_products
from sklearn_csg2a.encoders import encode_compounds
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Block",
    "check_compound_kernel",
    "compare_all",
    "compare_compounds",
    "list_blocks",
]

Block = tuple[str, int, int, float]  # kernel, columns from and to, weight

_SPARSE = 0.1  # share of numbers that are not 0, below which products are sparse


def linear_kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``x.y``, (n_left, n_right)."""
    return multiply_rows(left.astype(np.float64), right.astype(np.float64).T)


_KERNELS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "tanimoto": tanimoto_kernel,
    "linear": linear_kernel,
}


def check_compound_kernel(kernel: Any, encoder: Any) -> None:
    """Refuse kernels of other names, and of parts that the encoder does not have."""
    kinds = kernel.values() if isinstance(kernel, Mapping) else [kernel]
    if not all(isinstance(kind, str) and kind in _KERNELS for kind in kinds):
        msg = (
            f"compound_kernel={kernel!r} must be one of {list(_KERNELS)}, or a dict "
            "that gives one of them for each part of a FeatureUnion."
        )
        raise InputError(msg)
    if not isinstance(kernel, Mapping):
        return
    if not isinstance(encoder, FeatureUnion):
        msg = (
            f"compound_kernel={kernel!r} names parts of a FeatureUnion, but "
            f"compound_encoder is {encoder!r}. Give a FeatureUnion, or one kernel."
        )
        raise InputError(msg)
    parts = [name for name, part in encoder.transformer_list if part != "drop"]
    if set(parts) != set(kernel):
        msg = (
            f"compound_kernel names the parts {list(kernel)}, but compound_encoder has "
            f"{parts}; give a kernel for each."
        )
        raise InputError(msg)


def list_blocks(
    kernel: str | Mapping[str, str], encoder: Any, smiles: str
) -> list[Block]:
    """Return kernel, columns and weight of each part of a fitted encoder.

    The weight of a kernel is the square of that of its part in the union, by which
    encodings are multiplied: linear kernels have it without more, a Tanimoto kernel
    does not depend on it.
    """
    if encoder is None or not isinstance(kernel, Mapping):
        return []
    weights = encoder.transformer_weights or {}
    blocks, first = [], 0
    for name, part in encoder.transformer_list:
        if part == "drop":
            continue
        last = first + encode_compounds(part, [smiles]).shape[1]
        kind = kernel[name]
        weight = weights.get(name, 1.0) ** 2 if kind == "tanimoto" else 1.0
        blocks.append((kind, first, last, weight))
        first = last
    return blocks


def compare_compounds(
    left: np.ndarray,
    right: np.ndarray,
    kernel: str | Mapping[str, str],
    blocks: Sequence[Block],
) -> np.ndarray:
    """Return the kernel of encoded compounds, (n_left, n_right)."""
    if left.shape[1] == 0:  # no compounds at all
        return np.ones((len(left), len(right)))
    if blocks:
        compared = np.zeros((len(left), len(right)))
        for kind, first, last, weight in blocks:
            part = _KERNELS[kind](left[:, first:last], right[:, first:last])
            compared += weight * part
        return compared
    return _KERNELS[str(kernel)](left, right)


def compare_all(
    encodings: np.ndarray,
    kernel: str | Mapping[str, str],
    blocks: Sequence[Block],
) -> np.ndarray:
    """Return the kernel of thousands of compounds, (n, n), symmetric.

    Fingerprints and annotation are mostly zeros, which are left out of the products;
    their rounding may differ from that of `compare_compounds`.
    """
    if np.count_nonzero(encodings) >= _SPARSE * encodings.size:
        return compare_compounds(encodings, encodings, kernel, blocks)
    compared = np.zeros((len(encodings), len(encodings)))
    whole = (str(kernel), 0, encodings.shape[1], 1.0)
    for kind, first, last, weight in blocks or [whole]:
        numbers = sparse.csr_array(encodings[:, first:last].astype(np.float64))
        product = (numbers @ numbers.T).toarray()
        if kind == "tanimoto":
            product = similarity_of_products(product, *2 * [product.diagonal()])
        compared += weight * product
    return compared
