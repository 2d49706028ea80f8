"""CSG2A: from basal expression and a chemical condition to perturbed expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn.attention import GeneGeneAttention
from sklearn_csg2a.nn.blocks import apply_by_rows
from sklearn_csg2a.nn.condition import ChemicalConditionEncoder
from sklearn_csg2a.nn.layers import Dense, Dropout

if TYPE_CHECKING:
    from sklearn_csg2a.nn.batch import TreatmentBatch

__all__ = ["CSG2A", "CellTerms"]


class CellInputs(NamedTuple):
    """Input of the network for each cell."""

    basal: Tensor  # (cells, genes)
    interactome_term: Tensor  # (cells, genes), A_PPI g; (cells, 0) if unused


class CellTerms(NamedTuple):
    """Terms of the attention, computed once per cell."""

    basal: Tensor  # (cells, genes)
    interactome_term: Tensor  # (cells, genes), A_PPI g; (cells, 0) if unused
    scores: Tensor  # (cells, hidden)

    def gather(self, index: Tensor) -> CellTerms:
        """Return the terms of the rows' cells; `index` is (rows,)."""
        return CellTerms(*(term.index_select(0, index) for term in self))


class CSG2A(nn.Module):
    """Predict perturbed expression (paper, Appendix A.1).

    ``y = W dropout(ReLU(LayerNorm(A g)))`` with A from
    :class:`~sklearn_csg2a.nn.attention.GeneGeneAttention` and W without bias. The
    network predicts centred values; ``location + scale * y`` converts them to the
    original unit. Both are buffers, for transfer of the network.

    Parameters
    ----------
    n_genes, n_outputs : int
        Number of input genes and of outputs (equal if every gene is predicted).
    compound_dim : int
        Width of a compound's encoding.
    interactome : tuple of (rows, columns, values)
        Entries of the adjacency, including the diagonal.
    hidden_dim : int, default=64
        Width of the attention's queries.
    attention : {"paper", "gated", "released", "off"}, default="paper"
        See :class:`~sklearn_csg2a.nn.attention.GeneGeneAttention`.
    dropout : float, default=0.1
        Dropout in the condition encoder and before the last layer.
    gene_dropout : float, default=0.0
        Probability that a gene of a cell is masked in training.
    """

    def __init__(
        self,
        n_genes: int,
        n_outputs: int,
        compound_dim: int,
        interactome: tuple[Tensor, Tensor, Tensor],
        hidden_dim: int = 64,
        attention: str = "paper",
        dropout: float = 0.1,
        gene_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_outputs = n_outputs
        self.condition = ChemicalConditionEncoder(compound_dim, n_genes, dropout)
        self.attention = GeneGeneAttention(n_genes, hidden_dim, attention, interactome)
        self.norm = nn.LayerNorm(n_genes)
        self.dropout = Dropout(dropout)
        self.gene_dropout = Dropout(gene_dropout)
        self.output = Dense(n_genes, n_outputs, bias=False)
        self.register_buffer("location", torch.zeros(n_outputs))
        self.register_buffer("scale", torch.ones(n_outputs))
        self.location: Tensor
        self.scale: Tensor

    def encode_conditions(self, batch: TreatmentBatch) -> Tensor:
        """Return D of the batch's conditions, (conditions, genes)."""
        if batch.encoded_conditions is not None:
            return batch.encoded_conditions
        return self.condition(
            batch.compound, batch.dose, batch.time, batch.condition_counts
        )

    def hide_genes(self, batch: TreatmentBatch, dropout: Dropout) -> CellInputs:
        """Return the cells' expression and A_PPI g, some genes masked in training.

        One mask per cell and batch. On a linear layer it acts as a ridge penalty of p /
        (1 - p) times the variance of each gene.
        """
        if not dropout.training or dropout.p == 0:
            return CellInputs(batch.basal, batch.interactome_term)
        basal = dropout(batch.basal)
        return CellInputs(basal, self.attention.interactome_term(basal))

    def cell_terms(self, basal: Tensor, interactome_term: Tensor) -> CellTerms:
        """Compute each cell's terms; both inputs are (cells, genes)."""
        return CellTerms(basal, interactome_term, self.attention.cell_scores(basal))

    def activate(
        self,
        cells: CellTerms,
        conditions: Tensor,
        cell_index: Tensor,
        condition_index: Tensor,
    ) -> Tensor:
        """Return the input of the last layer, (rows, genes).

        `conditions` is (conditions, genes), the indices (rows,).
        """
        scores = self.attention.condition_scores(conditions)  # (conditions, hidden)
        rows = [
            *cells.gather(cell_index),
            conditions.index_select(0, condition_index),
            scores.index_select(0, condition_index),
        ]
        drawn = self.dropout.draw(rows[0].shape, rows[0].device)

        def apply(drawn: Tensor, *rows: Tensor) -> Tensor:
            activated = torch.relu(self.norm(self.attention(*rows)))  # (rows, genes)
            return self.dropout.drop(activated, drawn)

        shared = [*self.attention.parameters(), *self.norm.parameters()]
        return apply_by_rows(apply, drawn, *rows, shared=shared)

    def perturb(
        self,
        cells: CellTerms,
        conditions: Tensor,
        cell_index: Tensor,
        condition_index: Tensor,
    ) -> Tensor:
        """Predict centred perturbed expression, (rows, outputs); inputs as above."""
        activated = self.activate(cells, conditions, cell_index, condition_index)
        return self.output(activated)

    def forward(self, batch: TreatmentBatch) -> Tensor:
        """Predict centred perturbed expression of a batch, (rows, outputs)."""
        cells = self.hide_genes(batch, self.gene_dropout)
        return self.perturb(
            self.cell_terms(*cells),
            self.encode_conditions(batch),
            batch.cell_index,
            batch.condition_index,
        )
