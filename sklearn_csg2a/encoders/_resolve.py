"""From the parameter `compound_encoder` to one encoded row per compound."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

from sklearn_csg2a._utils.choices import CompoundEncoder
from sklearn_csg2a.chem._cache import MemoryCache
from sklearn_csg2a.encoders._base import MorganEncoder, SmilesEncoder, read_smiles
from sklearn_csg2a.encoders._mat import MATEncoder
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["clear_encoding_cache", "encode_compounds", "fit_alone", "resolve_encoder"]

_CACHE = MemoryCache(max_bytes=256 * 2**20)
_NAMED = {"auto": MorganEncoder, "morgan": MorganEncoder, "mat": MATEncoder}
_NOT_CONTENT = frozenset({"n_jobs", "verbose"})


def fit_alone(transformer: Any, X: Any) -> Any:
    """Fit a transformer without y; a frozen one stays as it is."""
    frozen = isinstance(transformer, FrozenEstimator)
    return transformer if frozen else transformer.fit(X)


def resolve_encoder(encoder: CompoundEncoder) -> Any:
    """Return the unfitted transformer given by `compound_encoder`.

    Parameters
    ----------
    encoder : {"auto", "morgan", "mat"} or transformer
        "auto" is "morgan". A transformer takes a list of SMILES strings and
        returns a 2-D array; it is cloned.

    Returns
    -------
    transformer : estimator
        A transformer with `fit` and `transform`.

    Raises
    ------
    InputError
        If `encoder` is another string, or not a transformer.

    Examples
    --------
    >>> from sklearn_csg2a.encoders import resolve_encoder
    >>> resolve_encoder("morgan")
    MorganEncoder()
    """
    if isinstance(encoder, str):
        if encoder not in _NAMED:
            msg = (
                f"compound_encoder={encoder!r} is unknown; use one of "
                f"{sorted(_NAMED)} or a transformer."
            )
            raise InputError(msg)
        return _NAMED[encoder]()
    if isinstance(encoder, type) or not (
        hasattr(encoder, "fit") and hasattr(encoder, "transform")
    ):
        msg = (
            f"compound_encoder={encoder!r} is not a transformer; it needs fit and "
            "transform, from a list of SMILES strings to a 2-D array. Pass an "
            f"instance, or one of {sorted(_NAMED)}."
        )
        raise InputError(msg)
    return clone(encoder)


def encode_compounds(encoder: Any, smiles: Sequence[str]) -> np.ndarray:
    """Encode compounds, once per distinct compound.

    The encodings of stateless transformers are cached in memory, shared with equal
    clones, up to 256 MiB. Other transformers must be fitted, and their encodings are
    not cached.

    Parameters
    ----------
    encoder : transformer
        From :func:`resolve_encoder`, fitted if necessary.
    smiles : sequence of str of length n
        Compounds, in any spelling.

    Returns
    -------
    encoding : ndarray of shape (n, n_features), dtype float32
        One row per compound, in the order given.

    Raises
    ------
    InvalidSmilesError
        If a string is invalid.
    InputError
        If the encoder does not return one finite row per compound.

    Examples
    --------
    >>> from sklearn_csg2a.encoders import encode_compounds, resolve_encoder
    >>> first, second = encode_compounds(resolve_encoder("morgan"), ["CCO", "OCC"])
    >>> bool((first == second).all())
    True
    """
    canonical = read_smiles(smiles, user="encode_compounds")
    unique = list(dict.fromkeys(canonical))
    if not unique:
        msg = "encode_compounds got no compound; give at least one SMILES string."
        raise InputError(msg)
    content = _content_key(encoder)
    if content is None:
        encodings = dict(zip(unique, _transform(encoder, unique), strict=True))
    else:
        encodings = _encode_cached(encoder, unique, content)
    return np.stack([encodings[compound] for compound in canonical])


def clear_encoding_cache() -> None:
    """Remove all encodings from the memory cache.

    Examples
    --------
    >>> from sklearn_csg2a.encoders import clear_encoding_cache
    >>> clear_encoding_cache()
    """
    _CACHE.clear()


def _encode_cached(
    encoder: Any, unique: list[str], content: Hashable
) -> dict[str, np.ndarray]:
    """Return the row of each compound, computing those not cached."""
    encodings = {compound: _CACHE.get((content, compound)) for compound in unique}
    missing = [compound for compound in unique if encodings[compound] is None]
    if missing:
        for compound, row in zip(missing, _transform(encoder, missing), strict=True):
            encoding = row.copy()
            encoding.flags.writeable = False
            _CACHE.put((content, compound), encoding, encoding.nbytes)
            encodings[compound] = encoding
    return encodings


def _content_key(encoder: Any) -> Hashable | None:
    """Return what determines the encoding, None if it must not be cached."""
    if not hasattr(encoder, "__sklearn_tags__"):
        return None
    if get_tags(encoder).requires_fit and not _is_fitted_when_new(encoder):
        return None
    if isinstance(encoder, SmilesEncoder):
        content = encoder.content()
    else:
        content = {
            name: value
            for name, value in encoder.get_params(deep=True).items()
            if name not in _NOT_CONTENT
        }
    if not _is_plain(content):
        return None
    return type(encoder), joblib.hash(content)


def _is_fitted_when_new(encoder: Any) -> bool:
    """Tell whether the tags of the encoder say that it needs no fit."""
    if not hasattr(encoder, "__sklearn_is_fitted__"):
        return False
    try:
        return bool(clone(encoder).__sklearn_is_fitted__())
    except NotFittedError:  # raised by a union for a part that has to be fitted
        return False


def _is_plain(value: object) -> bool:
    """Tell whether a value is plain data, without code or objects."""
    if isinstance(value, dict):
        return all(_is_plain(k) and _is_plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, np.ndarray):
        return value.dtype != object
    plain = (str, bytes, bool, int, float, complex, np.generic, os.PathLike)
    return value is None or isinstance(value, plain)


def _transform(encoder: Any, smiles: list[str]) -> np.ndarray:
    """Run the encoder and check what it returns: (n, n_features) float32."""
    name = type(encoder).__name__
    output = encoder.transform(smiles)
    if sparse.issparse(output):
        output = output.toarray()
    try:
        encoding = np.asarray(output, dtype=np.float32)
    except (TypeError, ValueError) as error:
        msg = f"{name} must return a numeric 2-D array, got {type(output).__name__}."
        raise InputError(msg) from error
    if encoding.ndim != 2 or len(encoding) != len(smiles) or encoding.shape[1] == 0:
        msg = (
            f"{name} must return a 2-D array with one row per compound, got shape "
            f"{encoding.shape} for {len(smiles)} compounds."
        )
        raise InputError(msg)
    bad = np.flatnonzero(~np.isfinite(encoding).all(axis=1))
    if len(bad):
        msg = (
            f"{name} returned NaN, infinity or a value beyond float32 for "
            f"{len(bad)} of {len(smiles)} compounds, first {smiles[bad[0]]!r}; "
            "exclude these compounds or impute inside the encoder."
        )
        raise InputError(msg)
    return encoding
