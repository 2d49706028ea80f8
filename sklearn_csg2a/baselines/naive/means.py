"""Naive models: means of all rows, by drug, by cell line and by tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sklearn_csg2a._utils.choices import OnInvalidSmiles
from sklearn_csg2a.baselines.naive._base import SHARED_CONSTRAINTS, NaiveRegressor
from sklearn_csg2a.baselines.naive._levels import code_levels, find_levels, level_means
from sklearn_csg2a.treatments import Identifiers, read_column

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CellMean", "DrugMean", "GlobalMean", "TissueDrugMean", "TissueMean"]


class GlobalMean(NaiveRegressor):
    """Predict the mean of y.

    Parameters
    ----------
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    mean_ : ndarray of shape (n_outputs,)
        Mean of y.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import GlobalMean
    >>> X = pd.DataFrame({"cell_line": ["A549", "MCF7"], "smiles": ["CCO", "CO"]})
    >>> GlobalMean().fit(X, [1.0, 2.0]).predict(X)
    array([1.5, 1.5])
    """


class DrugMean(NaiveRegressor):
    """Predict the mean of the drug, or the overall mean if it is unseen.

    All spellings of a compound, and its salts, are one drug.

    Parameters
    ----------
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    mean_ : ndarray of shape (n_outputs,)
        Mean of y.
    drugs_ : ndarray of shape (n_drugs,)
        Identities of the drugs.
    drug_means_ : ndarray of shape (n_drugs, n_outputs)
        Mean of each drug.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import DrugMean
    >>> X = pd.DataFrame({"cell_line": ["A549", "MCF7"], "smiles": ["CCO", "CO"]})
    >>> model = DrugMean().fit(X, [1.0, 2.0])
    >>> model.predict(pd.DataFrame({"smiles": ["OC", "CCN"]}))
    array([2. , 1.5])
    """

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        super()._fit(X, identifiers, response)
        codes, self.drugs_ = find_levels(identifiers.compound)
        self.drug_means_ = level_means(codes, len(self.drugs_), response)

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        codes = code_levels(identifiers.compound, self.drugs_)
        return np.vstack([self.drug_means_, self.mean_])[codes]


class CellMean(NaiveRegressor):
    """Predict the mean of the cell line, or the overall mean if it is unseen.

    A cell line is identified by its id, or by its expression if X had no column
    ``cell_line`` in `fit`.

    Parameters
    ----------
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    mean_ : ndarray of shape (n_outputs,)
        Mean of y.
    cells_ : ndarray of shape (n_cells,)
        Ids of the cell lines, or the bytes of their expression.
    cell_means_ : ndarray of shape (n_cells, n_outputs)
        Mean of each cell line.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import CellMean
    >>> X = pd.DataFrame({"cell_line": ["A549", "MCF7"], "smiles": ["CCO", "CO"]})
    >>> CellMean().fit(X, [1.0, 2.0]).predict(X.assign(cell_line=["MCF7", "T47D"]))
    array([2. , 1.5])
    """

    _uses_cells: ClassVar[bool] = True

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        super()._fit(X, identifiers, response)
        codes, self.cells_ = find_levels(identifiers.cell)
        self.cell_means_ = level_means(codes, len(self.cells_), response)

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        codes = code_levels(identifiers.cell, self.cells_)
        return np.vstack([self.cell_means_, self.mean_])[codes]


class TissueMean(NaiveRegressor):
    """Predict the mean of the tissue, or the overall mean if unseen or missing.

    A plain array has no tissues: the prediction is the mean of y.

    Parameters
    ----------
    tissue : str, default="tissue"
        Column of X with the tissue.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    mean_ : ndarray of shape (n_outputs,)
        Mean of y.
    tissues_ : ndarray of shape (n_tissues,)
        Tissues seen in fit.
    tissue_means_ : ndarray of shape (n_tissues, n_outputs)
        Mean of each tissue.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import TissueMean
    >>> X = pd.DataFrame({"tissue": ["lung", "breast"], "smiles": ["CCO", "CO"]})
    >>> TissueMean().fit(X, [1.0, 2.0]).predict(X)
    array([1., 2.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED_CONSTRAINTS,
        "tissue": [str],
    }

    def __init__(
        self,
        *,
        tissue: str = "tissue",
        columns: Mapping[str, str] | None = None,
        on_invalid_smiles: OnInvalidSmiles = "raise",
    ) -> None:
        super().__init__(columns=columns, on_invalid_smiles=on_invalid_smiles)
        self.tissue = tissue

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        super()._fit(X, identifiers, response)
        codes, self.tissues_ = find_levels(self._read_tissue(X, identifiers))
        self.tissue_means_ = level_means(codes, len(self.tissues_), response)

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        codes = code_levels(self._read_tissue(X, identifiers), self.tissues_)
        return np.vstack([self.tissue_means_, self.mean_])[codes]

    def _read_tissue(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        """Return the tissue of each row, (n_rows,) objects."""
        if not identifiers.has_compounds:
            return np.full(identifiers.n_rows, None, dtype=object)
        return read_column(X, self.tissue, type(self).__name__)


class TissueDrugMean(TissueMean):
    """Predict the mean of the drug in the tissue.

    For an unseen pair, predict the mean of the drug; for an unseen drug, the mean of
    the tissue; if both are unseen, the overall mean.

    Parameters
    ----------
    tissue : str, default="tissue"
        Column of X with the tissue.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    mean_ : ndarray of shape (n_outputs,)
        Mean of y.
    tissues_, drugs_ : ndarray of shape (n_tissues,), (n_drugs,)
        Tissues and identities of drugs seen in fit.
    tissue_means_, drug_means_ : ndarray of shape (n_tissues or n_drugs, n_outputs)
        Mean of each tissue and drug.
    pairs_ : ndarray of shape (n_pairs,), dtype=int64
        Pairs seen in fit, as position of the tissue * n_drugs + position of the drug.
    pair_means_ : ndarray of shape (n_pairs, n_outputs)
        Mean of each pair.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import TissueDrugMean
    >>> X = pd.DataFrame({"tissue": ["lung", "skin"], "smiles": ["CCO", "CO"]})
    >>> model = TissueDrugMean().fit(X, [1.0, 2.0])
    >>> model.predict(pd.DataFrame({"tissue": ["lung"] * 2, "smiles": ["CO", "CN"]}))
    array([2., 1.])
    """

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        super()._fit(X, identifiers, response)
        codes, self.drugs_ = find_levels(identifiers.compound)
        self.drug_means_ = level_means(codes, len(self.drugs_), response)
        tissue = code_levels(self._read_tissue(X, identifiers), self.tissues_)
        known = tissue >= 0
        pairs = tissue[known] * len(self.drugs_) + codes[known]
        self.pairs_, position = np.unique(pairs, return_inverse=True)
        self.pair_means_ = level_means(position, len(self.pairs_), response[known])

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        predicted = super()._predict(X, identifiers)
        tissue = code_levels(self._read_tissue(X, identifiers), self.tissues_)
        drug = code_levels(identifiers.compound, self.drugs_)
        predicted[drug >= 0] = self.drug_means_[drug[drug >= 0]]
        pairs = np.where(
            (tissue >= 0) & (drug >= 0), tissue * len(self.drugs_) + drug, -1
        )
        at = code_levels(pairs, self.pairs_)
        predicted[at >= 0] = self.pair_means_[at[at >= 0]]
        return predicted
