"""Molecule graphs on the device, each encoded once per batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sklearn_csg2a.nn.mat import masked_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.nn.mat import MAT

__all__ = ["MoleculeBatch", "Molecules"]

_AT_ONCE = 8  # molecules of similar size that are padded and encoded together


@dataclass
class Molecules:
    """Concatenated graphs of molecules, without padding."""

    sizes: Tensor  # (molecules,) nodes, the dummy node included
    node_features: Tensor  # (nodes, d_atom)
    adjacency: Tensor  # (pairs of nodes,), the matrices row by row
    distance: Tensor  # (pairs of nodes,) angstrom

    @classmethod
    def join(cls, graphs: Sequence[Any], device: torch.device) -> Molecules:
        """Concatenate the arrays of graphs."""
        features, adjacency, distance = (
            [torch.as_tensor(getattr(graph, name)) for graph in graphs]
            for name in ("node_features", "adjacency", "distance")
        )
        return cls(
            torch.tensor([len(nodes) for nodes in features], device=device),
            torch.cat(features).to(device),
            torch.cat([matrix.flatten() for matrix in adjacency]).to(device),
            torch.cat([matrix.flatten() for matrix in distance]).to(device),
        )

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: Tensor) -> MoleculeBatch:
        """Return the distinct molecules at `index` (entries,)."""
        chosen, position = torch.unique(index, return_inverse=True)
        by_size = self.sizes[chosen].argsort(stable=True)
        return MoleculeBatch(self, chosen[by_size], by_size.argsort()[position])

    def padded(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the input of MAT: node features, mask, adjacency and distances."""
        sizes = self.sizes[chosen].unsqueeze(1)  # (batch, 1)
        place = torch.arange(int(sizes.max()), device=sizes.device)  # (nodes,)
        mask = place < sizes  # (batch, nodes)
        node = _starts(self.sizes)[chosen].unsqueeze(1) + place  # (batch, nodes)
        first_pair = _starts(self.sizes.square())[chosen].unsqueeze(1)  # (batch, 1)
        row = first_pair + place * sizes  # (batch, nodes), start of each row
        pair = row.unsqueeze(2) + place  # (batch, nodes, nodes)
        both = mask.unsqueeze(2) & mask.unsqueeze(1)
        pair = pair.masked_fill(~both, 0)
        return (
            self.node_features[node.masked_fill(~mask, 0)] * mask.unsqueeze(2),
            mask,
            self.adjacency[pair] * both,
            self.distance[pair] * both,
        )


@dataclass
class MoleculeBatch:
    """The distinct molecules of a batch by size, and the molecule of each entry."""

    molecules: Molecules
    chosen: Tensor  # (distinct,) into `molecules`
    position: Tensor  # (entries,) into `chosen`

    def encode(self, mat: MAT) -> Tensor:
        """Return the mean over its nodes for each entry, (entries, d_model)."""
        encoded = []
        for some in self.chosen.split(_AT_ONCE):
            features, mask, adjacency, distance = self.molecules.padded(some)
            nodes = mat(features, mask, adjacency, distance)
            encoded.append(masked_mean(nodes, mask))  # (some, d_model)
        return torch.cat(encoded).index_select(0, self.position)


def _starts(counts: Tensor) -> Tensor:
    """Return the start of each group in a concatenation."""
    return counts.cumsum(0) - counts
