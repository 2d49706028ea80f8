"""One split into three parts: training, validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from sklearn.utils.validation import check_consistent_length

from sklearn_csg2a._utils.validation import private_random_state
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection._folds import pair_codes
from sklearn_csg2a.treatments._ids import COMPOUND, read_cells_and_drugs, read_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Scheme = Literal["mixed", "cell", "drug", "disjoint"]
PARTS = ("training", "validation", "test")
OWNER = "train_valid_test_split"


def train_valid_test_split(
    X: Any,
    scheme: Scheme = "mixed",
    sizes: Sequence[float] = (0.8, 0.1, 0.1),
    random_state: int | np.random.RandomState | None = None,
    *,
    groups: Any = None,
    cell: str = "cell_line",
    drug: str = "smiles",
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Split rows into training, validation and test set, by one scheme.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        One row per treatment.
    scheme : {"mixed", "cell", "drug", "disjoint"}, default="mixed"
        What no two of the three parts share: pairs, cell lines, compounds, or both
        cell lines and compounds.
    sizes : sequence of three floats, default=(0.8, 0.1, 0.1)
        Fractions of the pairs, cell lines or compounds; positive, with sum 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw. An int gives the same parts in every call.
    groups : array-like of shape (n_rows,) or (n_rows, 2), default=None
        The ids, used instead of the columns of X: an array for "cell" and "drug", a
        DataFrame or array with two columns (cell, drug) for the others.
    cell : str, default="cell_line"
        Column of X with the cell line.
    drug : str, default="smiles"
        Column of X with the compound.

    Returns
    -------
    train : ndarray of shape (n_train,)
        Row positions, ascending.
    valid : ndarray of shape (n_valid,)
        Row positions, ascending.
    test : ndarray of shape (n_test,)
        Row positions, ascending.

    Raises
    ------
    InputError
        If an id or a column is missing, `sizes` or `scheme` is invalid, or a part
        would be empty. It is a ValueError.

    See Also
    --------
    MixedKFold : Explains how drugs are compared.

    Notes
    -----
    In the disjoint scheme, cell lines and compounds are both split by `sizes`, and part
    k consists of the rows with a cell line and a compound of part k. All other rows are
    omitted: by default, 64 % of a complete screen are used for training, 1 % for
    validation and 1 % for testing.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import train_valid_test_split
    >>> X = pd.DataFrame({"cell_line": list("aabbccddee"), "smiles": ["C", "CC"] * 5})
    >>> train, valid, test = train_valid_test_split(
    ...     X, scheme="cell", sizes=(0.6, 0.2, 0.2), random_state=0
    ... )
    >>> train.tolist(), valid.tolist(), test.tolist()
    ([2, 3, 6, 7, 8, 9], [0, 1], [4, 5])
    """
    shares = _check_sizes(sizes)
    if scheme not in get_args(Scheme):
        msg = f"scheme must be one of {get_args(Scheme)}; got {scheme!r}."
        raise InputError(msg)
    check_consistent_length(X, groups)
    rng = private_random_state(random_state)
    if scheme == "cell":
        ids = read_ids(X, groups, column=cell, what="cell line", owner=OWNER)
        part = _cut(ids.count, shares, rng, "cell lines")[ids.codes]
    elif scheme == "drug":
        ids = read_ids(X, groups, column=drug, what=COMPOUND, position=1, owner=OWNER)
        part = _cut(ids.count, shares, rng, "compounds")[ids.codes]
    else:
        cells, drugs = read_cells_and_drugs(
            X, groups, cell=cell, drug=drug, owner=OWNER
        )
        if scheme == "mixed":
            keys, codes = pair_codes(cells, drugs)
            part = _cut(len(keys), shares, rng, "pairs")[codes]
        else:
            cell_part = _cut(cells.count, shares, rng, "cell lines")[cells.codes]
            drug_part = _cut(drugs.count, shares, rng, "compounds")[drugs.codes]
            part = np.where(cell_part == drug_part, cell_part, -1)
    train, valid, test = (np.flatnonzero(part == k) for k in range(3))
    for name, rows in zip(PARTS, (train, valid, test), strict=True):
        if len(rows) == 0:
            msg = (
                f"The {name} set of the {scheme} scheme is empty: the screen has too "
                "few pairs. Use other sizes or another random_state."
            )
            raise InputError(msg)
    return train, valid, test


def _check_sizes(sizes: Sequence[float]) -> NDArray[np.float64]:
    """Validate the three fractions: positive, with sum 1."""
    try:
        shares = np.asarray(sizes, dtype=np.float64)
    except (TypeError, ValueError):
        shares = np.empty(0)
    is_good = (
        shares.shape == (3,) and np.all(shares > 0) and np.isclose(shares.sum(), 1)
    )
    if not is_good:
        msg = f"sizes must be three positive numbers with sum 1; got {sizes!r}."
        raise InputError(msg)
    return shares


def _cut(
    n_ids: int, shares: NDArray[np.float64], rng: np.random.RandomState, what: str
) -> NDArray[np.int64]:
    """Assign every id to a part: (n_ids,), at least one id per part."""
    if n_ids < len(PARTS):
        msg = f"Three parts need at least 3 {what}; there are {n_ids}."
        raise InputError(msg)
    n_valid, n_test = (max(1, round(float(share) * n_ids)) for share in shares[1:])
    while n_valid + n_test > n_ids - 1:
        n_valid, n_test = (max(1, n - 1) for n in (n_valid, n_test))
    order = rng.permutation(n_ids)
    parts = np.zeros(n_ids, dtype=np.int64)
    parts[order[:n_test]] = 2
    parts[order[n_test : n_test + n_valid]] = 1
    return parts
