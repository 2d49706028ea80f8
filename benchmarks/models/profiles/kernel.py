"""Kernel ridge regression of the change."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from benchmarks.models.profiles.baselines import (
    mean_over_compounds,
    predict_plate_mean,
    score_profiles,
)
from sklearn_csg2a.chem import tanimoto_matrix

ALPHAS = (3.0, 10.0, 30.0, 100.0)
POWERS = (1, 2)
# Similarity of wells of different cell lines or times, relative to equal ones.
ACROSS = 0.3
DOSE_WIDTH = 0.7  # decades


def make_kernel(profiles: Bunch, power: int) -> np.ndarray:
    """Return the kernel of all profiles, (n_profiles, n_profiles).

    Power of the Tanimoto similarity, times a Gaussian of the log10 ratio of the doses,
    times `ACROSS`, or 1 + `ACROSS` for the same cell line and time.
    """
    X = profiles.X
    smiles = pd.Index(X["smiles"].unique())
    at = smiles.get_indexer(X["smiles"])
    similarity = tanimoto_matrix(list(smiles))[np.ix_(at, at)] ** power
    decades = np.log10(X["dose"].to_numpy(dtype=float))
    doses = np.exp(-0.5 * ((decades[:, None] - decades) / DOSE_WIDTH) ** 2)
    same = np.ones_like(doses, dtype=bool)
    for column in ("cell", "time"):
        values = X[column].to_numpy()
        same &= values[:, None] == values
    return similarity * doses * (ACROSS + same)


def predict_kernel_ridge(
    profiles: Bunch,
    train: np.ndarray,
    test: np.ndarray,
    inner: Iterable[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Predict the change, (n_test, n_genes), and return the chosen parameters.

    The kernel is fitted to the residuals of the plate means. Penalty and power have the
    highest correlation on `inner`, splits of the training rows (positions in `train`).
    """
    kernels = {power: make_kernel(profiles, power) for power in POWERS}
    scores: dict[tuple[int, float], list[float]] = {}
    for fitted, held_out in inner:
        rows, judged = train[fitted], train[held_out]
        for power, alpha in product(POWERS, ALPHAS):
            predicted = _solve(profiles, kernels[power], rows, judged, alpha)
            profile_scores = score_profiles(
                predicted, profiles.change[judged], profiles.compound[judged]
            )
            mean = float(mean_over_compounds(profile_scores)["pearson"].mean())
            scores.setdefault((power, alpha), []).append(mean)
    power, alpha = max(scores, key=lambda key: float(np.mean(scores[key])))
    predicted = _solve(profiles, kernels[power], train, test, alpha)
    return predicted, {"power": power, "alpha": alpha}


def _solve(
    profiles: Bunch,
    kernel: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    alpha: float,
) -> np.ndarray:
    """Fit to the training rows and predict the test rows."""
    residual = profiles.change[train] - predict_plate_mean(profiles, train, train)
    dual = np.linalg.solve(
        kernel[np.ix_(train, train)] + alpha * np.eye(len(train)), residual
    )
    base = predict_plate_mean(profiles, train, test)
    return base + kernel[np.ix_(test, train)] @ dual
