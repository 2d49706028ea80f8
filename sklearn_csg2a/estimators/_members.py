"""Several networks in one model: each an estimator of its own, all trained together."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sklearn_csg2a._utils.caller import find_stacklevel, is_one_of_several
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.estimators._preparation import prepare
from sklearn_csg2a.exceptions import InterruptedFitWarning
from sklearn_csg2a.training.device import join_processes
from sklearn_csg2a.training.members import train_members
from sklearn_csg2a.treatments._units import measure_scale

if TYPE_CHECKING:
    from sklearn_csg2a.estimators._preparation import RowsOfFit

__all__ = ["fit_members"]

# Of a fitted member: what a fit that continues starts from,
_TO_CONTINUE = ("net_", "genes_", "encoder_", "_encoder_is_trained", "_location")
# and what the model has of its first member.
_OF_FIRST = (*_TO_CONTINUE, "_genes_named", "_scale", "_dropout_seed", "device_")


def fit_members(model: Any, rows: RowsOfFit) -> None:
    """Train `n_members` networks and set the fitted attributes of `model`."""
    # ruff: noqa: SLF001 (an estimator of this folder)
    join_processes(model.device, model.random_state)
    seeds = draw_seeds(model.random_state, model.n_members)
    members = [_start_member(model, k, seed) for k, seed in enumerate(seeds)]
    with one_warning_of_a_kind():
        prepared = [prepare(member, rows) for member in members]
    results = train_members(
        [one.training for one in prepared], verbose=int(model.verbose)
    )
    for member, preparation, result in zip(members, prepared, results, strict=True):
        if result is not None:
            member._keep(preparation, *result)
            member.set_params(interactome=None, callbacks=None, checkpoint=None)
    begun = [
        member
        for member, result in zip(members, results, strict=True)
        if result is not None
    ]
    if not begun:
        raise KeyboardInterrupt
    model.members_ = [one for one in begun if one.best_epoch_ > 0] or begun[:1]
    model._expression_scale = measure_scale(rows.treatments)
    _describe_fit(model, is_complete=len(begun) == len(members))


def _start_member(model: Any, k: int, seed: int) -> Any:
    """Return the estimator of one network, with what the model read of X."""
    member = object.__new__(type(model))
    member.__dict__.update(model.__dict__)
    if model._continues:
        fitted = model.members_[k].__dict__
        member.__dict__.update({name: fitted[name] for name in _TO_CONTINUE})
    member.__dict__.pop("members_", None)
    several = getattr(getattr(model, "_pretrained", None), "members_", None)
    if several is not None:
        member._pretrained = several[k % len(several)]
    return member.set_params(
        n_members=1,
        random_state=seed,
        verbose=0,
        checkpoint=_checkpoint_of(model.checkpoint, k),
    )


def _checkpoint_of(path: Any, k: int) -> Path | None:
    """Return the checkpoint of a member, beside that of the model."""
    if path is None:
        return None
    path = Path(path)
    return path.with_name(f"{path.stem}-member{k}{path.suffix}")


def _describe_fit(model: Any, *, is_complete: bool) -> None:
    """Set the fitted attributes that sum up those of the members."""
    members = model.members_
    for name in _OF_FIRST:
        setattr(model, name, getattr(members[0], name))
    if hasattr(members[0], "scaler_"):
        model.scaler_ = members[0].scaler_
    model.interrupted_ = not is_complete or any(one.interrupted_ for one in members)
    if model.interrupted_ and is_one_of_several():
        raise KeyboardInterrupt
    model.n_iter_ = max(one.n_iter_ for one in members)
    model.best_epoch_ = max(one.best_epoch_ for one in members)
    histories = [
        one.history_.assign(member=k)[["member", *one.history_.columns]]
        for k, one in enumerate(members)
    ]
    model.history_ = pd.concat(histories, ignore_index=True)
    if model.interrupted_:
        n_done = sum(not one.interrupted_ for one in members)
        warnings.warn(
            f"Training was interrupted: {n_done} of {model.n_members} members are "
            f"complete, {len(members) - n_done} keep their best weights so far, and "
            "the others are left out.",
            InterruptedFitWarning,
            stacklevel=find_stacklevel(),
        )
