"""A model of rankings: kernel ridge, averaged with a forest of whole profiles."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.kernel_ridge import KernelRidge

from sklearn_csg2a.baselines._features import Standardizer
from sklearn_csg2a.encoders import encode_compounds, resolve_encoder
from sklearn_csg2a.encoders._pair_layout import find_distinct_columns

_N_STEPS = 30  # of filling in pairs that were not measured
_PENALTY = 20.0  # on singular values of the profiles, in the unit of the response
_LEAST = 1e-6  # is added to the spread of a profile, which may be constant
_SHRUNK = 0.76  # spread of predicted profiles, relative to measured ones


class KernelAndForest(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Average of a kernel model and a forest that predicts profiles over cell lines.

    A profile is the response of all training cell lines to a compound. The forest sees
    the compound alone: trees divide compounds, by what makes their profiles alike.
    Columns that are constant, or equal to an earlier one, are left out.
    Pairs that were not measured are filled in before, for both models.

    Compounds in which cell lines differ more would count more, by the square of that.
    So both models learn profiles divided by the root of their standard deviation, which
    is also that of what remains: predicted profiles are multiplied by theirs, relative
    to a typical one.

    Parameters
    ----------
    kernel : regressor
        Model of rows that takes ``sample_weight``, such as `PairwiseKernelRidge`.
    encoder : transformer
        Turns a list of SMILES into the features of the forest.
    expression : DataFrame of shape (n_cells, n_genes)
        Basal expression, by which profiles are continued to new cell lines.
    share : float, default=0.45
        Weight of the forest; that of the kernel model is the rest.
    n_estimators, max_features, min_samples_leaf, random_state
        Of the `ExtraTreesRegressor`.
    n_components : int, default=40
        Principal components of the profiles that the forest predicts.
    gamma, alpha : float, default=0.3, 0.5
        Width and penalty of the kernel ridge regression that continues profiles.

    Attributes
    ----------
    kernel_, forest_ : regressor
        The fitted models.
    encoder_ : transformer
        The fitted encoder.
    cells_ : Index of length n_cells
        The training cell lines.
    typical_ : float
        Standard deviation of a typical profile that is predicted.
    """

    def __init__(
        self,
        kernel: Any,
        encoder: Any,
        expression: pd.DataFrame,
        *,
        share: float = 0.45,
        n_estimators: int = 200,
        max_features: float = 0.1,
        min_samples_leaf: int = 2,
        n_components: int = 40,
        gamma: float = 0.3,
        alpha: float = 0.5,
        random_state: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.encoder = encoder
        self.expression = expression
        self.share = share
        self.n_estimators = n_estimators
        self.max_features = max_features
        self.min_samples_leaf = min_samples_leaf
        self.n_components = n_components
        self.gamma = gamma
        self.alpha = alpha
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: Any, sample_weight: Any = None) -> Self:
        """Fit both models to rows of `cell_line` and `smiles`, with their weights."""
        response = np.asarray(y, dtype=np.float64)
        given = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        compound, smiles = pd.factorize(X["smiles"].astype(object))
        cell, self.cells_ = pd.factorize(X["cell_line"].astype(object))
        profiles = _tabulate(response, given, compound, cell)
        profiles -= profiles.mean(axis=1, keepdims=True)
        weights = np.bincount(compound, given) / np.bincount(compound)
        spread = profiles.std(axis=1, keepdims=True) + _LEAST
        typical = np.exp(np.average(np.log(spread[:, 0]), weights=weights))
        self.typical_ = _SHRUNK * typical
        profiles /= np.sqrt(spread / typical)
        grid = np.indices(profiles.shape).reshape(2, -1)
        rows = X.iloc[np.unique(cell, return_index=True)[1][grid[1]]]
        rows = rows.reset_index(drop=True).assign(smiles=np.asarray(smiles)[grid[0]])
        self.kernel_ = clone(self.kernel).fit(
            rows, profiles.ravel(), sample_weight=weights[grid[0]]
        )
        self._cell_rows = rows.iloc[: profiles.shape[1]]
        self._learn_profiles(smiles.tolist(), profiles, weights)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Predict the response of each row, (n_rows,)."""
        compound, smiles = pd.factorize(X["smiles"].astype(object))
        known = self._cell_rows.iloc[np.tile(np.arange(len(self.cells_)), len(smiles))]
        known = known.assign(smiles=np.repeat(np.asarray(smiles), len(self.cells_)))
        every = pd.concat([known, X[known.columns]], ignore_index=True)
        average = (1 - self.share) * self.kernel_.predict(every)
        average += self.share * self._predict_forest(every)
        of_known, of_rows = np.split(average, [len(known)])
        of_known = of_known.reshape(len(smiles), -1)
        center = of_known.mean(axis=1)[compound]
        factor = of_known.std(axis=1)[compound] / self.typical_
        return center + factor * (of_rows - center)

    def _predict_forest(self, X: pd.DataFrame) -> np.ndarray:
        """Return what the forest predicts of each row, (n_rows,)."""
        compound, smiles = pd.factorize(X["smiles"].astype(object))
        cell, names = pd.factorize(X["cell_line"].astype(object))
        features = encode_compounds(self.encoder_, smiles.tolist())
        scores = self.forest_.predict(features[:, self._columns])
        scores = scores.reshape(len(smiles), -1)
        profiles = self._mean + scores @ self._components
        return self._continue(profiles, pd.Index(names))[compound, cell]

    def _learn_profiles(
        self, smiles: list[str], profiles: np.ndarray, weights: np.ndarray
    ) -> None:
        """Fit the forest to principal components of the profiles."""
        self._mean = np.average(profiles, axis=0, weights=weights)
        centered = profiles - self._mean
        scaled = centered * np.sqrt(weights)[:, None]
        self._components = np.linalg.svd(scaled, full_matrices=False)[2]
        self._components = self._components[: self.n_components]
        self.encoder_ = resolve_encoder(self.encoder).fit(smiles)
        forest = ExtraTreesRegressor(
            self.n_estimators,
            max_features=self.max_features,
            min_samples_leaf=self.min_samples_leaf,
            random_state=self.random_state,
        )
        features = encode_compounds(self.encoder_, smiles)
        self._columns = find_distinct_columns(features)
        scores = centered @ self._components.T
        features = features[:, self._columns]
        self.forest_ = forest.fit(features, scores, sample_weight=weights)

    def _continue(self, profiles: np.ndarray, names: pd.Index) -> np.ndarray:
        """Return profiles over other cell lines, (n_compounds, n_names)."""
        place = self.cells_.get_indexer(names)
        found = profiles[:, place]
        new = np.flatnonzero(place < 0)
        if len(new):
            known = self.expression.loc[self.cells_].to_numpy(np.float64)
            scale = Standardizer(known)
            mean = profiles.mean(axis=1)
            ridge = KernelRidge(
                alpha=self.alpha, kernel="rbf", gamma=self.gamma / known.shape[1]
            ).fit(scale(known), (profiles - mean[:, None]).T)
            others = self.expression.loc[names[new]].to_numpy(np.float64)
            found[:, new] = mean[:, None] + ridge.predict(scale(others)).T
        return found


def _tabulate(
    response: np.ndarray, weights: np.ndarray, compound: np.ndarray, cell: np.ndarray
) -> np.ndarray:
    """Return the response of all pairs, (n_compounds, n_cells).

    Pairs that were not measured have the mean of the cell line, plus what profiles with
    few components say: a singular value decomposition with a penalty, repeated.
    """
    shape = int(compound.max()) + 1, int(cell.max()) + 1
    mean = np.bincount(cell, weights * response) / np.bincount(cell, weights)
    pair = compound * shape[1] + cell
    counts = np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape)
    totals = np.bincount(pair, response - mean[cell], minlength=counts.size)
    measured = totals.reshape(shape) / np.maximum(counts, 1)
    values = measured
    for _ in range(_N_STEPS if (counts == 0).any() else 0):
        left, size, right = np.linalg.svd(values, full_matrices=False)
        smooth = (left * np.maximum(size - _PENALTY, 0)) @ right
        values = np.where(counts > 0, measured, smooth)
    return values + mean
