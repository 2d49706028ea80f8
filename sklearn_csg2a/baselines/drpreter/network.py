"""The network of DRPreter: a transformer on tokens of pathways and the drug."""

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
    to_autocast_dtype,
)
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.layers import Dense, dense

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DRPreterNetwork"]

_WIDTH = 256  # of a token
_NODE = 8  # width of the vector of a gene
_HEADS, _HEAD_WIDTH = 8, 64
_BLOCK = 8  # pathways that are padded together


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
        """Return tokens of pathways and the attention among them."""
        del counts
        tokens = self.pathway_tower(cells)  # (cells, pathways, width)
        return (tokens, *self.fusion.cell_terms(tokens))

    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Return the token of each compound and its parts of the attention."""
        token = self.compound_tower(compounds, counts)  # (compounds, width)
        return (token, *self.fusion.compound_terms(token))

    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response of rows, (rows, 1)."""
        cell_rows = tuple(part.index_select(0, cell_index) for part in cells)
        drug_rows = tuple(part.index_select(0, compound_index) for part in compounds)
        pathways, drug = self.fusion(cell_rows, drug_rows)
        x = self.first.cell_terms(pathways) + self.first.compound_terms(drug)
        x = self.dropout(nn.functional.elu(x))
        x = self.dropout(nn.functional.elu(self.second(x)))
        return self.output(x)  # (rows, 1)


class _CompoundTower(nn.Module):
    """Three GIN layers, the maximum over atoms of all their outputs, dense."""

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
    """Graph attention among the genes of a pathway, then dense layers to a token."""

    def __init__(
        self,
        pathways: Sequence[Sequence[int]],
        edges: Sequence[tuple[int, int]],
        dropout: float,
    ) -> None:
        super().__init__()
        genes = torch.tensor([gene for pathway in pathways for gene in pathway])
        n_nodes, longest = len(genes), max(map(len, pathways))
        loops = torch.arange(n_nodes).repeat(2, 1)
        ends = torch.tensor(list(edges), dtype=torch.int64).reshape(-1, 2).T
        places = torch.full((len(pathways), longest), n_nodes)
        start = 0
        for row, pathway in zip(places, pathways, strict=True):
            row[: len(pathway)] = torch.arange(start, start + len(pathway))
            start += len(pathway)
        sizes = torch.tensor([len(pathway) for pathway in pathways])
        by_size = sizes.argsort(stable=True)
        for name, table in (
            ("genes", genes),  # (nodes,)
            ("edges", torch.cat([loops, ends], dim=1)),  # (2, edges)
            ("places", places[by_size]),  # (pathways, longest), padded with n_nodes
            ("order", by_size.argsort()),  # (pathways,) back from the order of sizes
        ):
            self.register_buffer(name, table, persistent=False)
        self.genes: Tensor
        self.edges: Tensor
        self.places: Tensor
        self.order: Tensor
        self.longest = [int(sizes[block].max()) for block in by_size.split(_BLOCK)]
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
        x = to_autocast_dtype(x)
        x = torch.cat([x, x.new_zeros(_NODE, 1, len(cells))], dim=1)
        blocks = []
        for places, longest in zip(
            self.places.split(_BLOCK), self.longest, strict=True
        ):
            block = x.index_select(1, places[:, :longest].flatten())
            block = block.permute(2, 1, 0).reshape(len(cells), len(places), -1)
            # only the weights of positions that pathways of this block have
            weight = self.first.weight[:, : block.shape[2]]
            block = torch.relu(dense(block, weight, self.first.bias))
            block = self.second(self.dropout(block))
            blocks.append(self.dropout(torch.relu(block)))
        joined = torch.cat(blocks, dim=1).to(cells.dtype)  # (cells, pathways, width)
        return joined.index_select(1, self.order)


class _NodeAttention(nn.Module):
    """Graph attention with one head on a graph that all cells share.

    The dense layer is linear, so it is applied after the weighted average; the input of
    the first layer, one number per node, is smaller than its output.
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
        # few channels: conversions would cost more than lower precision saves
        with torch.autocast(x.device.type, enabled=False):
            return self._attend(x, *edges)

    def _attend(self, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Apply attention along edges from `source` to `target`, both (edges,)."""
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

    The attention among pathways only depends on the cell. It is computed once per cell,
    and mixed in each row with the value of the drug, by the weight of the drug in the
    softmax over all tokens.
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

    def cell_terms(self, tokens: Tensor) -> Codes:
        """Return the attention output among pathways, and its logarithmic weight."""
        low = to_autocast_dtype(tokens)
        query, key, value = (
            layer(low).unflatten(2, (_HEADS, _HEAD_WIDTH)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )  # (cells, heads, pathways, head width)
        scores = (query @ key.transpose(2, 3)).float() / _HEAD_WIDTH**0.5
        gathered = torch.softmax(scores, dim=3) @ value
        total = torch.logsumexp(scores, dim=3)  # (cells, heads, pathways)
        return gathered.transpose(1, 2).contiguous(), total.transpose(1, 2)

    def compound_terms(self, token: Tensor) -> Codes:
        """Return key and query on tokens, value, and score with itself, of drugs."""
        split = (_HEADS, _HEAD_WIDTH)
        query, key, value = (
            layer(token).unflatten(1, split)
            for layer in (self.query, self.key, self.value)
        )  # (compounds, heads, head width)
        # products with the query or key of a token, as products with the token
        of_query = self.query.weight.unflatten(0, split)  # (heads, head width, width)
        of_key = self.key.weight.unflatten(0, split)
        as_key = torch.einsum("chk,hkw->chw", key, of_query).float()
        as_query = torch.einsum("chk,hkw->chw", query, of_key).float()
        itself = (query * key).sum(2)  # (compounds, heads)
        scale = _HEAD_WIDTH**-0.5
        return as_key * scale, as_query * scale, value, itself * scale

    def forward(self, cells: Codes, drugs: Codes) -> tuple[Tensor, Tensor]:
        """Return the summed output of pathways, and that of the drug: (rows, width)."""
        tokens, gathered, total = cells
        token, as_key, as_query, value, itself = drugs
        low = to_autocast_dtype(tokens)
        toward_drug = (low @ to_autocast_dtype(as_key).transpose(1, 2)).float()
        # weight of the pathways, (rows, pathways, heads)
        share = torch.sigmoid(total - toward_drug)
        share = to_autocast_dtype(share).unsqueeze(3)
        drug_value = to_autocast_dtype(value).unsqueeze(
            1
        )  # (rows, 1, heads, head width)
        mixed = torch.lerp(drug_value, gathered, share).flatten(2)
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
        """Add, norm, feed forward, add, norm."""
        x = self.first_norm(x + attended)
        return self.second_norm(
            x + self.outer(torch.relu(self.inner(to_autocast_dtype(x))))
        )
