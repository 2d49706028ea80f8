"""Findings as text, including where a naive or classical model is best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sklearn_csg2a.evaluation.pairs import LEAST_FOLDS_FOR_RANKS, PairComparison
from sklearn_csg2a.evaluation.panels import MEASURES, Panel
from sklearn_csg2a.evaluation.tables import write_interval, write_p

MOST_PAIRS_LISTED = 10  # more pairs without a significant difference are counted

KINDS = {"naive": "a naive model", "classical": "a classical model"}

CORRELATIONS = (
    "pearson",
    "spearman",
    "within_drug_pearson",
    "within_cell_pearson",
    "residual_pearson",
)


def describe_folds(panel: Panel) -> str:
    """Describe the compared folds and the number of groups of the correlations."""
    rows = panel.rows[panel.rows["fold"].isin(panel.folds)]
    sizes = rows.drop_duplicates("fold")[["n_test", "n_drugs", "n_cells"]].mean()
    seeds = panel.rows.groupby("model")["seed"].nunique()
    text = (
        f"Compared on folds {', '.join(map(str, panel.folds))} of {panel.n_splits}; "
        f"per fold {sizes['n_test']:,.0f} test rows, within drug r over "
        f"{sizes['n_drugs']:.0f} compounds and within cell r over "
        f"{sizes['n_cells']:.0f} cell lines on average."
    )
    if (seeds == 1).all():
        text += " One seed: the spread between seeds is not in these numbers."
    else:
        several = ", ".join(f"{model} {n}" for model, n in seeds.items() if n > 1)
        text += f" Seeds: {several}; all others one."
    tuned = panel.rows.groupby("model")["n_candidates"].max().dropna()
    if len(tuned):
        text += (
            " Settings were chosen within the training rows of each fold; number of "
            f"candidates: {', '.join(f'{m} {n:.0f}' for m, n in tuned.items())}."
        )
    partial = [m for m in panel.models if not panel.is_complete(m)]
    if partial:
        text += (
            " Not compared, because some of these folds are missing: "
            f"{', '.join(partial)}; their means are over the folds they have, whose "
            "number is given."
        )
    return text


def say_findings(
    panel: Panel,
    errors: Sequence[PairComparison],
    correlations: Sequence[PairComparison],
) -> Iterator[str]:
    """Report the best models, significance, and where naive models are better."""
    naive = panel.best_naive
    if naive is None:
        yield "No naive model has been run here: `--models naive` takes seconds."
    yield from _say_lowest(panel, errors)
    if naive is not None and naive != panel.own_naive:
        yield from _say_own_naive(panel, naive)
    for comparison in errors:
        if comparison.reference == naive:
            yield _say_comparison(comparison)
    yield from _say_correlations(panel, naive, correlations)
    yield from _say_not_significant(errors, naive)


def _say_lowest(panel: Panel, errors: Sequence[PairComparison]) -> Iterator[str]:
    """Name the model with the lowest RMSE, and the best network if it is not one."""
    first = panel.ranked()[0]
    ranked = [model for model in panel.ranked() if panel.kind_of(model) != "average"]
    if panel.kind_of(first) == "average":
        mean = f"{panel.mean_rmse(first):.3f}"
        yield f"{first}, an average of models, has the lowest RMSE of all ({mean})."
    if not ranked:
        return
    best = ranked[0]
    lowest = f"{panel.mean_rmse(best):.3f}"
    networks = [model for model in ranked if panel.kind_of(model) == "network"]
    if panel.kind_of(best) == "network":
        of_what = "" if first == best else " of single models"
        yield f"{best} has the lowest RMSE{of_what} ({lowest})."
        return
    kind = KINDS[panel.kind_of(best)]
    if not networks:
        yield f"{best}, {kind}, has the lowest RMSE ({lowest}); no network to compare."
        return
    text = (
        f"{kind.upper()} WINS: {best} has the lowest RMSE ({lowest}); the "
        f"best network is {networks[0]} ({panel.mean_rmse(networks[0]):.3f})"
    )
    pair = {best, networks[0]}
    tested = [c for c in errors if {c.model, c.reference} == pair]
    yield text + "".join(f", {_say_p(c)}" for c in tested) + "."


def _say_own_naive(panel: Panel, naive: str) -> Iterator[str]:
    """Report if the naive model of the split is not the best naive model."""
    if panel.own_naive in panel.models and panel.is_complete(panel.own_naive):
        yield (
            f"Of the naive models {naive} has the lowest RMSE "
            f"({panel.mean_rmse(naive):.3f}), not {panel.own_naive} "
            f"({panel.mean_rmse(panel.own_naive):.3f}), against which skill is "
            "measured."
        )


def _say_comparison(item: PairComparison) -> str:
    """Report whether a model is better than the best naive model."""
    if item.test.n_folds == 0:
        return f"{item.model} and {item.reference} have no fold in common."
    if not item.is_better:
        wins = "DOES NOT beat the best naive model,"
    elif item.is_significant:
        wins = "beats the best naive model,"
    else:
        wins = "has a lower RMSE, but not significantly, than the best naive model,"
    interval = write_interval(item.test.low, item.test.high)
    spread = "" if np.isnan(item.test.low) else f" (95 % {interval})"
    return (
        f"{item.model} {wins} {item.reference}: RMSE {item.test.mean:+.3f}{spread}, "
        f"lower in {item.n_better} of {item.test.n_folds} folds, {_say_p(item)}."
    )


def _say_p(item: PairComparison) -> str:
    """Format the p-value of a comparison, or the reason why there is none."""
    if np.isnan(item.p_holm):
        return "too few folds for a test"
    p = write_p(item.p_holm)
    if not item.is_significant:
        verdict = "not significant"
    else:
        verdict = "significant" if item.is_better else "significantly worse"
    return f"{verdict}, p {p if p.startswith('<') else f'= {p}'} (Holm)"


def _say_correlations(
    panel: Panel, naive: str | None, correlations: Sequence[PairComparison]
) -> Iterator[str]:
    """Report correlations in which naive or classical models are better."""
    for measure in CORRELATIONS:
        yield from _say_correlation(panel, measure)
    level = [
        item.model
        for item in correlations
        if item.reference == naive and item.is_better and not item.is_significant
    ]
    if level:
        yield (
            f"In {MEASURES[panel.correlation].title} these are above {naive}, but not "
            f"significantly: {', '.join(level)}."
        )


def _say_correlation(panel: Panel, measure: str) -> Iterator[str]:
    """Report models that are not above a naive one, and a classical winner."""
    means = {
        model: float(panel.compared(model)[measure].mean()) for model in panel.ranked()
    }
    of_kind = {
        kind: {
            m: r
            for m, r in means.items()
            if panel.kind_of(m) == kind and not np.isnan(r)
        }
        for kind in ("naive", "classical", "network")
    }
    best = {kind: max(r, key=r.__getitem__) for kind, r in of_kind.items() if r}
    title = MEASURES[measure].title
    if "naive" in best:
        limit = means[best["naive"]]
        behind = [
            f"{model} {r:.3f}"
            for model, r in (of_kind["classical"] | of_kind["network"]).items()
            if r < limit
        ]
        if behind:
            yield (
                f"A NAIVE MODEL WINS in {title}: {best['naive']} {limit:.3f}, against "
                f"{', '.join(behind)}."
            )
    if "classical" in best and "network" in best:
        winner, loser = best["classical"], best["network"]
        if means[winner] > max(means[m] for m in best.values() if m != winner):
            yield (
                f"A CLASSICAL MODEL WINS in {title}: {winner} {means[winner]:.3f}; the "
                f"best network is {loser} ({means[loser]:.3f})."
            )


def _say_not_significant(
    errors: Sequence[PairComparison], naive: str | None
) -> Iterator[str]:
    """List the pairs that are not significantly different, or count them if many."""
    tested = [item for item in errors if item.reference != naive]
    alike = [item for item in tested if item.p_holm >= 0.05]
    if len(alike) > MOST_PAIRS_LISTED:
        yield (
            f"RMSE not significantly different: {len(alike)} of {len(tested)} pairs of "
            "models; their p (Holm) are in the table of row minus column."
        )
    elif alike:
        pairs = "; ".join(
            f"{item.model} and {item.reference} ({write_p(item.p_holm)})"
            for item in alike
        )
        yield f"RMSE not significantly different (Holm's p in parentheses): {pairs}."


def say_why_no_ranks(panel: Panel) -> str:
    """Return the reason why there is no critical-difference diagram."""
    n_folds = [len(panel.of_model(model)) for model in panel.others]
    enough = sum(n >= LEAST_FOLDS_FOR_RANKS for n in n_folds)
    return (
        "No ranking: it requires three models with at least "
        f"{LEAST_FOLDS_FOR_RANKS} common folds, including the best naive model; "
        f"{enough} of the {len(n_folds)} models that are not naive have as many."
    )


def say_left_out_of_ranks(panel: Panel, ranked: Sequence[str]) -> Iterator[str]:
    """List the models that have too few folds to be ranked."""
    left_out = [model for model in panel.others if model not in ranked]
    if left_out:
        names = ", ".join(f"{m} ({len(panel.of_model(m))})" for m in left_out)
        yield (
            "Not ranked, because they have fewer than "
            f"{LEAST_FOLDS_FOR_RANKS} folds: {names}."
        )
