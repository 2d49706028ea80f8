"""Support vector regression on fingerprints and expression."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.choices import CompoundEncoder, MissingGenes, OnInvalidSmiles
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.baselines._features import FeatureRegressor
from sklearn_csg2a.baselines.kernels._kronecker import rbf_kernel
from sklearn_csg2a.baselines.kernels._pairs import (
    PairKernelRegressor,
    mean_square_kernel,
)
from sklearn_csg2a.baselines.kernels._support_vectors import solve_svr

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from sklearn_csg2a.treatments import Treatments

__all__ = ["SVMResponse"]

_SMOOTHING = 0.1  # of epsilon, or of a hundredth of the standard deviation of y
_MIN_WIDTH = 1e-30  # if both are 0


class SVMResponse(PairKernelRegressor):
    """Support vector regression on Morgan fingerprints and basal expression.

    The kernel is the RBF of both, ``exp(-gamma * (d_compound + d_cell))``. It is a
    product of two small matrices, so that all rows can be fitted without approximating
    the kernel, whereas a general solver is limited to some thousands.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="morgan"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer.
    C : float, default=3.0
        Upper bound of the dual coefficient of a row; smaller values give a smoother
        function.
    epsilon : float, default=0.1
        Errors up to this size have no loss, in the unit of y.
    gamma : float, default=0.3
        Inverse squared width of the kernel; distances are scaled, see Notes.
    tol : float, default=1e-4
        Newton's method stops when the gradient, relative to the coefficients, is below
        this.
    max_iter : int, default=200
        Maximum number of Newton steps for each smoothing of the loss.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds.
    dual_coef_ : ndarray of shape (n_conditions, n_cells)
        Dual coefficients of the pairs.
    intercept_ : float
        Intercept.
    n_iter_ : int
        Number of Newton steps.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    PairwiseKernelRidge : Squared loss and another kernel.

    Notes
    -----
    Each gene is standardised over the training cells and divided by the square root
    of the number of genes; encoded compounds are divided by the square root of their
    total variance over the training compounds. Both blocks then have a mean squared
    distance of 2, and neither dominates. If training rows differ in dose or time, their
    standardised logarithms are a third block, scaled in the same way.

    The objective is that of :class:`sklearn.svm.SVR`, except that the loss is smoothed
    at `epsilon`, over a tenth of epsilon, or a thousandth of the standard deviation of
    y if that is more. It is minimised by Newton's method, with conjugate gradients for
    each step, which do not need the kernel matrix of rows. Memory grows with the square
    of the number of unique cells.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import SVMResponse
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> model = SVMResponse(expression=screen.expression)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **FeatureRegressor._parameter_constraints,
        "C": [Interval(Real, 0, None, closed="neither")],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        compound_encoder: CompoundEncoder = "morgan",
        C: float = 3.0,
        epsilon: float = 0.1,
        gamma: float = 0.3,
        tol: float = 1e-4,
        max_iter: int = 200,
        columns: Mapping[str, str] | None = None,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
    ) -> None:
        self.expression = expression
        self.compound_encoder = compound_encoder
        self.C = C
        self.epsilon = epsilon
        self.gamma = gamma
        self.tol = tol
        self.max_iter = max_iter
        self.columns = columns
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles

    def _fit(
        self, X: Any, y: Any, treatments: Treatments, response: np.ndarray
    ) -> None:
        grid, conditions = self._learn_kernels(treatments)
        pair = conditions.index * grid.eigenvalues.shape[1] + treatments.cell_index
        width = max(self.epsilon, float(response.std()) / 100, _MIN_WIDTH)
        self.dual_coef_, self.intercept_, self.n_iter_, converged = solve_svr(
            grid,
            pair,
            response,
            C=self.C,
            epsilon=self.epsilon,
            smoothing=_SMOOTHING * width,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        if not converged:
            warnings.warn(
                f"Newton's method stopped after max_iter={self.max_iter} steps without "
                f"reaching tol={self.tol:g}. Increase max_iter or tol, or decrease C.",
                ConvergenceWarning,
                stacklevel=find_stacklevel(),
            )

    def _predict(self, treatments: Treatments) -> np.ndarray:
        return self.intercept_ + self._predict_pairs(treatments, self.dual_coef_)

    def _scale_compounds(self, encodings: np.ndarray) -> None:
        variance = float(encodings.astype(np.float64).var(axis=0).sum())
        self._compound_gamma = 1.0 / variance if variance > 0 else 1.0

    def _compare_compounds(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return rbf_kernel(left, right, self.gamma * self._compound_gamma)

    def _compare_amounts(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return mean_square_kernel(left, right, self.gamma)

    def _compare_cells(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return mean_square_kernel(left, right, self.gamma)
