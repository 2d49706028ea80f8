"""The ladder of a prediction of profiles: retrieval below it, replicates above it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_csg2a.chem import compound_identities, tanimoto_matrix
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics._check import as_finite, read_labels
from sklearn_csg2a.metrics._measures import profile_correlation

__all__ = ["replicate_ceiling", "retrieve_profiles", "share_of_gap"]


def retrieve_profiles(
    smiles: Sequence[str], train_smiles: Sequence[str], Y_train: Any
) -> NDArray[np.float64]:
    """Predict profiles by those of the most similar training compound.

    What a model of new compounds has to beat: it looks up and learns nothing.

    Parameters
    ----------
    smiles : sequence of str of length n
        Compounds to predict.
    train_smiles : sequence of str of length n_train
        Compound of each training profile.
    Y_train : array-like of shape (n_train, n_genes)
        Training profiles, or changes.

    Returns
    -------
    Y_pred : ndarray of shape (n, n_genes)
        Mean over the profiles of the training compound with the highest Tanimoto
        similarity, of the first one in the order of the rows where several have it.

    Raises
    ------
    InputError
        If there are no training profiles, or lengths differ.
    InvalidSmilesError
        If a SMILES is invalid.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import retrieve_profiles
    >>> retrieve_profiles(["CCCO"], ["CCO", "OCC", "CCN"], [[1, 2], [3, 2], [9, 9]])
    array([[2., 2.]])
    """
    profiles = as_finite(Y_train, "Y_train")
    profiles = profiles.reshape(len(profiles), -1)
    known = list(train_smiles)
    if len(known) != len(profiles):
        raise InputError(
            f"train_smiles has {len(known)} entries and Y_train {len(profiles)} rows; "
            "expected one compound for each row."
        )
    codes = read_labels(compound_identities(known), len(profiles), "train_smiles")
    first = np.unique(codes, return_index=True)[1]  # codes are in order of appearance
    means = np.stack(
        [profiles[codes == code].mean(axis=0) for code in range(len(first))]
    )
    wanted = list(smiles)
    distinct = list(dict.fromkeys(wanted))
    nearest = tanimoto_matrix(distinct, [known[row] for row in first])
    at = dict(zip(distinct, nearest.argmax(axis=1).tolist(), strict=True))
    return means[[at[text] for text in wanted]]


def replicate_ceiling(
    Y: Any, replicates: Any, measure: Callable[[Any, Any], float] = profile_correlation
) -> float:
    """Compute the score of a measured profile as a prediction of its replicates.

    Parameters
    ----------
    Y : array-like of shape (n, n_genes)
        Measured profiles, or changes.
    replicates : array-like of shape (n,)
        Rows with the same value are replicates: one compound, dose, time and cell.
        Rows without another one are not used.
    measure : callable, default=profile_correlation
        ``measure(Y_true, Y_pred)``, larger for better.

    Returns
    -------
    float
        Each profile is predicted by the mean of its replicates. With two replicates of
        equal noise, a prediction without noise would have a correlation of about the
        square root of this.

    Raises
    ------
    InputError
        If a value is not finite, a label is missing, or there are no replicates.

    See Also
    --------
    noise_ceiling : Of responses that two assays measured.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import replicate_ceiling
    >>> replicate_ceiling([[1, 2, 3], [1, 2, 4], [3, 2, 1]], ["a", "a", "b"]) > 0.9
    True
    """
    profiles = as_finite(Y, "Y")
    profiles = profiles.reshape(len(profiles), -1)
    codes = read_labels(replicates, len(profiles), "replicates")
    counts = np.bincount(codes)
    rows = np.flatnonzero(counts[codes] > 1)
    if not len(rows):
        raise InputError(
            "replicates has no value twice; expected two or more rows of one treatment."
        )
    sums = np.zeros((len(counts), profiles.shape[1]))
    np.add.at(sums, codes, profiles)
    others = sums[codes[rows]] - profiles[rows]
    return float(measure(profiles[rows], others / (counts[codes[rows]] - 1)[:, None]))


def share_of_gap(score: float, naive: float, ceiling: float) -> float:
    """Compute how much of the way from a naive model to the ceiling a model goes.

    Parameters
    ----------
    score : float
        Of the model, in any measure.
    naive : float
        Of the best naive model, in the same measure.
    ceiling : float
        Of a perfect prediction, such as :func:`replicate_ceiling`.

    Returns
    -------
    float
        0 is as good as the naive model, 1 is the ceiling; negative is worse than naive.

    Raises
    ------
    InputError
        If a value is not finite, or the ceiling equals the naive score.

    Examples
    --------
    >>> from sklearn_csg2a.metrics import share_of_gap
    >>> share_of_gap(0.3, naive=0.2, ceiling=0.6)
    0.25
    """
    values = as_finite([score, naive, ceiling], "score, naive, ceiling")
    gap = float(values[2] - values[1])
    if gap == 0:
        raise InputError(f"naive and ceiling are both {naive}: there is no gap.")
    return round(float(values[0] - values[1]) / gap, 12)
