"""Save fitted models as plain data, and load them again."""

from __future__ import annotations

import os
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._archive import read_archive, write_archive
from sklearn_csg2a._version import __version__
from sklearn_csg2a.exceptions import InputError, ModelFileError
from sklearn_csg2a.persistence._classes import MODELS, stored_name
from sklearn_csg2a.persistence._read_values import ValueReader
from sklearn_csg2a.persistence._write_values import ValueWriter

__all__ = ["FORMAT", "load_model", "save_model"]

FORMAT = 1
_KIND = "model"
_LIBRARIES = ("numpy", "pandas", "rdkit", "scikit-learn", "scipy", "skorch", "torch")


def save_model(
    estimator: Any, path: str | os.PathLike[str], *, include_expression: bool = True
) -> None:
    """Save a fitted model in one file that holds numbers and text alone.

    Parameters
    ----------
    estimator : PerturbationRegressor or DrugResponseRegressor
        A fitted model; it is not changed. What has no place in a file of data
        is handled so: `callbacks` are left out, with a warning; encoders,
        splitters and scalers of other packages raise an error. A `pretrained`
        estimator is saved along, a path stays a path, and so do the weights of
        a `MATEncoder` that are read from a file.
    path : path-like
        The file to write. It is replaced only when the new one is complete.
    include_expression : bool, default=True
        Whether to store the table `expression`. Without it the loaded model has
        ``expression=None``: give it a table by ``set_params(expression=...)``, or
        X with one column per gene.

    Raises
    ------
    InputError
        If `estimator` is no model of this package, or holds something that
        cannot be written; the message names it.
    NotFittedError
        If `estimator` is not fitted.

    See Also
    --------
    load_model : Read the file.

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
    if stored_name(estimator) not in MODELS:
        msg = (
            f"save_model got a {type(estimator).__name__}; it saves a fitted "
            "PerturbationRegressor or DrugResponseRegressor. For a pipeline, save its "
            "last step, or use joblib.dump."
        )
        raise InputError(msg)
    check_is_fitted(estimator)
    writer = ValueWriter(left_out=() if include_expression else ("expression",))
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
        "model": model,
    }
    write_archive(path, manifest, writer.arrays)


def load_model(path: str | os.PathLike[str]) -> Any:
    """Load a model that `save_model` wrote.

    No code of the file runs: it holds arrays, and text that names classes from a
    fixed list. Every byte is checked against its checksum first.

    Parameters
    ----------
    path : path-like
        A file written by :func:`save_model`.

    Returns
    -------
    estimator : PerturbationRegressor or DrugResponseRegressor
        The fitted model. It predicts the same numbers, to the last bit, on the
        same kind of device; without its CUDA device it is loaded to the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is damaged, truncated, no model file or from a newer version.

    Warns
    -----
    InconsistentVersionWarning
        If another version of scikit-learn wrote the file.

    See Also
    --------
    save_model : Write the file.

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
    manifest, arrays = read_archive(path)
    try:
        _check_header(manifest)
        model = ValueReader(arrays).read(manifest["model"])
        if stored_name(model) != manifest["class"] or manifest["class"] not in MODELS:
            msg = f"it holds a {type(model).__name__}, which is no model."
            raise ModelFileError(msg)
        check_is_fitted(model)
    except ModelFileError as error:
        msg = f"{os.fspath(path)}: {error}"
        raise ModelFileError(msg) from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        msg = (
            f"{os.fspath(path)}: its content does not make a model of this version "
            f"({type(error).__name__}: {error})."
        )
        raise ModelFileError(msg) from error
    _warn_of_version(manifest)
    return model


def _check_header(manifest: dict[str, Any]) -> None:
    """Refuse other kinds of files and files of the future."""
    if manifest["kind"] != _KIND:
        msg = f"it is a {manifest['kind']!r}, not a model written by save_model."
        raise ModelFileError(msg)
    if manifest["format_version"] > FORMAT:
        msg = (
            f"it has format version {manifest['format_version']}, written by "
            f"sklearn_csg2a {manifest['versions']['sklearn_csg2a']}; this version, "
            f"{__version__}, reads up to {FORMAT}. Install a newer sklearn_csg2a."
        )
        raise ModelFileError(msg)


def _warn_of_version(manifest: dict[str, Any]) -> None:
    """Warn as scikit-learn does where its version is another."""
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
    """Return the versions of this package and of those it stands on."""
    versions = {"sklearn_csg2a": __version__}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions | {"scikit-learn": sklearn.__version__}
