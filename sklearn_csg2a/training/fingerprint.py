"""The checkpoint of a fit, known by the data and the parameters of the fit."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import torch

from sklearn_csg2a._version import __version__
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.training.checkpoint import Checkpoint, digest

if TYPE_CHECKING:
    from sklearn_csg2a.estimators._base import BaseCSG2A
    from sklearn_csg2a.treatments import Treatments

__all__ = ["check_resumable", "open_checkpoint"]

_LEFT_OUT = {"expression", "interactome", "checkpoint", "verbose", "callbacks"}


def check_resumable(estimator: BaseCSG2A) -> None:
    """Refuse a checkpoint that no later fit could match."""
    seed = estimator.random_state
    if estimator.checkpoint is not None and not isinstance(seed, Integral):
        msg = (
            f"checkpoint= is given with random_state={seed!r}: a later fit would "
            "draw other random numbers and could not go on from the file. Give an "
            "integer random_state to make a fit resumable."
        )
        raise InputError(msg)


def open_checkpoint(
    estimator: BaseCSG2A,
    treatments: Treatments,
    response: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray | None],
    seeds: dict[str, int],
    generators: dict[str, torch.Generator],
) -> Checkpoint | None:
    """Return the checkpoint of a fit, if one is asked for.

    `rows` are those that train and those that judge early stopping.
    """
    if estimator.checkpoint is None:
        return None
    parameters = {
        f"parameter {name}": repr(value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _LEFT_OUT
    }
    fingerprint = {
        "estimator": type(estimator).__name__,
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
        "y": digest(response),
        "training and validation rows": digest(*(r for r in rows if r is not None)),
        "seeds": str(sorted(seeds.items())),
        **parameters,
    }
    return Checkpoint(estimator.checkpoint, fingerprint, generators)
