"""Compounds whose predicted change of expression reverses a signature."""

from __future__ import annotations

from numbers import Integral
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from sklearn_csg2a._utils.offenders import list_offenders, name_row, quote_names
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a._utils.p_values import adjust_benjamini_hochberg
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._model_rows import check_model, read_rows
from sklearn_csg2a.inspection._signature import (
    Method,
    draw_signatures,
    read_signature,
    score_profiles,
)
from sklearn_csg2a.treatments._columns import as_frame

__all__ = ["signature_reversal"]

_CALLER = "signature_reversal"
_ROWS_AT_ONCE = 8192


def signature_reversal(
    model: Any,
    signature: Any,
    X: Any,
    *,
    by: str | None = "smiles",
    method: Method = "connectivity",
    relative: bool = False,
    null: Any = None,
    n_random: int = 999,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Rank compounds by how well their predicted change reverses a signature.

    A compound that lowers what is high in a disease, and raises what is low, may work
    against it.

    Parameters
    ----------
    model : PerturbationRegressor
        A fitted model with one output per gene.
    signature : pair of sequences of str, dict or Series
        Genes that are up and genes that are down in the disease, ``(up, down)``, one of
        which may be empty; or weights by gene, above 0 for up. Genes that the model
        lacks are left out.
    X : DataFrame of shape (n_treatments, n_columns)
        Treatments to choose from, such as every compound in the cell lines that
        resemble the disease.
    by : str, default="smiles"
        Column of X; the predicted changes of rows with the same value are averaged.
        None: each row by itself.
    method : {"connectivity", "correlation"}, default="connectivity"
        Weighted connectivity, which compares where the genes that go up and those that
        go down stand in the ranking of the change, or Pearson's correlation of weights
        and change over all genes.
    relative : bool, default=False
        Subtract the mean change over the compounds of X in the same cell line, which
        includes what the model predicts for any treatment.
    null : fitted model or sequence of fitted models, default=None
        Models that were fitted with the compounds permuted, for `p_null`.
    n_random : int, default=999
        Number of random signatures.
    random_state : int or None, default=0
        Seed of the random signatures; None draws anew at each call.

    Returns
    -------
    reversal : DataFrame
        One row per compound, the strongest reversal first; with ``by=None`` one per row
        of X, with its index and order.

        - `score`: -1 for a reversal, 1 for the signature itself
        - `p`: share of random signatures, with the same weights on other genes, whose
          score is at least as low
        - `p_adjusted`: p over all rows by Benjamini and Hochberg
        - `p_compounds`: share of the compounds, this one included, whose score is at
          least as low: permutations of the compounds
        - `p_null`: the same among the scores of all compounds by the models of `null`;
          missing without

    Raises
    ------
    InputError
        If the model predicts no expression, or signature, X or `null` cannot be used.

    Notes
    -----
    Genes change together, and random signatures do not, so that `p` is too small; and
    what a model predicts for every compound reverses some signatures by itself.
    `p_compounds` shows whether a compound that was chosen beforehand stands out.
    `p_null` shows whether scores are lower than if compounds were not told apart.

    References
    ----------
    Subramanian, A. et al. (2017). A next generation connectivity map: L1000 platform
    and the first 1,000,000 profiles. Cell 171, 1437-1452.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import signature_reversal
    >>> screen = make_screen(n_cells=8, n_compounds=8, n_genes=24, random_state=0)
    >>> X, Y = screen.perturbation.X, screen.perturbation.Y
    >>> model = PerturbationRegressor(
    ...     expression=screen.expression, max_epochs=2, random_state=0).fit(X, Y)
    >>> up, down = model.genes_[:5], model.genes_[5:10]
    >>> table = signature_reversal(model, (up, down), X, by="drug", n_random=99)
    >>> table.index.name, table["score"].is_monotonic_increasing
    ('drug', True)
    """
    _check_settings(method, n_random)
    check_model(model, caller=_CALLER)
    weights = read_signature(signature, model.genes_)
    rng = np.random.default_rng(random_state)
    drawn = draw_signatures(weights, n_random, rng)
    orders = np.vstack([np.arange(len(model.genes_)), drawn])  # as given, then random
    with one_warning_of_a_kind():
        index, profiles = _mean_changes(model, X, by, relative=relative)
        others = [
            _mean_changes(one, X, by, relative=relative)[1]
            for one in _read_null(null, model)
        ]
    scores = score_profiles(profiles, weights, orders, method)
    score = scores[:, 0]
    table = pd.DataFrame({"score": score}, index=index)
    table["p"] = (scores <= score[:, None] + 1e-12).mean(axis=1)
    table["p_adjusted"] = adjust_benjamini_hochberg(table["p"].to_numpy())
    table["p_compounds"] = rankdata(score.round(12), method="max") / len(score)
    table["p_null"] = np.nan
    if others:
        of_null = score_profiles(np.vstack(others), weights, orders[:1], method)[:, 0]
        as_low = (of_null <= score[:, None] + 1e-12).sum(axis=1)
        table["p_null"] = (1 + as_low) / (1 + len(of_null))
    return table if by is None else table.sort_values("score", kind="stable")


def _check_settings(method: str, n_random: int) -> None:
    """Refuse an unknown method and a number of signatures that gives no p-value."""
    if method not in get_args(Method):
        raise InputError(
            f"method={method!r}; expected one of {quote_names(get_args(Method))}."
        )
    if not isinstance(n_random, Integral) or n_random < 1:
        raise InputError(f"n_random={n_random!r}; expected an integer, 1 or more.")


def _read_null(null: Any, model: Any) -> list[Any]:
    """Return the models of the null; their genes are those of the model."""
    if null is None:
        return []
    models = [null] if hasattr(null, "predict") else list(null)
    for i, one in enumerate(models):
        if not hasattr(one, "predict_change") or not hasattr(one, "genes_"):
            raise InputError(
                f"null[{i}] is a {type(one).__name__}; expected a fitted "
                "PerturbationRegressor."
            )
        if list(one.genes_) != list(model.genes_):
            raise InputError(f"null[{i}] has other genes than the model.")
    return models


def _mean_changes(
    model: Any, X: Any, by: str | None, *, relative: bool
) -> tuple[pd.Index, NDArray[np.float64]]:
    """Return the mean predicted change of each group of rows, (n_groups, n_genes)."""
    treatments = read_rows(model, X, caller=_CALLER)
    _refuse_invalid(treatments)
    frame: Any = as_frame(X)  # not None, as it has compounds
    codes, index = _group(model, frame, by)
    group, cell = _mean_of(codes, len(index)), _mean_of(treatments.cell_index)
    means = np.zeros((len(index), len(model.genes_)))
    of_cells = np.zeros((treatments.n_cells, len(model.genes_)))
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        change = model.predict_change(frame.iloc[rows])
        means += group[:, rows] @ change
        of_cells += cell[:, rows] @ change
    if relative:
        means -= group @ of_cells[treatments.cell_index]
    return index, means


def _mean_of(codes: NDArray[np.int64], n_groups: int | None = None) -> sparse.csr_array:
    """Return the matrix that takes the mean of each group, (n_groups, n_rows)."""
    counts = np.bincount(codes, minlength=n_groups or 0)
    entries = 1.0 / counts[codes], (codes, np.arange(len(codes)))
    return sparse.csr_array(entries, shape=(len(counts), len(codes)))


def _group(
    model: Any, X: pd.DataFrame, by: str | None
) -> tuple[NDArray[np.int64], pd.Index]:
    """Return the group of each row, and the names of the groups."""
    if by is None:
        return np.arange(len(X)), X.index
    name = (model.columns or {}).get(by, by)
    if name not in X.columns:
        raise InputError(
            f"by={by!r} is not a column of X; its columns: {quote_names(X.columns)}."
        )
    codes, names = pd.factorize(X[name].astype(object))
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        labels = X.index.to_numpy(dtype=object)
        rows = list_offenders(missing, lambda row: name_row(row, labels))
        raise InputError(f"Column {name!r} of X has no value in {rows}; fill or drop.")
    return codes, pd.Index(names, name=by)


def _refuse_invalid(treatments: Any) -> None:
    """Refuse rows whose SMILES is invalid, which a model may allow."""
    invalid = np.flatnonzero(treatments.compound_index < 0)
    if len(invalid):
        rows = list_offenders(invalid, lambda i: name_row(i, treatments.row_labels))
        raise InputError(f"X has an invalid SMILES in {rows}; correct or drop them.")
