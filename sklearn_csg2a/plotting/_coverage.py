"""Picture of what share of responses intervals contain, and how wide they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import as_finite
from sklearn_csg2a.plotting._canvas import (
    LINES,
    MARKERS,
    ink,
    open_axes,
    palette,
    split_axes,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import (
    read_column_or_labels,
    read_labels,
    read_table,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CoverageDisplay"]

NOMINAL = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_WORST = 0.1  # the share of units that is covered worst


class CoverageDisplay:
    """Coverage of intervals and their width, against the nominal coverage.

    To the left the share of responses inside of the intervals, which is on the diagonal
    if intervals hold what they promise; dotted, the coverage of the worst tenth of
    compounds, cell lines or other units. To the right the mean width. Use `from_table`,
    `from_predictions` or `from_estimator` to create one.

    Parameters
    ----------
    table : DataFrame
        Columns `nominal`, `coverage` (shares, 0 to 1) and `width` (ln uM). Optional:
        `name` of the intervals, at most five; `n`, the number of rows; `worst`, the
        coverage of the worst tenth of units.

    Attributes
    ----------
    table : DataFrame
        All these columns, those that are not given missing.
    ax_ : Axes
        The axes, divided into panels.
    axes_ : ndarray of shape (2,)
        The panels: coverage, width.
    figure_ : Figure
        The figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from sklearn_csg2a.plotting import CoverageDisplay
    >>> table = pd.DataFrame(
    ...     {"nominal": [0.5, 0.9], "coverage": [0.48, 0.91], "width": [1.2, 3.1]})
    >>> display = CoverageDisplay.from_table(table)
    >>> display.axes_[0].get_xlabel()
    'nominal coverage'
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, table: pd.DataFrame) -> None:
        numbers = ("nominal", "coverage", "width")
        found = read_table(
            table,
            name="table",
            source="CoverageDisplay.from_predictions",
            numbers=numbers,
            texts=("name",),
            optional=("name", "n", "worst"),
        )
        for column in ("nominal", "coverage"):
            _check_shares(found, column)
        absent: dict[str, Any] = {"name": "intervals", "n": np.nan, "worst": np.nan}
        found = found.assign(**{k: v for k, v in absent.items() if k not in found})
        names = found["name"].unique()
        if len(names) > len(MARKERS):
            raise InputError(
                f"table has {len(names)} names; expected at most {len(MARKERS)}, which "
                "can be told apart. Draw the others in another picture."
            )
        self.table = found

    def plot(self, ax: Any = None) -> CoverageDisplay:
        """Draw coverage and width.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : CoverageDisplay
            The object itself.
        """
        self.ax_ = open_axes(ax, (8.4, 3.9))
        self.figure_ = self.ax_.figure
        left, right = split_axes(self.ax_, (1, 1), gap=6.5, share_y=False)
        self.axes_ = np.array([left, right])
        self._draw_coverage(left)
        self._draw_width(right)
        counts = self.table["n"].dropna().unique()
        n = f"{int(counts[0]):,} rows" if len(counts) == 1 else ""
        write_title(self.ax_, n)
        return self

    def _styles(self) -> list[tuple[Any, pd.DataFrame, dict[str, Any]]]:
        """Return name, rows and style of each line."""
        groups = list(self.table.groupby("name", sort=False))
        return [
            (
                name,
                rows.sort_values("nominal"),
                {"color": color, "marker": marker, "ls": line, "ms": 5},
            )
            for (name, rows), color, marker, line in zip(
                groups, palette(), MARKERS, LINES, strict=False
            )
        ]

    def _draw_coverage(self, ax: Axes) -> None:
        """Draw coverage against nominal coverage."""
        low = float(self.table["nominal"].min())
        ax.plot([low, 1], [low, 1], color=ink(), lw=0.8, ls="--", label="as promised")
        several = len(self.table["name"].unique()) > 1
        for name, rows, style in self._styles():
            ax.plot(
                rows["nominal"],
                rows["coverage"],
                **style,
                label=str(name) if several else None,
            )
            worst = rows.dropna(subset=["worst"])
            if len(worst):
                ax.plot(
                    worst["nominal"],
                    worst["worst"],
                    color=style["color"],
                    ls=":",
                    lw=1.5,
                )
        if self.table["worst"].notna().any():
            ax.plot([], [], color=ink(), ls=":", lw=1.5, label="worst tenth of units")
        ax.set(xlabel="nominal coverage", ylabel="share of responses covered")
        ax.set_ylim(-0.02, 1.02)
        write_legend(ax, below=True, ncols=2)

    def _draw_width(self, ax: Axes) -> None:
        """Draw mean width against nominal coverage."""
        for _, rows, style in self._styles():
            ax.plot(rows["nominal"], rows["width"], **style)
        ax.set(xlabel="nominal coverage", ylabel="mean width (ln uM)")
        ax.set_xlim(self.axes_[0].get_xlim())
        finite = self.table["width"][np.isfinite(self.table["width"])]
        if len(finite):
            ax.set_ylim(0, 1.08 * float(finite.max()))

    @classmethod
    def from_table(cls, table: Any, *, ax: Any = None) -> CoverageDisplay:
        """Draw coverage and width that are known.

        Parameters
        ----------
        table : DataFrame
            Columns `nominal`, `coverage` and `width`; optional `name`, `n` and `worst`.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : CoverageDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `table` has other columns, or values that are no shares.
        """
        return cls(table=table).plot(ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        intervals: Mapping[float, Any],
        *,
        units: Any = None,
        name: str = "intervals",
        ax: Any = None,
    ) -> CoverageDisplay:
        """Draw coverage and width of intervals.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            Measured response.
        intervals : dict of float to array-like of shape (n_rows, 2)
            Lower and upper ends, by nominal coverage.
        units : array-like of shape (n_rows,), default=None
            The compound, cell line or other unit of each row, for the coverage of the
            worst tenth of them.
        name : str, default="intervals"
            Name of the intervals.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : CoverageDisplay
            What was drawn.

        Raises
        ------
        InputError
            If shapes differ or a value is missing.
        """
        return cls.from_table(_measure(y_true, intervals, units, name), ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        nominal: Sequence[float] = NOMINAL,
        units: Any = None,
        ax: Any = None,
    ) -> CoverageDisplay:
        """Predict intervals and draw their coverage and width.

        Parameters
        ----------
        estimator : object or dict of str to object
            A fitted :class:`~sklearn_csg2a.uncertainty.ConformalRegressor`, or another
            model with ``predict_interval(X, coverage)``; or several of them by name.
        X : DataFrame of shape (n_rows, n_columns)
            Treatments that the model was not fitted to.
        y : array-like of shape (n_rows,)
            Measured response.
        nominal : sequence of float, default=(0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
            Nominal coverages.
        units : str or array-like of shape (n_rows,), default=None
            The column of X with the unit of each row, such as "smiles", or the units;
            for the coverage of the worst tenth of them.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : CoverageDisplay
            What was drawn.

        Raises
        ------
        InputError
            If a model has no `predict_interval`, or y or units cannot be used.
        """
        models = estimator if isinstance(estimator, Mapping) else {"": estimator}
        units = read_column_or_labels(X, units, name="units")
        tables = []
        for name, model in models.items():
            if not hasattr(model, "predict_interval"):
                raise InputError(
                    f"{type(model).__name__} has no predict_interval; expected a "
                    "fitted ConformalRegressor around it."
                )
            with one_warning_of_a_kind():
                found = {one: model.predict_interval(X, one) for one in nominal}
            tables.append(_measure(y, found, units, name or type(model).__name__))
        return cls.from_table(pd.concat(tables, ignore_index=True), ax=ax)


def _measure(
    y_true: Any, intervals: Mapping[float, Any], units: Any, name: str
) -> pd.DataFrame:
    """Return coverage and width of intervals, one row for each nominal coverage."""
    true = as_finite(y_true, "y_true")
    if units is not None:
        units = read_labels(units, name="units", n_rows=len(true), expected="one unit")
    if not intervals:
        raise InputError("intervals is empty; expected at least one nominal coverage.")
    rows = []
    for nominal, ends in intervals.items():
        lower, upper = _read_ends(ends, nominal, len(true)).T
        inside = (lower <= true) & (true <= upper)
        of_units = None if units is None else pd.Series(inside).groupby(units).mean()
        rows.append(
            {
                "name": name,
                "nominal": nominal,
                "coverage": inside.mean(),
                "width": (upper - lower).mean(),
                "n": len(true),
                "worst": np.nan if of_units is None else of_units.quantile(_WORST),
            }
        )
    return pd.DataFrame(rows)


def _read_ends(ends: Any, nominal: float, n_rows: int) -> np.ndarray:
    """Return lower and upper ends, (n_rows, 2)."""
    values = np.asarray(ends, dtype=np.float64)
    if values.shape != (n_rows, 2):
        raise InputError(
            f"intervals of {nominal:g} have the shape {values.shape}; expected "
            f"{(n_rows, 2)}, lower and upper ends."
        )
    missing = np.flatnonzero(np.isnan(values).any(axis=1))
    if len(missing):
        raise InputError(
            f"intervals of {nominal:g} are NaN in {list_offenders(missing, name_row)}. "
            "Leave these rows out."
        )
    return values


def _check_shares(table: pd.DataFrame, column: str) -> None:
    """Refuse what is no share."""
    wrong = np.flatnonzero(~table[column].between(0, 1))
    if len(wrong):
        values = table[column].to_numpy()
        shown = list_offenders(wrong, lambda row: f"{name_row(row)}: {values[row]:g}")
        raise InputError(
            f"table, column {column!r}: {shown}. Expected shares from 0 to 1, not "
            "percentages."
        )
