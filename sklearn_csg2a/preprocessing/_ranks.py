"""Matching of distributions by rank: to the training samples, or to the normal."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from sklearn_csg2a._utils.sklearn_compat import StrOptions
from sklearn_csg2a.preprocessing._cohorts import (
    CohortTransformer,
    require_two_samples,
)

__all__ = ["NormalScores", "QuantileMatch"]

_WHAT = "ranks within a cohort"


class QuantileMatch(CohortTransformer):
    """Give new samples the distribution of the training samples.

    Parameters
    ----------
    by : {"gene", "sample"}, default="gene"
        "gene": the ranks of a gene within a cohort become the same quantiles of that
        gene over the training samples: cohorts need many samples, and differences
        between cohorts in the mean of a gene are removed. "sample": the ranks of the
        genes of one sample become the mean quantiles of the training samples (quantile
        normalisation): samples are adjusted one by one, and all are.

    Attributes
    ----------
    batches_ : ndarray of shape (n_batches,)
        Labels of the training batches.
    quantiles_ : ndarray of shape (n_samples, n_genes) or (n_genes,)
        Sorted training values of each gene, or the mean of each rank of the genes.
    n_features_in_ : int
        Number of genes.
    feature_names_in_ : ndarray of shape (n_genes,)
        The genes, if `fit` was given a DataFrame.

    Raises
    ------
    InputError
        If a cohort has fewer than two samples, with ``by="gene"``.

    See Also
    --------
    ComBat : Match location and scale.

    Notes
    -----
    Rows of training batches are the reference: with ``by="gene"`` they do not change.
    Tied values get the quantile of their mean rank.

    References
    ----------
    Bolstad, B. M. et al. (2003). A comparison of normalization methods for high
    density oligonucleotide array data. Bioinformatics 19(2), 185-193.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.preprocessing import QuantileMatch
    >>> cells = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> patients = np.array([[70.0], [10.0], [30.0], [20.0]])
    >>> QuantileMatch().fit(cells).transform(patients, batch=["TCGA"] * 4).ravel()
    array([4., 1., 3., 2.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "by": [StrOptions({"gene", "sample"})],
    }

    def __init__(self, *, by: Literal["gene", "sample"] = "gene") -> None:
        self.by = by

    def _learn(self, values: np.ndarray, codes: np.ndarray) -> None:
        del codes
        if self.by == "gene":
            self.quantiles_ = np.sort(values, axis=0)
        else:
            self.quantiles_ = np.sort(values, axis=1).mean(0)

    def _adjust_known(self, values: np.ndarray, code: int) -> np.ndarray:
        del code
        return values if self.by == "gene" else self._match_samples(values)

    def _adjust_cohort(self, values: np.ndarray, label: Any) -> np.ndarray:
        if self.by == "sample":
            return self._match_samples(values)
        require_two_samples(label, len(values), _WHAT)
        levels = _levels(values)  # (samples, genes)
        grid = _grid(len(self.quantiles_))
        columns = [
            np.interp(levels[:, gene], grid, self.quantiles_[:, gene])
            for gene in range(values.shape[1])
        ]
        return np.stack(columns, axis=1)

    def _match_samples(self, values: np.ndarray) -> np.ndarray:
        """Match the genes of each sample with the mean training sample."""
        return np.interp(
            _levels(values.T).T, _grid(len(self.quantiles_)), self.quantiles_
        )


class NormalScores(CohortTransformer):
    """Replace each gene by the normal scores of its ranks within the cohort.

    The smallest of n values becomes the quantile 0.5 / n of the standard normal
    distribution, the next 1.5 / n, and so on: any monotone change of the scale of a
    gene, such as by another platform, has no effect. Differences between cohorts in
    the mean or the spread of a gene are lost.

    Attributes
    ----------
    batches_ : ndarray of shape (n_batches,)
        Labels of the training batches.
    values_ : list of ndarray of shape (n_samples, n_genes)
        Sorted values of each training batch, among which its rows are ranked.
    n_features_in_ : int
        Number of genes.
    feature_names_in_ : ndarray of shape (n_genes,)
        The genes, if `fit` was given a DataFrame.

    Raises
    ------
    InputError
        If a cohort has fewer than two samples.

    See Also
    --------
    sklearn.preprocessing.QuantileTransformer : For one population, by interpolation.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.preprocessing import NormalScores
    >>> cells = np.array([[1.0], [5.0], [100.0]])
    >>> NormalScores().fit_transform(cells).round(2).ravel()
    array([-0.97,  0.  ,  0.97])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    def _learn(self, values: np.ndarray, codes: np.ndarray) -> None:
        self.values_ = []
        for code, label in enumerate(self.batches_.tolist()):
            rows = values[codes == code]
            require_two_samples(label, len(rows), _WHAT)
            self.values_.append(np.sort(rows, axis=0))

    def _adjust_known(self, values: np.ndarray, code: int) -> np.ndarray:
        known = self.values_[code]
        n = len(known)
        scores = np.empty_like(values)
        for gene in range(values.shape[1]):
            below = np.searchsorted(known[:, gene], values[:, gene], side="left")
            up_to = np.searchsorted(known[:, gene], values[:, gene], side="right")
            level = (below + up_to) / (2 * n)
            scores[:, gene] = ndtri(np.clip(level, 0.5 / n, 1 - 0.5 / n))
        return scores

    def _adjust_cohort(self, values: np.ndarray, label: Any) -> np.ndarray:
        require_two_samples(label, len(values), _WHAT)
        return ndtri(_levels(values))


def _levels(values: np.ndarray) -> np.ndarray:
    """Return (rank - 0.5) / n of each column, ties at their mean: (samples, genes)."""
    return (rankdata(values, axis=0) - 0.5) / len(values)


def _grid(n: int) -> np.ndarray:
    """Return the levels of n sorted values."""
    return (np.arange(n) + 0.5) / n
