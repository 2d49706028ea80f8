"""CSG2A: from basal expression and a chemical condition to perturbed expression.

The parts are in the order of the paper, Appendix A.1: the chemical condition encoder,
the condition-specific gene-gene attention, exact and factorised, and the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

import torch
from torch import Tensor, nn

from sklearn_csg2a._utils.choices import AttentionForm
from sklearn_csg2a.nn.blocks import apply_by_rows
from sklearn_csg2a.nn.layers import (
    Dense,
    Dropout,
    EntityBatchNorm,
    dense,
    finish_hidden,
)
from sklearn_csg2a.nn.molecules import MoleculeBatch

if TYPE_CHECKING:
    from sklearn_csg2a.nn.mat import MAT

__all__ = [
    "CSG2A",
    "DOSE_SCALE",
    "FORMS",
    "TIME_SCALE",
    "CellTerms",
    "ChemicalConditionEncoder",
    "GeneGeneAttention",
    "TreatmentBatch",
]

DOSE_SCALE = 100.0  # uM
TIME_SCALE = 72.0  # hours
FORMS = get_args(AttentionForm)


@dataclass
class TreatmentBatch:
    """A batch of treatments: each cell once, each (compound, dose, time) once."""

    basal: Tensor  # (cells, genes)
    interactome_term: Tensor  # (cells, genes), A_PPI g; (cells, 0) where unused
    compound: Tensor | MoleculeBatch  # (conditions, compound_dim), or to be encoded
    dose: Tensor  # (conditions,) uM
    time: Tensor  # (conditions,) hours
    cell_counts: Tensor  # (cells,) number of rows of each cell
    condition_counts: Tensor  # (conditions,)
    cell_index: Tensor  # (rows,) into the cells of the batch
    condition_index: Tensor  # (rows,)
    encoded_conditions: Tensor | None  # (conditions, genes) if already encoded

    def __len__(self) -> int:
        return len(self.cell_index)


class ChemicalConditionEncoder(nn.Module):
    """Map a compound, its dose and its time to one value per gene.

    ``D = dropout(ReLU(BatchNorm(W [compound, dose, time])))`` with W without
    bias, dose divided by 100 uM and time by 72 h, each expanded to two values
    (paper, Appendix A.1). Conditions are distinct (compound, dose, time)
    triples: the encoder sees each once per batch.

    Parameters
    ----------
    compound_dim : int
        Width of the compound's encoding; 0 without compounds.
    n_genes : int
        Width of the output.
    dropout : float
        Probability that an output value is zeroed in training.

    Attributes
    ----------
    mat : MAT or None
        Encodes molecules given as graphs; set while it is trained with the network.
        Each molecule is encoded once per batch, whatever its doses and times.

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import ChemicalConditionEncoder
    >>> encoder = ChemicalConditionEncoder(8, n_genes=5, dropout=0.1).eval()
    >>> dose, time = torch.tensor([0.1, 10.0]), torch.tensor([72.0, 72.0])
    >>> bool((encoder(torch.ones(2, 8), dose, time, None) >= 0).all())
    True
    """

    mat: MAT | None

    def __init__(self, compound_dim: int, n_genes: int, dropout: float) -> None:
        super().__init__()
        self.compound_dim = compound_dim
        self.dose = Dense(1, 2)
        self.time = Dense(1, 2)
        self.project = Dense(compound_dim + 4, n_genes, bias=False)
        self.norm = EntityBatchNorm(n_genes)
        self.dropout = Dropout(dropout)
        self.register_module("mat", None)

    def forward(
        self,
        compound: Tensor | MoleculeBatch,
        dose: Tensor,
        time: Tensor,
        counts: Tensor | None,
    ) -> Tensor:
        """Encode conditions.

        `compound` (conditions, compound_dim) or the molecules that `mat` encodes,
        `dose` uM and `time` hours (conditions,), `counts` rows per condition.
        Returns (conditions, genes).
        """
        if isinstance(compound, MoleculeBatch):
            compound = compound.encode(cast("MAT", self.mat))
        amounts = torch.cat(
            [
                self.dose(dose.unsqueeze(-1) / DOSE_SCALE),
                self.time(time.unsqueeze(-1) / TIME_SCALE),
            ],
            dim=-1,
        )
        projected = self._project(compound, amounts)
        return finish_hidden(projected, self.norm, self.dropout, counts)

    def _project(self, compound: Tensor, amounts: Tensor) -> Tensor:
        """Project compounds (conditions, compound_dim) and amounts (conditions, 4).

        A fixed compound needs no gradient: the product does not compute any of its
        input, and a small one, whose value is zero, those of the amounts.
        """
        if not self.training or compound.requires_grad:
            return self.project(torch.cat([compound, amounts], dim=-1))
        fixed = amounts.detach()
        of_amounts = self.project.weight[:, self.compound_dim :].detach()
        projected = self.project(torch.cat([compound, fixed], dim=-1))
        return projected + (amounts - fixed) @ of_amounts.T


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

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import GeneGeneAttention
    >>> genes = torch.arange(3)
    >>> layer = GeneGeneAttention(3, 2, "paper", (genes, genes, torch.ones(3)))
    >>> g, D = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[0.5, 0.0, 1.0]])
    >>> Ag = layer(g, layer.interactome_term(g), layer.cell_scores(g), D, D[:, :0])
    >>> torch.allclose(Ag, (layer.matrix(g, D) @ g.T)[..., 0], atol=1e-5)
    True
    """

    def __init__(
        self,
        n_genes: int,
        hidden_dim: int,
        form: AttentionForm,
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
        degree = torch.zeros(n_genes).index_add_(0, self.edge_rows, self.edge_values)
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
            scores = cell_scores + dense(basal * condition, self.w_comp.T)
        else:
            scores = cell_scores + condition_scores  # (rows, hidden), sum of all q
        factor: Tensor | float = 1 / math.sqrt(self.hidden_dim)
        added = interactome_term if self.multiplies else self.degree
        if self.form == "gated":
            factor = factor * self.gate.unsqueeze(1)
            added = torch.addcmul(basal, self.gate, interactome_term) + condition
        # the weights are multiplied: they are fewer than the values of the rows
        from_genes = dense(scores, factor * self.w_gene)  # (rows, genes)
        from_compound = dense(scores, factor * self.w_comp)  # (rows, genes)
        output = torch.addcmul(added, basal, from_genes)
        output.addcmul_(condition, from_compound)
        return output if self.multiplies else basal * output

    def queries(self, basal: Tensor, condition: Tensor) -> Tensor:
        """Return Q (rows, genes, hidden) for the given rows."""
        return basal.unsqueeze(-1) * self.w_gene + condition.unsqueeze(-1) * self.w_comp

    def matrix(self, basal: Tensor, condition: Tensor) -> Tensor:
        """Build A (rows, genes, genes); for inspection only."""
        queries = self.queries(basal, condition)
        learned = queries @ queries.transpose(1, 2) / math.sqrt(self.hidden_dim)
        return learned + self.adjacency()


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

    ``y = W dropout(ReLU(LayerNorm(A g)))`` with A from :class:`GeneGeneAttention` and W
    without bias. The network predicts centred values; ``location + scale * y`` converts
    them to the original unit. Both are buffers, for transfer of the network.

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
        See :class:`~sklearn_csg2a.nn.csg2a.GeneGeneAttention`.
    dropout : float, default=0.1
        Dropout in the condition encoder and before the last layer.
    gene_dropout : float, default=0.0
        Probability that a gene of a cell is masked in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import CSG2A
    >>> genes = torch.arange(3)  # self-loops only
    >>> network = CSG2A(3, 3, 4, interactome=(genes, genes, torch.ones(3)))
    >>> torch.equal(network.attention.adjacency(), torch.eye(3))
    True
    """

    def __init__(
        self,
        n_genes: int,
        n_outputs: int,
        compound_dim: int,
        interactome: tuple[Tensor, Tensor, Tensor],
        hidden_dim: int = 64,
        attention: AttentionForm = "paper",
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
            activated = self.norm(self.attention(*rows)).relu_()  # (rows, genes)
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
