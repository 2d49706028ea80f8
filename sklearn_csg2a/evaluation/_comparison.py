"""What a comparison of models has found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a.evaluation.candidates import describe_model, kind_of
from sklearn_csg2a.evaluation.figures import draw_overview
from sklearn_csg2a.evaluation.naive import NAIVE_TEXTS
from sklearn_csg2a.evaluation.page import Origin, as_html, make_report
from sklearn_csg2a.evaluation.pairs import compare_models
from sklearn_csg2a.evaluation.panels import (
    NUMBERS,
    Panel,
    Roster,
    make_panels,
)
from sklearn_csg2a.evaluation.statistics import t_interval
from sklearn_csg2a.metrics._ceiling import share_of_ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison"]

_SCORES = (
    "rmse",
    "skill",
    "ceiling_share",
    "pearson",
    "spearman",
    "within_drug_pearson",
    "within_cell_pearson",
    "residual_pearson",
)
_TEST = "corrected resampled t-test, paired by fold"


class Comparison:
    """What `compare` returns: tables, tests, a plot and a page.

    Parameters
    ----------
    rows : DataFrame of shape (n_fits, n_columns)
        Results as they are stored, one row for each fit.
    models : dict of str to regressor
        The models that are not naive.
    failures : DataFrame of shape (n_failures, 5)
        The fits that failed.
    noise : float or None
        Standard deviation of a single measurement.
    name : str
        Name of the data.

    Attributes
    ----------
    table : DataFrame
        One row for each scheme and model; see below.
    tests : DataFrame
        One row for each pair of models that is tested.
    folds : DataFrame
        One row for each fit: scheme, fold, model, seed, measures and hashes.
    failures : DataFrame
        One row for each fit that failed, with the error.
    noise : float or None
        Standard deviation of a single measurement, if given or estimated.

    Notes
    -----
    The columns of `table` are scheme, model, kind ("naive", "classical" or
    "network"), what (the classes of the model), n_folds, n_seeds, and for each
    measure its mean over folds, ``<measure>_sd``, the standard deviation over folds,
    and ``<measure>_low`` and ``<measure>_high``, the corrected 95 % interval of the
    mean. Seeds are averaged within folds. Measures are rmse, skill, ceiling_share (of
    the way from the naive model to the noise), pearson, spearman, within_drug_pearson,
    within_cell_pearson and residual_pearson (after mean effects). naive_model is what
    skill is measured against, fit_seconds the mean time of a fit.

    The columns of `tests` are scheme, measure, model, reference, n_folds, n_better,
    difference (model minus reference), low and high (its 95 % interval), p, p_holm
    (corrected for the number of tests of the scheme and measure) and test.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_csg2a import compare
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=10, n_compounds=12, n_genes=30, random_state=0)
    >>> result = compare(DummyRegressor(), screen.X, screen.y, schemes="disjoint",
    ...                  n_splits=3)
    >>> result.table["kind"].value_counts().to_dict()
    {'naive': 6, 'classical': 1}
    >>> result.tests["model"].unique().tolist()
    ['DummyRegressor']
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        models: Mapping[str, BaseEstimator],
        failures: pd.DataFrame,
        noise: float | None,
        name: str,
    ) -> None:
        for column in NUMBERS:
            rows[column] = pd.to_numeric(rows[column])
        self.failures = failures
        self.noise = noise
        self.name = name
        told = {name: describe_model(model) for name, model in models.items()}
        self._what = NAIVE_TEXTS | told
        self._roster = Roster({name: kind_of(model) for name, model in models.items()})
        share = np.nan if noise is None else self._share(rows, noise)
        self._rows = rows.assign(ceiling_share=share)

    @staticmethod
    def _share(rows: pd.DataFrame, noise: float) -> Any:
        """Return the share of the way from naive to noise: (n_rows,)."""
        return share_of_ceiling(
            rows["skill"].to_numpy(float), rows["naive_rmse"].to_numpy(float), noise
        )

    @cached_property
    def _panels(self) -> list[Panel]:
        """The results by scheme, in the order of the schemes."""
        return [p for p in make_panels(self._rows, self._roster) if p.models]

    @property
    def folds(self) -> pd.DataFrame:
        """One row for each fit."""
        return self._rows.dropna(axis="columns", how="all").copy()

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each scheme and model, with means and intervals."""
        return pd.DataFrame(
            [
                self._summarize(panel, model)
                for panel in self._panels
                for model in panel.models
            ]
        )

    def _summarize(self, panel: Panel, model: str) -> dict[str, Any]:
        """Return the row of a model in a scheme."""
        own = panel.rows[panel.rows["model"] == model]
        of_fold = own.groupby("fold")[[*_SCORES, "fit_seconds"]].mean()
        row: dict[str, Any] = {
            "scheme": panel.scheme,
            "model": model,
            "kind": panel.kind_of(model),
            "what": self._what[model],
            "n_folds": len(of_fold),
            "n_seeds": own["seed"].nunique(),
        }
        for measure in _SCORES:
            values = of_fold[measure].dropna().to_numpy()
            row[measure] = values.mean() if len(values) else np.nan
            row[f"{measure}_sd"] = values.std(ddof=1) if len(values) > 1 else np.nan
            low, high = t_interval(values, panel.test_to_train)
            row |= {f"{measure}_low": low, f"{measure}_high": high}
        row["naive_model"] = panel.own_naive
        row["fit_seconds"] = of_fold["fit_seconds"].mean()
        return row

    @cached_property
    def tests(self) -> pd.DataFrame:
        """One row for each pair of models that is tested."""
        columns = ["scheme", "measure", "model", "reference", "n_folds", "n_better"]
        columns += ["difference", "low", "high", "p", "p_holm", "test"]
        rows = [
            (
                panel.scheme,
                measure,
                pair.model,
                pair.reference,
                pair.test.n_folds,
                pair.n_better,
                pair.test.mean,
                pair.test.low,
                pair.test.high,
                pair.test.p,
                pair.p_holm,
                _TEST,
            )
            for panel in self._panels
            for measure in ("rmse", panel.correlation)
            for pair in compare_models(panel, measure)
        ]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the skill of all models in all schemes, with naive and noise.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ax : matplotlib axes
            Skill to the right, a row for each model of each scheme.
        """
        return draw_overview(self._panels, self.noise, ax)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write a page that needs no other file and no network.

        Parameters
        ----------
        path : str or path
            File to write, such as ``"page.html"``.

        Returns
        -------
        path : Path
            The file.
        """
        target = Path(path)
        origin = Origin(self.name, noise=self.noise, what=self._what)
        report = make_report(self._panels, say_failures(self.failures), origin)
        with replacing(target) as part:
            part.write_text(as_html(report), encoding="utf-8")
        return target

    def __repr__(self) -> str:
        """Return the main columns of the table."""
        shown = ["scheme", "model", "n_folds", "n_seeds", "rmse", "skill"]
        shown += ["ceiling_share"] if self.noise is not None else []
        return f"Comparison of {self.name!r}\n" + self.table[shown].round(3).to_string(
            index=False
        )


def say_failures(failures: pd.DataFrame) -> list[str]:
    """Say of each model in how many fits it failed, and why at first."""
    count = Counter(failures["model"])
    return [
        f"{row.model} failed in {count[row.model]} fits, first in {row.scheme}, fold "
        f"{row.fold}: {str(row.error).rstrip('.')}"
        for row in failures.drop_duplicates("model").itertuples()
    ]
