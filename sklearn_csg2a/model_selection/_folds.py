"""Assign ids to folds that depend only on the ids and the seed."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sklearn_csg2a.treatments._ids import Ids


DEFAULT_SEED = 0  # of the splitters


def check_fold_params(n_splits: Any, shuffle: Any, random_state: Any) -> None:
    """Validate parameters as scikit-learn's splitters do."""
    if not isinstance(n_splits, numbers.Integral) or isinstance(n_splits, bool):
        msg = (
            "The number of folds must be of Integral type. "
            f"{n_splits!r} of type {type(n_splits)} was passed."
        )
        raise InputError(msg)
    if n_splits < 2:
        msg = (
            "k-fold cross-validation requires at least one train/test split by "
            f"setting n_splits=2 or more, got n_splits={n_splits}."
        )
        raise InputError(msg)
    if not isinstance(shuffle, bool):
        msg = f"shuffle must be True or False; got {shuffle!r}"
        raise TypeError(msg)
    if not shuffle and not _may_be_default(random_state):
        msg = (
            f"Setting a random_state has no effect since shuffle is False; got "
            f"{random_state!r}. Remove random_state, or set shuffle=True."
        )
        raise InputError(msg)


def _may_be_default(random_state: Any) -> bool:
    """Whether a seed may be the default, so that the user may not have set it."""
    return random_state is None or (
        isinstance(random_state, numbers.Integral) and random_state == DEFAULT_SEED
    )


def spread(
    n_items: int, n_parts: int, rng: np.random.RandomState | None
) -> NDArray[np.int64]:
    """Assign items to parts whose sizes differ by at most one: (n_items,)."""
    parts = np.empty(n_items, dtype=np.int64)
    order = np.arange(n_items) if rng is None else rng.permutation(n_items)
    parts[order] = np.arange(n_items) * n_parts // max(n_items, 1)
    return parts


def fold_of_ids(
    ids: Ids, n_splits: int, rng: np.random.RandomState | None
) -> NDArray[np.int64]:
    """Assign every id to a fold: (n_ids,)."""
    if n_splits > ids.count:
        msg = (
            f"Cannot have number of splits n_splits={n_splits} greater than the number "
            f"of groups: {ids.count} ({ids.what} ids in {ids.source})."
        )
        raise InputError(msg)
    return spread(ids.count, n_splits, rng)


def pair_codes(cells: Ids, drugs: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the (cell, drug) pairs that occur: sorted keys (n_pairs,), codes (n,)."""
    keys, codes = np.unique(
        cells.codes * drugs.count + drugs.codes, return_inverse=True
    )
    return keys, codes


def fold_of_pairs(
    cells: Ids, drugs: Ids, n_splits: int, rng: np.random.RandomState | None
) -> NDArray[np.int64]:
    """Assign every row to the fold of its (cell, drug) pair: (n_rows,)."""
    keys, codes = pair_codes(cells, drugs)
    if n_splits > len(keys):
        msg = (
            f"Cannot have number of splits n_splits={n_splits} greater than the number "
            f"of groups: {len(keys)} (pairs of {cells.what} and {drugs.what})."
        )
        raise InputError(msg)
    if rng is not None:
        return spread(len(keys), n_splits, rng)[codes]
    # Without shuffling, folds are diagonals of the cell x drug table: blocks of the
    # sorted pairs would hold out whole cells, and strides whole drugs.
    cell, drug = np.divmod(keys, drugs.count)
    order = np.argsort((cell + drug) % n_splits, kind="stable")
    folds = np.empty(len(keys), dtype=np.int64)
    folds[order] = spread(len(keys), n_splits, None)
    return folds[codes]
