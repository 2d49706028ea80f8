"""Weights and optimizer of a training in a checkpoint: written, checked, put back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from sklearn_csg2a._utils.archive import read_archive
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import CheckpointError, ModelFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from torch import Tensor, nn

__all__ = [
    "check_alike",
    "optimizer_arrays",
    "read_checkpoint",
    "refuse_other_content",
    "restore_network",
    "restore_optimizer",
    "strip_prefix",
    "to_arrays",
]

_REMEDY = "Delete the file to restart the training."
_CONTENT_ERRORS = (
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError),
    ValueError,
)


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return manifest and tensors of a checkpoint.

    Raises
    ------
    CheckpointError
        If the file is damaged, truncated or of another kind.
    """
    try:
        manifest, arrays = read_archive(path)
    except ModelFileError as error:
        msg = f"{error} {_REMEDY}"
        raise CheckpointError(msg) from error
    return manifest, {name: torch.from_numpy(array) for name, array in arrays.items()}


@contextmanager
def refuse_other_content(path: Path) -> Iterator[None]:
    """Raise a CheckpointError where the content of `path` cannot be put back."""
    try:
        yield
    except CheckpointError:
        raise
    except _CONTENT_ERRORS as error:
        msg = (
            f"{path}: its content is not that of this training "
            f"({type(error).__name__}: {error}). {_REMEDY}"
        )
        raise CheckpointError(msg) from error


def to_arrays(tensors: Mapping[str, Tensor]) -> list[tuple[str, np.ndarray]]:
    """Return named tensors as NumPy arrays."""
    return [(name, tensor.detach().cpu().numpy()) for name, tensor in tensors.items()]


def strip_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries under a prefix, without it."""
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def optimizer_arrays(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Return the moments of each parameter, by its number and their name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}/{name}": array
        for index, moments in state.items()
        for name, array in to_arrays(moments)
    }


def restore_network(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put weights back, which have to be exactly those of the network."""
    check_alike(tensors, network.state_dict())
    network.load_state_dict(tensors)


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put the moments of :func:`optimizer_arrays` back.

    Torch's fused step trusts that moments are as large as their parameter, and reads
    and writes memory of others where they are smaller.
    """
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, moment = name.split("/")
        state.setdefault(int(index), {})[moment] = tensor
    expected = {
        f"{index}/{moment}": like
        for index in state
        for moment, like in _moments_of(parameters, index).items()
    }
    check_alike(tensors, expected)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def check_alike(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Require the same names, shapes and kinds of numbers."""
    found, due = _describe(tensors), _describe(expected)
    names = sorted(set(found) | set(due))
    wrong = [name for name in names if found.get(name) != due.get(name)]
    if wrong:
        details = list_offenders(
            f"{name}: {found.get(name, 'absent')}, expected {due.get(name, 'none')}"
            for name in wrong
        )
        msg = f"it has other arrays: {details}"
        raise ValueError(msg)


def _moments_of(parameters: list[Tensor], index: int) -> dict[str, Tensor]:
    """Return tensors like what the optimizer keeps for a parameter."""
    if not 0 <= index < len(parameters):
        msg = f"it has moments of parameter {index} of {len(parameters)}"
        raise ValueError(msg)
    like = parameters[index]
    return {"step": like.new_empty(()), "exp_avg": like, "exp_avg_sq": like}


def _describe(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return kind and shape of each tensor as text."""
    return {
        name: f"{str(one.dtype).removeprefix('torch.')} {tuple(one.shape)}"
        for name, one in tensors.items()
    }
