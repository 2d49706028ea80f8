"""Work in fixed blocks, so that neither bits nor speed hang on a second core.

A library that splits each of its operations among threads waits for the slowest of
them at every one, actively at that: with somebody else on one of two cores, small
operations then take many times as long as on one thread. It also rounds a sum by the
number of its parts. So inside :func:`steady_threads` torch and BLAS compute on the
calling thread alone, and :func:`map_blocks` gives whole blocks of large work, cut by
the size of the work alone, to whichever thread is free.
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
_BLOCK = 2**25  # multiplications of a matrix product from which on it is cut
_MOST_BLOCKS = 8  # of one


class _OfThread(threading.local):
    """What the calling thread is in."""

    allowed: int | None = None  # threads it may use; None outside steady_threads
    in_block: bool = False


class _Shared:
    """What all threads inside :func:`steady_threads` share; guarded by `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_inside = 0
        self.setting = 1  # torch's, as the first found it
        self.blas: Any = None  # restores its setting
        self.pool: ThreadPoolExecutor | None = None

    def enter(self) -> int:
        """Limit BLAS at the first; return the calling thread's setting of torch."""
        with self.lock:
            found = torch.get_num_threads()
            if self.n_inside == 0:
                self.setting = found
                _let_any_thread_set_blas()
                self.blas = _libraries().limit(limits=1, user_api="blas")
            elif found == 1:  # a new thread takes over what is in force
                found = self.setting
            self.n_inside += 1
            torch.set_num_threads(1)
            return found

    def leave(self, found: int) -> None:
        """Restore the calling thread's setting, at the last that of BLAS too."""
        with self.lock:
            self.n_inside -= 1
            if self.n_inside == 0:
                if self.pool is not None:
                    self.pool.shutdown()
                    self.pool = None
                _let_any_thread_set_blas()
                self.blas.restore_original_limits()
                _let_any_thread_set_blas()
            torch.set_num_threads(found)

    def helpers(self) -> ThreadPoolExecutor:
        """Return the threads that help those inside."""
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
    """Return the libraries of NumPy and SciPy, which take a while to find."""
    return ThreadpoolController()


def _let_any_thread_set_blas() -> None:
    """Undo that threadpoolctl keeps what one thread has set from all others.

    The last to leave :func:`steady_threads` need not be the first that entered.
    """
    for library in _libraries().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):  # not in older ones
            library.clear_controlling_thread(force=True)


_of_thread = _OfThread()
_shared = _Shared()


def _forget() -> None:
    """Start anew in a forked process, where no other thread has come along."""
    global _of_thread, _shared
    _of_thread, _shared = _OfThread(), _Shared()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def steady_threads() -> Iterator[None]:
    """Compute on the calling thread, and in blocks on as many as torch's setting says.

    The settings of torch and BLAS are as before afterwards. Those of torch are a
    thread's own, but new threads take over the last that was set anywhere, and those
    of BLAS are the process's; so threads that are inside at once share them.
    """
    if _of_thread.allowed is not None:
        yield
        return
    shared = _shared
    found = shared.enter()
    try:
        _of_thread.allowed = found
        yield
    finally:
        _of_thread.allowed = None
        shared.leave(found)


def count_blocks(n_multiplications: int) -> int:
    """Return into how many blocks a matrix product is to be cut: 1, 2, 4 or 8.

    Two threads then have the same to do, and blocks are few, for a product loses up to
    a tenth of its speed with each cut.
    """
    n_blocks = 1
    while n_blocks < _MOST_BLOCKS and n_multiplications >= n_blocks**3 * _BLOCK:
        n_blocks *= 2
    return n_blocks


def map_blocks(function: Callable[[int], Result], n_blocks: int) -> list[Result]:
    """Return ``function(0)`` to ``function(n_blocks - 1)``.

    The calling thread takes one block after the other, and threads that are free
    help it; it never waits for one that has not begun. Blocks inside a block come in
    turn. What `function` does must not depend on the thread, but for torch's gradient
    mode, which is handed on.
    """
    n_helpers = min(n_blocks, _of_thread.allowed or 1, _MOST_THREADS) - 1
    if n_helpers < 1 or _of_thread.in_block:
        return [function(k) for k in range(n_blocks)]
    results: dict[int, Result] = {}
    left = iter(range(n_blocks))
    with_gradient = torch.is_grad_enabled()

    def work() -> None:
        _of_thread.in_block = True
        try:
            with torch.set_grad_enabled(with_gradient):
                for k in left:
                    results[k] = function(k)
        finally:
            _of_thread.in_block = False

    pool = _shared.helpers()
    helping = [pool.submit(work) for _ in range(n_helpers)]
    try:
        work()
    finally:
        begun = [one for one in helping if not one.cancel()]
        for one in begun:
            one.exception()  # waits
    for one in begun:
        one.result()
    return [results[k] for k in range(n_blocks)]
