"""Effects of drugs and cell lines, fitted jointly."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sklearn_csg2a._utils.choices import OnInvalidSmiles
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.baselines.naive._base import SHARED_CONSTRAINTS, NaiveRegressor
from sklearn_csg2a.baselines.naive._levels import code_levels, find_levels
from sklearn_csg2a.metrics._two_factors import fit_two_factors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn_csg2a.treatments import Identifiers

__all__ = ["MeanEffects"]


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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
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
