"""Picture of predictions against measurements, drug by drug."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import pearson, within_group_correlation
from sklearn_csg2a.metrics._check import check_pair
from sklearn_csg2a.plotting._canvas import (
    MARKERS,
    ink,
    label_rows,
    open_axes,
    palette,
    split_axes,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import read_column_or_labels, read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["PredictionByDrugDisplay"]

_CROWD = 2000  # rows, from which dots are small and pale
_MOST_COLORS = 4
_MOST_NAMES = 30  # of drugs beside the axis

_FEWEST_CELLS = 3  # of a drug, to correlate over


class PredictionByDrugDisplay:
    """Predicted against measured response, and the correlation within each drug.

    A high correlation over all rows is mostly due to the potency of drugs. To the left
    are all rows, with those of some drugs in color; to the right is the correlation
    over the cell lines of each drug. Use `from_predictions` or `from_estimator` to
    create one.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,)
        Measured and predicted ln IC50.
    drug : array-like of shape (n_rows,)
        Name of the drug of each row.

    Attributes
    ----------
    rows : DataFrame of shape (n_rows, 3)
        `measured`, `predicted` and `drug`.
    by_drug : Series of shape (n_drugs,)
        Correlation within each drug, descending; drugs with fewer than three rows or
        equal measurements are left out, and one with equal predictions has 0.
    pearson : float
        Correlation over all rows.
    ax_ : Axes
        The axes, divided into panels.
    axes_ : ndarray of shape (2,)
        The panels: all rows, correlation by drug.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn_csg2a.metrics.within_group_correlation : The numbers to the right.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.model_selection import CellBlindKFold
    >>> from sklearn_csg2a.plotting import PredictionByDrugDisplay
    >>> screen = make_screen(n_cells=30, n_compounds=8, random_state=0)
    >>> train, test = next(CellBlindKFold(3).split(screen.X))
    >>> model = PairwiseKernelRidge(expression=screen.expression)
    >>> model.fit(screen.X.iloc[train], screen.y.iloc[train])
    PairwiseKernelRidge(...)
    >>> display = PredictionByDrugDisplay.from_estimator(
    ...     model, screen.X.iloc[test], screen.y.iloc[test])
    >>> bool(display.by_drug.mean() < display.pearson)
    True
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, y_true: Any, y_pred: Any, drug: Any) -> None:
        true, pred = check_pair(y_true, y_pred)
        if true.ndim != 1:
            raise InputError(
                f"y_true has the shape {true.shape}; expected one response per row."
            )
        drug = read_labels(drug, name="drug", n_rows=len(true), expected="one drug")
        self.rows = pd.DataFrame({"measured": true, "predicted": pred, "drug": drug})
        most = pd.Series(drug).value_counts().max()
        if most < _FEWEST_CELLS:
            raise InputError(
                f"No drug has more than {most} of the {len(true)} rows; expected "
                f"{_FEWEST_CELLS} cell lines or more of at least one drug."
            )
        within = within_group_correlation(true, pred, drug, min_rows=_FEWEST_CELLS)
        self.by_drug = within.per_group.sort_values(ascending=False, kind="stable")
        self.pearson = pearson(true, pred)

    def plot(
        self, ax: Any = None, *, highlight: Sequence[Any] | None = None
    ) -> PredictionByDrugDisplay:
        """Draw predictions against measurements, and correlations.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.
        highlight : sequence, default=None
            At most four drugs to draw in color. None: those with the highest, the
            median and the lowest correlation, of those with at least half of the usual
            number of rows.

        Returns
        -------
        display : PredictionByDrugDisplay
            The object itself.

        Raises
        ------
        InputError
            If a drug of `highlight` has no correlation, or there are too many.
        """
        chosen = self._choose(highlight)
        colors = dict(zip(chosen, palette(), strict=False))
        n_names = len(self.by_drug) if len(self.by_drug) <= _MOST_NAMES else 16
        self.ax_ = open_axes(ax, (8.4, max(4.0, 0.8 + 0.19 * n_names)))
        self.figure_ = self.ax_.figure
        left, right = split_axes(self.ax_, (1.2, 1), gap=5.5, share_y=False)
        self.axes_ = np.array([left, right])
        self._draw_rows(left, colors)
        self._draw_correlations(right, colors)
        return self

    def _choose(self, highlight: Sequence[Any] | None) -> list[Any]:
        """Return the drugs to draw in color."""
        drugs: list[Any] = list(self.by_drug.index)
        if highlight is None:
            n_rows = self._count(drugs)  # few rows correlate strongly by chance
            drugs = [d for d in drugs if n_rows[d] >= n_rows.median() / 2]
            return list(dict.fromkeys([drugs[0], drugs[len(drugs) // 2], drugs[-1]]))
        chosen = list(highlight)
        unknown = [drug for drug in chosen if drug not in drugs]
        if unknown or len(chosen) > _MOST_COLORS:
            problem = f"{unknown[0]!r} has no correlation" if unknown else "too many"
            raise InputError(
                f"highlight={chosen!r}: {problem}; expected at most {_MOST_COLORS} "
                "drugs with three rows or more."
            )
        return chosen

    def _count(self, drugs: Sequence[Any]) -> pd.Series:
        """Return the number of rows of drugs."""
        return self.rows["drug"].value_counts().reindex(pd.Index(drugs))

    def _draw_rows(self, ax: Axes, colors: dict[Any, str]) -> None:
        """Draw predicted against measured values."""
        rows = self.rows
        others = rows[~rows["drug"].isin(list(colors))]
        crowded = len(rows) > _CROWD
        style: dict[str, Any] = {"ls": "none", "mew": 0}
        gray = {"marker": ".", "color": palette().gray}
        ax.plot(
            others["measured"],
            others["predicted"],
            **(style | gray),
            ms=2 if crowded else 4,
            alpha=0.25 if crowded else 0.5,
            rasterized=crowded,
        )
        if len(others):
            ax.plot([], [], **(style | gray), ms=6, label="other drugs")
        for (drug, color), marker in zip(colors.items(), MARKERS, strict=False):
            of_drug = rows[rows["drug"] == drug]
            style |= {"marker": marker, "color": color}
            ax.plot(
                of_drug["measured"],
                of_drug["predicted"],
                **style,
                ms=2.5 if crowded else 4,
                alpha=0.5 if crowded else 0.8,
                rasterized=crowded,
            )
            r = _show(self.by_drug[drug])
            label = f"{drug} (r = {r}, n = {len(of_drug):,})"
            ax.plot([], [], **style, ms=5, label=label)
        _same_limits(ax, rows[["measured", "predicted"]].to_numpy())
        ax.set(
            xlabel="measured ln IC50 (ln uM)",
            ylabel="predicted ln IC50 (ln uM)",
        )
        write_title(ax, f"{len(rows):,} rows: r = {_show(self.pearson)}")
        write_legend(ax, below=True, ncols=2)

    def _draw_correlations(self, ax: Axes, colors: dict[Any, str]) -> None:
        """Draw the correlation within each drug, the highest at the top."""
        place = np.arange(len(self.by_drug))
        values = self.by_drug.to_numpy()
        named = len(values) <= _MOST_NAMES
        label_rows(ax, [str(drug) if named else "" for drug in self.by_drug.index])
        if not named:
            ax.set_yticks([])
            ax.set_ylabel(f"{len(values)} drugs")
        if named:
            ax.hlines(place, 0, values, color=palette().gray, lw=1, alpha=0.6)
        ax.plot(values, place, ".", color=palette().gray, ms=8 if named else 4, mew=0)
        for (drug, color), marker in zip(colors.items(), MARKERS, strict=False):
            at = list(self.by_drug.index).index(drug)
            ax.plot(values[at], at, marker, color=color, ms=6, mew=0)
        ax.axvline(0, color=ink(), lw=0.8)
        mean = float(values.mean())
        ax.axvline(mean, color=ink(), lw=0.8, ls="--")
        ax.set_xlim(min(-0.05, values.min() - 0.05), 1)
        ax.set_xlabel("correlation over cell lines, within a drug")
        write_title(ax, f"{len(values)} drugs: mean r = {_show(mean)} (dashed)")

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        drug: Any,
        highlight: Sequence[Any] | None = None,
        ax: Any = None,
    ) -> PredictionByDrugDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_rows,)
            Measured and predicted ln IC50.
        drug : array-like of shape (n_rows,)
            Name of the drug of each row.
        highlight : sequence, default=None
            At most four drugs to draw in color. None: those with the highest, the
            median and the lowest correlation, of those with at least half of the usual
            number of rows.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : PredictionByDrugDisplay
            What was drawn.

        Raises
        ------
        InputError
            If lengths differ, a value is missing, or no drug has three rows.
        """
        return cls(y_true=y_true, y_pred=y_pred, drug=drug).plot(
            ax, highlight=highlight
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        drug: Any = "drug",
        highlight: Sequence[Any] | None = None,
        ax: Any = None,
    ) -> PredictionByDrugDisplay:
        """Predict and draw.

        Parameters
        ----------
        estimator : regressor
            A fitted model of ln IC50.
        X : DataFrame of shape (n_rows, n_columns)
            Treatments that the model was not fitted to.
        y : array-like of shape (n_rows,)
            Measured ln IC50.
        drug : str or array-like of shape (n_rows,), default="drug"
            The column of X with the names of drugs, or the names.
        highlight : sequence, default=None
            At most four drugs to draw in color. None: those with the highest, the
            median and the lowest correlation, of those with at least half of the usual
            number of rows.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : PredictionByDrugDisplay
            What was drawn.

        Raises
        ------
        InputError
            If X has no such column, a value is missing, or no drug has three rows.
        """
        names = read_column_or_labels(X, drug, name="drug")
        return cls.from_predictions(
            y, estimator.predict(X), drug=names, highlight=highlight, ax=ax
        )


def _show(correlation: float) -> str:
    """Write a correlation."""
    return f"{correlation:.2f}".replace("0.", ".").replace("-", "\u2212")


def _same_limits(ax: Axes, values: np.ndarray) -> None:
    """Give both axes the same limits, and draw where they are equal."""
    low, high = values.min(), values.max()
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    ax.set(xlim=limits, ylim=limits)
    ax.axline((low, low), slope=1, color=ink(), lw=0.8, ls="--")
