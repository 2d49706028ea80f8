"""Treatments: one row per treatment, stored by unique cell and unique compound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from sklearn_csg2a.treatments._table_rows import TableRows

__all__ = ["Treatments"]


@dataclass(frozen=True, eq=False)
class Treatments:
    """Validated treatments, indexed by unique cell and unique compound.

    Row i treats cell `cell_index[i]` with compound `compound_index[i]` at
    `dose[i]` for `time[i]`.

    Parameters
    ----------
    row_labels : ndarray of shape (n_rows,), dtype=object
        Labels of the rows of X, positions where X has none.
    cell_ids : ndarray of shape (n_cells,), dtype=object
        Name of each unique cell: its id in `expression`, its value in the column
        ``cell_line``, or the label of the first row it occurs in.
    cell_index : ndarray of shape (n_rows,), dtype=int64
        Cell of each row.
    basal_expression : ndarray of shape (n_cells, n_genes), dtype=float32
        Basal expression, once per unique cell.
    genes : tuple of str
        Names of the columns of `basal_expression`.
    genes_named : bool
        False where X gave no names, as a plain array does.
    smiles : tuple of str
        Canonical SMILES of each unique compound; empty for a plain array.
    compound_index : ndarray of shape (n_rows,), dtype=int64
        Compound of each row; -1 where the SMILES is invalid and that is allowed.
    has_compounds : bool
        False for a plain array: one constant condition, no compound.
    dose : ndarray of shape (n_rows,), dtype=float64
        Dose in micromolar.
    time : ndarray of shape (n_rows,), dtype=float64
        Time in hours.
    amounts_given : tuple of str
        Which of "dose" and "time" X gave; a default stands for the others.
    filled : ndarray of shape (n_genes,), dtype=bool, or None
        Genes that X or `expression` lacks, and that are filled with 0; None for none.
    table_rows : TableRows or None
        Where the cells stand in `expression`; None if not all of them are from there.

    Examples
    --------
    >>> from sklearn_csg2a.treatments import read_treatments
    >>> treatments = read_treatments([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    >>> treatments.n_rows, treatments.n_cells, treatments.n_genes
    (3, 2, 2)
    >>> treatments.cell_index
    array([0, 1, 0])
    """

    row_labels: np.ndarray
    cell_ids: np.ndarray
    cell_index: np.ndarray
    basal_expression: np.ndarray
    genes: tuple[str, ...]
    genes_named: bool
    smiles: tuple[str, ...]
    compound_index: np.ndarray
    has_compounds: bool
    dose: np.ndarray
    time: np.ndarray
    amounts_given: tuple[str, ...] = ()
    filled: np.ndarray | None = None
    table_rows: TableRows | None = None

    @property
    def n_rows(self) -> int:
        """Number of treatments."""
        return len(self.cell_index)

    @property
    def n_cells(self) -> int:
        """Number of unique cells."""
        return len(self.basal_expression)

    @property
    def n_compounds(self) -> int:
        """Number of unique compounds, 0 for a plain array."""
        return len(self.smiles)

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return self.basal_expression.shape[1]

    @property
    def ranges(self) -> dict[str, list[float]]:
        """Smallest and largest dose and time, of those that X gave."""
        return {
            name: [float(values.min()), float(values.max())]
            for name, values in (("dose", self.dose), ("time", self.time))
            if name in self.amounts_given
        }

    def take(self, rows: ArrayLike) -> Treatments:
        """Return the given rows, with the cells and compounds they use alone.

        Parameters
        ----------
        rows : array-like of int or bool
            Positions of rows, in any order and with repeats, or a mask.

        Returns
        -------
        treatments : Treatments
            Cells and compounds keep their order.

        Examples
        --------
        >>> from sklearn_csg2a.treatments import read_treatments
        >>> treatments = read_treatments([[1.0, 2.0], [3.0, 4.0]])
        >>> treatments.take([1, 1]).basal_expression
        array([[3., 4.]], dtype=float32)
        """
        chosen = np.asarray(rows)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        at: np.ndarray = np.arange(self.n_rows)[chosen]
        used_cells, cell_index = _compact(self.cell_index[at])
        used_compounds, compound_index = _compact(self.compound_index[at])
        every_cell = len(used_cells) == self.n_cells
        basal = self.basal_expression
        known = self.table_rows
        return replace(
            self,
            row_labels=self.row_labels[at],
            cell_ids=self.cell_ids[used_cells],
            cell_index=cell_index,
            basal_expression=basal if every_cell else basal[used_cells],
            smiles=tuple(self.smiles[i] for i in used_compounds if self.smiles),
            compound_index=compound_index,
            dose=self.dose[at],
            time=self.time[at],
            table_rows=None if known is None else known.take(used_cells),
        )


def _compact(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the non-negative values in use and the index into them; -1 stays."""
    used = np.unique(index[index >= 0])
    position = np.searchsorted(used, index)
    return used, np.where(index >= 0, position, -1).astype(np.int64)
