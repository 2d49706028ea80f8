"""Picture of how far a model moves sensitive and resistant cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import compare_distances, zero_shot_response
from sklearn_csg2a.metrics import within_group_correlation
from sklearn_csg2a.plotting._canvas import (
    draw_boxes,
    ink,
    label_rows,
    open_axes,
    palette,
    show_p,
    split_axes,
    write_beside,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import check_count, read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ZeroShotDisplay"]

_NAMES = {
    "distance": "model",
    "structure_norm": "compound alone\n(structure norm)",
    "expression_norm": "cell alone\n(expression norm)",
    "mean_effects": "cell + compound\n(mean effects)",
}


class ZeroShotDisplay:
    """Distance of predicted from basal expression, of sensitive and resistant pairs.

    To the left the distributions within cell lines, those with the strongest effect at
    the top. To the right the correlation of distance and response within each cell
    line, which is negative if the sensitive are farther; beside the distances that need
    no model, and with a p-value from permuted compounds. Use `from_estimator` or
    `from_table` to create one.

    Parameters
    ----------
    distances : DataFrame
        What :func:`~sklearn_csg2a.inspection.zero_shot_response` returns for a y.
    n_permutations : int, default=999
        Number of permutations of the compounds.
    random_state : int or None, default=0
        Seed of the permutations.

    Attributes
    ----------
    pairs : DataFrame
        One row per cell line and compound.
    within_cell : DataFrame of shape (n_cells, n_distances)
        Correlation of each distance with the response, the lowest of the model first.
    comparison : DataFrame
        What :func:`~sklearn_csg2a.inspection.compare_distances` returns.
    ax_ : Axes
        The axes, divided into panels.
    axes_ : ndarray of shape (2,)
        The panels: distributions, correlations.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from sklearn_csg2a.plotting import ZeroShotDisplay
    >>> table = pd.DataFrame({
    ...     "cell_line": list("aaabbb"), "compound": list("xyzxyz"),
    ...     "distance": [3.0, 2.0, 1.0, 2.0, 3.0, 1.0],
    ...     "response": [-1.0, 0.0, 2.0, 0.0, 1.0, 2.0]})
    >>> display = ZeroShotDisplay.from_table(table)
    >>> display.within_cell["distance"].round(2).to_dict()
    {'a': -0.98, 'b': -0.5}
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        distances: pd.DataFrame,
        n_permutations: int = 999,
        random_state: int | None = 0,
    ) -> None:
        table = read_table(
            distances,
            name="distances",
            source="zero_shot_response",
            texts=("cell_line", "compound"),
            numbers=("distance", "response"),
            may_miss=("compound", "distance", "response"),
            optional=tuple(name for name in _NAMES if name != "distance"),
        )
        names = [name for name in _NAMES if name in table]
        self.comparison = compare_distances(
            table, n_permutations=n_permutations, random_state=random_state
        )
        pairs = (
            table.dropna(subset=["compound", *names, "response"])
            .groupby(["cell_line", "compound"], sort=False)[[*names, "response"]]
            .mean()
            .reset_index()
        )
        mean = pairs.groupby("cell_line")["response"].transform("mean")
        pairs["sensitive"] = pairs["response"] < mean
        of_cells = {
            name: within_group_correlation(
                pairs["response"], pairs[name], pairs["cell_line"]
            ).per_group
            for name in names
        }
        self.within_cell = pd.DataFrame(of_cells).sort_values("distance", kind="stable")
        self.pairs = pairs[pairs["cell_line"].isin(self.within_cell.index)]

    def plot(self, ax: Any = None, *, n_cells: int = 12) -> ZeroShotDisplay:
        """Draw distributions and correlations.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.
        n_cells : int, default=12
            How many cell lines are drawn to the left: of all, from the strongest to the
            weakest effect in equal steps.

        Returns
        -------
        display : ZeroShotDisplay
            The object itself.
        """
        chosen = _in_steps(
            list(self.within_cell.index), check_count(n_cells, "n_cells")
        )
        self.ax_ = open_axes(ax, (9.0, max(3.6, 1.3 + 0.32 * len(chosen))))
        self.figure_ = self.ax_.figure
        left, right = split_axes(self.ax_, (1.15, 1), gap=12, share_y=False)
        self.axes_ = np.array([left, right])
        self._draw_distributions(left, chosen)
        self._draw_correlations(right)
        return self

    def _draw_distributions(self, ax: Axes, cells: list[Any]) -> None:
        """Draw two boxes for each cell line."""
        colors = palette()
        label_rows(ax, [str(cell) for cell in cells])
        for shift, sensitive, color, name in (
            (-0.19, True, colors.blue, "sensitive (ln IC50 below the cell's mean)"),
            (0.19, False, colors.orange, "resistant"),
        ):
            of_kind = self.pairs[self.pairs["sensitive"] == sensitive]
            values = [
                of_kind.loc[of_kind["cell_line"] == cell, "distance"].to_numpy()
                for cell in cells
            ]
            draw_boxes(ax, values, shift=shift, color=color, label=name)
        ax.set_xlabel("distance of predicted from basal expression")
        n_all = len(self.within_cell)
        write_title(
            ax, f"{len(cells)} of {n_all} cell lines, {len(self.pairs):,} pairs"
        )
        write_legend(ax, below=True, ncols=1)

    def _draw_correlations(self, ax: Axes) -> None:
        """Draw the correlation in each cell line, one row for each distance."""
        names = [name for name in _NAMES if name in self.within_cell]
        label_rows(ax, [_NAMES[name] for name in names])
        ax.set_ylim(len(names) - 0.5, -0.5)
        rng = np.random.default_rng(0)  # where dots lie beside each other
        for place, name in enumerate(names):
            values = self.within_cell[name].to_numpy()
            color = palette().blue if name == "distance" else palette().gray
            beside = place + rng.uniform(-0.16, 0.16, len(values))
            ax.plot(values, beside, ".", color=color, ms=5, alpha=0.8, mew=0)
            mean = float(values.mean())
            ax.plot([mean, mean], [place - 0.26, place + 0.26], color=ink(), lw=2)
        ax.axvline(0, color=ink(), lw=0.8, ls="--")
        low, high = (float(f(self.within_cell.to_numpy())) for f in (np.min, np.max))
        ax.set_xlim(min(low, -0.2) - 0.05, max(high, 0.2) + 0.05)
        ax.set_xlabel(
            "correlation of distance and ln IC50\nin each cell line (bar: mean)"
        )
        p = self.comparison.loc[names, "p_permuted"].to_numpy()
        write_beside(ax, "p, permuted", [show_p(value) for value in p], width=6)

    @classmethod
    def from_table(
        cls,
        distances: Any,
        *,
        n_cells: int = 12,
        n_permutations: int = 999,
        random_state: int | None = 0,
        ax: Any = None,
    ) -> ZeroShotDisplay:
        """Draw distances that are known.

        Parameters
        ----------
        distances : DataFrame
            What :func:`~sklearn_csg2a.inspection.zero_shot_response` returns for a y.
        n_cells : int, default=12
            How many cell lines are drawn to the left.
        n_permutations : int, default=999
            Number of permutations of the compounds.
        random_state : int or None, default=0
            Seed of the permutations.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : ZeroShotDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `distances` is another table, or no cell line has three compounds.
        """
        display = cls(
            distances=distances,
            n_permutations=n_permutations,
            random_state=random_state,
        )
        return display.plot(ax, n_cells=n_cells)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_cells: int = 12,
        n_permutations: int = 999,
        random_state: int | None = 0,
        ax: Any = None,
    ) -> ZeroShotDisplay:
        """Predict expression after treatment, and draw the distances.

        Parameters
        ----------
        estimator : PerturbationRegressor
            A fitted model.
        X : DataFrame of shape (n_treatments, n_columns)
            Treatments.
        y : array-like of shape (n_treatments,)
            Response of each treatment, lower for more sensitive, such as ln IC50.
        n_cells : int, default=12
            How many cell lines are drawn to the left.
        n_permutations : int, default=999
            Number of permutations of the compounds.
        random_state : int or None, default=0
            Seed of the permutations.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : ZeroShotDisplay
            What was drawn.

        Raises
        ------
        InputError
            If the model predicts no expression, or X or y cannot be used.
        """
        if y is None:
            raise InputError("y is None; expected the response of each treatment.")
        return cls.from_table(
            zero_shot_response(estimator, X, y),
            n_cells=n_cells,
            n_permutations=n_permutations,
            random_state=random_state,
            ax=ax,
        )


def _in_steps(items: list[Any], count: int) -> list[Any]:
    """Return at most `count` items from the first to the last, in equal steps."""
    if len(items) <= count:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]
