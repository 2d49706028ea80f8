"""One scheme at a glance: a small figure and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_csg2a.evaluation.pairs import PairComparison
from sklearn_csg2a.evaluation.panels import Panel
from sklearn_csg2a.evaluation.pictures import COLORS, INK, Picture, drawn
from sklearn_csg2a.evaluation.statistics import t_interval
from sklearn_csg2a.evaluation.tables import write_p
from sklearn_csg2a.metrics._ceiling import share_of_ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.6  # inches
MOST_MODELS = 12
LONGEST_NAME = 24


@dataclass(frozen=True)
class Glance:
    """A scheme: its title, a sentence and a picture."""

    title: str
    sentence: str
    picture: Picture
    kinds: frozenset[str]  # of the models in the picture


def look_at(
    panel: Panel,
    errors: Sequence[PairComparison],
    noise: float | None,
    what: Mapping[str, str],
) -> Glance:
    """Describe a scheme by its best models, against naive models and noise."""
    sentence = say_best(panel, errors, noise, what)
    kinds = frozenset(map(panel.kind_of, _choose(panel)))
    return Glance(panel.title, sentence, draw_best(panel, noise), kinds)


def say_best(
    panel: Panel,
    errors: Sequence[PairComparison],
    noise: float | None,
    what: Mapping[str, str],
) -> str:
    """Say in one sentence which model is best, and by how much."""
    best, naive = panel.ranked()[0], panel.best_naive
    if naive is None:
        return f"{_name(best, what)} has the lowest RMSE, {panel.mean_rmse(best):.3f}."
    lowest = panel.mean_rmse(naive)
    if best == naive:
        return _say_naive_wins(panel, naive, what)
    gain = 1 - panel.mean_rmse(best) / lowest
    text = (
        f"{_name(best, what)} has the lowest RMSE, {panel.mean_rmse(best):.3f}: "
        f"{_percent(gain)} below {naive} ({lowest:.3f}), the best naive model"
    )
    tested = [c for c in errors if (c.model, c.reference) == (best, naive)]
    text += "".join(f" ({_say_test(item)})" for item in tested)
    if noise is not None:
        share = _share_of_gap(panel, best, naive, noise)
        text += (
            f"; {_percent(share)} of the way from there to the noise"
            if share <= 1
            else "; its error is below the noise that was assumed"
        )
    return text + "."


def _say_naive_wins(panel: Panel, naive: str, what: Mapping[str, str]) -> str:
    """Say that no model is better than a naive one, and which comes closest."""
    others = [model for model in panel.ranked() if panel.kind_of(model) != "naive"]
    text = f"No model beats {naive}, a naive model (RMSE {panel.mean_rmse(naive):.3f})"
    if others:
        nearest = others[0]
        text += f"; {_name(nearest, what)} is next ({panel.mean_rmse(nearest):.3f})"
    return text + "."


def _name(model: str, what: Mapping[str, str]) -> str:
    """Return the name of a model, with what it is where the name does not say it."""
    kind = what.get(model, model)
    return model if kind in model else f"{model} ({kind})"


def _say_test(item: PairComparison) -> str:
    """Say whether a difference is significant."""
    if np.isnan(item.p_holm):
        return "too few folds for a test"
    p = write_p(item.p_holm)
    verdict = "significant" if item.is_significant else "not significant"
    blank = "\N{NO-BREAK SPACE}"
    return f"{verdict}, p {p if p.startswith('<') else f'= {p}'}".replace(" ", blank)


def _percent(share: float) -> str:
    """Format a share as percent."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _share_of_gap(panel: Panel, model: str, naive: str, noise: float) -> float:
    """Return the mean share of the way from a naive model to the noise."""
    errors, of_naive = (
        panel.compared(one)["rmse"].to_numpy() for one in (model, naive)
    )
    shares = share_of_ceiling(1 - np.square(errors / of_naive), of_naive, noise)
    return float(np.mean(shares))


@drawn
def draw_best(panel: Panel, noise: float | None) -> tuple[Figure, str, str]:
    """Draw the RMSE of the best models, with the best naive model and the noise."""
    from matplotlib.figure import Figure

    models = _choose(panel)
    figure = Figure(figsize=(WIDTH, 0.75 + 0.24 * len(models)))
    ax = figure.subplots()
    for place, model in enumerate(models):
        errors = panel.compared(model)["rmse"].to_numpy()
        low, high = t_interval(errors, panel.test_to_train)
        color = COLORS[panel.kind_of(model)]
        if not np.isnan(low):
            ax.plot([low, high], [place, place], color=color, lw=3, alpha=0.45)
        ax.plot(errors, np.full(len(errors), place), ".", color=color, ms=3, alpha=0.5)
        ax.plot(errors.mean(), place, "o", color=color, ms=7)
    _limit(ax, [panel.compared(model)["rmse"].to_numpy() for model in models])
    if panel.best_naive is not None:
        lowest = panel.mean_rmse(panel.best_naive)
        ax.axvline(lowest, color=INK, linewidth=0.8, linestyle="--")
    if noise is not None:
        ax.axvline(noise, color=INK, linewidth=1.4, linestyle=":")
        low, high = ax.get_xlim()
        ax.set_xlim(min(low, noise - 0.05 * (high - noise)), high)
    ax.set_yticks(range(len(models)), [_shorten(model) for model in models])
    ax.set_ylim(len(models) - 0.5, -0.5)
    ax.set_xlabel("RMSE (left: better)")
    ax.tick_params(axis="y", length=0)
    left_out = len(panel.models) - len(models)
    caption = f"{left_out} more models are in the tables." if left_out else ""
    return figure, caption, _describe(panel, models, noise)


def _limit(ax: Axes, errors: Sequence[np.ndarray]) -> None:
    """Show all folds; long intervals of few folds end at the edge."""
    values = np.concatenate(errors)
    margin = 0.25 * float(np.ptp(values)) or 0.05
    ax.set_xlim(values.min() - margin, values.max() + margin)


def _choose(panel: Panel) -> list[str]:
    """Return the models to draw, the best first: naive ones, too, if they fit in."""
    ranked = panel.ranked()
    if len(ranked) <= MOST_MODELS:
        return ranked
    naive = panel.best_naive
    ranked = [m for m in ranked if panel.kind_of(m) != "naive" or m == naive]
    first = ranked[:MOST_MODELS]
    if naive is not None and naive not in first:
        first[-1] = naive
    return first


def _shorten(name: str) -> str:
    """Return a name that fits beside the axis."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _describe(panel: Panel, models: Sequence[str], noise: float | None) -> str:
    """Return the text that stands for the figure."""
    listed = ", ".join(f"{model} {panel.mean_rmse(model):.3f}" for model in models)
    text = f"{panel.name}, mean RMSE over {len(panel.folds)} folds: {listed}"
    return text if noise is None else f"{text}; noise of a measurement {noise:.3f}"
