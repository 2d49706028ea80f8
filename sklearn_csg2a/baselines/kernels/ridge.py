"""PairwiseKernelRidge: a kernel of compounds times a kernel of cells."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from scipy.spatial.distance import cdist

from sklearn_csg2a._utils.choices import (
    CompoundEncoder,
    CompoundKernel,
    MissingGenes,
    OnInvalidSmiles,
    options,
)
from sklearn_csg2a._utils.sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
)
from sklearn_csg2a.baselines._features import FeatureRegressor
from sklearn_csg2a.baselines.kernels._kronecker import solve_ridge
from sklearn_csg2a.baselines.kernels._pairs import (
    SummedKernelRegressor,
    list_candidates,
    mean_square_kernel,
    split_to_choose,
    warn_not_converged,
)
from sklearn_csg2a.baselines.kernels._products import multiply_rows
from sklearn_csg2a.baselines.kernels._weights import read_weights
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.blocks import steady_threads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import pandas as pd

    from sklearn_csg2a.treatments import Treatments

__all__ = ["PairwiseKernelRidge"]


class PairwiseKernelRidge(SummedKernelRegressor):
    """Kernel ridge regression on pairs of a compound and a cell line.

    The kernel of two pairs is ``(k_compound + cell_weight) * (k_cell +
    compound_weight)``: a product for the interaction, and a term each for the effects
    of compounds and of cell lines. The matrix of all pairs is never formed, only a
    small one of compounds and one of cells.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="morgan"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer.
    compound_kernel : {"tanimoto", "linear"} or dict of str to these, default="tanimoto"
        Kernel of the encoded compounds: the Tanimoto similarity
        ``x.y / (|x|^2 + |y|^2 - x.y)``, or ``x.y``. A dict gives one for each part of
        a `FeatureUnion` by its name, and the kernels are added, so that annotations of
        compounds, such as mechanisms, are combined with their structure.
        `transformer_weights` of the union weight the kernels, by their squares.
    cell_kernel : {"rbf", "linear"}, default="rbf"
        Kernel of expression, each gene standardised over the training cells:
        ``exp(-gamma * mean((x - y)^2))`` or ``mean(x * y)`` over the genes.
    gamma : float, default=1.0
        Inverse squared width of the RBF kernel; the linear one ignores it.
    identity_weight : float, default=0.0
        Weight of the identity of cell lines in their kernel: what is special to a known
        one and does not show in its expression. About 1 ranks known cell lines better
        for new compounds; new ones are compared by expression alone.
    compound_weight : float, default=1.0
        Weight of the effects of compounds, ``k_compound`` alone.
    cell_weight : float, default=1.0
        Weight of the effects of cell lines, ``k_cell`` alone.
    alpha : float or list of float, default=0.3
        Ridge penalty. From a list, the value with the smallest squared error on
        held-out rows is chosen, and the model is then fitted to all rows.
    validation : float or splitter, default=0.1
        Fraction of rows held out at random, keeping the rows of a pair of cell and
        compound together, or a splitter whose first split is used. A splitter that
        shuffles with ``random_state=None`` follows `random_state`. Only used if `alpha`
        is a list; the splitter should hold out what the test will.
    tol : float, default=1e-6
        Conjugate gradients stop at this residual, relative to the right-hand side.
    max_iter : int, default=1000
        Maximum number of steps of conjugate gradients.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.
    random_state : int, RandomState instance or None, default=None
        Controls the rows held out to choose `alpha`, and nothing else.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds.
    alpha_ : float
        Penalty of the fitted model.
    validation_errors_ : ndarray of shape (n_alphas,) or None
        Mean squared error on the held-out rows for each `alpha`; None without a list.
    dual_coef_ : ndarray of shape (n_conditions, n_cells)
        Dual coefficients of the pairs; 0 for pairs that were not measured.
    intercept_ : float
        Mean of y.
    n_iter_ : int
        Number of steps of conjugate gradients in the final fit; 0 on a complete grid.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    MeanEffects : Effects of compounds and cell lines, without their descriptors.

    Notes
    -----
    y is only centered by its mean, not by mean effects: the two effect terms do that,
    and generalise to unseen compounds and cell lines. The two weights make the kernel
    as general as one weight for each term, up to a constant, which the intercept
    covers.

    If training rows differ in dose or time, a condition is a compound at a dose for a
    time, and its kernel is that of the compound times ``exp(-|z - z'|^2 / 2)`` of the
    standardised logarithms.

    Replicates of a pair are replaced by their mean, weighted by their number, which
    gives the same solution. If all pairs were measured, two eigendecompositions solve
    the system. Otherwise they precondition conjugate gradients, of which a step takes
    ``n_conditions * n_cells * (n_conditions + n_cells)`` multiplications, whatever the
    number of rows. Memory grows with the square of the number of unique cells, so a
    plain table can have about 10,000 different rows.

    References
    ----------
    Viljanen, M., Airola, A. and Pahikkala, T. (2022). Generalized vec trick for fast
    learning of pairwise kernel models. Machine Learning 111, 543-573.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> model = PairwiseKernelRidge(expression=screen.expression, alpha=[0.1, 1, 10],
    ...                             random_state=0)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.9
    True

    Structure and annotation, each with its own kernel:

    >>> from sklearn.pipeline import FeatureUnion
    >>> from sklearn_csg2a.encoders import AnnotationEncoder, MorganEncoder
    >>> compounds = screen.X[["smiles"]].drop_duplicates()
    >>> table = compounds.assign(target=["EGFR", "MAP2K1"] * (len(compounds) // 2))
    >>> known = AnnotationEncoder(table, columns=["target"], weight=0.5)
    >>> both = FeatureUnion([("bits", MorganEncoder()), ("known", known)])
    >>> model = PairwiseKernelRidge(
    ...     expression=screen.expression, compound_encoder=both,
    ...     compound_kernel={"bits": "tanimoto", "known": "linear"})
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **FeatureRegressor._parameter_constraints,
        "compound_kernel": [StrOptions(options(CompoundKernel)), dict],
        "cell_kernel": [StrOptions({"rbf", "linear"})],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "identity_weight": [Interval(Real, 0, None, closed="left")],
        "compound_weight": [Interval(Real, 0, None, closed="left")],
        "cell_weight": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "validation": [
            Interval(Real, 0, 1, closed="neither"),
            HasMethods(["split", "get_n_splits"]),
        ],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        compound_encoder: CompoundEncoder = "morgan",
        compound_kernel: CompoundKernel | Mapping[str, CompoundKernel] = "tanimoto",
        cell_kernel: Literal["rbf", "linear"] = "rbf",
        gamma: float = 1.0,
        identity_weight: float = 0.0,
        compound_weight: float = 1.0,
        cell_weight: float = 1.0,
        alpha: float | Sequence[float] = 0.3,
        validation: Any = 0.1,
        tol: float = 1e-6,
        max_iter: int = 1000,
        columns: Mapping[str, str] | None = None,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.expression = expression
        self.compound_encoder = compound_encoder
        self.compound_kernel = compound_kernel
        self.cell_kernel = cell_kernel
        self.gamma = gamma
        self.identity_weight = identity_weight
        self.compound_weight = compound_weight
        self.cell_weight = cell_weight
        self.alpha = alpha
        self.validation = validation
        self.tol = tol
        self.max_iter = max_iter
        self.columns = columns
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, by the column contract of the package.
        y : array-like of shape (n_rows,)
            Response, in the row order of X.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, as a number of measurements: rows from a noisier source
            have smaller ones. Rows of weight 0 are left out. None: all have 1.

        Returns
        -------
        self : PairwiseKernelRidge
            The fitted model.

        Raises
        ------
        InputError
            If X, y or weights cannot be used; the message names row, column and value.
        """
        with steady_threads():
            return self._fit_a_copy(X, y, sample_weight)

    def _fit(
        self,
        X: Any,
        y: Any,
        treatments: Treatments,
        response: np.ndarray,
        sample_weight: Any = None,
    ) -> None:
        alphas = list_candidates("alpha", self.alpha)
        weights = read_weights(sample_weight, treatments.row_labels, treatments.n_rows)
        self.validation_errors_ = None
        if len(alphas) > 1:
            parts = split_to_choose(self, X, y, treatments, "alpha")
            train, held_out = (rows[weights[rows] > 0] for rows in parts)
            if len(train) == 0 or len(held_out) == 0:
                msg = (
                    "All training rows or all rows held out to choose alpha have "
                    "sample_weight 0. Give a single alpha, or another validation=."
                )
                raise InputError(msg)
            errors = np.empty(len(alphas))
            unseen = treatments.take(held_out)
            models = self._solve(
                treatments.take(train), response[train], weights[train], alphas
            )
            for k, (dual, intercept, _) in enumerate(models):
                predicted = intercept + self._predict_pairs(unseen, dual)
                squares = (response[held_out] - predicted) ** 2
                errors[k] = np.average(squares, weights=weights[held_out])
            self.validation_errors_ = errors
            alphas = [alphas[int(np.argmin(errors))]]
        self.alpha_ = alphas[0]
        (solved,) = self._solve(treatments, response, weights, alphas)
        self.dual_coef_, self.intercept_, self.n_iter_ = solved

    def _predict(self, treatments: Treatments) -> np.ndarray:
        return self.intercept_ + self._predict_pairs(treatments, self.dual_coef_)

    def _solve(
        self,
        treatments: Treatments,
        response: np.ndarray,
        row_weights: np.ndarray,
        alphas: list[float],
    ) -> list[tuple[np.ndarray, float, int]]:
        """Return dual coefficients, intercept and steps for each alpha."""
        used = row_weights > 0
        if not used.all():
            treatments, response = treatments.take(used), response[used]
            row_weights = row_weights[used]
        grid, conditions = self._learn_kernels(treatments)
        shape = grid.eigenvalues.shape
        pair = conditions.index * shape[1] + treatments.cell_index
        size = shape[0] * shape[1]
        weights = np.bincount(pair, row_weights, minlength=size)
        intercept = float(np.average(response, weights=row_weights))
        deviations = row_weights * (response - intercept)
        totals = np.bincount(pair, deviations, minlength=size)
        target = np.divide(totals, weights, out=totals, where=weights > 0)
        target = target.reshape(shape)
        start: np.ndarray | None = None
        solved: dict[float, tuple[np.ndarray, float, int]] = {}
        for alpha in sorted(alphas, reverse=True):  # the easiest first
            dual, start, n_steps, converged = solve_ridge(
                grid,
                target,
                weights.reshape(shape),
                alpha,
                start=start,
                tol=self.tol,
                max_iter=self.max_iter,
            )
            if not converged:
                warn_not_converged(
                    f"max_iter={self.max_iter}",
                    f"tol={self.tol:g} at alpha={alpha:g}",
                    "Increase max_iter, tol or alpha.",
                )
            solved[alpha] = (dual, intercept, n_steps)
        return [solved[alpha] for alpha in alphas]

    def _compare_conditions(self, left: Any, right: Any) -> np.ndarray:
        return super()._compare_conditions(left, right) + self.cell_weight

    def _compare_cells(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if self.cell_kernel == "linear":
            kernel = multiply_rows(left, right.T) / left.shape[1]
        else:
            kernel = mean_square_kernel(left, right, self.gamma)
        if self.identity_weight > 0:
            is_same = cdist(left, right, "sqeuclidean") == 0
            kernel = kernel + self.identity_weight * is_same
        return kernel + self.compound_weight
