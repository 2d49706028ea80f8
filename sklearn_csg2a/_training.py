"""The training loop: a skorch net on batches of unique cells and conditions."""

from __future__ import annotations

import math
import sys
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.helper import predefined_split

from sklearn_csg2a._batches import Batches, TreatmentDataset
from sklearn_csg2a.exceptions import DivergedError, InterruptedFitWarning

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sklearn_csg2a._checkpoint import Checkpoint

__all__ = ["TrainingNet", "TrainingSettings", "train_network", "wrap_network"]

_FINAL_LEARNING_RATE = 0.01  # of the first, at the end of the cosine


@dataclass
class TrainingSettings:
    """How a network is trained; the names are those of the estimators."""

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    device: torch.device
    precision: str = "float32"
    verbose: int = 0
    callbacks: list[Any] = field(default_factory=list)
    checkpoint: Checkpoint | None = None


class TrainingNet(NeuralNetRegressor):
    """A skorch net that takes treatment batches and stops on command."""

    low_precision = False
    stop_requested = False
    was_interrupted = False

    def infer(self, x: Any, **_: Any) -> Tensor:
        """Run the module on a batch; bf16 products in training, if asked for."""
        low = self.low_precision and self.module_.training
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=low):
            return self.module_(x)

    def get_loss(self, y_pred: Tensor, y_true: Tensor, *_: Any, **__: Any) -> Tensor:
        """Return the mean squared error; shapes must agree exactly."""
        if y_pred.shape != y_true.shape:
            msg = f"prediction {tuple(y_pred.shape)}, target {tuple(y_true.shape)}"
            raise AssertionError(msg)
        return torch.nn.functional.mse_loss(y_pred, y_true)

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Take one optimisation step, or stop at the first non-finite loss."""
        step = super().train_step(batch, **fit_params)
        loss = step["loss"].item()
        if not math.isfinite(loss):
            raise DivergedError(self._divergence(loss))
        self._last_finite_loss = loss
        return step

    def _divergence(self, loss: float) -> str:
        """Say where the training diverged and what to do."""
        last = getattr(self, "_last_finite_loss", None)
        learning_rate = self.optimizer_.param_groups[0]["lr"]
        return (
            f"The training loss is {loss} at epoch {len(self.history)}, batch "
            f"{len(self.history[-1]['batches'])} (last finite loss: {last}), with "
            f"learning rate {learning_rate:.3g}. Use a smaller learning_rate, or look "
            "for extreme values in the expression or the response."
        )

    def fit_loop(self, X: Any, *_: Any, **__: Any) -> TrainingNet:
        """Run epochs until max_epochs, early stopping or Ctrl-C."""
        dataset_train, dataset_valid = self.get_split_datasets(X)
        kwargs = {"dataset_train": dataset_train, "dataset_valid": dataset_valid}
        train = self.get_iterator(dataset_train, training=True)
        valid = (
            None
            if dataset_valid is None
            else self.get_iterator(dataset_valid, training=False)
        )
        try:
            while len(self.history) < self.max_epochs and not self.stop_requested:
                self.notify("on_epoch_begin", **kwargs)
                self.run_single_epoch(
                    train, training=True, prefix="train", step_fn=self.train_step
                )
                self.run_single_epoch(
                    valid,
                    training=False,
                    prefix="valid",
                    step_fn=self.validation_step,
                )
                self.notify("on_epoch_end", **kwargs)
                self.history[-1]["batches"] = []  # one row per epoch is kept
        except KeyboardInterrupt:
            self.was_interrupted = True
        return self


class _CosineLearningRate(Callback):
    """Lower the learning rate along a half cosine, a function of the epoch alone."""

    def __init__(self, first: float) -> None:
        self.first = first

    def on_epoch_begin(self, net: TrainingNet, **_: Any) -> None:
        done = (len(net.history) - 1) / net.max_epochs
        shape = 0.5 * (1 + math.cos(math.pi * done))
        rate = self.first * (_FINAL_LEARNING_RATE + (1 - _FINAL_LEARNING_RATE) * shape)
        for group in net.optimizer_.param_groups:
            group["lr"] = rate
        net.history.record("learning_rate", rate)


class BestWeights(Callback):
    """Keep the weights of the best validation loss; stop after `patience` epochs."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_epoch = 0
        self.best_loss = math.inf
        self.weights: dict[str, Tensor] | None = None

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
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
        """Put the best weights back."""
        if self.weights is not None:
            network.load_state_dict(self.weights)


class _ProgressLine(Callback):
    """Rewrite one line on stderr: epoch, losses, time left."""

    def on_train_begin(self, net: TrainingNet, **_: Any) -> None:
        self._start = time.monotonic()
        self._first_epoch = len(net.history)

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
        epoch = len(net.history)
        per_epoch = (time.monotonic() - self._start) / (epoch - self._first_epoch)
        row = net.history[-1]
        losses = [f"train {row['train_loss']:.4f}"]
        if "valid_loss" in row:
            losses.append(f"valid {row['valid_loss']:.4f}")
        left = _clock(per_epoch * (net.max_epochs - epoch))
        sys.stderr.write(
            f"\repoch {epoch}/{net.max_epochs}  {'  '.join(losses)}  "
            f"at most {left} left \033[K"
        )
        sys.stderr.flush()

    def on_train_end(self, net: TrainingNet, **_: Any) -> None:
        if len(net.history) > self._first_epoch:
            sys.stderr.write("\n")
            sys.stderr.flush()


def wrap_network(
    network: nn.Module, device: torch.device, **settings: Any
) -> TrainingNet:
    """Return an initialised net around `network`, on the CPU or another device."""
    net = TrainingNet(
        network.to(device),
        criterion=torch.nn.MSELoss,
        device=str(device),
        callbacks__print_log=None,
        iterator_train=Batches,
        iterator_valid=Batches,
        **settings,
    )
    return net.initialize()


def train_network(
    network: nn.Module,
    train: TreatmentDataset,
    valid: TreatmentDataset | None,
    settings: TrainingSettings,
) -> tuple[TrainingNet, BestWeights]:
    """Train `network` in place and leave the best weights in it."""
    best = BestWeights(settings.patience)
    callbacks: list[Any] = [
        ("learning_rate", _CosineLearningRate(settings.learning_rate)),
        ("best_weights", best),
    ]
    if settings.checkpoint is not None:
        callbacks.append(("checkpoint", settings.checkpoint.callback(best)))
    if settings.verbose:
        callbacks.append(("progress", _ProgressLine()))
    net = wrap_network(
        network,
        settings.device,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=settings.weight_decay,
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        iterator_valid__batch_size=max(1024, settings.batch_size),
        train_split=None if valid is None else predefined_split(valid),
        callbacks=callbacks + list(settings.callbacks),
    )
    net.low_precision = settings.precision == "bf16"
    if settings.checkpoint is not None:
        settings.checkpoint.resume(net, best)
    net.partial_fit(train)
    best.restore(net.module_)
    net.module_.eval()
    if net.was_interrupted:
        warnings.warn(
            f"Training was interrupted in epoch {len(net.history)} of "
            f"{settings.max_epochs}; {_describe_kept(best)}.",
            InterruptedFitWarning,
            stacklevel=5,  # the caller of fit
        )
    _check_finite(net, train)
    return net, best


def _describe_kept(best: BestWeights) -> str:
    """Say which weights an interrupted training leaves."""
    if best.best_epoch == 0:
        return (
            "no epoch was completed: the model keeps the weights of the interrupted "
            "epoch and is as good as untrained"
        )
    if best.weights is None:
        return "without validation rows, the model keeps its last weights"
    return f"the model keeps the best weights so far, of epoch {best.best_epoch}"


def _copy_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all parameters and buffers."""
    return {
        name: tensor.detach().clone() for name, tensor in network.state_dict().items()
    }


@torch.no_grad()
def _check_finite(net: TrainingNet, train: TreatmentDataset) -> None:
    """Refuse a network whose last step made weights or predictions non-finite."""
    positions = torch.arange(min(len(train), net.batch_size), device=train.rows.device)
    tensors = {
        **net.module_.state_dict(),
        "the predictions": net.infer(train.batch(positions)[0]),
    }
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            rate = net.optimizer_.param_groups[0]["lr"]
            msg = (
                f"Training made {name} non-finite in epoch {len(net.history)} with "
                f"learning rate {rate:.3g}. Use a smaller learning_rate."
            )
            raise DivergedError(msg)


def _clock(seconds: float) -> str:
    """Format a duration as 1:02:03 or 2:03."""
    minutes, seconds_left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds_left:02d}"
    return f"{minutes}:{seconds_left:02d}"
