"""ApplicabilityDomain: how far rows are from the rows that a model has learned from."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_csg2a._utils.sharing import SharesTables
from sklearn_csg2a._utils.sklearn_compat import Interval, fit_context, validate_plain
from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.treatments import is_plain, read_treatments
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.uncertainty._novelty import CellDistances

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn_csg2a.treatments import Treatments

__all__ = ["ApplicabilityDomain"]

_MARGIN = 1.25  # by which the scale of expression may leave the range of training cells


class ApplicabilityDomain(SharesTables, BaseEstimator):
    """Tell which rows are like those that a model was fitted to.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes), default=None
        Basal expression, with cell ids as index and gene symbols as columns, as the
        model has it. None: X has one column per gene.
    min_tanimoto : float, default=0.3
        Smallest similarity to the nearest training compound inside of the domain.
    max_cell_percentile : float, default=99.0
        Largest percentile of the distance of a cell line inside of the domain.
    min_genes : float, default=0.8
        Smallest share of the training genes inside of the domain.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.

    Attributes
    ----------
    compounds_ : list of str of length n_compounds
        Canonical SMILES of the training compounds.
    genes_ : ndarray of shape (n_genes,)
        The training genes.
    distances_ : ndarray of shape (n_cells,)
        Distance of each training cell line to its nearest others, ascending.
    scale_range_ : ndarray of shape (2,)
        Smallest and largest `scale_ratio` inside of the domain.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X in `fit`, if all are strings.

    See Also
    --------
    ConformalRegressor : Intervals, which may be wide outside of the domain.

    Notes
    -----
    Compounds are compared by Morgan fingerprints. The distance of a cell line is the
    mean over its five nearest training cell lines of the root mean square difference of
    their expression, in standard deviations of each gene. Its percentile is the share
    of training cell lines that are as near to the others, or nearer: about 100 for a
    tumor unlike all of them.

    The scale of expression of a cell line is the standard deviation over its genes. It
    is given relative to the median training cell line, and is inside of the domain
    between the smallest and largest of them, with a margin of a quarter.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.uncertainty import ApplicabilityDomain
    >>> screen = make_screen(random_state=0)
    >>> domain = ApplicabilityDomain(screen.expression).fit(screen.X)
    >>> new = screen.X.head(2).assign(smiles=[screen.X["smiles"].iloc[0], "CCCCCCCC"])
    >>> domain.describe(new)["in_domain"].tolist()
    [True, False]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "expression": [pd.DataFrame, None],
        "min_tanimoto": [Interval(Real, 0, 1, closed="both")],
        "max_cell_percentile": [Interval(Real, 0, 100, closed="both")],
        "min_genes": [Interval(Real, 0, 1, closed="both")],
        "columns": [dict, None],
    }

    def __init__(
        self,
        expression: pd.DataFrame | None = None,
        *,
        min_tanimoto: float = 0.3,
        max_cell_percentile: float = 99.0,
        min_genes: float = 0.8,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.expression = expression
        self.min_tanimoto = min_tanimoto
        self.max_cell_percentile = max_cell_percentile
        self.min_genes = min_genes
        self.columns = columns

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> ApplicabilityDomain:
        """Learn the compounds and cell lines of the training rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments, by the column contract of the package.
        y : object, default=None
            Not used, present for API consistency.

        Returns
        -------
        self : ApplicabilityDomain
            The fitted domain.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        del y
        plain = is_plain(X, self.columns, self.expression)
        if plain:
            validate_plain(self, X, reset=True)
        treatments = read_treatments(
            X,
            expression=self.expression,
            columns=self.columns,
            estimator_name=type(self).__name__,
        )
        if not plain:
            validate_data(self, X, reset=True, skip_check_array=True)
        self._has_compounds = treatments.has_compounds
        self.compounds_ = list(treatments.smiles)
        self.genes_ = np.array(treatments.genes, dtype=object)
        self._cells = CellDistances(treatments)
        self.distances_ = np.sort(self._cells.among_training())
        scales = treatments.basal_expression.std(axis=1, dtype=np.float64)
        self._scale = float(np.median(scales)) or 1.0
        ends = scales.min() / _MARGIN, scales.max() * _MARGIN
        self.scale_range_ = np.array(ends) / self._scale
        return self

    def describe(self, X: Any) -> pd.DataFrame:
        """Describe how far rows are from the training rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments: training cell lines, others of `expression`, or rows with their
            own gene columns, of which some may be missing.

        Returns
        -------
        description : DataFrame of shape (n_rows, 6)
            With the index of X: `nearest_compound`, the SMILES of the nearest training
            compound, and `tanimoto`, its similarity, missing without compounds and for
            an invalid SMILES; `cell_percentile` (0 to 100), `genes_found` (0 to 1) and
            `scale_ratio` of the cell line; `in_domain`, whether all are in the domain.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        check_is_fitted(self)
        if not self._has_compounds and is_plain(X, self.columns, None):
            validate_plain(self, X, reset=False)
        treatments = read_treatments(
            X,
            **self._find_cells(as_frame(X)),
            columns=self.columns,
            on_invalid_smiles="nan",
            has_compounds=self._has_compounds,
            estimator_name=type(self).__name__,
        )
        table = self._describe_compounds(treatments).join(
            self._describe_cells(treatments)
        )
        low, high = self.scale_range_
        table["in_domain"] = (
            (table["tanimoto"].ge(self.min_tanimoto) | (not self._has_compounds))
            & table["cell_percentile"].le(self.max_cell_percentile)
            & table["genes_found"].ge(self.min_genes)
            & table["scale_ratio"].between(low, high)
        )
        frame = as_frame(X)
        return table if frame is None else table.set_index(frame.index)

    def _find_cells(self, frame: pd.DataFrame | None) -> dict[str, Any]:
        """Return where expression is read from, and which genes, if not all.

        Rows with their own gene columns may lack genes: only those that they have are
        read, of cell lines in `expression` beside them, too.
        """
        if frame is None or not self._has_compounds:
            return {"expression": self.expression}
        genes = tuple(gene for gene in self.genes_ if gene in frame.columns) or None
        if self.expression is None:
            return {"genes": genes}
        name = (self.columns or {}).get("cell_line", "cell_line")
        if name not in frame.columns:
            return {"genes": genes}
        in_table = frame[name].isin(self.expression.index)
        if in_table.all() or genes is None:
            return {"expression": self.expression}
        return {"genes": genes, "expression": self.expression}

    def _describe_compounds(self, treatments: Treatments) -> pd.DataFrame:
        """Find the nearest training compound of each row."""
        names = np.full(treatments.n_compounds + 1, None, dtype=object)
        values = np.full(treatments.n_compounds + 1, np.nan)  # last: no compound
        for i, smiles in enumerate(treatments.smiles):
            similarity = tanimoto_matrix([smiles], self.compounds_)[0]
            best = int(similarity.argmax())
            names[i], values[i] = self.compounds_[best], similarity[best]
        index = treatments.compound_index if self._has_compounds else -1
        rows = np.broadcast_to(index, treatments.n_rows)
        return pd.DataFrame({"nearest_compound": names[rows], "tanimoto": values[rows]})

    def _describe_cells(self, treatments: Treatments) -> pd.DataFrame:
        """Compare the cell line of each row with the training cell lines."""
        basal, genes = treatments.basal_expression, list(treatments.genes)
        known = np.isin(np.array(genes, dtype=object), self.genes_)
        distance = self._cells(basal, genes)
        rank = np.searchsorted(self.distances_, distance * (1 - 1e-6), side="left")
        percentile = 100.0 * rank / len(self.distances_)
        found = known.sum() / max(len(self.genes_), 1)
        scale = np.full(len(basal), np.nan)
        if known.any():
            scale = basal[:, known].std(axis=1, dtype=np.float64) / self._scale
        cells = pd.DataFrame(
            {
                "cell_percentile": np.where(np.isnan(distance), np.nan, percentile),
                "genes_found": found,
                "scale_ratio": scale,
            }
        )
        return cells.iloc[treatments.cell_index].reset_index(drop=True)
