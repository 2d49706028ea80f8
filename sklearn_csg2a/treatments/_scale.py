"""Whether expression in predict is on the scale of expression in fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_csg2a._utils.one_warning import warn_of_input
from sklearn_csg2a.exceptions import ExpressionScaleWarning

if TYPE_CHECKING:
    from sklearn_csg2a.treatments._treatments import Treatments

__all__ = ["measure_scale", "warn_other_scale"]

_MOST_SDS = 3.0
_SHARE_OF_GENES = 0.25
_SHARE_OF_CELLS = 0.05
_RATIO_OF_SPREADS = 3.0
_FEWEST_GENES = 20  # of fewer, the spread within a cell says little
_CELLS_AT_ONCE = 256


def measure_scale(treatments: Treatments) -> dict[str, Any]:
    """Return mean and standard deviation of each gene, and what sums them up.

    Every cell counts once. The values are small, and plain enough for model files.
    """
    values = treatments.basal_expression
    center = values.mean(axis=0, dtype=np.float64)
    sd = values.std(axis=0, dtype=np.float64)
    sd[(values == values[0]).all(axis=0)] = 0.0
    within = values.std(axis=1, dtype=np.float64)  # over the genes of a cell
    return {
        "center": center.astype(np.float32),
        "sd": sd.astype(np.float32),
        "within": float(np.median(within)),
        "n_cells": len(values),
        "mean": float(center.mean()),
        "spread": float(values.std(dtype=np.float64)),
    }


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
    used = scale["sd"] > 0
    if treatments.filled is not None:
        used = used & ~treatments.filled
    n_genes = int(used.sum())
    if n_genes == 0:
        return
    values = treatments.basal_expression[:, used]
    few = 1 + 2 / scale["n_cells"]  # the spread of a handful of cells is rough
    share = _share_outside(values, scale["center"][used], few * scale["sd"][used])
    outside = share > _SHARE_OF_GENES + 1 / np.sqrt(n_genes)
    if n_genes >= _FEWEST_GENES and scale["within"] > 0:
        ratio = values.std(axis=1, dtype=np.float64) / scale["within"]
        outside |= (ratio > _RATIO_OF_SPREADS) | (ratio < 1 / _RATIO_OF_SPREADS)
    n_outside = int(outside.sum())
    if n_outside <= _SHARE_OF_CELLS * len(values):
        return
    far = values[outside]
    warn_of_input(
        "scale",
        f"Expression of {n_outside} of {len(values)} cells is on another scale than in "
        f"the fit of {type(estimator).__name__}: {np.median(share[outside]):.0%} of "
        f"their genes lie more than {_MOST_SDS:g} standard deviations from their mean "
        f"(fit: mean {scale['mean']:.3g}, sd {scale['spread']:.3g}; these cells: mean "
        f"{far.mean(dtype=np.float64):.3g}, sd {far.std(dtype=np.float64):.3g}). "
        "Predictions for them mean little. Give both on one scale, such as "
        "log2(TPM + 1); or scale each with sklearn_csg2a.preprocessing.RobustZScore, "
        "fitted to its own cohort, and fit again.",
        ExpressionScaleWarning,
    )


def _share_outside(
    values: np.ndarray, center: np.ndarray, sd: np.ndarray
) -> np.ndarray:
    """Return which share of its genes lies outside, for each cell (n_cells,)."""
    limit = (_MOST_SDS * np.maximum(sd, np.median(sd))).astype(np.float32)
    share = np.empty(len(values))
    for start in range(0, len(values), _CELLS_AT_ONCE):
        part = slice(start, start + _CELLS_AT_ONCE)
        share[part] = (np.abs(values[part] - center) > limit).mean(axis=1)
    return share
