"""Work in fixed blocks: results and speed do not depend on threads or other rows.

A library that splits each operation among threads busy-waits for the slowest of them
every time: if another process uses one of two cores, small operations take many times
as long as on one thread. The rounding of a sum also depends on the number of its parts.
Therefore, inside :func:`steady_threads` torch and BLAS compute on the calling thread
alone, and :func:`map_blocks` distributes blocks of large operations, whose number
depends on the size of the operation alone, among idle threads.

Matrix products of different shapes may round differently: in prediction, the last block
of rows is padded to the size of the others.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_csg2a.exceptions import DeviceMemoryError
from sklearn_csg2a.nn.freed_memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "ENTITIES",
    "ROWS",
    "apply_by_rows",
    "apply_in_blocks",
    "count_blocks",
    "in_blocks",
    "map_blocks",
    "may_cut",
    "padded_blocks",
    "steady_threads",
]

Result = TypeVar("Result")

_MOST_THREADS = 8  # of one map_blocks
_BLOCK = 2**24  # number of multiplications above which a matrix product is split
_MOST_BLOCKS = 8  # of one

_COST = 2**9  # multiplications that take as long as the operations per element
ENTITIES = 64  # cells or conditions in a block
ROWS = 512  # treatments in a block


class _ThreadState(threading.local):
    """State of the calling thread."""

    allowed: int | None = None  # number of threads; None outside steady_threads
    in_block: bool = False


class _Shared:
    """State shared by all threads inside :func:`steady_threads`; guarded by `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_inside = 0
        self.setting = 1  # torch's, when the first thread entered
        self.blas: Any = None  # restores its setting
        self.pool: ThreadPoolExecutor | None = None

    def enter(self) -> int:
        """Return torch's setting of this thread; the first to enter limits BLAS."""
        with self.lock:
            setting = torch.get_num_threads()
            if self.n_inside == 0:
                keep_freed_memory()
                self.setting = setting
                _release_blas_limits()
                self.blas = _libraries().limit(limits=1, user_api="blas")
            elif setting == 1:  # a new thread inherits the current setting
                setting = self.setting
            self.n_inside += 1
            torch.set_num_threads(1)
            return setting

    def leave(self, setting: int) -> None:
        """Restore the calling thread's setting; the last to leave restores BLAS."""
        with self.lock:
            self.n_inside -= 1
            if self.n_inside == 0:
                if self.pool is not None:
                    self.pool.shutdown()
                    self.pool = None
                _release_blas_limits()
                self.blas.restore_original_limits()
                _release_blas_limits()
            torch.set_num_threads(setting)

    def helpers(self) -> ThreadPoolExecutor:
        """Return the pool of helper threads."""
        with self.lock:
            if self.pool is None:
                n_helpers = min(max(self.setting, 2), _MOST_THREADS) - 1
                self.pool = ThreadPoolExecutor(
                    n_helpers,
                    thread_name_prefix="sklearn_csg2a",
                    initializer=torch.set_num_threads,
                    initargs=(1,),
                )
            return self.pool


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries of NumPy and SciPy; searching for them is slow."""
    return ThreadpoolController()


def _release_blas_limits() -> None:
    """Let any thread change limits that another thread has set by threadpoolctl.

    The last thread to leave :func:`steady_threads` need not be the first to enter.
    """
    for library in _libraries().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):  # not in older versions
            library.clear_controlling_thread(force=True)


_thread_state = _ThreadState()
_shared = _Shared()


def _reset() -> None:
    """Reset the state in a forked process, which has no other threads."""
    global _thread_state, _shared
    _thread_state, _shared = _ThreadState(), _Shared()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)


@contextmanager
def steady_threads() -> Iterator[None]:
    """Compute on the calling thread, and blocks on up to torch's number of threads.

    The settings of torch and BLAS are restored afterwards. Those of torch are per
    thread, but new threads inherit the value that was set last in any thread, and those
    of BLAS are per process; so threads that are inside at the same time share them.
    """
    if _thread_state.allowed is not None:
        yield
        return
    shared = _shared
    setting = shared.enter()
    try:
        _thread_state.allowed = setting
        yield
    finally:
        _thread_state.allowed = None
        shared.leave(setting)


def count_blocks(n_multiplications: int) -> int:
    """Return the number of blocks of a matrix product: 1, 2, 4 or 8.

    An even number balances two threads, and a small one limits the cost: each split
    slows a product down by up to a tenth.
    """
    n_blocks = 1
    while n_blocks < _MOST_BLOCKS and n_multiplications >= n_blocks**3 * _BLOCK:
        n_blocks *= 2
    return n_blocks


def map_blocks(function: Callable[[int], Result], n_blocks: int) -> list[Result]:
    """Return ``function(0)`` to ``function(n_blocks - 1)``.

    The calling thread processes block after block, and idle threads help; it never
    waits for a helper that has not started. Blocks nested in a block are processed in
    turn. `function` must not depend on the thread, except for torch's gradient mode,
    which is passed on.
    """
    n_helpers = min(n_blocks, _thread_state.allowed or 1, _MOST_THREADS) - 1
    if n_helpers < 1 or _thread_state.in_block:
        return [function(k) for k in range(n_blocks)]
    results: dict[int, Result] = {}
    remaining = iter(range(n_blocks))
    with_gradient = torch.is_grad_enabled()

    def work() -> None:
        _thread_state.in_block = True
        try:
            with torch.set_grad_enabled(with_gradient):
                for k in remaining:
                    results[k] = function(k)
        finally:
            _thread_state.in_block = False

    pool = _shared.helpers()
    helpers = [pool.submit(work) for _ in range(n_helpers)]
    try:
        work()
    finally:
        started = [helper for helper in helpers if not helper.cancel()]
        for helper in started:
            helper.exception()  # waits
    for helper in started:
        helper.result()
    return [results[k] for k in range(n_blocks)]


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
    blocks = [slice(k, k + size) for k in range(0, len(rows[0]), size)]
    apply: Callable[..., Tensor] = _Rows.apply
    return apply(function, len(rows), blocks, *rows, *shared)


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
    apply: Callable[..., Any] = _Blocks.apply
    return list(apply(function, len(columns), len(blocks), *flat, *shared))


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
        starts = range(0, n_parts, n_columns)
        blocks = [_cut_off(tensors[i : i + n_columns]) for i in starts]
        outputs = map_blocks(lambda k: _compute(function, blocks[k]), n_blocks)
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
        return None, None, None, *of_parts, *_add(gradients_of_blocks, n_columns)


class _Rows(torch.autograd.Function):
    """A function of blocks of rows, which writes them where they are joined."""

    @staticmethod
    def forward(
        ctx: Any,
        function: Callable[..., Tensor],
        n_columns: int,
        rows: list[slice],
        *tensors: Tensor,
    ) -> Tensor:
        columns, ctx.shared = tensors[:n_columns], tensors[n_columns:]
        ctx.columns, ctx.rows = columns, rows
        ctx.blocks = [_cut_off([column[block] for column in columns]) for block in rows]
        joined = _Joined(len(columns[0]))

        def run(k: int) -> Tensor:
            output = _compute(function, ctx.blocks[k])
            joined.put(rows[k], output.detach())
            return output

        ctx.outputs = map_blocks(run, len(rows))
        return joined.tensor

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, blocks, shared, outputs = ctx.rows, ctx.blocks, ctx.shared, ctx.outputs
        of_columns = [
            torch.empty_like(column) if column.requires_grad else None
            for column in ctx.columns
        ]
        del ctx.columns, ctx.blocks, ctx.shared, ctx.outputs

        def run(k: int) -> list[Tensor | None]:
            block = rows[k]
            found = _differentiate(outputs[k], [*blocks[k], *shared], gradient[block])
            for of_column, part in zip(of_columns, found, strict=False):
                if of_column is not None:
                    of_column[block] = 0 if part is None else part
            return found[len(of_columns) :]

        of_shared = _add(map_blocks(run, len(blocks)))
        return None, None, None, *of_columns, *of_shared


class _Joined:
    """The rows of several blocks in one tensor, whose shape the first one tells."""

    tensor: Tensor

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows
        self._lock = threading.Lock()

    def put(self, rows: slice, part: Tensor) -> None:
        """Write the rows of a block."""
        with self._lock:
            if not hasattr(self, "tensor"):
                self.tensor = part.new_empty(self.n_rows, *part.shape[1:])
        self.tensor[rows] = part


def _cut_off(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return tensors at which the graph of a block begins."""
    return [one.detach().requires_grad_(one.requires_grad) for one in tensors]


def _compute(function: Callable[..., Tensor], block: list[Tensor]) -> Tensor:
    """Return the function of a block, with its graph."""
    with torch.enable_grad():
        return function(*block)


def _differentiate(
    output: Tensor, inputs: Sequence[Tensor], gradient: Tensor
) -> list[Tensor | None]:
    """Return the gradients of the inputs, None if there is none."""
    differentiable = [tensor for tensor in inputs if tensor.requires_grad]
    gradients = iter(
        torch.autograd.grad(output, differentiable, gradient, allow_unused=True)
    )
    return [next(gradients) if tensor.requires_grad else None for tensor in inputs]


def _add(blocks: list[list[Tensor | None]], start: int = 0) -> list[Tensor | None]:
    """Add the gradients of each shared tensor, which begin at `start` in every block.

    They are added in order, into the first one that is not None.
    """
    totals = blocks[0][start:]
    for block in blocks[1:]:
        for place, part in enumerate(block[start:]):
            total = totals[place]
            if total is None:
                totals[place] = part
            elif part is not None:
                total.add_(part)
    return totals


def in_blocks(like: Tensor, size: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `function` to blocks of the positions along `like`, join the results.

    If the device has too little memory, blocks of half the size are tried once.
    """
    try:
        return _in_blocks(like, size, function)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
    try:
        return _in_blocks(like, size // 2, function)
    except torch.OutOfMemoryError as error:
        msg = (
            f"{like.device} has too little memory for {size // 2} of {len(like)} rows "
            f"at once ({error}). Free memory, or use device='cpu'."
        )
        raise DeviceMemoryError(msg) from error


def _in_blocks(like: Tensor, size: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `function` to blocks of one size."""
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
