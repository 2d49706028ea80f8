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
from sklearn_csg2a.datasets.readers._h5ad_tables import read_frame
from sklearn_csg2a.datasets.readers._hdf5 import (
    ReadRows,
    check_block_size,
    check_size,
    dense_rows,
    fill_rows,
    open_hdf5,
    require,
)
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
        expression : DataFrame (profiles, genes), float32, dense.
        profiles : DataFrame, obs: the metadata of each profile, same index.
        genes : DataFrame, var: the metadata of each gene, index as the columns of
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
        of_profiles = read_frame(file, "obs", _EXPECTED)
        matrix, var = _find_matrix(file, layer, use_raw=use_raw)
        of_genes = read_frame(file, var, _EXPECTED)
        of_genes = name_genes(of_genes, gene_names, path)
        refuse_repeated(of_profiles.index, "profiles", path)
        refuse_repeated(of_genes.index, "genes", path)
        shape = _shape(matrix)
        if shape != (len(of_profiles), len(of_genes)):
            msg = (
                f"{path}: {matrix.name} has shape {shape}, but obs and {var} have "
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


def _find_matrix(file: Any, layer: str | None, *, use_raw: bool) -> tuple[Any, str]:
    """Return the requested values, and the name of the table of their genes."""
    if layer is not None and use_raw:
        msg = f"layer={layer!r} and use_raw=True: raw has no layers; choose one."
        raise InputError(msg)
    layers = list(file.get("layers", ()))
    if layer is not None and layer not in layers:
        there = list_offenders(map(repr, layers)) or "none"
        msg = f"layer={layer!r}: {file.filename} has no 'layers/{layer}', only {there}."
        raise DataFileError(msg)
    if layer is not None:
        return file["layers"][layer], "var"
    if use_raw:
        mark = "." if "raw.X" in file else "/"  # before anndata 0.7
        return require(file, f"raw{mark}X", _EXPECTED), f"raw{mark}var"
    if "X" not in file and layers:
        msg = (
            f"{file.filename} has no X; give layer=, one of "
            f"{list_offenders(map(repr, layers))}."
        )
        raise DataFileError(msg)
    return require(file, "X", _EXPECTED), "var"


def _shape(matrix: Any) -> tuple[int, ...]:
    """Return the shape of values in any encoding."""
    stored = getattr(matrix, "shape", None)
    for name in ("shape", "h5sparse_shape"):
        if stored is None:
            stored = matrix.attrs.get(name)
    return () if stored is None else tuple(map(int, stored))


def _row_reader(
    matrix: Any, columns: np.ndarray, path: str | os.PathLike[str]
) -> ReadRows:
    """Return a function that reads rows start to stop of some columns."""
    if hasattr(matrix, "dtype"):
        if matrix.dtype.kind not in "fiub":
            msg = f"{path}: {matrix.name} is of {matrix.dtype}, which is not numeric."
            raise DataFileError(msg)
        return dense_rows(matrix, columns)
    old = matrix.attrs.get("h5sparse_format")  # before anndata 0.7
    encoding = matrix.attrs.get("encoding-type", f"{old}_matrix")
    if encoding not in {"csr_matrix", "csc_matrix"}:
        msg = (
            f"{path}: {matrix.name} is encoded as {encoding!r}; an array, 'csr_matrix' "
            "or 'csc_matrix' was expected."
        )
        raise DataFileError(msg)
    if encoding == "csc_matrix":
        return _by_column(matrix, columns)
    return _by_row(matrix, columns)


def _sparse_parts(matrix: Any, n_lines: int) -> tuple[Any, Any, np.ndarray]:
    """Return data, indices and indptr of a sparse matrix after checking them."""
    data, indices, starts = (
        require(matrix, key, _EXPECTED) for key in ("data", "indices", "indptr")
    )
    check_size(starts)
    pointers = starts[()]
    fits = (
        pointers.shape == (n_lines + 1,)
        and data.shape == indices.shape == (int(pointers[-1]),)
        and int(pointers[0]) == 0
        and bool((np.diff(pointers) >= 0).all())
    )
    if not fits:
        msg = (
            f"{matrix.file.filename}: data, indices and indptr of {matrix.name} do not "
            "fit together. The file is cut off or damaged."
        )
        raise DataFileError(msg)
    return data, indices, pointers


def _check_positions(matrix: Any, positions: np.ndarray, limit: int) -> np.ndarray:
    """Reject positions outside the table."""
    if len(positions) and not 0 <= positions.min() <= positions.max() < limit:
        msg = (
            f"{matrix.file.filename}: {matrix.name} has values outside its "
            f"{_shape(matrix)} table. The file is damaged."
        )
        raise DataFileError(msg)
    return positions


def _by_column(matrix: Any, columns: np.ndarray) -> ReadRows:
    """Load a matrix that is stored by column into memory."""
    n_rows, n_columns = _shape(matrix)
    data, indices, pointers = _sparse_parts(matrix, n_columns)
    for part in (data, indices):
        check_size(part)
    rows = _check_positions(matrix, indices[()], n_rows)
    whole = sparse.csc_array((data[()], rows, pointers), shape=(n_rows, n_columns))
    by_row = whole[:, columns].tocsr()
    return lambda start, stop: by_row[start:stop].toarray()


def _by_row(matrix: Any, columns: np.ndarray) -> ReadRows:
    """Read a matrix that is stored by row in blocks."""
    n_rows, n_columns = _shape(matrix)
    data, indices, pointers = _sparse_parts(matrix, n_rows)

    def read(start: int, stop: int) -> np.ndarray:
        first, last = pointers[start], pointers[stop]
        positions = _check_positions(matrix, indices[first:last], n_columns)
        rows = sparse.csr_array(
            (data[first:last], positions, pointers[start : stop + 1] - first),
            shape=(stop - start, n_columns),
        )
        return rows[:, columns].toarray()

    return read
