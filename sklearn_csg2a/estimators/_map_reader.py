"""A readout of the networks of a model, averaged over rows, by blocks of genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse

from sklearn_csg2a.estimators._prediction import average
from sklearn_csg2a.estimators._readouts import Readout, resolve_readout
from sklearn_csg2a.estimators._sources import Source, find_sources, start_paths
from sklearn_csg2a.nn.blocks import map_blocks, steady_threads

if TYPE_CHECKING:
    from torch import Tensor

    from sklearn_csg2a.estimators._readouts import Method

__all__ = ["MapReader"]

_VALUES_AT_ONCE = 2**25  # of the maps of all groups, in a block of genes
_FEWEST_GENES, _MOST_GENES = 16, 256  # in a block


@dataclass
class MapReader:
    """A readout of the networks of a model, for the rows of some X."""

    genes: np.ndarray
    readout: Readout
    sources: list[Source]

    @classmethod
    @steady_threads()
    def of(
        cls,
        model: Any,
        X: Any,
        method: Method | None,
        groups: list[np.ndarray],
        reference: Any = None,
    ) -> MapReader:
        """Read X for a fitted model that has this readout for groups of rows."""
        resolve_readout(model, method)
        sources = find_sources(model, X)
        cells = sources[0].data.cell_index.cpu().numpy()
        n_cells = min(len(np.unique(cells[rows])) for rows in groups)
        readout = resolve_readout(model, method, n_cells)
        if readout.follows_path:
            start_paths(model, X, sources, reference)
        return cls(model.genes_, readout, sources)

    @property
    def n_changed(self) -> int:
        """Number of changed genes, the rows of a map."""
        return self.readout.n_changed(self.sources[0])

    def block(self, rows: np.ndarray, genes: slice) -> Tensor:
        """Return the mean map of rows and networks, in the columns of some genes."""
        blocks = []
        for source in self.sources:
            index = torch.from_numpy(rows).to(source.data.cell_index)
            blocks.append(self.readout.block(source, index, genes))
        return sum(blocks[1:], blocks[0]) / len(blocks)

    @steady_threads()
    def full_map(self, rows: np.ndarray) -> np.ndarray:
        """Return the mean map of rows, (changed genes, genes)."""
        slices = self.blocks(1)
        parts = map_blocks(lambda b: self.block(rows, slices[b]), len(slices))
        return torch.cat(parts, dim=1).cpu().numpy()

    def blocks(self, n_groups: int) -> list[slice]:
        """Divide the genes into blocks whose maps of all groups fit into memory."""
        n_genes = len(self.genes)
        fitting = _VALUES_AT_ONCE // (max(n_groups, 1) * self.n_changed)
        size = int(np.clip(fitting, _FEWEST_GENES, _MOST_GENES))
        return [slice(a, min(a + size, n_genes)) for a in range(0, n_genes, size)]

    def genes_alone(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the influence of each gene, if it is not read from the map."""
        values = []
        for source in self.sources:
            index = torch.from_numpy(rows).to(source.data.cell_index)
            one = self.readout.genes_alone(source, index)
            if one is None:
                return None
            values.append(one.cpu().numpy())
        return average(values)

    def interactome_values(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return A_PPI of pairs of positions, 0 where there is no edge."""
        layer, n_genes = self.sources[0].csg2a.attention, len(self.genes)
        entries = layer.edge_rows, layer.edge_columns, layer.edge_values
        rows, columns, values = (entry.cpu().numpy() for entry in entries)
        shape = n_genes, n_genes
        table = sparse.coo_array((values, (rows, columns)), shape=shape).tocsr()
        return np.asarray(table[first, second]).ravel()
