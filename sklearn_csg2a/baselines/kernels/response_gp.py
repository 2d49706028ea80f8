"""ResponseGaussianProcess: covariance of compounds learned from their responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy import linalg
from scipy.spatial.distance import cdist

from sklearn_csg2a._utils.choices import (
    CompoundEncoder,
    CompoundKernel,
    MissingGenes,
    OnInvalidSmiles,
    options,
)
from sklearn_csg2a._utils.sklearn_compat import HasMethods, Interval, StrOptions
from sklearn_csg2a.baselines._features import FeatureRegressor
from sklearn_csg2a.baselines.kernels._kronecker import SpectralGrid, solve_ridge
from sklearn_csg2a.baselines.kernels._pairs import (
    PairSide,
    SummedKernelRegressor,
    list_candidates,
    split_to_choose,
    warn_not_converged,
)
from sklearn_csg2a.baselines.kernels._products import multiply_rows
from sklearn_csg2a.baselines.kernels._response_covariance import learn_covariance
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.metrics._two_factors import fit_two_factors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn_csg2a.encoders._pair_layout import Conditions
    from sklearn_csg2a.treatments import Treatments

__all__ = ["ResponseGaussianProcess"]

_MEAN_SHRINKAGE = 1.0  # rows with no effect, added to each condition and each cell
_MAX_STEPS = 1000  # of conjugate gradients


class ResponseGaussianProcess(SummedKernelRegressor):
    """Gaussian process whose covariance of compounds is learned from the responses.

    Two compounds are similar if cell lines respond to them alike, whatever their
    structure. The covariance of all pairs of compounds is estimated from the responses
    themselves, and each measurement of a cell line then tells about all compounds.
    Best for new pairs of known compounds and cell lines; new cell lines are predicted
    through their expression, new compounds through those of similar structure.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="morgan"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer. Only
        predictions of new compounds use it.
    compound_kernel : {"tanimoto", "linear"} or dict of str to these, default="tanimoto"
        Kernel of the encoded compounds: the Tanimoto similarity
        ``x.y / (|x|^2 + |y|^2 - x.y)``, or ``x.y``. A dict gives one for each part of
        a `FeatureUnion` by its name, and the kernels are added, so that annotations of
        compounds, such as mechanisms, are combined with their structure.
        `transformer_weights` of the union weight the kernels, by their squares.
    gamma : float, default=0.5
        Inverse squared width of the kernel of cell lines,
        ``exp(-gamma * mean((x - y)^2))`` over the genes, each standardised over the
        training cells.
    expression_share : float, default=0.7
        Share of the covariance of cell lines that follows this kernel, between 0 and 1.
        The rest is particular to each cell line, and is not known of new ones.
    noise : float or list of float, default=0.15
        Variance of the noise, relative to the variance within compounds; the mean over
        compounds. From a list, the value with the smallest squared error on held-out
        rows is chosen, and the model is then fitted to all rows.
    shrinkage : float, default=10.0
        Weight of a multiple of the identity in the covariance of compounds, in cell
        lines.
    alpha : float, default=1.0
        Ridge penalty of the weights by which the profile of a new compound over cell
        lines is combined from those of the training compounds.
    level_alpha : float, default=0.3
        The same for its mean.
    validation : float or splitter, default=0.1
        Fraction of rows held out at random, keeping the rows of a pair of cell and
        compound together, or a splitter whose first split is used. A splitter that
        shuffles with ``random_state=None`` follows `random_state`. Only used if `noise`
        is a list; the splitter should hold out what the test will.
    max_iter : int, default=12
        Maximum number of steps of expectation maximisation.
    tol : float, default=1e-4
        Expectation maximisation stops if the covariance changes by less than this,
        relative to its norm; conjugate gradients stop at this residual, relative to the
        right-hand side.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.
    random_state : int, RandomState instance or None, default=None
        Controls the rows held out to choose `noise`, and nothing else.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds.
    identities_ : ndarray of shape (n_conditions,)
        Identity of the compound of each condition; "" without compounds.
    condition_means_ : ndarray of shape (n_conditions,)
        Shrunken mean of each condition, in the unit of y.
    covariance_ : ndarray of shape (n_conditions, n_conditions)
        Covariance of the responses to conditions, in the squared unit of y.
    noise_variance_ : ndarray of shape (n_conditions,)
        Variance of the noise of a measurement, in the squared unit of y.
    noise_ : float
        Relative noise of the fitted model.
    validation_errors_ : ndarray of shape (n_noises,) or None
        Mean squared error on the held-out rows for each `noise`; None without a list.
    dual_coef_ : ndarray of shape (n_conditions, n_cells)
        Dual coefficients of the pairs; 0 for pairs that were not measured.
    n_iter_ : int
        Number of steps of expectation maximisation in the final fit.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    LatentFactors : Matrix factorisation, without descriptors.
    PairwiseKernelRidge : Covariance of compounds from their structure.

    Notes
    -----
    The response of cell line c to compound d is ``mean_d + f(d, c) + noise``, with ::

        cov(f(d, c), f(d', c')) = S[d, d'] * ((1 - share) [c = c'] + share k(c, c'))

    The means are the effects of compounds beside those of cell lines, so that S
    contains the main effect of cell lines. S is estimated first, by expectation
    maximisation for cell lines that are independent given S, with missing pairs treated
    exactly; the few steps shrink it, too. The noise of each compound is estimated on
    the way, up to their mean. Given S, f is the posterior mean, by conjugate gradients.
    Cell lines with the same expression are one.

    A new compound has the mean of the training compounds plus
    ``k' (K + level_alpha I)^-1`` times their deviations from it, where K and k are the
    kernels of structure. Its profile f is combined alike, with `alpha`.

    All spellings of a compound, and its salts, are one. If training rows differ in dose
    or time, each compound at a dose for a time is a condition with covariances of its
    own; the kernel of new ones is that of the compound times ``exp(-|z - z'|^2 / 2)``
    of the standardised logarithms. Replicates of a pair are replaced by their mean,
    with less noise.

    A step of expectation maximisation takes about ``n_cells * n_measured^3``
    multiplications, with the number of conditions measured in a cell line; cell lines
    with the same conditions and numbers of replicates share them. So the number of
    conditions should be at most some thousand.

    References
    ----------
    Bonilla, E. V., Chai, K. M. A. and Williams, C. K. I. (2008). Multi-task Gaussian
    process prediction. Advances in Neural Information Processing Systems 20, 153-160.

    Little, R. J. A. and Rubin, D. B. (2002). Statistical analysis with missing data,
    2nd edition, chapter 11. Wiley, Hoboken.

    Examples
    --------
    Half of the compounds act alike on cell lines, and so do the others. One pair, with
    a response of 1, is left out.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import MeanEffects, ResponseGaussianProcess
    >>> X = pd.MultiIndex.from_product(
    ...     [list("abcdefgh"), ["C", "CC", "CO", "CN"]], names=["cell_line", "smiles"]
    ... ).to_frame(index=False)
    >>> y = np.outer([1, -1] * 4, [1, 1, -1, -1]).ravel()
    >>> genes = np.random.default_rng(0).normal(size=(8, 3))
    >>> expression = pd.DataFrame(genes, list("abcdefgh"), ["g1", "g2", "g3"])
    >>> MeanEffects().fit(X[1:], y[1:]).predict(X[:1]).round(1)
    array([-0.4])
    >>> model = ResponseGaussianProcess(expression=expression, shrinkage=1.0)
    >>> model.fit(X[1:], y[1:]).predict(X[:1]).round(1)
    array([0.6])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **FeatureRegressor._parameter_constraints,
        "compound_kernel": [StrOptions(options(CompoundKernel)), dict],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "expression_share": [Interval(Real, 0, 1, closed="both")],
        "noise": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "level_alpha": [Interval(Real, 0, None, closed="neither")],
        "validation": [
            Interval(Real, 0, 1, closed="neither"),
            HasMethods(["split", "get_n_splits"]),
        ],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        compound_encoder: CompoundEncoder = "morgan",
        compound_kernel: CompoundKernel | Mapping[str, CompoundKernel] = "tanimoto",
        gamma: float = 0.5,
        expression_share: float = 0.7,
        noise: float | Sequence[float] = 0.15,
        shrinkage: float = 10.0,
        alpha: float = 1.0,
        level_alpha: float = 0.3,
        validation: Any = 0.1,
        max_iter: int = 12,
        tol: float = 1e-4,
        columns: Mapping[str, str] | None = None,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.expression = expression
        self.compound_encoder = compound_encoder
        self.compound_kernel = compound_kernel
        self.gamma = gamma
        self.expression_share = expression_share
        self.noise = noise
        self.shrinkage = shrinkage
        self.alpha = alpha
        self.level_alpha = level_alpha
        self.validation = validation
        self.max_iter = max_iter
        self.tol = tol
        self.columns = columns
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles
        self.random_state = random_state

    def _fit(
        self, X: Any, y: Any, treatments: Treatments, response: np.ndarray
    ) -> None:
        noises = list_candidates("noise", self.noise)
        self.validation_errors_ = None
        if len(noises) > 1:
            train, held_out = split_to_choose(self, X, y, treatments, "noise")
            errors = np.empty(len(noises))
            known, unseen = treatments.take(train), treatments.take(held_out)
            for k, noise in enumerate(noises):
                self._solve(known, response[train], noise)
                errors[k] = np.mean((response[held_out] - self._predict(unseen)) ** 2)
            self.validation_errors_ = errors
            noises = [noises[int(np.argmin(errors))]]
        self.noise_ = noises[0]
        self._solve(treatments, response, self.noise_)

    def _solve(
        self, treatments: Treatments, response: np.ndarray, noise: float
    ) -> None:
        """Learn means and covariances, then the dual coefficients."""
        treatments, identities = _merge_spellings(treatments)
        conditions = self._learn_sides(treatments)
        self.identities_ = identities[conditions.compound]
        shape = conditions.n_conditions, treatments.n_cells
        pair = conditions.index * shape[1] + treatments.cell_index
        size = shape[0] * shape[1]
        counts = np.bincount(pair, minlength=size).reshape(shape)
        self.condition_means_ = _shrunken_means(conditions, treatments, response)
        residuals = response - self.condition_means_[conditions.index]
        totals = np.bincount(pair, residuals, minlength=size).reshape(shape)
        target = totals / np.maximum(counts, 1)
        scale = float(np.sqrt(np.mean(target[counts > 0] ** 2))) or 1.0
        target /= scale
        learned = learn_covariance(
            target.T,
            counts.T,
            noise=noise,
            shrinkage=self.shrinkage,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        self.n_iter_ = learned.n_iter
        dual, _, _, converged = solve_ridge(
            SpectralGrid(learned.covariance, self._compare_known_cells()),
            target,
            counts / learned.noise[:, None],
            alpha=1.0,
            start=None,
            tol=self.tol,
            max_iter=_MAX_STEPS,
        )
        if not converged:
            warn_not_converged(
                f"{_MAX_STEPS}", f"tol={self.tol:g}", "Increase tol or noise."
            )
        self.covariance_ = scale**2 * learned.covariance
        self.noise_variance_ = scale**2 * learned.noise
        self.dual_coef_ = dual / scale
        self._learn_to_combine()

    def _learn_to_combine(self) -> None:
        """Store what turns the kernel of a new condition into weights of known ones."""
        known = self._known_conditions
        kernel = self._compare_conditions(known, known)
        self._profile_smoother = _smooth(kernel, self.alpha)
        self._level_smoother = _smooth(kernel, self.level_alpha)

    def _predict(self, treatments: Treatments) -> np.ndarray:
        conditions = self._amount_scaler.conditions(treatments)
        encodings = self._encode(treatments)
        side = PairSide(encodings[conditions.compound], conditions.amounts)
        kernel = self._compare_conditions(side, self._known_conditions)
        identities = _identify(treatments)[conditions.compound]
        known = self._find_known(identities, conditions.amounts)
        of_levels = _weigh(kernel, self._level_smoother, known)
        of_profiles = _weigh(kernel, self._profile_smoother, known)
        level = multiply_rows(of_levels, self.condition_means_[:, None])[:, 0]
        profiles = multiply_rows(
            multiply_rows(of_profiles, self.covariance_), self.dual_coef_
        )
        deviation = self._combine(profiles, treatments, conditions)
        return level[conditions.index] + deviation

    def _find_known(self, identities: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        """Return the position of each condition among the known ones, -1 if new."""
        known = _list_keys(self.identities_, self._known_conditions.amounts)
        position_of = {key: k for k, key in enumerate(known)}
        return np.array(
            [position_of.get(key, -1) for key in _list_keys(identities, amounts)]
        )

    def _compare_cells(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        squares = cdist(left, right, "sqeuclidean")
        own = (1 - self.expression_share) * (squares == 0)
        squares *= -self.gamma / left.shape[1]
        return own + self.expression_share * np.exp(squares)


def _identify(treatments: Treatments) -> np.ndarray:
    """Return the identity of each compound; a single "" without compounds."""
    if not treatments.has_compounds:
        return np.array([""], dtype=object)
    return compound_identities(treatments.smiles)


def _merge_spellings(treatments: Treatments) -> tuple[Treatments, np.ndarray]:
    """Return treatments with one compound for each identity, and the identities."""
    codes, identities = pd.factorize(_identify(treatments))
    if not treatments.has_compounds:
        return treatments, identities
    _, first = np.unique(codes, return_index=True)
    merged = replace(
        treatments,
        smiles=tuple(treatments.smiles[k] for k in first),
        compound_index=codes[treatments.compound_index],
    )
    return merged, identities


def _shrunken_means(
    conditions: Conditions, treatments: Treatments, response: np.ndarray
) -> np.ndarray:
    """Return the mean of each condition beside effects of cells, (n_conditions,)."""
    sides = [
        (conditions.index, conditions.n_conditions),
        (treatments.cell_index, treatments.n_cells),
    ]
    swapped = sides[0][1] > sides[1][1]
    fewer, longer = sides[::-1] if swapped else sides
    intercept, *effects = fit_two_factors(
        fewer, longer, response[:, None], _MEAN_SHRINKAGE
    )
    return (intercept + effects[1 if swapped else 0])[:, 0]


def _smooth(kernel: np.ndarray, alpha: float) -> np.ndarray:
    """Return ``(K + alpha I)^-1`` for deviations from the mean, (D, D)."""
    penalised = kernel + alpha * np.eye(len(kernel))
    inverse = linalg.solve(penalised, np.eye(len(kernel)), assume_a="pos")
    return inverse - inverse.mean(axis=1, keepdims=True)


def _weigh(kernel: np.ndarray, smoother: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the weights of known conditions in each condition, (n, D).

    `kernel` is (n, D), and a condition at a position of `known` (n,) is itself.
    """
    weights = 1 / len(smoother) + multiply_rows(kernel, smoother)
    (at,) = np.nonzero(known >= 0)
    weights[at] = 0
    weights[at, known[at]] = 1
    return weights


def _list_keys(compounds: np.ndarray, amounts: np.ndarray) -> list[tuple[Any, ...]]:
    """Return a key for each condition."""
    return [
        (compound, *scaled)
        for compound, scaled in zip(compounds, amounts.tolist(), strict=True)
    ]
