"""Operations in fixed blocks, so that results do not depend on threads or other rows.

Matrix products and parts of a network are split into blocks whose number depends on the
size of the operation alone, and several threads compute them. Matrix products of
different shapes may round differently: in prediction, the last block is padded to the
size of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_csg2a.nn.threads import count_blocks, map_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "ENTITIES",
    "ROWS",
    "apply_by_rows",
    "apply_in_blocks",
    "in_blocks",
    "linear",
    "may_cut",
    "padded_blocks",
]

_COST = 2**9  # multiplications that take as long as the operations per element
ENTITIES = 64  # cells or conditions in a block
ROWS = 256  # treatments in a block


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
