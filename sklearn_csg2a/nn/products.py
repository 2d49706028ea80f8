"""Matrix products in blocks that several threads may share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_csg2a._threads import count_blocks, map_blocks

__all__ = ["linear"]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias`` (..., outputs), as torch's function does.

    On a CPU large products are cut into blocks by their size alone, so that the bits
    do not depend on how many threads compute them.
    """
    kind = x.device.type
    n_outputs, n_inputs = weight.shape
    n_blocks = count_blocks(x.numel() // max(n_inputs, 1), n_inputs, n_outputs)
    if kind != "cpu" or torch.compiler.is_compiling() or n_blocks == 1:
        return torch.nn.functional.linear(x, weight, bias)
    if torch.is_autocast_enabled(kind):
        low = torch.get_autocast_dtype(kind)
        x, weight = x.to(low), weight.to(low)
        bias = None if bias is None else bias.to(low)
    product = _Linear.apply(x.flatten(0, -2), weight, bias)
    return product.unflatten(0, x.shape[:-1])


class _Linear(torch.autograd.Function):
    """``x @ weight.T + bias`` of x (rows, inputs)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _multiply(x, weight.T, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _multiply(gradient, weight) if of_x else None,
            _multiply(gradient.T, x) if of_weight else None,
            gradient.sum(0) if of_bias else None,
        )


@torch.no_grad()
def _multiply(left: Tensor, right: Tensor, added: Tensor | None = None) -> Tensor:
    """Return ``left @ right + added``, in blocks of the rows of `left`."""
    product = left.new_empty(len(left), right.shape[1])
    n_blocks = count_blocks(len(left), *right.shape)
    lefts, products = left.tensor_split(n_blocks), product.tensor_split(n_blocks)

    def multiply(block: int) -> None:
        if added is None:
            torch.mm(lefts[block], right, out=products[block])
        else:
            torch.addmm(added, lefts[block], right, out=products[block])

    map_blocks(multiply, n_blocks)
    return product
