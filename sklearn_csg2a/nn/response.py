"""From perturbed expression to ln IC50: scaling layer, response head, network."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn.csg2a import CSG2A, CellTerms
from sklearn_csg2a.nn.layers import (
    Dense,
    Dropout,
    EntityBatchNorm,
    dense,
    finish_hidden,
)

if TYPE_CHECKING:
    from sklearn_csg2a.nn.csg2a import TreatmentBatch

__all__ = [
    "EntityCodes",
    "ResponseHead",
    "ResponseNetwork",
    "ScalingLayer",
    "csg2a_part",
]


class ScalingLayer(nn.Module):
    """Bridge two expression scales: ``g' = (g - mean) / std`` with learned scalars.

    Initially the identity. The division is a multiplication by the learned
    `inverse_std` (paper, Appendix A.2).

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import ScalingLayer
    >>> basal = torch.tensor([[0.5, -1.0]])
    >>> torch.equal(ScalingLayer()(basal), basal)
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))
        self.inverse_std = nn.Parameter(torch.ones(1))

    def forward(self, basal: Tensor) -> Tensor:
        """Scale basal expression (cells, genes)."""
        return torch.addcmul(self._shift, basal, self.inverse_std)

    def scale_propagated(self, propagated: Tensor, degree: Tensor) -> Tensor:
        """Return A g' from A g (cells, genes) and the row sums of A (genes,)."""
        return torch.addcmul(self._shift * degree, propagated, self.inverse_std)

    @property
    def _shift(self) -> Tensor:
        """Return what is added to scaled values: in this form, each is read once."""
        return -self.mean * self.inverse_std


class _Projection(nn.Module):
    """Dense, batch norm over entities, ReLU, dropout."""

    def __init__(self, n_inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dense = Dense(n_inputs, width)
        self.norm = EntityBatchNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor:
        return self.finish(self.dense(x), counts)

    def finish(self, projected: Tensor, counts: Tensor | None = None) -> Tensor:
        """Apply the operations after the dense layer."""
        return finish_hidden(projected, self.norm, self.dropout, counts)


class EntityCodes(NamedTuple):
    """Terms of the head, computed once per cell and condition.

    The first `width` columns are added before the first activation, the others are
    the factors of the bilinear term.
    """

    cells: Tensor  # (cells, width + bilinear)
    conditions: Tensor  # (conditions, width + bilinear)


class ResponseHead(nn.Module):
    """Predict a response from basal, perturbed expression and condition.

    Three projections to `widths[0]`, concatenated, then dense layers of
    `widths` and one output. The first dense layer acts on the three blocks
    separately, so that the blocks of a cell or a condition are computed once
    for all their rows; the sum equals the dense layer on the concatenation.

    Parameters
    ----------
    n_genes, n_perturbed : int
        Width of basal expression (and condition), and of perturbed expression.
    widths : tuple of int, default=(512, 64)
        Hidden widths.
    dropout : float, default=0.1
        After each hidden layer.
    bilinear_dim : int, default=0
        Width of a product of two linear maps, of basal expression and of condition,
        that is added to the response: a linear model of expression for each compound,
        which dense layers on concatenated inputs learn slowly. 0, as published, omits
        it.

    Examples
    --------
    >>> from sklearn_csg2a.nn import ResponseHead
    >>> head = ResponseHead(n_genes=5, n_perturbed=5, widths=(8, 4))
    >>> head.first.out_features, [layer.dense.out_features for layer in head.hidden]
    (8, [4])
    """

    def __init__(
        self,
        n_genes: int,
        n_perturbed: int,
        widths: tuple[int, ...] = (512, 64),
        dropout: float = 0.1,
        bilinear_dim: int = 0,
    ) -> None:
        super().__init__()
        self.widths = widths
        width = widths[0]
        self.basal = _Projection(n_genes, width, dropout)
        self.perturbed = _Projection(n_perturbed, width, dropout)
        self.compound = _Projection(n_genes, width, dropout)
        self.first = Dense(3 * width, width)
        self.first_norm = EntityBatchNorm(width)
        self.dropout = Dropout(dropout)
        self.hidden = nn.ModuleList(
            _Projection(n_in, n_out, dropout) for n_in, n_out in pairwise(widths)
        )
        self.output = Dense(widths[-1], 1)
        self.bilinear_dim = bilinear_dim
        if bilinear_dim:
            self.cell_factors = Dense(n_genes, bilinear_dim, bias=False)
            self.condition_factors = Dense(n_genes, bilinear_dim, bias=False)
            nn.init.zeros_(self.condition_factors.weight)  # the term starts at zero
        # zero weights: the first prediction is the mean of y for every row
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def first_blocks(self) -> tuple[Tensor, Tensor, Tensor]:
        """Split the first layer by its inputs: basal, perturbed, compound.

        Called once per pass, so that the gradient is assembled once.
        """
        basal, perturbed, compound = self.first.weight.chunk(3, dim=1)
        return basal, perturbed, compound

    def code_cells(
        self, basal: Tensor, block: Tensor, counts: Tensor | None = None
    ) -> Tensor:
        """Return the codes of cells; `basal` is (cells, genes)."""
        added = dense(self.basal(basal, counts), block, self.first.bias)
        if not self.bilinear_dim:
            return added
        return torch.cat([added, self.cell_factors(basal)], dim=1)

    def code_conditions(
        self, conditions: Tensor, block: Tensor, counts: Tensor | None = None
    ) -> Tensor:
        """Return the codes of conditions (conditions, genes)."""
        added = dense(self.compound(conditions, counts), block)
        if not self.bilinear_dim:
            return added
        return torch.cat([added, self.condition_factors(conditions)], dim=1)

    def merge(self, output: Tensor) -> Tensor:
        """Return the weights from activated genes to `projected` of `forward`.

        `output` (perturbed, genes) are the weights from activated genes to perturbed
        expression, to which the projection is applied directly: their product is one
        layer.
        """
        return dense(output.T, self.perturbed.dense.weight).T  # (width, genes)

    def project(self, activated: Tensor, output: Tensor) -> Tensor:
        """Project perturbed expression, given as activated genes: (rows, width).

        For many rows the product of the two layers is applied, which is cheaper than
        applying both; for few rows it is not. `activated` is (rows, genes).
        """
        weight, bias = self.perturbed.dense.weight, self.perturbed.dense.bias
        if len(activated) > len(weight):
            return dense(activated, self.merge(output), bias)
        return dense(dense(activated, output), weight, bias)

    def forward(
        self,
        codes: EntityCodes,
        projected: Tensor,
        block: Tensor,
        cell_index: Tensor,
        condition_index: Tensor,
    ) -> Tensor:
        """Return the centred response (rows, 1).

        `projected` (rows, width) is the projection of perturbed expression before its
        norm, `block` its part of the first layer.
        """
        sizes = [self.widths[0], self.bilinear_dim]
        of_cell, cell_factors = codes.cells.index_select(0, cell_index).split(
            sizes, dim=1
        )
        of_condition, condition_factors = codes.conditions.index_select(
            0, condition_index
        ).split(sizes, dim=1)
        x = dense(self.perturbed.finish(projected), block)
        x += of_cell
        x += of_condition
        x = finish_hidden(x, self.first_norm, self.dropout)  # (rows, width)
        for layer in self.hidden:
            x = layer(x)
        response = self.output(x)  # (rows, 1)
        if not self.bilinear_dim:
            return response
        return response + (cell_factors * condition_factors).sum(1, keepdim=True)


class ResponseNetwork(nn.Module):
    """CSG2A between a scaling layer and a response head.

    Parameters
    ----------
    csg2a : CSG2A
        The perturbation network, pretrained or not.
    widths : tuple of int
        Hidden widths of the head.
    dropout : float
        Dropout of the head.
    gene_dropout : float, default=0.0
        Probability that a gene of a cell is masked in training.
    bilinear_dim : int, default=0
        Width of the head's bilinear term.
    freeze : bool
        Freeze all of `csg2a`: no gradient, batch-norm statistics fixed, dropout off.

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import CSG2A, ResponseNetwork
    >>> genes = torch.arange(3)
    >>> csg2a = CSG2A(3, 3, 4, interactome=(genes, genes, torch.ones(3)))
    >>> network = ResponseNetwork(csg2a, (8, 4), dropout=0.1, freeze=True)
    >>> weights = network.named_parameters()
    >>> sorted({name.split(".")[0] for name, w in weights if w.requires_grad})
    ['head', 'scaling']
    """

    def __init__(
        self,
        csg2a: CSG2A,
        widths: tuple[int, ...],
        dropout: float,
        gene_dropout: float = 0.0,
        bilinear_dim: int = 0,
        *,
        freeze: bool,
    ) -> None:
        super().__init__()
        self.csg2a = csg2a
        self.scaling = ScalingLayer()
        self.gene_dropout = Dropout(gene_dropout)
        n_genes = csg2a.condition.project.out_features
        self.head = ResponseHead(
            n_genes, csg2a.n_outputs, widths, dropout, bilinear_dim
        )
        self.freeze = freeze
        if freeze:
            csg2a.requires_grad_(requires_grad=False)
            csg2a.eval()

    def train(self, mode: bool = True) -> ResponseNetwork:
        """Switch mode; a frozen CSG2A stays in evaluation mode."""
        super().train(mode)
        if self.freeze:
            self.csg2a.eval()
        return self

    def cell_terms(self, basal: Tensor, interactome_term: Tensor) -> CellTerms:
        """Return the terms of scaled cells; inputs as in CSG2A.cell_terms."""
        if interactome_term.shape[1]:
            interactome_term = self.scaling.scale_propagated(
                interactome_term, self.csg2a.attention.degree
            )
        return self.csg2a.cell_terms(self.scaling(basal), interactome_term)

    def forward(self, batch: TreatmentBatch) -> Tensor:
        """Predict the centred response of a batch, (rows, 1)."""
        conditions = self.csg2a.encode_conditions(batch)
        inputs = self.csg2a.hide_genes(batch, self.gene_dropout)
        cells = self.cell_terms(*inputs)
        activated = self.csg2a.activate(
            cells, conditions, batch.cell_index, batch.condition_index
        )
        projected = self.head.project(activated, self.csg2a.output.weight)
        of_basal, of_perturbed, of_compound = self.head.first_blocks()
        codes = EntityCodes(
            self.head.code_cells(inputs.basal, of_basal, batch.cell_counts),
            self.head.code_conditions(conditions, of_compound, batch.condition_counts),
        )
        return self.head(
            codes, projected, of_perturbed, batch.cell_index, batch.condition_index
        )


def csg2a_part(network: nn.Module) -> CSG2A:
    """Return the CSG2A inside a network, or the network if it is one.

    Parameters
    ----------
    network : CSG2A or ResponseNetwork
        The network of a fitted estimator.

    Returns
    -------
    csg2a : CSG2A
        The module itself, not a copy.

    Raises
    ------
    TypeError
        If there is none.

    Examples
    --------
    >>> import torch
    >>> from sklearn_csg2a.nn import CSG2A, csg2a_part
    >>> genes = torch.arange(3)
    >>> network = CSG2A(3, 3, 4, interactome=(genes, genes, torch.ones(3)))
    >>> csg2a_part(network) is network
    True
    """
    part = network.csg2a if isinstance(network, ResponseNetwork) else network
    if not isinstance(part, CSG2A):
        msg = f"{type(network).__name__} contains no CSG2A"
        raise TypeError(msg)
    return part
