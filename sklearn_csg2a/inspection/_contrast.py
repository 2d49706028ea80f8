"""Maps of groups of rows, or what sets each apart from the mean of all groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from sklearn_csg2a.estimators._inspection import MapReader

__all__ = ["GroupMaps"]

_MOST_BATCHES = 8  # of cells, whose means give the spread over cells


class GroupMaps:
    """The maps of groups of rows, block by block.

    With `contrast`, the mean map of all groups is subtracted, and the difference is
    divided by the standard deviation of the group's map over cells. To keep no map of a
    cell, that is estimated from the means of up to eight batches of cells.
    """

    def __init__(
        self, reader: MapReader, groups: list[np.ndarray], *, contrast: bool
    ) -> None:
        self.reader = reader
        self.groups = groups
        self.contrast = contrast
        cells = reader.sources[0].data.cell_index.cpu().numpy()
        self._batches = [_deal(rows, cells) for rows in groups] if contrast else []

    def read_one(self, position: int, genes: slice) -> Tensor:
        """Return the map of one group, (changed genes, block), for a block of genes."""
        if self.contrast:
            return self.read(genes)[position]
        return self.reader.block(self.groups[position], genes)

    def read(self, genes: slice) -> Tensor:
        """Return (groups, changed genes, block) for a block of genes."""
        reader = self.reader
        if not self.contrast:
            return torch.stack([reader.block(rows, genes) for rows in self.groups])
        return self._compare(
            [
                torch.stack([reader.block(rows, genes) for rows in batches])
                for batches, _ in self._batches
            ]
        )

    def genes_alone(self) -> np.ndarray | None:
        """Return (groups, genes) if the readout does not take them from the map."""
        found = [self.reader.genes_alone(rows) for rows in self.groups]
        known = [values for values in found if values is not None]
        if not known:
            return None
        if not self.contrast:
            return np.stack(known)
        batches = [
            [self.reader.genes_alone(rows) for rows in some]
            for some, _ in self._batches
        ]
        parts = [torch.from_numpy(np.array(some)) for some in batches]
        return self._compare(parts).numpy()

    def _compare(self, parts: list[Tensor]) -> Tensor:
        """Return the contrast of groups, each given by the means of its batches."""
        means, spreads = [], []
        for (batches, per_batch), values in zip(self._batches, parts, strict=True):
            sizes = torch.tensor([len(rows) for rows in batches]).to(values)
            weights = (sizes / sizes.sum()).reshape(-1, *[1] * (values.ndim - 1))
            mean = (weights * values).sum(0)
            squares = (weights * (values - mean).square()).sum(0)
            unbiased = len(batches) / (len(batches) - 1)
            means.append(mean)
            spreads.append((unbiased * per_batch * squares).sqrt())
        stacked = torch.stack(means)
        difference = stacked - stacked.mean(0)
        spread = torch.stack(spreads)
        return difference / torch.where(spread > 0, spread, 1.0)


def _deal(rows: np.ndarray, cells: np.ndarray) -> tuple[list[np.ndarray], float]:
    """Deal rows to batches, all rows of a cell to one; and the cells per batch."""
    found, code = np.unique(cells[rows], return_inverse=True)
    if len(found) < 2:
        raise InputError(
            "A contrast is in units of the spread over cells, and a group of X has a "
            "single cell; expected two or more in every group."
        )
    n_batches = min(len(found), _MOST_BATCHES)
    batches = [rows[code % n_batches == b] for b in range(n_batches)]
    return batches, len(found) / n_batches
