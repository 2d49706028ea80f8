"""Several networks trained at the same time, each on a thread of its own.

Threads that share the blocks of one network wait for each other in every step. Members
have nothing to wait for: each computes on one thread, with the same bits as alone.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from skorch.callbacks import Callback

from sklearn_csg2a._utils.progress import ProgressLine
from sklearn_csg2a.nn.blocks import map_blocks
from sklearn_csg2a.training.device import uses_bfloat16
from sklearn_csg2a.training.loop import TrainingSettings, train_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from sklearn_csg2a.training.data import TreatmentDataset
    from sklearn_csg2a.training.net import BestWeights, TrainingNet

__all__ = ["Training", "train_members"]


class Training(NamedTuple):
    """The arguments of `train_network`."""

    network: nn.Module
    train: TreatmentDataset
    valid: TreatmentDataset | None
    settings: TrainingSettings


def train_members(
    trainings: Sequence[Training], *, verbose: int
) -> list[tuple[TrainingNet, BestWeights] | None]:
    """Train all networks; None for those that Ctrl-C kept from starting.

    An interruption stops all of them, and each keeps its best weights. An error in one
    stops the others and is raised.
    """
    first = trainings[0].settings
    uses_bfloat16(first.precision, first.device)  # warns, once
    watch = _Watch(sum(one.settings.max_epochs for one in trainings), verbose)
    results: list[tuple[TrainingNet, BestWeights] | None] = [None] * len(trainings)

    def train(k: int) -> None:
        with watch.running():
            if not watch.is_stopped():
                results[k] = _train(trainings[k], watch)

    try:
        if _can_share_threads(first):
            map_blocks(train, len(trainings))
        else:
            for k in range(len(trainings)):
                train(k)
    except KeyboardInterrupt:  # not within an epoch of this thread
        watch.stop()
        watch.wait()
    finally:
        watch.close()
    return results


def _train(training: Training, watch: _Watch) -> tuple[TrainingNet, BestWeights]:
    """Train one network, watched by all."""
    settings = training.settings
    watched = replace(
        settings,
        verbose=0,
        warns=False,
        callbacks=[*settings.callbacks, _Watched(watch)],
    )
    try:
        net, best = train_network(*training[:-1], watched)
    except BaseException:
        watch.stop()
        raise
    if net.was_interrupted:
        watch.stop()
    net.optimizer_.release()
    net.module_.zero_grad()
    watch.count(settings.max_epochs - len(net.history))
    return net, best


def _can_share_threads(settings: TrainingSettings) -> bool:
    """Whether networks may train at the same time: not with what all would share."""
    several = settings.processes is not None and settings.processes.are_several
    on_cpu = settings.device.type == "cpu"
    return on_cpu and not (several or settings.callbacks or settings.compile)


class _Watch:
    """What trainings on several threads share: a stop and a line of progress."""

    def __init__(self, n_epochs: int, verbose: int) -> None:
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._n_running = self._done = 0
        self._line = ProgressLine(n_epochs, "epoch of a member") if verbose else None

    def stop(self) -> None:
        """Ask all trainings to stop before their next batch."""
        self._stopped.set()

    def is_stopped(self) -> bool:
        """Whether all trainings are to stop."""
        return self._stopped.is_set()

    def running(self) -> _Watch:
        """Return a context in which one more training is running."""
        return self

    def __enter__(self) -> None:
        with self._changed:
            self._n_running += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._n_running -= 1
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until no training is running."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_running == 0)

    def count(self, n_epochs: int) -> None:
        """Show that some more epochs are done, or will not be needed."""
        if self._line is None:
            return
        with self._changed:
            self._done += n_epochs
            self._line.update(self._done)

    def close(self) -> None:
        """Close the line of progress."""
        if self._line is not None:
            self._line.close()


class _Watched(Callback):
    """Reports epochs, and stops as if by Ctrl-C when all are to stop."""

    def __init__(self, watch: _Watch) -> None:
        self.watch = watch

    def on_train_begin(self, net: TrainingNet, **_: Any) -> None:
        """Count the epochs of a checkpoint."""
        self.watch.count(len(net.history))

    def on_batch_begin(self, net: TrainingNet, **_: Any) -> None:
        """Stop before a batch."""
        del net
        if self.watch.is_stopped():
            raise KeyboardInterrupt

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
        """Count an epoch."""
        del net
        self.watch.count(1)
