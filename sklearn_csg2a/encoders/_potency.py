"""Potency of compounds in other screens, measured or predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy import linalg
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.sharing import SharesTables
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.chem._compounds import compound_identities
from sklearn_csg2a.chem._similarity import tanimoto_matrix
from sklearn_csg2a.encoders._base import read_smiles
from sklearn_csg2a.encoders._screens import combine_screens
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.blocks import steady_threads

if TYPE_CHECKING:
    from typing import Self

    from sklearn.utils import Tags

__all__ = ["PotencyEncoder"]

_OUTPUTS = ("potency", "predicted", "measured", "is_measured", "distance")


class PotencyEncoder(SharesTables, TransformerMixin, BaseEstimator):
    """Encode compounds by their potency in other screens, measured or predicted.

    Screens may use other cell lines, assays and units, and have other compounds:
    similar compounds have similar potencies in many screens. The encoding is a single
    column by default; combine it with an encoder of structure in a `FeatureUnion`.

    Parameters
    ----------
    responses : DataFrame of shape (n_compounds, n_assays), or dict of str to DataFrame
        A screen: index SMILES, one column per assay or cell line, values such as ln
        GI50 in ln uM; NaN where not measured. Several screens by name may differ in
        units and direction: compounds that they have in common, five or more, bring
        them to one scale, in the direction of the first. To imitate compounds that no
        screen has measured, remove those of the test rows: see `exclude`, and check
        with :func:`~sklearn_csg2a.model_selection.audit_split` and
        ``pretraining=responses.index.to_frame(name="smiles")``.
    alpha : float, default=0.2
        Ridge penalty. The default has the smallest leave-one-out error on NCI-60.
    exclude : list of str, default=None
        Compounds, in any spelling and salt form, whose rows are not used: those of the
        test rows, or all of a data set that is split later.
    output : list of str, default=("potency",)
        Columns of the encoding:

        * "potency": the best estimate, from the measurements of the compound itself,
          where it has any, and of similar compounds;
        * "predicted": the same without its own measurements;
        * "measured": its own measurements alone, 0 where there are none;
        * "is_measured": 1 where there are, 0 elsewhere;
        * "distance": 1 - Tanimoto similarity to the nearest compound that the
          screens have measured, 0 if it is one: large where predictions are uncertain.

    Attributes
    ----------
    compounds_ : list of str of length n_compounds
        The compounds of the screens that are used, each once, as canonical SMILES.
    potencies_ : ndarray of shape (n_compounds,)
        The potency of each, in the unit of the first screen: its mean, adjusted for
        the effects of the assays in which it was measured; of several screens their
        average, weighted by how well they agree with the others.
    loadings_ : dict of str to float
        Correlation of each screen with the potency that all have in common; negative
        for those of the opposite direction, 1 for a single one, named "responses".
    dual_coef_ : ndarray of shape (n_compounds,)
        Dual coefficients of the kernel ridge regression.

    Raises
    ------
    InputError
        In fit, if `responses` is not such a table; the message names row and column.

    See Also
    --------
    AnnotationEncoder : Encode what is known of targets and mechanism.
    MorganEncoder : Encode the structure.

    Notes
    -----
    Effects of assays are shrunk: in a screen that measured each compound in few of
    many cell lines, they are not known well. Several screens follow a model with one
    factor: a compound has a common potency, each screen its correlation with it and
    its own noise, and the average over the screens of a compound weights them by both.
    Two screens alone get the same share of their correlation.

    Kernel ridge regression of the potencies on the Tanimoto similarity of Morgan
    fingerprints; the penalty of a compound is `alpha` plus the variance of its error,
    which is large where few assays have measured it, and where screens disagree. The
    encoding is the predicted deviation from the mean, in units of the standard
    deviation of these predictions over the screens. The compounds passed to `fit` are
    only validated: a fitted encoder, frozen in a
    :class:`sklearn.frozen.FrozenEstimator`, is not fitted again in each fold of a
    cross-validation. Memory grows with the square of `n_compounds`.

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

    A second screen that gives the share of cells killed, so that large values mean
    potent compounds:

    >>> amines = ["CCN", "CCCN", "CCCCN", "CCCCCN", "CCCCCCN"]
    >>> ln_ic50 = pd.DataFrame({"A549": [3.0, 2.5, 1.5, 0.5, 0.0]}, index=amines)
    >>> killed = pd.DataFrame({"U2OS": [0.2, 0.3, 0.5, 0.7, 0.8]}, index=amines)
    >>> encoder = PotencyEncoder(
    ...     {"ours": ln_ic50, "theirs": killed}, output=["measured", "is_measured"])
    >>> encoder.fit_transform(["CCCCCCN", "CCCCCCCN"]).round(1)
    array([[-1.7,  1. ],
           [ 0. ,  0. ]], dtype=float32)
    >>> {name: round(loading, 2) for name, loading in encoder.loadings_.items()}
    {'ours': 0.99, 'theirs': -0.99}
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "responses": [pd.DataFrame, Mapping],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "exclude": ["array-like", None],
        "output": ["array-like"],
    }

    def __init__(
        self,
        responses: pd.DataFrame | Mapping[str, pd.DataFrame],
        alpha: float = 0.2,
        *,
        exclude: Iterable[str] | None = None,
        output: Sequence[str] = ("potency",),
    ) -> None:
        self.responses = responses
        self.alpha = alpha
        self.exclude = exclude
        self.output = output

    def fit(self, X: object, y: object = None) -> Self:
        """Fit the kernel regression to the screens.

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
        output = self._list_output()
        read_smiles(X, user=type(self).__name__)
        excluded = [] if self.exclude is None else self.exclude
        excluded = read_smiles(excluded, user="exclude=")
        known = combine_screens(self.responses, set(compound_identities(excluded)))
        self.compounds_, self._identities = known.smiles, known.identities
        self.potencies_ = known.center + known.scale * known.potency
        self.loadings_ = known.loadings
        similarity = tanimoto_matrix(self.compounds_)
        regularized = similarity + np.diag(self.alpha + known.noise)
        centered = known.potency - known.potency.mean()
        with steady_threads():
            factor = linalg.cho_factor(regularized, overwrite_a=True, lower=True)
            dual = linalg.cho_solve(factor, centered)
            spread = float((similarity @ dual).std()) or 1.0
            predicted = np.zeros(0)
            if "predicted" in output:  # without the compound itself
                inverse = linalg.cho_solve(factor, np.eye(len(dual)))
                predicted = (centered - dual / inverse.diagonal()) / spread
        self.dual_coef_ = dual / spread
        self._measured, self._predicted = centered / spread, predicted
        return self

    def transform(self, X: object) -> np.ndarray:
        """Estimate the potency of compounds.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds: a list, a Series, a 1-D array or a table of one column.

        Returns
        -------
        encoding : ndarray of shape (n, n_outputs), dtype float32
            The columns of `output`. Potency is above 0 if weaker than the mean of the
            screens where large responses of the first mean weak compounds.

        Raises
        ------
        InvalidSmilesError
            If a row has no valid SMILES; up to five rows are named.
        """
        check_is_fitted(self)
        smiles = read_smiles(X, user=type(self).__name__)
        similarity = tanimoto_matrix(smiles, self.compounds_)
        with steady_threads():
            potency = similarity @ self.dual_coef_
        place = {identity: row for row, identity in enumerate(self._identities)}
        rows = np.array([place.get(one, -1) for one in compound_identities(smiles)])
        is_measured = rows >= 0
        columns: dict[str, Callable[[], Any]] = {
            "potency": lambda: potency,
            "predicted": lambda: np.where(is_measured, self._predicted[rows], potency),
            "measured": lambda: np.where(is_measured, self._measured[rows], 0),
            "is_measured": lambda: is_measured,
            "distance": lambda: np.where(is_measured, 0, 1 - similarity.max(axis=1)),
        }
        encoding = np.column_stack([columns[name]() for name in self._list_output()])
        return encoding.astype(np.float32)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Name the columns of the encoding.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_outputs,), dtype object
            The names in `output`.
        """
        return np.asarray(self._list_output(), dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Declare text input."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _list_output(self) -> list[str]:
        """Return the names of the columns of the encoding."""
        names = list(self.output)
        if not names or len(set(names)) < len(names) or not set(names) <= {*_OUTPUTS}:
            msg = (
                f"output={self.output!r} must be a list of one or more of "
                f"{list(_OUTPUTS)}, each once."
            )
            raise InputError(msg)
        return names
