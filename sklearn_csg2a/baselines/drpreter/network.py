"""The network of DRPreter: pathway graphs as tokens, a transformer with the drug."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sklearn_csg2a.baselines.deep._graph_layers import GINLayer, max_pool, pack_atoms
from sklearn_csg2a.baselines.deep._network import (
    AbsentCompound,
    Codes,
    PairDense,
    PairNetwork,
    lower,
)
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.layers import Dense, dense

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DRPreterNetwork"]

_WIDTH = 256  # of a token
_NODE = 8  # width of a gene's vector
_HEADS, _HEAD_WIDTH = 8, 64
_BLOCK = 8  # pathways that are padded to the longest of them


class DRPreterNetwork(PairNetwork):
    """The network of DRPreter.

    Parameters
    ----------
    pathways : list of list of int
        Genes of each pathway, as positions in the cells' vectors.
    edges : list of (int, int)
        Pairs of nodes; nodes are the genes of the pathways, one after the other.
    n_atom_features : int
        Width of the atoms' vectors, 0 without compounds.
    dropout : float
        Dropout of the towers and the head.
    """

    def __init__(
        self,
        *,
        pathways: Sequence[Sequence[int]],
        edges: Sequence[tuple[int, int]],
        n_atom_features: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.pathway_tower = _PathwayTower(pathways, edges, dropout)
        self.compound_tower: nn.Module = (
            _CompoundTower(n_atom_features, dropout)
            if n_atom_features
            else AbsentCompound(_WIDTH)
        )
        self.fusion = _Fusion()
        self.first = PairDense(_WIDTH, _WIDTH, 512)
        self.second = Dense(512, 512)
        self.output = Dense(512, 1)
        self.dropout = Dropout(dropout)

    def encode_cells(self, cells: Tensor, counts: Tensor | None = None) -> Codes:
        """Return tokens of pathways and what they gather from each other."""
        del counts
        tokens = self.pathway_tower(cells)  # (cells, pathways, width)
        return (tokens, *self.fusion.of_cells(tokens))

    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Return the token of each compound and its parts of the attention."""
        token = self.compound_tower(compounds, counts)  # (compounds, width)
        return (token, *self.fusion.of_compounds(token))

    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response of rows, (rows, 1)."""
        of_cell = tuple(part.index_select(0, cell_index) for part in cells)
        of_compound = tuple(part.index_select(0, compound_index) for part in compounds)
        pathways, drug = self.fusion(of_cell, of_compound)
        x = self.first.of_cells(pathways) + self.first.of_compounds(drug)
        x = self.dropout(nn.functional.elu(x))
        x = self.dropout(nn.functional.elu(self.second(x)))
        return self.output(x)  # (rows, 1)


class _CompoundTower(nn.Module):
    """Three GIN layers, all of them kept, maximum over atoms, dense."""

    def __init__(self, n_features: int, dropout: float, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            GINLayer(n_features if i == 0 else width, width) for i in range(3)
        )
        self.dense = Dense(3 * width, _WIDTH)
        self.dropout = Dropout(dropout)

    def forward(self, graphs: tuple[Tensor, ...], counts: Tensor | None) -> Tensor:
        atoms = pack_atoms(*graphs)
        outputs = [atoms.features]
        for layer in self.layers:
            outputs.append(layer(outputs[-1], atoms, counts))
        x = max_pool(torch.cat(outputs[1:], dim=1), atoms)  # (compounds, 3 * width)
        return self.dropout(torch.relu(self.dense(x)))


class _PathwayTower(nn.Module):
    """Graph attention among the genes of a pathway, then a dense token of each."""

    def __init__(
        self,
        pathways: Sequence[Sequence[int]],
        edges: Sequence[tuple[int, int]],
        dropout: float,
    ) -> None:
        super().__init__()
        genes = torch.tensor([gene for one in pathways for gene in one])
        n_nodes, longest = len(genes), max(map(len, pathways))
        loops = torch.arange(n_nodes).repeat(2, 1)
        ends = torch.tensor(list(edges), dtype=torch.int64).reshape(-1, 2).T
        places = torch.full((len(pathways), longest), n_nodes)
        start = 0
        for row, one in zip(places, pathways, strict=True):
            row[: len(one)] = torch.arange(start, start + len(one))
            start += len(one)
        sizes = torch.tensor([len(one) for one in pathways])
        by_size = sizes.argsort(stable=True)
        for name, table in (
            ("genes", genes),  # (nodes,)
            ("edges", torch.cat([loops, ends], dim=1)),  # (2, edges)
            ("places", places[by_size]),  # (pathways, longest), n_nodes where none
            ("order", by_size.argsort()),  # (pathways,) from those by size
        ):
            self.register_buffer(name, table, persistent=False)
        self.genes: Tensor
        self.edges: Tensor
        self.places: Tensor
        self.order: Tensor
        self.longest = [int(sizes[one].max()) for one in by_size.split(_BLOCK)]
        self.layers = nn.ModuleList(
            _NodeAttention(1 if i == 0 else _NODE, _NODE) for i in range(3)
        )
        self.first = Dense(longest * _NODE, 1024)
        self.second = Dense(1024, _WIDTH)
        self.dropout = Dropout(dropout)

    def forward(self, cells: Tensor) -> Tensor:
        x = cells.T[self.genes].unsqueeze(0)  # (1, nodes, cells)
        for layer in self.layers:
            x = torch.relu(layer(x, self.edges))  # (8, nodes, cells)
        x = lower(x)
        x = torch.cat([x, x.new_zeros(_NODE, 1, len(cells))], dim=1)
        blocks = []
        for places, longest in zip(
            self.places.split(_BLOCK), self.longest, strict=True
        ):
            block = x.index_select(1, places[:, :longest].flatten())
            block = block.permute(2, 1, 0).reshape(len(cells), len(places), -1)
            # the weights of places that none of these pathways has are left out
            weight = self.first.weight[:, : block.shape[2]]
            block = torch.relu(dense(block, weight, self.first.bias))
            block = self.second(self.dropout(block))
            blocks.append(self.dropout(torch.relu(block)))
        joined = torch.cat(blocks, dim=1).to(cells.dtype)  # (cells, pathways, width)
        return joined.index_select(1, self.order)


class _NodeAttention(nn.Module):
    """Graph attention with one head on a graph that all cells share.

    The dense layer is linear, and comes behind the average that attention makes; of
    the first layer's inputs, one number of each node, there is less to gather.
    """

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.dense = Dense(n_inputs, width, bias=False)
        self.of_source = nn.Parameter(torch.empty(1, width))
        self.of_target = nn.Parameter(torch.empty(1, width))
        self.bias = nn.Parameter(torch.zeros(width))
        for weight in (self.dense.weight, self.of_source, self.of_target):
            nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """Map `x` (inputs, nodes, cells) to (width, nodes, cells)."""
        # few channels, for which lower precision is not worth its conversions
        with torch.autocast(x.device.type, enabled=False):
            return self._attend(x, *edges)

    def _attend(self, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Do what `forward` does, along edges from `source` to `target` (edges,)."""
        shape = x.shape[1:]  # (nodes, cells)
        weight = self.dense.weight
        of_ends = torch.cat([self.of_source, self.of_target]) @ weight  # (2, inputs)
        of_source, of_target = (of_ends @ x.flatten(1)).unflatten(1, shape)
        scores = of_source.index_select(0, source) + of_target.index_select(0, target)
        scores = nn.functional.leaky_relu(scores, 0.2)  # (edges, cells)
        with torch.no_grad():
            largest = torch.zeros_like(of_source).scatter_reduce(
                0, target[:, None].expand_as(scores), scores, "amax", include_self=False
            )
        weights = torch.exp(scores - largest.index_select(0, target))
        total = torch.zeros_like(of_source).index_add(0, target, weights)
        gathered = weights * x.index_select(1, source)  # (inputs, edges, cells)
        gathered = torch.zeros_like(x).index_add(1, target, gathered) / total
        out = (weight @ gathered.flatten(1)).unflatten(1, shape)
        return out + self.bias[:, None, None]


class _Fusion(nn.Module):
    """One transformer layer over the tokens of the pathways and of the drug.

    Of the attention, what pathways gather from each other depends on the cell alone.
    It is computed once per cell, and mixed in each row with the drug's value by the
    weight that the softmax over all tokens gives the drug.
    """

    def __init__(self) -> None:
        super().__init__()
        inner = _HEADS * _HEAD_WIDTH
        self.query = Dense(_WIDTH, inner, bias=False)
        self.key = Dense(_WIDTH, inner, bias=False)
        self.value = Dense(_WIDTH, inner, bias=False)
        self.project = Dense(inner, _WIDTH, bias=False)
        self.first_norm = nn.LayerNorm(_WIDTH)
        self.inner = Dense(_WIDTH, _WIDTH)
        self.outer = Dense(_WIDTH, _WIDTH)
        self.second_norm = nn.LayerNorm(_WIDTH)

    def of_cells(self, tokens: Tensor) -> Codes:
        """Return what pathways gather among themselves, and its total weight."""
        low = lower(tokens)
        query, key, value = (
            layer(low).unflatten(2, (_HEADS, _HEAD_WIDTH)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )  # (cells, heads, pathways, head width)
        scores = (query @ key.transpose(2, 3)).float() / _HEAD_WIDTH**0.5
        gathered = torch.softmax(scores, dim=3) @ value
        total = torch.logsumexp(scores, dim=3)  # (cells, heads, pathways)
        return gathered.transpose(1, 2).contiguous(), total.transpose(1, 2)

    def of_compounds(self, token: Tensor) -> Codes:
        """Return a drug's scorers of tokens, its value and its score of itself."""
        split = (_HEADS, _HEAD_WIDTH)
        query, key, value = (
            layer(token).unflatten(1, split)
            for layer in (self.query, self.key, self.value)
        )  # (compounds, heads, head width)
        # A product with a token's query or key, written as one with the token.
        of_query = self.query.weight.unflatten(0, split)  # (heads, head width, width)
        of_key = self.key.weight.unflatten(0, split)
        as_key = torch.einsum("chk,hkw->chw", key, of_query).float()
        as_query = torch.einsum("chk,hkw->chw", query, of_key).float()
        itself = (query * key).sum(2)  # (compounds, heads)
        scale = _HEAD_WIDTH**-0.5
        return as_key * scale, as_query * scale, value, itself * scale

    def forward(self, of_cell: Codes, of_compound: Codes) -> tuple[Tensor, Tensor]:
        """Return the sum of the pathways' outputs, and the drug's: (rows, width)."""
        tokens, gathered, total = of_cell
        token, as_key, as_query, value, itself = of_compound
        low = lower(tokens)
        toward_drug = (low @ lower(as_key).transpose(1, 2)).float()
        kept = torch.sigmoid(total - toward_drug)  # (rows, pathways, heads)
        kept = lower(kept).unsqueeze(3)  # left to pathways
        of_drug = lower(value).unsqueeze(1)  # (rows, 1, heads, head width)
        mixed = torch.lerp(of_drug, gathered, kept).flatten(2)
        pathways = self._transform(tokens, self.project(mixed)).sum(1)

        scores = (as_query @ low.transpose(1, 2)).float()  # (rows, heads, pathways)
        weights = torch.softmax(torch.cat([scores, itself.unsqueeze(2)], dim=2), dim=2)
        average = (weights[:, :, :-1] @ low).float()  # (rows, heads, width)
        of_value = self.value.weight.unflatten(0, (_HEADS, _HEAD_WIDTH))
        seen = torch.einsum("rhw,hkw->rhk", average, of_value).float()
        seen = seen + weights[:, :, -1:] * value
        drug = self._transform(token, self.project(seen.flatten(1)))
        return pathways, token + drug

    def _transform(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add, normalise, feed forward, add, normalise."""
        x = self.first_norm(x + attended)
        return self.second_norm(x + self.outer(torch.relu(self.inner(lower(x)))))
