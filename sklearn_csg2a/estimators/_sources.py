"""Networks of a fitted model, the rows they read, and paths of basal expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a.estimators._prediction import use_members
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.nn import ResponseNetwork, csg2a_part
from sklearn_csg2a.nn.response import EntityCodes
from sklearn_csg2a.nn.thin import AttentionInput, derivative_rows, layer_output
from sklearn_csg2a.training.inference import encode_conditions
from sklearn_csg2a.treatments._cells import gene_names

if TYPE_CHECKING:
    from torch import Tensor

    from sklearn_csg2a.nn import CSG2A
    from sklearn_csg2a.training.data import TreatmentTensors

__all__ = [
    "Source",
    "attribute_rows",
    "find_sources",
    "path_steps",
    "response_gradients",
    "start_paths",
]


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
    if model.encoder_ is None:
        return reference
    _check_reference(model, reference)
    smiles = (model.columns or {}).get("smiles", "smiles")
    return reference.assign(**{smiles: X[smiles].iloc[0]})


def _check_reference(model: Any, reference: Any) -> None:
    """Refuse a reference that is no table of the genes of the model."""
    expected = "expected expression, cells as index and genes as columns"
    if not isinstance(reference, pd.DataFrame):
        msg = f"reference is a {type(reference).__name__}; {expected}."
        raise InputError(msg)
    names = gene_names(reference.columns)
    known = names.isin(model.genes_)
    missing = [gene for gene in model.genes_ if gene not in names]
    if missing and model.missing_genes != "zero":
        msg = (
            f"{known.sum()} of {len(model.genes_)} genes match: reference lacks "
            f"{quote_names(missing, 5)}. Add them, or set missing_genes='zero' to "
            "fill them with 0."
        )
        raise GeneMismatchError(msg)
    empty = reference.index[reference.loc[:, known].isna().any(axis=1)]
    if len(empty):
        msg = (
            f"reference has genes without a value in {quote_names(empty, 5)}; fill "
            "or drop these cells."
        )
        raise InputError(msg)


def path_steps(n_steps: int) -> list[tuple[float, float]]:
    """Return nodes and weights of the Gauss-Legendre quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    return list(zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))


@torch.no_grad()
def attribute_rows(source: Source, rows: Tensor, n_steps: int) -> Tensor:
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
