"""Training cells of a kernel model, which new ones are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn_csg2a.baselines._features import Standardizer
    from sklearn_csg2a.treatments import Treatments
    from sklearn_csg2a.treatments._cells import TableRows

__all__ = ["TrainingCells", "compare_in_blocks"]

_BLOCK_VALUES = 2**21  # of standardised expression: 16 MB


class TrainingCells:
    """Expression of the training cells, standardised on access.

    Cells of a table `expression` are not copied, so that the models of a
    cross-validation share them. A pickle or model file contains them.

    Parameters
    ----------
    treatments : Treatments
        Training data of the model.
    scaler : Standardizer
        The scaler of its genes.
    """

    def __init__(self, treatments: Treatments, scaler: Standardizer) -> None:
        self.scaler = scaler
        self._cells: TableRows | np.ndarray = treatments.basal_expression
        if treatments.table_rows is not None:
            self._cells = treatments.table_rows

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return len(self.scaler.mean)

    def __call__(self, cells: slice) -> np.ndarray:
        """Return standardised expression of some cells, (n, n_genes) float64."""
        return self.scaler(self._read(cells))

    def _read(self, cells: slice) -> np.ndarray:
        """Return expression of some cells, (n, n_genes) float32."""
        if isinstance(self._cells, np.ndarray):
            return self._cells[cells]
        return self._cells.read(cells)

    def __getstate__(self) -> dict[str, Any]:
        """Include the cells: the table may not exist where the state is loaded."""
        return {"scaler": self.scaler, "_cells": self._read(slice(None))}


def compare_in_blocks(
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray],
    left: Callable[[slice], np.ndarray],
    n_left: int,
    right: TrainingCells,
) -> np.ndarray:
    """Return the kernel of cells (n_left, n_right), computed in blocks of both.

    If `left` is `right`, one half is the transpose of the other.
    """
    compared = np.empty((n_left, len(right)))
    size = max(_BLOCK_VALUES // max(right.n_genes, 1), 1)
    is_symmetric = left is right
    for column in range(0, len(right), size):
        columns = slice(column, column + size)
        known = right(columns)
        for row in range(column if is_symmetric else 0, n_left, size):
            rows = slice(row, row + size)
            cells = known if is_symmetric and row == column else left(rows)
            compared[rows, columns] = kernel(cells, known)
            if is_symmetric:
                compared[columns, rows] = compared[rows, columns].T
    return compared
