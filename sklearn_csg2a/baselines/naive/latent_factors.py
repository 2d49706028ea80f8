"""LatentFactors: latent factors of drugs and cell lines, without descriptors."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from sklearn_csg2a._utils.choices import OnInvalidSmiles
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a._utils.validation import private_random_state
from sklearn_csg2a.baselines.naive._levels import code_levels
from sklearn_csg2a.baselines.naive.mean_effects import MeanEffects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sklearn_csg2a.treatments import Identifiers

__all__ = ["LatentFactors"]

_INITIAL_SCALE = 0.1  # standard deviation of the initial factors
_BLOCK_SIZE = 2**18  # maximum size of an array of a block, unless a level has more


class _Block(NamedTuple):
    """Several drugs or cells, each with its rows, padded with -1 to equal width."""

    levels: np.ndarray  # (n_levels,)
    others: np.ndarray  # (n_levels, width), codes of the other side
    residuals: np.ndarray  # (n_levels, width)


class LatentFactors(MeanEffects):
    """Predict effects of drug and cell line, and a product of their latent factors.

    Collaborative filtering: the interaction of a pair is predicted from the other
    measurements of the drug and of the cell line, without any descriptors. An unseen
    drug or cell line has no factors: its pairs are predicted from the effects, as by
    :class:`MeanEffects`.

    Parameters
    ----------
    n_factors : int, default=80
        Number of factors of each drug and each cell line.
    alpha : float, default=10.0
        Weight of the penalty on the factors of a drug or a cell line, in rows.
    shrinkage : float, default=1.0
        Weight of the penalty on an effect, in rows.
    max_iter : int, default=30
        Maximum number of iterations; each solves for all cell lines, then for all
        drugs.
    tol : float, default=1e-3
        Stop when an iteration changes the products of the training rows by less than
        this, relative to their norm.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.
    random_state : int, RandomState instance or None, default=None
        Controls the initial factors of the drugs.

    Attributes
    ----------
    intercept_ : ndarray of shape (n_outputs,)
        Intercept.
    drugs_, cells_ : ndarray of shape (n_drugs,), (n_cells,)
        Identities of the drugs; ids of the cell lines, or the bytes of their
        expression if X had no column ``cell_line``.
    drug_effects_, cell_effects_ : ndarray of shape (n_drugs or n_cells, n_outputs)
        Effects, in the unit of y.
    drug_factors_ : ndarray of shape (n_outputs, n_drugs, n_factors)
        Factors of the drugs.
    cell_factors_ : ndarray of shape (n_outputs, n_cells, n_factors)
        Factors of the cell lines; products with those of drugs are in the unit of y.
    n_iter_ : int
        Number of iterations; the maximum over outputs.

    See Also
    --------
    MeanEffects : The effects alone.
    PairwiseKernelRidge : Interactions from descriptors.
    ResponseGaussianProcess : Interactions from responses and descriptors.

    Notes
    -----
    The effects are fitted first. The factors u of cell lines and v of drugs are fitted
    to their residuals r by minimising ::

        sum over rows (r - u_cell . v_drug)^2
        + alpha * (sum over cells |u|^2 + sum over drugs |v|^2)

    which is a ridge regression for one side if the other is given; the two alternate.
    Only pairs with rows are included, and replicates are separate rows. The objective
    is not convex, so the result depends a little on the initial factors. Several
    outputs are fitted separately, from the same initial factors.

    References
    ----------
    Koren, Y., Bell, R. and Volinsky, C. (2009). Matrix factorization techniques for
    recommender systems. Computer 42(8), 30-37.

    Examples
    --------
    Each drug acts on every other cell line. One pair, with a response of 1, is left
    out; mean effects cannot predict it.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import LatentFactors, MeanEffects
    >>> X = pd.MultiIndex.from_product(
    ...     [list("abcdefgh"), ["C", "CC", "CO", "CN"]], names=["cell_line", "smiles"]
    ... ).to_frame(index=False)
    >>> y = np.outer([1, -1] * 4, [1, 1, -1, -1]).ravel()
    >>> MeanEffects().fit(X[1:], y[1:]).predict(X[:1]).round(1)
    array([-0.4])
    >>> model = LatentFactors(n_factors=1, alpha=0.3, random_state=0)
    >>> model.fit(X[1:], y[1:]).predict(X[:1]).round(1)
    array([0.4])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **MeanEffects._parameter_constraints,
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_factors: int = 80,
        alpha: float = 10.0,
        shrinkage: float = 1.0,
        max_iter: int = 30,
        tol: float = 1e-3,
        columns: Mapping[str, str] | None = None,
        on_invalid_smiles: OnInvalidSmiles = "raise",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            shrinkage=shrinkage, columns=columns, on_invalid_smiles=on_invalid_smiles
        )
        self.n_factors = n_factors
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        super()._fit(X, identifiers, response)
        residuals = response - super()._predict(X, identifiers)
        drug = code_levels(identifiers.compound, self.drugs_)
        cell = code_levels(identifiers.cell, self.cells_)
        initial = self._draw_initial()
        found = [
            _fit_factors(
                residuals[:, output],
                (drug, initial),
                (cell, len(self.cells_)),
                alpha=self.alpha,
                max_iter=self.max_iter,
                tol=self.tol,
            )
            for output in range(residuals.shape[1])
        ]
        drug_factors, cell_factors, n_iter = zip(*found, strict=True)
        self.drug_factors_ = np.stack(drug_factors)
        self.cell_factors_ = np.stack(cell_factors)
        self.n_iter_ = max(n_iter)

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        table = super()._predict(X, identifiers)
        drug = code_levels(identifiers.compound, self.drugs_)
        cell = code_levels(identifiers.cell, self.cells_)
        known = np.flatnonzero((drug >= 0) & (cell >= 0))
        drug, cell = drug[known], cell[known]
        for output, factors in enumerate(self.drug_factors_):
            products = _multiply(self.cell_factors_[output], cell, factors, drug)
            table[known, output] += products
        return table

    def _draw_initial(self) -> np.ndarray:
        """Draw initial factors of the drugs, regardless of their order."""
        rng = private_random_state(self.random_state)
        shape = len(self.drugs_), self.n_factors
        initial = np.empty(shape)
        initial[np.argsort(self.drugs_)] = rng.normal(scale=_INITIAL_SCALE, size=shape)
        return initial


def _fit_factors(
    residuals: np.ndarray,
    drugs: tuple[np.ndarray, np.ndarray],
    cells: tuple[np.ndarray, int],
    *,
    alpha: float,
    max_iter: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Alternate ridge regressions; return factors of drugs and cells, and the steps."""
    drug, drug_factors = drugs
    cell, n_cells = cells
    n_drugs, n_factors = drug_factors.shape
    cell_factors = np.zeros((n_cells, n_factors))
    of_cells = list(_make_blocks(cell, n_cells, drug, residuals, n_factors))
    of_drugs = list(_make_blocks(drug, n_drugs, cell, residuals, n_factors))
    products = np.zeros_like(residuals)
    n_iter, changes = 0, True
    while changes and n_iter < max_iter:
        _solve_side(of_cells, drug_factors, alpha, out=cell_factors)
        drug_factors = np.empty((n_drugs, n_factors))
        _solve_side(of_drugs, cell_factors, alpha, out=drug_factors)
        before = products
        products = _multiply(cell_factors, cell, drug_factors, drug)
        change = np.linalg.norm(products - before)
        changes = bool(change > tol * np.linalg.norm(products))
        n_iter += 1
    return drug_factors, cell_factors, n_iter


def _make_blocks(
    codes: np.ndarray,
    n_levels: int,
    others: np.ndarray,
    residuals: np.ndarray,
    n_factors: int,
) -> Iterator[_Block]:
    """Collect the rows of each level; levels of similar size share a block."""
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=n_levels)
    starts = np.cumsum(counts) - counts
    size_class = np.ceil(np.log2(counts))
    for size in np.unique(size_class):
        similar = np.flatnonzero(size_class == size)
        width = counts[similar].max()
        n_in_block = max(1, _BLOCK_SIZE // (n_factors * max(width, n_factors)))
        for first in range(0, len(similar), n_in_block):
            levels = similar[first : first + n_in_block]
            is_row = np.arange(width) < counts[levels, None]
            at = np.where(is_row, starts[levels, None] + np.arange(width), 0)
            yield _Block(
                levels,
                np.where(is_row, others[order[at]], -1),
                np.where(is_row, residuals[order[at]], 0.0),
            )


def _solve_side(
    blocks: list[_Block], others: np.ndarray, alpha: float, *, out: np.ndarray
) -> None:
    """Write the ridge solution of each level to out, given the other side.

    If a level has fewer rows than factors, the dual system is solved.
    """
    n_factors = others.shape[1]
    padded = np.vstack([others, np.zeros(n_factors)])  # padding adds nothing
    for levels, codes, residuals in blocks:
        seen = padded[codes]  # (levels, width, n_factors)
        transposed = seen.transpose(0, 2, 1)
        target = residuals[:, :, None]
        width = codes.shape[1]
        penalty = alpha * np.eye(min(width, n_factors))
        if width < n_factors:
            solved = transposed @ np.linalg.solve(seen @ transposed + penalty, target)
        else:
            solved = np.linalg.solve(transposed @ seen + penalty, transposed @ target)
        out[levels] = solved[:, :, 0]


def _multiply(
    cell_factors: np.ndarray,
    cell: np.ndarray,
    drug_factors: np.ndarray,
    drug: np.ndarray,
) -> np.ndarray:
    """Return the product of factors in each row (n_rows,)."""
    return np.einsum("ij,ij->i", cell_factors[cell], drug_factors[drug])
