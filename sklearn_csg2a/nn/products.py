"""Large matrix products in tiles: for caches, for several threads, and for gradients.

A product whose result does not fit into the cache of a core is slow where the sums are
short, because the library goes through the whole result, and also where they are long,
because what it copies of one factor does not fit. In tiles it reaches the rate of a
square product, and any thread can compute any tile.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.weak import WeakTensorKeyDictionary

from sklearn_csg2a.nn.blocks import count_blocks, map_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["forget_gradients", "linear"]

_LARGE = 2**22  # elements of a weight whose gradient keeps its memory
_SIDE = 512  # largest side of a tile
_SHORT = 256  # terms of a sum below which tiles are small in both directions,
_CACHED = 2**18  # if a block has more elements than this,
_SMALL = 256, 512  # at most so many along its longer and its shorter side


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias`` (..., outputs), like torch's function.

    On a CPU, large products are split into tiles depending on their size alone, so
    that the result does not depend on the number of threads, to the last bit.
    """
    kind = x.device.type
    n_blocks = count_blocks(x.numel() * len(weight))
    if kind != "cpu" or torch.compiler.is_compiling() or n_blocks == 1:
        return torch.nn.functional.linear(x, weight, bias)
    if torch.is_autocast_enabled(kind):
        low = torch.get_autocast_dtype(kind)
        x, weight = x.to(low), weight.to(low)
        bias = None if bias is None else bias.to(low)
    apply: Callable[..., Any] = _Linear.apply
    rows = apply(x.flatten(0, -2), weight, bias)
    return rows.unflatten(0, x.shape[:-1])


class _Linear(torch.autograd.Function):
    """``x @ weight.T + bias`` of x (rows, inputs)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        result = x.new_empty(len(x), len(weight))
        _multiply((x, weight.T, result), added=bias)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        of_x = torch.empty_like(x) if needs_x else None
        of_weight = _gradient_of(weight) if needs_weight else None
        _multiply((gradient, weight, of_x), (gradient.T, x, of_weight))
        return of_x, of_weight, gradient.sum(0) if needs_bias else None


_memory = WeakTensorKeyDictionary()  # of gradients of large weights; None: in use


def forget_gradients(parameters: Iterable[Tensor]) -> None:
    """Set gradients to None; those of large layers are overwritten by the next ones."""
    for one in parameters:
        if one in _memory:
            _memory[one] = one.grad
        one.grad = None


def _gradient_of(weight: Tensor) -> Tensor:
    """Return memory for the gradient of a weight."""
    memory = None
    if weight.is_leaf and weight.numel() >= _LARGE:
        memory, _memory[weight] = _memory.get(weight), None
    return torch.empty_like(weight) if memory is None else memory


@torch.no_grad()
def _multiply(
    *products: tuple[Tensor, Tensor, Tensor | None], added: Tensor | None = None
) -> None:
    """Write ``left @ right + added`` into each third, tile by tile."""
    tiles = []
    for left, right, result in products:
        if result is not None:
            tiles += _cut(left, right, result, added)

    def multiply(tile: int) -> None:
        left, right, result, bias = tiles[tile]
        if bias is None:
            torch.mm(left, right, out=result)
        else:
            torch.addmm(bias, left, right, out=result)

    map_blocks(multiply, len(tiles))


def _cut(
    left: Tensor, right: Tensor, result: Tensor, bias: Tensor | None
) -> list[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
    """Split a product into tiles; return the arguments of each."""
    rows, columns = _edges_of_tiles(len(left), left.shape[1], right.shape[1])
    return [
        (
            left[top:bottom],
            right[:, first:last],
            result[top:bottom, first:last],
            None if bias is None else bias[first:last],
        )
        for (top, bottom), (first, last) in product(pairwise(rows), pairwise(columns))
    ]


def _edges_of_tiles(
    n_rows: int, n_terms: int, n_columns: int
) -> tuple[list[int], list[int]]:
    """Return where tiles begin and end, first along the rows.

    The longer side of the result is split at least into the blocks of its size.
    """
    n_blocks = count_blocks(n_rows * n_terms * n_columns)
    longer, shorter = max(n_rows, n_columns), min(n_rows, n_columns)
    n_long, n_short = max(n_blocks, -(-longer // _SIDE)), 1
    if n_blocks == 1:
        n_long = 1
    elif n_terms <= _SHORT and longer * shorter > n_blocks * _CACHED:
        n_long = max(n_blocks, -(-longer // _SMALL[0]))
        n_short = -(-shorter // _SMALL[1])
    n = (n_long, n_short) if n_rows >= n_columns else (n_short, n_long)
    return _edges(n_rows, n[0]), _edges(n_columns, n[1])


def _edges(size: int, n: int) -> list[int]:
    """Return the edges of `n` parts of about the same size."""
    return [size * k // n for k in range(n + 1)]
