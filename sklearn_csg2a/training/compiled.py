"""Training steps compiled by torch.compile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

__all__ = ["compile_network", "explain_compilation"]


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
