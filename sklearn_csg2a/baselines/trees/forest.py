"""Random forest on fingerprints and expression."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sklearn_csg2a._utils.choices import CompoundEncoder, MissingGenes, OnInvalidSmiles
from sklearn_csg2a._utils.sklearn_compat import Interval, RealNotInt, StrOptions
from sklearn_csg2a.baselines._features import FeatureRegressor
from sklearn_csg2a.baselines.trees._base import TreeResponse
from sklearn_csg2a.baselines.trees._forest import ForestSettings, grow_forest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

    from sklearn_csg2a.baselines.trees._columns import Factor
    from sklearn_csg2a.baselines.trees._trees import Trees

__all__ = ["RandomForestResponse"]


class RandomForestResponse(TreeResponse):
    """Random forest on Morgan fingerprints and basal expression.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="morgan"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer.
    n_estimators : int, default=100
        Number of trees.
    max_depth : int, default=None
        Maximum depth of a tree; None grows it until the leaves cannot be split.
    min_samples_leaf : int, default=1
        Minimum number of drawn rows in a leaf.
    max_features : float, int, {"sqrt", "log2"} or None, default=0.1
        Number or fraction of columns considered for a split, as in scikit-learn.
    max_samples : float, int or None, default=0.5
        Number or fraction of rows drawn, with replacement, for each tree; None draws as
        many as there are.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.
    random_state : int, RandomState instance or None, default=None
        Controls the rows and columns drawn for each tree.
    n_jobs : int, default=None
        Number of threads; -1 uses all processors.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes of the model, in its order.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds.
    trees_ : object
        The trees, on the distinct columns of genes and fingerprint.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    GradientBoostingResponse : Trees fitted one after the other.

    Notes
    -----
    A row holds the expression of the cell line, the encoded compound and, where
    training rows differ in them, the logarithms of dose and time. Columns that are
    constant over the training compounds or cells, or equal to an earlier one, cannot
    change a split and are left out.

    Columns are sorted into at most 32 bins, with about equal numbers of cell lines or
    compounds, and a threshold is half way between the neighboring bins in a node. All
    nodes of a level of some trees are divided at once, by the sums of their rows by
    cell line and by compound. If none of the columns drawn for a node divides its rows,
    more are drawn.

    The defaults of scikit-learn consider all columns for a split and draw as many
    rows as there are. The time of a fit grows with `max_features` and `max_samples`;
    the smaller defaults here are meant for tens of thousands of rows, and a small table
    may want more of both.

    Examples
    --------
    >>> from sklearn_csg2a.baselines import RandomForestResponse
    >>> from sklearn_csg2a.datasets import make_screen
    >>> screen = make_screen(random_state=0)
    >>> model = RandomForestResponse(
    ...     expression=screen.expression, n_estimators=10, random_state=0)
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.8
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **FeatureRegressor._parameter_constraints,
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "max_features": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            StrOptions({"sqrt", "log2"}),
            None,
        ],
        "max_samples": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
            None,
        ],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        expression: pd.DataFrame | None = None,
        compound_encoder: CompoundEncoder = "morgan",
        n_estimators: int = 100,
        max_depth: int | None = None,
        min_samples_leaf: int = 1,
        max_features: float | Literal["sqrt", "log2"] | None = 0.1,
        max_samples: float | None = 0.5,
        columns: Mapping[str, str] | None = None,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.expression = expression
        self.compound_encoder = compound_encoder
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_samples = max_samples
        self.columns = columns
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _grow(self, factors: list[Factor], response: np.ndarray, seed: int) -> Trees:
        n_rows, drawn = len(response), self.max_samples
        if drawn is None:
            drawn = n_rows
        elif not isinstance(drawn, Integral):
            drawn = max(round(float(drawn) * n_rows), 1)
        settings = ForestSettings(
            self.n_estimators,
            self.max_depth,
            self.min_samples_leaf,
            self.max_features,
            min(int(drawn), n_rows),
        )
        return grow_forest(factors, response, settings, seed, self.n_jobs)
