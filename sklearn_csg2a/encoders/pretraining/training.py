"""The masked-atom training of a MAT: steps, schedule, checkpoint, accuracy."""

from __future__ import annotations

import json
import logging
import math
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from sklearn_csg2a._utils.archive import write_archive
from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a.chem._cache import content_hash
from sklearn_csg2a.encoders.pretraining.masked_atoms import (
    AccuracyTable,
    MaskedAtomModel,
    hide_atoms,
    masked_atom_loss,
)
from sklearn_csg2a.exceptions import (
    CheckpointError,
    DivergedError,
    InputError,
    InterruptedFitWarning,
)
from sklearn_csg2a.nn.mat import MAT
from sklearn_csg2a.training.device import uses_bfloat16
from sklearn_csg2a.training.stored_state import (
    optimizer_arrays,
    read_checkpoint,
    refuse_other_content,
    restore_network,
    restore_optimizer,
    strip_prefix,
    to_arrays,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sklearn_csg2a.encoders.pretraining.packed import GraphBatch, PackedMolecules
    from sklearn_csg2a.encoders.pretraining.progress import PretrainingProgress

__all__ = ["MaskedAtomTraining", "PretrainingSettings"]

_LOGGER = logging.getLogger("sklearn_csg2a")
_WIDTH_STEP = 8  # padded widths; few, so that few shapes are compiled
_SORTED_BATCHES = 64  # number of batches that are sorted by size together
_CHECKPOINT_SECONDS = 120
_CHECKPOINT = "pretraining.checkpoint"
_FORMAT = 1
_WEIGHTS = "mat.safetensors"


@dataclass(frozen=True)
class PretrainingSettings:
    """Settings that determine the weights."""

    d_model: int
    n_layers: int
    n_heads: int
    masked: float
    held_out: float
    max_epochs: int
    batch_size: int
    learning_rate: float
    warmup: float
    precision: str
    random_state: int

    def __post_init__(self) -> None:
        """Reject invalid values."""
        for name in ("masked", "held_out"):
            if not 0 < getattr(self, name) < 1:
                msg = f"{name}={getattr(self, name)!r} must lie between 0 and 1."
                raise InputError(msg)
        for name in ("max_epochs", "batch_size", "n_layers", "n_heads", "d_model"):
            value = getattr(self, name)
            if isinstance(value, bool) or int(value) != value or value < 1:
                msg = f"{name}={value!r} must be an integer of at least 1."
                raise InputError(msg)
        if self.precision not in {"float32", "bf16"}:
            msg = f"precision={self.precision!r} must be 'float32' or 'bf16'."
            raise InputError(msg)
        if self.learning_rate <= 0 or not 0 <= self.warmup < 1:
            msg = (
                f"learning_rate={self.learning_rate!r} must be positive and "
                f"warmup={self.warmup!r} a fraction of the steps."
            )
            raise InputError(msg)


class MaskedAtomTraining:
    """The state of a pretraining, in memory and on disk."""

    def __init__(
        self,
        molecules: PackedMolecules,
        settings: PretrainingSettings,
        device: torch.device,
        folder: Path,
    ) -> None:
        self.settings = settings
        self.device = device
        self.low_precision = uses_bfloat16(settings.precision, device)  # pretrain_mat's
        self.folder = folder
        self.train, self.held_out = _separate(molecules, settings)
        self.identity = content_hash(
            {"settings": asdict(settings), "smiles": molecules.smiles.tolist()}
        )
        rng = torch.Generator().manual_seed(settings.random_state)
        mat = MAT(
            d_model=settings.d_model,
            n_layers=settings.n_layers,
            n_heads=settings.n_heads,
            generator=rng,
        )
        self.model = MaskedAtomModel(mat, rng).to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=settings.learning_rate,
            weight_decay=0.01,
            fused=True,
        )
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.losses: list[float] = []  # of the current epoch
        self.interrupted = False

    @property
    def steps_per_epoch(self) -> int:
        """Optimisation steps per pass."""
        return math.ceil(len(self.train) / self.settings.batch_size)

    @property
    def n_steps(self) -> int:
        """Total number of optimisation steps."""
        return self.steps_per_epoch * self.settings.max_epochs

    def run(self, progress: PretrainingProgress) -> None:
        """Train to the end, or until Ctrl-C."""
        progress.begin(self.step, self.n_steps)
        written = time.monotonic()
        try:
            while len(self.history) < self.settings.max_epochs:
                for index, width in self._batches_left():
                    self.losses.append(self._train_step(index, width))
                    progress.step(self.step, self.losses[-1])
                    if time.monotonic() - written > _CHECKPOINT_SECONDS:
                        self.save()
                        written = time.monotonic()
                self._end_epoch()
        except KeyboardInterrupt:  # possibly within a step, so it is not saved
            self.interrupted = True
            warnings.warn(
                f"Pretraining was interrupted at step {self.step} of {self.n_steps}; "
                "the weights so far are written, and the same call goes on from the "
                "last checkpoint.",
                InterruptedFitWarning,
                stacklevel=find_stacklevel(),
            )
        finally:
            progress.end()

    def _batches_left(self) -> Iterator[tuple[np.ndarray, int]]:
        """Yield the remaining batches of this epoch."""
        epoch = len(self.history)
        done = self.step - epoch * self.steps_per_epoch
        seed = [self.settings.random_state, epoch]
        order = np.random.default_rng(seed).permutation(len(self.train))
        batches = _by_size(order, self.train.n_atoms, self.settings.batch_size, seed)
        yield from batches[done:]

    def _train_step(self, index: np.ndarray, width: int) -> float:
        """Take one optimisation step; return the loss."""
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        batch = _to(self.train.padded(index, width), self.device)
        hidden = self._hide(batch, self.step)
        with self._autocast():
            logits = self.model(batch, hidden)
        loss = masked_atom_loss(logits, batch.node_features[hidden])
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        value = float(loss.detach())
        if not math.isfinite(value):
            msg = (
                f"The pretraining loss is {value} at step {self.step} of "
                f"{self.n_steps}; use a smaller learning_rate."
            )
            raise DivergedError(msg)
        return value

    def _learning_rate(self) -> float:
        """Return the rate of the next step."""
        rise = max(1, round(self.settings.warmup * self.n_steps))
        if self.step < rise:
            return self.settings.learning_rate * (self.step + 1) / rise
        done = (self.step - rise) / max(1, self.n_steps - rise)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def _hide(self, batch: GraphBatch, number: int) -> torch.Tensor:
        """Choose the masked atoms of a batch, determined by its number."""
        seed = np.random.SeedSequence([self.settings.random_state, number])
        rng = torch.Generator().manual_seed(int(seed.generate_state(1)[0]))
        return hide_atoms(batch.mask, self.settings.masked, rng)

    def _autocast(self) -> torch.autocast:
        """Return the context of the forward pass."""
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.low_precision
        )

    def _end_epoch(self) -> None:
        """Evaluate the network on held-out molecules; write the results."""
        loss, accuracy = self.evaluate()
        row = {"epoch": len(self.history) + 1, "train_loss": _mean(self.losses)}
        row["valid_loss"] = loss
        row |= {f"accuracy_{name}": float(x) for name, x in accuracy.accuracy.items()}
        self.history.append(row)
        self.losses = []
        _LOGGER.info("pretraining epoch %s", row)
        self.save()

    @torch.no_grad()
    def evaluate(self) -> tuple[float, pd.DataFrame]:
        """Return loss and accuracy on the held-out molecules."""
        self.model.eval()
        scores = AccuracyTable()
        losses, n_atoms = 0.0, 0
        order = np.arange(len(self.held_out))
        batches = _by_size(order, self.held_out.n_atoms, 256, [0])
        for number, (index, width) in enumerate(batches):
            batch = _to(self.held_out.padded(index, width), self.device)
            hidden = self._hide(batch, number)
            logits = self.model(batch, hidden)
            features = batch.node_features[hidden]
            scores.add(logits, features)
            losses += len(features) * float(masked_atom_loss(logits, features))
            n_atoms += len(features)
        return losses / n_atoms, scores.table()

    def save(self) -> None:
        """Write the checkpoint atomically."""
        moments = optimizer_arrays(self.optimizer)
        arrays = {f"optimizer/{name}": array for name, array in moments.items()}
        arrays |= {f"model/{k}": v for k, v in to_arrays(self.model.state_dict())}
        manifest = {
            "kind": "pretraining",
            "format": _FORMAT,
            "identity": self.identity,
            "step": self.step,
            "losses": self.losses,
            "history": self.history,
        }
        write_archive(self.folder / _CHECKPOINT, manifest, arrays)

    def resume(self) -> None:
        """Resume from the checkpoint, if there is one."""
        path = self.folder / _CHECKPOINT
        if not path.exists():
            return
        manifest, tensors = read_checkpoint(path)
        if manifest.get("kind") != "pretraining" or manifest.get("format") != _FORMAT:
            msg = f"{path} is not a checkpoint that this version can resume."
            raise CheckpointError(msg)
        if manifest.get("identity") != self.identity:
            msg = (
                f"{path} belongs to a pretraining with other molecules or settings; "
                "choose another directory, or delete it to restart."
            )
            raise CheckpointError(msg)
        with refuse_other_content(path):
            self._restore(manifest, tensors)

    def _restore(
        self, manifest: dict[str, Any], tensors: dict[str, torch.Tensor]
    ) -> None:
        """Put the state of a pretraining back."""
        step, losses, history = (manifest[k] for k in ("step", "losses", "history"))
        done = step - len(history) * self.steps_per_epoch
        if not 0 <= done <= self.steps_per_epoch or len(losses) != done:
            msg = f"{len(history)} epochs and {len(losses)} losses are not {step} steps"
            raise ValueError(msg)
        restore_network(self.model, strip_prefix("model/", tensors))
        restore_optimizer(self.optimizer, strip_prefix("optimizer/", tensors))
        self.step = step
        self.losses = [float(one) for one in losses]
        self.history = [dict(row) for row in history]

    def write_weights(self) -> Path:
        """Write the weights of the network; return the path."""
        weights = {k: v.cpu() for k, v in self.model.mat.state_dict().items()}
        metadata = {
            "n_heads": str(self.settings.n_heads),
            "n_molecules": str(len(self.train)),
            "n_steps": str(self.step),
            "settings": json.dumps(asdict(self.settings)),
        }
        path = self.folder / _WEIGHTS
        with replacing(path) as part:
            save_file(weights, part, metadata=metadata)
        return path


def _separate(
    molecules: PackedMolecules, settings: PretrainingSettings
) -> tuple[PackedMolecules, PackedMolecules]:
    """Return the molecules to train on and those held out."""
    n_held_out = max(1, round(settings.held_out * len(molecules)))
    if len(molecules) - n_held_out < 1:
        msg = (
            f"{len(molecules)} usable molecules are too few to train and hold out "
            f"{settings.held_out:.0%}; give more."
        )
        raise InputError(msg)
    order = np.random.default_rng(settings.random_state).permutation(len(molecules))
    return (
        molecules.take(np.sort(order[n_held_out:])),
        molecules.take(np.sort(order[:n_held_out])),
    )


def _by_size(
    order: np.ndarray, n_atoms: np.ndarray, batch_size: int, seed: list[int]
) -> list[tuple[np.ndarray, int]]:
    """Split an order into batches of similar size; return their widths."""
    batches = []
    for start in range(0, len(order), batch_size * _SORTED_BATCHES):
        some = order[start : start + batch_size * _SORTED_BATCHES]
        some = some[np.argsort(n_atoms[some], kind="stable")]
        for first in range(0, len(some), batch_size):
            index = some[first : first + batch_size]
            nodes = int(n_atoms[index].max()) + 1
            batches.append((index, math.ceil(nodes / _WIDTH_STEP) * _WIDTH_STEP))
    shuffled = np.random.default_rng([*seed, 1]).permutation(len(batches))
    return [batches[position] for position in shuffled]


def _to(batch: GraphBatch, device: torch.device) -> GraphBatch:
    """Move a batch to a device."""
    return type(batch)(**{k: v.to(device) for k, v in vars(batch).items()})


def _mean(values: Sequence[float]) -> float:
    """Return the mean, NaN for an empty list."""
    return float(np.mean(values)) if len(values) else math.nan
