"""Treatments as a matrix, for regressors that know neither cells nor compounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.choices import (
    CompoundEncoder,
    MissingGenes,
    OnInvalidSmiles,
    options,
)
from sklearn_csg2a._utils.sklearn_compat import HasMethods, StrOptions, fit_context
from sklearn_csg2a.encoders._pair_layout import (
    PairLayout,
    encode_treatments,
    fit_encoder,
)
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.treatments._read import TreatmentEstimator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sklearn.utils import Tags

    from sklearn_csg2a.treatments import Treatments

__all__ = ["PairFeatures"]


class PairFeatures(TransformerMixin, TreatmentEstimator):
    """Turn treatments into a matrix: genes, encoded compound, dose and time.

    Put before any regressor of numbers, it makes a model of drug response of it. The
    columns are those of the trees among the baselines.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns. Rows of X
        are looked up in it by ``cell_line``. None: X has one column per gene. Clones
        share the table: do not modify it in place.
    encoder : {"auto", "morgan", "mat"} or transformer, default="morgan"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    missing_genes : {"error", "zero"}, default="error"
        What to do if X lacks genes of the model: raise an error, or set them to 0, the
        population median of robust z-scores.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `transform` does with rows whose SMILES is invalid: raise an error, or
        return NaN. `fit` always raises an error.

    Attributes
    ----------
    genes_ : ndarray of shape (n_genes,)
        Genes known from fit, in their order.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds.
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    sklearn_csg2a.compare : Judge the regressor beside naive models.
    sklearn_csg2a.baselines.RandomForestResponse : Trees on the same columns.

    Notes
    -----
    A row holds the expression of the cell line, the encoded compound and, where
    training rows differ in them, the logarithms of dose and time, standardized.
    Columns that are constant over the training cells or compounds, or equal to an
    earlier one, tell no two training rows apart and are left out. Genes are not
    scaled: add a ``StandardScaler`` where the regressor needs it.

    Each compound is encoded once, and the encodings are shared by all folds of a
    cross-validation. The matrix itself has a row for each row of X, in float32: 80,000
    rows of 2,000 columns take 640 MB. The models of this package work on unique cells
    and compounds and need no such matrix.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.encoders import PairFeatures
    >>> screen = make_screen(random_state=0)
    >>> model = make_pipeline(PairFeatures(screen.expression), Ridge())
    >>> model.fit(screen.X, screen.y).score(screen.X, screen.y) > 0.5
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "expression": [pd.DataFrame, None],
        "encoder": [
            StrOptions({"auto", "morgan", "mat"}),
            HasMethods(["fit", "transform"]),
        ],
        "columns": [dict, None],
        "missing_genes": [StrOptions(options(MissingGenes))],
        "on_invalid_smiles": [StrOptions(options(OnInvalidSmiles))],
    }

    def __init__(
        self,
        expression: pd.DataFrame | None = None,
        encoder: CompoundEncoder = "morgan",
        *,
        columns: Mapping[str, str] | None = None,
        missing_genes: MissingGenes = "error",
        on_invalid_smiles: OnInvalidSmiles = "raise",
    ) -> None:
        self.expression = expression
        self.encoder = encoder
        self.columns = columns
        self.missing_genes = missing_genes
        self.on_invalid_smiles = on_invalid_smiles

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the genes, the encoder and the columns that vary.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, by the column contract of the package.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        return self._fit_a_copy(X, y)

    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Read X, then learn the layout of a row."""
        del y
        treatments = self._read_for_fit(X)
        self._remember(treatments)
        self.encoder_ = fit_encoder(self.encoder, treatments)
        encodings = encode_treatments(self.encoder_, treatments)
        self._layout = PairLayout(treatments, encodings)

    @steady_threads()
    def transform(self, X: Any) -> np.ndarray:
        """Return the features of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments.

        Returns
        -------
        features : ndarray of shape (n_rows, n_features), dtype float32
            Genes, encoded compound, dose and time; NaN in rows whose SMILES is
            invalid, if `on_invalid_smiles` is "nan".
        """
        check_is_fitted(self)
        rows = self._predict_rows(X, self._list_rows, self._layout.width)
        return rows.astype(np.float32, copy=False)

    def _list_rows(self, treatments: Treatments) -> np.ndarray:
        """Return the features of treatments with valid compounds: (n_rows, width)."""
        encodings = encode_treatments(self.encoder_, treatments)
        blocks = self._layout.blocks(treatments, encodings)
        return blocks.rows(np.arange(treatments.n_rows), np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of the matrix.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            Genes, "compound0" and so on by the column of the encoding, "log10 dose"
            and "log10 time". "constant" if no column varies.
        """
        check_is_fitted(self)
        layout = self._layout
        names = [
            *self.genes_[layout.gene_columns],
            *(f"compound{column}" for column in layout.compound_columns),
            *(f"log10 {('dose', 'time')[k]}" for k in layout.amount_scaler.used),
        ]
        return np.asarray(names or ["constant"], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: the matrix is float32, whatever X is."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
