"""Robust z-scores: each gene by its median and its median absolute deviation."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.treatments._gene_slips import check_expression_table

__all__ = ["RobustZScore"]

# The standard deviation of a normal variable over its median absolute deviation,
# and over its mean absolute deviation.
_SD_PER_MAD = 1.4826
_SD_PER_MEAN_DEVIATION = float(np.sqrt(np.pi / 2))
_DTYPES = (np.float64, np.float32)


class RobustZScore(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale each gene by its median and its median absolute deviation.

    z = (x - median) / (1.4826 MAD), each from the cells of `fit` alone: as the
    `expression_scaler` of a :class:`~sklearn_csg2a.DrugResponseRegressor` or in a
    pipeline, test cells do not affect it.

    Parameters
    ----------
    clip : float or None, default=None
        Clip the scores to [-clip, clip]. None does not clip.

    Attributes
    ----------
    center_ : ndarray of shape (n_genes,) or (n_groups, n_genes)
        Median of each gene, by group if `fit` was given groups.
    scale_ : ndarray of shape (n_genes,) or (n_groups, n_genes)
        Scale by which the difference from the median is divided.
    groups_ : ndarray of shape (n_groups,) or None
        The groups, in the order of the rows of `center_`.
    n_features_in_ : int
        Number of genes.
    feature_names_in_ : ndarray of shape (n_genes,)
        The genes, if `fit` was given a DataFrame with names.

    See Also
    --------
    sklearn.preprocessing.RobustScaler : Scales by the range between quartiles.

    Notes
    -----
    If more than half of the cells share one value, MAD is 0. The scale is then 1.2533
    times the mean absolute deviation from the median, which estimates the standard
    deviation as 1.4826 MAD does. A constant gene has scale 1, so the cells of `fit` get
    0.

    With `groups`, such as plates or tumour types, each row is scaled by the median and
    MAD of its group. Scales of groups with only a few cells are imprecise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.preprocessing import RobustZScore
    >>> expression = np.array([[4.0, 1.0], [5.0, 1.0], [6.0, 1.0], [90.0, 1.0]])
    >>> RobustZScore().fit_transform(expression).round(2)
    array([[-1.01,  0.  ],
           [-0.34,  0.  ],
           [ 0.34,  0.  ],
           [56.99,  0.  ]])
    """

    _parameter_constraints = {  # noqa: RUF012
        "clip": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(self, *, clip: float | None = None) -> None:
        self.clip = clip

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> RobustZScore:
        """Learn the median and the scale of each gene.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_genes)
            Expression of the training cells.
        y : None
            Ignored.
        groups : array-like of shape (n_cells,) or None, default=None
            Learn a median and a scale for each group.

        Returns
        -------
        self : RobustZScore
            The fitted transformer.

        Raises
        ------
        InputError
            If X is a transposed table or has columns that are no genes, such as row
            numbers.
        """
        self._validate_params()
        frame = as_frame(X)
        if frame is not None:
            check_expression_table(frame, "X")
        values = validate_data(self, X, dtype=_DTYPES)
        if groups is None:
            self.groups_ = None
            self.center_, self.scale_ = _center_and_scale(values)
            return self
        labels = _read_groups(groups, len(values))
        self.groups_, codes = np.unique(labels, return_inverse=True)
        fitted = [
            _center_and_scale(values[codes == code])
            for code in range(len(self.groups_))
        ]
        self.center_ = np.stack([center for center, _ in fitted])
        self.scale_ = np.stack([scale for _, scale in fitted])
        return self

    def transform(self, X: Any, groups: Any = None) -> np.ndarray:
        """Scale expression.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_genes)
            Expression.
        groups : array-like of shape (n_cells,) or None, default=None
            The group of each cell, if `fit` was given groups, from among those.

        Returns
        -------
        scores : ndarray of shape (n_cells, n_genes)
            Robust z-scores.

        Raises
        ------
        GeneMismatchError
            If X has the genes of `fit` under other names, such as Ensembl ids.
        """
        check_is_fitted(self)
        frame, genes = as_frame(X), getattr(self, "feature_names_in_", None)
        if frame is not None and genes is not None and {*frame.columns} != {*genes}:
            check_expression_table(frame, "X", tuple(genes))
        values = validate_data(self, X, dtype=_DTYPES, reset=False)
        center, scale = self._rows(groups, len(values))
        scores = ((values - center) / scale).astype(values.dtype, copy=False)
        return scores if self.clip is None else np.clip(scores, -self.clip, self.clip)

    def fit_transform(self, X: Any, y: Any = None, groups: Any = None) -> np.ndarray:
        """Fit to expression, then scale it.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_genes)
            Expression.
        y : None
            Ignored.
        groups : array-like of shape (n_cells,) or None, default=None
            Scale each group separately.

        Returns
        -------
        scores : ndarray of shape (n_cells, n_genes)
            Robust z-scores.
        """
        return self.fit(X, y, groups).transform(X, groups)

    def inverse_transform(self, X: Any, groups: Any = None) -> np.ndarray:
        """Turn robust z-scores into expression.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_genes)
            Robust z-scores; clipping is not reversed.
        groups : array-like of shape (n_cells,) or None, default=None
            The group of each cell, if `fit` was given groups.

        Returns
        -------
        expression : ndarray of shape (n_cells, n_genes)
            Expression.

        Raises
        ------
        InputError
            If X has another number of genes than in `fit`, or groups do not fit.
        """
        check_is_fitted(self)
        values = check_array(X, dtype=_DTYPES)
        if values.shape[1] != self.n_features_in_:
            msg = (
                f"X has {values.shape[1]} genes, but RobustZScore was fitted on "
                f"{self.n_features_in_}."
            )
            raise InputError(msg)
        center, scale = self._rows(groups, len(values))
        return (values * scale + center).astype(values.dtype, copy=False)

    def _rows(self, groups: Any, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return center and scale for each row, or for all of them."""
        if (groups is None) != (self.groups_ is None):
            fitted = "without" if self.groups_ is None else "with"
            msg = f"RobustZScore was fitted {fitted} groups; give the same here."
            raise InputError(msg)
        if self.groups_ is None:
            return self.center_, self.scale_
        labels = _read_groups(groups, n_rows)
        unknown = np.setdiff1d(labels, self.groups_)
        if len(unknown):
            msg = (
                f"groups: {list_offenders(map(repr, unknown.tolist()))} were absent "
                "when RobustZScore was fitted. Use fit_transform to scale each group "
                "separately."
            )
            raise InputError(msg)
        codes = np.searchsorted(self.groups_, labels)
        return self.center_[codes], self.scale_[codes]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _read_groups(groups: Any, n_rows: int) -> np.ndarray:
    """Return one label per row."""
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        msg = (
            f"groups has shape {labels.shape}; expected one for each of {n_rows} rows."
        )
        raise InputError(msg)
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def _center_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and scale of each column (genes,)."""
    center = np.median(values, axis=0)
    deviations = np.abs(values - center)
    # Rounding can make a deviation of 0 slightly positive.
    tolerance = 10 * np.finfo(values.dtype).eps * np.abs(center)
    scale = _SD_PER_MAD * np.median(deviations, axis=0)
    fallback = _SD_PER_MEAN_DEVIATION * deviations.mean(axis=0)
    scale = np.where(scale > tolerance, scale, fallback)
    scale = np.where(scale > tolerance, scale, 1.0)
    return center, scale.astype(values.dtype)
