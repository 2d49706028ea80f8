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
            fewest = reader.readout.fewest_cells
            self._batches = [_deal(rows, cells, fewest) for rows in groups]

    def of_other(self, reader: MapReader) -> GroupMaps:
        """Return the same maps of another reader, such as a null."""
        return GroupMaps(reader, self.groups, self.contrast)

    def read(self, genes: slice) -> Tensor:
        """Return (groups, changed genes, block) for a block of genes."""
        block = self.reader.block
        maps = torch.stack([block(rows, genes) for rows in self.groups])
        if self.contrast is None:
            return maps
        difference = maps - maps.mean(0)
        if self.contrast == "difference":
            return difference
        spread = [
            _spread_over_cells([block(rows, genes) for rows in batches], per_batch)
            for batches, per_batch in self._batches
        ]
        return _divide(difference, torch.stack(spread))

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
        values = np.stack(known)
        if self.contrast is None:
            return values
        difference = values - values.mean(axis=0)
        if self.contrast == "difference":
            return difference
        spread = [
            _spread_over_cells(
                [torch.from_numpy(np.asarray(alone(rows))) for rows in batches],
                per_batch,
            )
            for batches, per_batch in self._batches
        ]
        return _divide(torch.from_numpy(difference), torch.stack(spread)).numpy()


def _spread_over_cells(values: list[Tensor], per_batch: float) -> Tensor:
    """Return the standard deviation over cells from the values of batches of cells."""
    return (per_batch * torch.stack(values).var(0)).sqrt()


def _divide(difference: Tensor, spread: Tensor) -> Tensor:
    """Divide; what is the same in all cells of a group stays as it is."""
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


def _deal(
    rows: np.ndarray, cells: np.ndarray, fewest: int
) -> tuple[list[np.ndarray], float]:
    """Deal rows to batches, all rows of a cell to one; and the cells per batch."""
    found, code = np.unique(cells[rows], return_inverse=True)
    n_batches = min(len(found) // fewest, _MOST_BATCHES)
    if n_batches < 2:
        raise InputError(
            "contrast='standardised' is in units of the spread over cells, and a group "
            f"of X has {len(found)}; expected at least {2 * fewest} in every group."
        )
    batches = [rows[code % n_batches == b] for b in range(n_batches)]
    return batches, len(found) / n_batches
