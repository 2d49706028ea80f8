"""The network of DeepTTA: a transformer on substructures, dense layers on genes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklearn_csg2a.baselines.deep._bert_layers import BertLayer, BertLayers, Sequences
from sklearn_csg2a.baselines.deep._network import (
    AbsentCompound,
    ConcatenationNetwork,
    PairDense,
)
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.layers import Dense

__all__ = ["DeepTTANetwork"]

_WIDTH = 128
_GENE_WIDTHS = (1024, 256, 64, 256)


class DeepTTANetwork(ConcatenationNetwork):
    """The network of DeepTTA.

    Parameters
    ----------
    n_genes : int
        Width of the cells' vectors.
    n_tokens : int
        Size of the vocabulary of substructures, 0 without compounds.
    max_tokens : int
        Maximum number of substructures of a compound.
    n_layers : int
        Number of layers of the transformer.
    dropout : float
        Dropout of the transformer and the head.
    """

    def __init__(
        self,
        *,
        n_genes: int,
        n_tokens: int,
        max_tokens: int,
        n_layers: int,
        dropout: float,
    ) -> None:
        compound_tower: nn.Module = AbsentCompound(_WIDTH)
        if n_tokens:
            compound_tower = _TokenTower(n_tokens, max_tokens, n_layers, dropout)
        super().__init__(
            _GeneTower(n_genes),
            compound_tower,
            PairDense(_GENE_WIDTHS[-1], _WIDTH, 1024),
            _Head(dropout),
        )


class _GeneTower(nn.Module):
    """Four dense layers, each with ReLU."""

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        widths = (n_genes, *_GENE_WIDTHS)
        self.layers = nn.ModuleList(
            Dense(widths[i], widths[i + 1]) for i in range(len(_GENE_WIDTHS))
        )

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor:
        del counts
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


class _TokenTower(nn.Module):
    """A transformer on the substructures of a compound; its first output is taken."""

    def __init__(
        self, n_tokens: int, max_tokens: int, n_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(n_tokens, _WIDTH)
        self.place = nn.Embedding(max_tokens, _WIDTH)
        self.norm = nn.LayerNorm(_WIDTH)
        self.dropout = Dropout(dropout)
        self.layers = BertLayers(
            BertLayer(_WIDTH, 8, 512, dropout) for _ in range(n_layers)
        )

    def forward(self, inputs: tuple[Tensor, ...], counts: Tensor | None) -> Tensor:
        del counts
        numbers, lengths = inputs
        sequences = Sequences(lengths)
        longest = sequences.mask.shape[1]
        places = torch.arange(longest, device=numbers.device).expand_as(sequences.mask)
        tokens = self.token(sequences.gather(numbers[:, :longest]))
        x = self.dropout(self.norm(tokens + self.place(sequences.gather(places))))
        return self.layers(x, sequences)  # (compounds, width)


class _Head(nn.Module):
    """The head after its first layer."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Dense(1024, 1024), Dense(1024, 512)])
        self.output = Dense(512, 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.dropout(x))  # (rows, 1024)
        for layer in self.layers:
            x = torch.relu(self.dropout(layer(x)))
        return self.output(x.float())
