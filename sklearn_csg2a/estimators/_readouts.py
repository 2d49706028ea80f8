"""Readouts of a fitted network: gene-gene maps, averaged over rows, by blocks of genes.

A map is [changed gene, source gene]. No readout keeps the map of a row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a.estimators._prediction import use_members
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import CSG2A, ResponseNetwork, csg2a_part
from sklearn_csg2a.nn.response import EntityCodes
from sklearn_csg2a.nn.thin import (
    AttentionInput,
    Grams,
    attention_rows,
    derivative_rows,
    layer_output,
    normed_rows,
)
from sklearn_csg2a.training.inference import encode_conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from sklearn_csg2a.nn.thin import ThinRows
    from sklearn_csg2a.training.data import TreatmentTensors

__all__ = [
    "METHODS",
    "Method",
    "Readout",
    "Source",
    "attribute_rows",
    "find_sources",
    "resolve_readout",
    "start_paths",
]

Method = Literal["attention", "learned_attention", "jacobian", "integrated_gradients"]
METHODS = get_args(Method)

_ROWS_AT_ONCE = 256
_STEPS = 16  # of the path from the origin to a cell


@dataclass
class Source:
    """A network of a fitted model, and the rows that it reads."""

    network: Any  # CSG2A or ResponseNetwork
    data: TreatmentTensors
    conditions: Tensor  # (conditions, genes)
    scale: Tensor  # (outputs,) of perturbed expression, or of the response
    origin: Tensor  # (genes,), basal expression where paths start

    @property
    def csg2a(self) -> CSG2A:
        """The perturbation network."""
        return csg2a_part(self.network)

    @property
    def slope(self) -> Tensor | float:
        """Derivative of the expression that the attention takes by that of the cell."""
        is_response = isinstance(self.network, ResponseNetwork)
        return self.network.scaling.inverse_std if is_response else 1.0

    def distance(self, rows: Tensor) -> Tensor:
        """Return how far the expression of cells is from the origin, (rows, genes)."""
        return self.data.basal[self.data.cell_index[rows]] - self.origin

    def basal(self, rows: Tensor, fraction: float = 1.0) -> Tensor:
        """Return expression on the path from the origin to cells, (rows, genes)."""
        cells = self.data.basal[self.data.cell_index[rows]]
        return cells if fraction == 1 else torch.lerp(self.origin, cells, fraction)

    def attention_input(self, rows: Tensor, fraction: float = 1.0) -> AttentionInput:
        """Return the input of the attention, on the path from the origin to cells."""
        basal = self.basal(rows, fraction)
        if fraction == 1:
            term = self.data.interactome_term[self.data.cell_index[rows]]
        else:
            term = self.csg2a.attention.interactome_term(basal)
        if isinstance(self.network, ResponseNetwork):
            scaling = self.network.scaling
            basal = scaling(basal)
            if term.shape[1]:
                term = scaling.scale_propagated(term, self.csg2a.attention.degree)
        condition = self.conditions[self.data.condition_index[rows]]
        return AttentionInput(basal, term, condition)


def find_sources(model: Any, X: Any) -> list[Source]:
    """Read X for a fitted model; return each of its networks.

    Paths start at the mean expression of the cells of X.
    """
    # ruff: noqa: SLF001 (an estimator of this folder)
    check_is_fitted(model)
    treatments = model._read_for_predict(X)
    if (treatments.compound_index < 0).any():
        msg = "X holds SMILES that cannot be read; drop those rows first."
        raise InputError(msg)

    def read(member: Any, tensors: TreatmentTensors) -> Source:
        network = member.net_.module_
        conditions = encode_conditions(csg2a_part(network), tensors)
        scale = torch.as_tensor(np.asarray(member._scale), dtype=conditions.dtype)
        scale = scale.to(conditions.device)
        return Source(network, tensors, conditions, scale, tensors.basal.mean(0))

    return use_members(model, treatments, read)


def start_paths(model: Any, X: Any, sources: list[Source], reference: Any) -> None:
    """Set where the paths start: the mean of reference cells, or of those of X."""
    if reference is None:
        if len(sources[0].data.basal) < 2:
            msg = (
                "Integrated gradients start at the mean expression of the cells of X, "
                "which has a single one; give expression of other cells as reference=."
            )
            raise InputError(msg)
        return
    for source, cells in zip(
        sources, find_sources(model, _rows_of_cells(model, X, reference)), strict=True
    ):
        source.origin = cells.origin


def _rows_of_cells(model: Any, X: Any, reference: Any) -> Any:
    """Return rows of X-like form for the cells of a table of expression."""
    if model.encoder_ is None or not isinstance(reference, pd.DataFrame):
        return reference
    smiles = (model.columns or {}).get("smiles", "smiles")
    return reference.assign(**{smiles: X[smiles].iloc[0]})


class Readout(ABC):
    """How a gene-gene map is read from a network."""

    symmetric = False
    holds_interactome = False  # added to what is learned
    follows_path = False  # from the origin to each cell

    @abstractmethod
    def thin_rows(self, source: Source, rows: Tensor) -> Iterator[ThinRows]:
        """Yield matrices whose sum over rows is the map, before `finish`."""

    def n_changed(self, source: Source) -> int:
        """Return the number of changed genes."""
        return len(source.csg2a.attention.degree)

    def finish(
        self, source: Source, rows: Tensor, block: Tensor, genes: slice
    ) -> Tensor:
        """Return the map from a mean over rows, (genes, block)."""
        del source, rows, genes
        return block

    def genes_alone(self, source: Source, rows: Tensor) -> Tensor | None:
        """Return the influence of each gene, if it is not read from the map."""
        del source, rows
        return None

    @torch.no_grad()
    def block(self, source: Source, rows: Tensor, genes: slice) -> Tensor:
        """Return the mean map of some rows in the columns of some genes."""
        layer = source.csg2a.attention
        grams = Grams(layer, genes)
        total = torch.zeros(len(layer.degree), genes.stop - genes.start)
        total = total.to(source.conditions)
        for chunk in rows.split(_ROWS_AT_ONCE):
            for thin in self.thin_rows(source, chunk):
                grams.add(thin, total)
        return self.finish(source, rows, total / len(rows), genes)


class _Attention(Readout):
    """Attention, with or without the interactome."""

    symmetric = True

    def __init__(self, *, with_interactome: bool) -> None:
        self.holds_interactome = with_interactome

    def thin_rows(self, source: Source, rows: Tensor) -> Iterator[ThinRows]:
        yield attention_rows(source.csg2a.attention, source.attention_input(rows))

    def finish(
        self, source: Source, rows: Tensor, block: Tensor, genes: slice
    ) -> Tensor:
        if self.holds_interactome:
            add_interactome(source.csg2a, block, genes)
        return block


def add_interactome(csg2a: CSG2A, block: Tensor, genes: slice) -> None:
    """Add the columns of A_PPI of some genes."""
    layer = csg2a.attention
    inside = (layer.edge_columns >= genes.start) & (layer.edge_columns < genes.stop)
    columns = layer.edge_columns[inside] - genes.start
    block.index_put_(
        (layer.edge_rows[inside], columns), layer.edge_values[inside], accumulate=True
    )


class _Jacobian(Readout):
    """Derivative of predicted perturbed expression by basal expression."""

    def n_changed(self, source: Source) -> int:
        return source.csg2a.n_outputs

    def thin_rows(self, source: Source, rows: Tensor) -> Iterator[ThinRows]:
        yield normed_rows(source.csg2a, source.attention_input(rows))

    def finish(
        self, source: Source, rows: Tensor, block: Tensor, genes: slice
    ) -> Tensor:
        return _perturbed_scale(source) * (source.csg2a.output.weight @ block)


def _perturbed_scale(source: Source) -> Tensor:
    """Return by what derivatives of centred perturbed expression are multiplied."""
    is_response = isinstance(source.network, ResponseNetwork)
    scale = source.csg2a.scale if is_response else source.scale
    return scale[:, None] * source.slope


class _PathOfPerturbation(_Jacobian):
    """Integrated gradients of predicted perturbed expression."""

    follows_path = True

    def thin_rows(self, source: Source, rows: Tensor) -> Iterator[ThinRows]:
        squares = source.distance(rows).square()
        for fraction, weight in path_steps(_STEPS):
            thin = normed_rows(source.csg2a, source.attention_input(rows, fraction))
            yield thin.scale_source(weight * squares)

    def finish(
        self, source: Source, rows: Tensor, block: Tensor, genes: slice
    ) -> Tensor:
        aligned = _divide(block, _root_mean_square(source, rows)[genes])
        return super().finish(source, rows, aligned, genes)


class _PathOfResponse(Readout):
    """Integrated gradients of the response, through the units of the attention."""

    follows_path = True

    def thin_rows(self, source: Source, rows: Tensor) -> Iterator[ThinRows]:
        squares = source.distance(rows).square()
        layer = source.csg2a.attention
        for fraction, weight in path_steps(_STEPS):
            taken = source.attention_input(rows, fraction)
            _, of_units = response_gradients(source, rows, taken, fraction)
            thin = derivative_rows(layer, taken).scale_changed(of_units * source.slope)
            yield thin.scale_source(weight * squares)

    def finish(
        self, source: Source, rows: Tensor, block: Tensor, genes: slice
    ) -> Tensor:
        return _divide(block, _root_mean_square(source, rows)[genes])

    @torch.no_grad()
    def genes_alone(self, source: Source, rows: Tensor) -> Tensor:
        total = torch.zeros(source.conditions.shape[1]).to(source.conditions)
        for chunk in rows.split(_ROWS_AT_ONCE):
            total += (source.distance(chunk) * attribute_rows(source, chunk)).sum(0)
        return _divide(total / len(rows), _root_mean_square(source, rows))


def path_steps(n_steps: int) -> list[tuple[float, float]]:
    """Return nodes and weights of the Gauss-Legendre quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    return list(zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))


@torch.no_grad()
def attribute_rows(source: Source, rows: Tensor, n_steps: int = _STEPS) -> Tensor:
    """Return integrated gradients of the response, (rows, genes)."""
    layer = source.csg2a.attention
    total = torch.zeros_like(source.distance(rows))
    for fraction, weight in path_steps(n_steps):
        taken = source.attention_input(rows, fraction)
        direct, of_units = response_gradients(source, rows, taken, fraction)
        thin = derivative_rows(layer, taken)
        total += weight * (direct + source.slope * thin.apply_left(of_units, layer))
    return total * source.distance(rows)


@torch.enable_grad()
def response_gradients(
    source: Source, rows: Tensor, taken: AttentionInput, fraction: float
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the response that do and do not bypass the attention.

    By basal expression as the head sees it and by the output of the attention, both
    (rows, genes), in units of the response.
    """
    network, csg2a = source.network, source.csg2a
    head = network.head
    basal = source.basal(rows, fraction).requires_grad_()
    units = layer_output(csg2a.attention, taken).detach().requires_grad_()
    of_basal, of_perturbed, of_compound = head.first_blocks()
    codes = EntityCodes(
        head.code_cells(basal, of_basal),
        head.code_conditions(taken.condition, of_compound),
    )
    activated = torch.relu(csg2a.norm(units))
    projected = head.project(activated, csg2a.output.weight)
    each = torch.arange(len(rows), device=rows.device)
    response = head(codes, projected, of_perturbed, each, each).sum()
    direct, of_units = torch.autograd.grad(response, [basal, units])
    return source.scale * direct, source.scale * of_units


def _root_mean_square(source: Source, rows: Tensor) -> Tensor:
    """Return the root mean square distance from the origin over rows, (genes,)."""
    counts = torch.bincount(
        source.data.cell_index[rows], minlength=len(source.data.basal)
    )
    distance = source.data.basal - source.origin
    squares = counts.to(distance) @ distance.square()
    return (squares / len(rows)).sqrt()


def _divide(values: Tensor, by: Tensor) -> Tensor:
    """Divide; genes that are 0 in all rows have no influence."""
    return values / torch.where(by > 0, by, 1.0)


def resolve_readout(model: Any, method: Method | None) -> Readout:
    """Return the readout of this name, if the fitted model has it.

    None: the Jacobian where the model predicts perturbed expression, else integrated
    gradients.
    """
    network = _network_of(model)
    is_response = isinstance(network, ResponseNetwork)
    predicts_expression = _predicts_expression(model, network)
    if method is None:
        method = "jacobian" if predicts_expression else "integrated_gradients"
    if method not in METHODS:
        msg = f"method={method!r}; expected one of {', '.join(map(repr, METHODS))}."
        raise InputError(msg)
    if method.endswith("attention"):
        if csg2a_part(network).attention.form == "off":
            msg = "This model was fitted with attention='off': it has no attention map."
            raise InputError(msg)
        return _Attention(with_interactome=method == "attention")
    if method == "integrated_gradients":
        return _PathOfResponse() if is_response else _PathOfPerturbation()
    if not predicts_expression:
        msg = (
            "method='jacobian' is the derivative of perturbed expression, which this "
            "model was not trained to predict: it has no `pretrained`. Use "
            "method='integrated_gradients', or a pretrained model."
        )
        raise InputError(msg)
    return _Jacobian()


def _predicts_expression(model: Any, network: CSG2A | ResponseNetwork) -> bool:
    """Whether the outputs of the perturbation network were trained as expression."""
    if not isinstance(network, ResponseNetwork):
        return True
    return bool(network.freeze) or model.pretrained is not None


def _network_of(model: Any) -> CSG2A | ResponseNetwork:
    """Return the network of a fitted model, which must have one of ours."""
    if hasattr(model, "fit"):
        check_is_fitted(model)
    network = getattr(getattr(model, "net_", None), "module_", None)
    if not isinstance(network, (CSG2A, ResponseNetwork)):
        msg = (
            f"model is a {type(model).__name__}; expected a fitted "
            "PerturbationRegressor or DrugResponseRegressor, whose network is read."
        )
        raise InputError(msg)
    return network
