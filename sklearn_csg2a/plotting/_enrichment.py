"""Picture of enriched pathways beside a null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a.plotting._canvas import (
    ink,
    label_rows,
    open_axes,
    palette,
    write_beside,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import check_count, read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EnrichmentDisplay"]

_LEVEL = 0.05
_LONGEST = 48  # characters of the name of a pathway
_P = ("p", "p_adjusted", "p_null")


class EnrichmentDisplay:
    """Enriched pathways: the adjusted p-value, and the one against a null.

    Overlap with a pathway is often due to which genes a model or a network favors for
    any drug. Such pathways have a small adjusted p (dot) and a large p against other
    drugs or rewired networks (diamond), and are gray; those small in both are in color.
    Use `from_table` to create one.

    Parameters
    ----------
    enrichment : DataFrame
        What `sklearn_csg2a.inspection.enrich` returns: `pathway`, `overlap`, `size`,
        `p`, `p_adjusted` and `p_null`, which may be missing.

    Attributes
    ----------
    enrichment : DataFrame
        These columns, the smallest adjusted p first.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from sklearn_csg2a.plotting import EnrichmentDisplay
    >>> table = pd.DataFrame(
    ...     {"pathway": ["Apoptosis", "Cell cycle"], "overlap": [9, 12],
    ...      "size": [40, 60], "p": [1e-5, 1e-6], "p_adjusted": [1e-4, 1e-5],
    ...      "p_null": [0.01, 0.6]})
    >>> display = EnrichmentDisplay.from_table(table)
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['Cell cycle', 'Apoptosis']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, enrichment: pd.DataFrame) -> None:
        table = read_table(
            enrichment,
            name="enrichment",
            source="enrich",
            texts=("pathway",),
            numbers=("overlap", "size", *_P),
            may_miss=_P,
        )
        order = ["p_adjusted", "p"]
        self.enrichment = table.sort_values(order, kind="stable", ignore_index=True)

    def plot(self, ax: Any = None, *, n_pathways: int = 15) -> EnrichmentDisplay:
        """Draw the pathways.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.
        n_pathways : int, default=15
            How many pathways are drawn, those with the smallest adjusted p.

        Returns
        -------
        display : EnrichmentDisplay
            The object itself.
        """
        rows = self.enrichment.head(check_count(n_pathways, "n_pathways"))
        self.ax_ = ax = open_axes(ax, (7.6, 2.0 + 0.27 * len(rows)))
        self.figure_ = ax.figure
        label_rows(ax, [_shorten(name) for name in rows["pathway"]])
        has_null = bool(rows["p_null"].notna().any())
        _draw_p(ax, rows, has_null=has_null)
        write_beside(
            ax,
            "genes",
            [f"{r.overlap:.0f} / {r.size_:.0f}" for r in _renamed(rows).itertuples()],
            width=5,
        )
        null = "" if has_null else "; no null given"
        write_title(ax, f"{len(rows)} of {len(self.enrichment)} pathways{null}")
        return self

    @classmethod
    def from_table(
        cls, enrichment: Any, *, n_pathways: int = 15, ax: Any = None
    ) -> EnrichmentDisplay:
        """Draw an enrichment.

        Parameters
        ----------
        enrichment : DataFrame
            What `sklearn_csg2a.inspection.enrich` returns.
        n_pathways : int, default=15
            How many pathways are drawn, those with the smallest adjusted p.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : EnrichmentDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `enrichment` is another table.
        """
        return cls(enrichment=enrichment).plot(ax, n_pathways=n_pathways)


def _holds(rows: pd.DataFrame) -> pd.Series:
    """Return whether a pathway is enriched, also against the null."""
    return (rows["p_adjusted"] < _LEVEL) & (rows["p_null"] < _LEVEL)


def _draw_p(ax: Axes, rows: pd.DataFrame, *, has_null: bool) -> None:
    """Draw both p-values of each pathway, on a logarithmic scale."""
    place = np.arange(len(rows))
    strength = {name: _strength(rows[name]) for name in _P}
    holds = _holds(rows).to_numpy()
    most = max(float(rows["overlap"].max()), 1.0)
    areas = 20 + 100 * rows["overlap"].to_numpy() / most
    ends = strength["p_adjusted"], strength["p_null"]
    ax.hlines(place, *ends, color=palette().gray, lw=1, alpha=0.6)
    for chosen, color, label in (
        (holds, palette().blue, "adjusted p, enriched against the null, too"),
        (~holds, palette().gray, "adjusted p" + (" of others" if has_null else "")),
    ):
        if chosen.any():
            ax.scatter(
                ends[0][chosen],
                place[chosen],
                s=areas[chosen],
                color=color,
                lw=0,
                label=label,
                zorder=3,
            )
    if has_null:
        ax.plot(
            ends[1],
            place,
            ls="none",
            marker="D",
            ms=5,
            color=palette().orange,
            mfc="none",
            label="p against the null",
            zorder=4,
        )
    ax.axvline(-np.log10(_LEVEL), color=ink(), lw=0.8, ls="--")
    ax.set_xlim(left=min(-0.1, *ax.get_xlim()))
    ax.set_xlabel(r"$-\log_{10}\,p$ (dashed: .05; size: number of genes)")
    write_legend(ax, below=True, ncols=1)


def _strength(p: pd.Series) -> np.ndarray:
    """Return -log10 of p, those of 0 as the smallest number."""
    values = p.to_numpy(dtype=np.float64)
    return -np.log10(np.maximum(values, np.finfo(np.float64).tiny))


def _renamed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose column names may be attributes."""
    return rows.rename(columns={"size": "size_"})


def _shorten(name: Any) -> str:
    """Return the name of a pathway, which may be long."""
    text = str(name)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
