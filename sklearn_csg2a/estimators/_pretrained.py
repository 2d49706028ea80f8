"""What a response model starts from: a fitted perturbation model, kept fitted."""

from __future__ import annotations

import os
from typing import Any

import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a.estimators._networks import csg2a_from_state
from sklearn_csg2a.estimators._perturbation import PerturbationRegressor
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import CSG2A
from sklearn_csg2a.persistence import load_model

__all__ = ["copy_csg2a", "encoder_of", "find_pretrained", "genes_of"]


def find_pretrained(pretrained: Any) -> PerturbationRegressor | None:
    """Return the fitted estimator inside a FrozenEstimator or a model file."""
    if pretrained is None:
        return None
    if isinstance(pretrained, (str, os.PathLike)):
        pretrained = FrozenEstimator(load_model(pretrained))
    if not isinstance(pretrained, FrozenEstimator):
        msg = (
            f"pretrained={type(pretrained).__name__}(...): clone, which GridSearchCV "
            "and cross_validate call, would un-fit it. Write "
            "pretrained=FrozenEstimator(fitted), with "
            "'from sklearn.frozen import FrozenEstimator', or pass the path of a "
            "model saved by save_model."
        )
        raise InputError(msg)
    first = pretrained.estimator
    if not isinstance(first, PerturbationRegressor):
        msg = (
            f"pretrained holds a {type(first).__name__}; a fitted "
            "PerturbationRegressor was expected."
        )
        raise InputError(msg)
    check_is_fitted(first)
    return first


def copy_csg2a(first: PerturbationRegressor) -> CSG2A:
    """Return a copy of a fitted network that knows the units of its outputs."""
    arrays = first._network_arrays()  # noqa: SLF001
    network = csg2a_from_state(first._network_config(), arrays)  # noqa: SLF001
    network.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
    network.location.copy_(torch.tensor(first._location, dtype=torch.float32))  # noqa: SLF001
    network.scale.copy_(torch.tensor(first._scale, dtype=torch.float32))  # noqa: SLF001
    return network


def genes_of(first: PerturbationRegressor, *, plain: bool) -> tuple[str, ...] | None:
    """Return the genes that X must have; None for plain X after another kind."""
    if plain and first.n_features_in_ != len(first.genes_):
        return None
    return tuple(first.genes_)


def encoder_of(first: PerturbationRegressor, *, has_compounds: bool) -> Any:
    """Return the fitted compound encoder; X without what it needs is an error."""
    if has_compounds != (first.encoder_ is not None):
        with_or_without = "with" if first.encoder_ is not None else "without"
        msg = (
            f"The pretrained model was fitted {with_or_without} compounds; give X "
            "of the same kind."
        )
        raise InputError(msg)
    return first.encoder_
