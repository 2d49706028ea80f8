"""Picture of the influence of genes on genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a.estimators._readouts import Method
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import influence
from sklearn_csg2a.plotting._canvas import (
    diverging_colors,
    font_size,
    ink,
    open_axes,
    sequential_colors,
    write_title,
)
from sklearn_csg2a.plotting._tables import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from sklearn_csg2a.inspection import Influence

__all__ = ["InfluenceMapDisplay"]

_MOST_BLOCKS = 350  # of the picture, in each direction
_BEST_ORDER = 300  # genes up to which neighbors are put in the best order
_LEADER = 0.045  # length of lines to names, as a share of the width
_SMALLEST = 5  # points, of letters
_QUANTILE = 0.995  # of values, where colors end


class InfluenceMapDisplay:
    """Influence of genes on genes, with similar genes beside each other.

    Genes with similar influences are neighbors (Ward's clustering of their rows and
    columns). The diagonal is left out. All genes are named while their names are
    legible, else those with the strongest influences; where there are more genes than
    can be seen, neighboring ones share a block of the color of their strongest value.
    Use `from_estimator`, `from_influence` or `from_table` to create one.

    Parameters
    ----------
    table : DataFrame of shape (n_genes, n_genes)
        Rows are the genes that change, columns those that act, in the same order:
        what `map` of an :class:`~sklearn_csg2a.inspection.Influence` or
        `attention_maps` of a model returns.
    n_genes : int, default=1000
        How many genes are drawn, those with the strongest influences.
    label : str, default="influence"
        What the values are.

    Attributes
    ----------
    table : DataFrame
        The genes drawn, in the order of the picture, and 0 in the diagonal.
    n_all : int
        Number of genes given.
    label : str
        What the values are.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn_csg2a.inspection.influence : The readouts, and what they are worth.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.plotting import InfluenceMapDisplay
    >>> screen = make_screen(n_perturbation_compounds=4, n_genes=30, random_state=0)
    >>> X, Y = screen.perturbation.X, screen.perturbation.Y
    >>> model = PerturbationRegressor(expression=screen.expression, max_epochs=2)
    >>> display = InfluenceMapDisplay.from_estimator(model.fit(X, Y), X)
    >>> display.ax_.get_title(loc="left")
    '30 genes'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, *, table: pd.DataFrame, n_genes: int = 1000, label: str = "influence"
    ) -> None:
        values = _read_map(table)
        np.fill_diagonal(values, 0)
        self.n_all = len(values)
        strength = np.maximum(np.abs(values).max(axis=0), np.abs(values).max(axis=1))
        count = check_count(n_genes, "n_genes")
        kept = np.sort(np.argsort(-strength, kind="stable")[:count])
        order = kept[_cluster(values[np.ix_(kept, kept)])]
        names = table.index[order]
        ordered = values[np.ix_(order, order)]
        self.table = pd.DataFrame(ordered, index=names, columns=names)
        self.label = label
        self._strength = strength[order]

    def plot(self, ax: Any = None, *, n_labels: int = 40) -> InfluenceMapDisplay:
        """Draw the map.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.
        n_labels : int, default=40
            How many genes are named if there is no place for all.

        Returns
        -------
        display : InfluenceMapDisplay
            The object itself.
        """
        n_labels = check_count(n_labels, "n_labels")
        values, n = self.table.to_numpy(), len(self.table)
        side = float(np.clip(0.1 * n, 3.2, 9.0))
        new = ax is None
        self.ax_ = ax = open_axes(ax, (side + 1.9, side + 0.7))
        self.figure_, dpi = ax.figure, ax.figure.dpi
        pooled, size = _pool(values)
        high = _limit(pooled)
        signed = bool((values < 0).any())
        image = ax.imshow(
            pooled,
            cmap=diverging_colors(ax) if signed else sequential_colors(ax),
            vmin=-high if signed else 0,
            vmax=high,
            extent=(-0.5, n - 0.5, n - 0.5, -0.5),
            interpolation="nearest",
            aspect="auto",
        )
        ax.spines[:].set_visible(True)
        ax.grid(visible=False)
        height = side * 72 if new else ax.get_window_extent().height * 72 / dpi
        self._name_genes(ax, n_labels, height)
        ax.set_xlabel("columns: genes that act; rows: genes that change")
        beyond = bool(np.abs(values).max() > high)
        self.figure_.colorbar(
            image,
            cax=ax.inset_axes((1.03, 0, 0.035, 1)),
            label=self.label,
            extend=("both" if signed else "max") if beyond else "neither",
        )
        of_all = f"{n:,}" if n == self.n_all else f"{n:,} of {self.n_all:,}"
        blocks = f"; blocks of {size} × {size}, strongest value" if size > 1 else ""  # noqa: RUF001
        write_title(ax, f"{of_all} genes{blocks}")
        return self

    def _name_genes(self, ax: Axes, n_labels: int, height: float) -> None:
        """Name all genes, or those with the strongest influences; height in points."""
        n, names = len(self.table), [str(name) for name in self.table.index]
        ax.set_xticks([])
        ax.set_yticks([])
        letter = min(font_size(), height / n / 1.1)
        if letter >= _SMALLEST:
            ax.set_yticks(range(n), names, fontsize=letter)
            ax.tick_params(axis="y", length=0)
            return
        strongest = np.argsort(-self._strength, kind="stable")[:n_labels]
        rows = np.sort(strongest)
        letter = max(_SMALLEST, min(0.8 * font_size(), height / len(rows) / 1.2))
        across = ax.get_yaxis_transform()
        places = _spread(rows, gap=1.2 * letter * n / height, low=0, high=n - 1)
        for row, place in zip(rows, places, strict=True):
            ax.annotate(
                names[row],
                (0, row),
                xytext=(-_LEADER, place),
                xycoords=across,
                textcoords=across,
                ha="right",
                va="center",
                fontsize=letter,
                color=ink(),
                arrowprops={
                    "arrowstyle": "-",
                    "color": ink(),
                    "lw": 0.4,
                    "shrinkA": 1,
                    "shrinkB": 0,
                    "relpos": (1, 0.5),
                },
            )

    @classmethod
    def from_table(
        cls,
        table: Any,
        *,
        n_genes: int = 1000,
        n_labels: int = 40,
        label: str = "influence",
        ax: Any = None,
    ) -> InfluenceMapDisplay:
        """Draw a map.

        Parameters
        ----------
        table : DataFrame of shape (n_genes, n_genes)
            Rows are the genes that change, columns those that act.
        n_genes : int, default=1000
            How many genes are drawn, those with the strongest influences.
        n_labels : int, default=40
            How many genes are named if there is no place for all.
        label : str, default="influence"
            What the values are.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : InfluenceMapDisplay
            What was drawn.

        Raises
        ------
        InputError
            If rows and columns are not the same genes, or a value is not finite.
        """
        display = cls(table=table, n_genes=n_genes, label=label)
        return display.plot(ax, n_labels=n_labels)

    @classmethod
    def from_influence(
        cls,
        influence: Influence,
        *,
        group: Any = None,
        n_genes: int = 1000,
        n_labels: int = 40,
        label: str = "influence",
        ax: Any = None,
    ) -> InfluenceMapDisplay:
        """Draw the map of a group of treatments.

        Parameters
        ----------
        influence : Influence
            What :func:`~sklearn_csg2a.inspection.influence` returns.
        group : object, default=None
            A label of its groups; None if there is one group.
        n_genes : int, default=1000
            How many genes are drawn, those with the strongest influences.
        n_labels : int, default=40
            How many genes are named if there is no place for all.
        label : str, default="influence"
            What the values are.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : InfluenceMapDisplay
            What was drawn.

        Raises
        ------
        InputError
            If there is no such group, or the model has not one output per gene.
        """
        table = influence.map(group)
        return cls.from_table(
            table, n_genes=n_genes, n_labels=n_labels, label=label, ax=ax
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        method: Method | None = None,
        n_genes: int = 1000,
        n_labels: int = 40,
        ax: Any = None,
    ) -> InfluenceMapDisplay:
        """Read a map from a fitted model, averaged over treatments, and draw it.

        Parameters
        ----------
        estimator : PerturbationRegressor or DrugResponseRegressor
            A fitted model.
        X : DataFrame of shape (n_treatments, n_columns)
            Treatments to average over.
        method : {"covariation", "jacobian", "integrated_gradients", "attention", \
            "learned_attention"}, default=None
            The readout, see :func:`~sklearn_csg2a.inspection.influence`. None: the best
            one that the model and X allow.
        n_genes : int, default=1000
            How many genes are drawn, those with the strongest influences.
        n_labels : int, default=40
            How many genes are named if there is no place for all.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : InfluenceMapDisplay
            What was drawn.

        Raises
        ------
        InputError
            If the model does not have this readout, or X cannot be used.
        """
        return cls.from_influence(
            influence(estimator, X, method=method),
            n_genes=n_genes,
            n_labels=n_labels,
            label=str(method).replace("_", " "),
            ax=ax,
        )


def _read_map(table: Any) -> NDArray[np.float64]:
    """Return a map as (n_genes, n_genes)."""
    expected = "Expected a DataFrame of genes by genes, as Influence.map() returns"
    if not isinstance(table, pd.DataFrame) or table.empty:
        found = "empty" if isinstance(table, pd.DataFrame) else type(table).__name__
        raise InputError(f"table is {found}. {expected}.")
    if not table.index.equals(table.columns):
        raise InputError(
            f"table has the rows {quote_names(table.index, limit=3)} and the columns "
            f"{quote_names(table.columns, limit=3)}. {expected}, with the same genes "
            "in the same order."
        )
    values = table.to_numpy(dtype=np.float64, copy=True)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        raise InputError(
            f"table has {len(wrong)} values that are not finite, the first in row "
            f"{table.index[row]!r}, column {table.columns[column]!r}. {expected}."
        )
    return values


def _cluster(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return an order of genes where those with similar rows and columns are near."""
    if len(values) < 3:
        return np.arange(len(values))
    profiles = np.hstack([values, values.T])
    norms = np.linalg.norm(profiles, axis=1, keepdims=True)
    profiles /= np.where(norms > 0, norms, 1)
    tree = linkage(profiles, "ward", optimal_ordering=len(values) <= _BEST_ORDER)
    return np.asarray(leaves_list(tree), dtype=np.int64)


def _pool(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the value farthest from 0 of each block, and the size of blocks."""
    size = -(-len(values) // _MOST_BLOCKS)
    if size == 1:
        return values, 1
    starts = np.arange(0, len(values), size)
    high, low = values, values
    for axis in (0, 1):
        high = np.maximum.reduceat(high, starts, axis=axis)
        low = np.minimum.reduceat(low, starts, axis=axis)
    return np.where(high >= -low, high, low), size


def _limit(values: NDArray[np.float64]) -> float:
    """Return the value where colors end, without outliers."""
    size = np.abs(values)
    high = float(np.quantile(size, _QUANTILE)) or float(size.max())
    return high or 1.0


def _spread(
    places: NDArray[np.int64], *, gap: float, low: float, high: float
) -> NDArray[np.float64]:
    """Move ascending places apart by at least `gap`, as little as need be."""
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    steps = gap * np.arange(len(places))
    # Isotonic by pooling: neighbors that are too near move together, about their mean.
    blocks: list[list[float]] = []  # [mean, number]
    for value in places - steps:
        blocks.append([float(value), 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, number = blocks.pop()
            before, n_before = blocks[-1]
            total = n_before + number
            blocks[-1] = [(before * n_before + mean * number) / total, total]
    means = np.concatenate([np.full(int(number), mean) for mean, number in blocks])
    return np.clip(means, low, high - steps[-1]) + steps
