"""Work in fixed blocks: results and speed do not depend on the number of threads.

A library that splits each operation among threads busy-waits for the slowest of them
every time: if another process uses one of two cores, small operations take many times
as long as on one thread. The rounding of a sum also depends on the number of its parts.
Therefore, inside :func:`steady_threads` torch and BLAS compute on the calling thread
alone, and :func:`map_blocks` distributes blocks of large operations, whose number
depends on the size of the operation alone, among idle threads.
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["count_blocks", "map_blocks", "steady_threads"]

Result = TypeVar("Result")

_MOST_THREADS = 8  # of one map_blocks
_BLOCK = 2**25  # number of multiplications above which a matrix product is split
_MOST_BLOCKS = 8  # of one


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
