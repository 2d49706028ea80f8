"""Expression profiles in h5ad files, as written by anndata."""

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

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets.readers._blocks import (
    ReadRows,
    check_block_size,
    dense_rows,
    fill_rows,
)
from sklearn_csg2a.datasets.readers._h5ad_tables import read_frame
from sklearn_csg2a.datasets.readers._hdf5 import Hdf5File, open_hdf5
from sklearn_csg2a.datasets.readers._text import choose_ids, name_genes, refuse_repeated
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["iter_h5ad", "read_h5ad"]

_EXPECTED = "an h5ad file (HDF5 with /X, /obs and /var, as anndata writes it)"


@dataclass(frozen=True)
class _Selection:
    """An open file and the selection to read."""

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
    use_raw: bool = False,
) -> Bunch:
    """Read expression profiles from an h5ad file.

    Parameters
    ----------
    path : str or path
        The file, written by any version of anndata; anndata is not required.
    genes : iterable of str or None, default=None
        The genes to read, in this order, by name (see `gene_names`); None reads all.
    profiles : iterable of str or None, default=None
        Ids of the profiles (the index of obs) to read, in this order; None reads all.
    gene_names : str or None, default=None
        Column of var that names the genes. None takes the index of var.
    layer : str or None, default=None
        Layer to read; None reads X.
    use_raw : bool, default=False
        Read the values and genes of raw, where scanpy keeps them before selection and
        scaling.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `expression`: DataFrame (profiles, genes), float32, dense.
        - `profiles`: DataFrame, obs: the metadata of each profile, same index.
        - `genes`: DataFrame, var: the metadata of each gene, index as the columns of
          `expression`.

    Raises
    ------
    DataFileError
        If the file is empty, truncated, damaged or not an h5ad file.
    InputError
        If a requested gene, profile, column or layer is not in the file.
    MissingDependencyError
        If h5py is not installed.

    See Also
    --------
    iter_h5ad : The same by block.

    Notes
    -----
    Dense values and sparse rows (CSR) are read by block. For sparse columns (CSC), all
    non-zero values are in memory while the file is read.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import read_h5ad
    >>> data = read_h5ad("screen.h5ad")  # doctest: +SKIP
    >>> data.profiles["pert_iname"]  # doctest: +SKIP
    """
    with _select(path, genes, profiles, gene_names, layer, use_raw) as chosen:
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
    use_raw: bool = False,
    block_size: int = 4096,
) -> Iterator[pd.DataFrame]:
    """Yield the expression profiles of an h5ad file by block.

    Parameters
    ----------
    path, genes, profiles, gene_names, layer, use_raw
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
        If the file is empty, truncated, damaged or not an h5ad file.
    InputError
        If a requested gene, profile, column or layer is not in the file.
    MissingDependencyError
        If h5py is not installed.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import iter_h5ad
    >>> for block in iter_h5ad("screen.h5ad"):  # doctest: +SKIP
    ...     block.mean()
    """
    check_block_size(block_size)
    with _select(path, genes, profiles, gene_names, layer, use_raw) as chosen:
        for start in range(0, len(chosen.rows), block_size):
            yield chosen.read(chosen.rows[start : start + block_size])


@contextmanager
def _select(
    path: str | os.PathLike[str],
    genes: Iterable[str] | None,
    profiles: Iterable[str] | None,
    gene_names: str | None,
    layer: str | None,
    use_raw: bool,
) -> Iterator[_Selection]:
    """Open a file, read its metadata and resolve the requested ids."""
    with open_hdf5(path, _EXPECTED) as file:
        of_profiles = read_frame(file, "obs")
        matrix, var = _find_matrix(file, layer, use_raw=use_raw)
        of_genes = read_frame(file, var)
        of_genes = name_genes(of_genes, gene_names, path)
        refuse_repeated(of_profiles.index, "profiles", path)
        refuse_repeated(of_genes.index, "genes", path)
        shape = _shape(file, matrix)
        if shape != (len(of_profiles), len(of_genes)):
            msg = (
                f"{path}: {matrix.name} has shape {shape}, but obs and {var} have "
                f"{len(of_profiles)} and {len(of_genes)} rows. The file is damaged or "
                "not an h5ad file."
            )
            raise DataFileError(msg)
        file.check_table(shape, matrix.name)
        columns = choose_ids(genes, of_genes.index, "genes", path)
        yield _Selection(
            _row_reader(file, matrix, columns),
            shape[1],
            of_profiles,
            of_genes.iloc[columns],
            choose_ids(profiles, of_profiles.index, "profiles", path),
        )


def _find_matrix(
    file: Hdf5File, layer: str | None, *, use_raw: bool
) -> tuple[Any, str]:
    """Return the requested values, and the name of the table of their genes."""
    if layer is not None and use_raw:
        msg = f"layer={layer!r} and use_raw=True: raw has no layers; choose one."
        raise InputError(msg)
    layers = list(file.group("layers")) if file.has("layers") else []
    if layer is not None and layer not in layers:
        there = list_offenders(map(repr, layers)) or "none"
        msg = f"layer={layer!r}: {file.path} has no 'layers/{layer}', only {there}."
        raise DataFileError(msg)
    if layer is not None:
        return file.find(layer, file.group("layers")), "var"
    if use_raw:
        mark = "." if file.has("raw.X") else "/"  # before anndata 0.7
        return file.find(f"raw{mark}X"), f"raw{mark}var"
    if not file.has("X") and layers:
        msg = (
            f"{file.path} has no X; give layer=, one of "
            f"{list_offenders(map(repr, layers))}."
        )
        raise DataFileError(msg)
    return file.find("X"), "var"


def _shape(file: Hdf5File, matrix: Any) -> tuple[int, ...]:
    """Return the shape of values in any encoding."""
    if file.is_array(matrix):
        return tuple(matrix.shape)
    stored = None
    for name in ("shape", "h5sparse_shape"):  # the second before anndata 0.7
        if stored is None:
            stored = file.attribute(matrix, name)
    return () if stored is None else tuple(map(int, np.ravel(stored)))


def _row_reader(file: Hdf5File, matrix: Any, columns: np.ndarray) -> ReadRows:
    """Return a function that reads rows start to stop of some columns."""
    if file.is_array(matrix):
        if matrix.dtype.kind not in "fiub":
            raise file.refuse(matrix.name, f"of {matrix.dtype}, which is not numeric")
        return dense_rows(matrix, columns)
    old = file.attribute(matrix, "h5sparse_format")  # before anndata 0.7
    encoding = file.attribute(matrix, "encoding-type")
    encoding = f"{old}_matrix" if encoding is None else encoding
    if encoding == "csc_matrix":
        return _by_column(file, matrix, columns)
    if encoding == "csr_matrix":
        return _by_row(file, matrix, columns)
    raise file.refuse(
        matrix.name,
        f"encoded as {encoding!r:.40}, not an array, 'csr_matrix' or 'csc_matrix'",
    )


@dataclass(frozen=True)
class _Sparse:
    """The parts of a sparse matrix; its lines are rows (CSR) or columns (CSC)."""

    file: Hdf5File
    name: str
    data: Any
    indices: Any
    starts: np.ndarray
    length: int  # of a line

    def read(self, start: int, stop: int) -> tuple[np.ndarray, ...]:
        """Return data, indices and starts of some lines."""
        first, last = self.starts[start], self.starts[stop]
        positions = self.indices[first:last]
        if len(positions) and not 0 <= positions.min() <= positions.max() < self.length:
            raise self.file.refuse(self.name, "it has values outside its table")
        return self.data[first:last], positions, self.starts[start : stop + 1] - first


def _open_sparse(file: Hdf5File, matrix: Any, n_lines: int, length: int) -> _Sparse:
    """Return the parts of a sparse matrix, which must fit together."""
    data, indices, starts = (
        file.array(key, matrix) for key in ("data", "indices", "indptr")
    )
    if data.dtype.kind not in "fiub" or {indices.dtype.kind, starts.dtype.kind} - {
        *"iu"
    }:
        raise file.refuse(
            matrix.name,
            f"data of {data.dtype} at places of {indices.dtype} and {starts.dtype}",
        )
    pointers = file.values(starts)
    fits = (
        pointers.shape == (n_lines + 1,)
        and data.shape == indices.shape == (int(pointers[-1]),)
        and int(pointers[0]) == 0
        and bool((pointers[1:] >= pointers[:-1]).all())
    )
    if not fits:
        raise file.refuse(matrix.name, "data, indices and indptr do not fit together")
    return _Sparse(file, matrix.name, data, indices, pointers.astype(np.int64), length)


def _by_column(file: Hdf5File, matrix: Any, columns: np.ndarray) -> ReadRows:
    """Load a matrix that is stored by column into memory."""
    n_rows, n_columns = _shape(file, matrix)
    parts = _open_sparse(file, matrix, n_columns, n_rows)
    whole = sparse.csc_array(parts.read(0, n_columns), shape=(n_rows, n_columns))
    by_row = whole[:, columns].tocsr()
    return lambda start, stop: by_row[start:stop].toarray()


def _by_row(file: Hdf5File, matrix: Any, columns: np.ndarray) -> ReadRows:
    """Read a matrix that is stored by row in blocks."""
    n_rows, n_columns = _shape(file, matrix)
    parts = _open_sparse(file, matrix, n_rows, n_columns)

    def read(start: int, stop: int) -> np.ndarray:
        shape = (stop - start, n_columns)
        rows = sparse.csr_array(parts.read(start, stop), shape=shape)
        return rows[:, columns].toarray()

    return read
