"""Models that a user passes: their names, their seeds, and what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.neural_network import MLPRegressor
from sklearn.utils import Bunch, get_tags

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.evaluation.configuration import config_hash, list_settings
from sklearn_csg2a.evaluation.naive import NAIVE_MODELS
from sklearn_csg2a.exceptions import InputError

_SEED = "random_state"


@dataclass(frozen=True)
class Candidates:
    """A table and models by name, as workers need them."""

    data: Bunch = field(repr=False)
    models: Mapping[str, BaseEstimator] = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.data.name

    def load(self) -> Bunch:
        """Return X, y, row ids and a hash of these."""
        return self.data

    def make(
        self, model: str, scheme: str, seed: int, rows: Any = None
    ) -> BaseEstimator:
        """Return an unfitted model with a seed."""
        del scheme, rows
        if model in NAIVE_MODELS:
            return NAIVE_MODELS[model]()
        return with_seed(self.models[model], seed)

    def hash(self, estimator: BaseEstimator) -> str:
        """Return the hash of the configuration of a model."""
        return config_hash(estimator)

    def describe(self, estimator: BaseEstimator) -> str:
        """Return the settings of a model as text."""
        return list_settings(estimator)

    def seeds_of(self, model: str, seeds: Sequence[int]) -> Sequence[int]:
        """Return the seeds to run a model with: one if nothing in it is random."""
        if model in NAIVE_MODELS or not list_seeds(self.models[model]):
            return seeds[:1]
        return seeds


def name_models(models: Any) -> dict[str, BaseEstimator]:
    """Return models by name; those of a list are named by what they are.

    Raises
    ------
    InputError
        If one is no regressor of scikit-learn, or two have one name.
    """
    named = _named_pairs(models)
    count, seen = Counter(name for name, _ in named), Counter[str]()
    if isinstance(models, Mapping) or _are_pairs(models):
        twice = [name for name, number in count.items() if number > 1]
        if twice:
            msg = f"Two models have the same name: {list_offenders(twice, repr)}."
            raise InputError(msg)
    numbered = {}
    for name, model in named:
        seen[name] += 1
        numbered[f"{name} {seen[name]}" if count[name] > 1 else name] = model
    return _without_naive(numbered)


def _named_pairs(models: Any) -> list[tuple[str, BaseEstimator]]:
    """Return names and models, of what may be one, several, or named ones."""
    if isinstance(models, Mapping):
        models = [(str(name), model) for name, model in models.items()]
    if _are_pairs(models):
        _check_models(models)
        return list(models)
    several = isinstance(models, Iterable) and not isinstance(models, str)
    listed = list(models) if several and not hasattr(models, "fit") else [models]
    _check_models([(f"model {k}", model) for k, model in enumerate(listed)])
    return [(_short_name(model), model) for model in listed]


def _are_pairs(models: Any) -> bool:
    """Tell whether models are given as a list of (name, model)."""
    return isinstance(models, list | tuple) and all(
        isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str)
        for one in models
    )


def _check_models(named: Sequence[tuple[str, Any]]) -> None:
    """Refuse what is no estimator with fit, predict and parameters."""
    if not named:
        msg = "compare needs at least one model: a regressor, a list or a dict of them."
        raise InputError(msg)
    wrong = [f"{name}: {_say(model)}" for name, model in named if not _fits(model)]
    if wrong:
        msg = (
            f"Not a regressor of scikit-learn: {list_offenders(wrong)}. A model has "
            "fit, predict, get_params and set_params, and predicts numbers; pass an "
            "instance, not a class."
        )
        raise InputError(msg)


def _fits(model: Any) -> bool:
    """Tell whether a model can be cloned, fitted, and may predict a response.

    Meta-estimators, such as a stack, get `predict` in their fit.
    """
    methods = ("fit", "get_params", "set_params")
    if isinstance(model, type) or not all(hasattr(model, one) for one in methods):
        return False
    kind = _type_of(model)
    return kind == "regressor" or (kind is None and hasattr(model, "predict"))


def _type_of(model: Any) -> str | None:
    """Return what scikit-learn calls a model; None if it does not say."""
    return (
        get_tags(model).estimator_type if hasattr(model, "__sklearn_tags__") else None
    )


def _say(model: Any) -> str:
    """Name what was passed for a model, and its type."""
    if isinstance(model, type) or not hasattr(model, "get_params"):
        return repr(model)
    kind = _type_of(model)
    return f"{describe_model(model)}, a {kind}" if kind else describe_model(model)


def _without_naive(named: dict[str, BaseEstimator]) -> dict[str, BaseEstimator]:
    """Leave out naive models at their defaults, which are always compared."""
    kept = {
        name: model
        for name, model in named.items()
        if not (
            name in NAIVE_MODELS
            and type(model) is NAIVE_MODELS[name]
            and config_hash(model) == config_hash(NAIVE_MODELS[name]())
        )
    }
    taken = sorted(set(kept) & set(NAIVE_MODELS))
    if taken:
        msg = (
            f"{list_offenders(taken, repr)} is the name of a naive model, which is "
            "always compared; give the model another name."
        )
        raise InputError(msg)
    return kept


def _short_name(model: BaseEstimator) -> str:
    """Return the class of a model, of a pipeline that of its last step."""
    steps = getattr(model, "steps", None)
    return _short_name(steps[-1][1]) if steps else type(model).__name__


def describe_model(model: BaseEstimator) -> str:
    """Say what a model is: its class, and those of the models in it."""
    steps = getattr(model, "steps", None)
    if steps:
        return " → ".join(describe_model(step) for _, step in steps)
    if not hasattr(model, "get_params"):  # "passthrough"
        return str(model)
    name = type(model).__name__
    inner = [
        describe_model(value)
        for value in _list_parts(model.get_params(deep=False).values())
    ]
    return f"{name} of {', '.join(inner)}" if inner else name


def _list_parts(values: Iterable[Any]) -> list[BaseEstimator]:
    """Return the regressors among parameters, also in lists of names and regressors."""
    found: list[BaseEstimator] = []
    for value in values:
        if isinstance(value, list):
            pairs = [one for one in value if isinstance(one, tuple) and len(one) > 1]
            found += _list_parts(one[1] for one in pairs)
        elif hasattr(value, "predict") and hasattr(value, "get_params"):
            found.append(value)
    return found


def kind_of(model: BaseEstimator) -> str:
    """Return "network" for a neural network, also inside of others, or "classical"."""
    parts = [model, *model.get_params(deep=True).values()]
    is_network = any(
        isinstance(part, MLPRegressor) or hasattr(part, "max_epochs") for part in parts
    )
    return "network" if is_network else "classical"


def with_seed(model: BaseEstimator, seed: int) -> BaseEstimator:
    """Return an unfitted copy with a seed for all that is random in it."""
    copied = clone(model)
    return copied.set_params(**dict.fromkeys(list_seeds(copied), seed))


def list_seeds(model: BaseEstimator) -> list[str]:
    """Return the parameters that are seeds, nested ones too, but not of splitters."""
    parameters = model.get_params(deep=True)
    return [
        name
        for name in parameters
        if name.rpartition("__")[2] == _SEED
        and not hasattr(parameters.get(name.rpartition("__")[0]), "split")
    ]
