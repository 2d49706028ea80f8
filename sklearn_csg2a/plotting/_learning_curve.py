"""Picture of the loss of a network over its training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.inner_model import refuse_model
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.plotting._canvas import (
    ink,
    open_axes,
    palette,
    write_legend,
    write_title,
)
from sklearn_csg2a.plotting._tables import read_table

__all__ = ["LearningCurveDisplay"]

_CURVES = {
    "train_loss": ("training rows", "blue", "-"),
    "valid_loss": ("held-out rows", "orange", "--"),
}


class LearningCurveDisplay:
    """Root mean squared error of a network over the epochs of its training.

    A distance between both curves that grows is overfitting; curves that still fall at
    the end ask for more epochs. Use `from_estimator` or `from_table` to create one.

    Parameters
    ----------
    history : DataFrame
        The attribute `history_` of a fitted network: `epoch`, `train_loss` and, with
        early stopping, `valid_loss`; `member` for several networks.
    best_epoch : int, default=None
        The epoch whose weights were kept.
    unit : str, default="ln uM"
        The unit of the response.

    Attributes
    ----------
    history, best_epoch, unit : object
        As given.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : The error against the number of
        training rows, also of the models of this package.

    Notes
    -----
    The training error is measured with dropout, so that it may lie above the other.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_csg2a import DrugResponseRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.plotting import LearningCurveDisplay
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = DrugResponseRegressor(
    ...     expression=screen.expression, max_epochs=3, early_stopping=True,
    ...     random_state=0)
    >>> display = LearningCurveDisplay.from_estimator(model.fit(screen.X, screen.y))
    >>> [line.get_label() for line in display.ax_.get_lines()][:2]
    ['training rows', 'held-out rows']
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        history: pd.DataFrame,
        best_epoch: int | None = None,
        unit: str = "ln uM",
    ) -> None:
        self.history = read_table(
            history,
            name="history",
            source="history_ of a fitted network",
            numbers=("epoch", "train_loss"),
            may_miss=("train_loss",),
            optional=("valid_loss", "member"),
        )
        negative = self.history[["train_loss"]].lt(0).any(axis=None)
        if negative:
            raise InputError(
                "history, column 'train_loss': a value is negative; expected mean "
                "squared errors."
            )
        self.best_epoch = best_epoch
        self.unit = unit

    def plot(self, ax: Any = None) -> LearningCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : LearningCurveDisplay
            The object itself.
        """
        self.ax_ = ax = open_axes(ax, (6.0, 3.8))
        self.figure_ = ax.figure
        if "member" in self.history:
            members = [part for _, part in self.history.groupby("member")]
        else:
            members = [self.history]
        for number, member in enumerate(members):
            for column, (label, color, line) in _CURVES.items():
                if column in member:
                    ax.plot(
                        member["epoch"],
                        np.sqrt(member[column]),
                        color=getattr(palette(), color),
                        ls=line,
                        lw=1.8 if len(members) == 1 else 1,
                        label=label if number == 0 else "_",
                    )
        if self.best_epoch:
            ax.axvline(
                self.best_epoch,
                color=ink(),
                lw=0.8,
                ls=":",
                label=f"weights of epoch {self.best_epoch}",
            )
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="epoch", ylabel=f"root mean squared error ({self.unit})")
        n_epochs = int(self.history["epoch"].max())
        networks = f"{len(members)} networks, " if len(members) > 1 else ""
        title = f"{networks}{n_epochs} epoch{'s' if n_epochs > 1 else ''}"
        write_title(ax, title)
        write_legend(ax)
        return self

    @classmethod
    def from_table(
        cls,
        history: Any,
        *,
        best_epoch: int | None = None,
        unit: str = "ln uM",
        ax: Any = None,
    ) -> LearningCurveDisplay:
        """Draw a history.

        Parameters
        ----------
        history : DataFrame
            As the attribute `history_` of a fitted network.
        best_epoch : int, default=None
            The epoch whose weights were kept.
        unit : str, default="ln uM"
            The unit of the response.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : LearningCurveDisplay
            What was drawn.

        Raises
        ------
        InputError
            If `history` is another table.
        """
        return cls(history=history, best_epoch=best_epoch, unit=unit).plot(ax)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, unit: str | None = None, ax: Any = None
    ) -> LearningCurveDisplay:
        """Draw the history of a fitted network.

        Parameters
        ----------
        estimator : regressor
            A fitted network of this package.
        unit : str, default=None
            The unit of the response. None: ln uM, or that of Y of a model that predicts
            expression.
        ax : Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : LearningCurveDisplay
            What was drawn.

        Raises
        ------
        InputError
            If the estimator has no history, as models that are not trained in epochs.
        """
        if not _has_history(estimator):
            expected = "a fitted network of this package, such as DrugResponseRegressor"
            raise InputError(
                refuse_model(estimator, expected, _has_history, name="estimator")
            )
        if unit is None:
            unit = "unit of Y" if hasattr(estimator, "predict_change") else "ln uM"
        return cls.from_table(
            estimator.history_,
            best_epoch=getattr(estimator, "best_epoch_", None),
            unit=unit,
            ax=ax,
        )


def _has_history(estimator: Any) -> bool:
    return hasattr(estimator, "history_")
