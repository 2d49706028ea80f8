"""Matrix products whose rows do not depend on each other, to the bit."""

from __future__ import annotations

import numpy as np

__all__ = ["multiply_rows"]

_BLOCK = 64  # numbers of rows and columns are multiples of this


def multiply_rows(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``left @ right``, each row independent of the other rows.

    Products of different shapes may round differently, and so may the last rows or
    columns if the shape is not a multiple of the blocks of the processor. So rows are
    multiplied in blocks of one size, and columns are padded with zeros.
    """
    n_rows, n_columns = len(left), right.shape[1]
    padded = np.zeros((len(right), n_columns + -n_columns % _BLOCK))
    padded[:, :n_columns] = right
    product = np.empty((n_rows, n_columns))
    block = np.zeros((_BLOCK, left.shape[1]))
    for first in range(0, n_rows, _BLOCK):
        rows = left[first : first + _BLOCK]
        block[: len(rows)] = rows
        product[first : first + _BLOCK] = (block @ padded)[: len(rows), :n_columns]
    return product
