"""Potency of compounds as predicted from another screen."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.kernel_ridge import KernelRidge
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.sharing import SharesTables
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.chem._similarity import tanimoto_matrix
from sklearn_csg2a.encoders._base import read_smiles
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import fit_mean_effects
from sklearn_csg2a.nn.blocks import steady_threads

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from sklearn.utils import Tags

__all__ = ["PotencyEncoder"]


class PotencyEncoder(SharesTables, TransformerMixin, BaseEstimator):
    """Encode compounds by the potency that another screen predicts for them.

    The screen may use other cell lines, another assay and other compounds: similar
    compounds have similar potencies in many screens. The encoding is a single column;
    combine it with an encoder of structure in a `FeatureUnion`.

    Parameters
    ----------
    responses : DataFrame of shape (n_compounds, n_assays)
        The screen: index SMILES, one column per assay or cell line, values such as ln
        GI50 in ln uM; NaN where not measured. It must not include test compounds:
        remove the compounds of the test rows (by
        :func:`~sklearn_csg2a.chem.compound_identities`), and check with
        :func:`~sklearn_csg2a.model_selection.audit_split` and
        ``pretraining=responses.index.to_frame(name="smiles")``.
    alpha : float, default=0.2
        Ridge penalty. The default has the smallest leave-one-out error on NCI-60.

    Attributes
    ----------
    compounds_ : list of str of length n_compounds
        The compounds of the screen, as canonical SMILES.
    potencies_ : ndarray of shape (n_compounds,)
        The effect of each, in the unit of the responses: its mean, adjusted for the
        effects of the assays in which it was measured.
    dual_coef_ : ndarray of shape (n_compounds,)
        Dual coefficients of the kernel ridge regression.

    Raises
    ------
    InputError
        In fit, if `responses` is not such a table; the message names row and column.

    See Also
    --------
    MorganEncoder : Encode the structure.

    Notes
    -----
    Kernel ridge regression of the effects on the Tanimoto similarity of Morgan
    fingerprints. The encoding is the predicted deviation from the mean effect, in units
    of the standard deviation of these predictions over the screen. The compounds passed
    to `fit` are only validated. Memory grows with the square of `n_compounds`.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import FeatureUnion
    >>> from sklearn_csg2a.encoders import MorganEncoder, PotencyEncoder
    >>> screen = pd.DataFrame(
    ...     {"MCF7": [0.1, 0.3, 4.2], "A549": [-0.2, None, 4.5]},
    ...     index=["CCCCN", "CCCCCN", "OC(=O)c1ccccc1"])
    >>> PotencyEncoder(screen).fit_transform(["CCCCCCN", "OC(=O)c1ccccc1F"]).round(1)
    array([[-0.6],
           [ 0.6]], dtype=float32)
    >>> both = FeatureUnion(
    ...     [("morgan", MorganEncoder()), ("potency", PotencyEncoder(screen))],
    ...     transformer_weights={"potency": 3})
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "responses": [pd.DataFrame],
        "alpha": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, responses: pd.DataFrame, alpha: float = 0.2) -> None:
        self.responses = responses
        self.alpha = alpha

    def fit(self, X: object, y: object = None) -> Self:
        """Fit the kernel regression to the screen.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds; they are only validated.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        InputError
            If `responses` cannot be used; the message names row and column.
        """
        self._validate_params()
        read_smiles(X, user=type(self).__name__)
        values = _read_responses(self.responses)
        self.compounds_ = read_smiles(
            self.responses.index.to_series(), user="The index of responses"
        )
        self.potencies_ = _compound_effects(values)
        similarity = tanimoto_matrix(self.compounds_)
        ridge = KernelRidge(alpha=self.alpha, kernel="precomputed")
        with steady_threads():
            ridge.fit(similarity, self.potencies_ - self.potencies_.mean())
            spread = float((similarity @ ridge.dual_coef_).std())
        self.dual_coef_ = ridge.dual_coef_ / (spread or 1.0)
        return self

    def transform(self, X: object) -> np.ndarray:
        """Predict the potency of compounds.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds: a list, a Series, a 1-D array or a table of one column.

        Returns
        -------
        encoding : ndarray of shape (n, 1), dtype float32
            Predicted potency, above 0 if weaker than the screen's mean where large
            responses mean weak compounds.

        Raises
        ------
        InvalidSmilesError
            If a row has no valid SMILES; up to five rows are named.
        """
        check_is_fitted(self)
        smiles = read_smiles(X, user=type(self).__name__)
        similarity = tanimoto_matrix(smiles, self.compounds_)
        with steady_threads():
            encoding = similarity @ self.dual_coef_
        return encoding[:, None].astype(np.float32)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Name the column of the encoding.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (1,), dtype object
            "potency".
        """
        return np.asarray(["potency"], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Declare text input."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _read_responses(responses: pd.DataFrame) -> np.ndarray:
    """Return the table as float64 (compounds, assays), without empty rows."""
    try:
        values = responses.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        msg = f"responses must hold numbers, compounds by assays: {error}"
        raise InputError(msg) from error
    if len(values) < 2:
        msg = f"responses has {len(values)} compounds; at least two are needed."
        raise InputError(msg)
    _raise_if_any(
        (
            f"row {row} (index {responses.index[row]!r}), column "
            f"{responses.columns[column]!r}"
            for row, column in np.argwhere(np.isinf(values)).tolist()
        ),
        "responses must be finite; use NaN where nothing was measured",
    )
    _raise_if_any(
        (
            f"row {row} (index {responses.index[row]!r})"
            for row in np.flatnonzero(np.isnan(values).all(axis=1)).tolist()
        ),
        "responses has compounds without any value; remove them",
    )
    return values


def _raise_if_any(places: Iterable[str], problem: str) -> None:
    """Raise an error that lists the places, if there are any."""
    listed = list(places)
    if listed:
        msg = f"{problem}. {len(listed)} found: {list_offenders(listed)}."
        raise InputError(msg)


def _compound_effects(values: np.ndarray) -> np.ndarray:
    """Fit effects of compounds and assays; return those of compounds, (n,).

    By least squares on what was measured. The level belongs to the compounds: the
    effects of the assays have the mean 0.
    """
    compound, assay = np.nonzero(~np.isnan(values))
    fit = fit_mean_effects(values[compound, assay], cell=assay, drug=compound)
    of_compound = fit.drug_effects.reindex(range(len(values))).to_numpy()
    return np.asarray(fit.intercept + fit.cell_effects.mean() + of_compound)
