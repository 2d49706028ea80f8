"""Callbacks of an epoch: best weights, learning rate, progress."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from skorch.callbacks import Callback

from sklearn_csg2a._utils.progress import ProgressLine

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sklearn_csg2a.training.net import TrainingNet

__all__ = ["BestWeights", "CosineLearningRate", "DropoutOfProcess", "ShowProgress"]

_FINAL_LEARNING_RATE = 0.01  # of the initial rate, at the end of the cosine


class CosineLearningRate(Callback):
    """Lower the learning rate along a half cosine, depending on the epoch alone."""

    def __init__(self, first: float) -> None:
        self.first = first

    def on_epoch_begin(self, net: TrainingNet, **_: Any) -> None:
        """Set the learning rate of the epoch."""
        done = (len(net.history) - 1) / net.max_epochs
        shape = 0.5 * (1 + math.cos(math.pi * done))
        rate = self.first * (_FINAL_LEARNING_RATE + (1 - _FINAL_LEARNING_RATE) * shape)
        for group in net.optimizer_.param_groups:
            group["lr"] = rate
        net.history.record("learning_rate", rate)


class DropoutOfProcess(Callback):
    """Seed the dropout of each process by seed and epoch."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.seed = generator.initial_seed()

    def on_epoch_begin(self, net: TrainingNet, **_: Any) -> None:
        """Seed the generator for the epoch and the process."""
        seed = net.processes.seed_of_epoch(self.seed, len(net.history))
        self.generator.manual_seed(seed)


class BestWeights(Callback):
    """Keep the weights of the best validation loss; stop after `patience` epochs."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_epoch = 0
        self.best_loss = math.inf
        self.weights: dict[str, Tensor] | None = None

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
        """Compare the validation loss of the epoch."""
        epoch = len(net.history)
        loss = net.history[-1].get("valid_loss")
        if loss is None:
            self.best_epoch = epoch
        elif loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            self.weights = _copy_weights(net.module_)
        elif epoch - self.best_epoch >= self.patience:
            net.stop_requested = True

    def restore(self, network: nn.Module) -> None:
        """Restore the best weights."""
        if self.weights is not None:
            network.load_state_dict(self.weights)


class ShowProgress(Callback):
    """Show epoch, losses and time left; losses are in the unit of the history."""

    def __init__(self, loss_scale: float) -> None:
        self.loss_scale = loss_scale
        self.line: ProgressLine | None = None

    def on_train_begin(self, net: TrainingNet, **_: Any) -> None:
        """Start the line."""
        done = len(net.history)
        if done < net.max_epochs and not net.stop_requested:
            self.line = ProgressLine(
                net.max_epochs,
                "epoch",
                start=done,
                time_left="at most {remaining} left",
            )

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
        """Show the losses of the epoch."""
        row = net.history[-1]
        losses = [
            f"{name} {row[f'{name}_loss'] * self.loss_scale:.4g}"
            for name in ("train", "valid")
            if f"{name}_loss" in row
        ]
        if self.line is not None:
            self.line.update(len(net.history), ", ".join(losses))

    def close(self) -> None:
        """Close the line, however the training ended."""
        if self.line is not None:
            self.line.close()
            self.line = None


def _copy_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all parameters and buffers."""
    return {
        name: tensor.detach().clone() for name, tensor in network.state_dict().items()
    }
