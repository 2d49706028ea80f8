"""Prediction by the network of a fitted model, or by each of its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sklearn_csg2a.estimators._preparation import SharedEncodings
from sklearn_csg2a.training.inference import dropout_spread, predict_perturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn_csg2a.training.data import TreatmentTensors
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "average",
    "perturb_by_member",
    "predict_by_member",
    "predict_with_spread",
    "use_members",
]

Result = TypeVar("Result")

_DROPOUT_PASSES = 30


def use_members(
    model: Any,
    treatments: Treatments,
    predict: Callable[[Any, TreatmentTensors], Result],
) -> list[Result]:
    """Return what `predict` gives for each member, or for the model that has none."""
    # ruff: noqa: SLF001 (an estimator of this folder)
    if not hasattr(model, "members_"):
        return [predict(model, model._predict_tensors(treatments))]
    shared = SharedEncodings()
    return [
        predict(
            member,
            member._predict_tensors(member._scale_expression(treatments), shared),
        )
        for member in model.members_
    ]


def predict_by_member(model: Any, treatments: Treatments) -> list[np.ndarray]:
    """Return the prediction of each member, (rows, outputs)."""
    levels = model._levels_of(treatments)[:, None]
    return use_members(
        model,
        treatments,
        lambda member, tensors: levels + member._predict_network(tensors),
    )


def predict_with_spread(model: Any, treatments: Treatments) -> np.ndarray:
    """Return prediction and standard deviation of a response model, (rows, 2)."""
    if hasattr(model, "members_"):
        return _mean_and_std(predict_by_member(model, treatments))
    tensors = model._predict_tensors(treatments)
    spread = dropout_spread(
        model.net_.module_, tensors, _DROPOUT_PASSES, model._dropout_seed
    )
    std = model._scale * spread.cpu().numpy()
    levels = model._levels_of(treatments)[:, None]
    return np.hstack([levels + model._predict_network(tensors), std])


def perturb_by_member(model: Any, treatments: Treatments) -> list[np.ndarray]:
    """Return perturbed expression by each member of a response model."""
    return use_members(model, treatments, _perturb)


def average(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of arrays, exact where all are equal."""
    first, *others = values
    if not others:
        return first
    return first + sum(one - first for one in others) / len(values)


def _perturb(model: Any, tensors: TreatmentTensors) -> np.ndarray:
    """Return perturbed expression in the units of the pretraining, (rows, outputs)."""
    csg2a = model.net_.module_.csg2a
    centered = predict_perturbed(model.net_.module_, tensors)
    return (csg2a.location + csg2a.scale * centered).cpu().numpy().astype(float)


def _mean_and_std(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return mean and standard deviation of arrays (rows, 1), as (rows, 2)."""
    mean = average(values)
    squares = sum((one - mean) ** 2 for one in values)
    return np.hstack([mean, np.sqrt(squares / max(len(values) - 1, 1))])
