"""Picture of all models in all schemes, against naive models and the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.plotting._canvas import (
    ink,
    label_rows,
    open_axes,
    palette,
    split_axes,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ComparisonDisplay"]


class _Measure(NamedTuple):
    label: str
    lower_is_better: bool
    naive: float | None  # its value for the naive model; None: that of the best one


_MEASURES = {
    "rmse": _Measure("RMSE (ln uM)", lower_is_better=True, naive=None),
    "skill": _Measure("skill", lower_is_better=False, naive=0.0),
    "ceiling_share": _Measure("share of naive to noise", False, 0.0),  # noqa: FBT003
    "pearson": _Measure("correlation", lower_is_better=False, naive=None),
    "spearman": _Measure("rank correlation", lower_is_better=False, naive=None),
    "within_drug_pearson": _Measure("r within drugs", False, None),  # noqa: FBT003
    "within_cell_pearson": _Measure("r within cells", False, None),  # noqa: FBT003
    "residual_pearson": _Measure("r of residuals", False, None),  # noqa: FBT003
}
_SCHEMES = {
    "mixed": "new pairs",
    "cell": "new cell lines",
    "drug": "new compounds",
    "disjoint": "both new",
    "tissue": "new tissues",
    "cluster": "new chemistry",
}
_KINDS = {
    "naive": ("gray", "s"),
    "classical": ("green", "o"),
    "network": ("orange", "^"),
}
_OTHERS = ("pink", "D")
_FARTHEST = -0.5  # what is worse than this, where naive is 0, is an arrow at the edge


class ComparisonDisplay:
    """All models in all schemes, against the best naive model and the noise.

    One panel for each scheme: mean over folds and its corrected 95 % interval. Dashed,
    the best naive model of the scheme; dotted, the noise of a measurement, which no
    model can beat. An arrow stands for a model with a skill below -0.5. Use
    `from_comparison` or `from_table` to create one.

    Parameters
    ----------
    table : DataFrame
        The attribute `table` of what `sklearn_csg2a.compare` returns: `scheme`,
        `model`, `kind`, `n_folds` and `<measure>` with `<measure>_low` and
        `<measure>_high`.
    measure : str, default="rmse"
        "rmse", "skill", "ceiling_share", "pearson", "spearman", "within_drug_pearson",
        "within_cell_pearson" or "residual_pearson".
    noise : float, default=None
        Standard deviation of a single measurement, for "rmse".

    Attributes
    ----------
    table : DataFrame
        `scheme`, `model`, `kind`, `n_folds`, `mean`, `low` and `high`.
    measure, noise : object
        As given.
    models : list of str
        From the best to the worst, by mean rank over schemes.
    ax_ : Axes
        The axes, divided into panels.
    axes_ : ndarray of shape (n_schemes,)
        The panels.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from sklearn_csg2a.plotting import ComparisonDisplay
    >>> table = pd.DataFrame({
    ...     "scheme": ["cell", "cell"], "model": ["DrugMean", "ridge"],
    ...     "kind": ["naive", "classical"], "n_folds": [10, 10],
    ...     "rmse": [1.4, 1.2], "rmse_low": [1.3, 1.1], "rmse_high": [1.5, 1.3]})
    >>> display = ComparisonDisplay.from_table(table, noise=0.6)
    >>> [text.get_text() for text in display.axes_[0].get_yticklabels()]
    ['ridge', 'DrugMean']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, *, table: pd.DataFrame, measure: str = "rmse", noise: float | None = None
    ) -> None:
        if measure not in _MEASURES:
            raise InputError(
                f"measure={measure!r}; expected one of {', '.join(_MEASURES)}."
            )
        limits = f"{measure}_low", f"{measure}_high"
        found = read_table(
            table,
            name="table",
            source="compare(...).table",
            texts=("scheme", "model", "kind"),
            numbers=("n_folds", measure, *limits),
            may_miss=(measure, *limits),
        )
        names = {measure: "mean", limits[0]: "low", limits[1]: "high"}
        self.table = found.rename(columns=names).dropna(subset=["mean"])
        if self.table.empty:
            raise InputError(f"table, column {measure!r}: no row has a value.")
        self.measure = measure
        self.noise = noise
        sign = 1 if _MEASURES[measure].lower_is_better else -1
        ranks = (sign * self.table["mean"]).groupby(self.table["scheme"]).rank()
        order = ranks.groupby(self.table["model"], sort=False).mean()
        self.models = list(order.sort_values(kind="stable").index)

    def plot(self, ax: Any = None) -> ComparisonDisplay:
        """Draw the comparison.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : ComparisonDisplay
            The object itself.
        """
        schemes = list(self.table["scheme"].unique())
        size = (2.2 + 1.9 * len(schemes), 1.6 + 0.25 * len(self.models))
        self.ax_ = open_axes(ax, size)
        self.figure_ = self.ax_.figure
        panels = split_axes(self.ax_, [1] * len(schemes), gap=1.5)
        self.axes_ = np.array(panels)
        label_rows(panels[0], self.models)
        for scheme, panel in zip(schemes, panels, strict=True):
            self._draw_scheme(panel, scheme)
        write_legend(self.ax_, panels, below=True, ncols=1 + len(schemes))
        return self

    def _draw_scheme(self, ax: Axes, scheme: Any) -> None:
        """Draw the models of a scheme."""
        rows = self.table[self.table["scheme"] == scheme]
        measure = _MEASURES[self.measure]
        edge = -np.inf if measure.naive is None else _FARTHEST
        for kind, some in rows.groupby("kind", sort=False):
            name, marker = _KINDS.get(str(kind), _OTHERS)
            style: dict[str, Any] = {"color": getattr(palette(), name)}
            place = np.array([self.models.index(model) for model in some["model"]])
            low, mean, high = some[["low", "mean", "high"]].to_numpy().T
            shown = high >= edge
            ends = np.maximum(low, edge)[shown], high[shown]
            ax.hlines(place[shown], *ends, **style, lw=2, alpha=0.6)
            seen = mean >= edge
            ax.plot(mean[seen], place[seen], marker, **style, ms=5, label=str(kind))
            if not seen.all():
                style |= {"ls": "none", "marker": "<", "ms": 5, "clip_on": False}
                ax.plot(np.full((~seen).sum(), edge), place[~seen], **style)
        if (rows["mean"] < edge).any():
            ax.set_xlim(left=edge)
        naive = rows.loc[rows["kind"] == "naive", "mean"]
        best = naive.min() if measure.lower_is_better else naive.max()
        line = best if measure.naive is None else measure.naive
        if np.isfinite(line):
            ax.axvline(line, color=ink(), lw=0.8, ls="--", label="best naive model")
        noise: dict[str, Any] = {"color": ink(), "lw": 1.2, "ls": ":"}
        noise["label"] = "noise of a measurement"
        if self.noise is not None and self.measure == "rmse":
            ax.axvline(self.noise, **noise)
        if self.measure == "ceiling_share":
            ax.axvline(1, **noise)
        ax.set_xlabel(measure.label)
        ax.locator_params(axis="x", nbins=4)
        n_folds = int(rows["n_folds"].max())
        write_title(ax, f"{_SCHEMES.get(str(scheme), scheme)}\n{n_folds} folds")

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        measure: str = "rmse",
        noise: float | None = None,
        ax: Any = None,
    ) -> ComparisonDisplay:
        """Draw a table of results.

        Parameters
        ----------
        table : DataFrame
            The attribute `table` of what `sklearn_csg2a.compare` returns.
        measure : str, default="rmse"
            A measure of the table.
        noise : float, default=None
            Standard deviation of a single measurement, for "rmse".
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : ComparisonDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `table` is another table, or the measure is not known.
        """
        return cls(table=table, measure=measure, noise=noise).plot(ax)

    @classmethod
    def from_comparison(
        cls, comparison: Any, *, measure: str = "rmse", ax: Any = None
    ) -> ComparisonDisplay:
        """Draw a comparison.

        Parameters
        ----------
        comparison : Comparison
            What `sklearn_csg2a.compare` returns, with its `table` and `noise`.
        measure : str, default="rmse"
            A measure of the table.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : ComparisonDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `comparison` is something else, or the measure is not known.
        """
        if not hasattr(comparison, "table"):
            raise InputError(
                f"comparison is a {type(comparison).__name__}; expected what "
                "sklearn_csg2a.compare returns. Draw a table with from_table."
            )
        noise = getattr(comparison, "noise", None)
        return cls.from_table(comparison.table, measure=measure, noise=noise, ax=ax)
