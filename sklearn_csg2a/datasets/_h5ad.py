"""Expression profiles in h5ad files, as the package anndata writes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import Bunch

from sklearn_csg2a.datasets._files import choose_ids, name_genes, refuse_repeated
from sklearn_csg2a.datasets._hdf5 import (
    ReadRows,
    check_block_size,
    dense_rows,
    fill_rows,
    open_hdf5,
    read_texts,
    require,
)
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["iter_h5ad", "read_h5ad"]

_EXPECTED = "an h5ad file (HDF5 with /X, /obs and /var, by anndata 0.7 or newer)"
_SPARSE = {"csr_matrix": sparse.csr_array, "csc_matrix": sparse.csc_array}


@dataclass(frozen=True)
class _Selection:
    """An open file, and what of it is to be read."""

    read_rows: ReadRows
    span: int
    profiles: pd.DataFrame
    genes: pd.DataFrame
    rows: np.ndarray

    def read(self, rows: np.ndarray) -> pd.DataFrame:
        """Read some profiles, by position in the file."""
        table = fill_rows(self.read_rows, rows, len(self.genes), self.span)
        return table.set_axis(self.profiles.index[rows], axis=0).set_axis(
            self.genes.index, axis=1
        )


def read_h5ad(
    path: str | os.PathLike[str],
    *,
    genes: Iterable[str] | None = None,
    profiles: Iterable[str] | None = None,
    gene_names: str | None = None,
    layer: str | None = None,
) -> Bunch:
    """Read expression profiles from an h5ad file.

    Parameters
    ----------
    path : str or path
        The file, written by anndata 0.7 or newer; anndata itself is not needed.
    genes : iterable of str or None, default=None
        The genes to read, in this order, by name (see `gene_names`); None reads all.
    profiles : iterable of str or None, default=None
        Ids of the profiles (the index of obs) to read, in this order; None reads all.
    gene_names : str or None, default=None
        Column of var that names the genes. None takes the index of var.
    layer : str or None, default=None
        Layer to read; None reads X.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        expression : DataFrame (profiles, genes), float32, dense.
        profiles : DataFrame, obs: the metadata of each profile, same index.
        genes : DataFrame, var: the metadata of each gene, index as the columns of
            `expression`.

    Raises
    ------
    DataFileError
        If the file is empty, cut off, damaged or no h5ad file.
    InputError
        If a gene, profile or column asked for is not in the file.
    ImportError
        If h5py is not installed.

    See Also
    --------
    iter_h5ad : The same by block.

    Notes
    -----
    Dense values and sparse rows (CSR) are read by block. Sparse columns (CSC) cannot
    be: their non-zero values are held in memory while the file is read.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import read_h5ad
    >>> data = read_h5ad("screen.h5ad")  # doctest: +SKIP
    >>> data.profiles["pert_iname"]  # doctest: +SKIP
    """
    with _select(path, genes, profiles, gene_names, layer) as chosen:
        return Bunch(
            expression=chosen.read(chosen.rows),
            profiles=chosen.profiles.iloc[chosen.rows],
            genes=chosen.genes,
        )


def iter_h5ad(
    path: str | os.PathLike[str],
    *,
    genes: Iterable[str] | None = None,
    profiles: Iterable[str] | None = None,
    gene_names: str | None = None,
    layer: str | None = None,
    block_size: int = 4096,
) -> Iterator[pd.DataFrame]:
    """Yield the expression profiles of an h5ad file by block.

    Parameters
    ----------
    path, genes, profiles, gene_names, layer
        As in :func:`read_h5ad`.
    block_size : int, default=4096
        Profiles per block; the last may be shorter.

    Yields
    ------
    expression : DataFrame (profiles, genes), float32
        The next profiles.

    Raises
    ------
    DataFileError
        If the file is empty, cut off, damaged or no h5ad file.
    InputError
        If a gene, profile or column asked for is not in the file.
    ImportError
        If h5py is not installed.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import iter_h5ad
    >>> for block in iter_h5ad("screen.h5ad"):  # doctest: +SKIP
    ...     block.mean()
    """
    check_block_size(block_size)
    with _select(path, genes, profiles, gene_names, layer) as chosen:
        for start in range(0, len(chosen.rows), block_size):
            yield chosen.read(chosen.rows[start : start + block_size])


@contextmanager
def _select(
    path: str | os.PathLike[str],
    genes: Iterable[str] | None,
    profiles: Iterable[str] | None,
    gene_names: str | None,
    layer: str | None,
) -> Iterator[_Selection]:
    """Open a file, read its metadata and resolve the ids asked for."""
    with open_hdf5(path, _EXPECTED) as file:
        of_profiles = _read_table(require(file, "obs", _EXPECTED), "obs", path)
        of_genes = _read_table(require(file, "var", _EXPECTED), "var", path)
        of_genes = name_genes(of_genes, gene_names, path)
        refuse_repeated(of_profiles.index, "profiles", path)
        refuse_repeated(of_genes.index, "genes", path)
        matrix = require(file, "X" if layer is None else f"layers/{layer}", _EXPECTED)
        stored = getattr(matrix, "shape", None) or matrix.attrs.get("shape", ())
        shape = tuple(map(int, stored))
        if shape != (len(of_profiles), len(of_genes)):
            msg = (
                f"{path}: {matrix.name} has shape {shape}, but obs and var have "
                f"{len(of_profiles)} and {len(of_genes)} rows. The file is damaged or "
                "not an h5ad file."
            )
            raise DataFileError(msg)
        columns = choose_ids(genes, of_genes.index, "genes", path)
        yield _Selection(
            _row_reader(matrix, columns, path),
            shape[1],
            of_profiles,
            of_genes.iloc[columns],
            choose_ids(profiles, of_profiles.index, "profiles", path),
        )


def _row_reader(
    matrix: Any, columns: np.ndarray, path: str | os.PathLike[str]
) -> ReadRows:
    """Return a function that reads rows start to stop of some columns."""
    if hasattr(matrix, "shape"):
        return dense_rows(matrix, columns)
    encoding = matrix.attrs.get("encoding-type")
    if encoding not in _SPARSE:
        msg = (
            f"{path}: {matrix.name} is encoded as {encoding!r}; an array, 'csr_matrix' "
            "or 'csc_matrix' was expected."
        )
        raise DataFileError(msg)
    data, indices = (require(matrix, key, _EXPECTED) for key in ("data", "indices"))
    pointers = require(matrix, "indptr", _EXPECTED)[()]
    shape = tuple(matrix.attrs["shape"])
    if encoding == "csc_matrix":
        whole = sparse.csc_array((data[()], indices[()], pointers), shape=shape)
        by_row = whole[:, columns].tocsr()
        return lambda start, stop: by_row[start:stop].toarray()

    def read(start: int, stop: int) -> np.ndarray:
        first, last = pointers[start], pointers[stop]
        rows = sparse.csr_array(
            (data[first:last], indices[first:last], pointers[start : stop + 1] - first),
            shape=(stop - start, shape[1]),
        )
        return rows[:, columns].toarray()

    return read


def _read_table(group: Any, name: str, path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read obs or var."""
    if group.attrs.get("encoding-type") != "dataframe" or "_index" not in group.attrs:
        msg = f"{path}: {name} is not a table as {_EXPECTED} has it."
        raise DataFileError(msg)
    index = group.attrs["_index"]
    ids = pd.Index(read_texts(require(group, index, _EXPECTED)).astype(str))
    columns = {
        str(column): _read_column(require(group, column, _EXPECTED))
        for column in group.attrs["column-order"]
    }
    for column, values in columns.items():
        if len(values) != len(ids):
            msg = (
                f"{path}: column {column!r} of {name} has {len(values)} values for "
                f"{len(ids)} rows. The file is damaged."
            )
            raise DataFileError(msg)
    return pd.DataFrame(columns, index=range(len(ids))).set_index(ids)


def _read_column(stored: Any) -> Any:
    """Read one column: plain, categorical in either of its forms, or with a mask."""
    if "categories" in stored.attrs:  # anndata 0.7
        categories = pd.Index(read_texts(stored.file[stored.attrs["categories"]]))
        return pd.Categorical.from_codes(stored[()], categories)
    if hasattr(stored, "shape"):
        return read_texts(stored)
    if "codes" in stored:
        ordered = bool(stored.attrs.get("ordered", False))
        categories = pd.Index(read_texts(require(stored, "categories", _EXPECTED)))
        return pd.Categorical.from_codes(
            stored["codes"][()], categories, ordered=ordered
        )
    values = read_texts(require(stored, "values", _EXPECTED))
    return pd.Series(values).mask(require(stored, "mask", _EXPECTED)[()])
