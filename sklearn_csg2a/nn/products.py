"""Matrix products in blocks that several threads may share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_csg2a.nn.threads import count_blocks, map_blocks

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
        (product,) = _multiply((x, weight.T), added=bias)
        return product

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        factors = []
        if of_x:
            factors.append((gradient, weight))
        if of_weight:
            factors.append((gradient.T, x))
        products = iter(_multiply(*factors))
        return (
            next(products) if of_x else None,
            next(products) if of_weight else None,
            gradient.sum(0) if of_bias else None,
        )


@torch.no_grad()
def _multiply(
    *factors: tuple[Tensor, Tensor], added: Tensor | None = None
) -> list[Tensor]:
    """Return ``left @ right + added`` of each pair, in blocks of the rows of `left`."""
    products, blocks = [], []
    for left, right in factors:
        n_blocks = count_blocks(len(left), *right.shape)
        product = left.new_empty(len(left), right.shape[1])
        parts = zip(
            left.tensor_split(n_blocks), product.tensor_split(n_blocks), strict=True
        )
        products.append(product)
        blocks += [(of_left, right, of_product) for of_left, of_product in parts]

    def multiply(block: int) -> None:
        left, right, product = blocks[block]
        if added is None:
            torch.mm(left, right, out=product)
        else:
            torch.addmm(added, left, right, out=product)

    map_blocks(multiply, len(blocks))
    return products
