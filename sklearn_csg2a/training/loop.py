"""The training loop: a skorch net on batches of unique cells and conditions."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
import torch
from skorch.helper import predefined_split

from sklearn_csg2a._utils.caller import find_stacklevel, is_one_of_several
from sklearn_csg2a._utils.files import digest
from sklearn_csg2a.exceptions import (
    DeviceMemoryError,
    DivergedError,
    InterruptedFitWarning,
)
from sklearn_csg2a.nn import Dropout
from sklearn_csg2a.training.checkpoint import Checkpoint
from sklearn_csg2a.training.data import TreatmentDataset
from sklearn_csg2a.training.device import Processes, compile_network, uses_bfloat16
from sklearn_csg2a.training.net import (
    BestWeights,
    CosineLearningRate,
    DropoutOfProcess,
    ShowProgress,
    TrainingNet,
    wrap_network,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


__all__ = ["TrainingSettings", "history_table", "train_network"]

_NONE = -1  # where there is no pipe for signals
_MANY = 2**16  # bytes, more than such a pipe holds


@dataclass
class TrainingSettings:
    """Settings of a training; the names are those of the estimators."""

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
    processes: Processes | None = None  # None for this process alone
    warns: bool = True  # of what may be said once for several trainings


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
    progress = ShowProgress(settings.loss_scale)
    net = wrap_network(
        network,
        settings.device,
        optimizer__weight_decay=settings.weight_decay,
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        iterator_train__share=(processes.rank, processes.count),
        iterator_valid__batch_size=max(1024, settings.batch_size),
        train_split=None if valid is None else predefined_split(valid),
        callbacks=_callbacks(network, settings, processes, best, progress),
    )
    net.low_precision = (
        uses_bfloat16(settings.precision, settings.device)
        if settings.warns
        else settings.precision == "bf16"
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
        with _saying_sizes(settings, train), _Presses() as presses:
            net.partial_fit(train)
            pressed_again = net.was_interrupted and presses.count() > 1
    finally:
        progress.close()
    net.compiled = None
    each_elsewhere = processes.are_several  # at other batches
    if pressed_again or (
        net.was_interrupted and (each_elsewhere or is_one_of_several())
    ):
        raise KeyboardInterrupt
    best.restore(net.module_)
    net.module_.eval()
    if net.was_interrupted and settings.warns:
        warnings.warn(
            f"Training was interrupted in epoch {len(net.history)} of "
            f"{settings.max_epochs}; {_describe_weights(best)}.",
            InterruptedFitWarning,
            stacklevel=find_stacklevel(),
        )
    _check_finite(net, train)
    return net, best


class _Presses:
    """Counts how often Ctrl-C is pressed.

    Python notices signals between two of its own instructions. Two that come within one
    long operation of torch are one KeyboardInterrupt, but a byte each in the pipe of
    `signal.set_wakeup_fd`. Two that come while the process waits for a core are one
    already in the system, which keeps no number of them: such a pair ends the fit as
    one. Counts nothing on other threads than the main one, or where a program, such as
    an event loop, reads these bytes itself.
    """

    def __enter__(self) -> Self:
        self._ends: tuple[int, ...] = ()
        on_main = threading.current_thread() is threading.main_thread()
        if not on_main or os.name != "posix":
            return self
        self._ends = os.pipe()
        for end in self._ends:
            os.set_blocking(end, False)
        before = signal.set_wakeup_fd(self._ends[1], warn_on_full_buffer=False)
        if before != _NONE:
            signal.set_wakeup_fd(before)
            self._close()
        return self

    def count(self) -> int:
        """Return how often it was pressed so far."""
        try:
            return os.read(self._ends[0], _MANY).count(signal.SIGINT)
        except (BlockingIOError, IndexError):  # never, or it is not counted
            return 0

    def __exit__(self, *_: object) -> None:
        if self._ends:
            signal.set_wakeup_fd(_NONE)
            self._close()

    def _close(self) -> None:
        for end in self._ends:
            os.close(end)
        self._ends = ()


@contextmanager
def _saying_sizes(
    settings: TrainingSettings, train: TreatmentDataset
) -> Iterator[None]:
    """Say which batch did not fit into the memory of the device."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        msg = (
            f"{settings.device} has too little memory for a batch of "
            f"{settings.batch_size} of {len(train)} rows ({error}). Use "
            f"batch_size={max(1, settings.batch_size // 2)}, or device='cpu'."
        )
        raise DeviceMemoryError(msg) from error


def _callbacks(
    network: nn.Module,
    settings: TrainingSettings,
    processes: Processes,
    best: BestWeights,
    progress: ShowProgress,
) -> list[Any]:
    """Return the callbacks of a training, in order."""
    callbacks: list[Any] = [
        ("learning_rate", CosineLearningRate(settings.learning_rate)),
        ("best_weights", best),
    ]
    layers = [layer for layer in network.modules() if isinstance(layer, Dropout)]
    generators = [layer.generator for layer in layers if layer.generator is not None]
    if processes.are_several and generators:  # all are the same
        callbacks.append(("dropout", DropoutOfProcess(generators[0])))
    if settings.checkpoint is not None and processes.this_is_main:
        callbacks.append(("checkpoint", settings.checkpoint.callback(best)))
    if settings.verbose and processes.this_is_main:
        callbacks.append(("progress", progress))
    return callbacks + list(settings.callbacks)


def _what_all_share(
    net: TrainingNet, train: TreatmentDataset, valid: TreatmentDataset | None
) -> str:
    """Return a digest of rows, responses and the state of the training."""
    counts = torch.tensor([net.batch_size, net.max_epochs, len(net.history)])
    datasets = [data for data in (train, valid) if data is not None]
    tensors = [
        counts,
        *(part for data in datasets for part in (data.rows, data.target)),
    ]
    return digest(*(tensor.cpu().numpy() for tensor in tensors))


def _describe_weights(best: BestWeights) -> str:
    """Say which weights the model has after an interrupted training."""
    if best.best_epoch == 0:
        return (
            "no epoch was completed: the model keeps the weights of the interrupted "
            "epoch and is effectively untrained"
        )
    if best.weights is None:
        return "without validation rows, the model keeps its last weights"
    return f"the model keeps the best weights so far, of epoch {best.best_epoch}"


@torch.no_grad()
def _check_finite(net: TrainingNet, train: TreatmentDataset) -> None:
    """Raise an error if the last step made weights or predictions non-finite."""
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


def history_table(net: TrainingNet, squared_scale: float) -> pd.DataFrame:
    """Return one row per epoch; losses are in the squared units of y."""
    factors = {
        "train_loss": squared_scale,
        "valid_loss": squared_scale,
        "learning_rate": 1.0,
        "dur": 1.0,
    }
    table = pd.DataFrame(
        [
            {
                "epoch": position + 1,
                **{n: row[n] * factor for n, factor in factors.items() if n in row},
            }
            for position, row in enumerate(net.history)
        ]
    )
    return table.rename(columns={"dur": "seconds"})
