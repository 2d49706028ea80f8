"""The training loop: a skorch net on batches of unique cells and conditions."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.helper import predefined_split

from sklearn_csg2a._utils.progress import ProgressLine
from sklearn_csg2a.exceptions import DivergedError, InterruptedFitWarning
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.training.checkpoint import digest
from sklearn_csg2a.training.compiled import compile_network, explain_compilation
from sklearn_csg2a.training.data import Batches, TreatmentDataset
from sklearn_csg2a.training.device import uses_bfloat16
from sklearn_csg2a.training.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from sklearn_csg2a.training.checkpoint import Checkpoint

__all__ = ["TrainingNet", "TrainingSettings", "train_network", "wrap_network"]

_FINAL_LEARNING_RATE = 0.01  # of the first, at the end of the cosine
_CALLER_OF_FIT = 5  # stacklevel of a warning of `train_network`


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
    loss_scale: float = 1.0  # from losses to the squared unit of y, for progress
    callbacks: list[Any] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    compile: bool = False
    processes: Processes | None = None  # that train together; None is this one


class TrainingNet(NeuralNetRegressor):
    """A skorch net that takes treatment batches and stops on command."""

    low_precision = False
    stop_requested = False
    was_interrupted = False
    compiled: Callable[[Any], Tensor] | None = None  # the module, for training steps
    processes = Processes(torch.device("cpu"))
    _last_finite_loss: float | None = None

    def infer(self, x: Any, **_: Any) -> Tensor:
        """Run the module on a batch; bf16 products in training, if asked for."""
        training = self.module_.training
        forward = self.compiled if training and self.compiled else self.module_
        kind = torch.device(self.device).type
        low = self.low_precision and training
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=low):
            return forward(x)

    def get_loss(self, y_pred: Tensor, y_true: Tensor, *_: Any, **__: Any) -> Tensor:
        """Return the mean squared error; shapes must agree exactly."""
        if y_pred.shape != y_true.shape:
            msg = f"prediction {tuple(y_pred.shape)}, target {tuple(y_true.shape)}"
            raise AssertionError(msg)
        return torch.nn.functional.mse_loss(y_pred, y_true)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute loss and gradients; of the whole batch where processes share it."""
        with explain_compilation(self.compiled):
            step = super().train_step_single(batch, **fit_params)
        rows, parameters = len(batch[1]), self.module_.parameters()
        step["loss"] = self.processes.average(step["loss"], rows, parameters)
        return step

    @property
    def reads_losses_at_once(self) -> bool:
        """Whether a loss is read before the next batch."""
        on_cpu = torch.device(self.device).type == "cpu"
        return on_cpu and not self.processes.are_several

    def run_single_epoch(
        self,
        iterator: Any,
        training: bool,
        prefix: str,
        step_fn: Callable[..., dict[str, Any]],
        **fit_params: Any,
    ) -> None:
        """Take the batches of an epoch; no loss may be non-finite in training.

        To read a number from a device is to wait until it has done all that it was
        asked to. So the losses are read at once on a CPU, and at the end of the epoch
        elsewhere, or where processes have to agree on them.
        """
        if iterator is None:
            return
        n_batches = 0
        for batch, n_rows in zip(iterator, iterator.sizes(), strict=True):
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            loss = step["loss"].detach()
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", n_rows)
            if self.reads_losses_at_once:
                self._read_losses(prefix, self.history[-1]["batches"][-1:], training)
            self.notify("on_batch_end", batch=batch, training=training, **step)
            n_batches += 1
        if not self.reads_losses_at_once:
            self._read_losses(prefix, self.history[-1]["batches"], training)
        self.history.record(f"{prefix}_batch_count", n_batches)

    def _read_losses(
        self, prefix: str, batches: list[dict[str, Any]], training: bool
    ) -> None:
        """Turn losses into numbers; in training, stop at the first non-finite one."""
        name = f"{prefix}_loss"
        with_loss = [batch for batch in batches if name in batch]
        losses = torch.stack([batch[name] for batch in with_loss])
        self.processes.copy_first([losses])
        for batch, loss in zip(with_loss, losses.tolist(), strict=True):
            batch[name] = loss
            if training and not math.isfinite(loss):
                raise DivergedError(self._divergence(loss, batch))
            self._last_finite_loss = loss if training else self._last_finite_loss

    def _divergence(self, loss: float, batch: dict[str, Any]) -> str:
        """Say where the training diverged and what to do."""
        batches = self.history[-1]["batches"]
        learning_rate = self.optimizer_.param_groups[0]["lr"]
        at = next(n for n, one in enumerate(batches, start=1) if one is batch)
        return (
            f"The training loss is {loss} at epoch {len(self.history)}, batch "
            f"{at} (last finite loss: {self._last_finite_loss}), with "
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
                self.processes.copy_first(self.module_.buffers())
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


class _DropoutOfProcess(Callback):
    """Give each process masks of its own, which follow from seed and epoch alone."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.seed = generator.initial_seed()

    def on_epoch_begin(self, net: TrainingNet, **_: Any) -> None:
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


class _ShowProgress(Callback):
    """Show epoch, losses and time left; losses are in the unit of the history."""

    def __init__(self, loss_scale: float) -> None:
        self.loss_scale = loss_scale
        self.line: ProgressLine | None = None

    def on_train_begin(self, net: TrainingNet, **_: Any) -> None:
        done = len(net.history)
        if done < net.max_epochs and not net.stop_requested:
            left = "at most {remaining} left"
            self.line = ProgressLine(net.max_epochs, "epoch", start=done, left=left)

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
        row = net.history[-1]
        losses = [
            f"{name} {row[f'{name}_loss'] * self.loss_scale:.4g}"
            for name in ("train", "valid")
            if f"{name}_loss" in row
        ]
        if self.line is not None:
            self.line.update(len(net.history), ", ".join(losses))

    def close(self) -> None:
        """Leave the line, however the training ended."""
        if self.line is not None:
            self.line.close()
            self.line = None


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
    processes = settings.processes or Processes(settings.device)
    processes.check_batches(settings.batch_size, len(train))
    best = BestWeights(settings.patience)
    progress = _ShowProgress(settings.loss_scale)
    net = wrap_network(
        network,
        settings.device,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=settings.weight_decay,
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        iterator_train__share=(processes.rank, processes.count),
        iterator_valid__batch_size=max(1024, settings.batch_size),
        train_split=None if valid is None else predefined_split(valid),
        callbacks=_callbacks(network, settings, processes, best, progress),
    )
    net.low_precision = uses_bfloat16(
        settings.precision, settings.device, stacklevel=_CALLER_OF_FIT
    )
    net.processes = processes
    if settings.compile:
        net.compiled = compile_network(network)
    if settings.checkpoint is not None:
        settings.checkpoint.resume(net, best, n_processes=processes.count)
    if processes.are_several:
        processes.check_same(_what_all_share(net, train, valid))
        processes.copy_first(net.module_.state_dict().values())
    try:
        net.partial_fit(train)
    finally:
        progress.close()
    net.compiled = None
    if net.was_interrupted and processes.are_several:
        raise KeyboardInterrupt  # each is at a batch of its own
    best.restore(net.module_)
    net.module_.eval()
    if net.was_interrupted:
        warnings.warn(
            f"Training was interrupted in epoch {len(net.history)} of "
            f"{settings.max_epochs}; {_describe_kept(best)}.",
            InterruptedFitWarning,
            stacklevel=_CALLER_OF_FIT,
        )
    _check_finite(net, train)
    return net, best


def _callbacks(
    network: nn.Module,
    settings: TrainingSettings,
    processes: Processes,
    best: BestWeights,
    progress: _ShowProgress,
) -> list[Any]:
    """Return what is called during a training, in this order."""
    callbacks: list[Any] = [
        ("learning_rate", _CosineLearningRate(settings.learning_rate)),
        ("best_weights", best),
    ]
    layers = [one for one in network.modules() if isinstance(one, Dropout)]
    generators = [one.generator for one in layers if one.generator is not None]
    if processes.are_several and generators:  # they are all the same
        callbacks.append(("dropout", _DropoutOfProcess(generators[0])))
    if settings.checkpoint is not None and processes.this_is_main:
        callbacks.append(("checkpoint", settings.checkpoint.callback(best)))
    if settings.verbose and processes.this_is_main:
        callbacks.append(("progress", progress))
    return callbacks + list(settings.callbacks)


def _what_all_share(
    net: TrainingNet, train: TreatmentDataset, valid: TreatmentDataset | None
) -> str:
    """Return a digest of rows, responses and how far the training is."""
    counts = torch.tensor([net.batch_size, net.max_epochs, len(net.history)])
    parts = [one for one in (train, valid) if one is not None]
    tensors = [counts, *(part for one in parts for part in (one.rows, one.target))]
    return digest(*(tensor.cpu().numpy() for tensor in tensors))


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
