"""Where a training computes: device, precision, several processes, initial weights."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.exceptions import InputError, SlowPrecisionWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "Processes",
    "bfloat16_is_slow",
    "compile_network",
    "explain_compilation",
    "join_processes",
    "resolve_device",
    "seeded_initialisation",
    "use_one_thread_after_fork",
    "uses_bfloat16",
]

_IMPORTED_IN = os.getpid()
_GLOBAL_GENERATOR_LOCK = threading.RLock()


def use_one_thread_after_fork() -> None:
    """Use one thread in a forked process, which has none of torch's threads.

    A process forked after torch has used its threads would wait for them forever. One
    thread, as in torch's data loading workers, avoids this.
    """
    if os.getpid() != _IMPORTED_IN and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:1" or "mps" into a torch device."""
    if isinstance(device, str) and device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        msg = f"device={device!r} is not a torch device; use 'auto', 'cpu' or 'cuda'."
        raise InputError(msg) from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        msg = (
            f"device={device!r}: torch finds no CUDA device; "
            "use device='auto' or 'cpu'."
        )
        raise InputError(msg)
    return resolved


def bfloat16_is_slow(device: torch.device) -> bool:
    """Tell whether products in bfloat16 are slower on a device than in float32.

    Processors of Intel and AMD without AVX-512 emulate them: on AVX2, a product was
    measured to take 27 times as long.
    """
    capability = torch.backends.cpu.get_cpu_capability()
    return device.type == "cpu" and capability in {"AVX2", "NO AVX"}


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Return whether to compute products in bfloat16; warn if that is slow."""
    is_low = precision == "bf16"
    if is_low and bfloat16_is_slow(device):
        warnings.warn(
            "precision='bf16' makes training slower on this processor, which has no "
            "instructions for it; use precision='float32'.",
            SlowPrecisionWarning,
            stacklevel=find_stacklevel(),
        )
    return is_low


def compile_network(network: nn.Module) -> Callable[[Any], torch.Tensor]:
    """Return a compiled function that calls `network`."""
    return torch.compile(network.forward)


@contextmanager
def explain_compilation(compiled: object | None) -> Iterator[None]:
    """Explain what to do if compilation, in the first steps, fails."""
    if compiled is None:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException  # takes seconds

    try:
        yield
    except TorchDynamoException as error:
        reason = str(error).strip().partition("\n")[0]
        msg = (
            f"compile=True, but torch.compile cannot build the network here: {reason} "
            "Install what it requires (on a CPU a C++ compiler such as g++, on CUDA "
            "Triton), or set compile=False."
        )
        raise InputError(msg) from error


@dataclass(frozen=True)
class Processes:
    """The processes of a fit, from the view of one of them; usually only one."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def are_several(self) -> bool:
        """Whether there are several processes."""
        return self.count > 1

    @property
    def this_is_main(self) -> bool:
        """Whether this process writes files and the progress line."""
        return self.rank == 0

    def check_batches(self, batch_size: int, n_rows: int) -> None:
        """Raise an error if a process would get fewer than two rows of a batch."""
        needed = 2 * self.count
        if self.are_several and min(batch_size, n_rows) < needed:
            msg = (
                f"device='accelerate' trains with {self.count} processes, which need "
                f"{needed} training rows in each batch, two for each; got "
                f"batch_size={batch_size} and {n_rows} training rows. Raise "
                "batch_size, or launch fewer processes."
            )
            raise InputError(msg)

    def check_same(self, content: str) -> None:
        """Raise an error if the processes have different data."""
        if not self.are_several:
            return
        contents: list[str | None] = [None] * self.count
        distributed.all_gather_object(contents, content)
        different = [str(n) for n, other in enumerate(contents) if other != contents[0]]
        if different:
            msg = (
                "device='accelerate': not all processes have the same rows, response, "
                "parameters and checkpoint; those that differ from process 0 are "
                f"{', '.join(different)}. Every process must load all data in the "
                "same order; set the seeds of all random steps."
            )
            raise InputError(msg)

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of the first process."""
        if self.are_several:
            for tensor in tensors:
                distributed.broadcast(tensor.detach(), src=0)

    def average(
        self, loss: Tensor, n_rows: int, parameters: Iterable[nn.Parameter]
    ) -> Tensor:
        """Average gradients and loss over the rows of all shares; return the loss."""
        if not self.are_several:
            return loss
        counted = torch.full_like(loss, n_rows)
        totals = torch.stack([loss.detach() * counted, counted])
        distributed.all_reduce(totals)
        share = n_rows / totals[1]
        gradients = [weight.grad for weight in parameters if weight.grad is not None]
        pending = [
            distributed.all_reduce(gradient.mul_(share), async_op=True)
            for gradient in gradients
        ]
        for work in pending:
            work.wait()
        return totals[0] / totals[1]

    def seed_of_epoch(self, seed: int, epoch: int) -> int:
        """Return a seed for this process and epoch."""
        words = np.random.SeedSequence([seed, epoch, self.rank]).generate_state(2)
        return int(words[0]) << 31 ^ int(words[1])


def join_processes(device: str | torch.device, random_state: object) -> Processes:
    """Return the processes that train on a device; one, unless it is "accelerate"."""
    if device != "accelerate":
        return Processes(resolve_device(device))
    accelerate = import_optional(
        "accelerate", extra="distributed", purpose="device='accelerate'"
    )
    accelerator = accelerate.Accelerator()
    assigned = accelerator.device  # a CPU has a meaningless number
    processes = Processes(
        torch.device("cpu") if assigned.type == "cpu" else assigned,
        accelerator.process_index,
        accelerator.num_processes,
    )
    if processes.are_several and not isinstance(random_state, Integral):
        msg = (
            f"device='accelerate' trains with {processes.count} processes, which must "
            f"draw the same batches, but random_state={random_state!r} lets each draw "
            "different ones. Give an integer random_state."
        )
        raise InputError(msg)
    return processes


@contextmanager
def seeded_initialisation(seed: int) -> Iterator[None]:
    """Initialise torch modules from `seed`, then restore the random state.

    Modules draw their initial weights from torch's global CPU generator; a lock
    separates fits in parallel threads.
    """
    with _GLOBAL_GENERATOR_LOCK:
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            torch.default_generator.set_state(state)
