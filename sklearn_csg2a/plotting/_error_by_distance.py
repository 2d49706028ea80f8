"""Picture of how errors grow with the distance from the training rows."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import as_finite, check_pair
from sklearn_csg2a.plotting._canvas import (
    ink,
    open_axes,
    palette,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import check_count, read_labels

__all__ = ["ErrorByDistanceDisplay"]

Distance = Literal["tanimoto", "cell_percentile"]
_LABELS = {
    "tanimoto": "Tanimoto similarity to the nearest training compound",
    "cell_percentile": "distance to the training cell lines (percentile)",
}
_UNITS = {"tanimoto": "smiles", "cell_percentile": "cell_line"}
_INTERVAL = 1.96  # standard errors


class ErrorByDistanceDisplay:
    """Absolute error against the distance from what the model has learned.

    Dots are the mean absolute errors of compounds, cell lines or other units; the line
    joins their means in bins with about equal numbers of units, with 95 % intervals.
    Use `from_predictions` or `from_estimator` to create one.

    Parameters
    ----------
    errors : DataFrame
        One row per unit: `distance` and `error`, its mean absolute error in ln uM, with
        the unit as index; optional `in_domain`, the share of its rows in the domain,
        and `n_rows`.
    label : str, default="distance"
        What the distance is, for the axis.

    Attributes
    ----------
    errors : DataFrame
        The units, by distance.
    bins : DataFrame
        `distance`, `error`, `half` (of the interval) and `n_units` of each bin, once
        drawn.
    label : str
        What the distance is.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn_csg2a.uncertainty.ApplicabilityDomain : The distances of rows.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_csg2a.plotting import ErrorByDistanceDisplay
    >>> display = ErrorByDistanceDisplay.from_predictions(
    ...     y_true=[0.0, 0.0, 0.0, 0.0], y_pred=[0.1, 0.2, 0.8, 0.9],
    ...     distance=[0.9, 0.8, 0.3, 0.2], n_bins=2)
    >>> display.bins["error"].round(2).tolist()
    [0.85, 0.15]
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, errors: pd.DataFrame, label: str = "distance") -> None:
        absent = [name for name in ("distance", "error") if name not in errors]
        if absent:
            raise InputError(
                f"errors has no column {absent[0]!r}; expected 'distance' and 'error', "
                "one row per unit."
            )
        self.errors = errors.sort_values("distance", kind="stable")
        self.label = label

    def plot(self, ax: Any = None, *, n_bins: int = 8) -> ErrorByDistanceDisplay:
        """Draw errors against distance.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.
        n_bins : int, default=8
            Number of bins; fewer if bins would have less than two units.

        Returns
        -------
        display : ErrorByDistanceDisplay
            The object itself.
        """
        n_bins = min(check_count(n_bins, "n_bins"), max(len(self.errors) // 2, 1))
        self.bins = _bin(self.errors, n_bins)
        self.ax_ = ax = open_axes(ax, (6.0, 4.0))
        self.figure_ = ax.figure
        self._draw_units(ax)
        ax.errorbar(
            self.bins["distance"],
            self.bins["error"],
            yerr=self.bins["half"],
            color=ink(),
            marker="s",
            ms=5,
            lw=1.5,
            capsize=3,
            label="mean, 95 % interval",
        )
        high = float((self.bins["error"] + self.bins["half"].fillna(0)).max())
        ax.set_ylim(0, 1.08 * max(high, float(self.errors["error"].quantile(0.99))))
        ax.set(xlabel=self.label, ylabel="mean absolute error (ln uM)")
        name = self.errors.index.name
        n_rows, units = "", "units" if name is None else str(name)
        if "n_rows" in self.errors:
            n_rows = f", {int(self.errors['n_rows'].sum()):,} rows"
        write_title(ax, f"{len(self.errors):,} {units}{n_rows}")
        write_legend(ax)
        return self

    def _draw_units(self, ax: Any) -> None:
        """Draw a dot for each unit, those out of the domain in another color."""
        style: dict[str, Any] = {"ls": "none", "ms": 5, "alpha": 0.8, "mew": 0}
        if "in_domain" not in self.errors:
            ax.plot(
                self.errors["distance"],
                self.errors["error"],
                "o",
                color=palette().blue,
                **style,
            )
            return
        inside = self.errors["in_domain"] >= 0.5
        for chosen, name, color, marker in (
            (inside, "inside", palette().blue, "o"),
            (~inside, "outside", palette().orange, "^"),
        ):
            some = self.errors[chosen]
            if len(some):
                mean = _mean_error(some)
                ax.plot(
                    some["distance"],
                    some["error"],
                    marker,
                    color=color,
                    **style,
                    label=f"{name} of the domain (mean {mean:.2f} ln uM)",
                )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        distance: Any,
        *,
        units: Any = None,
        in_domain: Any = None,
        label: str = "distance",
        n_bins: int = 8,
        ax: Any = None,
    ) -> ErrorByDistanceDisplay:
        """Draw the errors of predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_rows,)
            Measured and predicted ln IC50.
        distance : array-like of shape (n_rows,)
            Distance or similarity of each row.
        units : array-like of shape (n_rows,), default=None
            What the distance belongs to, as compounds: the rows of a unit count once.
            None: each row is a unit.
        in_domain : array-like of shape (n_rows,), default=None
            Whether each row is in the domain.
        label : str, default="distance"
            What the distance is, for the axis.
        n_bins : int, default=8
            Number of bins.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : ErrorByDistanceDisplay
            What was drawn.

        Raises
        ------
        InputError
            If lengths differ or a value is missing.
        """
        true, pred = check_pair(y_true, y_pred)
        _, far = check_pair(
            true, as_finite(distance, "distance"), ("y_true", "distance")
        )
        rows = pd.DataFrame({"distance": far, "error": np.abs(true - pred)})
        if in_domain is not None:
            inside = read_labels(
                in_domain, name="in_domain", n_rows=len(true), expected="True or False"
            )
            rows["in_domain"] = inside.astype(bool)
        rows["n_rows"] = 1
        keys = np.arange(len(rows)) if units is None else units
        keys = read_labels(keys, name="units", n_rows=len(true), expected="one unit")
        means = rows.groupby(keys).mean()
        means["n_rows"] = rows.groupby(keys)["n_rows"].sum()
        means.index.name = getattr(units, "name", None)
        if units is None:
            means = means.drop(columns="n_rows").rename_axis("rows")
        return cls(errors=means, label=label).plot(ax, n_bins=n_bins)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        domain: Any,
        by: Distance = "tanimoto",
        n_bins: int = 8,
        ax: Any = None,
    ) -> ErrorByDistanceDisplay:
        """Predict, describe the rows and draw the errors.

        Parameters
        ----------
        estimator : regressor
            A fitted model of ln IC50.
        X : DataFrame of shape (n_rows, n_columns)
            Treatments that the model was not fitted to.
        y : array-like of shape (n_rows,)
            Measured ln IC50.
        domain : ApplicabilityDomain
            Fitted to the training rows.
        by : {"tanimoto", "cell_percentile"}, default="tanimoto"
            The distance: similarity to the nearest training compound, or distance to
            the training cell lines. Units are inside of the domain by this alone.
        n_bins : int, default=8
            Number of bins.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : ErrorByDistanceDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `by` is another word, or X or y cannot be used.
        """
        if by not in get_args(Distance):
            raise InputError(f"by={by!r}; expected one of {get_args(Distance)}.")
        described = domain.describe(X)
        if by == "tanimoto":
            inside = described[by] >= domain.min_tanimoto
        else:
            inside = described[by] <= domain.max_cell_percentile
        name = (getattr(domain, "columns", None) or {}).get(_UNITS[by], _UNITS[by])
        names = {"smiles": "compounds", "cell_line": "cell lines"}
        units = X[name].rename(names[_UNITS[by]]) if name in X else None
        return cls.from_predictions(
            y,
            estimator.predict(X),
            described[by].to_numpy(),
            units=units,
            in_domain=inside.to_numpy(),
            label=_LABELS[by],
            n_bins=n_bins,
            ax=ax,
        )


def _bin(errors: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    """Return mean distance and error of bins with about equal numbers of units.

    Units with the same distance are in one bin.
    """
    edges = np.unique(np.quantile(errors["distance"], np.linspace(0, 1, n_bins + 1)))
    place = np.searchsorted(edges[1:-1], errors["distance"], side="right")
    rows = []
    for _, some in errors.groupby(place):
        spread = some["error"].std(ddof=1) if len(some) > 1 else np.nan
        rows.append(
            {
                "distance": some["distance"].mean(),
                "error": some["error"].mean(),
                "half": _INTERVAL * spread / np.sqrt(len(some)),
                "n_units": len(some),
            }
        )
    return pd.DataFrame(rows)


def _mean_error(errors: pd.DataFrame) -> float:
    """Return the mean absolute error over units."""
    return float(errors["error"].mean())
