"""From the ids of compounds to their structures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sklearn_csg2a.chem import smiles_problem
from sklearn_csg2a.exceptions import InputError, list_offenders

__all__ = ["CompoundTable", "find_smiles"]

CompoundTable = Mapping[Any, str] | pd.Series

# What stands for a structure that is not known or not published.
_NO_STRUCTURE = ("", "-666", "restricted", "nan", "None")


def find_smiles(ids: pd.Series, compounds: CompoundTable) -> pd.DataFrame:
    """Look the structure of each compound up.

    Returns `smiles` and `problem` for each row of `ids`; one of the two is None.
    """
    table = pd.Series(compounds, dtype=object)
    repeated = table.index[table.index.duplicated()].unique()
    if len(repeated):
        msg = (
            "compounds gives more than one SMILES for "
            f"{list_offenders(map(repr, repeated))}; give each id once."
        )
        raise InputError(msg)
    unique = pd.Index(ids.dropna().unique(), dtype=object)
    table.index = table.index.astype(object)
    found = {name: _judge(table.get(name)) for name in unique}
    if len(unique) and not unique.isin(table.index).any():
        msg = (
            f"compounds knows none of the {len(unique)} ids, such as "
            f"{list_offenders(map(repr, unique[:3]))}; its own look like "
            f"{list_offenders(map(repr, table.index[:3]))}."
        )
        raise InputError(msg)
    pairs = [found.get(name, (None, "no compound")) for name in ids.astype(object)]
    return pd.DataFrame(
        pairs, index=ids.index, columns=["smiles", "problem"], dtype=object
    )


def _judge(smiles: Any) -> tuple[str | None, str | None]:
    """Return a structure that can be read, or what is wrong with it."""
    if not isinstance(smiles, str) or smiles.strip() in _NO_STRUCTURE:
        return None, "no structure"
    if smiles_problem(smiles.strip()) is not None:
        return None, "structure cannot be read"
    return smiles.strip(), None
