"""The column smiles: unique compounds and an index into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.chem import canonical_smiles, smiles_problem
from sklearn_csg2a.exceptions import InvalidSmilesError
from sklearn_csg2a.treatments._columns import factorize_objects

if TYPE_CHECKING:
    from sklearn_csg2a.treatments._columns import ContractTable

__all__ = ["read_compounds"]


def read_compounds(
    table: ContractTable, on_invalid_smiles: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return unique canonical SMILES and the compound of each row, (n_rows,)."""
    column = table.require("smiles")
    codes, texts = factorize_objects(column)
    index_of: dict[str, int] = {}
    compound_of_text = np.full(len(texts) + 1, -1, dtype=np.int64)  # last: missing
    reasons: dict[int, str] = {}
    for i, text in enumerate(texts):
        reason = smiles_problem(text)
        if reason is None:
            canonical = canonical_smiles(text)
            compound_of_text[i] = index_of.setdefault(canonical, len(index_of))
        else:
            reasons[i] = reason
    compound_index = compound_of_text[codes]
    if on_invalid_smiles == "raise" and (compound_index < 0).any():
        _raise_invalid(table, column, codes, compound_index, reasons)
    return tuple(index_of), compound_index


def _raise_invalid(
    table: ContractTable,
    column: pd.Series,
    codes: np.ndarray,
    compound_index: np.ndarray,
    reasons: dict[int, str],
) -> None:
    """Raise InvalidSmilesError naming the rows, their texts and the reasons."""
    labels, values = table.row_labels, column.to_numpy(dtype=object)

    def describe(row: Any) -> str:
        reason = reasons.get(int(codes[row]), "missing")
        text = repr(values[row])
        said = reason if text in reason else f"{text}: {reason}"
        return f"{name_row(row, labels)}: {said}"

    rows = np.flatnonzero(compound_index < 0)
    raise InvalidSmilesError(
        f"Column {column.name!r} of X has {len(rows)} row(s) without a valid SMILES: "
        f"{list_offenders(rows, describe)}. Correct or drop these "
        "rows; on_invalid_smiles='nan' lets predict give NaN there."
    )
