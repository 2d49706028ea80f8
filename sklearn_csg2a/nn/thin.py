"""Gene-gene matrices of many rows as factors, of which only sums are ever built.

The attention of a row, and the Jacobian of the layer that applies it, are a diagonal,
a product of two (genes, hidden) matrices that differ between rows only by diagonal
factors, the interactome, and outer products. The sum over rows therefore needs products
of (genes, rows) matrices alone, whatever the width of the hidden layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_csg2a.nn.csg2a import CSG2A, GeneGeneAttention

__all__ = [
    "AttentionInput",
    "Grams",
    "ThinRows",
    "attention_rows",
    "derivative_rows",
    "layer_output",
    "normed_rows",
]

_EDGE_ROWS = 64  # rows whose values at all edges are in memory at a time


class AttentionInput(NamedTuple):
    """What the attention layer takes, gathered for some rows."""

    basal: Tensor  # (rows, genes), as the layer takes it
    interactome_term: Tensor  # (rows, genes), A_PPI g; (rows, 0) if unused
    condition: Tensor  # (rows, genes)


@dataclass
class ThinRows:
    """The (genes, genes) matrix of each row, [changed gene, source gene], in factors.

    It is ``diag(diagonal) + (diag(left[0]) W_gene + diag(left[1]) W_comp) (diag(
    right[0]) W_gene + diag(right[1]) W_comp)^T + diag(known) A_PPI diag(weight)`` plus
    the outer products of `outer`. All tensors are (rows, genes).
    """

    diagonal: Tensor | None = None
    left: tuple[Tensor, Tensor] | None = None
    right: tuple[Tensor, Tensor] | None = None
    known: Tensor | None = None
    weight: Tensor | None = None  # None: 1
    outer: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def scale_changed(self, factor: Tensor) -> ThinRows:
        """Multiply by diag(factor) from the left."""
        return replace(
            self,
            diagonal=_times(self.diagonal, factor),
            left=_both_times(self.left, factor),
            known=_times(self.known, factor),
            outer=[(factor * column, row) for column, row in self.outer],
        )

    def scale_source(self, factor: Tensor) -> ThinRows:
        """Multiply by diag(factor) from the right."""
        weight = factor if self.weight is None else self.weight * factor
        return replace(
            self,
            diagonal=_times(self.diagonal, factor),
            right=_both_times(self.right, factor),
            weight=weight,
            outer=[(column, factor * row) for column, row in self.outer],
        )

    def apply_left(self, vectors: Tensor, layer: GeneGeneAttention) -> Tensor:
        """Return the product of each row's vector (rows, genes) with its matrix."""
        total = torch.zeros_like(vectors)
        if self.diagonal is not None:
            total += vectors * self.diagonal
        if self.left is not None and self.right is not None:
            scores = (vectors * self.left[0]) @ layer.w_gene
            scores += (vectors * self.left[1]) @ layer.w_comp  # (rows, hidden)
            total += scores @ layer.w_gene.T * self.right[0]
            total += scores @ layer.w_comp.T * self.right[1]
        if self.known is not None:
            spread = layer.interactome_term(vectors * self.known)
            total += spread if self.weight is None else spread * self.weight
        for column, row in self.outer:
            total += (vectors * column).sum(1, keepdim=True) * row
        return total


def _times(values: Tensor | None, factor: Tensor) -> Tensor | None:
    return None if values is None else values * factor


def _both_times(
    pair: tuple[Tensor, Tensor] | None, factor: Tensor
) -> tuple[Tensor, Tensor] | None:
    return None if pair is None else (pair[0] * factor, pair[1] * factor)


def attention_rows(layer: GeneGeneAttention, rows: AttentionInput) -> ThinRows:
    """Return the learned attention ``Q Q^T / sqrt(h)``, without the interactome."""
    factors = rows.basal, rows.condition
    scale = 1 / math.sqrt(layer.hidden_dim)
    return ThinRows(left=factors, right=(scale * factors[0], scale * factors[1]))


def derivative_rows(layer: GeneGeneAttention, rows: AttentionInput) -> ThinRows:
    """Return the derivative of the layer's output by its basal expression."""
    basal, condition = rows.basal, rows.condition
    if layer.form == "off":
        return ThinRows(diagonal=torch.ones_like(basal))
    scale = 1 / math.sqrt(layer.hidden_dim)
    if layer.form == "released":
        return _released_derivative(layer, rows, scale)
    scores = basal.square() @ layer.w_gene + (basal * condition) @ layer.w_comp
    ones = torch.ones_like(basal)
    own = scale * scores @ layer.w_gene.T  # (rows, genes)
    product = ThinRows(
        diagonal=own,
        left=(basal, condition),
        right=(2 * scale * basal, scale * condition),
        known=ones,
    )
    if layer.form == "paper":
        return product
    gated = product.scale_changed(layer.gate)
    gated.diagonal = ones + layer.gate * own
    return gated


def _released_derivative(
    layer: GeneGeneAttention, rows: AttentionInput, scale: float
) -> ThinRows:
    """Return the derivative of the row-sum gate."""
    basal, condition = rows.basal, rows.condition
    scores = basal @ layer.w_gene + condition @ layer.w_comp
    own = scale * scores @ layer.w_gene.T  # (rows, genes)
    of_compound = scale * scores @ layer.w_comp.T
    return ThinRows(
        diagonal=2 * basal * own + condition * of_compound + layer.degree,
        left=(basal.square(), basal * condition),
        right=(torch.full_like(basal, scale), torch.zeros_like(basal)),
    )


def layer_output(layer: GeneGeneAttention, rows: AttentionInput) -> Tensor:
    """Return what the attention layer computes, (rows, genes)."""
    basal, term, condition = rows
    return layer(
        basal,
        term,
        layer.cell_scores(basal),
        condition,
        layer.condition_scores(condition),
    )


def normed_rows(csg2a: CSG2A, rows: AttentionInput) -> ThinRows:
    """Return the derivative of the last layer's input by basal expression.

    That is the attention, the layer norm and the ReLU.
    """
    layer = csg2a.attention
    thin = derivative_rows(layer, rows)
    output = layer_output(layer, rows)
    variance, mean = torch.var_mean(output, dim=1, correction=0, keepdim=True)
    inverse_std = torch.rsqrt(variance + csg2a.norm.eps)
    normal = (output - mean) * inverse_std
    factor = (csg2a.norm(output) > 0) * csg2a.norm.weight * inverse_std
    n_genes = output.shape[1]
    of_mean = thin.apply_left(torch.ones_like(normal), layer)
    of_variance = thin.apply_left(normal, layer)
    scaled = thin.scale_changed(factor)
    lost = -factor / n_genes
    scaled.outer += [(lost, of_mean), (lost * normal, of_variance)]
    return scaled


class Grams:
    """Products of the rows of `w_gene` and `w_comp` with those of some genes."""

    def __init__(self, layer: GeneGeneAttention, genes: slice) -> None:
        self.genes = genes
        self._edges = _edges_to(layer, genes)
        if layer.form != "off":
            weights = layer.w_gene, layer.w_comp
            self._products = [[a @ b[genes].T for b in weights] for a in weights]

    def add(self, thin: ThinRows, total: Tensor) -> None:
        """Add the sum over rows of some columns of their matrices to `total`."""
        genes = self.genes
        if thin.diagonal is not None:
            diagonal = thin.diagonal[:, genes].sum(0)
            torch.diagonal(total[genes]).add_(diagonal)
        if thin.left is not None and thin.right is not None:
            for left, products in zip(thin.left, self._products, strict=True):
                for right, product in zip(thin.right, products, strict=True):
                    total.addcmul_(left.T @ right[:, genes], product)
        for column, row in thin.outer:
            total.addmm_(column.T, row[:, genes])
        if thin.known is not None:
            self._add_edges(thin.known, thin.weight, total)

    def _add_edges(self, known: Tensor, weight: Tensor | None, total: Tensor) -> None:
        """Add the interactome of all rows."""
        rows, columns, values = self._edges
        if weight is None:
            sums = known.sum(0)[rows]
        else:
            of_genes = weight[:, self.genes]
            sums = torch.zeros_like(values)
            for start in range(0, len(known), _EDGE_ROWS):
                some = slice(start, start + _EDGE_ROWS)
                sums += (known[some, rows] * of_genes[some, columns]).sum(0)
        total.index_put_((rows, columns), sums * values, accumulate=True)


def _edges_to(layer: GeneGeneAttention, genes: slice) -> tuple[Tensor, Tensor, Tensor]:
    """Return the entries of A_PPI in the columns of some genes."""
    inside = (layer.edge_columns >= genes.start) & (layer.edge_columns < genes.stop)
    columns = layer.edge_columns[inside] - genes.start
    return layer.edge_rows[inside], columns, layer.edge_values[inside]
