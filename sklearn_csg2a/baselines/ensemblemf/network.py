"""The network of EnsembleMF: all members in one, their weights stacked."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sklearn_csg2a.baselines.deep._network import Codes, PairNetwork
from sklearn_csg2a.baselines.ensemblemf.data import MemberBatch
from sklearn_csg2a.nn import Dropout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.baselines.deep._data import PairBatch

__all__ = ["EnsembleMFNetwork"]


class EnsembleMFNetwork(PairNetwork):
    """Members that multiply the factors of a cell by those of a compound.

    The response by a member is the product of both vectors of factors, summed, plus an
    effect of the cell, an effect of the compound and a constant.

    Parameters
    ----------
    n_genes, n_bits : int
        Widths of expression and of fingerprints, the latter 0 without compounds.
    n_known : int
        Number of compounds with an embedding.
    n_members : int
        Number of members.
    hidden : tuple of int
        Hidden widths of both towers.
    n_factors : int
        Number of factors.
    dropout : float
        Dropout after each hidden layer.
    embedding_dropout : float
        Probability that training takes a known compound for a new one.
    """

    def __init__(
        self,
        *,
        n_genes: int,
        n_bits: int,
        n_known: int,
        n_members: int,
        hidden: tuple[int, ...],
        n_factors: int,
        dropout: float,
        embedding_dropout: float,
    ) -> None:
        super().__init__()
        outputs = n_factors + 1  # the factors and an effect
        self.cell_tower = _Tower(n_members, (n_genes, *hidden, outputs), dropout)
        self.compound_tower: _Tower | None = None
        if n_bits:
            widths = n_bits, *hidden, outputs
            self.compound_tower = _Tower(n_members, widths, dropout)
            self.embedding = nn.Parameter(torch.zeros(n_members, n_known, hidden[0]))
            self.embedding_dropout = Dropout(embedding_dropout)
        else:
            self.absent = nn.Parameter(torch.empty(n_members, 1, outputs))
        self.constant = nn.Parameter(torch.zeros(n_members))
        self._draw_members(n_members)

    @torch.no_grad()
    def _draw_members(self, n_members: int) -> None:
        """Draw initial weights by member: the first ones do not depend on the rest."""
        for member in range(n_members):
            self.cell_tower.draw(member)
            if self.compound_tower is not None:
                self.compound_tower.draw(member)
            else:
                self.absent[member].uniform_(-1, 1)

    def encode_cells(self, cells: Tensor, counts: Tensor | None = None) -> Codes:
        """Return factors and effect of cells by each member, (cells, members, ...)."""
        del counts
        return (self.cell_tower(cells.unsqueeze(0)).transpose(0, 1).contiguous(),)

    def encode_compounds(
        self, compounds: tuple[Tensor, ...], counts: Tensor | None = None
    ) -> Codes:
        """Return factors and effect of compounds, (compounds, members, ...)."""
        del counts
        each = tuple(part.unsqueeze(0) for part in compounds)
        return (self._code_compounds(each).transpose(0, 1).contiguous(),)

    def combine(
        self,
        cells: Codes,
        compounds: Codes,
        cell_index: Tensor,
        compound_index: Tensor,
    ) -> Tensor:
        """Return the response by each member, (rows, members)."""
        of_cell = cells[0].index_select(0, cell_index)  # (rows, members, ...)
        of_compound = compounds[0].index_select(0, compound_index)
        return _join(of_cell, of_compound) + self.constant

    def forward(self, batch: PairBatch | MemberBatch) -> Tensor:
        """Return the response by each member for its rows, (rows, members).

        For a batch of rows that all members share: their mean, (rows, 1).
        """
        if not isinstance(batch, MemberBatch):
            return super().forward(batch).mean(1, keepdim=True)
        of_cell = _gather(self.cell_tower(batch.cells), batch.cell_index)
        of_compound = _gather(
            self._code_compounds(batch.compounds), batch.compound_index
        )  # (members, rows, ...)
        return _join(of_cell, of_compound).T + self.constant

    def _code_compounds(self, compounds: tuple[Tensor, ...]) -> Tensor:
        """Return factors and effect, (members, compounds, ...).

        `compounds` are fingerprints (members or 1, compounds, bits) and the number of
        each compound (members or 1, compounds), 0 for a new one; empty without any.
        """
        if self.compound_tower is None:
            return self.absent
        fingerprints, number = compounds
        return self.compound_tower(fingerprints, self._embed(number))

    def _embed(self, number: Tensor) -> Tensor:
        """Return the embeddings of compounds, (members, compounds, width); 0 if new."""
        n_members = len(self.embedding)
        number = number.expand(n_members, -1)
        member = torch.arange(n_members, device=number.device).unsqueeze(1)
        embedded = self.embedding[member, (number - 1).clamp(min=0)]
        is_kept = self.embedding_dropout(torch.ones_like(embedded[..., :1])) > 0
        return embedded * ((number > 0).unsqueeze(-1) & is_kept)


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
        x = x.expand(len(self.weight), -1, -1)
        return torch.baddbmm(self.bias.to(x.dtype), x, self.weight)


class _Tower(nn.Module):
    """Dense layers of each member, with ReLU and dropout between them."""

    def __init__(self, n_members: int, widths: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _MemberDense(n_members, *sizes) for sizes in pairwise(widths)
        )
        self.dropout = Dropout(dropout)

    def draw(self, member: int) -> None:
        """Draw the first weights of a member."""
        for layer in self.modules():
            if isinstance(layer, _MemberDense):
                layer.draw(member)

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Return codes (members, entities, ...); `added` joins the first layer."""
        *hidden, last = self.layers
        for layer in hidden:
            x = layer(x)
            x = x if added is None else x + added
            x, added = self.dropout(torch.relu(x)), None
        return last(x).float()


def _gather(codes: Tensor, index: Tensor) -> Tensor:
    """Return codes (members, entities, ...) for `index` (members, rows)."""
    n_members, n_entities, width = codes.shape
    starts = torch.arange(0, n_members * n_entities, n_entities, device=index.device)
    flat = codes.flatten(0, 1).index_select(0, (index + starts[:, None]).flatten())
    return flat.view(n_members, -1, width)


def _join(of_cell: Tensor, of_compound: Tensor) -> Tensor:
    """Return the sum of the products of factors and both effects, (..., ...)."""
    product = (of_cell[..., :-1] * of_compound[..., :-1]).sum(-1)
    return product + of_cell[..., -1] + of_compound[..., -1]
