"""Choice of the device for training and prediction."""

from __future__ import annotations

import os
import warnings

import torch

from sklearn_csg2a.exceptions import InputError, SlowPrecisionWarning

__all__ = [
    "bfloat16_is_slow",
    "resolve_device",
    "use_one_thread_after_fork",
    "uses_bfloat16",
]

_IMPORTED_IN = os.getpid()


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


def uses_bfloat16(precision: str, device: torch.device, *, stacklevel: int) -> bool:
    """Return whether to compute products in bfloat16; warn if that is slow."""
    is_low = precision == "bf16"
    if is_low and bfloat16_is_slow(device):
        warnings.warn(
            "precision='bf16' makes training slower on this processor, which has no "
            "instructions for it; use precision='float32'.",
            SlowPrecisionWarning,
            stacklevel=stacklevel + 1,
        )
    return is_low
