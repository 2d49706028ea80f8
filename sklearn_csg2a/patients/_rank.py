"""Drugs to which a sample is unusually sensitive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.patients._reference import kept_predictions, scale_cohort
from sklearn_csg2a.treatments._grid import Grid, read_cell_table, read_named
from sklearn_csg2a.treatments._inside import find_expression

__all__ = ["rank_drugs"]

_TIE = 1e-9  # differences of predictions below this, in their unit, are rounding


def rank_drugs(
    model: Any,
    samples: Any,
    compounds: Any = None,
    *,
    reference: Any = None,
    interval: Any = None,
    domain: Any = None,
) -> pd.DataFrame:
    """Rank drugs by how unusual the predicted sensitivity of a sample is.

    The lowest predicted ln IC50 belongs to the same few potent drugs in every sample.
    Here each prediction is compared with the predictions of the same drug for reference
    cell lines: a drug comes first if the sample is more sensitive to it than almost all
    of them.

    Parameters
    ----------
    model : regressor
        A fitted model of ln IC50 whose X follows the column contract, or an ensemble,
        search or pipeline of such models.
    samples : DataFrame of shape (n_samples, n_genes) or sequence of str
        Basal expression with ids of samples as index, on the scale that the model was
        fitted with; or ids in the table `expression` of the model. A model that keeps
        a transformer, as the shipped one does, applies it to samples on another scale,
        with a warning.
    compounds : dict, Series, DataFrame or sequence of str, default=None
        SMILES by name; or a table with the columns ``smiles`` and ``drug`` or ``name``,
        where ``dose`` in uM and ``time`` in hours may be given, too; or SMILES without
        names. None: all compounds that the model keeps names of, or was fitted with.
    reference : DataFrame of shape (n_cells, n_genes) or sequence of str, default=None
        The cell lines to compare with, as `samples`. None: the table `expression` of
        the model, or the quantiles of predictions that `keep_reference` has stored.
    interval : object, default=None
        A fitted model with `predict_interval`, such as one for calibrated intervals,
        that returns the lower and the upper limit of each row of X. None: `model`,
        where it has that method.
    domain : object, default=None
        A fitted object with `describe`, which returns for rows of X a table with the
        column ``in_domain``.

    Returns
    -------
    ranking : DataFrame
        One row per sample and drug: samples in the order given, drugs by rank.

        - `sample`, `drug`: the names; a SMILES where a compound has no name
        - `ln_ic50`: the prediction, in the unit of y
        - `percentile`: share of reference cell lines with a lower prediction for the
          same drug, from 0 (more sensitive than all of them) to 100; equal ones count
          half
        - `lower`, `upper`: limits of `ln_ic50`; NaN without `interval`
        - `in_domain`: whether the model has learned from similar cells and compounds;
          missing without `domain`
        - `rank`: 1 for the lowest percentile of the sample. Equal percentiles are
          ordered by the distance from the mean of the reference predictions, in their
          standard deviations; missing where the prediction is NaN

    Raises
    ------
    InputError
        If samples, compounds or reference cannot be used, or are not given and the
        model does not hold them.
    InvalidSmilesError
        If a SMILES is invalid, unless the model has ``on_invalid_smiles="nan"``.
    NotFittedError
        If the model is not fitted.

    Warns
    -----
    ExpressionScaleWarning
        If samples are on another scale than in the fit.

    See Also
    --------
    keep_reference : For models that are saved without their cells.
    predict_grid : Predictions of all cells for all compounds, as a table.

    Notes
    -----
    Dose and time are `default_dose` and `default_time` of the model, where it has them
    and `compounds` does not. A sample that is among the reference cell lines counts as
    one of them. A model that has learned from the reference lines predicts them with a
    wider spread than new samples, whose percentiles are therefore nearer to 50: it is
    their order that tells something. Patients must be on the scale of the training
    cells, see :class:`~sklearn_csg2a.preprocessing.NormalScores`.

    Predictions are not measurements, and cell lines are not patients: the ranking is
    for research and not for clinical use. A model that does not depend on the cell, as
    the mean of the drug, gives percentile 50 and rank 1 throughout.

    Examples
    --------
    >>> from sklearn_csg2a import rank_drugs
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(n_cells=20, n_compounds=8, random_state=0)
    >>> model = PairwiseKernelRidge(expression=screen.expression)
    >>> model.fit(screen.X, screen.y)
    PairwiseKernelRidge(...)
    >>> patient = screen.expression.iloc[[3]].set_axis(["patient"])
    >>> ranking = rank_drugs(model, patient)
    >>> ranking.columns.tolist()
    ['sample', 'drug', 'ln_ic50', 'percentile', 'lower', 'upper', 'in_domain', 'rank']
    >>> ranking["rank"].tolist()
    [1, 2, 3, 4, 5, 6, 7, 8]
    """
    if hasattr(model, "fit"):
        check_is_fitted(model)
    named = read_named(compounds, model)
    grid = _read_grid(samples, named, model, "samples")
    if interval is None and hasattr(model, "predict_interval"):
        interval = model
    with one_warning_of_a_kind():
        compared = _predict_reference(model, named, reference)
        predicted = _predict(model, grid)
        limits = _predict_limits(interval, grid)
        in_domain = _describe(domain, grid)
    percentile, distance = _compare(predicted, compared)
    ids, names = grid.cells.ids, list(named.index)
    ranking = pd.DataFrame(
        {
            "sample": np.repeat(np.array([*ids, None], dtype=object)[:-1], len(names)),
            "drug": np.tile(np.array(names, dtype=object), len(ids)),
            "ln_ic50": predicted.ravel(),
            "percentile": percentile.ravel(),
            "lower": limits[:, 0],
            "upper": limits[:, 1],
            "in_domain": in_domain,
            "rank": pd.array(
                np.concatenate(list(map(_rank, percentile, distance))), dtype="Int64"
            ),
        }
    )
    place = np.repeat(np.arange(len(ids)), len(names))
    last = ranking["rank"].fillna(len(names) + 1).to_numpy(np.int64)
    order = np.lexsort((np.arange(len(place)), last, place))
    return ranking.iloc[order].reset_index(drop=True)


def _read_grid(cells: Any, named: pd.DataFrame, model: Any, name: str) -> Grid:
    """Return cells, on the scale of the model if it says how, with all compounds."""
    return Grid(scale_cohort(read_cell_table(cells, model, name=name), model), named)


def _predict_reference(model: Any, named: pd.DataFrame, reference: Any) -> np.ndarray:
    """Return what to compare with, (n_cells, n_compounds): predictions or quantiles."""
    if reference is None and find_expression(model) is None:
        kept = kept_predictions(model, named)
        if kept is not None:
            return kept
    known = _read_grid(reference, named, model, "reference")
    if len(known.cells.ids) < 2:
        raise InputError("reference has 1 cell; expected at least 2 to compare with.")
    return _predict(model, known)


def _predict(model: Any, grid: Grid) -> np.ndarray:
    """Return the predictions as (n_cells, n_compounds)."""
    shape = len(grid.cells.ids), len(grid.compounds)
    values = grid.apply(model, model.predict)
    if values.size != shape[0] * shape[1]:
        raise InputError(
            f"{type(model).__name__} predicts {values.shape[1]} values per row; "
            "expected a model of one response, ln IC50."
        )
    return values.reshape(shape).astype(np.float64)


def _predict_limits(interval: Any, grid: Grid) -> np.ndarray:
    """Return the lower and upper limit of each row, (n_rows, 2)."""
    n_rows = len(grid.cells.ids) * len(grid.compounds)
    if interval is None:
        return np.full((n_rows, 2), np.nan)
    _require(interval, "interval", "predict_interval")
    limits = grid.apply(interval, interval.predict_interval)
    if limits.shape != (n_rows, 2):
        raise InputError(
            f"predict_interval of {type(interval).__name__} returned an array of shape "
            f"{limits.shape}; expected {(n_rows, 2)}, lower and upper limit."
        )
    return limits.astype(np.float64)


def _describe(domain: Any, grid: Grid) -> pd.api.extensions.ExtensionArray:
    """Return whether each row is inside of the domain, missing if unknown."""
    n_rows = len(grid.cells.ids) * len(grid.compounds)
    if domain is None:
        return pd.array([pd.NA] * n_rows, dtype="boolean")
    _require(domain, "domain", "describe")

    def is_inside(X: pd.DataFrame) -> np.ndarray:
        described = domain.describe(X)
        if "in_domain" not in described:
            raise InputError(
                f"describe of {type(domain).__name__} gave no column 'in_domain'; "
                f"columns: {list_offenders(described.columns, repr)}."
            )
        return described["in_domain"].to_numpy(dtype=object)

    return pd.array(grid.apply(domain, is_inside), dtype="boolean")


def _require(given: Any, name: str, method: str) -> None:
    """Refuse an object without the method that is needed of it."""
    if not hasattr(given, method):
        raise InputError(
            f"{name} is a {type(given).__name__} without {method}; pass a fitted "
            f"object that has it, or None."
        )


def _compare(
    predicted: np.ndarray, compared: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return percentile and distance from the mean, (n_samples, n_compounds) each."""
    percentile, distance = np.full((2, *predicted.shape), np.nan)
    for drug, column in enumerate(compared.T):
        known = np.sort(column[np.isfinite(column)])
        values = predicted[:, drug]
        if not len(known):
            continue
        below = np.searchsorted(known, values - _TIE, side="left")
        not_above = np.searchsorted(known, values + _TIE, side="right")
        percentile[:, drug] = 50 * (below + not_above) / len(known)
        spread = known.std()
        away = values - known.mean()
        distance[:, drug] = away / spread if spread > _TIE else np.sign(away.round(9))
    percentile[np.isnan(predicted)] = np.nan
    return percentile, distance


def _rank(percentile: np.ndarray, distance: np.ndarray) -> pd.Series:
    """Return the rank of the drugs of a sample; missing without a prediction."""
    keys = pd.DataFrame({"percentile": percentile, "distance": distance.round(9)})
    place = keys.groupby(["percentile", "distance"], dropna=True).ngroup()
    return place.where(keys["percentile"].notna()).rank(method="min").astype("Int64")
