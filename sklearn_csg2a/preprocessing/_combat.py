"""ComBat: location and scale of each batch, by empirical Bayes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.preprocessing._cohorts import (
    CohortTransformer,
    require_two_samples,
)

__all__ = ["ComBat"]

_TOLERANCE = 1e-4  # largest relative change of the last iteration
_MOST_ITERATIONS = 1000
_WHAT = "an estimate of its scale"
_BLOCK = 256  # genes whose likelihoods are computed at once


class ComBat(CohortTransformer):
    """Remove differences in location and scale between batches, gene by gene.

    Each batch has an additive and a multiplicative effect on each gene. Both are
    estimated from the batch and shrunk towards what is common to its genes, so that
    batches of a few dozen samples can be adjusted. New cohorts are adjusted to the
    scale of the training samples without changing anything learned from them.

    Parameters
    ----------
    parametric : bool, default=True
        Whether effects have a normal and an inverse gamma prior, whose parameters are
        estimated over the genes of a batch. If False, the prior is the distribution of
        the estimates over genes; time grows with the square of the number of genes.
    reference : str or int, default=None
        The training batch whose scale all others are brought to; its samples do not
        change. None is the common scale of all training batches. With one training
        batch, it is the reference.

    Attributes
    ----------
    batches_ : ndarray of shape (n_batches,)
        Labels of the training batches.
    location_, scale_ : ndarray of shape (n_genes,)
        Location and scale that samples are brought to.
    shifts_, factors_ : ndarray of shape (n_batches, n_genes)
        Effects of each training batch on standardised expression.
    n_features_in_ : int
        Number of genes.
    feature_names_in_ : ndarray of shape (n_genes,)
        The genes, if `fit` was given a DataFrame.

    Raises
    ------
    InputError
        If a batch has fewer than two samples, or `reference` is not a batch of fit.

    See Also
    --------
    QuantileMatch : Match the whole distribution of each gene.
    NormalScores : Ranks within a cohort, which need no training samples.

    Notes
    -----
    With the location alpha and scale sigma of a gene, sample j of batch i is modelled
    as ``alpha + sigma (gamma_i + sqrt(delta_i) e_ij)`` and adjusted to ``alpha +
    sigma (z_ij - gamma_i) / sqrt(delta_i)``, where z is standardised expression. A
    gene that is constant in the training samples is only shifted.

    ``fit(cells).transform(patients, batch=cohort)`` estimates gamma and delta from the
    patients of a cohort, with a prior over the genes of that cohort; the training
    samples stay as they are. ``fit_transform`` of all samples together is the method
    as published, and transductive: patients then change the training data. An
    adjustment also removes biological differences between cohorts, such as that of a
    tumour type that only one of them has.

    References
    ----------
    Johnson, W. E., Li, C. and Rabinovic, A. (2007). Adjusting batch effects in
    microarray expression data using empirical Bayes methods. Biostatistics 8(1),
    118-127.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_csg2a.preprocessing import ComBat
    >>> rng = np.random.default_rng(0)
    >>> cells = rng.normal(5, 1, size=(50, 100))
    >>> patients = rng.normal(8, 2, size=(30, 100))
    >>> adjusted = ComBat().fit(cells).transform(patients, batch=["cohort"] * 30)
    >>> float(adjusted.mean().round(1)), float(adjusted.std().round(1))
    (5.0, 1.0)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "parametric": ["boolean"],
        "reference": "no_validation",
    }

    def __init__(self, *, parametric: bool = True, reference: Any = None) -> None:
        self.parametric = parametric
        self.reference = reference

    def _learn(self, values: np.ndarray, codes: np.ndarray) -> None:
        counts = np.bincount(codes)
        for label, count in zip(self.batches_.tolist(), counts, strict=True):
            require_two_samples(label, count, _WHAT)
        reference = self._reference_code()
        means = np.stack([values[codes == code].mean(0) for code in range(len(counts))])
        centers = means[codes]
        if reference is None:
            self.location_ = counts @ means / len(values)
            self.scale_ = np.sqrt(np.mean((values - centers) ** 2, axis=0))
        else:
            rows = codes == reference
            self.location_ = means[reference]
            self.scale_ = np.sqrt(np.mean((values - centers)[rows] ** 2, axis=0))
        self.scale_ = np.where(
            _is_constant(self.scale_, self.location_), 1, self.scale_
        )
        effects = [
            (np.zeros(values.shape[1]), np.ones(values.shape[1]))
            if code == reference
            else self._estimate(values[codes == code])
            for code in range(len(counts))
        ]
        self.shifts_ = np.stack([shift for shift, _ in effects])
        self.factors_ = np.stack([factor for _, factor in effects])

    def _reference_code(self) -> int | None:
        """Return the position of the reference among the batches; None if common."""
        if len(self.batches_) == 1 and self.reference is None:
            return 0
        if self.reference is None:
            return None
        found = np.flatnonzero(self.batches_.astype(str) == str(self.reference))
        if not len(found):
            known = list_offenders(map(repr, self.batches_.tolist()))
            msg = f"reference={self.reference!r} is not a batch of fit: {known}."
            raise InputError(msg)
        return int(found[0])

    def _adjust_known(self, values: np.ndarray, code: int) -> np.ndarray:
        return self._apply(values, self.shifts_[code], self.factors_[code])

    def _adjust_cohort(self, values: np.ndarray, label: Any) -> np.ndarray:
        require_two_samples(label, len(values), _WHAT)
        return self._apply(values, *self._estimate(values))

    def _apply(
        self, values: np.ndarray, shift: np.ndarray, factor: np.ndarray
    ) -> np.ndarray:
        """Remove the effects of a batch from its samples."""
        standard = (values - self.location_) / self.scale_
        adjusted = (standard - shift) / np.sqrt(factor)
        return adjusted * self.scale_ + self.location_

    def _estimate(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return shift and factor of each gene (genes,) in one batch."""
        standard = (values - self.location_) / self.scale_
        shift, factor = standard.mean(0), standard.var(0, ddof=1)
        varies = ~_is_constant(np.sqrt(factor), np.abs(shift))
        if varies.sum() < 2:
            return shift, np.ones_like(factor)
        posterior = _parametric if self.parametric else _nonparametric
        shift[varies], factor[varies] = posterior(
            standard[:, varies], shift[varies], factor[varies]
        )
        factor[~varies] = 1.0  # nothing is known of its scale
        return shift, factor


def _parametric(
    standard: np.ndarray, shift: np.ndarray, factor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior means under a normal and an inverse gamma prior (genes,)."""
    n = len(standard)
    center, spread = shift.mean(), shift.var(ddof=1)
    mean, variance = factor.mean(), factor.var(ddof=1)
    if variance == 0:
        return shift, factor
    a = (2 * variance + mean**2) / variance
    b = (mean * variance + mean**3) / variance
    gamma, delta = shift, factor
    for _ in range(_MOST_ITERATIONS):
        new_gamma = (n * spread * shift + delta * center) / (n * spread + delta)
        squares = ((standard - new_gamma) ** 2).sum(0)
        new_delta = (0.5 * squares + b) / (n / 2 + a - 1)
        # Changes relative to signed values, as in the implementations in use: their
        # numbers depend on where the iterations stop.
        with np.errstate(divide="ignore", invalid="ignore"):
            changes = np.abs(new_gamma - gamma) / gamma
        change = max(
            np.nan_to_num(changes).max(), np.max(np.abs(new_delta - delta) / delta)
        )
        gamma, delta = new_gamma, new_delta
        if change <= _TOLERANCE:
            break
    return gamma, delta


def _nonparametric(
    standard: np.ndarray, shift: np.ndarray, factor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior means; each other gene is a draw from the prior (genes,)."""
    n, n_genes = standard.shape
    sums, squares = standard.sum(0), (standard**2).sum(0)  # (genes,)
    gamma, delta = np.empty(n_genes), np.empty(n_genes)
    constant = -0.5 * n * np.log(2 * np.pi * factor)
    for start in range(0, n_genes, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n_genes))
        distance = (
            squares[rows, None] - 2 * sums[rows, None] * shift + n * shift**2
        )  # (block, genes)
        log_weight = constant - distance / (2 * factor)
        log_weight[np.arange(len(rows)), rows] = -np.inf  # not the gene itself
        weight = np.exp(log_weight - log_weight.max(1, keepdims=True))
        weight /= weight.sum(1, keepdims=True)
        gamma[rows], delta[rows] = weight @ shift, weight @ factor
    return gamma, delta


def _is_constant(spread: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Whether a spread is rounding error relative to the size of the values."""
    return spread <= 10 * np.finfo(float).eps * np.maximum(np.abs(size), 1e-300)
