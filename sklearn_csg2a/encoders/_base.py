"""Compound encoders: their base class, and Morgan fingerprints."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from rdkit.Chem import rdFingerprintGenerator
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.sklearn_compat import Interval
from sklearn_csg2a.chem._compounds import (
    canonical_smiles,
    parent_smiles,
    parse_smiles,
    smiles_problem,
)
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.nn.blocks import steady_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.utils import Tags

__all__ = [
    "MorganEncoder",
    "SmilesEncoder",
    "compute_fingerprints",
    "read_smiles",
]


def read_smiles(X: Any, *, user: str) -> list[str]:
    """Return canonical SMILES of a column of strings; reject invalid rows."""
    labels = list(X.index) if hasattr(X, "iloc") else None
    values = _as_column(X, user)
    problems = [
        (row, problem)
        for row, problem in enumerate(smiles_problem(value) for value in values)
        if problem is not None
    ]
    if problems:
        shown = list_offenders(
            f"row {row} (index {labels[row]!r}): {problem}"
            if labels is not None
            else f"row {row}: {problem}"
            for row, problem in problems
        )
        msg = f"{user}: {len(problems)} of {len(values)} SMILES are invalid. {shown}"
        raise InvalidSmilesError(msg)
    return [canonical_smiles(value) for value in values]


def _as_column(X: Any, user: str) -> list[object]:
    """Return the values of a list, Series, 1-D array or one-column table."""
    if isinstance(X, (str, bytes)):
        msg = f"{user} expects a list of SMILES strings, got the single string {X!r}."
        raise InputError(msg)
    if sparse.issparse(X):
        msg = f"{user} expects a list of SMILES strings, got a sparse array of numbers."
        raise InputError(msg)
    if isinstance(X, (list, tuple)) and not any(
        isinstance(value, (list, tuple, np.ndarray)) for value in X
    ):
        return list(X)
    array = X.to_numpy() if hasattr(X, "to_numpy") else np.asarray(X, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        msg = (
            f"{user} expects a list of SMILES strings or a table of one column, got "
            f"shape {array.shape}; select the column of SMILES."
        )
        raise InputError(msg)
    return list(array)


class SmilesEncoder(TransformerMixin, BaseEstimator):
    """A stateless transformer from SMILES strings to a float32 matrix."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    _not_content = frozenset({"n_jobs", "cache_dir"})
    keep_salts: bool

    def fit(self, X: object, y: object = None) -> SmilesEncoder:
        """Check the parameters; nothing is learned.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The encoder.
        """
        self._validate_params()
        read_smiles(X, user=type(self).__name__)
        return self

    def transform(self, X: object) -> np.ndarray:
        """Encode compounds.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds: a list, a Series, a 1-D array or a table of one column.

        Returns
        -------
        encoding : ndarray of shape (n, n_features), dtype float32
            One row per compound, in the order given.

        Raises
        ------
        InvalidSmilesError
            If a row has no valid SMILES; up to five rows are named.
        """
        self._validate_params()
        canonical = self._read(X)
        unique = list(dict.fromkeys(canonical))
        rows = {compound: row for row, compound in enumerate(unique)}
        with steady_threads():
            encoded = self._encode(unique)
        return encoded[[rows[compound] for compound in canonical]]

    def _read(self, X: object) -> list[str]:
        """Return the SMILES to encode for each row: canonical ones, or parents."""
        canonical = read_smiles(X, user=type(self).__name__)
        if self.keep_salts:
            return canonical
        return [parent_smiles(compound) for compound in canonical]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Name the columns of the encoding.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            Lower-case class name and column number.
        """
        name = type(self).__name__.lower()
        width = self._n_features_out
        return np.asarray([f"{name}{column}" for column in range(width)], dtype=object)

    @property
    @abstractmethod
    def _n_features_out(self) -> int:
        """Width of the encoding."""

    @abstractmethod
    def _encode(self, smiles: Sequence[str]) -> np.ndarray:
        """Encode distinct canonical SMILES: (n, n_features) float32."""

    def content(self) -> dict[str, Any]:
        """Return everything that determines the encoding of a compound.

        Returns
        -------
        content : dict of str to plain values
            The parameters, except those that do not affect the result.
        """
        parameters = self.get_params(deep=False)
        return {k: v for k, v in parameters.items() if k not in self._not_content}

    def __sklearn_is_fitted__(self) -> bool:
        """Declare that fitting is not required."""
        return True

    def __sklearn_tags__(self) -> Tags:
        """Declare text input and that fitting is not required."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class MorganEncoder(SmilesEncoder):
    """Encode compounds by Morgan (circular) fingerprints.

    Parameters
    ----------
    radius : int, default=2
        Largest radius of the atom environments, in bonds.
    n_bits : int, default=2048
        Number of columns the environments are hashed into.
    count : bool, default=False
        Whether to count the environments instead of marking their presence.
    keep_salts : bool, default=True
        Whether to encode the whole compound as written. If False, only the
        largest fragment is encoded.

    See Also
    --------
    MATEncoder : Encode compounds by a graph transformer.

    Notes
    -----
    The transformer is stateless: `transform` works without `fit`.

    Examples
    --------
    >>> from sklearn_csg2a.encoders import MorganEncoder
    >>> encoding = MorganEncoder(n_bits=64).transform(["CCO", "c1ccccc1"])
    >>> encoding.shape, sorted(set(encoding.ravel().tolist()))
    ((2, 64), [0.0, 1.0])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "radius": [Interval(Integral, 0, None, closed="left")],
        "n_bits": [Interval(Integral, 1, None, closed="left")],
        "count": ["boolean"],
        "keep_salts": ["boolean"],
    }

    def __init__(
        self,
        radius: int = 2,
        n_bits: int = 2048,
        count: bool = False,
        keep_salts: bool = True,
    ) -> None:
        self.radius = radius
        self.n_bits = n_bits
        self.count = count
        self.keep_salts = keep_salts

    @property
    def _n_features_out(self) -> int:
        """Width of the fingerprint."""
        return self.n_bits

    def _encode(self, smiles: Sequence[str]) -> np.ndarray:
        """Compute the fingerprints: (n, n_bits) float32."""
        generator = rdFingerprintGenerator.GetMorganGenerator(
            radius=int(self.radius), fpSize=int(self.n_bits)
        )
        return compute_fingerprints(generator, smiles, self.n_bits, self.count)


def compute_fingerprints(
    generator: Any, smiles: Sequence[str], n_bits: int, count: bool
) -> np.ndarray:
    """Return which patterns compounds have, or how often: (n, n_bits) float32."""
    fingerprint = (
        generator.GetCountFingerprintAsNumPy
        if count
        else generator.GetFingerprintAsNumPy
    )
    encoding = np.zeros((len(smiles), n_bits), dtype=np.float32)
    for row, compound in enumerate(smiles):
        encoding[row] = fingerprint(parse_smiles(compound))
    return encoding
