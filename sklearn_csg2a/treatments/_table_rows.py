"""Where cells stand in a table of expression, to read them again without a copy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sklearn_csg2a.treatments._genes import read_gene_values

if TYPE_CHECKING:
    from typing import Self

__all__ = ["TableRows"]


@dataclass(frozen=True, eq=False)
class TableRows:
    """Rows of a table of expression that others hold as well.

    Parameters
    ----------
    table : DataFrame of shape (n_known_cells, n_columns)
        The table. It shares its memory with the caller's until that is changed.
    rows : ndarray of shape (n_cells,)
        Position of each cell in the table.
    columns : ndarray of shape (n_genes,)
        Position of each gene in the table, -1 for one that is filled with 0.
    """

    table: pd.DataFrame
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, rows: np.ndarray, columns: np.ndarray) -> Self:
        """Refer to a table as it is now: later changes in place are not seen."""
        return cls(table.copy(deep=False), rows, columns)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, cells: np.ndarray) -> Self:
        """Return the cells at these positions."""
        return replace(self, rows=self.rows[cells])

    def read(self, cells: slice = slice(None)) -> np.ndarray:
        """Return expression, (n_cells, n_genes) float32."""
        rows = self.rows[cells]
        return read_gene_values(
            self.table,
            rows,
            self.columns,
            name="expression",
            where=lambda i, gene: f"cell {self.table.index[rows[i]]!r}, gene {gene!r}",
            advice="Fill these values, or drop the cells or genes.",
        )
