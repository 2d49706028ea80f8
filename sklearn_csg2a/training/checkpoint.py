"""Training checkpoints: one atomic file that a later fit resumes from."""

from __future__ import annotations

import math
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_csg2a._utils.archive import write_archive
from sklearn_csg2a._utils.caller import is_part_of_more
from sklearn_csg2a._utils.files import digest
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._version import __version__
from sklearn_csg2a.exceptions import CheckpointError, InputError
from sklearn_csg2a.training.stored_state import (
    check_alike,
    optimizer_arrays,
    read_checkpoint,
    refuse_other_content,
    restore_network,
    restore_optimizer,
    strip_prefix,
    to_arrays,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn_csg2a.nn import Molecules
    from sklearn_csg2a.training.net import BestWeights, TrainingNet
    from sklearn_csg2a.treatments import Treatments

__all__ = ["Checkpoint", "check_resumable", "open_checkpoint"]

_FORMAT = 1
# Parameters that do not affect the result, or whose content is compared otherwise.
_LEFT_OUT = {"expression", "interactome", "checkpoint", "verbose", "callbacks"}
_MAX_LENGTH = 40  # characters of a value in a message
_NAME_LENGTH = 12  # characters of a digest in the name of a file


class Checkpoint:
    """The state of a fit at the end of an epoch, on disk.

    Parameters
    ----------
    path : str or path
        The file; replaced atomically at the end of each epoch. A fit that is part of a
        cross-validation, a search or another estimator has a file of its own beside
        it, whose name ends with a digest of the fingerprint.
    fingerprint : dict of str to str
        Digests of data, genes, parameters and versions; the initial network is added by
        `resume`. A file with another fingerprint is rejected, and the error names the
        difference.
    generators : dict of str to torch.Generator
        The generators whose states are stored.
    """

    def __init__(
        self,
        path: str | Path,
        fingerprint: dict[str, str],
        generators: dict[str, torch.Generator],
    ) -> None:
        self.path = Path(path)
        self.fingerprint = fingerprint
        self.generators = generators
        self.is_part = is_part_of_more()

    def callback(self, best: BestWeights) -> Callback:
        """Return the callback that writes the file after each epoch."""
        return _WriteCheckpoint(self, best)

    def save(self, net: TrainingNet, best: BestWeights) -> None:
        """Write weights, optimiser, generators and history."""
        arrays = {f"weights/{k}": v for k, v in to_arrays(net.module_.state_dict())}
        if best.weights is not None:
            arrays |= {f"best/{k}": v for k, v in to_arrays(best.weights)}
        moments = optimizer_arrays(net.optimizer_)
        arrays |= {f"optimizer/{k}": v for k, v in moments.items()}
        for name, generator in self.generators.items():
            arrays[f"generator/{name}"] = generator.get_state().numpy()
        rows = [
            {key: value for key, value in row.items() if key != "batches"}
            for row in net.history
        ]
        manifest = {
            "kind": "checkpoint",
            "format": _FORMAT,
            "fingerprint": self.fingerprint,
            "history": rows,
            "best_epoch": best.best_epoch,
            "best_loss": best.best_loss if best.weights is not None else None,
            "finished": net.stop_requested,
        }
        write_archive(self.path, manifest, arrays)

    def resume(self, net: TrainingNet, best: BestWeights, n_processes: int = 1) -> None:
        """Restore the saved state of `net`; without a file, note its initial state."""
        self.fingerprint |= _starting_point(net)
        if n_processes > 1:
            self.fingerprint["processes"] = str(n_processes)
        if self.is_part:
            self.path = _path_of_part(self.path, self.fingerprint)
        if not self.path.exists():
            return
        manifest, tensors = read_checkpoint(self.path)
        with refuse_other_content(self.path):
            self._check(manifest)
            self._restore(net, best, manifest, tensors)

    def _restore(
        self,
        net: TrainingNet,
        best: BestWeights,
        manifest: dict[str, Any],
        tensors: dict[str, torch.Tensor],
    ) -> None:
        """Put the state of a training back."""
        best_weights = strip_prefix("best/", tensors)
        _check_progress(manifest, net.max_epochs, keeps_best=bool(best_weights))
        restore_network(net.module_, strip_prefix("weights/", tensors))
        best.best_epoch = manifest["best_epoch"]
        if best_weights:
            check_alike(best_weights, net.module_.state_dict())
            device = next(net.module_.parameters()).device
            best.best_loss = manifest["best_loss"]
            best.weights = {k: v.to(device) for k, v in best_weights.items()}
        restore_optimizer(net.optimizer_, strip_prefix("optimizer/", tensors))
        for name, generator in self.generators.items():
            generator.set_state(tensors[f"generator/{name}"])
        net.history.extend({"batches": [], **row} for row in manifest["history"])
        net.stop_requested = manifest["finished"]

    def _check(self, manifest: dict[str, Any]) -> None:
        """Reject the checkpoint of another fit and name the differences."""
        if manifest.get("kind") != "checkpoint" or manifest.get("format") != _FORMAT:
            msg = f"{self.path} is not a checkpoint that this version can resume."
            raise CheckpointError(msg)
        saved = manifest["fingerprint"]
        names = sorted(set(saved) | set(self.fingerprint))
        changed = [n for n in names if saved.get(n) != self.fingerprint.get(n)]
        if changed:
            details = list_offenders(
                f"{name}: {_shorten(saved.get(name))} then, "
                f"{_shorten(self.fingerprint.get(name))} now"
                for name in changed
            )
            msg = (
                f"{self.path} belongs to another fit ({details}). Fit with the same "
                "data and parameters to resume it, or give another checkpoint path."
            )
            raise CheckpointError(msg)


class _WriteCheckpoint(Callback):
    """Write the checkpoint at the end of an epoch."""

    def __init__(self, checkpoint: Checkpoint, best: BestWeights) -> None:
        self.checkpoint = checkpoint
        self.best = best

    def on_epoch_end(self, net: TrainingNet, **_: Any) -> None:
        self.checkpoint.save(net, self.best)


def _starting_point(net: TrainingNet) -> dict[str, str]:
    """Return digests of the initial network, which includes the interactome."""
    arrays = sorted(to_arrays(net.module_.state_dict()))
    prior = [array for name, array in arrays if "attention.edge_" in name]
    rest = [array for name, array in arrays if "attention.edge_" not in name]
    return {"interactome": digest(*prior), "first weights": digest(*rest)}


def _path_of_part(path: Path, fingerprint: dict[str, str]) -> Path:
    """Return the file of one of several fits that are given the same path."""
    own = digest(np.asarray(sorted(fingerprint.items())))
    return path.with_name(f"{path.name}.{own[:_NAME_LENGTH]}")


def _shorten(value: str | None) -> str | None:
    """Shorten digests and long parameters for a message."""
    if value is None or len(value) <= _MAX_LENGTH:
        return value
    return f"{value[:_MAX_LENGTH]}..."


def _check_progress(
    manifest: dict[str, Any], max_epochs: int, *, keeps_best: bool
) -> None:
    """Require a history and a best epoch that a training can have written."""
    rows, best_epoch = manifest["history"], manifest["best_epoch"]
    names = {"train_loss", "learning_rate", "dur"}
    are_rows = isinstance(rows, list) and all(
        isinstance(row.get(name), Real)
        for row in rows
        for name in names | ({"valid_loss"} & set(row))
    )
    if not are_rows or not 0 < len(rows) <= max_epochs:
        msg = f"its history is not one of 1 to {max_epochs} epochs"
        raise ValueError(msg)
    if not isinstance(best_epoch, int) or not 0 <= best_epoch <= len(rows):
        msg = f"its best epoch is {best_epoch!r} of {len(rows)}"
        raise ValueError(msg)
    if keeps_best and not math.isfinite(manifest["best_loss"]):
        msg = f"its best loss is {manifest['best_loss']!r}"
        raise ValueError(msg)
    if not isinstance(manifest["finished"], bool):
        msg = f"finished is {manifest['finished']!r}"
        raise TypeError(msg)


def check_resumable(random_state: object) -> None:
    """Reject a checkpoint that no later fit could resume."""
    if not isinstance(random_state, Integral):
        msg = (
            f"checkpoint= is given with random_state={random_state!r}: a later fit "
            "would draw other random numbers and could not resume from the file. Give "
            "an integer random_state to make a fit resumable."
        )
        raise InputError(msg)


def open_checkpoint(
    path: str | Path,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    treatments: Treatments,
    compounds: np.ndarray | Molecules,
    response: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray | None],
    seeds: dict[str, int],
    generators: dict[str, torch.Generator],
) -> Checkpoint:
    """Return the checkpoint of a fit.

    `kind` and `parameters` are the class of the estimator and its parameters;
    `compounds` are encodings, or molecules that follow from the SMILES; `rows` are the
    training and validation rows.
    """
    named = {
        f"parameter {name}": repr(value)
        for name, value in parameters.items()
        if name not in _LEFT_OUT
    }
    fingerprint = {
        "estimator": kind,
        "version": __version__,
        "torch": torch.__version__,
        "genes": digest(np.asarray(treatments.genes, dtype=str)),
        "compounds": digest(np.asarray(treatments.smiles, dtype=str)),
        "treatments": digest(
            treatments.basal_expression,
            treatments.cell_index,
            treatments.compound_index,
            treatments.dose,
            treatments.time,
        ),
        "encoded compounds": (
            digest(compounds) if isinstance(compounds, np.ndarray) else "in training"
        ),
        "y": digest(response),
        "training and validation rows": digest(*(r for r in rows if r is not None)),
        "seeds": str(sorted(seeds.items())),
        **named,
    }
    return Checkpoint(path, fingerprint, generators)
