"""Tables of the report, for Markdown and HTML alike.

Cells know whether they are the best of their column, which a DataFrame does not; its
`to_markdown` would need the package tabulate for the five lines that write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sklearn_csg2a.evaluation.pairs import PairComparison
from sklearn_csg2a.evaluation.panels import MEASURES, Panel
from sklearn_csg2a.evaluation.statistics import RankTest, t_interval

COST = ("fit_seconds", "n_parameters")
DASH = "–"  # noqa: RUF001 (en dash intended)


@dataclass(frozen=True)
class Cell:
    """One cell: its text, and whether it is the best of its column."""

    text: str
    is_best: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose first `n_labels` columns are text."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]] = field(repr=False)
    n_labels: int = 1

    def as_markdown(self) -> str:
        """Write the table in Markdown."""
        n_numbers = len(self.header) - self.n_labels
        lines = [list(self.header), ["---"] * self.n_labels + ["---:"] * n_numbers]
        lines += [
            [f"**{cell.text}**" if cell.is_best else cell.text for cell in row]
            for row in self.rows
        ]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"{self.caption}\n\n{table}"


def make_overview(
    panels: Sequence[Panel], what: Mapping[str, str] | None = None
) -> Table:
    """Make the table of models by schemes: RMSE and PCC, mean and sd over folds.

    Where `what` says what a model is, that is its kind.
    """
    shown = ("rmse", "pearson")
    header = ["model", "what it is" if what else "kind"]
    for panel in panels:
        folds = _count(len(panel.folds), "fold")
        header += [
            f"{panel.name}, {MEASURES[measure].title} ({folds})" for measure in shown
        ]
    best = {
        (panel.scheme, panel.n_splits, measure): find_best(panel, measure)
        for panel in panels
        for measure in shown
    }
    models = list(dict.fromkeys(model for panel in panels for model in panel.models))
    kinds = {model: panel.kind_of(model) for panel in panels for model in panel.models}
    models.sort(key=lambda model: kinds[model] != "naive")
    rows = [
        [
            Cell(model),
            Cell((what or {}).get(model, kinds[model])),
            *(
                make_cell(
                    panel, model, measure, best[panel.scheme, panel.n_splits, measure]
                )
                for panel in panels
                for measure in shown
            ),
        ]
        for model in models
    ]
    return Table("Mean ± sd over folds; the best of a column is bold.", header, rows, 2)


def make_cell(panel: Panel, model: str, measure: str, best: set[str]) -> Cell:
    """Format mean and sd over the compared folds; a dash if there are none.

    If a model lacks some of these folds, the others are used.
    """
    if model not in panel.models:
        return Cell(DASH)
    values = panel.compared(model)[measure].dropna()
    text = write_mean(values, MEASURES[measure].digits)
    if text != DASH and not panel.is_complete(model):
        text += f" ({_count(len(values), 'fold')})"
    return Cell(text, model in best)


def find_best(panel: Panel, measure: str) -> set[str]:
    """Return the models with the best mean, as written, on all folds compared."""
    _, digits, best = MEASURES[measure]
    if best is None:
        return set()
    means = {
        model: round(float(panel.compared(model)[measure].mean()), digits)
        for model in panel.models
        if panel.is_complete(model)
    }
    found = [mean for mean in means.values() if not np.isnan(mean)]
    if not found:
        return set()
    winner = min(found) if best == "lowest" else max(found)
    return {model for model, mean in means.items() if mean == winner}


def make_measures(panel: Panel) -> Table:
    """Make the table of all measures of one scheme."""
    measures = [name for name in MEASURES if name not in COST]
    best = {measure: find_best(panel, measure) for measure in measures}
    rows = [
        [
            Cell(model),
            Cell(panel.kind_of(model)),
            *(make_cell(panel, model, name, best[name]) for name in measures),
        ]
        for model in panel.models
    ]
    header = ["model", "kind", *(MEASURES[name].title for name in measures)]
    return Table("All measures, mean ± sd over the folds compared.", header, rows, 2)


def make_cost(panel: Panel) -> Table:
    """Make the table of the interval of skill, fit time and number of parameters."""
    rows = []
    for model in panel.models:
        values = panel.compared(model)
        skill = values["skill"].dropna().to_numpy()
        rows.append(
            [
                Cell(model),
                Cell(panel.kind_of(model)),
                Cell(write_interval(*t_interval(skill, panel.test_to_train))),
                make_cell(panel, model, "fit_seconds", set()),
                Cell(_write_count(panel.of_model(model)["n_parameters"])),
            ]
        )
    header = ["model", "kind", f"skill over {panel.own_naive}, 95 %"]
    header += [MEASURES[name].title for name in COST]
    caption = (
        "Interval of skill over folds, time of a fit, number of parameters if stored."
    )
    return Table(caption, header, rows, 2)


def make_all_folds(panel: Panel) -> Table | None:
    """Make the table of all folds of each model, if some have more than compared."""
    more = [m for m in panel.models if set(panel.of_model(m).index) - set(panel.folds)]
    if not more:
        return None
    rows = [
        [
            Cell(model),
            Cell(", ".join(map(str, values.index))),
            *(
                Cell(write_mean(values[measure].dropna(), MEASURES[measure].digits))
                for measure in ("rmse", "pearson", "skill")
            ),
        ]
        for model in more
        for values in [panel.of_model(model)]
    ]
    caption = (
        "Models with more folds than are compared, each on all its folds. Rows on "
        "different folds are not comparable: folds differ in difficulty."
    )
    return Table(caption, ["model", "folds", "RMSE", "PCC", "skill"], rows, 2)


def make_tests(panel: Panel, comparisons: Sequence[PairComparison]) -> Table | None:
    """Make the table of paired tests of a measure against the best naive model."""
    against = [item for item in comparisons if item.reference == panel.best_naive]
    if not against:
        return None
    measure = MEASURES[against[0].measure]
    header = ["model", "kind", "folds", f"difference in {measure.title}"]
    header += ["95 %", "better in", "p", "p (Holm)"]
    rows = [
        [
            Cell(item.model),
            Cell(panel.kind_of(item.model)),
            Cell(str(item.test.n_folds)),
            Cell(_write_difference(item)),
            Cell(write_interval(item.test.low, item.test.high)),
            Cell(f"{item.n_better}/{item.test.n_folds}"),
            Cell(write_p(item.test.p)),
            Cell(write_p(item.p_holm), item.is_significant),
        ]
        for item in against
    ]
    caption = (
        f"Paired tests of {measure.title} against {panel.best_naive}, the best naive "
        "model, on the folds that both have; bold p are significant."
    )
    return Table(caption, header, rows, 2)


def make_pairs(panel: Panel, comparisons: Sequence[PairComparison]) -> Table | None:
    """Make the table of paired tests of a measure between other models."""
    found = {
        (item.model, item.reference): item
        for item in comparisons
        if item.reference != panel.best_naive
    }
    if not found:
        return None
    title = MEASURES[comparisons[0].measure].title
    references, models = panel.others[:-1], panel.others[1:]
    rows = [
        [Cell(model), *(_pair_cell(panel, found.get((model, r))) for r in references)]
        for model in models
    ]
    caption = (
        f"Row minus column in {title}: bold where significant, else with p (Holm). On "
        f"{_count(len(panel.folds), 'fold')} unless another number is given."
    )
    return Table(caption, ["", *references], rows)


def _pair_cell(panel: Panel, item: PairComparison | None) -> Cell:
    """Format difference and p of a pair; empty above the diagonal."""
    if item is None:
        return Cell("")
    text = _write_difference(item)
    if not np.isnan(item.p_holm) and not item.is_significant:
        text += f" ({write_p(item.p_holm)})"
    if item.test.n_folds != len(panel.folds):
        text += f", {_count(item.test.n_folds, 'fold')}"
    return Cell(text, item.is_significant)


def _write_difference(item: PairComparison) -> str:
    """Format the mean difference; a dash if there is no common fold."""
    mean, digits = item.test.mean, MEASURES[item.measure].digits
    return DASH if np.isnan(mean) else f"{mean:+.{digits}f}"


def make_ranks(panel: Panel, models: Sequence[str], test: RankTest) -> Table:
    """Make the table of mean ranks of models."""
    order = np.argsort(test.ranks, kind="stable")
    rows = [
        [Cell(models[i]), Cell(panel.kind_of(models[i])), Cell(f"{test.ranks[i]:.2f}")]
        for i in order
    ]
    caption = (
        f"Mean ranks by RMSE over {test.n_folds} folds. Friedman's p is "
        f"{write_p(test.p)}; ranks that differ by less than "
        f"{test.critical_difference:.2f} are not significantly different (Nemenyi)."
    )
    return Table(caption, ["model", "kind", "mean rank"], rows, 2)


def write_mean(values: pd.Series, digits: int) -> str:
    """Format mean and, for at least two folds, standard deviation."""
    if values.empty:
        return DASH
    mean = f"{round(values.mean(), digits) + 0.0:.{digits}f}"  # no -0.000
    return mean if len(values) == 1 else f"{mean} ± {values.std():.{digits}f}"


def write_interval(low: float, high: float) -> str:
    """Format an interval; a dash if there is none."""
    return DASH if np.isnan(low) else f"{low:+.3f} to {high:+.3f}"


def write_p(p: float) -> str:
    """Format a p-value; a dash if there was no test."""
    if np.isnan(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.{2 if p >= 0.095 else 3}f}"


def _write_count(values: pd.Series) -> str:
    """Format the number of parameters; a range if folds differ."""
    found = values.dropna()
    if found.empty:
        return DASH
    low, high = int(found.min()), int(found.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _count(number: int, noun: str) -> str:
    """Format a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
