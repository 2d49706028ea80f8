"""Monte-Carlo dropout: the spread of predictions over thinned networks."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn import Dropout, ResponseNetwork
from sklearn_csg2a.training.inference import predict_response

if TYPE_CHECKING:
    from sklearn_csg2a.training.data import TreatmentTensors

__all__ = ["dropout_spread"]


class _Thinning(nn.Module):
    """Drop the same units for every row, until `mask` is set to None again."""

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator
        self.mask: Tensor | None = None  # (features,)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (..., features) without the units dropped."""
        if self.mask is None:  # drawn on the CPU: the same on every device
            draws = torch.rand(x.shape[-1], generator=self.generator)
            self.mask = ((draws >= self.p) / (1 - self.p)).to(x)
        return x * self.mask


def dropout_spread(
    network: ResponseNetwork, data: TreatmentTensors, n_passes: int, seed: int
) -> Tensor:
    """Return the standard deviation over passes with dropout, (rows, 1) float64.

    Each pass thins a copy of the network once and predicts all rows with it, so
    that the spread of a row does not depend on the rows beside it. A frozen part
    stays whole, as it was in training.
    """
    thinned = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    layers = _thin(thinned.head if thinned.freeze else thinned, generator)
    passes = []
    for _ in range(n_passes):
        for layer in layers:
            layer.mask = None
        passes.append(predict_response(thinned, data).double())
    # added one after the other: a reduction may round differently by shape
    mean = sum(passes, torch.zeros_like(passes[0])) / n_passes
    squares = ((one - mean).square() for one in passes)
    return (sum(squares, torch.zeros_like(mean)) / (n_passes - 1)).sqrt()


def _thin(network: nn.Module, generator: torch.Generator) -> list[_Thinning]:
    """Put a thinning in the place of every dropout of a network."""
    layers = []
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, Dropout):
                layer = _Thinning(child.p, generator)
                setattr(part, name, layer)
                layers.append(layer)
    return layers
