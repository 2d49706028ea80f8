"""PotencyRegressor: the mean response of compounds, by a Gaussian process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from scipy import linalg

from sklearn_csg2a._utils.choices import (
    CompoundEncoder,
    CompoundKernel,
    OnInvalidSmiles,
)
from sklearn_csg2a._utils.memory import refuse_without_memory
from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.baselines.kernels._compounds import (
    check_compound_kernel,
    compare_all,
    compare_compounds,
    list_blocks,
)
from sklearn_csg2a.baselines.kernels._products import multiply_rows
from sklearn_csg2a.baselines.naive._base import SHARED_CONSTRAINTS, NaiveRegressor
from sklearn_csg2a.baselines.naive._levels import find_levels, level_means
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.encoders import encode_compounds, resolve_encoder
from sklearn_csg2a.encoders._base import read_smiles
from sklearn_csg2a.encoders._resolve import fit_alone
from sklearn_csg2a.encoders._screens import read_screens, standardize_levels
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.treatments import read_column

if TYPE_CHECKING:
    from sklearn_csg2a.treatments import Identifiers

__all__ = ["PotencyRegressor"]

_EXPECTED = 0.8  # prior correlation of a screen with y
_COMPOUNDS = 10.0  # weight of the prior, in compounds
_BYTES_A_PAIR = 32  # of values: four matrices at once
_HIGHEST = 0.99
_ONE = "screen"  # name of a single screen


class PotencyRegressor(NaiveRegressor):
    """Predict the mean response of a compound over cell lines, for any cell line.

    A Gaussian process on compounds. Other screens, with other compounds, cell lines and
    units, are outputs of the same process that correlate with y. Each compound counts
    once, however many rows it has.

    Parameters
    ----------
    compound_encoder : {"auto", "morgan", "mat"} or transformer, default="morgan"
        Turns a list of SMILES into a 2-D array. "morgan" and "auto" are Morgan
        fingerprints, "mat" is the pretrained Molecule Attention Transformer. It is
        fitted to the compounds of the rows and of the screens.
    compound_kernel : {"tanimoto", "linear"} or dict of str to these, default="tanimoto"
        Kernel of the encoded compounds: the Tanimoto similarity
        ``x.y / (|x|^2 + |y|^2 - x.y)``, or ``x.y``. A dict gives one for each part of
        a `FeatureUnion` by its name, and the kernels are added, so that annotations of
        compounds, such as mechanisms, are combined with their structure.
        `transformer_weights` of the union weight the kernels, by their squares.
    screens : DataFrame or dict of str to DataFrame, default=None
        Another screen, or several by name: index SMILES, one column per assay or cell
        line, NaN where not measured. Units do not matter, but large values should have
        the meaning of large y, unless some compounds are in the rows, too.
    exclude : list of str, default=None
        Compounds, in any spelling and salt form, whose values in the screens are not
        used: those of the test rows, or all of a data set that is split later.
    correlations : dict of str to float, default=None
        Correlation of each screen with y, by its name, which for a single table is
        "screen". None: estimated.
    noise : float, default=0.15
        Variance of the mean of a compound that its encoding does not explain, relative
        to the variance of the means.
    columns : dict of str to str, default=None
        Other names of the columns of X, such as ``{"cell_line": "DepMap_ID"}``.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        What `predict` does with rows whose SMILES is invalid: raise an error, or return
        NaN. `fit` always raises an error.

    Attributes
    ----------
    compounds_ : list of str of length n_compounds
        SMILES of the training compounds, each once.
    potencies_ : ndarray of shape (n_compounds, n_outputs)
        Mean of each, in the unit of y.
    correlations_ : dict of str to float
        Correlation of each screen with y; that of two screens is their product.
    encoder_ : transformer or None
        The fitted compound encoder; None without compounds.
    dual_coef_ : ndarray of shape (n_values, n_outputs)
        Dual coefficients of the values of the screens, then of the means.
    scale_ : ndarray of shape (n_outputs,)
        Factor of standard deviations: they are right for compounds left out one by one.

    See Also
    --------
    LevelRankingRegressor : Adds what differs between cell lines.
    PotencyEncoder : Potency in other screens as a feature.

    Notes
    -----
    The means have mean 0 and variance 1 in the process, as do the values of each
    screen: means over the assays of a compound, adjusted for those in which it was
    measured. The covariance of two values is the kernel of their compounds times the
    correlation of their screens, plus `noise` on the diagonal. A compound in several
    screens, or in a screen and in the rows, has a value for each.

    The correlation of a screen with y is estimated from the compounds of both, together
    with ten more at a correlation of 0.8: without any, that is the estimate.

    A fit takes time with the cube of the number of values and memory with its square:
    a few seconds for 4,000.

    References
    ----------
    Bonilla, E. V., Chai, K. M. and Williams, C. K. I. (2007). Multi-task Gaussian
    process prediction. Advances in Neural Information Processing Systems 20.

    Examples
    --------
    Alcohols get weaker with their length here, and in another screen amines do:

    >>> import pandas as pd
    >>> from sklearn_csg2a.baselines import PotencyRegressor
    >>> X = pd.DataFrame({"smiles": ["CO", "CCO", "CCCO", "CCCCO"]})
    >>> amines = ["CN", "CCN", "CCCN", "CCCCN", "CCCCCN"]
    >>> screen = pd.DataFrame({"A549": [1.0, 2.0, 3.0, 4.0, 5.0]}, index=amines)
    >>> model = PotencyRegressor(screens={"amines": screen}).fit(X, [0, 1, 2, 3])
    >>> new = pd.DataFrame({"smiles": ["CN", "CCCCCN"]})
    >>> weak_first = model.predict(new)
    >>> bool(weak_first[0] < weak_first[1])
    True
    >>> mean, std = model.predict(new, return_std=True)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED_CONSTRAINTS,
        "compound_encoder": "no_validation",
        "compound_kernel": "no_validation",
        "screens": [pd.DataFrame, Mapping, None],
        "exclude": ["array-like", None],
        "correlations": [Mapping, None],
        "noise": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        compound_encoder: CompoundEncoder = "morgan",
        compound_kernel: CompoundKernel | Mapping[str, CompoundKernel] = "tanimoto",
        screens: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
        exclude: Iterable[str] | None = None,
        correlations: Mapping[str, float] | None = None,
        noise: float = 0.15,
        columns: Mapping[str, str] | None = None,
        on_invalid_smiles: OnInvalidSmiles = "raise",
    ) -> None:
        super().__init__(columns=columns, on_invalid_smiles=on_invalid_smiles)
        self.compound_encoder = compound_encoder
        self.compound_kernel = compound_kernel
        self.screens = screens
        self.exclude = exclude
        self.correlations = correlations
        self.noise = noise

    @steady_threads()
    def predict(  # type: ignore[override]
        self, X: Any, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the mean response of the compound of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Treatments; only the compounds matter.
        return_std : bool, default=False
            Whether to return standard deviations, too. It takes as long as `fit`.

        Returns
        -------
        response : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            In the shape and unit of y in fit; NaN in rows whose SMILES is invalid, if
            `on_invalid_smiles` is "nan".
        std : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Standard deviation of the mean that would be measured of a compound, noise
            included. Only if `return_std` is True.

        Raises
        ------
        InputError
            If X cannot be used; the message names row, column and value.
        """
        if not return_std:
            return super().predict(X)
        identifiers = self._identify(X)
        code, encodings = self._encode_rows(X, identifiers)
        mean = self._predict_encoded(encodings)[code]
        std = np.sqrt(self._relative_variance(encodings))[code, None] * self.scale_
        return self._to_shape(mean, identifiers), self._to_shape(std, identifiers)

    def _fit(self, X: Any, identifiers: Identifiers, response: np.ndarray) -> None:
        code, self.compounds_ = self._list_compounds(X, identifiers)
        n_compounds = max(len(self.compounds_), 1)
        self.potencies_ = level_means(code, n_compounds, response)
        self.mean_ = self.potencies_.mean(axis=0)
        self._spread = self.potencies_.std(axis=0)
        target = (self.potencies_ - self.mean_) / np.where(
            self._spread > 0, self._spread, 1
        )
        known, values, screen = self._read_screens(target[:, 0])
        self._encode_known(known, screen)
        values = np.repeat(values[:, None], target.shape[1], axis=1)
        values = np.concatenate([values, target])
        factor = self._factorize()
        self.dual_coef_ = linalg.cho_solve((factor, True), values)
        of_rows = slice(len(values) - n_compounds, None)
        of_rest = factor[of_rows, of_rows], True  # given the screens
        inverse = linalg.cho_solve(of_rest, np.eye(n_compounds))
        left_out = self.dual_coef_[of_rows] ** 2 / inverse.diagonal()[:, None]
        self.scale_ = self._spread * np.sqrt(left_out.mean(axis=0))

    def _predict(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        code, encodings = self._encode_rows(X, identifiers)
        return self._predict_encoded(encodings)[code]

    def _read_smiles(self, X: Any, identifiers: Identifiers) -> np.ndarray:
        """Return the SMILES of each row as it is written, None where it is invalid."""
        name = (self.columns or {}).get("smiles", "smiles")
        texts = read_column(X, name, type(self).__name__).copy()
        texts[~identifiers.valid] = None
        return texts

    def _list_compounds(
        self, X: Any, identifiers: Identifiers
    ) -> tuple[np.ndarray, list[str]]:
        """Return the compound of each row, and their SMILES."""
        code, distinct = find_levels(identifiers.compound)
        if not identifiers.has_compounds:
            return code, []
        first = np.unique(code, return_index=True)[1][: len(distinct)]
        texts = self._read_smiles(X, identifiers)[first]
        return code, read_smiles(texts.tolist(), user=type(self).__name__)

    def _encode_rows(
        self, X: Any, identifiers: Identifiers
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the spelling of each row, -1 if invalid, and their encodings."""
        if not identifiers.has_compounds:
            return np.zeros(identifiers.n_rows, dtype=np.int64), self._encodings
        code, smiles = find_levels(self._read_smiles(X, identifiers))
        if len(smiles) == 0:
            return np.zeros_like(code), self._encodings[-1:]
        return code, encode_compounds(self.encoder_, smiles.tolist())

    def _read_screens(
        self, target: np.ndarray
    ) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Return compound, value and number of the screen, from 1, of each value.

        Sets the correlation of each screen with `target`, the means of the rows.
        """
        self.correlations_ = {}
        if self.screens is None or not self.compounds_:
            return [], np.empty(0), np.empty(0, dtype=np.int64)
        is_one = isinstance(self.screens, pd.DataFrame)
        screens = {_ONE: self.screens} if is_one else self.screens
        if len(screens) == 0:
            msg = "screens={} holds no screen; give a table, tables by name, or None."
            raise InputError(msg)
        excluded = [] if self.exclude is None else self.exclude
        excluded = read_smiles(excluded, user="exclude=")
        smiles, table, _ = read_screens(screens, set(compound_identities(excluded)))
        scaled = standardize_levels(table)
        self.correlations_ = self._read_correlations(table, scaled, target)
        compound, screen = np.nonzero(~np.isnan(scaled))
        texts = list(smiles.values())
        return [texts[k] for k in compound], scaled[compound, screen], screen + 1

    def _read_correlations(
        self, table: pd.DataFrame, scaled: np.ndarray, target: np.ndarray
    ) -> dict[str, float]:
        """Return the correlation of each screen with y, given or estimated."""
        if self.correlations is None:
            own = compound_identities(self.compounds_)
            of_rows = pd.Series(target, index=own).reindex(table.index)
            return {
                str(name): _estimate_correlation(scaled[:, k], of_rows.to_numpy())
                for k, name in enumerate(table)
            }
        given = dict(self.correlations)
        if set(given) != set(table) or not all(
            isinstance(one, Real) and -1 < one < 1 for one in given.values()
        ):
            msg = (
                f"correlations={given!r} must give a number between -1 and 1 for each "
                f"of the screens {quote_names(list(table))}."
            )
            raise InputError(msg)
        return {str(name): float(given[str(name)]) for name in table}

    def _encode_known(self, compounds: list[str], screen: np.ndarray) -> None:
        """Set the encodings of all values: those of the screens, then of the rows."""
        check_compound_kernel(self.compound_kernel, self.compound_encoder)
        own_screen = np.zeros(max(len(self.compounds_), 1), dtype=np.int64)
        self._screen = np.concatenate([screen, own_screen])
        self._loadings = np.array([1.0, *self.correlations_.values()])[self._screen]
        self.encoder_, self._blocks = None, []
        self._encodings = np.zeros((1, 0), dtype=np.float32)
        every = [*compounds, *self.compounds_]
        if every:
            encoder = resolve_encoder(self.compound_encoder)
            self.encoder_ = fit_alone(encoder, list(dict.fromkeys(every)))
            self._encodings = encode_compounds(self.encoder_, every)
            self._blocks = list_blocks(self.compound_kernel, self.encoder_, every[-1])

    def _compare(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the kernel of encoded compounds, (n_left, n_right)."""
        return compare_compounds(left, right, self.compound_kernel, self._blocks)

    def _compare_all(self) -> np.ndarray:
        """Return the kernel of the compounds of all values, (n_values, n_values)."""
        return compare_all(self._encodings, self.compound_kernel, self._blocks)

    def _compare_with_known(self, encodings: np.ndarray) -> np.ndarray:
        """Return the covariance of compounds with all values, (n, n_values)."""
        return self._compare(encodings, self._encodings) * self._loadings

    def _factorize(self) -> np.ndarray:
        """Return the lower Cholesky factor of the covariance of all values."""
        n_values = len(self._encodings)
        refuse_without_memory(
            _BYTES_A_PAIR * n_values**2,
            f"{type(self).__name__} on {n_values:,} potencies, whose covariance grows "
            "with the square of their number,",
            "Give fewer compounds, such as those of the screens most like yours.",
        )
        covariance = self._compare_all()
        same = self._screen[:, None] == self._screen
        covariance *= np.where(same, 1, np.outer(self._loadings, self._loadings))
        covariance[np.diag_indices_from(covariance)] += self.noise
        return linalg.cholesky(covariance, lower=True, overwrite_a=True)

    def _predict_encoded(self, encodings: np.ndarray) -> np.ndarray:
        """Return the mean response of encoded compounds, (n, n_outputs)."""
        covariance = self._compare_with_known(encodings)
        return self.mean_ + self._spread * multiply_rows(covariance, self.dual_coef_)

    def _relative_variance(self, encodings: np.ndarray) -> np.ndarray:
        """Return the variance of encoded compounds relative to `scale_` ** 2, (n,)."""
        covariance = self._compare_with_known(encodings)
        explained = linalg.solve_triangular(self._factorize(), covariance.T, lower=True)
        own = self._compare(encodings, encodings).diagonal()
        return own + self.noise - (explained**2).sum(axis=0)


def _estimate_correlation(screen: np.ndarray, own: np.ndarray) -> float:
    """Return the correlation over common compounds, drawn towards the expected one."""
    both = ~np.isnan(screen) & ~np.isnan(own)
    found, n_common = 0.0, int(both.sum())
    if n_common > 1 and np.ptp(screen[both]) > 0 and np.ptp(own[both]) > 0:
        found = float(np.corrcoef(screen[both], own[both])[0, 1])
    else:
        n_common = 0
    estimate = (n_common * found + _COMPOUNDS * _EXPECTED) / (n_common + _COMPOUNDS)
    return float(np.clip(estimate, -_HIGHEST, _HIGHEST))
