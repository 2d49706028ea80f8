"""Groups of compounds with a common mechanism."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklearn_csg2a.chem._compounds import compound_identities
from sklearn_csg2a.encoders._annotation_table import fold_term, read_annotation
from sklearn_csg2a.encoders._base import read_smiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["mechanism_groups"]


def mechanism_groups(
    table: pd.DataFrame, smiles: Iterable[str] | Any, column: str = "moa"
) -> np.ndarray:
    """Group compounds by mechanism, or by another column of a table.

    Compounds that have a term in common are in one group, directly or through others.
    Compounds that the table does not annotate are groups of their own.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Annotation; see :class:`AnnotationEncoder`.
    smiles : sequence of str of length n
        Compounds to group, in any spelling: one for each row of a data set, say.
    column : str, default="moa"
        Column of the table.

    Returns
    -------
    groups : ndarray of shape (n,), dtype int64
        Group of each compound, numbered in the order of their first compounds.

    Raises
    ------
    InputError
        If the table cannot be used; the message names row and column.
    InvalidSmilesError
        If a compound has no valid SMILES.

    See Also
    --------
    sklearn_csg2a.baselines.PairwiseKernelRidge : A kernel of annotation beside that of
        structure, so that compounds of the same mechanism count more.

    Notes
    -----
    With scikit-learn's `GroupKFold`, the groups hold out whole mechanisms. Many
    compounds have several terms, which join groups: the more terms, the fewer groups.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.encoders import mechanism_groups
    >>> table = pd.DataFrame(
    ...     {"moa": ["COX inhibitor", "cox inhibitor|antioxidant", "antagonist"]},
    ...     index=["CC(=O)Oc1ccccc1C(=O)O", "OC(=O)c1ccccc1O", "CN(C)C"])
    >>> mechanism_groups(table, ["OC(=O)c1ccccc1OC(C)=O", "CCO",
    ...                          "OC(=O)c1ccccc1O"]).tolist()
    [0, 1, 0]
    """
    of_compound = read_annotation(table, [column]).terms[column]
    identities = compound_identities(read_smiles(smiles, user="mechanism_groups"))
    unique = list(dict.fromkeys(identities.tolist()))
    names: dict[str, int] = {}
    ends = [
        (row, names.setdefault(fold_term(term), len(names)))
        for row, identity in enumerate(unique)
        for term in of_compound.get(identity, ())
    ]
    rows, terms = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    size = len(unique) + len(names)
    edges = sparse.coo_array(
        (np.ones(len(rows), dtype=bool), (rows, terms + len(unique))), (size, size)
    )
    component = connected_components(edges, directed=False)[1][: len(unique)]
    number = {c: k for k, c in enumerate(dict.fromkeys(component.tolist()))}
    group = {one: number[c] for one, c in zip(unique, component.tolist(), strict=True)}
    return np.array([group[one] for one in identities.tolist()], dtype=np.int64)
