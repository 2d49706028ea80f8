"""Picture of the drugs to which a sample is unusually sensitive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.patients import rank_drugs
from sklearn_csg2a.plotting._canvas import (
    ink,
    label_rows,
    open_axes,
    palette,
    split_axes,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import check_count, read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DrugRankingDisplay"]


class DrugRankingDisplay:
    """Drugs to which a sample is unusually sensitive, the first ones of its ranking.

    To the left the percentile of the prediction among reference cell lines, which the
    order is due to; to the right the predicted ln IC50 with its interval. Use
    `from_table` or `from_estimator` to create one.

    Parameters
    ----------
    ranking : DataFrame
        What :func:`~sklearn_csg2a.rank_drugs` returns.
    sample : object, default=None
        The sample to draw. None: the only one in `ranking`.

    Attributes
    ----------
    ranking : DataFrame
        The rows of the sample, by rank; drugs without a prediction are left out.
    sample : object
        The sample.
    ax_ : Axes
        The axes, divided into panels.
    axes_ : ndarray of shape (n_panels,)
        The panels: percentile, unless there is none, and ln IC50.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn_csg2a.patients.write_ranking : A page of all samples.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.plotting import DrugRankingDisplay
    >>> screen = make_screen(n_cells=20, n_compounds=8, random_state=0)
    >>> model = PairwiseKernelRidge(expression=screen.expression)
    >>> display = DrugRankingDisplay.from_estimator(
    ...     model.fit(screen.X, screen.y), ["CELL004"], n_drugs=5)
    >>> display.ax_.get_title(loc="left")
    'CELL004: 5 of 8 drugs'
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, ranking: pd.DataFrame, sample: Any = None) -> None:
        table = read_table(
            ranking,
            name="ranking",
            source="rank_drugs",
            texts=("sample", "drug"),
            numbers=("ln_ic50", "percentile", "lower", "upper", "rank"),
            may_miss=("ln_ic50", "percentile", "lower", "upper", "rank"),
            flags=("in_domain",),
            optional=("in_domain",),
        )
        if "in_domain" not in table:
            table["in_domain"] = np.nan
        self.sample = _find_sample(table["sample"], sample)
        of_sample = table[table["sample"] == self.sample].dropna(subset=["rank"])
        if of_sample.empty:
            raise InputError(
                f"ranking has no prediction for the sample {self.sample!r}, so that "
                "there is nothing to draw."
            )
        self.ranking = of_sample.sort_values("rank", kind="stable")

    def plot(self, ax: Any = None, *, n_drugs: int = 10) -> DrugRankingDisplay:
        """Draw the ranking.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.
        n_drugs : int, default=10
            How many drugs are drawn, the first ones of the ranking.

        Returns
        -------
        display : DrugRankingDisplay
            The object itself.
        """
        rows = self.ranking.head(check_count(n_drugs, "n_drugs"))
        self.ax_ = open_axes(ax, (7.2, 1.3 + 0.28 * len(rows)))
        self.figure_ = self.ax_.figure
        is_known = bool(self.ranking["percentile"].notna().any())
        panels = split_axes(self.ax_, (1, 1) if is_known else (1,), gap=2)
        self.axes_ = np.array(panels)
        outside = (rows["in_domain"] == 0).to_numpy()
        label_rows(panels[0], [str(drug) for drug in rows["drug"]])
        if is_known:
            _draw_percentiles(panels[0], rows["percentile"].to_numpy(), outside)
        _draw_predictions(panels[-1], rows, outside)
        title = f"{self.sample}: {len(rows)} of {len(self.ranking)} drugs"
        title += "" if is_known else " by ln IC50"
        write_title(self.ax_, title)
        if panels[-1].get_legend_handles_labels()[1] != ["prediction"]:
            write_legend(self.ax_, panels, below=True)
        return self

    @classmethod
    def from_table(
        cls, ranking: Any, *, sample: Any = None, n_drugs: int = 10, ax: Any = None
    ) -> DrugRankingDisplay:
        """Draw a ranking.

        Parameters
        ----------
        ranking : DataFrame
            What :func:`~sklearn_csg2a.rank_drugs` returns.
        sample : object, default=None
            The sample to draw. None: the only one in `ranking`.
        n_drugs : int, default=10
            How many drugs are drawn, the first ones of the ranking.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : DrugRankingDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `ranking` is another table, or the sample is not in it.
        """
        return cls(ranking=ranking, sample=sample).plot(ax, n_drugs=n_drugs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        samples: Any,
        *,
        compounds: Any = None,
        reference: Any = None,
        interval: Any = None,
        domain: Any = None,
        sample: Any = None,
        n_drugs: int = 10,
        ax: Any = None,
    ) -> DrugRankingDisplay:
        """Rank drugs and draw the ranking of a sample.

        Parameters
        ----------
        estimator : regressor
            A fitted model of ln IC50.
        samples : DataFrame of shape (n_samples, n_genes) or sequence of str
            Basal expression, or ids, as in :func:`~sklearn_csg2a.rank_drugs`.
        compounds, reference, interval, domain : object, default=None
            As in :func:`~sklearn_csg2a.rank_drugs`.
        sample : object, default=None
            The sample to draw. None: the only one in `samples`.
        n_drugs : int, default=10
            How many drugs are drawn, the first ones of the ranking.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : DrugRankingDisplay
            What was drawn.

        Raises
        ------
        InputError
            If samples or compounds cannot be used, or the sample is not among them.
        """
        ranking = rank_drugs(
            estimator,
            samples,
            compounds,
            reference=reference,
            interval=interval,
            domain=domain,
        )
        return cls.from_table(ranking, sample=sample, n_drugs=n_drugs, ax=ax)


def _find_sample(samples: pd.Series, sample: Any) -> Any:
    """Return the sample to draw."""
    known = list(samples.unique())
    if sample is None and len(known) > 1:
        raise InputError(
            f"ranking has {len(known)} samples, {quote_names(known, limit=5)}; choose "
            "one with sample=."
        )
    if sample is not None and sample not in known:
        raise InputError(
            f"sample={sample!r} is not in ranking, whose samples are "
            f"{quote_names(known, limit=5)}."
        )
    return known[0] if sample is None else sample


def _draw_percentiles(ax: Axes, percentile: np.ndarray, outside: np.ndarray) -> None:
    """Draw percentiles as distances from the median of the reference cell lines."""
    place = np.arange(len(percentile))
    ax.hlines(place, percentile, 50, color=palette().blue, lw=2.5, alpha=0.6)
    _mark(ax, percentile, place, outside)
    ax.axvline(50, color=ink(), lw=0.8, ls="--")
    ax.set(xlim=(-3, 103), xticks=(0, 25, 50, 75, 100))
    ax.set_xlabel("percentile among reference cell lines\n(0: most sensitive)")


def _draw_predictions(ax: Axes, rows: pd.DataFrame, outside: np.ndarray) -> None:
    """Draw predictions with their intervals."""
    place = np.arange(len(rows))
    lower, upper = rows["lower"].to_numpy(), rows["upper"].to_numpy()
    known = np.isfinite(lower) & np.isfinite(upper)
    if known.any():
        ax.hlines(
            place[known],
            lower[known],
            upper[known],
            color=palette().blue,
            lw=2.5,
            alpha=0.6,
            label="interval",
        )
    _mark(ax, rows["ln_ic50"].to_numpy(), place, outside, label=True)
    ax.set_xlabel("predicted ln IC50 (ln uM)")


def _mark(
    ax: Axes,
    values: np.ndarray,
    place: np.ndarray,
    outside: np.ndarray,
    *,
    label: bool = False,
) -> None:
    """Draw dots, hollow ones outside of the domain."""
    style: dict[str, Any] = {
        "ls": "none",
        "marker": "o",
        "ms": 6,
        "color": palette().blue,
    }
    inside = ~outside
    ax.plot(
        values[inside], place[inside], **style, label="prediction" if label else None
    )
    if outside.any():
        ax.plot(
            values[outside],
            place[outside],
            **style,
            mfc=ax.figure.get_facecolor(),
            label="outside of the domain" if label else None,
        )
