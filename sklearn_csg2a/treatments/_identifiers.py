"""Identifiers: the cell and the compound of each row, without expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_csg2a._utils.choices import OnInvalidSmiles
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.treatments._cells import (
    factorize_cell_line,
    find_gene_columns,
    read_cells,
)
from sklearn_csg2a.treatments._columns import as_frame, is_plain, read_contract_table
from sklearn_csg2a.treatments._read import check_kind, read_plain_values
from sklearn_csg2a.treatments._treatments import read_compounds, refuse_mistaken_amounts

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Identifiers", "read_identifiers"]


@dataclass(frozen=True, eq=False)
class Identifiers:
    """What identifies the cell and the compound of each row.

    Parameters
    ----------
    row_labels : ndarray of shape (n_rows,), dtype=object
        Labels of the rows of X, positions where X has none.
    cell : ndarray of shape (n_rows,) or (0,), dtype=object
        Id of the cell line, or the bytes of its expression; empty if not asked for.
    compound : ndarray of shape (n_rows,), dtype=object
        Identity of the compound, the same for all its spellings; None where the
        SMILES is invalid, "" in all rows of a plain array.
    valid : ndarray of shape (n_rows,), dtype=bool
        False where the SMILES is invalid and that is allowed.
    genes : tuple of str or None
        Genes that `cell` was made of; None where it is an id.
    has_compounds : bool
        False for a plain array.
    """

    row_labels: np.ndarray
    cell: np.ndarray
    compound: np.ndarray
    valid: np.ndarray
    genes: tuple[str, ...] | None
    has_compounds: bool

    @property
    def n_rows(self) -> int:
        """Number of treatments."""
        return len(self.compound)


def read_identifiers(
    X: Any,
    *,
    columns: Mapping[str, str] | None = None,
    cells: bool = True,
    genes: tuple[str, ...] | None = None,
    on_invalid_smiles: OnInvalidSmiles = "raise",
    has_compounds: bool | None = None,
    estimator_name: str = "The estimator",
) -> Identifiers:
    """Read the ids of cells and compounds from X, which needs no expression.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        As for `read_treatments`.
    columns : mapping of str to str, default=None
        Renamed columns, contract name to the name in X.
    cells : bool, default=True
        Whether cells are needed; without, X needs no cell line and no genes.
    genes : tuple of str, default=None
        Genes known from fit. If given, cells are identified by their expression
        of these genes even where X has the column ``cell_line``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        "nan" marks such rows as not valid.
    has_compounds : bool, default=None
        What fit was given; X of the other kind is an error. None takes both.
    estimator_name : str, default="The estimator"
        Name used in messages.

    Returns
    -------
    identifiers : Identifiers
        The ids, row by row.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.treatments import read_identifiers
    >>> X = pd.DataFrame({"cell_line": ["A549", "MCF7"], "smiles": ["CCO", "OCC"]})
    >>> identifiers = read_identifiers(X)
    >>> identifiers.cell
    array(['A549', 'MCF7'], dtype=object)
    >>> identifiers.compound[0] == identifiers.compound[1]
    True
    """
    frame = as_frame(X)
    plain = is_plain(X if frame is None else frame, columns)
    check_kind(plain, has_compounds, None, estimator_name)
    if frame is None or plain:
        values, labels, _ = read_plain_values(X, estimator_name)
        compound = np.full(len(values), "", dtype=object)
        cell = _row_bytes(values) if cells else np.empty(0, dtype=object)
        valid = np.ones(len(values), dtype=bool)
        return Identifiers(labels, cell, compound, valid, None, has_compounds=False)
    fitted = has_compounds is not None
    table = read_contract_table(frame, columns, estimator_name, fitted=fitted)
    refuse_mistaken_amounts(table)
    smiles, compound_index = read_compounds(table, on_invalid_smiles)
    identities = np.empty(len(smiles) + 1, dtype=object)  # last: None, invalid
    identities[: len(smiles)] = compound_identities(smiles)
    compound = identities[compound_index]
    cell = np.empty(0, dtype=object)
    if cells and "cell_line" in table.names and genes is None:
        codes, ids = factorize_cell_line(table)
        cell = ids[codes]
    elif cells:
        if genes is None and not find_gene_columns(table):
            table.require("cell_line")
        found = read_cells(table, None, genes, "error")
        cell = _row_bytes(found.basal_expression)[found.index]
        genes = found.genes
    valid = compound_index >= 0
    return Identifiers(
        table.row_labels, cell, compound, valid, genes, has_compounds=True
    )


def _row_bytes(values: np.ndarray) -> np.ndarray:
    """Return the bytes of each row, (n_rows,) objects."""
    keys = np.empty(len(values), dtype=object)
    keys[:] = [row.tobytes() for row in values]
    return keys
