"""Whether compounds are predicted to change the cells most that are sensitive to them.

Nothing here learns from a response: how far a model moves the expression of a cell is
compared with the response as it is.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._model_rows import check_model, read_rows
from sklearn_csg2a.inspection._running_sum import draw_orders
from sklearn_csg2a.metrics import fit_mean_effects, pearson
from sklearn_csg2a.treatments import Treatments, read_response

__all__ = ["compare_distances", "zero_shot_response"]

DISTANCES = ("distance", "structure_norm", "expression_norm", "mean_effects")
_FEWEST = 3  # compounds of a cell line that has a correlation


def zero_shot_response(model: Any, X: Any, y: Any = None) -> pd.DataFrame:
    """Measure how far treatments move their cells, beside distances without a model.

    A cell line that is sensitive to a compound should change more than a resistant one.
    The model has seen expression after treatment, and no response.

    Parameters
    ----------
    model : PerturbationRegressor
        A fitted model with one output per gene.
    X : DataFrame of shape (n_treatments, n_columns)
        Treatments, by the column contract.
    y : array-like of shape (n_treatments,), default=None
        Response of each treatment, lower for more sensitive, such as ln IC50 [ln uM].

    Returns
    -------
    distances : DataFrame of shape (n_treatments, n_columns)
        One row per treatment, with the index of X.

        - `cell_line`, `compound`: cell and canonical SMILES, None where it is invalid
        - `distance`: Euclidean distance of predicted from basal expression
        - `structure_norm`: length of the vector that encodes the compound, the same
          for all cells, doses and times
        - `expression_norm`: length of basal expression, the same for all compounds
        - `mean_effects`: `distance` as a sum of one effect of the cell and one of the
          compound, without what is special to the pair
        - `response`: y, if given
        - `sensitive`: whether y is below the mean of the cell line, if y is given

        Distances are NaN where the SMILES is invalid and the model allows that.

    Raises
    ------
    InputError
        If the model predicts no expression, or X or y cannot be used.

    See Also
    --------
    compare_distances : Tests of the sensitive against the resistant.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import zero_shot_response
    >>> screen = make_screen(n_cells=8, n_compounds=8, n_genes=24, random_state=0)
    >>> model = PerturbationRegressor(
    ...     expression=screen.expression, max_epochs=2, random_state=0)
    >>> model = model.fit(screen.perturbation.X, screen.perturbation.Y)
    >>> X = screen.X.assign(dose=10.0, time=72.0)
    >>> table = zero_shot_response(model, X, screen.y)
    >>> table.index.equals(X.index), bool((table["distance"] > 0).all())
    (True, True)
    """
    check_model(model, caller="zero_shot_response")
    with one_warning_of_a_kind():  # of rows that are read twice
        treatments = read_rows(model, X, caller="zero_shot_response")
        distance = model.perturbation_distance(X)
    response = None
    if y is not None:
        response = read_response(y, treatments, estimator_name="zero_shot_response")
    cell, compound = treatments.cell_index, treatments.compound_index
    names = np.array([*treatments.smiles, None], dtype=object)  # last: invalid
    table = pd.DataFrame(
        {"cell_line": treatments.cell_ids[cell], "compound": names[compound]},
        index=getattr(X, "index", None),
    )
    table["distance"] = distance
    table["structure_norm"] = _structure_norms(model, treatments)[compound]
    basal = np.linalg.norm(treatments.basal_expression.astype(float), axis=1)
    table["expression_norm"] = np.where(compound < 0, np.nan, basal[cell])
    table["mean_effects"] = _additive(distance, cell, compound)
    if response is not None:
        table["response"] = response
        mean = table.groupby(cell)["response"].transform("mean")
        table["sensitive"] = table["response"] < mean
    return table


def _structure_norms(model: Any, treatments: Treatments) -> NDArray[np.float64]:
    """Return the length of the encoding of each compound, and NaN as the last."""
    if not treatments.smiles:
        return np.array([np.nan])
    encoded = np.asarray(model.encoder_.transform(list(treatments.smiles)), dtype=float)
    return np.append(np.linalg.norm(encoded, axis=1), np.nan)


def _additive(
    distance: NDArray[np.float64], cell: NDArray[np.int64], compound: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the distances of an additive model of cells and compounds."""
    valid = compound >= 0
    additive = np.full(len(distance), np.nan)
    if valid.any():
        ids = cell[valid], compound[valid]
        additive[valid] = fit_mean_effects(distance[valid], *ids).predict(*ids)
    return additive


def compare_distances(
    distances: pd.DataFrame, *, n_permutations: int = 999, random_state: int | None = 0
) -> pd.DataFrame:
    """Test whether sensitive cells are predicted to change more than resistant ones.

    Parameters
    ----------
    distances : DataFrame
        What :func:`zero_shot_response` returns for a y. Rows without a distance are
        left out, and rows of one cell and compound are averaged.
    n_permutations : int, default=999
        Number of permutations of the compounds.
    random_state : int or None, default=0
        Seed of the permutations; None draws anew at each call.

    Returns
    -------
    comparison : DataFrame
        One row per distance (the index).

        - `n_pairs`, `n_cells`: pairs of cell and compound, and cell lines with at
          least three of them
        - `sensitive`, `resistant`: mean distance of pairs whose response is below the
          mean of the cell line, and of the others
        - `t`, `p`: one-sided Welch's t-test over pairs that the sensitive are farther,
          as in the paper
        - `correlation`: of distance and response over all pairs
        - `within_cell`: mean over cell lines of the correlation within the cell line
        - `share_negative`: share of cell lines where it is negative
        - `p_permuted`: share of permutations of the compounds, the given order
          included, whose `within_cell` is at least as negative

    Raises
    ------
    InputError
        If `distances` lacks columns, or no cell line has three compounds.

    Notes
    -----
    `p` takes every pair as independent, which they are not: the same compounds are
    potent in all cell lines, so that a distance that only ranks compounds, right or
    wrong, has a tiny p or one near 1. `p_permuted` asks whether it ranks these
    compounds better than the distances of other compounds do.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.inspection import compare_distances
    >>> table = pd.DataFrame({
    ...     "cell_line": list("aaabbb"), "compound": list("xyzxyz"),
    ...     "distance": [3.0, 2.0, 1.0, 2.0, 3.0, 1.0],
    ...     "response": [-1.0, 0.0, 2.0, 0.0, 1.0, 2.0]})
    >>> compare_distances(table)["within_cell"].round(2).tolist()
    [-0.74]
    """
    if not isinstance(n_permutations, Integral) or n_permutations < 1:
        raise InputError(
            f"n_permutations={n_permutations!r}; expected an integer, 1 or more."
        )
    names = _check_columns(distances)
    pairs = (
        distances.dropna(subset=["compound", *names, "response"])
        .groupby(["cell_line", "compound"], sort=False)[[*names, "response"]]
        .mean()
        .reset_index()
    )
    size = pairs.groupby("cell_line")["response"].transform("size")
    pairs = pairs[size >= _FEWEST]
    if pairs.empty:
        raise InputError(
            f"No cell line has {_FEWEST} compounds with a distance and a response; "
            "expected the responses of several compounds in each cell line."
        )
    grid = _Grid(pairs)
    rng = np.random.default_rng(random_state)
    orders = draw_orders(n_permutations, grid.n_compounds, rng)
    rows = {name: _compare(pairs, grid, name, orders) for name in names}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("distance")


def _check_columns(distances: Any) -> list[str]:
    """Return the distances that a table has."""
    columns = list(getattr(distances, "columns", []))
    needed = ["cell_line", "compound", "distance", "response"]
    missing = [name for name in needed if name not in columns]
    if missing:
        hint = " Pass y to zero_shot_response." if missing == ["response"] else ""
        raise InputError(
            f"distances has no column {', '.join(map(repr, missing))}; expected what "
            f"zero_shot_response returns for a y.{hint}"
        )
    return [name for name in DISTANCES if name in columns]


class _Grid:
    """Pairs as (cells, compounds), 0 where a pair was not measured."""

    def __init__(self, pairs: pd.DataFrame) -> None:
        self.cell, cells = pd.factorize(pairs["cell_line"])
        self.compound, compounds = pd.factorize(pairs["compound"])
        self.n_compounds = len(compounds)
        self._shape = (len(cells), len(compounds))
        self.measured = self.lay_out(np.ones(len(pairs)))
        self.response = self.lay_out(pairs["response"].to_numpy())

    def lay_out(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values of pairs as (cells, compounds)."""
        grid = np.zeros(self._shape)
        grid[self.cell, self.compound] = values
        return grid

    def correlate(
        self, values: NDArray[np.float64], order: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Correlate each cell's responses with values of compounds in this order."""
        both = self.measured * self.measured[:, order]
        n = np.maximum(both.sum(axis=1, keepdims=True), 1)
        one, other = self.response * both, values[:, order] * both
        one = (one - one.sum(axis=1, keepdims=True) / n) * both
        other = (other - other.sum(axis=1, keepdims=True) / n) * both
        product = (one * other).sum(axis=1)
        norms = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
        return np.where(norms > 1e-9, product / np.where(norms > 1e-9, norms, 1.0), 0.0)


def _compare(
    pairs: pd.DataFrame, grid: _Grid, name: str, orders: NDArray[np.int64]
) -> dict[str, float]:
    """Compare one distance of sensitive and resistant pairs."""
    distance, response = pairs[name].to_numpy(), pairs["response"].to_numpy()
    mean = pairs.groupby("cell_line")["response"].transform("mean").to_numpy()
    far, near = distance[response < mean], distance[response >= mean]
    t, p = np.nan, np.nan
    if min(len(far), len(near)) > 1 and _varies(far) and _varies(near):
        test = ttest_ind(far, near, equal_var=False, alternative="greater")
        t, p = float(test.statistic), float(test.pvalue)
    values = grid.lay_out(distance)
    of_cells = grid.correlate(values, np.arange(grid.n_compounds))
    within = float(of_cells.mean())
    permuted = np.array([grid.correlate(values, order).mean() for order in orders])
    as_low = int((permuted <= within + 1e-12).sum())
    return {
        "n_pairs": len(pairs),
        "n_cells": len(of_cells),
        "sensitive": float(far.mean()) if len(far) else np.nan,
        "resistant": float(near.mean()) if len(near) else np.nan,
        "t": t,
        "p": p,
        "correlation": pearson(response, distance),
        "within_cell": within,
        "share_negative": float((of_cells < 0).mean()),
        "p_permuted": (1 + as_low) / (1 + len(orders)),
    }


def _varies(values: NDArray[np.float64]) -> bool:
    """Whether values differ by more than rounding errors."""
    return bool(np.ptp(values) > 1e-9 * np.abs(values).max())
