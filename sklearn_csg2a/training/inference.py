"""Prediction in blocks of constant shape.

The result of a row must not depend, to the last bit, on the rows predicted
with it. Matrix products of different shapes may round differently, so every
block of cells, conditions and rows is padded to one fixed size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sklearn_csg2a.nn import CSG2A, CellTerms, ResponseNetwork, csg2a_part
from sklearn_csg2a.nn.layers import dense
from sklearn_csg2a.nn.response import EntityCodes
from sklearn_csg2a.nn.threads import map_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sklearn_csg2a.training.data import TreatmentTensors

__all__ = [
    "encode_conditions",
    "interactome_terms",
    "predict_perturbed",
    "predict_response",
    "row_inputs",
]

_ENTITIES = 64  # cells or conditions in a block
_ROWS = 256  # treatments in a block


@torch.no_grad()
def interactome_terms(csg2a: CSG2A, basal: Tensor) -> Tensor:
    """Return A_PPI g of each cell; `basal` is (cells, genes)."""
    return _in_blocks(
        basal, _ENTITIES, lambda i: csg2a.attention.interactome_term(basal[i])
    )


@torch.no_grad()
def encode_conditions(csg2a: CSG2A, data: TreatmentTensors) -> Tensor:
    """Return D of each condition, (conditions, genes)."""
    if data.encoded_conditions is not None:
        return data.encoded_conditions

    def encode(index: Tensor) -> Tensor:
        compound = data.compounds[data.condition_compound[index]]
        return csg2a.condition(compound, data.dose[index], data.time[index], None)

    return _in_blocks(data.dose, _ENTITIES, encode)


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

    return _in_blocks(data.cell_index, _ROWS, predict)


@torch.no_grad()
def predict_response(network: ResponseNetwork, data: TreatmentTensors) -> Tensor:
    """Return the centred response, (rows, 1)."""
    conditions = encode_conditions(network.csg2a, data)
    cells = _cell_terms(network, data)
    head = network.head
    of_basal, of_perturbed, of_compound = head.first_blocks()
    codes = EntityCodes(
        _in_blocks(
            data.basal, _ENTITIES, lambda i: head.code_cells(data.basal[i], of_basal)
        ),
        _in_blocks(
            conditions,
            _ENTITIES,
            lambda i: head.code_conditions(conditions[i], of_compound),
        ),
    )

    merged = head.merge(network.csg2a.output.weight)
    bias = head.perturbed.dense.bias

    def predict(rows: Tensor) -> Tensor:
        cell_index, condition_index = data.cell_index[rows], data.condition_index[rows]
        activated = network.csg2a.activate(
            cells, conditions, cell_index, condition_index
        )
        projected = dense(activated, merged, bias)  # (rows, width)
        return head(codes, projected, of_perturbed, cell_index, condition_index)

    return _in_blocks(data.cell_index, _ROWS, predict)


@torch.no_grad()
def row_inputs(
    network: CSG2A | ResponseNetwork, data: TreatmentTensors
) -> tuple[Tensor, Tensor]:
    """Return what the attention sees of each row: (rows, genes) twice."""
    csg2a = csg2a_part(network)
    conditions = encode_conditions(csg2a, data)
    basal = data.basal
    if isinstance(network, ResponseNetwork):
        basal = network.scaling(basal)
    return basal[data.cell_index], conditions[data.condition_index]


def _cell_terms(network: CSG2A | ResponseNetwork, data: TreatmentTensors) -> CellTerms:
    """Return the attention's terms of every cell."""
    blocks = [
        [
            part[:kept]
            for part in network.cell_terms(
                data.basal[index], data.interactome_term[index]
            )
        ]
        for index, kept in _blocks(len(data.basal), _ENTITIES, data.basal.device)
    ]
    return CellTerms(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))


def _in_blocks(like: Tensor, size: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `function` to blocks of the positions along `like`, join the results."""
    blocks = list(_blocks(len(like), size, like.device))

    def compute(block: int) -> Tensor:
        index, kept = blocks[block]
        return function(index)[:kept]

    return torch.cat(map_blocks(compute, len(blocks)))


def _blocks(n: int, size: int, device: torch.device) -> Iterator[tuple[Tensor, int]]:
    """Yield (size,) positions, the last padded with 0, and how many are real."""
    for start in range(0, n, size):
        kept = min(size, n - start)
        index = torch.zeros(size, dtype=torch.int64, device=device)
        index[:kept] = torch.arange(start, start + kept, device=device)
        yield index, kept
