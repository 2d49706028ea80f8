"""Which models are compared with each other, and the results of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from sklearn_csg2a._utils.p_values import adjust_holm
from sklearn_csg2a.evaluation.panels import MEASURES, Panel
from sklearn_csg2a.evaluation.statistics import (
    LEVEL,
    PairedTest,
    RankTest,
    compare_ranks,
    corrected_t_test,
)

# With fewer folds, mean ranks are not informative.
LEAST_FOLDS_FOR_RANKS = 7


@dataclass(frozen=True)
class PairComparison:
    """Comparison of a model with a reference on the folds that both have finished."""

    model: str
    reference: str
    measure: str
    n_better: int
    test: PairedTest
    p_holm: float = float("nan")

    @property
    def is_better(self) -> bool:
        """Whether the mean is better than the mean of the reference."""
        sign = -1 if MEASURES[self.measure].best == "lowest" else 1
        return sign * self.test.mean > 0

    @property
    def is_significant(self) -> bool:
        """Whether the difference is significant after Holm's correction."""
        return self.p_holm < LEVEL


def compare_models(panel: Panel, measure: str) -> list[PairComparison]:
    """Test all pairs of interest on a measure, as one family for Holm's correction.

    Each model that is not naive is compared with the best naive model and with every
    other model that is not naive.
    """
    comparisons = [_compare(panel, *pair, measure) for pair in _pairs(panel)]
    adjusted = adjust_holm(np.array([comparison.test.p for comparison in comparisons]))
    return [
        replace(comparison, p_holm=float(p))
        for comparison, p in zip(comparisons, adjusted, strict=True)
    ]


def _pairs(panel: Panel) -> Iterator[tuple[str, str]]:
    """Yield pairs of model and reference."""
    if panel.best_naive is not None:
        for model in panel.others:
            yield model, panel.best_naive
    for reference, model in combinations(panel.others, 2):
        yield model, reference


def _compare(panel: Panel, model: str, reference: str, measure: str) -> PairComparison:
    """Compare two models fold by fold."""
    differences = panel.of_model(model)[measure] - panel.of_model(reference)[measure]
    values = differences.dropna().to_numpy()  # folds of one model only are NaN
    sign = -1 if MEASURES[measure].best == "lowest" else 1
    n_better = int((sign * values > 0).sum())
    test = corrected_t_test(values, panel.test_to_train)
    return PairComparison(model, reference, measure, n_better, test)


def rank_models(panel: Panel) -> tuple[list[str], RankTest] | None:
    """Rank the best naive model and all others by RMSE, on their common folds.

    Models with too few folds are omitted; None if fewer than three models remain.
    """
    candidates = [*filter(None, [panel.best_naive]), *panel.others]
    finished = {model: set(panel.of_model(model).index) for model in candidates}
    enough = [m for m, folds in finished.items() if len(folds) >= LEAST_FOLDS_FOR_RANKS]
    if len(enough) < 3:
        return None
    folds = sorted(set.intersection(*(finished[model] for model in enough)))
    if len(folds) < LEAST_FOLDS_FOR_RANKS:
        return None
    errors = np.column_stack(
        [panel.of_model(model).loc[folds, "rmse"] for model in enough]
    )
    return enough, compare_ranks(errors)
