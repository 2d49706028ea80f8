"""Blocks of constant shape, so that the result of a row is independent of others.

Matrix products of different shapes may round differently: the last block is padded to
the size of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sklearn_csg2a.nn.threads import map_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ENTITIES", "ROWS", "in_blocks", "padded_blocks"]

ENTITIES = 64  # cells or conditions in a block
ROWS = 256  # treatments in a block


def in_blocks(like: Tensor, size: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `function` to blocks of the positions along `like`, join the results."""
    blocks = list(padded_blocks(len(like), size, like.device))

    def compute(block: int) -> Tensor:
        index, n_real = blocks[block]
        return function(index)[:n_real]

    return torch.cat(map_blocks(compute, len(blocks)))


def padded_blocks(
    n: int, size: int, device: torch.device
) -> Iterator[tuple[Tensor, int]]:
    """Yield (size,) positions, the last padded with 0, and the number of real ones."""
    for start in range(0, n, size):
        n_real = min(size, n - start)
        index = torch.zeros(size, dtype=torch.int64, device=device)
        index[:n_real] = torch.arange(start, start + n_real, device=device)
        yield index, n_real
