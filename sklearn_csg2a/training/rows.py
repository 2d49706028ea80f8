"""Training rows, validation rows and the batch size."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from sklearn_csg2a._utils.one_warning import warn_of_input
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "SMALLEST_BATCH",
    "center_and_spread",
    "choose_batch_size",
    "draw_rows",
    "hold_out_pairs",
    "seed_splitter",
    "split_rows",
]

SMALLEST_BATCH = 32
_MUCH = 0.2  # share of all rows held out beyond the requested fraction


def split_rows(
    validation: Any, X: Any, y: Any, treatments: Treatments, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return training and validation rows; None if nothing is held out.

    `validation` is a fraction, a splitter whose first split is used, or None.
    """
    if validation is None:
        return np.arange(treatments.n_rows), None
    if isinstance(validation, Real):
        return _hold_out_share(float(validation), treatments, seed)
    splitter = seed_splitter(validation, seed)
    train, valid = map(np.asarray, next(iter(splitter.split(X, y))))
    if len(train) < 2 or len(valid) < 1:
        msg = (
            f"validation={validation!r} gives {len(train)} training and "
            f"{len(valid)} validation rows of {treatments.n_rows}; training needs at "
            "least 2 and validation 1. Use fewer folds, more rows or a fraction."
        )
        raise InputError(msg)
    return train, valid


def draw_rows(rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return a share of some rows, in their order; at least two of them."""
    if share == 1:
        return rows
    n_drawn = max(round(share * len(rows)), 2)
    drawn = np.random.RandomState(seed).permutation(len(rows))[:n_drawn]
    return rows[np.sort(drawn)]


def seed_splitter(splitter: Any, seed: int) -> Any:
    """Return a splitter that draws from `seed`, unless it has a seed.

    A splitter of this package or of scikit-learn that shuffles with
    ``random_state=None`` has none; any other is returned unchanged. The given splitter
    is not modified.
    """
    shuffles = getattr(splitter, "shuffle", True)
    if not shuffles or getattr(splitter, "random_state", seed) is not None:
        return splitter
    seeded = clone(splitter, safe=False)
    seeded.random_state = seed
    return seeded


def choose_batch_size(
    batch_size: int | str, n_train: int, n_steps: int = 100, largest: int = 512
) -> int:
    """Resolve "auto": about `n_steps` steps per epoch, a power of two from 32 on."""
    if batch_size == "auto":
        wanted = 2 ** round(np.log2(max(n_train / n_steps, 1)))
        return int(np.clip(wanted, SMALLEST_BATCH, largest))
    return int(batch_size)


def hold_out_pairs(treatments: Treatments, n_rows: int, seed: int) -> np.ndarray:
    """Choose about `n_rows` rows at random, keeping (cell, compound) pairs together.

    Return a mask, (rows,). Without replicates the number is exact.
    """
    pairs = _pair_of_rows(treatments)
    drawn = pairs[np.random.RandomState(seed).permutation(len(pairs))]
    order = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
    return np.isin(pairs, _choose_pairs(order, np.bincount(pairs), n_rows))


def _hold_out_share(
    fraction: float, treatments: Treatments, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Hold out a share of the rows; None if there are too few."""
    n_rows = treatments.n_rows
    n_valid = round(fraction * n_rows)
    if n_valid < 1 or n_rows - n_valid < 2:
        return np.arange(n_rows), None
    is_valid = hold_out_pairs(treatments, n_valid, seed)
    n_held_out = int(is_valid.sum())
    if n_held_out == 0 or n_held_out - n_valid > _MUCH * n_rows:
        warn_of_input(
            "validation",
            f"validation={fraction:g} requests {n_valid} of {n_rows} rows, but the "
            "rows of a pair of cell and compound stay together, and the pairs are so "
            f"few that {n_held_out} rows are held out. Give validation= a splitter "
            "that divides these rows as needed.",
        )
    if n_held_out == 0:
        return np.arange(n_rows), None
    return np.flatnonzero(~is_valid), np.flatnonzero(is_valid)


def _pair_of_rows(treatments: Treatments) -> np.ndarray:
    """Return the number of the (cell, compound) pair of each row: (n_rows,).

    All spellings of a compound count as the same. Doses and times are ignored, as in
    `MixedKFold`: the same pair at another dose is hardly new.
    """
    compounds = treatments.compound_index
    if treatments.n_compounds:
        identities = compound_identities(treatments.smiles)
        compounds = np.unique(identities, return_inverse=True)[1][compounds]
    cells = _cells_by_name(treatments)[treatments.cell_index]
    pairs = np.column_stack([cells, compounds])
    return np.unique(pairs, axis=0, return_inverse=True)[1].ravel()


def _cells_by_name(treatments: Treatments) -> np.ndarray:
    """Return a number per distinct cell name, (n_cells,); unnamed cells differ."""
    first_row = np.unique(treatments.cell_index, return_index=True)[1]
    labels = treatments.row_labels[first_row]
    number_of: dict[tuple[bool, Any], int] = {}
    numbers = np.empty(treatments.n_cells, dtype=np.int64)
    for cell, (name, label) in enumerate(zip(treatments.cell_ids, labels, strict=True)):
        key = (False, cell) if name == label else (True, name)  # a row without a name
        numbers[cell] = number_of.setdefault(key, cell)
    return numbers


def _choose_pairs(order: np.ndarray, sizes: np.ndarray, n_valid: int) -> list[int]:
    """Choose pairs in a given order until they have about `n_valid` rows.

    Without replicates, these are the first `n_valid` pairs. If a pair larger than the
    missing number is added, at least two training rows remain.
    """
    chosen: list[int] = []
    missing, smallest = n_valid, None
    for pair in order.tolist():
        if sizes[pair] <= missing:
            chosen.append(pair)
            missing -= int(sizes[pair])
        elif smallest is None or sizes[pair] < sizes[smallest]:
            smallest = pair
    if smallest is not None and missing:
        held_out, more = n_valid - missing, int(sizes[smallest])
        is_nearer = (held_out + more) * held_out < n_valid**2  # as a ratio
        if is_nearer and sizes.sum() - held_out - more >= 2:
            chosen.append(smallest)
    return chosen


def center_and_spread(response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each output and one spread for all, both (outputs,)."""
    location = response.mean(axis=0)
    centered = response - location
    # a constant output must come back exactly, not within rounding of its mean
    constant = (response == response[0]).all(axis=0)
    location = np.where(constant, response[0], location)
    spread = 0.0 if constant.all() else float(np.sqrt(np.mean(centered**2)))
    return location, np.full(response.shape[1], spread)
