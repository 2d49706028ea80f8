"""Condition-specific gene-gene attention, exact and factorised."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn.layers import dense

__all__ = ["FORMS", "GeneGeneAttention"]

FORMS = ("paper", "gated", "released", "off")


class GeneGeneAttention(nn.Module):
    r"""First layer of CSG2A, whose weights are gene-gene attention.

    With basal expression :math:`g`, chemical condition :math:`D` and
    :math:`Q = \mathrm{diag}(g) W_{gene} + \mathrm{diag}(D) W_{comp}`, the
    attention is :math:`A = Q Q^T / \sqrt{h} + A_{PPI}`. The matrix is not built to
    apply it: :math:`A g` only needs products with the thin matrices :math:`W`
    (genes, hidden) and one sparse product that all conditions of a cell share.

    Parameters
    ----------
    n_genes : int
        Number of genes.
    hidden_dim : int
        Width h of a gene's query vector.
    form : {"paper", "gated", "released", "off"}
        ``"paper"``: the matrix-vector product ``A g``. ``"gated"``: ``g + D`` plus
        ``A g`` times a learned gate per gene, initially zero. ``"released"``: the
        row-sum gate ``g * A.sum(1)`` of the published code. ``"off"``:
        ``g + D``, no attention.
    interactome : tuple of (rows, columns, values)
        Entries of the symmetric adjacency, including the diagonal.
    init_scale : float, default=0.1
        Standard deviation of the initial `w_gene` and `w_comp`. The paper does not
        state it; at 1 the learned scores dominate the interactome.
    """

    def __init__(
        self,
        n_genes: int,
        hidden_dim: int,
        form: str,
        interactome: tuple[Tensor, Tensor, Tensor],
        init_scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.form = form
        self.hidden_dim = hidden_dim
        if form != "off":
            self.w_gene = nn.Parameter(torch.randn(n_genes, hidden_dim) * init_scale)
            self.w_comp = nn.Parameter(torch.randn(n_genes, hidden_dim) * init_scale)
        if form == "gated":
            self.gate = nn.Parameter(torch.zeros(n_genes))
        rows, columns, values = interactome
        self.register_buffer("edge_rows", rows.to(torch.int64))
        self.register_buffer("edge_columns", columns.to(torch.int64))
        self.register_buffer("edge_values", values.to(torch.get_default_dtype()))
        self.edge_rows: Tensor
        self.edge_columns: Tensor
        self.edge_values: Tensor
        degree = torch.zeros(n_genes).index_add_(
            0, self.edge_rows, self.edge_values.to(torch.get_default_dtype())
        )
        self.register_buffer("degree", degree)  # (genes,), row sums of A_PPI
        self.degree: Tensor

    @property
    def multiplies(self) -> bool:
        """Whether expression is multiplied by A, rather than by its row sums."""
        return self.form in {"paper", "gated"}

    def adjacency(self) -> Tensor:
        """Return A_PPI as a dense (genes, genes) tensor."""
        n_genes = len(self.degree)
        dense = self.edge_values.new_zeros(n_genes, n_genes)
        dense[self.edge_rows, self.edge_columns] = self.edge_values
        return dense

    def interactome_term(self, basal: Tensor) -> Tensor:
        """Return A_PPI g for each cell, or its equivalent in the other forms.

        It depends only on the cell and on no parameter, so callers compute it once per
        data set. `basal` is (cells, genes).
        """
        if not self.multiplies:
            return basal.new_zeros(len(basal), 0)
        n_genes = len(self.degree)
        sparse = torch.sparse_coo_tensor(
            torch.stack([self.edge_rows, self.edge_columns]),
            self.edge_values.to(basal.dtype),
            (n_genes, n_genes),
            check_invariants=False,
        )
        return torch.sparse.mm(sparse, basal.T).T.contiguous()  # (cells, genes)

    def cell_scores(self, basal: Tensor) -> Tensor:
        """Return the part of the scores that depends on the cell: (cells, hidden)."""
        if self.multiplies:
            return dense(basal.square(), self.w_gene.T)
        if self.form == "released":
            return dense(basal, self.w_gene.T)
        return basal.new_zeros(len(basal), 0)

    def condition_scores(self, condition: Tensor) -> Tensor:
        """Return the part that depends on the condition: (conditions, hidden)."""
        if self.form == "released":
            return dense(condition, self.w_comp.T)
        return condition.new_zeros(len(condition), 0)

    def forward(
        self,
        basal: Tensor,
        interactome_term: Tensor,
        cell_scores: Tensor,
        condition: Tensor,
        condition_scores: Tensor,
    ) -> Tensor:
        """Apply the attention to gathered rows.

        All inputs are (rows, ...): `basal` and `condition` (rows, genes),
        `interactome_term` (rows, genes) if A g is computed, the scores (rows, hidden).
        Returns (rows, genes).
        """
        if self.form == "off":
            return basal + condition
        if self.multiplies:
            scores = cell_scores + dense(
                basal * condition, self.w_comp.T
            )  # (rows, hidden)
        else:
            scores = cell_scores + condition_scores  # (rows, hidden), sum of all q
        scores = scores / math.sqrt(self.hidden_dim)
        from_genes = dense(scores, self.w_gene)  # (rows, genes)
        from_compound = dense(scores, self.w_comp)  # (rows, genes)
        learned = basal * from_genes + condition * from_compound
        if self.form == "paper":
            return learned + interactome_term
        if self.form == "gated":
            return basal + condition + self.gate * (learned + interactome_term)
        return basal * (learned + self.degree)

    def queries(self, basal: Tensor, condition: Tensor) -> Tensor:
        """Return Q (rows, genes, hidden) for the given rows."""
        return basal.unsqueeze(-1) * self.w_gene + condition.unsqueeze(-1) * self.w_comp

    def matrix(self, basal: Tensor, condition: Tensor) -> Tensor:
        """Build A (rows, genes, genes); for inspection only."""
        queries = self.queries(basal, condition)
        learned = queries @ queries.transpose(1, 2) / math.sqrt(self.hidden_dim)
        return learned + self.adjacency()

    def score_sum(self, basal: Tensor, condition: Tensor) -> Tensor:
        """Sum Q Q^T / sqrt(h) over the rows in one product, (genes, genes)."""
        queries = self.queries(basal, condition).transpose(0, 1)  # (genes, rows, h)
        flat = queries.reshape(len(queries), -1)  # (genes, rows * hidden)
        return flat @ flat.T / math.sqrt(self.hidden_dim)
