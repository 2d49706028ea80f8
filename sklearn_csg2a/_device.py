"""Choice of the device that a network trains and predicts on."""

from __future__ import annotations

import torch

from sklearn_csg2a.exceptions import InputError

__all__ = ["resolve_device"]


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
