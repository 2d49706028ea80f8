"""Effects of drugs and cell lines, fitted jointly."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy import linalg

from sklearn_csg2a._utils.choices import OnInvalidSmiles
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.baselines.naive._base import SHARED_CONSTRAINTS, NaiveRegressor
from sklearn_csg2a.baselines.naive._levels import code_levels, find_levels, indicator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn_csg2a.treatments import Identifiers

__all__ = ["MeanEffects", "fit_two_factors"]


class MeanEffects(NaiveRegressor):
    """Predict intercept + effect of the drug + effect of the cell line.

    The effects are fitted jointly by least squares, with a ridge penalty on each effect
    and none on the intercept, so that effects in an unbalanced screen are separated
    correctly. The effect of an unseen drug or cell line is 0.

    Parameters
    ----------
    shrinkage : float, default=1.0
        Weight of the penalty, in rows: an effect seen in n rows is shrunk by
        about n / (n + shrinkage).
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    intercept_ : ndarray of shape (n_outputs,)
        Intercept.
    drugs_, cells_ : ndarray of shape (n_drugs,), (n_cells,)
        Identities of the drugs; ids of the cell lines, or the bytes of their
        expression if X had no column ``cell_line``.
    drug_effects_, cell_effects_ : ndarray of shape (n_drugs or n_cells, n_outputs)
        Effects, in the unit of y.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import MeanEffects
    >>> X = pd.DataFrame({"cell_line": list("abab"), "smiles": ["C", "C", "CC", "CC"]})
    >>> model = MeanEffects(shrinkage=1e-6).fit(X, [0.0, 1.0, 2.0, 3.0])
    >>> model.predict(X).round(3)
    array([0., 1., 2., 3.])
    """

    _parameter_constraints: ClassVar[dict] = {
        **SHARED_CONSTRAINTS,
        "shrinkage": [Interval(Real, 0, None, closed="neither")],
    }
    _uses_cells: ClassVar[bool] = True

    def __init__(
        self,
        *,
        shrinkage: float = 1.0,
        columns: Mapping[str, str] | None = None,
        on_invalid_smiles: OnInvalidSmiles = "raise",
    ) -> None:
        super().__init__(columns=columns, on_invalid_smiles=on_invalid_smiles)
        self.shrinkage = shrinkage

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        drug, self.drugs_ = find_levels(identifiers.compound)
        cell, self.cells_ = find_levels(identifiers.cell)
        sides = [(drug, len(self.drugs_)), (cell, len(self.cells_))]
        swapped = len(self.drugs_) > len(self.cells_)
        fewer, longer = sides[::-1] if swapped else sides
        self.intercept_, few_effects, more_effects = fit_two_factors(
            fewer, longer, response, self.shrinkage
        )
        effects = (few_effects, more_effects)
        self.drug_effects_, self.cell_effects_ = effects[::-1] if swapped else effects

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        drug = code_levels(identifiers.compound, self.drugs_)
        cell = code_levels(identifiers.cell, self.cells_)
        no_effect = np.zeros_like(self.intercept_)
        drug_effects = np.vstack([self.drug_effects_, no_effect])
        cell_effects = np.vstack([self.cell_effects_, no_effect])
        return self.intercept_ + drug_effects[drug] + cell_effects[cell]


def fit_two_factors(
    fewer: tuple[np.ndarray, int],
    longer: tuple[np.ndarray, int],
    response: np.ndarray,
    shrinkage: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solve the ridge normal equations exactly, eliminating the longer factor.

    The remaining system is dense in the shorter factor and the intercept. Unlike
    `metrics.fit_mean_effects`, it fits the intercept together with the shrunken
    effects, and many outputs at once, such as the genes of a profile.
    """
    few, n_few = fewer
    more, n_more = longer
    mean = response.mean(axis=0)
    centered = response - mean
    few_matrix = indicator(few, n_few)
    more_matrix = indicator(more, n_more)
    few_counts = np.bincount(few, minlength=n_few)
    more_counts = np.bincount(more, minlength=n_more)
    gram = np.zeros((n_few + 1, n_few + 1))  # last row and column: intercept
    gram[:n_few, :n_few] = np.diag(few_counts + shrinkage)
    gram[:n_few, n_few] = gram[n_few, :n_few] = few_counts
    gram[n_few, n_few] = len(response)
    cross = np.vstack(
        [(few_matrix.T @ more_matrix).toarray(), more_counts]
    )  # (n_few + 1, n_more)
    weighted = cross / (more_counts + shrinkage)
    totals = np.vstack([few_matrix.T @ centered, centered.sum(axis=0)])
    more_totals = more_matrix.T @ centered
    solution = linalg.solve(
        gram - weighted @ cross.T, totals - weighted @ more_totals, assume_a="sym"
    )
    more_effects = (more_totals - cross.T @ solution) / (more_counts + shrinkage)[
        :, None
    ]
    return mean + solution[n_few], solution[:n_few], more_effects
