"""The response, and whether it and expression are in the units that are meant.

The y of fit and score becomes float64; a warning says where it looks like IC50 itself
and not its logarithm, and where expression in predict is on another scale than in fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, column_or_1d

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a._utils.one_warning import warn_of_input
from sklearn_csg2a._utils.validation import (
    column_type_problem,
    parse_numbers,
    to_finite_float32,
    type_problem,
)
from sklearn_csg2a.exceptions import ExpressionScaleWarning, InputError
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.treatments._gene_slips import check_outputs
from sklearn_csg2a.treatments._treatments import Treatments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "has_other_scale",
    "measure_scale",
    "read_response",
    "warn_about_units",
    "warn_other_scale",
]

_TRANSPOSED = (
    ". Is y transposed? It has one column for each row of X; expected one row for each "
    "treatment and one column for each output: pass y.T."
)

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
_SHARE_AT_CAP = 0.05
_FAR_ABOVE_LOW = 30.0  # the cap over the 10 % quantile
_PERCENT = 100.0
_LARGEST_PERCENT = 120.0
_LEANING = -0.8  # skewness
_FAR_ABOVE = 20.0  # largest over median
_FEW_ZEROS = 0.01

_MOST_SDS = 3.0
_SHARE_OF_GENES = 0.25
_SHARE_OF_CELLS = 0.05
_RATIO_OF_SPREADS = 3.0
_FEWEST_GENES = 20  # of fewer, the spread within a cell says little
_FEWEST_CELLS = 10  # of fewer, the mean of a gene says little
_NUMBERS_AT_ONCE = 2**20


def read_response(
    y: Any,
    treatments: Treatments | int,
    row_labels: ArrayLike | None = None,
    *,
    multi_output: bool = False,
    ln_ic50: bool = True,
    estimator_name: str = "estimator",
) -> np.ndarray:
    """Read and validate a response by the rules of scikit-learn.

    Parameters
    ----------
    y : array-like, Series or DataFrame of shape (n_rows,) or (n_rows, n_outputs)
        Numbers of any type.
    treatments : Treatments or int
        The treatments y belongs to, or their number.
    row_labels : array-like of shape (n_rows,), default=None
        Labels for messages; None takes those of `treatments`.
    multi_output : bool, default=False
        Keep two dimensions. If False, a single column is taken with scikit-learn's
        `DataConversionWarning`.
    ln_ic50 : bool, default=True
        Whether a response of one output is meant as ln IC50: one that looks like IC50
        itself, in uM, nM or M, then gives a warning.
    estimator_name : str, default="estimator"
        Name used in messages.

    Returns
    -------
    response : ndarray of shape (n_rows,) or (n_rows, n_outputs), dtype=float64
        A copy; all of it is finite in float32.

    Raises
    ------
    InputError
        y is None, has text, NaN, infinity or a value too large for float32, or its
        length is not that of X. Booleans, bytes, dates and durations are no numbers.
        Among outputs that are genes of X is a column that is no gene.
    GeneMismatchError
        The outputs are genes of X under other names.

    Examples
    --------
    >>> from sklearn_csg2a.treatments import read_response
    >>> read_response([1, 2, 3], 3)
    array([1., 2., 3.])
    """
    if y is None:
        raise InputError(
            f"This {estimator_name} estimator requires y to be passed, but the "
            "target y is None."
        )
    n_rows, labels = treatments, row_labels
    if isinstance(treatments, Treatments):
        n_rows = treatments.n_rows
        labels = treatments.row_labels if row_labels is None else row_labels
    _require_a_row(n_rows, estimator_name)
    row_names = None if labels is None else np.asarray(labels, dtype=object)
    frame = as_frame(y)
    y = y if frame is None else frame
    y = _keep_kinds(y)
    if np.isscalar(y):
        raise InputError(f"y should be an array of {n_rows} rows, got {y!r}.")
    if multi_output:
        values = check_array(
            y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name="y"
        )
    else:
        values = _as_column(y, estimator_name)
    if len(values) != n_rows:
        turned = values.ndim == 2 and values.shape[1] == n_rows
        raise InputError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{n_rows}, {len(values)}]{_TRANSPOSED if turned else ''}"
        )
    names = None if frame is None or values.ndim == 1 else frame.columns
    if frame is not None and values.ndim == 2 and isinstance(treatments, Treatments):
        check_outputs(frame, treatments.genes if treatments.genes_named else ())

    def where(row: int, column: int) -> str:
        if values.ndim == 1:
            return name_row(row, row_names)
        name = column if names is None else names[column]
        return f"{name_row(row, row_names)}, output {name!r}"

    table = _as_float64(values.reshape(len(values), -1), where)
    to_finite_float32(
        table, name="y", where=where, advice="Drop these rows or correct the values."
    )
    if ln_ic50 and table.shape[1] == 1:
        warn_about_units(table[:, 0], estimator_name)
    return table.reshape(values.shape)


def _require_a_row(n_rows: Treatments | int, estimator_name: str) -> None:
    """Raise InputError, in scikit-learn's words, if X has no row."""
    if n_rows == 0:
        raise InputError(
            "Found array with 0 sample(s) as X while a minimum of 1 is required by "
            f"{estimator_name}."
        )


def _as_column(y: Any, estimator_name: str) -> np.ndarray:
    """Return y as (n_rows,); several columns are refused."""
    shape: tuple[int, ...] = getattr(y, "shape", ())
    if len(shape) == 2 and shape[1] > 1:
        raise InputError(
            f"y should be a 1d array, got an array of shape {shape} instead: "
            f"{estimator_name} takes one response per row. Give one column."
        )
    column: np.ndarray = column_or_1d(y, warn=True)
    return column


def _keep_kinds(y: Any) -> Any:
    """Return y as objects where a conversion would hide complex numbers or booleans."""
    if isinstance(y, (list, tuple)) and np.iscomplexobj(y):
        y = np.asarray(y)
    dtypes = y.dtypes if isinstance(y, pd.DataFrame) else [getattr(y, "dtype", None)]
    hidden = ("True or False", "complex numbers")
    found = [dtype for dtype in dtypes if column_type_problem(dtype) in hidden]
    return y.astype(object) if found else y


def _as_float64(table: np.ndarray, where: Any) -> np.ndarray:
    """Return a copy as float64, naming text that is no number."""
    if table.dtype.kind in "fiu":
        return np.array(table, dtype=np.float64)
    entries = table.astype(object)
    numbers, bad = parse_numbers(pd.Series(entries.ravel(), dtype=object))
    at = np.argwhere(bad.reshape(table.shape))
    if len(at):
        offenders = list_offenders(
            at,
            lambda i: f"{where(int(i[0]), int(i[1]))}: {entries[i[0], i[1]]!r}",
        )
        first = entries[at[0][0], at[0][1]]
        kind = type_problem(first)
        problem = f"not a number but {kind}"
        if not kind:
            problem = "could not convert string to float"
        elif "complex" in kind:
            problem = "Complex data not supported"
        raise InputError(
            f"{problem}: y, {offenders}. Expected numbers, such as ln IC50."
        )
    return numbers.reshape(table.shape)


def warn_about_units(response: np.ndarray, estimator_name: str) -> None:
    """Warn once where (n_rows,) values look like IC50, not like ln IC50 in uM.

    IC50 is positive and about log-normal: its deciles are a factor of 50 or more
    apart, or it is skewed and its logarithm is not, or it is cut at a round dose.
    Percentages, AUC, -log10 M, classes, standardised and logarithmic values are not
    like that.
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
    is_ic50 = (is_wide and (is_large or enough)) or (
        is_large and _is_lognormal(positive)
    )
    if is_large and largest <= _LARGEST_PERCENT and _may_be_percent(positive):
        is_ic50 = False
    if is_ic50 or (enough and _is_capped(positive, low)):
        return "nM" if median > 1000 else "uM"
    return ""


def _is_capped(positive: np.ndarray, low: float) -> bool:
    """Tell whether values end at a round dose, far above the lowest tenth of them.

    Tables give the highest dose where IC50 lies beyond it. The logarithm of a dose is
    not round, and other scales do not span as much; 100 may be a percentage.
    """
    largest = float(positive.max())
    below = positive[positive < largest]
    return (
        len(positive) - len(below) >= _SHARE_AT_CAP * len(positive)
        and 2 * len(np.unique(below)) > len(below)  # no grades
        and bool(np.isclose(largest, float(f"{largest:.3g}"), rtol=1e-6))
        and largest > _FAR_ABOVE_LOW * low
        and largest != _PERCENT
    )


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


def measure_scale(treatments: Treatments) -> dict[str, Any]:
    """Return mean and standard deviation of each gene, and what sums them up.

    Every cell counts once. The values are small, and plain enough for model files.
    """
    values = treatments.basal_expression
    n_cells, n_genes = values.shape
    center, sd = np.empty(n_genes), np.empty(n_genes)
    for genes in _blocks(n_genes, n_cells):
        part = values[:, genes]
        center[genes] = part.mean(axis=0, dtype=np.float64)
        spread = part.std(axis=0, dtype=np.float64)
        sd[genes] = np.where((part == part[0]).all(axis=0), 0.0, spread)
    within = np.empty(n_cells)  # over the genes of a cell
    for cells in _blocks(n_cells, n_genes):
        within[cells] = values[cells].std(axis=1, dtype=np.float64)
    return {
        "center": center.astype(np.float32),
        "sd": sd.astype(np.float32),
        "within": float(np.median(within)),
        "n_cells": n_cells,
        "mean": float(center.mean()),
        "spread": float(np.sqrt(np.mean(sd**2) + center.var())),  # of all values
    }


def _blocks(n: int, width: int) -> list[slice]:
    """Return slices of n rows or columns, of as many as stay small in float64."""
    size = max(_NUMBERS_AT_ONCE // max(width, 1), 1)
    return [slice(start, start + size) for start in range(0, n, size)]


def warn_other_scale(estimator: Any, treatments: Treatments) -> None:
    """Warn once where cells lie far outside of what `measure_scale` saw in fit.

    A cell does where more than a quarter of its genes, and more of few genes, are
    more than three standard deviations away from their mean in fit, or where its
    genes differ three times more or three times less from each other than there. A few
    odd cells among many are no reason to warn. Genes that did not vary in fit, or
    that are filled in, do not count. Models of older files know no scale.
    """
    scale = getattr(estimator, "_expression_scale", None)
    if scale is None:
        return
    values = treatments.basal_expression
    share, outside = _find_outside(scale, values, treatments.filled)
    n_outside = int(outside.sum())
    if n_outside <= _SHARE_OF_CELLS * len(values):
        return
    used = _find_used(scale, treatments.filled)
    far = values[outside][:, used]
    warn_of_input(
        "scale",
        f"Expression of {n_outside} of {len(values)} cells is on another scale than in "
        f"the fit of {type(estimator).__name__}: {np.median(share[outside]):.0%} of "
        f"their genes lie more than {_MOST_SDS:g} standard deviations from their mean "
        f"(fit: mean {scale['mean']:.3g}, sd {scale['spread']:.3g}; these cells: mean "
        f"{far.mean(dtype=np.float64):.3g}, sd {far.std(dtype=np.float64):.3g}). "
        f"Predictions for them mean little. {_advise(estimator)}",
        ExpressionScaleWarning,
    )


def _advise(estimator: Any) -> str:
    """Return what to do about expression on another scale than in fit."""
    transformer = (getattr(estimator, "reference_", None) or {}).get("transformer")
    if transformer is None:
        return (
            "Give both on one scale, such as log2(TPM + 1); or scale each with "
            "sklearn_csg2a.preprocessing.RobustZScore, fitted to its own cohort, and "
            "fit again."
        )
    return (
        "Give expression on the scale of the fit: sklearn_csg2a.preprocessing."
        f"{type(transformer).__name__}().fit_transform(expression), with the samples "
        "of a cohort as rows."
    )


def has_other_scale(
    scale: dict[str, Any], values: np.ndarray, filled: np.ndarray | None = None
) -> bool:
    """Tell whether a cohort is on another scale than `measure_scale` saw in fit.

    So it is where `warn_other_scale` warns of its cells; and, with ten cells or more,
    where more than a quarter of the genes have a mean more than one standard deviation
    away from that in fit, or where half of them vary three times more or less.
    """
    _, outside = _find_outside(scale, values, filled)
    if outside.sum() > _SHARE_OF_CELLS * len(values):
        return True
    used = _find_used(scale, filled)
    if len(values) < _FEWEST_CELLS or not used.any():
        return False
    of_cohort = values[:, used].astype(np.float64)
    sd = np.maximum(scale["sd"][used], np.median(scale["sd"][used]))
    shift = np.abs(of_cohort.mean(axis=0) - scale["center"][used]) / sd
    ratio = np.median(of_cohort.std(axis=0) / sd)
    is_like = 1 / _RATIO_OF_SPREADS < ratio < _RATIO_OF_SPREADS
    return not is_like or bool(np.mean(shift > 1) > _SHARE_OF_GENES)


def _find_used(scale: dict[str, Any], filled: np.ndarray | None) -> np.ndarray:
    """Return which genes varied in fit and are not filled in, (n_genes,)."""
    used = scale["sd"] > 0
    return used if filled is None else used & ~filled


def _find_outside(
    scale: dict[str, Any], values: np.ndarray, filled: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of genes outside, and which cells are on another scale."""
    used = _find_used(scale, filled)
    n_genes = int(used.sum())
    if n_genes == 0:
        return np.zeros(len(values)), np.zeros(len(values), dtype=bool)
    values = values[:, used]
    few = 1 + 2 / scale["n_cells"]  # the spread of a handful of cells is rough
    share = _share_outside(values, scale["center"][used], few * scale["sd"][used])
    outside = share > _SHARE_OF_GENES + 1 / np.sqrt(n_genes)
    if n_genes >= _FEWEST_GENES and scale["within"] > 0:
        ratio = values.std(axis=1, dtype=np.float64) / scale["within"]
        outside |= (ratio > _RATIO_OF_SPREADS) | (ratio < 1 / _RATIO_OF_SPREADS)
    return share, outside


def _share_outside(
    values: np.ndarray, center: np.ndarray, sd: np.ndarray
) -> np.ndarray:
    """Return which share of its genes lies outside, for each cell (n_cells,)."""
    limit = (_MOST_SDS * np.maximum(sd, np.median(sd))).astype(np.float32)
    share = np.empty(len(values))
    for part in _blocks(*values.shape):
        share[part] = (np.abs(values[part] - center) > limit).mean(axis=1)
    return share
