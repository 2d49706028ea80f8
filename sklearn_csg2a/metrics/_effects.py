"""Additive cell and drug effects: the naive model of a mixed split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import as_finite

MAX_SWEEPS = 1000
TOLERANCE = 1e-10


@dataclass(frozen=True)
class MeanEffectsFit:
    """An overall mean plus one effect per cell and per drug.

    Attributes
    ----------
    intercept : float
        Mean of the training response.
    cell_effects, drug_effects : Series
        Effects, indexed by id, in the unit of the response.
    """

    intercept: float
    cell_effects: pd.Series
    drug_effects: pd.Series

    def predict(self, cell: Any, drug: Any) -> NDArray[np.float64]:
        """Predict rows; the effect of an unseen cell or drug is 0.

        Parameters
        ----------
        cell, drug : array-like of shape (n,)
            Ids of the rows.

        Returns
        -------
        ndarray of shape (n,)
            Intercept plus effects.
        """
        of_cell = self.cell_effects.reindex(np.asarray(cell, dtype=object)).fillna(0.0)
        of_drug = self.drug_effects.reindex(np.asarray(drug, dtype=object)).fillna(0.0)
        return self.intercept + of_cell.to_numpy() + of_drug.to_numpy()


def fit_mean_effects(
    y: Any, cell: Any, drug: Any, *, shrinkage: float = 0.0
) -> MeanEffectsFit:
    """Fit an overall mean, cell effects and drug effects by least squares.

    Parameters
    ----------
    y : array-like of shape (n,)
        Response of the training rows.
    cell, drug : array-like of shape (n,)
        Ids of the training rows, compared as given: two spellings of a compound
        are treated as two drugs.
    shrinkage : float, default=0.0
        Ridge penalty: each effect is shrunk towards 0 as if by this many additional
        rows with effect 0.

    Returns
    -------
    MeanEffectsFit
        The effects, with a `predict` method.

    Raises
    ------
    InputError
        If lengths differ, a response is not finite or `shrinkage` is negative.

    See Also
    --------
    residual_correlation : Correlation of the residuals of mean effects.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import fit_mean_effects
    >>> fit = fit_mean_effects([1, 2, 3, 4], list("aabb"), list("xyxy"))
    >>> fit.predict(["a", "b", "new"], ["x", "y", "x"]).round(6).tolist()
    [1.0, 4.0, 2.0]
    """
    response = as_finite(y, "y")
    cell_codes, cells = pd.factorize(np.asarray(cell, dtype=object))
    drug_codes, drugs = pd.factorize(np.asarray(drug, dtype=object))
    if not response.shape == cell_codes.shape == drug_codes.shape:
        msg = (
            "y, cell and drug must have the same length; got the shapes "
            f"{response.shape}, {cell_codes.shape} and {drug_codes.shape}."
        )
        raise InputError(msg)
    if (cell_codes < 0).any() or (drug_codes < 0).any():
        row = int(np.argmax((cell_codes < 0) | (drug_codes < 0)))
        msg = f"cell or drug is missing in row {row}: fill it in or drop the row."
        raise InputError(msg)
    if shrinkage < 0:
        msg = f"shrinkage must not be negative; got {shrinkage!r}."
        raise InputError(msg)
    intercept = float(response.mean())
    centered = response - intercept
    cell_effects, drug_effects = np.zeros(len(cells)), np.zeros(len(drugs))
    cell_weight = np.bincount(cell_codes, minlength=len(cells)) + shrinkage
    drug_weight = np.bincount(drug_codes, minlength=len(drugs)) + shrinkage
    scale = float(np.abs(centered).max())
    for _ in range(MAX_SWEEPS):
        before = drug_effects
        residual = centered - drug_effects[drug_codes]
        cell_effects = np.bincount(cell_codes, residual, len(cells)) / cell_weight
        residual = centered - cell_effects[cell_codes]
        drug_effects = np.bincount(drug_codes, residual, len(drugs)) / drug_weight
        if np.abs(drug_effects - before).max() <= TOLERANCE * scale:
            break
    return MeanEffectsFit(
        intercept=intercept,
        cell_effects=pd.Series(cell_effects, index=cells),
        drug_effects=pd.Series(drug_effects, index=drugs),
    )
