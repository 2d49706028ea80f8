"""Which models are fitted to which folds, with which seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sklearn_csg2a.evaluation.evaluate import (
    FoldTask,
    Source,
    TunableSource,
    make_estimator,
    make_task,
)
from sklearn_csg2a.evaluation.folds import Fold
from sklearn_csg2a.evaluation.tuning import (
    Search,
    is_tunable,
    make_inner_fold,
    plan_search,
)


@dataclass(frozen=True)
class Plan:
    """Models on folds.

    Parameters
    ----------
    source : Source
        Data and models by name.
    folds : sequence of Fold
        All folds of all schemes.
    models : sequence of str
        Names of models.
    seeds_of : callable
        Returns the seeds to run a model with, by its name.
    """

    source: Source
    folds: Sequence[Fold]
    models: Sequence[str]
    seeds_of: Callable[[str], Sequence[int]]
    _known: dict[Any, str] = field(default_factory=dict, repr=False)

    def list_tasks(self, models: Iterable[str] | None = None) -> list[FoldTask]:
        """List the fits with settings as they are, fold by fold.

        A configuration is hashed once: it is the same in all folds of a scheme.
        """
        wanted = self.models if models is None else list(models)
        return [
            make_task(
                self.source, fold, model, seed, None, self._hash(fold, model, seed)
            )
            for fold in self._in_order()
            for model in wanted
            for seed in self.seeds_of(model)
        ]

    def list_searches(self, source: TunableSource, n_candidates: int) -> list[Search]:
        """List the models to tune, fold by fold."""
        known: dict[Any, str] = {}
        return [
            plan_search(source, (fold, inner), model, seed, n_candidates, known)
            for fold in self._in_order()
            for inner in [make_inner_fold(source, fold)]
            for model in filter(is_tunable, self.models)
            for seed in self.seeds_of(model)
        ]

    def _in_order(self) -> list[Fold]:
        """Return the first folds of all schemes, then the second ones, and so on."""
        return sorted(self.folds, key=lambda fold: fold.index)

    def _hash(self, fold: Fold, model: str, seed: int) -> str:
        """Return the hash of the configuration of a model in a scheme."""
        key = fold.scheme, fold.n_splits, model, seed
        if key not in self._known:
            estimator = make_estimator(self.source, fold, model, seed)
            self._known[key] = self.source.hash(estimator)
        return self._known[key]


def by_fold(searches: Iterable[Search]) -> Iterator[list[Search]]:
    """Group searches by the number of their fold, in order."""
    for _, group in groupby(searches, key=lambda search: search.task.fold.index):
        yield list(group)
