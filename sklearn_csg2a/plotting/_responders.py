"""Picture of how well predictions tell responders from non-responders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.patients import compare_responders
from sklearn_csg2a.plotting._canvas import (
    ink,
    label_rows,
    open_axes,
    palette,
    show_p,
    write_beside,
    write_title,
)
from sklearn_csg2a.plotting._tables import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RespondersDisplay"]


class RespondersDisplay:
    """AUROC of responders against non-responders by drug, with its interval.

    Drugs with p < .05 after Holm are blue. To the right are the p-values that the
    comparison has: adjusted by Holm over the drugs, and of permuted responses. Use
    `from_table` or `from_predictions` to create one.

    Parameters
    ----------
    comparison : DataFrame
        What :func:`~sklearn_csg2a.patients.compare_responders` returns.

    Attributes
    ----------
    comparison : DataFrame
        The drugs with an AUROC, the highest first.
    n_left_out : int
        Number of drugs without responders or without non-responders.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_csg2a.plotting import RespondersDisplay
    >>> display = RespondersDisplay.from_predictions(
    ...     [1.0, 1.5, 2.0, 3.0, 3.5, 1.8], [1, 1, 1, 0, 0, 0], n_resamples=99)
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['all (3 / 3)']
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, comparison: pd.DataFrame) -> None:
        numbers = ("auroc", "auroc_low", "auroc_high", "p_holm", "p_permuted")
        table = read_table(
            comparison,
            name="comparison",
            source="compare_responders",
            numbers=("n_responders", "n_non_responders", *numbers),
            may_miss=numbers,
        )
        known = table.dropna(subset=["auroc"])
        if known.empty:
            raise InputError(
                "comparison has no drug with an AUROC: none has both responders and "
                "non-responders."
            )
        self.comparison = known.sort_values("auroc", ascending=False, kind="stable")
        self.n_left_out = len(table) - len(known)

    def plot(self, ax: Any = None) -> RespondersDisplay:
        """Draw the AUROC of each drug.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : RespondersDisplay
            The object itself.
        """
        rows = self.comparison
        self.ax_ = ax = open_axes(ax, (7.2, 1.4 + 0.3 * len(rows)))
        self.figure_ = ax.figure
        counts = rows[["n_responders", "n_non_responders"]].astype(int)
        label_rows(
            ax,
            [
                f"{drug} ({yes} / {no})"
                for drug, yes, no in counts.itertuples(name=None)
            ],
        )
        numbers = rows[["auroc", "auroc_low", "auroc_high", "p_holm"]].to_numpy()
        for place, (auroc, low, high, p_holm) in enumerate(numbers):
            color = palette().blue if p_holm < 0.05 else palette().gray
            ax.hlines(place, low, high, color=color, lw=2, alpha=0.6)
            ax.plot(auroc, place, "o", color=color, ms=6)
        ax.axvline(0.5, color=ink(), lw=0.8, ls="--")
        ax.set_xlim(-0.04, 1.04)
        ax.set_xlabel("AUROC of lower predicted ln IC50 (0.5: chance)")
        write_beside(ax, "p, Holm", [show_p(p) for p in rows["p_holm"]], width=4.5)
        write_beside(
            ax,
            "p, permuted",
            [show_p(p) for p in rows["p_permuted"]],
            width=6,
            after=4.5,
        )
        n = f"{counts['n_responders'].sum():,} / {counts['n_non_responders'].sum():,}"
        drugs = "drug" if len(rows) == 1 else "drugs"
        write_title(ax, f"{len(rows)} {drugs}, {n} courses (responders / others)")
        return self

    @classmethod
    def from_table(cls, comparison: Any, *, ax: Any = None) -> RespondersDisplay:
        """Draw a comparison.

        Parameters
        ----------
        comparison : DataFrame
            What :func:`~sklearn_csg2a.patients.compare_responders` returns.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : RespondersDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `comparison` is another table, or no drug has an AUROC.
        """
        return cls(comparison=comparison).plot(ax)

    @classmethod
    def from_predictions(
        cls,
        predictions: Any,
        response: Any,
        drug: Sequence[Any] | None = None,
        *,
        n_resamples: int = 9999,
        random_state: int | None = 0,
        ax: Any = None,
    ) -> RespondersDisplay:
        """Compare responders with non-responders and draw the comparison.

        Parameters
        ----------
        predictions : array-like of shape (n_courses,)
            Predicted ln IC50 of each course of treatment, lower for more sensitive.
        response : array-like of shape (n_courses,)
            1 or True for a responder, 0 or False for a non-responder.
        drug : array-like of shape (n_courses,), default=None
            Name of the drug of each course. None: all courses are of one drug.
        n_resamples : int, default=9999
            Number of permutations of the response and of bootstrap samples.
        random_state : int or None, default=0
            Seed of permutations and bootstrap.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : RespondersDisplay
            What was drawn.

        Raises
        ------
        InputError
            If lengths differ, the response is not 0 or 1, or a value is missing.
        """
        comparison = compare_responders(
            predictions,
            response,
            drug,
            n_resamples=n_resamples,
            random_state=random_state,
        )
        return cls.from_table(comparison, ax=ax)
