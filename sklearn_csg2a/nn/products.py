"""Matrix products in blocks, computed by several threads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_csg2a.nn.threads import count_blocks, map_blocks

__all__ = ["linear"]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias`` (..., outputs), like torch's function.

    On a CPU, large products are split into blocks depending on their size alone, so
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
    """Return ``left @ right + added`` of each pair, in blocks of its longer side."""
    products, blocks = [], []
    for left, right in factors:
        products.append(left.new_empty(len(left), right.shape[1]))
        blocks += _cut(left, right, added, products[-1])

    def multiply(block: int) -> None:
        left, right, bias, product = blocks[block]
        if bias is None:
            torch.mm(left, right, out=product)
        else:
            torch.addmm(bias, left, right, out=product)

    map_blocks(multiply, len(blocks))
    return products


def _cut(
    left: Tensor, right: Tensor, bias: Tensor | None, product: Tensor
) -> list[tuple[Tensor, Tensor, Tensor | None, Tensor]]:
    """Split a product along its longer side; return factors and output of each part."""
    n = count_blocks(left.numel() * right.shape[1])
    if len(left) >= right.shape[1]:
        lefts, products = left.tensor_split(n), product.tensor_split(n)
        return [
            (part, right, bias, out) for part, out in zip(lefts, products, strict=True)
        ]
    biases = n * (None,) if bias is None else bias.tensor_split(n)
    rights, products = (matrix.tensor_split(n, dim=1) for matrix in (right, product))
    return [(left, *parts) for parts in zip(rights, biases, products, strict=True)]
