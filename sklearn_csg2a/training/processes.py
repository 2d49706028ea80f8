"""Several processes that train a network, each on a part of every batch."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, distributed, nn

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.training.device import resolve_device

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Processes", "join_processes"]


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
