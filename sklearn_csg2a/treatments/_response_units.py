"""A response that looks like IC50 itself where its logarithm is meant."""

from __future__ import annotations

import numpy as np

from sklearn_csg2a._utils.one_warning import warn_of_input

__all__ = ["warn_about_units"]

_FEWEST = 5  # rows; fewer say nothing about a distribution
_FEWEST_IF_SMALL = 30
_LARGEST_LN = 30.0  # no ln IC50 in any unit, no -log10 M and no AUC of 0 to 1 is above
_SMALLEST_MICROMOLAR = 1.5  # the largest of AUC and of fractions is below
_LARGEST_MOLAR = 0.1
_MEDIAN_MOLAR = 2e-4
_WIDE = 50.0  # 90 % over 10 % quantile: e**3.9
_SKEWED = 2.0  # an exponential distribution has 2 ...
_LOGS_SKEWED = (-0.9, 1.2)  # ... and its logarithm -1.14
_SPREAD = 0.8  # of the logarithms; ln IC50 of one drug has about 1.2
_LARGEST_PERCENT = 120.0
_LEANING = -0.8  # skewness
_FAR_ABOVE = 20.0  # largest over median
_FEW_ZEROS = 0.01


def warn_about_units(response: np.ndarray, estimator_name: str) -> None:
    """Warn once where (n_rows,) values look like IC50, not like ln IC50 in uM.

    IC50 is positive and about log-normal: its deciles are a factor of 50 or more
    apart, or it is skewed and its logarithm is not. Percentages, AUC, -log10 M,
    classes, standardised and logarithmic values are not like that.
    """
    unit = _unit_of_ic50(np.asarray(response, dtype=np.float64))
    if not unit:
        return
    factor = {"uM": "", "nM": " / 1000", "M": " * 1e6"}[unit]
    other = "" if unit == "M" else f" (or {'nM' if unit == 'uM' else 'uM'})"
    low, median, high = np.quantile(response, [0, 0.5, 1])
    warn_of_input(
        "units of y",
        f"y looks like IC50 in {unit}{other}, not ln IC50 in uM: all {len(response)} "
        f"values are positive, with median {median:.3g} and from {low:.3g} to "
        f"{high:.3g}. {estimator_name} learns squared errors, which a few large values "
        f"then decide. Pass np.log(y{factor}), which takes y in {unit}.",
    )


def _unit_of_ic50(values: np.ndarray) -> str:
    """Return "uM", "nM" or "M" where values look like IC50, else ""."""
    positive = values[values > 0]
    n_zeros = int((values == 0).sum())
    if len(positive) < _FEWEST or len(positive) + n_zeros < len(values):
        return ""
    if n_zeros > _FEW_ZEROS * len(values):
        return ""
    low, median, high, highest = np.quantile(positive, [0.1, 0.5, 0.9, 0.99])
    largest, is_wide = positive.max(), high > _WIDE * low
    if highest < _LARGEST_MOLAR and median < _MEDIAN_MOLAR:
        return "M" if is_wide else ""
    enough = len(positive) >= _FEWEST_IF_SMALL and largest > _SMALLEST_MICROMOLAR
    is_large = largest > _LARGEST_LN
    if is_large and largest <= _LARGEST_PERCENT and _may_be_percent(positive):
        return ""
    if (is_wide and (is_large or enough)) or (is_large and _is_lognormal(positive)):
        return "nM" if median > 1000 else "uM"
    return ""


def _may_be_percent(positive: np.ndarray) -> bool:
    """Tell whether values of 0 to 100 may be percentages: their logs lean to 100."""
    near = positive.max() < _FAR_ABOVE * np.median(positive)
    return bool(near and _skewness(np.log(positive)) < _LEANING)


def _is_lognormal(positive: np.ndarray) -> bool:
    """Tell whether values are skewed to the right and their logarithms are not."""
    logs = np.log(positive)
    left, right = _LOGS_SKEWED
    return (
        _skewness(positive) > _SKEWED
        and left < _skewness(logs) < right
        and logs.std() > _SPREAD
    )


def _skewness(values: np.ndarray) -> float:
    """Return the third standardised moment."""
    centered = values - values.mean()
    spread = float(np.sqrt(np.mean(centered**2)))
    return 0.0 if spread == 0 else float(np.mean((centered / spread) ** 3))
