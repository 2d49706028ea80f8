"""Training cells that a kernel model compares new ones with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn_csg2a.baselines._features import Standardizer
    from sklearn_csg2a.treatments import Treatments
    from sklearn_csg2a.treatments._cells import TableRows

__all__ = ["TrainingCells", "compare_in_blocks"]

_NUMBERS_AT_ONCE = 2**23  # of standardised expression: 64 MB


class TrainingCells:
    """Expression of the training cells, standardised whenever it is asked for.

    Cells of a table `expression` stay there, so that the models of a cross-validation
    hold them once. A copy of the object, in a pickle or a model file, has them itself.

    Parameters
    ----------
    treatments : Treatments
        What the model is fitted on.
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
        """Take the cells along: the table may not be where the copy goes."""
        return {"scaler": self.scaler, "_cells": self._read(slice(None))}


def compare_in_blocks(
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray],
    left: Callable[[slice], np.ndarray],
    n_left: int,
    right: TrainingCells,
) -> np.ndarray:
    """Return the kernel of cells, (n_left, n_right), from blocks of both."""
    compared = np.empty((n_left, len(right)))
    size = max(_NUMBERS_AT_ONCE // max(right.n_genes, 1), 1)
    for column in range(0, len(right), size):
        columns = slice(column, column + size)
        known = right(columns)
        for row in range(0, n_left, size):
            rows = slice(row, row + size)
            compared[rows, columns] = kernel(left(rows), known)
    return compared
