"""Columns of features, sorted into bins once per cell line, compound or dose.

A row has the features of its cell line, its compound and, where they differ, its dose
and time. Sums over the rows of a node of a tree, by cell line, contain all that is
needed to split it by any gene: there are far fewer cell lines than rows. The same holds
for compounds and their encodings. Here, a cell line, a compound, a dose or a time is
the *level* of a row in one of the *factors*.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.encoders._pair_layout import PairLayout
    from sklearn_csg2a.treatments import Treatments

__all__ = ["Columns", "Factor", "list_factors", "sort_columns"]

MAX_BINS = 32  # with more, boosting takes longer and predicts no better
_MOST_PLACES = 2**18  # of values counted at once


@dataclass(frozen=True, eq=False)
class Factor:
    """Features of the levels, (n_levels, n_columns), and the level of each row."""

    values: np.ndarray
    level: np.ndarray


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of one factor with similar numbers of bins.

    Parameters
    ----------
    factor : int
        Number of the factor.
    numbers : ndarray of shape (n_columns,)
        Numbers of the columns among those of all factors.
    codes : ndarray of shape (n_levels, n_columns), uint8
        Bin of each value.
    smallest, largest : ndarray of shape (n_columns, n_bins)
        Smallest and largest value in each bin.
    """

    factor: int
    numbers: np.ndarray
    codes: np.ndarray
    smallest: np.ndarray
    largest: np.ndarray

    @property
    def n_bins(self) -> int:
        """Largest number of bins of a column."""
        return self.smallest.shape[1]

    def threshold(self, column: int, code: int, next_code: int | None = None) -> float:
        """Return the middle between the bins of two codes, by default neighbors."""
        above = code + 1 if next_code is None else next_code
        return (self.largest[column, code] + self.smallest[column, above]) / 2

    @cached_property
    def _bits(self) -> np.ndarray:
        """Codes of columns with two bins, (n_levels, n_columns) float64."""
        return self.codes.astype(np.float64)

    def sums_above(self, sums: np.ndarray) -> np.ndarray:
        """Return sums over the levels above each threshold.

        Parameters
        ----------
        sums : ndarray of shape (2, n_levels)
            Sums over the rows of each level: any sum, and the number of rows.

        Returns
        -------
        sums_above : ndarray of shape (2, n_bins - 1, n_columns)
            Sums over the rows whose code is larger than 0, 1, ...
        """
        if self.n_bins == 2:
            return (sums @ self._bits)[:, None]
        n_bins, n_columns = self.n_bins, len(self.numbers)
        size = n_bins * n_columns
        total = np.zeros((2, size))
        present = np.flatnonzero(sums[1])
        step = max(_MOST_PLACES // n_columns, 1)
        for first in range(0, len(present), step):
            levels = present[first : first + step]
            places = self._places[levels].ravel()
            for kind in range(2):
                each = np.repeat(sums[kind, levels], n_columns)
                total[kind] += np.bincount(places, each, size)
        above = total.reshape(2, n_bins, n_columns)
        for code in range(n_bins - 2, 0, -1):
            above[:, code] += above[:, code + 1]
        return above[:, 1:]

    @cached_property
    def _places(self) -> np.ndarray:
        """Places of the values in a histogram of all columns, by bin."""
        n_columns = len(self.numbers)
        return self.codes.astype(np.intp) * n_columns + np.arange(n_columns)


def list_factors(
    layout: PairLayout, treatments: Treatments, encodings: np.ndarray
) -> list[Factor]:
    """Return cell lines, compounds and, where they differ, doses and times."""
    conditions = layout.amount_scaler.conditions(treatments)
    genes = treatments.basal_expression[:, layout.gene_columns]
    bits = encodings[:, layout.compound_columns]
    factors = [
        Factor(genes, treatments.cell_index),
        Factor(bits, treatments.compound_index),
    ]
    for amounts in conditions.amounts.T:
        unique, level = np.unique(amounts, return_inverse=True)
        factors.append(Factor(unique[:, None], level[conditions.index]))
    return factors


def sort_columns(factors: Sequence[Factor]) -> list[Columns]:
    """Sort the columns of all factors into bins; those with two bins apart."""
    groups = []
    first = 0
    for number, factor in enumerate(factors):
        n_levels, n_columns = factor.values.shape
        step = max(_MOST_PLACES // n_levels, 1)
        parts = [
            _sort_values(factor.values[:, at : at + step].T)
            for at in range(0, n_columns, step)
        ]
        if parts:
            codes, smallest, largest = map(np.concatenate, zip(*parts, strict=True))
            n_bins = codes.max(axis=1) + 1
            for chosen in (n_bins == 2, n_bins > 2):
                most = int(n_bins.max(initial=0, where=chosen))
                if most:
                    numbers = first + np.flatnonzero(chosen)
                    ranges = (of[chosen, :most] for of in (smallest, largest))
                    group = Columns(number, numbers, codes[chosen].T.copy(), *ranges)
                    groups.append(group)
        first += n_columns
    return groups


def _sort_values(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bin of each value, and the smallest and largest values of bins.

    Values have the shape (n_columns, n_levels). Each of at most `MAX_BINS` different
    ones has a bin; of more, bins have about equal numbers, but equal values share one.
    Missing bins are above all values.
    """
    n_columns, n_levels = values.shape
    order = values.argsort(axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    begins = np.ones(values.shape, dtype=bool)
    np.not_equal(values[:, 1:], values[:, :-1], out=begins[:, 1:])
    code = begins.cumsum(axis=1) - 1
    many = code[:, -1] >= MAX_BINS
    if many.any():
        every = np.arange(n_levels)
        first = np.maximum.accumulate(np.where(begins[many], every, 0), axis=1)
        ends = np.roll(begins[many], -1, axis=1)
        last = np.where(ends, every, n_levels)[:, ::-1]
        last = np.minimum.accumulate(last, axis=1)[:, ::-1]
        share = (first + last + 1) * MAX_BINS // (2 * n_levels)
        begins[many] = np.diff(share, axis=1, prepend=-1) > 0
        code[many] = begins[many].cumsum(axis=1) - 1
    smallest, largest = np.full((2, n_columns, MAX_BINS), np.inf)
    column, at = begins.nonzero()
    smallest[column, code[column, at]] = values[column, at]
    column, at = np.roll(begins, -1, axis=1).nonzero()
    largest[column, code[column, at]] = values[column, at]
    codes = np.empty(code.shape, dtype=np.uint8)
    np.put_along_axis(codes, order, code.astype(np.uint8), axis=1)
    return codes, smallest, largest
