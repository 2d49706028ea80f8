"""Correlation of the maps of groups of rows, without keeping any map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_csg2a.nn.blocks import steady_threads

if TYPE_CHECKING:
    from sklearn_csg2a.estimators._group_maps import GroupMaps
    from sklearn_csg2a.estimators._map_reader import MapReader

__all__ = ["correlate_maps"]

_CONSTANT = 1e-12  # variance relative to the mean square


@torch.no_grad()
@steady_threads()
def correlate_maps(reader: MapReader, maps: GroupMaps) -> NDArray[np.float64]:
    """Return Pearson's correlation over the pairs of genes, (groups, groups).

    The influence of genes on themselves is left out. 0 for constant maps.
    """
    n_groups, n_genes = len(maps.groups), len(reader.genes)
    products = np.zeros((n_groups, n_groups))
    sums = np.zeros(n_groups)
    n_entries = 0
    for genes in reader.blocks(n_groups):
        block = maps.read(genes).double()  # (groups, changed genes, block)
        width = block.shape[2]
        if reader.n_changed == n_genes:
            torch.diagonal(block[:, genes], dim1=1, dim2=2).zero_()
            n_entries -= width
        n_entries += block.shape[1] * width
        flat = block.reshape(n_groups, -1)
        products += (flat @ flat.T).cpu().numpy()
        sums += flat.sum(1).cpu().numpy()
    mean = sums / n_entries
    covariance = products / n_entries - np.outer(mean, mean)
    variance = np.diag(covariance)
    varies = variance > _CONSTANT * np.diag(products) / n_entries
    scale = np.sqrt(np.where(varies, variance, 1.0))
    both = np.outer(varies, varies)
    return np.where(both, np.clip(covariance / np.outer(scale, scale), -1, 1), 0.0)
