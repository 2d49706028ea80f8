"""Evaluation of parts of a network on blocks of rows, in several threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_csg2a.nn.threads import count_blocks, map_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["apply_by_rows", "apply_in_blocks", "may_cut"]

_COST = 2**9  # multiplications that take as long as the operations per element


def apply_by_rows(
    function: Callable[..., Tensor], *rows: Tensor, shared: Iterable[Tensor] = ()
) -> Tensor:
    """Return ``function(*rows)``, which processes rows (rows, ...) independently.

    In training on a CPU, large inputs are split into blocks; see
    :func:`apply_in_blocks`.
    """
    widest = max(tensor.numel() for tensor in rows)
    n_blocks = count_blocks(_COST * widest)
    if n_blocks < 2 or not may_cut(rows[0]):
        return function(*rows)
    size = -(-len(rows[0]) // n_blocks)
    columns = [tensor.split(size) for tensor in rows]
    return torch.cat(apply_in_blocks(function, *columns, shared=shared))


def apply_in_blocks(
    function: Callable[..., Tensor],
    *columns: Sequence[Tensor],
    shared: Iterable[Tensor] = (),
) -> list[Tensor]:
    """Return ``function`` of the first tensors of all columns, the second, ...

    In training on a CPU, idle threads process blocks, forward and backward. The result
    does not depend on the number of threads, to the last bit: gradients of `shared`,
    which must list all other tensors with a gradient that `function` uses, are added in
    the order of the blocks. Random numbers for `function` must be passed as a column.
    """
    blocks = list(zip(*columns, strict=True))
    if len(blocks) < 2 or not may_cut(blocks[0][0]):
        return [function(*block) for block in blocks]
    shared = tuple(shared)
    flat = [tensor for block in blocks for tensor in block]
    return list(_Blocks.apply(function, len(columns), len(blocks), *flat, *shared))


def may_cut(x: Tensor) -> bool:
    """Whether other threads compute the same values for a block."""
    return (
        x.device.type == "cpu"
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
    )


class _Blocks(torch.autograd.Function):
    """A function of blocks, each with a separate graph for its backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable[..., Tensor],
        n_columns: int,
        n_blocks: int,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        n_parts = n_columns * n_blocks
        parts = [
            part.detach().requires_grad_(part.requires_grad)
            for part in tensors[:n_parts]
        ]
        blocks = [parts[i : i + n_columns] for i in range(0, n_parts, n_columns)]

        def run(k: int) -> Tensor:
            with torch.enable_grad():
                return function(*blocks[k])

        outputs = map_blocks(run, n_blocks)
        ctx.blocks, ctx.shared, ctx.outputs = blocks, tensors[n_parts:], outputs
        return tuple(output.detach() for output in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        blocks, shared, outputs = ctx.blocks, ctx.shared, ctx.outputs
        del ctx.blocks, ctx.shared, ctx.outputs

        def run(k: int) -> list[Tensor | None]:
            return _differentiate(outputs[k], [*blocks[k], *shared], gradients[k])

        gradients_of_blocks = map_blocks(run, len(blocks))
        n_columns = len(blocks[0])
        of_parts = [part for block in gradients_of_blocks for part in block[:n_columns]]
        of_shared = zip(
            *(block[n_columns:] for block in gradients_of_blocks), strict=True
        )
        return None, None, None, *of_parts, *(_add(parts) for parts in of_shared)


def _differentiate(
    output: Tensor, inputs: Sequence[Tensor], gradient: Tensor
) -> list[Tensor | None]:
    """Return the gradients of the inputs, None if there is none."""
    differentiable = [tensor for tensor in inputs if tensor.requires_grad]
    gradients = iter(
        torch.autograd.grad(output, differentiable, gradient, allow_unused=True)
    )
    return [next(gradients) if tensor.requires_grad else None for tensor in inputs]


def _add(parts: Iterable[Tensor | None]) -> Tensor | None:
    """Add the tensors that are not None, in order and into the first one."""
    total = None
    for part in parts:
        total = part if total is None else total if part is None else total.add_(part)
    return total
