"""Figures of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.evaluation.pairs import PairComparison
from sklearn_csg2a.evaluation.panels import Panel
from sklearn_csg2a.evaluation.pictures import COLORS, INK, drawn
from sklearn_csg2a.evaluation.statistics import RankTest, find_cliques, t_interval
from sklearn_csg2a.evaluation.variants import Effect

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

LEGEND = "naive models gray, classical ones green, networks orange"

WIDTH = 9.6  # inches
N_COLUMNS = 4
LEAST_SKILL = -1.0  # what is worse is beyond the edge


@drawn
def draw_folds(
    panel: Panel, comparisons: Sequence[PairComparison]
) -> tuple[Figure, str, str]:
    """Draw the RMSE of each fold, and the difference from the best naive model."""
    models = [model for model in panel.models if panel.is_complete(model)]
    against = {c.model: c for c in comparisons if c.reference == panel.best_naive}
    n_axes = 2 if against else 1
    figure = _figure((WIDTH, 0.9 + 0.3 * len(models)))
    axes = np.atleast_1d(figure.subplots(1, n_axes, sharey=True))
    for place, model in enumerate(models):
        errors = panel.compared(model)["rmse"].to_numpy()
        low, high = t_interval(errors, panel.test_to_train)
        kind = panel.kind_of(model)
        _mark(axes[0], place, errors, (float(errors.mean()), low, high), kind)
        if model in against:
            test = against[model].test
            of_naive = panel.of_model(against[model].reference)["rmse"]
            values = (panel.of_model(model)["rmse"] - of_naive).dropna().to_numpy()
            interval = (test.mean, test.low, test.high)
            _mark(axes[1], place, values, interval, kind)
    axes[0].set_yticks(range(len(models)), models)
    axes[0].set_ylim(len(models) - 0.5, -0.5)
    axes[0].set_xlabel("RMSE")
    if against:
        axes[1].axvline(0, color=INK, linewidth=0.8, linestyle="--")
        axes[1].set_xlabel(f"RMSE minus that of {panel.best_naive}")
        axes[1].tick_params(labelleft=False)
    caption = (
        "RMSE of each fold (dots), mean (bar) and its corrected 95 % interval (line); "
        f"{LEGEND}"
        + (
            f". To the right, paired by fold, the difference from {panel.best_naive}: "
            "left of the dashed line the model is better."
            if against
            else "."
        )
    )
    return figure, caption, f"RMSE by fold of {len(models)} models"


def draw_overview(
    panels: Sequence[Panel], noise: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the skill of all models, one scheme below the other."""
    import_optional("matplotlib", extra="plots", purpose="A plot")
    rows = [len(panel.models) + 1 for panel in panels]
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(7, 0.6 + 0.24 * sum(rows)), layout="constrained")
    top, ticks = 0, dict[int, str]()
    for panel, n_rows in zip(panels, rows, strict=True):
        ax.text(0, top, panel.title, transform=ax.get_yaxis_transform(), va="center")
        ticks |= dict(enumerate(panel.models, start=top + 1))
        _draw_skill(ax, panel, top + 1, noise)
        top += n_rows
    ax.axvline(0, color="0.5", linewidth=0.8, linestyle="--")
    ax.set_yticks(list(ticks), list(ticks.values()))
    ax.set_ylim(top - 0.5, -0.6)
    ax.set_xlim(left=max(ax.get_xlim()[0], LEAST_SKILL))
    ax.set_xlabel("skill over the naive model of the split (right: better)")
    if noise is not None:
        ax.legend(loc="lower left", frameon=False)
    return ax


def _draw_skill(ax: Axes, panel: Panel, top: int, noise: float | None) -> None:
    """Draw the skill of the models of a scheme, one row each, from `top` down."""
    for place, model in enumerate(panel.models, start=top):
        skills = panel.of_model(model)["skill"].dropna().to_numpy()
        if not len(skills):
            continue
        interval = float(skills.mean()), *t_interval(skills, panel.test_to_train)
        _mark(ax, place, skills, interval, panel.kind_of(model))
        if interval[0] < LEAST_SKILL:
            color = COLORS[panel.kind_of(model)]
            ax.plot(LEAST_SKILL, place, "<", color=color, clip_on=False)
    if noise is not None:
        ceiling = panel.ceiling_of_skill(noise)
        ends = [top - 0.4, top + len(panel.models) - 0.6]
        label = "_" if top > 1 else "noise"
        ax.plot([ceiling] * 2, ends, color="0.5", ls=":", lw=1.6, label=label)


def _mark(
    ax: Axes,
    place: int,
    values: np.ndarray,
    interval: tuple[float, float, float],
    kind: str,
) -> None:
    """Draw the folds (dots), their mean and its interval in one row of a figure."""
    mean, low, high = interval
    color = COLORS[kind]
    if not np.isnan(low):
        ax.plot([low, high], [place, place], color=color, linewidth=1.6)
    ax.plot([mean, mean], [place - 0.28, place + 0.28], color=color, linewidth=2.4)
    ax.scatter(values, np.full(len(values), place), s=14, color=color, alpha=0.6)


@drawn
def draw_ranks(
    panel: Panel, models: Sequence[str], test: RankTest
) -> tuple[Figure, str, str]:
    """Draw mean ranks; a bar joins models that are not significantly different."""
    order = np.argsort(test.ranks, kind="stable")
    ranks, names = test.ranks[order], [models[i] for i in order]
    cliques = find_cliques(ranks, test.critical_difference)
    n_models = len(names)
    n_left = (n_models + 1) // 2
    top = 0.3 * (len(cliques) + 1)
    figure = _figure((WIDTH, 1.3 + 0.3 * (n_left + len(cliques))))
    ax = figure.subplots()
    ax.set_axis_off()
    ax.set_xlim(1 - 0.45 * (n_models - 1), n_models + 0.45 * (n_models - 1))
    ax.plot([1, n_models], [0, 0], color=INK, linewidth=1)
    for rank in range(1, n_models + 1):
        ax.plot([rank, rank], [0, 0.12], color=INK, linewidth=1)
        ax.text(rank, 0.2, str(rank), ha="center", va="bottom")
    for i, (rank, name) in enumerate(zip(ranks, names, strict=True)):
        is_left = i < n_left
        depth = -top - 0.4 * ((i if is_left else n_models - 1 - i) + 0.5)
        edge = 0.9 if is_left else n_models + 0.1
        color = COLORS[panel.kind_of(name)]
        ax.plot([rank, rank, edge], [0, depth, depth], color=color, linewidth=1)
        text = f"{name} ({rank:.2f}) " if is_left else f" ({rank:.2f}) {name}"
        ax.text(edge, depth, text, ha="right" if is_left else "left", va="center")
    for i, (first, last) in enumerate(cliques):
        y = -0.3 * (i + 0.7)
        ax.plot([ranks[first] - 0.04, ranks[last] + 0.04], [y, y], color=INK, lw=3.5)
    width = min(test.critical_difference, n_models - 1)
    ax.plot([1, 1 + width], [0.85, 0.85], color=INK, linewidth=1.5)
    ax.text(1, 0.92, f"critical difference {test.critical_difference:.2f}", va="bottom")
    ax.set_ylim(-top - 0.4 * (n_left + 0.3), 1.35)
    caption = (
        f"Mean ranks by RMSE over {test.n_folds} folds, the best to the left. Models "
        "under one thick bar are not significantly different (Nemenyi, 5 %); "
        f"{LEGEND}."
    )
    return figure, caption, f"Critical-difference diagram of {n_models} models"


@drawn
def draw_predicted(
    panel: Panel, predictions: dict[str, pd.DataFrame]
) -> tuple[Figure, str, str]:
    """Draw predicted against measured values, a panel for each model."""
    figure, axes = _grid(len(predictions), 2.35)
    both = np.concatenate([f[["y_true", "y_pred"]] for f in predictions.values()])
    margin = 0.03 * float(np.ptp(both))
    low, high = float(both.min()) - margin, float(both.max()) + margin
    all_bins = []
    for ax, (model, found) in zip(axes, predictions.items(), strict=True):
        all_bins.append(
            ax.hexbin(
                found["y_true"],
                found["y_pred"],
                gridsize=45,
                extent=(low, high, low, high),
                bins="log",
                mincnt=1,
                cmap=_count_colors(),
                linewidths=0,
                rasterized=True,
            )
        )
        ax.axline((0, 0), slope=1, color=INK, linewidth=0.8, linestyle="--")
        ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        ax.set_title(f"{model}\nRMSE {panel.mean_rmse(model):.3f}")
    most = max(float(np.max(np.asarray(bins.get_array()))) for bins in all_bins)
    for bins in all_bins:
        bins.set_clim(1, max(most, 2))
    figure.supxlabel("measured", fontsize=9)
    figure.supylabel("predicted", fontsize=9)
    figure.colorbar(all_bins[0], ax=axes, shrink=0.7, aspect=25, label="test rows")
    caption = (
        "Predicted against measured values of all test rows of the folds compared, the "
        "best naive model and all others that have predictions."
    )
    return figure, caption, f"Predicted against measured, {len(predictions)} models"


@drawn
def draw_compound_correlations(
    panel: Panel, of_model: dict[str, pd.DataFrame]
) -> tuple[Figure, str, str]:
    """Draw the distribution over compounds of the correlation within a compound."""
    figure = _figure((WIDTH, 0.9 + 0.32 * len(of_model)))
    ax = figure.subplots()
    line = {"color": INK, "linewidth": 0.9}
    boxes = ax.boxplot(
        [found["r"].dropna() for found in of_model.values()],
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        medianprops={"color": INK, "linewidth": 1.6},
        whiskerprops=line,
        capprops=line,
        boxprops={"linewidth": 0.9, "edgecolor": INK},
        flierprops={"marker": ".", "markersize": 3, "markeredgecolor": INK},
    )
    for box, model in zip(boxes["boxes"], of_model, strict=True):
        box.set_facecolor((COLORS[panel.kind_of(model)], 0.55))
    ax.set_yticks(range(1, len(of_model) + 1), list(of_model))
    ax.invert_yaxis()
    ax.axvline(0, color=INK, linewidth=0.8, linestyle="--")
    ax.set_xlabel("correlation within a compound, over cell lines")
    n_compounds = max(found["r"].notna().sum() for found in of_model.values())
    caption = (
        f"Correlation within each of {n_compounds} compounds: median, quartiles and "
        "all compounds beyond 1.5 interquartile ranges. Predictions that are constant "
        "within a compound count as 0."
    )
    return figure, caption, f"Correlation within compounds, {panel.title}"


@drawn
def draw_compound_errors(
    panel: Panel, of_model: dict[str, pd.DataFrame]
) -> tuple[Figure, str, str]:
    """Draw the RMSE of each compound against that of the best naive model."""
    reference = str(panel.best_naive)
    naive = of_model[reference]["rmse"]
    others = {m: found for m, found in of_model.items() if m != reference}
    figure, axes = _grid(len(others), 2.35)
    high = 1.05 * max(found["rmse"].max() for found in of_model.values())
    for ax, (model, found) in zip(axes, others.items(), strict=True):
        errors = found["rmse"].reindex(naive.index)
        color = COLORS[panel.kind_of(model)]
        ax.scatter(naive, errors, s=8, color=color, alpha=0.6, lw=0)
        ax.axline((0, 0), slope=1, color=INK, linewidth=0.8, linestyle="--")
        ax.set(xlim=(0, high), ylim=(0, high), aspect="equal")
        n_lower = int((errors < naive).sum())
        ax.set_title(f"{model}\nlower for {n_lower} of {len(naive)}")
    figure.supxlabel(f"RMSE of {panel.best_naive}", fontsize=9)
    figure.supylabel("RMSE of the model", fontsize=9)
    caption = (
        f"RMSE of each compound against that of {panel.best_naive}, the best naive "
        "model; below the dashed line the model is better."
    )
    return figure, caption, f"RMSE by compound, {len(others)} models"


@drawn
def draw_effects(
    found: Sequence[tuple[Panel, Sequence[Effect]]],
) -> tuple[Figure, str, str]:
    """Draw the change in RMSE of the variants of a model, one panel per scheme."""
    present = {effect.model for _, effects in found for effect in effects}
    roster = found[0][0].roster
    models = [model for model in roster.variants if model in present]
    figure = _figure((WIDTH, 1.1 + 0.3 * len(models)))
    axes = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for ax, (panel, effects) in zip(axes, found, strict=True):
        low, high = _view_of(effects)
        ax.set_xlim(low, high)
        for effect in effects:
            place, test = models.index(effect.model), effect.test
            interval = (test.mean, max(test.low, low), min(test.high, high))
            _mark(
                ax,
                place,
                effect.differences,
                interval,
                panel.kind_of(effect.model),
            )
            for end, edge, marker in ((-test.low, low, "<"), (test.high, high, ">")):
                if end > abs(edge):
                    color = COLORS[panel.kind_of(effect.model)]
                    ax.plot(edge, place, marker, color=color, ms=5, clip_on=False)
        ax.axvline(0, color=INK, linewidth=0.8, linestyle="--")
        ax.locator_params(axis="x", nbins=3)
        ax.set_title(panel.name)
    axes[0].set_yticks(range(len(models)), [roster.variants[model] for model in models])
    axes[0].set_ylim(len(models) - 0.5, -0.5)
    figure.supxlabel(f"RMSE minus that of {roster.whole} (right: worse)", fontsize=9)
    caption = (
        f"RMSE of the variants minus that of {roster.whole}: each fold (dots), mean "
        "(bar) and its corrected 95 % interval (line) if there are at least two folds; "
        "an arrow where it extends beyond the panel. Scales differ between panels."
    )
    n_schemes = len({panel.scheme for panel, _ in found})
    alt = (
        f"RMSE of {len(models)} variants minus that of {roster.whole}, "
        f"{n_schemes} schemes"
    )
    return figure, caption, alt


def _view_of(effects: Sequence[Effect]) -> tuple[float, float]:
    """Return axis limits that include 0, all folds, and the intervals near them."""
    values = np.concatenate([[0.0], *(effect.differences for effect in effects)])
    low, high = float(values.min()), float(values.max())
    margin = 0.8 * (high - low) or 0.01
    ends = [(effect.test.low, effect.test.high) for effect in effects]
    least = np.nanmin([low, *(end for end, _ in ends)])
    most = np.nanmax([high, *(end for _, end in ends)])
    edge = 0.1 * margin
    return max(least - edge, low - margin), min(most + edge, high + margin)


def _figure(figsize: tuple[float, float]) -> Figure:
    """Return an empty figure, width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=figsize)


def _count_colors() -> ListedColormap:
    """Return colors of counts that are visible on light and dark pages."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["plasma"](np.linspace(0.12, 0.9, 200)))


def _grid(n_panels: int, size: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with `n_panels` square panels that share their axes."""
    n_columns = min(n_panels, N_COLUMNS)
    n_rows = -(-n_panels // n_columns)
    figure = _figure((0.8 + size * n_columns, 0.4 + (size + 0.3) * n_rows))
    axes = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat[n_panels:]:
        ax.remove()
    return figure, list(axes.flat[:n_panels])
