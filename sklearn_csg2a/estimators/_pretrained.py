"""The fitted perturbation model that a response model starts from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a.estimators._networks import (
    build_csg2a,
    build_response,
    check_new_genes,
    csg2a_from_state,
    move_to_genes,
)
from sklearn_csg2a.estimators._perturbation import PerturbationRegressor
from sklearn_csg2a.estimators._trained_encoder import check_not_frozen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.persistence import load_model

if TYPE_CHECKING:
    from sklearn_csg2a.nn import CSG2A, ResponseNetwork
    from sklearn_csg2a.treatments import Treatments

__all__ = ["encoder_of", "find_pretrained", "genes_of", "start_response"]


def find_pretrained(estimator: Any) -> PerturbationRegressor | None:
    """Return the fitted estimator inside a FrozenEstimator or a model file."""
    check_not_frozen(estimator)
    check_new_genes(estimator)
    pretrained = estimator.pretrained
    if pretrained is None:
        return None
    if isinstance(pretrained, (str, os.PathLike)):
        pretrained = FrozenEstimator(load_model(pretrained))
    if not isinstance(pretrained, FrozenEstimator):
        msg = (
            f"pretrained={type(pretrained).__name__}(...): clone, which GridSearchCV "
            "and cross_validate call, would discard its fit. Write "
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


def genes_of(first: PerturbationRegressor, *, plain: bool) -> tuple[str, ...] | None:
    """Return the genes that X must have; None if only X is a plain array."""
    if plain and first.n_features_in_ != len(first.genes_):
        return None
    return tuple(first.genes_)


def encoder_of(first: PerturbationRegressor, *, has_compounds: bool) -> Any:
    """Return the fitted compound encoder, if X has what it needs."""
    if has_compounds != (first.encoder_ is not None):
        with_or_without = "with" if first.encoder_ is not None else "without"
        msg = (
            f"The pretrained model was fitted {with_or_without} compounds; give X "
            "of the same kind."
        )
        raise InputError(msg)
    return first.encoder_


def start_response(
    estimator: Any,
    first: PerturbationRegressor | None,
    treatments: Treatments,
    compound_dim: int,
) -> ResponseNetwork:
    """Return a new head on a copy of the pretrained CSG2A, or on a new one."""
    if first is None:
        n_outputs = treatments.n_genes
        csg2a = build_csg2a(estimator, treatments, compound_dim, n_outputs)
        return build_response(estimator, csg2a, freeze=False)
    csg2a = _copy_csg2a(first)
    if estimator.new_genes == "add":
        known = tuple(first.genes_)
        csg2a = move_to_genes(csg2a, known, treatments, estimator.interactome)
    return build_response(estimator, csg2a, freeze=estimator.freeze)


def _copy_csg2a(first: PerturbationRegressor) -> CSG2A:
    """Return a copy of a fitted network that knows the units of its outputs."""
    arrays = first._network_arrays()  # noqa: SLF001
    network = csg2a_from_state(first._network_config(), arrays)  # noqa: SLF001
    network.load_state_dict({k: torch.tensor(v) for k, v in arrays.items()})
    network.location.copy_(torch.tensor(first._location, dtype=torch.float32))  # noqa: SLF001
    network.scale.copy_(torch.tensor(first._scale, dtype=torch.float32))  # noqa: SLF001
    return network
