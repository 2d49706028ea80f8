"""Prediction by the network of a fitted model, or by each of its members."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a.estimators._preparation import SharedEncodings
from sklearn_csg2a.nn.blocks import map_blocks, steady_threads
from sklearn_csg2a.training.inference import dropout_spread, predict_perturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn_csg2a.training.data import TreatmentTensors
    from sklearn_csg2a.training.net import TrainingNet
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "PredictsResponse",
    "average",
    "perturb_by_member",
    "predict_by_member",
    "predict_with_spread",
    "use_members",
]

Result = TypeVar("Result")

_DROPOUT_PASSES = 30


class PredictsResponse:
    """The predictions of a fitted response model."""

    net_: TrainingNet
    _predict_rows: Callable[..., np.ndarray]
    _predict_treatments: Callable[..., np.ndarray]

    @steady_threads()
    def predict(
        self, X: Any, return_spread: bool = False, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the response.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.
        return_spread : bool, default=False
            Whether to return the standard deviation of the members, or for one network
            that of 30 passes with dropout active (Monte-Carlo dropout), except in a
            frozen pretrained part. It is much smaller than the error: for intervals see
            :class:`~sklearn_csg2a.uncertainty.ConformalRegressor`.
        return_std : bool, default=False
            The same, by the name that scikit-learn's models have for it.

        Returns
        -------
        y : ndarray of shape (n_treatments,)
            In the units of the y given to fit, ln uM for ln IC50. Does not depend
            on the other rows of X, bit for bit.
        spread : ndarray of shape (n_treatments,)
            Only if it was asked for; independent of the other rows of X, too.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        if not (return_spread or return_std):
            return self._predict_rows(X, self._predict_treatments, 1)[:, 0]
        values, spread = self._predict_rows(X, partial(predict_with_spread, self), 2).T
        return values.copy(), spread.copy()

    @steady_threads()
    def predict_perturbation(self, X: Any) -> np.ndarray:
        """Predict the perturbed expression that the response is predicted from.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_treatments, n_columns)
            Treatments.

        Returns
        -------
        Y : ndarray of shape (n_treatments, n_outputs)
            In the units of the pretraining. Without pretraining it is a hidden
            layer of the network, not expression.
        """
        check_is_fitted(self)
        n_outputs = self.net_.module_.csg2a.n_outputs
        return self._predict_rows(
            X, lambda rows: average(perturb_by_member(self, rows)), n_outputs
        )


def use_members(
    model: Any,
    treatments: Treatments,
    predict: Callable[[Any, TreatmentTensors], Result],
) -> list[Result]:
    """Return what `predict` gives for each member, or for the model that has none."""
    # ruff: noqa: SLF001 (an estimator of this folder)
    if not hasattr(model, "members_"):
        return [predict(model, model._predict_tensors(treatments))]
    members, shared = model.members_, SharedEncodings()
    for member in members:
        shared.encode(member, treatments)

    def run(k: int) -> Result:
        scaled = members[k]._scale_expression(treatments)
        return predict(members[k], members[k]._predict_tensors(scaled, shared))

    if model.device_ == "cpu":  # each on a thread of its own
        return map_blocks(run, len(members))
    return [run(k) for k in range(len(members))]


def predict_by_member(model: Any, treatments: Treatments) -> list[np.ndarray]:
    """Return the prediction of each member, (rows, outputs)."""
    known = model._known_part_of(treatments)[:, None]
    return use_members(
        model,
        treatments,
        lambda member, tensors: known + member._predict_network(tensors),
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
    known = model._known_part_of(treatments)[:, None]
    return np.hstack([known + model._predict_network(tensors), std])


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
