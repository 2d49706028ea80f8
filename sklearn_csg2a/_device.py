"""Choice of the device that a network trains and predicts on."""

from __future__ import annotations

import os

import torch

from sklearn_csg2a.exceptions import InputError

__all__ = ["resolve_device", "use_one_thread_after_fork"]

_IMPORTED_IN = os.getpid()


def use_one_thread_after_fork() -> None:
    """Let a forked process compute: torch's threads did not come along.

    A process forked from one whose torch has used its threads waits for them
    forever. With one thread, as in torch's own data loading workers, it goes on.
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
            f"device={device!r}: this torch sees no CUDA device; "
            "use device='auto' or 'cpu'."
        )
        raise InputError(msg)
    return resolved
