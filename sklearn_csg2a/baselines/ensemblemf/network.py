"""The network of EnsembleMF: all members in one, their weights stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sklearn_csg2a.baselines.deep._network import (
    Codes,
    PairNetwork,
    to_autocast_dtype,
)
from sklearn_csg2a.baselines.ensemblemf.data import MemberBatch
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.nn.blocks import apply_in_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.baselines.deep._data import PairBatch

__all__ = ["EnsembleMFNetwork"]

_EMBEDDING_SD = 0.01


class EnsembleMFNetwork(PairNetwork):
    """Members that multiply the factors of a cell by those of a compound.

    The response by a member is the scaled product of both vectors of factors, summed,
    plus an effect of the cell, an effect of the compound, a constant, and what two
    dense layers make of both vectors and their product by factor.

    Parameters
    ----------
    n_genes, n_bits : int
        Widths of expression and of fingerprints, the latter 0 without compounds.
    n_known : int
        Number of compounds with an embedding.
    n_members : int
        Number of members.
    width : int
        Width of all hidden layers.
    n_factors : int
        Number of factors.
    dropout : float
        Dropout in the towers and before the last layer.
    """

    def __init__(
        self,
        *,
        n_genes: int,
        n_bits: int,
        n_known: int,
        n_members: int,
        width: int,
        n_factors: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.n_members = n_members
        self.cell_tower = _Tower(n_members, n_genes, width, n_factors, dropout)
        self.compound_tower: _Tower | None = None
        if n_bits:
            self.compound_tower = _Tower(n_members, n_bits, width, n_factors, dropout)
            self.embedding = nn.Parameter(torch.empty(n_members, n_known, n_factors))
        else:
            self.absent = nn.Parameter(torch.empty(n_members, 1, n_factors))
        self.head = _Head(n_members, n_factors, width, dropout)
        self._draw_members(n_members)

    @torch.no_grad()
    def _draw_members(self, n_members: int) -> None:
        """Draw initial weights by member: the first ones do not depend on the rest."""
        for member in range(n_members):
            self.cell_tower.draw(member)
            if self.compound_tower is not None:
                self.compound_tower.draw(member)
                self.embedding[member].normal_(std=_EMBEDDING_SD)
            else:
                self.absent[member].uniform_(-1, 1)
            self.head.draw(member)

    def encode_cells(self, cells: Tensor, counts: Tensor | None = None) -> Codes:
        """Return what the members make of cells, each (cells, members, ...)."""
        del counts
        codes = self.head.code_cells(self.cell_tower(cells.unsqueeze(0)))
        return _swap(codes)

    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Return what the members make of compounds, each (compounds, members, ...)."""
        del counts
        each = tuple(part.unsqueeze(0) for part in compounds)
        return _swap(self.head.code_compounds(self._find_factors(each)))

    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response by each member, (rows, members)."""
        of_members = self.head(
            _swap(cells),
            _swap(compounds),
            cell_index.expand(self.n_members, -1),
            compound_index.expand(self.n_members, -1),
        )
        return of_members.T

    def forward(self, batch: PairBatch | MemberBatch) -> Tensor:
        """Return the response by each member for its rows, (rows, members).

        For a batch of rows that all members share: their mean, (rows, 1).
        """
        if not isinstance(batch, MemberBatch):
            return super().forward(batch).mean(1, keepdim=True)
        of_members = self.head(
            self.head.code_cells(self.cell_tower(batch.cells)),
            self.head.code_compounds(self._find_factors(batch.compounds)),
            batch.cell_index,
            batch.compound_index,
        )
        return of_members.T

    def _find_factors(self, compounds: tuple[Tensor, ...]) -> Tensor:
        """Return the factors of compounds, (members, compounds, factors).

        `compounds` are fingerprints (members or 1, compounds, bits) and the number of
        each compound (members or 1, compounds), 0 for a new one; empty without any.
        """
        if self.compound_tower is None:
            return self.absent
        fingerprints, number = compounds
        return self.compound_tower(fingerprints) + self._embed(number)

    def _embed(self, number: Tensor) -> Tensor:
        """Return embeddings (members, compounds, factors); 0 for new compounds."""
        number = number.expand(self.n_members, -1)
        known = _gather(self.embedding, (number - 1).clamp(min=0))
        return known * (number > 0).unsqueeze(-1)


class _MemberDense(nn.Module):
    """A dense layer of each member, in one batched product."""

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.empty(n_members, 1, n_outputs))

    def draw(self, member: int) -> None:
        """Draw the initial weights of a member, as torch's dense layer does."""
        bound = self.weight.shape[1] ** -0.5
        self.weight[member].uniform_(-bound, bound)
        self.bias[member].uniform_(-bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer of each member to `x` (members or 1, n, inputs)."""
        return _multiply(x.expand(len(self.weight), -1, -1), self.weight, self.bias)


class _Tower(nn.Module):
    """From inputs to factors, for each member: a hidden layer and a residual block.

    The hidden layer also has a way to the factors that passes the block by.
    """

    def __init__(
        self, n_members: int, n_inputs: int, width: int, n_factors: int, dropout: float
    ) -> None:
        super().__init__()
        self.first = _MemberDense(n_members, n_inputs, width)
        self.block = _MemberDense(n_members, width, width)
        self.last = _MemberDense(n_members, width, n_factors)
        self.skip = _MemberDense(n_members, width, n_factors)
        self.norm_weight = nn.Parameter(torch.ones(n_members, 1, width))
        self.norm_bias = nn.Parameter(torch.zeros(n_members, 1, width))
        self.dropout = Dropout(dropout)

    def draw(self, member: int) -> None:
        """Draw the first weights of a member."""
        for layer in (self.first, self.block, self.last, self.skip):
            layer.draw(member)

    def forward(self, x: Tensor) -> Tensor:
        """Return factors (members, entities, factors) of `x` (members or 1, ...)."""
        hidden = torch.relu(self.first(x))
        change = self.block(hidden).float()
        change = nn.functional.layer_norm(change, change.shape[-1:])
        change = torch.relu(change * self.norm_weight + self.norm_bias)
        return self.last(hidden + self.dropout(change)) + self.skip(hidden)


class _Head(nn.Module):
    """From the factors of cells and compounds to the response, for each member.

    The first of two dense layers on both vectors and their product has three parts.
    Those of cells and compounds are applied to each of them once.
    """

    def __init__(
        self, n_members: int, n_factors: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.of_cell = nn.Parameter(torch.empty(n_members, n_factors, width))
        self.of_compound = nn.Parameter(torch.empty(n_members, n_factors, width))
        self.of_product = nn.Parameter(torch.empty(n_members, n_factors, width))
        self.bias = nn.Parameter(torch.empty(n_members, 1, width))
        self.last = nn.Parameter(torch.empty(n_members, 1, width))
        self.cell_effect = nn.Parameter(torch.empty(n_members, 1, n_factors))
        self.compound_effect = nn.Parameter(torch.empty(n_members, 1, n_factors))
        self.scale = nn.Parameter(torch.full((n_members, 1), n_factors**-0.5))
        self.constant = nn.Parameter(torch.zeros(n_members, 1))
        self.dropout = Dropout(dropout)

    def draw(self, member: int) -> None:
        """Draw the first weights of a member, as torch's dense layers do."""
        n_factors, width = self.of_cell.shape[1:]
        for n_inputs, weights in (
            (
                3 * n_factors,
                (self.of_cell, self.of_compound, self.of_product, self.bias),
            ),
            (width, (self.last,)),
            (n_factors, (self.cell_effect, self.compound_effect)),
        ):
            for weight in weights:
                weight[member].uniform_(-(n_inputs**-0.5), n_inputs**-0.5)

    def code_cells(self, factors: Tensor) -> Codes:
        """Return factors, their part of the hidden layer, and effects of cells."""
        terms = _multiply(factors, self.of_cell, self.bias)
        return factors, terms, (factors * self.cell_effect).sum(-1)

    def code_compounds(self, factors: Tensor) -> Codes:
        """Return factors, their part of the hidden layer, and effects of compounds."""
        terms = _multiply(factors, self.of_compound)
        return factors, terms, (factors * self.compound_effect).sum(-1)

    def forward(
        self, cells: Codes, compounds: Codes, cell_index: Tensor, compound_index: Tensor
    ) -> Tensor:
        """Return the response by each member for its rows, (members, rows).

        On a CPU one member after another, so that its rows stay in the cache.
        """
        width = self.last.shape[-1]
        columns = (
            *cells,
            *compounds,
            cell_index,
            compound_index,
            self.of_product,
            self.last,
            self.scale,
            self.constant,
            self.dropout.draw((*cell_index.shape, width), cell_index.device),
        )
        n_parts = len(cell_index) if cell_index.device.type == "cpu" else 1
        parts = [column.tensor_split(n_parts) for column in columns]
        return torch.cat(apply_in_blocks(self._respond, *parts))

    def _respond(
        self,
        cell: Tensor,
        cell_terms: Tensor,
        cell_effect: Tensor,
        compound: Tensor,
        compound_terms: Tensor,
        compound_effect: Tensor,
        cell_index: Tensor,
        compound_index: Tensor,
        of_product: Tensor,
        last: Tensor,
        scale: Tensor,
        constant: Tensor,
        drawn: Tensor,
    ) -> Tensor:
        """Return the response by some members, (members, rows)."""
        product = _gather(cell, cell_index) * _gather(compound, compound_index)
        effects = cell_effect.gather(1, cell_index)
        effects = effects + compound_effect.gather(1, compound_index)
        hidden = _gather(cell_terms, cell_index)
        hidden = hidden + _gather(compound_terms, compound_index)
        hidden = hidden + _multiply(product, of_product)
        hidden = self.dropout.drop(torch.relu(hidden), drawn)
        product = scale * product.sum(-1)
        return product + effects + constant + (hidden * last).sum(-1)


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the products of each member, (members, n, outputs) float32."""
    x = to_autocast_dtype(x)
    product = torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)
    return product.float()


def _swap(codes: Sequence[Tensor]) -> Codes:
    """Exchange the axes of members and of entities."""
    return tuple(part.transpose(0, 1) for part in codes)


def _gather(codes: Tensor, index: Tensor) -> Tensor:
    """Return codes (members, entities, ...) for `index` (members, rows)."""
    n_members, n_entities, width = codes.shape
    starts = torch.arange(0, n_members * n_entities, n_entities, device=index.device)
    flat = (index + starts[:, None]).flatten()
    # unlike index_select, its gradient is quick on a CPU
    found = nn.functional.embedding(flat, codes.flatten(0, 1))
    return found.view(n_members, -1, width)
