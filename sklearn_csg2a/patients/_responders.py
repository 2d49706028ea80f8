"""Whether predictions tell patients who responded to a drug from those who did not."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata, ttest_ind

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a._utils.p_values import adjust_benjamini_hochberg, adjust_holm
from sklearn_csg2a.exceptions import InputError

__all__ = ["compare_responders"]

_VALUES_AT_ONCE = 2**22


def compare_responders(
    predictions: Any,
    response: Any,
    drug: Any = None,
    *,
    n_resamples: int = 9999,
    confidence: float = 0.95,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Compare the predicted ln IC50 of responders and non-responders for each drug.

    Predictions that carry over to patients are lower in those who responded.

    Parameters
    ----------
    predictions : array-like of shape (n_courses,)
        Predicted ln IC50 of each course of treatment, lower for more sensitive.
    response : array-like of shape (n_courses,)
        1 or True for a responder, 0 or False for a non-responder.
    drug : array-like of shape (n_courses,), default=None
        Name of the drug of each course. None: all courses are of one drug.
    n_resamples : int, default=9999
        Number of permutations of the response and of bootstrap samples.
    confidence : float, default=0.95
        Coverage of the interval of the AUROC.
    random_state : int or None, default=0
        Seed of permutations and bootstrap; None draws anew at each call. The numbers of
        a drug do not depend on the other drugs.

    Returns
    -------
    comparison : DataFrame
        One row per drug (the index), in alphabetical order.

        - `n_responders`, `n_non_responders`: number of courses
        - `difference`: mean prediction of responders minus that of non-responders
        - `t`, `p`: Welch's t-test against the alternative that responders are lower;
          missing with fewer than two of either, or if all predictions are equal
        - `p_holm`, `p_bh`: p over all drugs by Holm (probability of one false claim)
          and by Benjamini and Hochberg (share of false claims)
        - `auroc`: probability that a responder has the lower prediction; 0.5 is chance
        - `auroc_low`, `auroc_high`: its bootstrap interval, by percentiles
        - `p_permuted`: share of permutations of the response with at least this AUROC

    Raises
    ------
    InputError
        If lengths differ, the response is not 0 or 1, or a value is missing.

    Notes
    -----
    Courses are taken as independent. Responses that follow the tissue, the stage or an
    earlier drug are told apart by a model that only knows these: compare with such
    predictions, as those of a mean of the tissue, before you believe in a small p.

    Examples
    --------
    >>> from sklearn_csg2a.patients import compare_responders
    >>> predictions = [1.0, 1.5, 2.0, 3.0, 3.5, 2.5]
    >>> response = [1, 1, 1, 0, 0, 0]
    >>> compare_responders(predictions, response)["auroc"].tolist()
    [1.0]
    """
    _check_settings(n_resamples, confidence)
    courses = _read_courses(predictions, response, drug)
    rows = {
        name: _compare(
            of_drug["prediction"].to_numpy(),
            of_drug["responds"].to_numpy(dtype=bool),
            n_resamples,
            confidence,
            np.random.default_rng(random_state),
        )
        for name, of_drug in courses.groupby("drug", sort=True)
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "drug"
    p_values = table["p"].to_numpy()
    place = table.columns.tolist().index("p") + 1
    table.insert(place, "p_holm", adjust_holm(p_values))
    table.insert(place + 1, "p_bh", adjust_benjamini_hochberg(p_values))
    return table


def _check_settings(n_resamples: int, confidence: float) -> None:
    """Refuse numbers that make no interval."""
    if not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise InputError(f"n_resamples={n_resamples}; expected an integer, 1 or more.")
    if not isinstance(confidence, Real) or not 0 < confidence < 1:
        raise InputError(
            f"confidence={confidence}; expected a number between 0 and 1, such as 0.95."
        )


def _read_courses(predictions: Any, response: Any, drug: Any) -> pd.DataFrame:
    """Return prediction, response and drug of each course."""
    values = _read_numbers(predictions, "predictions")
    _refuse_words(response)
    responds = _read_numbers(response, "response")
    names = ["all"] * len(values) if drug is None else list(drug)
    lengths = len(values), len(responds), len(names)
    if len(set(lengths)) > 1:
        raise InputError(
            f"predictions, response and drug have {lengths[0]}, {lengths[1]} and "
            f"{lengths[2]} entries; expected one of each for every course."
        )
    if not len(values):
        raise InputError("predictions is empty; expected at least one course.")
    wrong = np.flatnonzero((responds != 0) & (responds != 1))
    if len(wrong):
        rows = list_offenders(wrong, lambda i: f"row {i}: {responds[i]:g}")
        raise InputError(
            f"response is neither 0 nor 1 in {len(wrong)} row(s): {rows}. Expected 1 "
            "for responders and 0 for the others."
        )
    missing = np.flatnonzero(pd.isna(pd.Series(names, dtype=object)))
    if len(missing):
        raise InputError(
            f"drug has no name in {list_offenders(missing, name_row)}; name the drug "
            "or leave out these courses."
        )
    return pd.DataFrame(
        {"prediction": values, "responds": responds == 1, "drug": list(map(str, names))}
    )


def _refuse_words(response: Any) -> None:
    """Refuse the names of responses, as it is not known which of them respond."""
    given = dict.fromkeys(np.ravel(np.asarray(response, dtype=object)).tolist())
    words = [word for word in given if isinstance(word, str) and not _is_number(word)]
    if words:
        raise InputError(
            f"response holds the text {list_offenders(words, repr)}; expected 1 for "
            "responders and 0 for the others: compare it with the text of responders, "
            f"as in response == {words[0]!r}."
        )


def _is_number(text: str) -> bool:
    return text.strip().removeprefix("-").replace(".", "", 1).isdigit()


def _read_numbers(values: Any, name: str) -> np.ndarray:
    """Return finite numbers, (n_courses,)."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds what is not a number: {error}.") from error
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim != 1:
        raise InputError(
            f"{name} has the shape {numbers.shape}; expected one number per course."
        )
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise InputError(
            f"{name} is NaN or infinite in {list_offenders(bad, name_row)}; leave out "
            "these courses."
        )
    return numbers


def _compare(
    predictions: np.ndarray,
    responds: np.ndarray,
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Compare the courses of one drug."""
    lower, upper = predictions[responds], predictions[~responds]
    row = {
        "n_responders": len(lower),
        "n_non_responders": len(upper),
        **dict.fromkeys(("difference", "t", "p"), np.nan),
        **dict.fromkeys(("auroc", "auroc_low", "auroc_high", "p_permuted"), np.nan),
    }
    if not (len(lower) and len(upper)):
        return row
    row["difference"] = lower.mean() - upper.mean()
    if min(len(lower), len(upper)) > 1 and max(np.ptp(lower), np.ptp(upper)) > 0:
        test = ttest_ind(lower, upper, equal_var=False, alternative="less")
        row["t"], row["p"] = float(test.statistic), float(test.pvalue)
    row["auroc"] = auroc = float(_compare_pairs(lower, upper).mean())
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    resampled = _bootstrap(lower, upper, n_resamples, rng)
    row["auroc_low"], row["auroc_high"] = np.quantile(resampled, tails).tolist()
    permuted = _permute(predictions, len(lower), n_resamples, rng)
    n_as_good = int((permuted >= auroc - 1e-12).sum())
    row["p_permuted"] = (1 + n_as_good) / (1 + n_resamples)
    return row


def _compare_pairs(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return 1 where a responder is lower, 1/2 where equal, (n, m)."""
    difference = upper - lower[:, None]
    return 0.5 * (1 + np.sign(difference))


def _bootstrap(
    lower: np.ndarray, upper: np.ndarray, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the AUROC of samples drawn with replacement within both groups."""
    pairs = _compare_pairs(lower, upper)
    weights = [
        rng.multinomial(n, np.full(n, 1 / n), size=n_resamples) / n for n in pairs.shape
    ]
    return np.einsum("bi,ij,bj->b", weights[0], pairs, weights[1], optimize=True)


def _permute(
    predictions: np.ndarray, n: int, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the AUROC where n random courses are taken for the responders."""
    ranks = rankdata(predictions)
    m = len(ranks) - n
    size = max(_VALUES_AT_ONCE // len(ranks), 1)
    sums = [
        rng.permuted(np.tile(ranks, (min(size, n_resamples - start), 1)), axis=1)[
            :, :n
        ].sum(axis=1)
        for start in range(0, n_resamples, size)
    ]
    below = np.concatenate(sums) - n * (n + 1) / 2  # pairs with the responder above
    return 1 - below / (n * m)
