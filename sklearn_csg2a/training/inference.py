"""Prediction in blocks of constant shape.

The result of a row must not depend, to the last bit, on the other rows. Matrix products
of different shapes may round differently, so every block of cells, conditions and rows
is padded to one fixed size.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn import CSG2A, CellTerms, Dropout, ResponseNetwork, csg2a_part
from sklearn_csg2a.nn.blocks import ENTITIES, ROWS, in_blocks, padded_blocks
from sklearn_csg2a.nn.layers import dense
from sklearn_csg2a.nn.response import EntityCodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.training.data import TreatmentTensors

__all__ = [
    "dropout_spread",
    "encode_conditions",
    "predict_perturbed",
    "predict_response",
    "row_inputs",
]


@torch.no_grad()
def encode_conditions(csg2a: CSG2A, data: TreatmentTensors) -> Tensor:
    """Return D of each condition, (conditions, genes)."""
    if data.encoded_conditions is not None:
        return data.encoded_conditions

    def encode(index: Tensor) -> Tensor:
        compound = data.compounds[data.condition_compound[index]]
        return csg2a.condition(compound, data.dose[index], data.time[index], None)

    return in_blocks(data.dose, ENTITIES, encode)


@torch.no_grad()
def predict_perturbed(
    network: CSG2A | ResponseNetwork, data: TreatmentTensors
) -> Tensor:
    """Return centred perturbed expression, (rows, outputs)."""
    csg2a = csg2a_part(network)
    conditions = encode_conditions(csg2a, data)
    cells = _cell_terms(network, data)

    def predict(rows: Tensor) -> Tensor:
        return csg2a.perturb(
            cells, conditions, data.cell_index[rows], data.condition_index[rows]
        )

    return in_blocks(data.cell_index, ROWS, predict)


@torch.no_grad()
def predict_response(network: ResponseNetwork, data: TreatmentTensors) -> Tensor:
    """Return the centred response, (rows, 1)."""
    conditions = encode_conditions(network.csg2a, data)
    cells = _cell_terms(network, data)
    head = network.head
    of_basal, of_perturbed, of_compound = head.first_blocks()
    codes = EntityCodes(
        in_blocks(
            data.basal, ENTITIES, lambda i: head.code_cells(data.basal[i], of_basal)
        ),
        in_blocks(
            conditions,
            ENTITIES,
            lambda i: head.code_conditions(conditions[i], of_compound),
        ),
    )

    merged = head.merge(network.csg2a.output.weight)
    bias = head.perturbed.dense.bias

    cell_index, condition_index, pair = _distinct_pairs(data)

    def predict(pairs: Tensor) -> Tensor:
        both = cell_index[pairs], condition_index[pairs]
        activated = network.csg2a.activate(cells, conditions, *both)
        projected = dense(activated, merged, bias)  # (pairs, width)
        return head(codes, projected, of_perturbed, *both)

    return in_blocks(cell_index, ROWS, predict).index_select(0, pair)


def _distinct_pairs(data: TreatmentTensors) -> tuple[Tensor, Tensor, Tensor]:
    """Return cell and condition of each distinct pair, and the pair of each row.

    Replicates are predicted once. Pairs are in the order of cells: rows of a cell are
    read while they are in the cache.
    """
    n_conditions = len(data.dose)
    codes = data.cell_index * n_conditions + data.condition_index
    pairs, pair = torch.unique(codes, return_inverse=True)
    return pairs // n_conditions, pairs % n_conditions, pair


@torch.no_grad()
def row_inputs(
    network: CSG2A | ResponseNetwork, data: TreatmentTensors
) -> tuple[Tensor, Tensor]:
    """Return the input of the attention for each row: (rows, genes) twice."""
    csg2a = csg2a_part(network)
    conditions = encode_conditions(csg2a, data)
    basal = data.basal
    if isinstance(network, ResponseNetwork):
        basal = network.scaling(basal)
    return basal[data.cell_index], conditions[data.condition_index]


def _cell_terms(network: CSG2A | ResponseNetwork, data: TreatmentTensors) -> CellTerms:
    """Return the attention terms of every cell."""
    blocks = [
        [
            part[:n_real]
            for part in network.cell_terms(
                data.basal[index], data.interactome_term[index]
            )
        ]
        for index, n_real in padded_blocks(len(data.basal), ENTITIES, data.basal.device)
    ]
    return CellTerms(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))


class _Thinning(nn.Module):
    """Drop the same units for every row, until `mask` is set to None again."""

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator
        self.mask: Tensor | None = None  # (features,)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (..., features) without the units dropped."""
        return self.drop(x, self.draw(x.shape, x.device))

    def draw(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Draw the units once, for all rows; return one empty row for each."""
        if self.mask is None:  # drawn on the CPU: the same on all devices
            draws = torch.rand(shape[-1], generator=self.generator)
            self.mask = ((draws >= self.p) / (1 - self.p)).to(device)
        return torch.empty(*shape[:1], 0, device=device)

    def drop(self, x: Tensor, drawn: Tensor) -> Tensor:
        """Return `x` (..., features) without the units that `draw` has dropped."""
        del drawn
        return x if self.mask is None else x * self.mask


def dropout_spread(
    network: ResponseNetwork, data: TreatmentTensors, n_passes: int, seed: int
) -> Tensor:
    """Return the standard deviation over passes with dropout, (rows, 1) float64.

    Each pass draws one dropout mask for a copy of the network and predicts all rows
    with it, so that the spread of a row does not depend on the other rows. Frozen parts
    have no dropout, as in training.
    """
    thinned = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    layers = _thin(thinned.head if thinned.freeze else thinned, generator)
    passes = []
    for _ in range(n_passes):
        for layer in layers:
            layer.mask = None
        passes.append(predict_response(thinned, data).double())
    # added one by one: the rounding of a reduction may depend on the shape
    mean = sum(passes, torch.zeros_like(passes[0])) / n_passes
    squares = ((prediction - mean).square() for prediction in passes)
    return (sum(squares, torch.zeros_like(mean)) / (n_passes - 1)).sqrt()


def _thin(network: nn.Module, generator: torch.Generator) -> list[_Thinning]:
    """Put a thinning in the place of every dropout of a network."""
    layers = []
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, Dropout):
                layer = _Thinning(child.p, generator)
                setattr(part, name, layer)
                layers.append(layer)
    return layers
