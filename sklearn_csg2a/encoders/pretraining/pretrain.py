"""Pretraining of a Molecule Attention Transformer on unlabelled molecules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.choices import Precision
from sklearn_csg2a.encoders.pretraining.packed import pack_molecules
from sklearn_csg2a.encoders.pretraining.progress import PretrainingProgress
from sklearn_csg2a.encoders.pretraining.training import (
    MaskedAtomTraining,
    PretrainingSettings,
)
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training.device import resolve_device

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = ["pretrain_mat"]


def pretrain_mat(
    smiles: Sequence[str],
    directory: str | os.PathLike[str],
    *,
    d_model: int = 256,
    n_layers: int = 6,
    n_heads: int = 8,
    masked: float = 0.15,
    held_out: float = 0.02,
    max_epochs: int = 10,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    warmup: float = 0.05,
    max_atoms: int = 60,
    timeout: int = 60,
    device: str = "auto",
    precision: Precision = "float32",
    n_jobs: int | None = None,
    random_state: int = 0,
    verbose: int = 0,
) -> Bunch:
    """Train a MAT to predict masked atoms from the rest of their molecule.

    In every molecule some atoms are replaced by a learned vector; bonds and distances
    are unchanged. The network predicts the features of the masked atoms. Coordinates
    are computed in parallel and stored in `directory`, together with a checkpoint every
    two minutes: another call with the same arguments resumes the training, with the
    same result.

    Parameters
    ----------
    smiles : sequence of str
        Molecules. Those that cannot be read, have a single heavy atom or more than
        `max_atoms`, or are repeated are skipped.
    directory : path-like
        Folder for coordinates, checkpoint and weights; created if absent.
    d_model, n_layers, n_heads : int
        Size of the network; `d_model` is a multiple of `n_heads`.
    masked : float, default=0.15
        Share of the atoms of a molecule that are masked, at least one atom.
    held_out : float, default=0.02
        Share of the molecules that are held out to measure the accuracy.
    max_epochs, batch_size : int
        Number of passes over the molecules, and molecules per step.
    learning_rate : float, default=1e-3
        Peak of the schedule: a linear increase, then a half cosine down to zero.
    warmup : float, default=0.05
        Share of the steps in which the rate increases.
    max_atoms : int, default=60
        Largest number of heavy atoms.
    timeout : int, default=60
        Seconds for the coordinates of one molecule.
    device : str, default="auto"
        "auto" uses a GPU if available.
    precision : {"float32", "bf16"}, default="float32"
        Precision of the matrix products in training.
    n_jobs : int, default=None
        Number of processes that compute coordinates, as in joblib.
    random_state : int, default=0
        Seed of coordinates, weights, batches and masked atoms.
    verbose : int, default=0
        1 shows a progress line.

    Returns
    -------
    result : Bunch
        ``weights``, the path of the safetensors file for ``MATEncoder(weights=)``;
        ``accuracy``, a table of the accuracy on masked atoms of held-out molecules and
        the share of the most frequent class, per feature group; ``history``, a table
        with one row per epoch; ``n_molecules`` trained on; ``interrupted``.

    Raises
    ------
    InputError
        If a setting is out of range or there are too few molecules.
    CheckpointError
        If `directory` contains the training of other molecules or settings.
    DivergedError
        If the loss stops being finite.

    Warns
    -----
    InterruptedFitWarning
        After Ctrl-C; the current weights are written.

    References
    ----------
    Maziarka et al. "Molecule Attention Transformer", arXiv:2002.08264, 2020. The
    details (masking, loss by feature group, schedule) are specific to this package: the
    authors published no pretraining code.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_csg2a.encoders import MATEncoder, pretrain_mat
    >>> folder = tempfile.mkdtemp()
    >>> result = pretrain_mat(
    ...     ["CCO", "CCN", "CCC", "c1ccccc1"], folder, d_model=8, n_layers=1,
    ...     n_heads=2, held_out=0.25, max_epochs=1)
    >>> encoder = MATEncoder(weights=result.weights)
    >>> encoder.transform(["CO"]).shape, result.interrupted
    ((1, 8), False)
    """
    settings = PretrainingSettings(
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        masked=masked,
        held_out=held_out,
        max_epochs=max_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        precision=precision,
        random_state=random_state,
    )
    progress = PretrainingProgress(enabled=bool(verbose))
    folder = Path(directory)
    try:
        molecules = pack_molecules(
            list(smiles),
            folder / "coordinates",
            n_jobs=n_jobs,
            on_shard=progress.shards,
            seed=random_state,
            max_atoms=max_atoms,
            timeout=timeout,
        )
    finally:
        progress.end()
    with steady_threads():
        training = MaskedAtomTraining(
            molecules, settings, resolve_device(device), folder
        )
        training.resume()
        training.run(progress)
        weights, accuracy = training.write_weights(), training.evaluate()[1]
    return Bunch(
        weights=weights,
        accuracy=accuracy,
        history=pd.DataFrame(training.history),
        n_molecules=len(training.train),
        interrupted=training.interrupted,
    )
