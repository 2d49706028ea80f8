"""Content of a model file, read without building the model."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn_csg2a._utils.archive import read_archive
from sklearn_csg2a.exceptions import ModelFileError
from sklearn_csg2a.persistence._model_file import CONTENT_ERRORS, check_header
from sklearn_csg2a.persistence._shipped import find_model

__all__ = ["ModelFile", "inspect_model"]


@dataclass(frozen=True)
class ModelFile:
    """Result of :func:`inspect_model`.

    Attributes
    ----------
    class_name : str
        Class of the model.
    parameters : dict of str to any
        Its parameters; tables, arrays and estimators as text.
    genes : tuple of str or None
        Genes of the model, in order; None if it has none.
    left_out : dict of str to dict
        Expression tables that are not in the file, by their path in the model: number
        of cells, number of genes and sha256.
    versions : dict of str to str
        Versions of the packages that wrote the file.
    format_version : int
        Version of the file format.
    n_numbers : int
        Total size of all arrays of the file.
    n_bytes : int
        Size of the file.
    card : str, dict or None
        The `card` passed to `save_model`.
    """

    class_name: str
    parameters: dict[str, Any]
    genes: tuple[str, ...] | None
    left_out: dict[str, dict[str, Any]]
    versions: dict[str, str]
    format_version: int
    n_numbers: int
    n_bytes: int
    card: Any


def inspect_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read information from a model file without building the model.

    The checksums of the file are verified, as by :func:`load_model`.

    Parameters
    ----------
    path : str or path-like
        A file written by :func:`save_model`, or the name of a shipped model, as
        :func:`load_model` takes it.

    Returns
    -------
    content : ModelFile
        Class, parameters, genes, versions, card and sizes.

    Raises
    ------
    OSError
        If there is no such file (FileNotFoundError), or if it is not a regular file.
    ModelFileError
        If the file is damaged, truncated, not a model file or from a newer version.

    See Also
    --------
    load_model : Load the model.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_csg2a import PerturbationRegressor, inspect_model, save_model
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> model = PerturbationRegressor(max_epochs=1, random_state=0).fit(X, 2 * X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, Path(folder) / "model.csg2a", card="Simulated data.")
    ...     content = inspect_model(Path(folder) / "model.csg2a")
    >>> content.class_name, content.genes, content.card
    ('PerturbationRegressor', ('x0', 'x1', 'x2'), 'Simulated data.')
    """
    path, _ = find_model(path)
    manifest, arrays = read_archive(path)
    try:
        check_header(manifest)
        model = manifest["model"]
        return ModelFile(
            class_name=str(manifest["class"]),
            parameters=_parameters(model, arrays),
            genes=_find_genes(model),
            left_out=_find_left_out(model),
            versions=dict(manifest["versions"]),
            format_version=int(manifest["format_version"]),
            n_numbers=sum(array.size for array in arrays.values()),
            n_bytes=Path(path).stat().st_size,
            card=manifest.get("card"),
        )
    except ModelFileError as error:
        msg = f"{os.fspath(path)}: {error}"
        raise ModelFileError(msg) from error
    except CONTENT_ERRORS as error:
        msg = f"{os.fspath(path)}: its content is not that of a model file ({error})."
        raise ModelFileError(msg) from error


def _parameters(stored: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a stored estimator, with short descriptions."""
    if stored["type"] == "frozen":
        return {"estimator": _describe(stored["estimator"], arrays)}
    items = stored["parameters"]["items"]
    return {name: _describe(value, arrays) for name, value in items.items()}


def _describe(stored: Any, arrays: dict[str, Any]) -> Any:
    """Return plain values unchanged, everything else as text."""
    if not isinstance(stored, dict):
        return stored
    kind = stored["type"]
    if kind in {"list", "tuple"}:
        values = [_describe(value, arrays) for value in stored["items"]]
        return values if kind == "list" else tuple(values)
    if kind in {"dict", "bunch"}:
        return {k: _describe(value, arrays) for k, value in stored["items"].items()}
    if kind in {"instance", "frozen"}:
        return _describe_estimator(stored, arrays)
    if kind == "array":
        return f"array of shape {arrays[stored['name']].shape}"
    return stored["value"] if kind in {"path", "device"} else kind


def _describe_estimator(stored: dict[str, Any], arrays: dict[str, Any]) -> str:
    """Write an estimator as a call, without the parameters that are None."""
    name = stored.get("class", "FrozenEstimator")
    parameters = _parameters(stored, arrays).items()
    arguments = ", ".join(
        f"{k}={value!r}" for k, value in parameters if value is not None
    )
    return f"{name}({arguments})"


def _find_genes(stored: Any) -> tuple[str, ...] | None:
    """Return the genes of the outermost estimator that has any."""
    for item in _walk(stored):
        genes = item.get("state", {}).get("items", {}).get("genes_")
        if item.get("type") == "instance" and genes is not None:
            return tuple(str(gene) for gene in genes["items"])
    return None


def _find_left_out(stored: Any) -> dict[str, dict[str, Any]]:
    """Return the tables that are not in the file, by the path of the estimator."""
    return {
        f"{item['place']}/{name}": dict(description)
        for item in _walk(stored)
        for name, description in item.get("left_out", {}).items()
    }


def _walk(stored: Any) -> list[dict[str, Any]]:
    """List the objects of a manifest, outer before inner ones."""
    items, waiting = [], deque([stored])
    while waiting:
        item = waiting.popleft()
        if isinstance(item, dict):
            items.append(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return items
