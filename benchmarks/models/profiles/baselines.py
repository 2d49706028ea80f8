"""Change from control: metrics and baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.metrics import profile_correlation

# Predicts the change (n_test, genes) from profiles, training and test rows.
Predictor = Callable[[Bunch, np.ndarray, np.ndarray], np.ndarray]


def score_profiles(
    predicted: np.ndarray, measured: np.ndarray, compound: np.ndarray
) -> pd.DataFrame:
    """Return correlation over genes and RMSE of each profile: (n_profiles, 3).

    Both arrays are (n_profiles, n_genes). The correlation of a constant profile,
    such as no change, counts as 0.
    """
    correlation = [
        profile_correlation(true[None], guess[None])
        for true, guess in zip(measured, predicted, strict=True)
    ]
    error = np.sqrt(np.mean((predicted - measured) ** 2, axis=1))
    return pd.DataFrame({"compound": compound, "pearson": correlation, "rmse": error})


def mean_over_compounds(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the profiles of each compound, so that each compound counts once."""
    means = scores.groupby("compound")[["pearson", "rmse"]].mean()
    return means.assign(n_profiles=scores.groupby("compound").size())


def predict_no_change(
    profiles: Bunch, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predict no change."""
    del train
    return np.zeros((len(test), profiles.change.shape[1]))


def predict_mean(profiles: Bunch, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Predict the mean change of the training profiles."""
    mean = profiles.change[train].mean(axis=0)
    return np.repeat(mean[None], len(test), axis=0)


def predict_plate_mean(
    profiles: Bunch, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predict the mean change of the plate, independent of the compound.

    For a new plate, that of the cell line; for a new cell line, that of all profiles.
    """
    predicted = predict_mean(profiles, train, test)
    for column in ("cell", "plate"):  # the plate takes precedence
        labels = profiles.X[column].to_numpy()
        for label in np.unique(labels[test]):
            rows = train[labels[train] == label]
            if len(rows):
                predicted[labels[test] == label] = profiles.change[rows].mean(axis=0)
    return predicted


def predict_nearest(
    profiles: Bunch, train: np.ndarray, test: np.ndarray, *, same_cell: bool = False
) -> np.ndarray:
    """Predict the mean change of the most similar training compound (Tanimoto).

    With `same_cell`, of its profiles in the same cell line, if there are any.
    """
    known, first = np.unique(profiles.compound[train], return_index=True)
    smiles, cell = profiles.X["smiles"].to_numpy(), profiles.X["cell"].to_numpy()
    similarity = tanimoto_matrix(list(smiles[test]), list(smiles[train[first]]))
    nearest = known[similarity.argmax(axis=1)]
    predicted = np.empty((len(test), profiles.change.shape[1]))
    for i, (row, compound) in enumerate(zip(test, nearest, strict=True)):
        rows = train[profiles.compound[train] == compound]
        alike = rows[cell[rows] == cell[row]] if same_cell else rows
        predicted[i] = profiles.change[alike if len(alike) else rows].mean(axis=0)
    return predicted


def predict_nearest_in_cell(
    profiles: Bunch, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predict the mean change of the most similar compound, in the cell line."""
    return predict_nearest(profiles, train, test, same_cell=True)


def replicate_agreement(
    profiles: Bunch, by: Sequence[str] = ("dose", "time", "cell")
) -> pd.DataFrame:
    """Correlate the change of replicates: same compound, dose, time and cell line.

    Returns one row per pair of wells: `pearson`, `compound` and whether they have
    the `same_control`, and therefore common noise.
    """
    table = profiles.X[list(by)].assign(compound=profiles.compound)
    control = profiles.X["cell_line"].to_numpy()
    pairs = [
        pair
        for rows in table.groupby(["compound", *by]).indices.values()
        for pair in combinations(rows, 2)
    ]
    return pd.DataFrame(
        {
            "compound": [profiles.compound[i] for i, _ in pairs],
            "same_control": [bool(control[i] == control[j]) for i, j in pairs],
            "pearson": [
                profile_correlation(profiles.change[[i]], profiles.change[[j]])
                for i, j in pairs
            ],
        }
    )
