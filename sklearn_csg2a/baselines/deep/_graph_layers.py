"""Graph layers on the concatenated atoms of several compounds."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn import Dropout, EntityBatchNorm
from sklearn_csg2a.nn.layers import Dense

__all__ = [
    "GATLayer",
    "GCNLayer",
    "GINLayer",
    "PackedAtoms",
    "max_pool",
    "mean_pool",
    "pack_atoms",
    "sum_pool",
]


class PackedAtoms(NamedTuple):
    """The atoms of several compounds; only the lists of neighbors are padded."""

    features: Tensor  # (atoms, features)
    neighbors: Tensor  # (atoms, degree) into the atoms; padded with n_atoms
    compound: Tensor  # (atoms,)
    n_compounds: int

    @property
    def n_neighbors(self) -> Tensor:
        """Number of neighbors of each atom, (atoms,)."""
        return (self.neighbors < len(self.features)).sum(1)

    def with_loops(self) -> Tensor:
        """Return the lists of neighbors, each with the atom itself first."""
        own = torch.arange(len(self.features), device=self.features.device)
        return torch.cat([own[:, None], self.neighbors], dim=1)


def pack_atoms(features: Tensor, neighbors: Tensor, n_atoms: Tensor) -> PackedAtoms:
    """Drop the padding of (compounds, atoms, ...) arrays; see `pad_atom_graphs`."""
    n_compounds, max_atoms = features.shape[:2]
    device = features.device
    real = torch.arange(max_atoms, device=device) < n_atoms[:, None]
    first = n_atoms.cumsum(0) - n_atoms  # (compounds,)
    total = int(n_atoms.sum())
    packed = torch.where(neighbors < 0, total, neighbors + first[:, None, None])
    compound = torch.arange(n_compounds, device=device).repeat_interleave(n_atoms)
    return PackedAtoms(features[real], packed[real], compound, n_compounds)


def sum_neighbors(x: Tensor, neighbors: Tensor) -> Tensor:
    """Sum the rows of `x` (atoms, features) over each list of neighbors.

    They are added one at a time, so that padding does not change the rounding.
    """
    padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
    total = padded.index_select(0, neighbors[:, 0])
    for k in range(1, neighbors.shape[1]):
        total = total + padded.index_select(0, neighbors[:, k])
    return total


def sum_pool(x: Tensor, atoms: PackedAtoms) -> Tensor:
    """Sum the atoms (atoms, features) of each compound: (compounds, features)."""
    pooled = x.new_zeros(atoms.n_compounds, x.shape[1])
    return pooled.index_add(0, atoms.compound, x)


def mean_pool(x: Tensor, atoms: PackedAtoms) -> Tensor:
    """Average the atoms of each compound: (compounds, features)."""
    n_atoms = torch.bincount(atoms.compound, minlength=atoms.n_compounds)
    return sum_pool(x, atoms) / n_atoms[:, None]


def max_pool(x: Tensor, atoms: PackedAtoms) -> Tensor:
    """Return the largest value among the atoms of each compound."""
    pooled = x.new_zeros(atoms.n_compounds, x.shape[1])
    index = atoms.compound[:, None].expand_as(x)
    return pooled.scatter_reduce(0, index, x, "amax", include_self=False)


class GINLayer(nn.Module):
    """Graph isomorphism layer: an MLP of an atom's vector plus its neighbors'.

    ReLU and batch norm follow. The statistics of batch norm weight each atom by the
    rows of its compound, as if the compound were encoded in each row.
    """

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.first = Dense(n_inputs, width)
        self.second = Dense(width, width)
        self.norm = EntityBatchNorm(width)

    def forward(self, x: Tensor, atoms: PackedAtoms, counts: Tensor | None) -> Tensor:
        """Return (atoms, width); `counts` (compounds,): rows of each compound."""
        x = x + sum_neighbors(x, atoms.neighbors)
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.norm(x, None if counts is None else counts[atoms.compound])


class GCNLayer(nn.Module):
    """Graph convolution: a normalised sum over an atom and its neighbors."""

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.dense = Dense(n_inputs, width, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.xavier_uniform_(self.dense.weight)

    def forward(self, x: Tensor, atoms: PackedAtoms) -> Tensor:
        """Return (atoms, width)."""
        scale = torch.rsqrt(atoms.n_neighbors + 1.0)[:, None]  # (atoms, 1)
        x = self.dense(x) * scale
        return (x + sum_neighbors(x, atoms.neighbors)) * scale + self.bias


class GATLayer(nn.Module):
    """Graph attention over an atom and its neighbors, heads concatenated."""

    def __init__(
        self, n_inputs: int, width: int, n_heads: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.width, self.n_heads = width, n_heads
        self.dense = Dense(n_inputs, n_heads * width, bias=False)
        self.of_source = nn.Parameter(torch.empty(n_heads, width))
        self.of_target = nn.Parameter(torch.empty(n_heads, width))
        self.bias = nn.Parameter(torch.zeros(n_heads * width))
        self.dropout = Dropout(dropout)
        for weight in (self.dense.weight, self.of_source, self.of_target):
            nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor, atoms: PackedAtoms) -> Tensor:
        """Return (atoms, heads * width)."""
        n_atoms = len(x)
        x = self.dense(x).view(n_atoms, self.n_heads, self.width)
        lists = atoms.with_loops()  # (atoms, degree + 1)
        of_source = (x * self.of_source).sum(2)  # (atoms, heads)
        of_target = (x * self.of_target).sum(2)
        absent = (lists == n_atoms)[:, :, None]
        inside = lists.clamp(max=n_atoms - 1)
        scores = nn.functional.leaky_relu(of_source[inside] + of_target[:, None], 0.2)
        scores = scores.masked_fill(absent, -torch.inf)  # (atoms, degree + 1, heads)
        weights = self.dropout(torch.softmax(scores, dim=1))
        total = weights[:, 0, :, None] * x
        for k in range(1, lists.shape[1]):
            total = total + weights[:, k, :, None] * x.index_select(0, inside[:, k])
        return total.flatten(1) + self.bias
