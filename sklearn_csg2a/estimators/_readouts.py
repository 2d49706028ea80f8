"""Readouts of a fitted network: gene-gene maps, averaged over rows, by blocks of genes.

A map is [changed gene, source gene]. No readout keeps the map of a row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.inner_model import refuse_model
from sklearn_csg2a.estimators._sources import (
    Source,
    attribute_rows,
    path_steps,
    response_gradients,
)
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import CSG2A, ResponseNetwork, csg2a_part
from sklearn_csg2a.nn.thin import (
    Grams,
    ThinRows,
    attention_rows,
    derivative_rows,
    layer_output,
    normed_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

__all__ = ["METHODS", "Method", "Readout", "resolve_readout"]

Method = Literal[
    "covariation", "jacobian", "integrated_gradients", "attention", "learned_attention"
]
METHODS = get_args(Method)

_ROWS_AT_ONCE = 256
_STEPS = 16  # of the path from the origin to a cell
_ENOUGH_CELLS = 10  # in a group, to prefer covariation


class Readout(ABC):
    """How a gene-gene map is read from a network."""

    symmetric = False
    holds_interactome = False  # added to what is learned
    follows_path = False  # from the origin to each cell
    is_contrasted = False  # by default, where there are several groups
    fewest_cells = 1  # in a group

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

    is_contrasted = True

    def n_changed(self, source: Source) -> int:
        return source.csg2a.n_outputs

    def thin_rows(self, source: Source, rows: Tensor) -> Iterator[ThinRows]:
        yield normed_rows(source.csg2a, source.attention_input(rows))

    def finish(
        self, source: Source, rows: Tensor, block: Tensor, genes: slice
    ) -> Tensor:
        scale = _output_scale(source) * source.slope
        return scale * (source.csg2a.output.weight @ block)


def _output_scale(source: Source) -> Tensor:
    """Return the scale of centred perturbed expression, (outputs, 1)."""
    is_response = isinstance(source.network, ResponseNetwork)
    return (source.csg2a.scale if is_response else source.scale)[:, None]


class _Covariation(_Jacobian):
    """Covariance over cells of predicted change with basal expression.

    Per standard deviation of the gene's basal expression.
    """

    is_contrasted = False
    fewest_cells = 3

    def thin_rows(self, source: Source, rows: Tensor) -> Iterator[ThinRows]:
        csg2a = source.csg2a
        output = layer_output(csg2a.attention, source.attention_input(rows))
        yield ThinRows(outer=[(torch.relu(csg2a.norm(output)), source.basal(rows))])

    def finish(
        self, source: Source, rows: Tensor, block: Tensor, genes: slice
    ) -> Tensor:
        mean, covariance, std = _moments(source, rows, genes)
        total = torch.zeros_like(mean)
        for chunk in rows.split(_ROWS_AT_ONCE):
            for thin in self.thin_rows(source, chunk):
                total += thin.outer[0][0].sum(0)
        centred = block - torch.outer(total / len(rows), mean[genes])
        predicted = _output_scale(source) * (source.csg2a.output.weight @ centred)
        if len(predicted) == len(covariance):  # expression, and not its change alone
            predicted -= source.slope * covariance
        return _divide(predicted, std)


def _moments(
    source: Source, rows: Tensor, genes: slice
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean (genes,), covariance (genes, block) and deviation (block,) of cells.

    Of basal expression, each cell weighted by its rows.
    """
    basal = source.data.basal
    counts = torch.bincount(source.data.cell_index[rows], minlength=len(basal))
    weights = counts.to(basal) / len(rows)
    mean = weights @ basal
    centred = basal - mean
    weighted = weights[:, None] * centred[:, genes]
    std = (weighted * centred[:, genes]).sum(0).sqrt()
    return mean, centred.T @ weighted, std


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
    is_contrasted = True

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
            total += (
                source.distance(chunk) * attribute_rows(source, chunk, _STEPS)
            ).sum(0)
        return _divide(total / len(rows), _root_mean_square(source, rows))


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


def resolve_readout(
    model: Any, method: Method | None, n_cells: int | None = None
) -> Readout:
    """Return the readout of this name, if the fitted model has it.

    `n_cells` is the smallest number of cells of a group. None: covariation or, with few
    cells, the Jacobian where the model predicts perturbed expression, else integrated
    gradients.
    """
    network = _network_of(model)
    predicts_expression = _predicts_expression(model, network)
    if method is None:
        many = n_cells is not None and n_cells >= _ENOUGH_CELLS
        of_expression: Method = "covariation" if many else "jacobian"
        method = of_expression if predicts_expression else "integrated_gradients"
    if method not in METHODS:
        msg = f"method={method!r}; expected one of {', '.join(map(repr, METHODS))}."
        raise InputError(msg)
    if method.endswith("attention"):
        if csg2a_part(network).attention.form == "off":
            msg = "This model was fitted with attention='off': it has no attention map."
            raise InputError(msg)
        return _Attention(with_interactome=method == "attention")
    if method == "integrated_gradients":
        is_response = isinstance(network, ResponseNetwork)
        return _PathOfResponse() if is_response else _PathOfPerturbation()
    if not predicts_expression:
        msg = (
            f"method={method!r} is of predicted perturbed expression, which this model "
            "was not trained to predict: it has no `pretrained`. Use "
            "method='integrated_gradients', or a pretrained model."
        )
        raise InputError(msg)
    if method == "jacobian":
        return _Jacobian()
    readout = _Covariation()
    if n_cells is not None and n_cells < readout.fewest_cells:
        msg = (
            f"method='covariation' compares cells, and a group of X has {n_cells}; "
            f"expected at least {readout.fewest_cells} in every group. Use "
            "method='jacobian'."
        )
        raise InputError(msg)
    return readout


def _predicts_expression(model: Any, network: CSG2A | ResponseNetwork) -> bool:
    """Whether the outputs of the perturbation network were trained as expression."""
    if not isinstance(network, ResponseNetwork):
        return True
    return bool(network.freeze) or model.pretrained is not None


def _network_of(model: Any) -> CSG2A | ResponseNetwork:
    """Return the network of a fitted model, which must have one of ours."""
    if not isinstance(model, type) and hasattr(model, "fit"):
        check_is_fitted(model)
    if not _has_network(model):
        expected = (
            "a fitted PerturbationRegressor or DrugResponseRegressor, whose network is "
            "read"
        )
        raise InputError(refuse_model(model, expected, _has_network))
    network: CSG2A | ResponseNetwork = model.net_.module_
    return network


def _has_network(model: Any) -> bool:
    network = getattr(getattr(model, "net_", None), "module_", None)
    return isinstance(network, (CSG2A, ResponseNetwork))
