"""The skorch net for all networks, and the callbacks of an epoch.

Batches, loss and epochs are those of the net; callbacks set the learning rate, keep the
best weights, stop early and show progress.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback

from sklearn_csg2a._utils.progress import ProgressLine
from sklearn_csg2a.exceptions import DivergedError
from sklearn_csg2a.nn.blocks import count_blocks, map_blocks
from sklearn_csg2a.nn.layers import forget_gradients
from sklearn_csg2a.training.data import Batches
from sklearn_csg2a.training.device import Processes, explain_compilation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

__all__ = [
    "AdamW",
    "BestWeights",
    "CosineLearningRate",
    "DropoutOfProcess",
    "LastEpoch",
    "ShowProgress",
    "TrainingNet",
    "wrap_network",
]

_COST_OF_UPDATE = 2**5  # multiplications that take as long as one parameter
_LARGE = 2**16  # elements of a tensor that is cut
_FINAL_LEARNING_RATE = 0.01  # of the initial rate, at the end of the cosine


class AdamW(torch.optim.AdamW):
    """Torch's AdamW in blocks, without an import of torch's compiler.

    On a CPU a step reads and writes seven numbers for each parameter: idle threads
    process blocks of the large ones. Torch marks some methods of its optimizers for its
    compiler, and the first call of one imports it, which takes one to two seconds in
    each process; those below are the same methods without the marks.
    """

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    load_state_dict = inspect.unwrap(torch.optim.AdamW.load_state_dict)
    state_dict = inspect.unwrap(torch.optim.AdamW.state_dict)

    _updates: Mapping[int, _Update] = {}  # by id of the group

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step with the gradients that `closure`, if given, computes."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        """Update the parameters of a group and their averages."""
        parameters = [one for one in group["params"] if one.grad is not None]
        if not parameters:
            return
        update = self._updates.get(id(group))
        if update is None or not update.is_of(parameters, self.state):
            # parameters, gradients, first and second moments, largest ones, steps
            tensors: list[list[Tensor]] = [[] for _ in range(6)]
            self._init_group(group, *tensors)  # type: ignore[no-untyped-call]
            update = _Update.plan(tensors, self.state)
            self._updates = {**self._updates, id(group): update}
        blocks, gradients = update.blocks, update.cut([p.grad for p in parameters])
        torch._foreach_add_(update.steps, 1)

        def run(k: int) -> None:
            values, first, second, largest, steps = blocks[k]
            torch._fused_adamw_(
                values,
                gradients[k],
                first,
                second,
                largest,
                steps,
                amsgrad=group["amsgrad"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=group["maximize"],
            )

        map_blocks(run, len(blocks))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        del set_to_none
        for group in self.param_groups:
            forget_gradients(group["params"])

    def release(self) -> None:
        """Free the averages, which are twice as large as the parameters."""
        self._updates = {}
        self.state.clear()


@dataclass
class _Update:
    """The tensors of an update in blocks, cut once; each step has new gradients."""

    parameters: list[Tensor]
    places: list[int]  # of their values in memory
    states: list[dict[str, Any]]
    steps: list[Tensor]
    is_large: list[bool]
    blocks: list[list[list[Tensor]]]  # values, moments (first, second, largest), steps

    @classmethod
    def plan(cls, tensors: list[list[Tensor]], state: dict[Any, Any]) -> _Update:
        """Distribute the rows of large parameters among blocks; see :func:`_cut`."""
        parameters = tensors[0]
        on_cpu = all(one.device.type == "cpu" for one in parameters)
        n_parameters = sum(one.numel() for one in parameters)
        n = count_blocks(_COST_OF_UPDATE * n_parameters) if on_cpu else 1
        is_large = [
            one.ndim > 0 and len(one) >= n and one.numel() >= _LARGE
            for one in parameters
        ]
        n = n if any(is_large) else 1
        values, _, *moments, steps = tensors
        parts = [_cut(listed, is_large, n) for listed in (values, *moments)]
        large = [step for step, cut in zip(steps, is_large, strict=True) if cut]
        parts.append([steps, *((n - 1) * [large])])
        return cls(
            parameters,
            [one.data_ptr() for one in parameters],
            [state[one] for one in parameters],
            steps,
            is_large,
            [list(block) for block in zip(*parts, strict=True)],
        )

    def is_of(self, parameters: list[Tensor], state: dict[Any, Any]) -> bool:
        """Whether these are the parameters and their averages, in the same memory."""
        return len(parameters) == len(self.parameters) and all(
            one is known and one.data_ptr() == place and state.get(one) is averages
            for one, known, place, averages in zip(
                parameters, self.parameters, self.places, self.states, strict=True
            )
        )

    def cut(self, gradients: list[Tensor]) -> list[list[Tensor]]:
        """Distribute gradients like their parameters."""
        return _cut(gradients, self.is_large, len(self.blocks))


def _cut(tensors: list[Tensor], is_large: list[bool], n: int) -> list[list[Tensor]]:
    """Distribute the rows of large tensors among `n` blocks; the first has the others.

    There may be no tensors at all: without amsgrad, no largest moments.
    """
    blocks: list[list[Tensor]] = [[] for _ in range(n)]
    for tensor, large in zip(tensors, is_large, strict=bool(tensors)):
        parts: Sequence[Tensor] = tensor.tensor_split(n) if large else [tensor]
        for block, part in zip(blocks, parts, strict=False):
            block.append(part)
    return blocks


class TrainingNet(NeuralNetRegressor):
    """A skorch net for treatment batches that callbacks can stop."""

    low_precision = False
    stop_requested = False
    was_interrupted = False
    compiled: Callable[[Any], Tensor] | None = None  # the module, for training steps
    processes = Processes(torch.device("cpu"))
    _last_finite_loss: float | None = None

    def infer(self, x: Any, **_: Any) -> Tensor:
        """Run the module on a batch; optionally with bf16 products in training."""
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
        """Compute loss and gradients; of the whole batch if processes share it."""
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

        Reading a number from a device waits for all its pending work. Losses are
        therefore read immediately on a CPU, but at the end of the epoch on other
        devices and with several processes.
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
        """Raise an error that says where the training diverged."""
        batches = self.history[-1]["batches"]
        learning_rate = self.optimizer_.param_groups[0]["lr"]
        at = next(n for n, other in enumerate(batches, start=1) if other is batch)
        return (
            f"The training loss is {loss} at epoch {len(self.history)}, batch "
            f"{at} (last finite loss: {self._last_finite_loss}), with "
            f"learning rate {learning_rate:.3g}. Use a smaller learning_rate, or look "
            "for extreme values in the expression or the response."
        )

    def partial_fit(self, X: Any, *_: Any, **__: Any) -> TrainingNet:
        """Train; unlike skorch's, let a Ctrl-C pass that `fit_loop` does not answer."""
        self.notify("on_train_begin", X=X, y=None)
        self.fit_loop(X)
        self.notify("on_train_end", X=X, y=None)
        return self

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
        except KeyboardInterrupt as interrupt:
            if isinstance(interrupt.__context__, KeyboardInterrupt):
                raise  # a second one, while the first was on its way here
            self.was_interrupted = True
        return self


def wrap_network(
    network: nn.Module, device: torch.device, **settings: Any
) -> TrainingNet:
    """Return an initialised net around `network`, on the CPU or another device."""
    net = TrainingNet(
        network.to(device),
        criterion=torch.nn.MSELoss,
        optimizer=AdamW,
        optimizer__fused=True,
        device=str(device),
        callbacks__print_log=None,
        iterator_train=Batches,
        iterator_valid=Batches,
        **settings,
    )
    return net.initialize()


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


class LastEpoch(Callback):
    """Ends a training after some epochs, within a schedule for more of them."""

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
        """Stop if this was the last one."""
        if len(net.history) >= self.n_epochs:
            net.stop_requested = True


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
