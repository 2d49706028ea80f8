"""Gradient boosting on fingerprints and expression."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_csg2a._utils.choices import CompoundEncoder, MissingGenes, OnInvalidSmiles
from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a._utils.sklearn_compat import Interval, StrOptions
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.baselines._features import FeatureRegressor
from sklearn_csg2a.baselines.trees._base import TreeResponse
from sklearn_csg2a.baselines.trees._boost import BoostingSettings, boost
from sklearn_csg2a.baselines.trees._stored import StoresTrees
from sklearn_csg2a.baselines.trees._trees import Trees
from sklearn_csg2a.encoders._pair_layout import PairLayout

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from sklearn_csg2a.baselines.trees._columns import Factor
    from sklearn_csg2a.treatments import Treatments

__all__ = ["GradientBoostingResponse"]

_BLOCK_ROWS = 8192
_MAX_LEAVES = 131_072  # of a tree of LightGBM
_MIN_ROWS_FOR_THREADS = 2000  # with fewer, a single thread is faster
_HISTOGRAM_MEGABYTES = 1024  # that LightGBM may keep


class GradientBoostingResponse(StoresTrees, TreeResponse):
    """Gradient-boosted histogram trees on Morgan fingerprints and basal expression.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="morgan"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer.
    max_iter : int, default=200
        Number of trees.
    learning_rate : float, default=0.1
        Factor of the contribution of each tree.
    max_leaf_nodes : int or None, default=31
        Maximum number of leaves of a tree; None: unlimited.
    min_samples_leaf : int, default=20
        Minimum number of rows in a leaf.
    max_features : float, default=1.0
        Fraction of columns considered for a split.
    l2_regularization : float, default=0.0
        Penalty on the values of the leaves.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.
    random_state : int, RandomState instance or None, default=None
        Controls the columns considered for a split, if not all.
    library : {"scikit-learn", "lightgbm"} or None, default=None
        Library that grows the trees on a matrix of all rows. None grows them on the
        unique cell lines and compounds, which takes a fraction of the time and memory
        where there are far fewer of them than rows. LightGBM is an optional package:
        ``pip install 'sklearn_csg2a[boosting]'``.
    n_jobs : int, default=None
        Number of threads of LightGBM; -1 uses all processors. None uses one thread for
        fewer than 2,000 rows, and otherwise as many as OpenMP would (all processors, or
        `OMP_NUM_THREADS`), as scikit-learn's trees always do. The number may change the
        last digits of a sum. Without a library there is one thread.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds.
    trees_ : object
        The trees, on the distinct columns of genes and fingerprint; with a library, its
        HistGradientBoostingRegressor or LGBMRegressor.
    n_iter_ : int
        Number of trees.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    RandomForestResponse : Trees fitted independently.

    Notes
    -----
    The columns are those of :class:`RandomForestResponse`, sorted into at most 32 bins
    each, with about equal numbers of cell lines or compounds; the libraries have up to
    255 bins. No rows are held out and all trees are grown: the early stopping of
    scikit-learn holds out random rows, which does not measure the error on new
    compounds.

    A split by a gene divides cell lines, one by a bit of the fingerprint compounds.
    To find the best split of some rows, their residuals are therefore first summed by
    cell line and by compound, which is all that depends on the number of rows. The
    trees are those of the usual algorithm with these bins.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import GradientBoostingResponse
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> model = GradientBoostingResponse(expression=screen.expression, max_iter=5)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.4
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **FeatureRegressor._parameter_constraints,
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_leaf_nodes": [Interval(Integral, 2, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "max_features": [Interval(Real, 0, 1, closed="right")],
        "l2_regularization": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "library": [StrOptions({"scikit-learn", "lightgbm"}), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        compound_encoder: CompoundEncoder = "morgan",
        max_iter: int = 200,
        learning_rate: float = 0.1,
        max_leaf_nodes: int | None = 31,
        min_samples_leaf: int = 20,
        max_features: float = 1.0,
        l2_regularization: float = 0.0,
        columns: Mapping[str, str] | None = None,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
        random_state: int | np.random.RandomState | None = None,
        library: Literal["scikit-learn", "lightgbm"] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.expression = expression
        self.compound_encoder = compound_encoder
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.l2_regularization = l2_regularization
        self.columns = columns
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles
        self.random_state = random_state
        self.library = library
        self.n_jobs = n_jobs

    @property
    def n_iter_(self) -> int:
        """Number of trees."""
        return (
            len(self.trees_) if isinstance(self.trees_, Trees) else self.trees_.n_iter_
        )

    def _fit(
        self, X: Any, y: Any, treatments: Treatments, response: np.ndarray
    ) -> None:
        if self.library is None:
            super()._fit(X, y, treatments, response)
            return
        (seed,) = draw_seeds(self.random_state, 1)
        encodings = self._fit_encoder(treatments)
        self._layout = PairLayout(treatments, encodings)
        blocks = self._layout.blocks(treatments, encodings)
        self.trees_ = self._make_trees(seed, treatments.n_rows)
        every = np.arange(treatments.n_rows)
        self.trees_.fit(blocks.rows(every, self._row_type), response)

    def _predict(self, treatments: Treatments) -> np.ndarray:
        if isinstance(self.trees_, Trees):
            return super()._predict(treatments)
        blocks = self._layout.blocks(treatments, self._encode(treatments))
        predicted = np.empty(treatments.n_rows)
        for first in range(0, treatments.n_rows, _BLOCK_ROWS):
            at = np.arange(first, min(first + _BLOCK_ROWS, treatments.n_rows))
            predicted[at] = self.trees_.predict(blocks.rows(at, self._row_type))
        return predicted

    @property
    def _row_type(self) -> type[np.floating]:
        """The data type of rows that the library does not copy."""
        histograms = isinstance(self.trees_, HistGradientBoostingRegressor)
        return np.float64 if histograms else np.float32

    def _grow(self, factors: list[Factor], response: np.ndarray, seed: int) -> Trees:
        settings = BoostingSettings(
            self.max_iter,
            self.learning_rate,
            self.max_leaf_nodes,
            self.min_samples_leaf,
            self.max_features,
            self.l2_regularization,
        )
        return boost(factors, response, settings, np.random.RandomState(seed))

    def _make_trees(self, seed: int, n_rows: int) -> Any:
        """Return the unfitted model of the library."""
        if self.library == "lightgbm":
            return self._make_lightgbm(seed, n_rows)
        return HistGradientBoostingRegressor(
            max_iter=self.max_iter,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            max_features=float(self.max_features),
            l2_regularization=self.l2_regularization,
            early_stopping=False,
            random_state=seed,
        )

    def _make_lightgbm(self, seed: int, n_rows: int) -> Any:
        """Return the unfitted LGBMRegressor with the same settings."""
        lightgbm = import_optional(
            "lightgbm", extra="boosting", purpose="library='lightgbm'"
        )
        # LightGBM allocates memory for all leaves that it is allowed.
        possible = min(max(n_rows // self.min_samples_leaf, 2), _MAX_LEAVES)
        as_openmp_decides = 0
        default = 1 if n_rows < _MIN_ROWS_FOR_THREADS else as_openmp_decides
        return lightgbm.LGBMRegressor(
            n_estimators=self.max_iter,
            learning_rate=self.learning_rate,
            num_leaves=min(self.max_leaf_nodes or possible, possible),
            min_child_samples=self.min_samples_leaf,
            feature_fraction_bynode=float(self.max_features),
            reg_lambda=self.l2_regularization,
            random_state=seed,
            n_jobs=default if self.n_jobs is None else self.n_jobs,
            deterministic=True,
            force_row_wise=True,
            histogram_pool_size=_HISTOGRAM_MEGABYTES,
            verbose=-1,
        )
