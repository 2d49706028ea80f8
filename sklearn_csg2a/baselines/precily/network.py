"""The network of Precily: dense layers on pathway scores and a compound's vector."""

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
from sklearn_csg2a.nn.layers import Dense

__all__ = ["PrecilyNetwork"]

_SECOND = 512


class PrecilyNetwork(ConcatenationNetwork):
    """The network of Precily.

    Parameters
    ----------
    n_pathways, n_components : int
        Widths of the cells' and the compounds' vectors, the latter 0 without
        compounds. Together they are the width of the first layer.
    widths : tuple of int
        Widths of the hidden layers after the second layer of 512.
    dropout : float
        Dropout after the second and later layers.
    """

    def __init__(
        self,
        *,
        n_pathways: int,
        n_components: int,
        widths: tuple[int, ...],
        dropout: float,
    ) -> None:
        compound_width = n_components or 1
        width = n_pathways + compound_width
        super().__init__(
            InputTower(),
            InputTower() if n_components else AbsentCompound(1),
            PairDense(n_pathways, compound_width, width),
            _Head((width, _SECOND, *widths), dropout),
        )
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)


class _Head(nn.Module):
    """ReLU of the first layer, and the dense layers after it."""

    def __init__(self, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Dense(widths[i], widths[i + 1]) for i in range(len(widths) - 1)
        )
        self.output = Dense(widths[-1], 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        for layer in self.layers:
            x = self.dropout(torch.relu(layer(x)))
        return self.output(x.float())
