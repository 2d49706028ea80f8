"""Picture of how alike compounds of one mechanism are, and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a.estimators._readouts import Method
from sklearn_csg2a.inspection import compare_mechanisms, mechanism_similarity
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
from sklearn_csg2a.plotting._tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MechanismSimilarityDisplay"]

_NAMES = {
    "similarity": "model",
    "tanimoto": "structure\n(Tanimoto)",
    "response": "measured\nresponse",
}


class MechanismSimilarityDisplay:
    """Similarity of compounds within one mechanism and between mechanisms.

    To the left the percentiles of both kinds of pairs among all pairs, by what the
    model has learned and by similarities that need no model. To the right the AUROC of
    pairs within, and what is left of it where the similarity of structures is
    subtracted; with p-values from mechanisms permuted among compounds. Use
    `from_estimator` or `from_table` to create one.

    Parameters
    ----------
    pairs : DataFrame
        What :func:`~sklearn_csg2a.inspection.mechanism_similarity` returns.
    n_permutations : int, default=999
        Number of permutations of the mechanisms.
    random_state : int or None, default=0
        Seed of the permutations.

    Attributes
    ----------
    pairs : DataFrame
        As given.
    comparison : DataFrame
        What :func:`~sklearn_csg2a.inspection.compare_mechanisms` returns.
    ax_ : Axes
        The axes, divided into panels.
    axes_ : ndarray of shape (2,)
        The panels: percentiles, AUROC.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import itertools
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from sklearn_csg2a.plotting import MechanismSimilarityDisplay
    >>> pairs = pd.DataFrame(
    ...     itertools.combinations("abcxyz", 2), columns=["compound_i", "compound_j"])
    >>> same = [(i in "abc") == (j in "abc") for i, j in pairs.to_numpy()]
    >>> pairs = pairs.assign(same_mechanism=same, similarity=[0.1 + s for s in same])
    >>> display = MechanismSimilarityDisplay.from_table(pairs)
    >>> display.ax_.get_title(loc="left")
    '6 compounds: 6 pairs within a mechanism, 9 between'
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        pairs: pd.DataFrame,
        n_permutations: int = 999,
        random_state: int | None = 0,
    ) -> None:
        found = read_table(
            pairs,
            name="pairs",
            source="mechanism_similarity",
            texts=("compound_i", "compound_j"),
            flags=("same_mechanism",),
            numbers=("similarity",),
            may_miss=("similarity",),
            optional=("tanimoto", "response"),
        )
        found["same_mechanism"] = found["same_mechanism"] == 1
        self.pairs = found
        self.comparison = compare_mechanisms(
            found, n_permutations=n_permutations, random_state=random_state
        )

    def plot(self, ax: Any = None) -> MechanismSimilarityDisplay:
        """Draw percentiles and AUROC.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : MechanismSimilarityDisplay
            The object itself.
        """
        names = [name for name in _NAMES if name in self.comparison.index]
        self.ax_ = open_axes(ax, (8.6, 1.7 + 0.6 * len(names)))
        self.figure_ = self.ax_.figure
        left, right = split_axes(self.ax_, (1.3, 1), gap=2)
        self.axes_ = np.array([left, right])
        label_rows(left, [_NAMES[name] for name in names])
        self._draw_percentiles(left, names)
        self._draw_auroc(right, names)
        row = self.comparison.loc[names[0]]
        within, between = f"{row['n_within']:,.0f}", f"{row['n_between']:,.0f}"
        n = f"{row['n_compounds']:.0f} compounds"
        write_title(
            self.ax_, f"{n}: {within} pairs within a mechanism, {between} between"
        )
        write_legend(self.ax_, [left, right], below=True, ncols=4)
        return self

    def _draw_percentiles(self, ax: Axes, names: list[str]) -> None:
        """Draw two boxes for each similarity."""
        same = self.pairs["same_mechanism"]
        ranks = 100 * self.pairs[names].rank(pct=True)
        for shift, chosen, color, label in (
            (-0.19, same, palette().blue, "within a mechanism"),
            (0.19, ~same, palette().gray, "between"),
        ):
            values = [ranks.loc[chosen, name].dropna().to_numpy() for name in names]
            draw_boxes(ax, values, shift=shift, color=color, label=label)
        ax.axvline(50, color=ink(), lw=0.8, ls="--")
        ax.set_xlim(-2, 102)
        ax.set_xlabel("percentile among all pairs\n(100: most similar)")

    def _draw_auroc(self, ax: Axes, names: list[str]) -> None:
        """Draw the AUROC of each similarity, alone and beyond that of structures."""
        rows = self.comparison.loc[names]
        place = np.arange(len(names))
        style: dict[str, Any] = {"ls": "none", "color": palette().blue, "ms": 7}
        ax.plot(rows["auroc"], place - 0.12, marker="o", **style, label="AUROC")
        beyond = rows["beyond_tanimoto"].to_numpy()
        if np.isfinite(beyond).any():
            ax.plot(
                beyond,
                place + 0.12,
                marker="D",
                mfc="none",
                **style,
                label="beyond structure",
            )
        ax.axvline(0.5, color=ink(), lw=0.8, ls="--")
        ax.set_xlim(-0.04, 1.04)
        ax.set_xlabel("AUROC of pairs within\n(0.5: chance)")
        write_beside(ax, "p", [show_p(p) for p in rows["p"]], width=3.5)
        texts = [show_p(p) for p in rows["p_beyond"]]
        write_beside(ax, "p, beyond", texts, width=5.5, after=3.5)

    @classmethod
    def from_table(
        cls,
        pairs: Any,
        *,
        n_permutations: int = 999,
        random_state: int | None = 0,
        ax: Any = None,
    ) -> MechanismSimilarityDisplay:
        """Draw similarities that are known.

        Parameters
        ----------
        pairs : DataFrame
            What :func:`~sklearn_csg2a.inspection.mechanism_similarity` returns.
        n_permutations : int, default=999
            Number of permutations of the mechanisms.
        random_state : int or None, default=0
            Seed of the permutations.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : MechanismSimilarityDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `pairs` is another table, or all pairs are within or between.
        """
        display = cls(
            pairs=pairs, n_permutations=n_permutations, random_state=random_state
        )
        return display.plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        mechanisms: Any,
        *,
        method: Method | None = None,
        by: str = "smiles",
        contrast: bool = False,
        y: Any = None,
        n_permutations: int = 999,
        random_state: int | None = 0,
        ax: Any = None,
    ) -> MechanismSimilarityDisplay:
        """Compare what a model has learned of compounds, and draw it.

        Parameters
        ----------
        estimator : PerturbationRegressor or DrugResponseRegressor
            A fitted model.
        X : DataFrame of shape (n_treatments, n_columns)
            Treatments to average over.
        mechanisms : str, dict or Series
            Column of X, or the mechanism by compound.
        method : {"covariation", "jacobian", "integrated_gradients", "attention", \
            "learned_attention"}, default=None
            What is read, see :func:`~sklearn_csg2a.inspection.influence`. None: the
            best one that the model and X allow.
        by : str, default="smiles"
            Column of X that names the compounds.
        contrast : bool, default=False
            Compare what sets each compound apart from the mean of all.
        y : array-like of shape (n_treatments,), default=None
            Measured response, for the similarity of responses.
        n_permutations : int, default=999
            Number of permutations of the mechanisms.
        random_state : int or None, default=0
            Seed of the permutations.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : MechanismSimilarityDisplay
            What was drawn.

        Raises
        ------
        InputError
            If the model does not have this readout, or X, y or `mechanisms` cannot be
            used.
        """
        pairs = mechanism_similarity(
            estimator, X, mechanisms, method=method, by=by, contrast=contrast, y=y
        )
        return cls.from_table(
            pairs, n_permutations=n_permutations, random_state=random_state, ax=ax
        )
