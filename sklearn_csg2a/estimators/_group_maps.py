"""Maps of groups of rows, or what sets each apart from the mean of all groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch

from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from sklearn_csg2a.estimators._map_reader import MapReader

__all__ = ["Contrast", "GroupMaps"]

Contrast = Literal["auto", "difference", "standardised"]

_MOST_BATCHES = 8  # of cells, whose means give the spread over cells


class GroupMaps:
    """The maps of groups of rows, block by block, or their contrast.

    "difference" is the map minus the mean map of all groups; "standardised" divides it
    by the standard deviation of the group's map over cells; "auto" is what is best for
    the readout. To keep no map of a cell, the spread over cells is estimated from the
    means of up to eight batches of cells.
    """

    def __init__(
        self, reader: MapReader, groups: list[np.ndarray], contrast: Contrast | None
    ) -> None:
        self.reader = reader
        self.groups = groups
        self.contrast = _resolve(contrast, reader, len(groups))
        self._batches: list[tuple[list[np.ndarray], float]] = []
        if self.contrast == "standardised":
            cells = reader.sources[0].data.cell_index.cpu().numpy()
            self._batches = [_deal(rows, cells) for rows in groups]

    def of_other(self, reader: MapReader) -> GroupMaps:
        """Return the same maps of another reader, such as a null."""
        return GroupMaps(reader, self.groups, self.contrast)

    def read(self, genes: slice) -> Tensor:
        """Return (groups, changed genes, block) for a block of genes."""
        block = self.reader.block
        if self.contrast == "standardised":
            return self._standardise(
                [
                    torch.stack([block(rows, genes) for rows in batches])
                    for batches, _ in self._batches
                ]
            )
        maps = torch.stack([block(rows, genes) for rows in self.groups])
        return maps if self.contrast is None else maps - maps.mean(0)

    def read_one(self, position: int, genes: slice) -> Tensor:
        """Return the map of one group, (changed genes, block), for a block of genes."""
        if self.contrast is None:
            return self.reader.block(self.groups[position], genes)
        return self.read(genes)[position]

    def genes_alone(self) -> np.ndarray | None:
        """Return (groups, genes) if the readout does not take them from the map."""
        alone = self.reader.genes_alone
        found = [alone(rows) for rows in self.groups]
        known = [values for values in found if values is not None]
        if not known:
            return None
        if self.contrast == "standardised":
            batches = [[alone(rows) for rows in some] for some, _ in self._batches]
            parts = [torch.from_numpy(np.array(some)) for some in batches]
            return self._standardise(parts).numpy()
        values = np.stack(known)
        return values if self.contrast is None else values - values.mean(axis=0)

    def _standardise(self, parts: list[Tensor]) -> Tensor:
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


def _resolve(
    contrast: Contrast | None, reader: MapReader, n_groups: int
) -> Contrast | None:
    """Return "difference", "standardised" or None."""
    if contrast is None:
        return None
    if contrast not in get_args(Contrast):
        known = ", ".join(map(repr, get_args(Contrast)))
        raise InputError(f"contrast={contrast!r}; expected one of {known}, or None.")
    if contrast == "auto":
        compares = n_groups > 1 and reader.readout.is_contrasted
        return "difference" if compares else None
    if n_groups < 2:
        raise InputError(
            f"contrast={contrast!r} compares each group with the mean of all, and X "
            "has one group; give rows of several compounds, and by=."
        )
    return contrast


def _deal(rows: np.ndarray, cells: np.ndarray) -> tuple[list[np.ndarray], float]:
    """Deal rows to batches, all rows of a cell to one; and the cells per batch."""
    found, code = np.unique(cells[rows], return_inverse=True)
    if len(found) < 2:
        raise InputError(
            "contrast='standardised' is in units of the spread over cells, and a group "
            "of X has a single cell; expected two or more in every group."
        )
    n_batches = min(len(found), _MOST_BATCHES)
    batches = [rows[code % n_batches == b] for b in range(n_batches)]
    return batches, len(found) / n_batches
