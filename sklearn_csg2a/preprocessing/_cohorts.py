"""What all transformers of cohorts share: reading expression and batch labels."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.treatments._gene_slips import check_expression_table

if TYPE_CHECKING:
    from typing import Self

    from sklearn.utils import Tags

__all__ = ["CohortTransformer", "require_two_samples"]

_ONE = "training"  # label of the rows of a fit without labels


class CohortTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base of transformers that adjust each batch of samples as a whole.

    `fit` learns from training batches. `transform` treats rows of a training batch by
    what fit has learned, and the rows of any other label as a new cohort: what
    describes it is estimated from these rows. Nothing that fit has learned changes.
    """

    def fit(self, X: Any, batch: Any = None) -> Self:
        """Learn from training samples.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_genes)
            Expression on a logarithmic scale, one column per gene.
        batch : array-like of shape (n_samples,), default=None
            Label of the batch of each sample, such as platform or cohort; a Series
            with the index of X is aligned with it. None: all samples are one batch.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        InputError
            If X is no table of expression, or `batch` does not fit it.
        """
        self._validate_params()
        frame = as_frame(X)
        if frame is not None:
            check_expression_table(frame, "X")
        values = validate_data(self, X, dtype=np.float64)
        labels = _read_batch(batch, X, len(values))
        labels = np.full(len(values), _ONE) if labels is None else labels
        self.batches_, codes = np.unique(labels, return_inverse=True)
        self._learn(values, codes)
        return self

    def transform(self, X: Any, batch: Any = None) -> Any:
        """Adjust samples.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_genes)
            Expression. Columns of a DataFrame are matched with those of fit by name.
        batch : array-like of shape (n_samples,), default=None
            Label of the batch of each sample. Labels that fit has seen are training
            batches; each other label is a new cohort, described by its rows in X. None
            if all rows are of the only training batch.

        Returns
        -------
        adjusted : DataFrame or ndarray of shape (n_samples, n_genes)
            A DataFrame with the index of X if X is one; the genes are in the order of
            fit.

        Raises
        ------
        InputError
            If `batch` is needed or does not fit X, or a cohort has too few samples.
        GeneMismatchError
            If X lacks genes of fit.
        """
        check_is_fitted(self)
        ordered = self._order_genes(X)
        values = validate_data(self, ordered, dtype=np.float64, reset=False)
        labels = _read_batch(batch, X, len(values))
        if labels is None:
            if len(self.batches_) > 1:
                known = list_offenders(map(repr, self.batches_.tolist()))
                msg = (
                    f"{type(self).__name__} was fitted to several batches ({known}); "
                    "give batch=, the label of each row."
                )
                raise InputError(msg)
            labels = np.full(len(values), self.batches_[0])
        adjusted = np.empty_like(values)
        known_codes = {label: code for code, label in enumerate(self.batches_.tolist())}
        for label in np.unique(labels).tolist():
            rows = labels == label
            code = known_codes.get(label)
            adjusted[rows] = (
                self._adjust_cohort(values[rows], label)
                if code is None
                else self._adjust_known(values[rows], code)
            )
        if not isinstance(X, pd.DataFrame):
            return adjusted
        return pd.DataFrame(adjusted, index=X.index, columns=ordered.columns)

    def fit_transform(self, X: Any, batch: Any = None) -> Any:
        """Fit to samples, then adjust the same samples.

        With training samples and patients in one table, this is transductive: patients
        affect what is learned from training samples. Fit on the training samples alone
        and transform the patients to avoid that.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_genes)
            Expression.
        batch : array-like of shape (n_samples,), default=None
            Label of the batch of each sample.

        Returns
        -------
        adjusted : DataFrame or ndarray of shape (n_samples, n_genes)
            Adjusted expression.
        """
        return self.fit(X, batch).transform(X, batch)

    @abstractmethod
    def _learn(self, values: np.ndarray, codes: np.ndarray) -> None:
        """Learn from training samples (samples, genes) of coded batches (samples,)."""

    @abstractmethod
    def _adjust_known(self, values: np.ndarray, code: int) -> np.ndarray:
        """Adjust rows of a training batch."""

    @abstractmethod
    def _adjust_cohort(self, values: np.ndarray, label: Any) -> np.ndarray:
        """Adjust all rows of a new cohort."""

    def _order_genes(self, X: Any) -> Any:
        """Return the columns of a DataFrame in the order of fit."""
        genes = getattr(self, "feature_names_in_", None)
        if genes is None or not isinstance(X, pd.DataFrame):
            return X
        check_expression_table(X, "X", tuple(genes))
        lacking = [gene for gene in genes if gene not in X.columns]
        if lacking:
            msg = (
                f"X lacks {len(lacking)} of {len(genes)} genes of fit: "
                f"{list_offenders(lacking)}. Fit on the genes that both tables have: "
                "X_train[[gene for gene in X_train if gene in X]]."
            )
            raise GeneMismatchError(msg)
        return X[list(genes)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # The second argument of fit is a label of the batch, which y of the common
        # tests is not.
        tags._skip_test = True  # noqa: SLF001
        return tags


def _read_batch(batch: Any, X: Any, n_rows: int) -> np.ndarray | None:
    """Return one label per row; None without labels."""
    if batch is None:
        return None
    if isinstance(batch, pd.Series) and isinstance(X, pd.DataFrame):
        if not batch.index.equals(X.index):
            absent = [label for label in X.index if label not in batch.index]
            if absent or not batch.index.is_unique:
                msg = (
                    "batch is a Series whose index does not fit that of X; rows "
                    f"without a label: {list_offenders(map(repr, absent))}."
                )
                raise InputError(msg)
            batch = batch.loc[X.index]
        batch = batch.to_numpy()
    labels = np.asarray(batch)
    if labels.shape != (n_rows,):
        msg = f"batch has shape {labels.shape}; expected one label for {n_rows} rows."
        raise InputError(msg)
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        msg = f"batch has no label in rows {list_offenders(missing.tolist())}."
        raise InputError(msg)
    if labels.dtype.kind == "f" and (labels % 1 != 0).any():
        row = int(np.flatnonzero(labels % 1 != 0)[0])
        msg = (
            f"batch must be labels, got {labels[row]} in row {row}; the second "
            "argument of fit is the batch of each sample, not a response."
        )
        raise InputError(msg)
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def require_two_samples(label: Any, count: int, what: str) -> None:
    """Raise an error if a batch has fewer than the two samples that `what` needs."""
    if count < 2:
        msg = (
            f"Batch {label!r} has {count} sample; at least two are needed for {what}. "
            "Join it with a batch of the same platform, or leave it out."
        )
        raise InputError(msg)
