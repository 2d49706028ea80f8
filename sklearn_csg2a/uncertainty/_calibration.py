"""Quantiles of out-of-fold errors, where a unit with many rows is one draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Calibration", "check_held_out", "find_units", "takes_groups", "weigh_rows"]

_ROUNDING = 1e-9  # of sums of weights


class Calibration:
    """Distribution of the scores of held-out rows, and of one that is unknown.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
        Absolute errors, divided by their expected size.
    units : ndarray of shape (n_rows, n_kinds)
        Code of the unit of each row, of each kind that is held out.
    """

    def __init__(self, scores: NDArray[np.float64], units: NDArray[np.int64]) -> None:
        weights, self.n_units = weigh_rows(units)
        order = np.argsort(scores, kind="stable")
        self.scores = scores[order]
        known = np.prod([count / (count + 1) for count in self.n_units])
        self.shares = np.cumsum(weights[order]) * known

    def quantile(self, coverage: float) -> float:
        """Return the smallest score that so large a share is below; inf for none."""
        place = int(np.searchsorted(self.shares, coverage - _ROUNDING))
        return float(self.scores[place]) if place < len(self.scores) else np.inf

    @property
    def largest_coverage(self) -> float:
        """The largest coverage that has a finite quantile."""
        return float(self.shares[-1])


def find_units(splitter: Any, X: Any, groups: Any, n_rows: int) -> NDArray[np.int64]:
    """Return the units that a splitter holds out together: (n_rows, n_kinds).

    Splitters of this package know them. For others they are `groups` where given, and
    rows where not.
    """
    if hasattr(splitter, "held_out_units"):
        return np.asarray(splitter.held_out_units(X, groups))
    if groups is None:
        return np.arange(n_rows)[:, None]
    labels = column_or_1d(groups)
    check_consistent_length(X, labels)
    return pd.factorize(labels, use_na_sentinel=False)[0][:, None]


def takes_groups(splitter: Any) -> bool:
    """Whether `split` is to be given `groups`: scikit-learn warns if it has no use."""
    if not hasattr(splitter, "get_metadata_routing"):
        return True
    requests = splitter.get_metadata_routing().split.requests
    return requests.get("groups") is True


def check_held_out(
    units: NDArray[np.int64], train: NDArray[np.int64], test: NDArray[np.int64], cv: Any
) -> None:
    """Refuse a split in which a unit has rows in training and test."""
    for kind in units.T:
        shared = test[np.isin(kind[test], kind[train])]
        if len(shared):
            msg = (
                f"cv={cv!r} does not hold out whole groups: rows of the group of row "
                f"{list_offenders(shared)} (positions in X) are in the training set, "
                "too. Use a splitter that keeps groups together, such as GroupKFold."
            )
            raise InputError(msg)


def weigh_rows(units: NDArray[np.int64]) -> tuple[NDArray[np.float64], list[int]]:
    """Return the chance of each row (n_rows,), and the number of units of each kind.

    A unit is drawn, then one of its rows. With two kinds, either is drawn first, with
    equal chance.
    """
    weights: NDArray[np.float64] = np.zeros(len(units))
    counts = []
    for kind in units.T:
        codes = np.unique(kind, return_inverse=True)[1]
        n_rows = np.bincount(codes)
        weights += 1 / (len(n_rows) * n_rows[codes])
        counts.append(len(n_rows))
    return weights / units.shape[1], counts
