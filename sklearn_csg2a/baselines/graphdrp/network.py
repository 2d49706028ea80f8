"""The networks of GraphDRP: a graph tower, a convolution of expression, a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklearn_csg2a._utils.choices import GraphConvolution
from sklearn_csg2a.baselines.deep._graph_layers import (
    GATLayer,
    GCNLayer,
    GINLayer,
    max_pool,
    mean_pool,
    pack_atoms,
    sum_pool,
)
from sklearn_csg2a.baselines.deep._network import (
    AbsentCompound,
    ConcatenationNetwork,
    PairDense,
)
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.blocks import apply_by_rows
from sklearn_csg2a.nn.layers import Dense

__all__ = ["GraphDRPNetwork"]

_CODE = 128  # width of either tower's output
_KERNEL, _POOL = 8, 3
_CHANNELS = (32, 64, 128)
_SHORTEST = 118  # genes that give one position after three stages


class GraphDRPNetwork(ConcatenationNetwork):
    """The network of GraphDRP.

    Parameters
    ----------
    n_genes : int
        Width of the cells' vectors.
    n_atom_features : int
        Width of the atoms' vectors, 0 without compounds.
    conv : {"gin", "gcn", "gat", "gat_gcn"}
        Graph layers.
    dropout : float
        Dropout of the head.
    squash : bool
        Whether the output is a sigmoid.
    """

    def __init__(
        self,
        *,
        n_genes: int,
        n_atom_features: int,
        conv: GraphConvolution,
        dropout: float,
        squash: bool,
    ) -> None:
        compound_tower: nn.Module = AbsentCompound(_CODE)
        if n_atom_features:
            compound_tower = _TOWERS[conv](n_atom_features)
        super().__init__(
            _ConvolutionTower(n_genes),
            compound_tower,
            PairDense(_CODE, _CODE, 1024),
            _Head(dropout, squash=squash),
        )


class _Head(nn.Module):
    """The head after its first layer."""

    def __init__(self, dropout: float, *, squash: bool) -> None:
        super().__init__()
        self.hidden = Dense(1024, 128)
        self.output = Dense(128, 1)
        self.dropout = Dropout(dropout)
        self.squash = squash

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(torch.relu(x))  # (rows, 1024)
        x = self.dropout(torch.relu(self.hidden(x)))
        x = self.output(x.float())  # (rows, 1)
        return torch.sigmoid(x) if self.squash else x


class _ConvolutionTower(nn.Module):
    """Three 1-D convolutions along the genes, each with max pooling."""

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.n_padded = max(_SHORTEST - n_genes, 0)
        length, n_in = n_genes + self.n_padded, 1
        layers = []
        for n_out in _CHANNELS:
            layers.append(nn.Conv1d(n_in, n_out, _KERNEL))
            length, n_in = (length - _KERNEL + 1) // _POOL, n_out
        self.layers = nn.ModuleList(layers)
        self.dense = Dense(n_in * length, _CODE)

    def forward(self, cells: Tensor, counts: Tensor | None = None) -> Tensor:
        del counts
        x = apply_by_rows(self._convolve, cells, shared=self.layers.parameters())
        return self.dense(x).to(cells.dtype)

    def _convolve(self, cells: Tensor) -> Tensor:
        """Apply the layers to cells (cells, genes): (cells, features)."""
        x = nn.functional.pad(cells, (0, self.n_padded))  # (cells, genes)
        weights = [
            (layer.get_parameter("weight"), layer.get_parameter("bias"))
            for layer in self.layers
        ]
        # One input channel: a product over windows, with channels last in memory, which
        # is the fastest layout for the next convolutions.
        windows = x.unfold(1, _KERNEL, 1)  # (cells, length, kernel)
        weight, bias = weights[0]
        x = nn.functional.linear(windows, weight.squeeze(1), bias)
        x = _pool(x.transpose(1, 2).unsqueeze(2))  # (cells, channels, 1, length)
        for weight, bias in weights[1:]:
            x = _pool(nn.functional.conv2d(x, weight.unsqueeze(2), bias))
        return x.flatten(1)


def _pool(x: Tensor) -> Tensor:
    """Apply max pooling and ReLU, which is less work than in reverse order."""
    return torch.relu(nn.functional.max_pool2d(x, (1, _POOL)))


class _GINTower(nn.Module):
    """Five GIN layers, sum over atoms, dense."""

    def __init__(self, n_features: int, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            GINLayer(n_features if i == 0 else width, width) for i in range(5)
        )
        self.dense = Dense(width, _CODE)
        self.dropout = Dropout(0.2)

    def forward(self, graphs: tuple[Tensor, ...], counts: Tensor | None) -> Tensor:
        atoms = pack_atoms(*graphs)
        x = atoms.features
        for layer in self.layers:
            x = layer(x, atoms, counts)
        return self.dropout(torch.relu(self.dense(sum_pool(x, atoms))))


class _GCNTower(nn.Module):
    """Three graph convolutions, maximum over atoms, two dense layers."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        widths = (n_features, n_features, 2 * n_features, 4 * n_features)
        self.layers = nn.ModuleList(
            GCNLayer(widths[i], widths[i + 1]) for i in range(3)
        )
        self.first = Dense(widths[-1], 1024)
        self.second = Dense(1024, _CODE)
        self.dropout = Dropout(0.5)

    def forward(self, graphs: tuple[Tensor, ...], counts: Tensor | None) -> Tensor:
        del counts
        atoms = pack_atoms(*graphs)
        x = atoms.features
        for layer in self.layers:
            x = torch.relu(layer(x, atoms))
        x = self.dropout(torch.relu(self.first(max_pool(x, atoms))))
        return self.dropout(self.second(x))


class _GATTower(nn.Module):
    """Two graph attention layers, maximum over atoms, dense."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.first = GATLayer(n_features, n_features, n_heads=10, dropout=0.2)
        self.second = GATLayer(10 * n_features, _CODE)
        self.dense = Dense(_CODE, _CODE)
        self.dropout = Dropout(0.2)

    def forward(self, graphs: tuple[Tensor, ...], counts: Tensor | None) -> Tensor:
        del counts
        atoms = pack_atoms(*graphs)
        x = self.first(self.dropout(atoms.features), atoms)
        x = self.dropout(nn.functional.elu(x))
        x = torch.relu(self.second(x, atoms))
        return torch.relu(self.dense(max_pool(x, atoms)))


class _GATGCNTower(nn.Module):
    """Graph attention, graph convolution, maximum and mean over atoms, two dense."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        width = 10 * n_features
        self.attention = GATLayer(n_features, n_features, n_heads=10)
        self.convolution = GCNLayer(width, width)
        self.first = Dense(2 * width, 1500)
        self.second = Dense(1500, _CODE)
        self.dropout = Dropout(0.5)

    def forward(self, graphs: tuple[Tensor, ...], counts: Tensor | None) -> Tensor:
        del counts
        atoms = pack_atoms(*graphs)
        x = torch.relu(self.attention(atoms.features, atoms))
        x = torch.relu(self.convolution(x, atoms))
        x = torch.cat([max_pool(x, atoms), mean_pool(x, atoms)], dim=1)
        return self.second(self.dropout(torch.relu(self.first(x))))


_TOWERS: dict[str, type[nn.Module]] = {
    "gin": _GINTower,
    "gcn": _GCNTower,
    "gat": _GATTower,
    "gat_gcn": _GATGCNTower,
}
