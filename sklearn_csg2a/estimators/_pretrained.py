"""The fitted perturbation model that a response model starts from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a.estimators._networks import copy_csg2a, move_to_genes
from sklearn_csg2a.estimators._perturbation import PerturbationRegressor
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.persistence import load_model

if TYPE_CHECKING:
    from sklearn_csg2a.nn import CSG2A
    from sklearn_csg2a.treatments import Treatments

__all__ = [
    "ForgetsPretrained",
    "copy_pretrained",
    "encoder_of",
    "find_pretrained",
    "genes_of",
]


class ForgetsPretrained:
    """A part of estimators whose pickles do not hold the pretrained estimator."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the pretrained estimator, which `fit` finds again."""
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        state.pop("_pretrained", None)
        return state


def copy_pretrained(
    estimator: Any, first: PerturbationRegressor, treatments: Treatments
) -> CSG2A:
    """Return a copy of the pretrained network, on the genes that `new_genes` says."""
    csg2a = copy_csg2a(first)
    if estimator.new_genes == "add":
        known = tuple(first.genes_)
        csg2a = move_to_genes(csg2a, known, treatments, estimator.interactome)
    return csg2a


def find_pretrained(estimator: Any) -> PerturbationRegressor:
    """Return the fitted estimator inside a FrozenEstimator or a model file."""
    _check_not_frozen(estimator)
    _check_new_genes(estimator)
    pretrained = estimator.pretrained
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


def _check_not_frozen(estimator: Any) -> None:
    """Refuse to train the encoder of a frozen pretrained model."""
    if estimator.train_encoder and estimator.freeze:
        msg = (
            "train_encoder=True with a pretrained model and freeze=True: its compound "
            "encoder is in the frozen part. Set freeze=False to train all of it, "
            "or train_encoder=False."
        )
        raise InputError(msg)


def _check_new_genes(estimator: Any) -> None:
    """Refuse to add genes to a frozen network."""
    if estimator.new_genes == "add" and estimator.freeze:
        msg = (
            "new_genes='add' gives the pretrained network genes that it has not "
            "learned; set freeze=False, so that it learns them."
        )
        raise InputError(msg)
