"""Saving of fitted models as plain data, and loading."""

from __future__ import annotations

import json
import os
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a._version import __version__
from sklearn_csg2a.exceptions import InputError, ModelFileError
from sklearn_csg2a.persistence._classes import MODELS, NOT_STORED, stored_name
from sklearn_csg2a.persistence._limits import check_depth
from sklearn_csg2a.persistence._read_values import ValueReader
from sklearn_csg2a.persistence._shipped import find_model
from sklearn_csg2a.persistence._write_values import ValueWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONTENT_ERRORS", "FORMAT", "check_header", "load_model", "save_model"]

FORMAT = 2
_KIND = "model"
# What values of other types or sizes than expected raise where they are used.
CONTENT_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
_LIBRARIES = ("numpy", "pandas", "rdkit", "scikit-learn", "scipy", "skorch", "torch")


def save_model(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    include_expression: bool = False,
    card: str | Mapping[str, Any] | None = None,
) -> None:
    """Save a fitted model in one file that contains only numbers and text.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator of this package, or scikit-learn's `Pipeline`,
        `FeatureUnion`, `FrozenEstimator`, `VotingRegressor`, `StackingRegressor` or
        `TransformedTargetRegressor` around such estimators; it is not modified.
        `callbacks` are code and are omitted, with a warning. A `pretrained` estimator
        is saved as well; a path is stored as a path, as are the weights of a
        `MATEncoder` that are read from a file.
    path : path-like
        The file to write. It is replaced only when the new one is complete.
    include_expression : bool, default=False
        Whether to store the tables `expression`. By default they are omitted: a file
        that is shared should not contain patient data, or profiles whose terms of use
        forbid sharing. Without them the loaded model has ``expression=None``: set a
        table by ``set_params(expression=...)``, or pass X with one column per gene. In
        the process that saved the file, the table is restored while it exists.
    card : str or mapping, default=None
        Documentation of the model: data and their terms of use, measured errors,
        limits. Text or a JSON-serialisable mapping. See :func:`inspect_model`.

    Raises
    ------
    InputError
        If `estimator` is of an unsupported class, or contains a value that cannot be
        written; the message names it.
    NotFittedError
        If `estimator` is not fitted.

    See Also
    --------
    load_model : Read the file.
    inspect_model : Read information from the file without loading the model.

    Notes
    -----
    Kernel models (`PairwiseKernelRidge`, `ResponseGaussianProcess`, `SVMResponse`)
    predict by comparison with their training cells, whose expression is part of the
    model and is always stored.

    The SMILES of the training compounds (`compounds_`) are part of every model.

    Trees of other libraries are not supported: `skops.io.dump` writes them as data.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_csg2a import PerturbationRegressor, load_model, save_model
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> model = PerturbationRegressor(max_epochs=1, random_state=0).fit(X, 2 * X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, Path(folder) / "model.csg2a")
    ...     restored = load_model(Path(folder) / "model.csg2a")
    >>> bool((restored.predict(X) == model.predict(X)).all())
    True
    """
    _check_storable(estimator)
    check_is_fitted(estimator)
    writer = ValueWriter(include_expression=include_expression)
    model = writer.write(estimator, "model")
    if writer.has_callbacks:
        warnings.warn(
            "callbacks are code and are not saved; the loaded model has "
            "callbacks=None. Its predictions do not depend on them.",
            UserWarning,
            stacklevel=2,
        )
    manifest = {
        "kind": _KIND,
        "format_version": FORMAT,
        "class": type(estimator).__name__,
        "versions": _versions(),
        "card": _check_card(card),
        "model": model,
    }
    write_archive(path, manifest, writer.arrays)


def load_model(path: str | os.PathLike[str]) -> Any:
    """Load a model written by `save_model`, or one that is shipped with the package.

    No code of the file is executed: it contains arrays, and text that names classes of
    a fixed list. Its checksums are verified first.

    Parameters
    ----------
    path : str or path-like
        A file written by :func:`save_model`, or the name of a shipped model: "gdsc2"
        predicts ln IC50, "lincs" the expression after treatment. Their cards say what
        they were trained on, under which terms they may be used, and how far they are
        off: ``inspect_model("gdsc2").card``. A file of such a name is meant by
        ``"./gdsc2"`` or a path object.

    Returns
    -------
    estimator : estimator
        The fitted model. On the same kind of device its predictions are identical, to
        the last bit; without its CUDA device it is loaded to the CPU. If the file was
        saved without the table `expression`, set it by ``set_params(expression=...)``.

    Raises
    ------
    OSError
        If there is no such file (FileNotFoundError), or if it is not a regular file.
    ModelFileError
        If the file is damaged, truncated, not a model file or from a newer version,
        or if it asks for much more memory than its size explains. It is an InputError.

    Warns
    -----
    InconsistentVersionWarning
        If another version of scikit-learn wrote the file; not for shipped models.
    UserWarning
        If there is a file of the name of a shipped model; the shipped one is loaded.

    See Also
    --------
    save_model : Write the file.
    inspect_model : Read information from the file without loading the model.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_csg2a import PerturbationRegressor, load_model, save_model
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> model = PerturbationRegressor(max_epochs=1, random_state=0).fit(X, 2 * X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, Path(folder) / "model.csg2a")
    ...     load_model(Path(folder) / "model.csg2a")
    PerturbationRegressor(max_epochs=1, random_state=0)
    """
    path, is_shipped = find_model(path)
    manifest, arrays = read_archive(path)
    reader = ValueReader(arrays)
    try:
        check_header(manifest)
        model = reader.read_part("model", manifest["model"])
        if stored_name(model) != manifest["class"] or manifest["class"] not in MODELS:
            msg = f"it contains a {type(model).__name__}, which is not a model."
            raise ModelFileError(msg)
        check_is_fitted(model)
    except ModelFileError as error:
        msg = f"{os.fspath(path)}{reader.place}: {error}"
        raise ModelFileError(msg) from error
    except CONTENT_ERRORS as error:
        msg = (
            f"{os.fspath(path)}{reader.place}: its content does not make a model of "
            f"this version ({type(error).__name__}: {error})."
        )
        raise ModelFileError(msg) from error
    if not is_shipped:
        _warn_of_version(manifest)
    return model


def _check_storable(estimator: Any) -> None:
    """Reject objects that cannot be stored in a model file."""
    if stored_name(estimator) in MODELS:
        return
    name = type(estimator).__name__
    if name in NOT_STORED:
        msg = f"save_model does not store a {name}: {NOT_STORED[name]}."
        raise InputError(msg)
    msg = (
        f"save_model got a {name}; it saves a fitted estimator of this package, or "
        "scikit-learn's Pipeline, FeatureUnion, FrozenEstimator, VotingRegressor, "
        "StackingRegressor or TransformedTargetRegressor around such estimators."
    )
    raise InputError(msg)


def _check_card(card: str | Mapping[str, Any] | None) -> Any:
    """Return a card as JSON values."""
    try:
        return json.loads(json.dumps(card, allow_nan=False))
    except (TypeError, ValueError) as error:
        msg = f"card must be text or JSON-serialisable: {error}."
        raise InputError(msg) from error


def check_header(manifest: dict[str, Any]) -> None:
    """Reject other kinds of files, newer formats and incomplete manifests."""
    if manifest.get("kind") != _KIND:
        msg = f"it is a {manifest.get('kind')!r}, not a model written by save_model."
        raise ModelFileError(msg)
    versions = manifest.get("versions")
    if not isinstance(versions, dict) or not all(
        isinstance(text, str) for text in versions.values()
    ):
        msg = "its manifest has no `versions` of the packages that wrote it."
        raise ModelFileError(msg)
    _check_format(manifest.get("format_version"), versions)
    for part, kind in (("class", str), ("model", dict)):
        if not isinstance(manifest.get(part), kind):
            msg = f"its manifest has no {part!r}."
            raise ModelFileError(msg)
    check_depth(manifest["model"])


def _check_format(found: Any, versions: dict[str, str]) -> None:
    """Reject a format version that is no number of a format, or a newer one."""
    if type(found) is not int or found < 1:  # True is an int, too
        msg = f"its format_version is {found!r}; expected 1 to {FORMAT}."
        raise ModelFileError(msg)
    if found > FORMAT:
        msg = (
            f"it has format version {found}, written by sklearn_csg2a "
            f"{versions.get('sklearn_csg2a', '(unknown)')}; this version, "
            f"{__version__}, reads up to {FORMAT}. Install a newer sklearn_csg2a."
        )
        raise ModelFileError(msg)


def _warn_of_version(manifest: dict[str, Any]) -> None:
    """Warn, like scikit-learn, about a different version of it."""
    written_by = manifest["versions"].get("scikit-learn")
    if written_by != sklearn.__version__:
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name=manifest["class"],
                current_sklearn_version=sklearn.__version__,
                original_sklearn_version=str(written_by),
            ),
            stacklevel=3,
        )


def _versions() -> dict[str, str]:
    """Return the versions of this package and of its main dependencies."""
    versions = {"sklearn_csg2a": __version__}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions | {"scikit-learn": sklearn.__version__}
