"""The network of PathDNN: a first layer that connects pathways to their genes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklearn_csg2a.baselines.deep._network import (
    AbsentCompound,
    ConcatenationNetwork,
    InputTower,
    PairDense,
)
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.layers import Dense, dense

__all__ = ["PathDNNNetwork"]


class PathDNNNetwork(ConcatenationNetwork):
    """The network of PathDNN.

    Parameters
    ----------
    members : ndarray of shape (pathways, genes + targets)
        One where a pathway holds a gene of the cell or a target of the compound.
    n_targets : int
        Number of columns that are targets. 0: compounds, if any, are fingerprints,
        which enter at the second layer.
    n_bits : int
        Width of the fingerprints, 0 without them.
    widths : tuple of int
        Widths of the hidden layers after the pathways.
    dropout : float
        Dropout of the hidden layers after the pathways.
    """

    def __init__(
        self,
        *,
        members: Tensor,
        n_targets: int,
        n_bits: int,
        widths: tuple[int, ...],
        dropout: float,
    ) -> None:
        # a copy: the table may be a read-only memory map
        table = torch.as_tensor(members, dtype=torch.float32).clone()
        n_pathways, n_columns = table.shape
        if n_targets:
            super().__init__(
                InputTower(),
                InputTower(),
                _MaskedPairDense(table, n_columns - n_targets),
                _Head((n_pathways, *widths), dropout, drop_first=False),
            )
        else:
            compound_tower = InputTower() if n_bits else AbsentCompound(1)
            super().__init__(
                _PathwayTower(table),
                compound_tower,
                PairDense(n_pathways, n_bits or 1, widths[0]),
                _Head(widths, dropout, drop_first=True),
            )


class _MaskedPairDense(PairDense):
    """A pair layer in which each output only depends on its own inputs."""

    def __init__(self, members: Tensor, cell_width: int) -> None:
        n_outputs, n_inputs = members.shape
        super().__init__(cell_width, n_inputs - cell_width, n_outputs)
        self.register_buffer("members", members, persistent=False)
        self.members: Tensor
        _initialise_masked(self, members)

    def cell_terms(self, x: Tensor) -> Tensor:
        """Return the terms of cells, bias included: (cells, width)."""
        weight = self.weight * self.members
        return dense(x, weight[:, : self.cell_width], self.bias)

    def compound_terms(self, x: Tensor) -> Tensor:
        """Return the terms of compounds (compounds, width)."""
        weight = self.weight * self.members
        return dense(x, weight[:, self.cell_width :])


class _PathwayTower(nn.Module):
    """Pathways of a cell, each from its own genes."""

    def __init__(self, members: Tensor) -> None:
        super().__init__()
        n_outputs, n_inputs = members.shape
        self.dense = Dense(n_inputs, n_outputs)
        self.register_buffer("members", members, persistent=False)
        self.members: Tensor
        _initialise_masked(self.dense, members)

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor:
        del counts
        weight = self.dense.weight * self.members
        return torch.relu(dense(x, weight, self.dense.bias))


class _Head(nn.Module):
    """ReLU of the first layer, and the dense layers after it."""

    def __init__(
        self, widths: tuple[int, ...], dropout: float, *, drop_first: bool
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Dense(widths[i], widths[i + 1]) for i in range(len(widths) - 1)
        )
        self.output = Dense(widths[-1], 1)
        self.dropout = Dropout(dropout)
        self.drop_first = drop_first

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.dropout(x) if self.drop_first else x)
        for layer in self.layers:
            x = torch.relu(self.dropout(layer(x)))
        return self.output(x.float())


@torch.no_grad()
def _initialise_masked(layer: nn.Linear, members: Tensor) -> None:
    """Draw initial weights as in a layer that only has the unmasked inputs."""
    bound = members.sum(1, keepdim=True).clamp(min=1).rsqrt()  # (outputs, 1)
    layer.weight.copy_((2 * torch.rand_like(layer.weight) - 1) * bound)
    layer.bias.copy_((2 * torch.rand_like(layer.bias) - 1) * bound[:, 0])
