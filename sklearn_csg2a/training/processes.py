"""Several processes that train one network, each on its share of every batch."""

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
    """The processes of a fit, as one of them sees them; most often there is one."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def are_several(self) -> bool:
        """Whether there is anyone to talk to."""
        return self.count > 1

    @property
    def this_is_main(self) -> bool:
        """Whether this process writes files and the progress line."""
        return self.rank == 0

    def check_batches(self, batch_size: int, n_rows: int) -> None:
        """Refuse batches of which some process would get less than two rows."""
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
        """Refuse to train where the processes hold different data."""
        if not self.are_several:
            return
        contents: list[str | None] = [None] * self.count
        distributed.all_gather_object(contents, content)
        different = [str(n) for n, other in enumerate(contents) if other != contents[0]]
        if different:
            msg = (
                "device='accelerate': not all processes have the same rows, response, "
                "parameters and checkpoint; other than process 0 are "
                f"{', '.join(different)}. Every process must load all data in the "
                "same order; give seeds to whatever draws at random."
            )
            raise InputError(msg)

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors by those of the first process."""
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
        gradients = [one.grad for one in parameters if one.grad is not None]
        pending = [
            distributed.all_reduce(gradient.mul_(share), async_op=True)
            for gradient in gradients
        ]
        for work in pending:
            work.wait()
        return totals[0] / totals[1]

    def seed_of_epoch(self, seed: int, epoch: int) -> int:
        """Return a seed that each process and epoch has for itself."""
        words = np.random.SeedSequence([seed, epoch, self.rank]).generate_state(2)
        return int(words[0]) << 31 ^ int(words[1])


def join_processes(device: str | torch.device, random_state: object) -> Processes:
    """Return the processes that train on a device; one, unless it is "accelerate"."""
    if device != "accelerate":
        return Processes(resolve_device(device))
    accelerate = import_optional(
        "accelerate", extra="distributed", purpose="device='accelerate'"
    )
    found = accelerate.Accelerator()
    assigned = found.device  # a CPU comes with a number, which says nothing
    processes = Processes(
        torch.device("cpu") if assigned.type == "cpu" else assigned,
        found.process_index,
        found.num_processes,
    )
    if processes.are_several and not isinstance(random_state, Integral):
        msg = (
            f"device='accelerate' trains with {processes.count} processes, which must "
            f"draw the same batches, but random_state={random_state!r} lets each draw "
            "its own. Give an integer random_state."
        )
        raise InputError(msg)
    return processes
