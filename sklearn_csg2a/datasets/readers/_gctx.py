"""Expression profiles in GCTX files: HDF5, read by block of profiles."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.datasets.readers._blocks import (
    check_block_size,
    dense_rows,
    fill_rows,
)
from sklearn_csg2a.datasets.readers._hdf5 import Hdf5File, open_hdf5
from sklearn_csg2a.datasets.readers._text import (
    choose_ids,
    name_genes,
    read_metadata,
    refuse_repeated,
)
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["iter_gctx", "read_gctx", "read_gctx_metadata"]

_EXPECTED = "a GCTX file (HDF5 with /0/DATA/0/matrix and /0/META)"


@dataclass(frozen=True)
class _Selection:
    """An open file and the selection to read."""

    matrix: Any  # (profiles, genes)
    profiles: pd.DataFrame
    genes: pd.DataFrame
    rows: np.ndarray
    columns: np.ndarray

    def read(self, rows: np.ndarray) -> pd.DataFrame:
        """Read some profiles, by position in the file."""
        span = np.ptp(self.columns) + 1 if len(self.columns) else 1
        read = dense_rows(self.matrix, self.columns)
        table = fill_rows(read, rows, len(self.columns), int(span))
        return table.set_axis(self.profiles.index[rows], axis=0).set_axis(
            self.genes.index[self.columns], axis=1
        )


def read_gctx(
    path: str | os.PathLike[str],
    *,
    genes: Iterable[str] | None = None,
    profiles: Iterable[str] | None = None,
    gene_names: str | None = None,
) -> Bunch:
    """Read expression profiles from a GCTX file.

    Parameters
    ----------
    path : str or path
        The file, uncompressed.
    genes : iterable of str or None, default=None
        The genes to read, in this order, by name (see `gene_names`); None reads all.
    profiles : iterable of str or None, default=None
        Ids of the profiles to read, in this order; None reads all. Other values are
        never loaded into memory.
    gene_names : str or None, default=None
        Column of the file's gene metadata that names the genes, such as
        `"pr_gene_symbol"`. None takes the ids of the file.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `expression`: DataFrame (profiles, genes), float32.
        - `profiles`: DataFrame, metadata of each profile, same index.
        - `genes`: DataFrame, metadata of each gene, index as the columns of
          `expression`. In both, -666 and na are missing values.

    Raises
    ------
    DataFileError
        If the file is empty, truncated, damaged or not a GCTX file.
    InputError
        If a requested gene, profile or column is not in the file.
    MissingDependencyError
        If h5py is not installed.

    See Also
    --------
    iter_gctx : The same by block, for files larger than memory.
    read_gctx_metadata : Ids and metadata to choose from.

    Notes
    -----
    The file is read by blocks of at most 64 MB into its result, which holds 4 bytes
    per value.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import read_gctx
    >>> data = read_gctx("level3.gctx", gene_names="pr_gene_symbol")  # doctest: +SKIP
    """
    with _select(path, genes, profiles, gene_names) as chosen:
        expression = chosen.read(chosen.rows)
        return Bunch(
            expression=expression,
            profiles=chosen.profiles.iloc[chosen.rows],
            genes=chosen.genes.iloc[chosen.columns],
        )


def iter_gctx(
    path: str | os.PathLike[str],
    *,
    genes: Iterable[str] | None = None,
    profiles: Iterable[str] | None = None,
    gene_names: str | None = None,
    block_size: int = 4096,
) -> Iterator[pd.DataFrame]:
    """Yield the expression profiles of a GCTX file by block.

    Parameters
    ----------
    path, genes, profiles, gene_names
        As in :func:`read_gctx`.
    block_size : int, default=4096
        Profiles per block; the last may be shorter.

    Yields
    ------
    expression : DataFrame (profiles, genes), float32
        The next profiles.

    Raises
    ------
    DataFileError
        If the file is empty, truncated, damaged or not a GCTX file.
    InputError
        If a requested gene, profile or column is not in the file.
    MissingDependencyError
        If h5py is not installed.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import iter_gctx
    >>> for block in iter_gctx("level3.gctx"):  # doctest: +SKIP
    ...     block.mean()
    """
    check_block_size(block_size)
    with _select(path, genes, profiles, gene_names) as chosen:
        for start in range(0, len(chosen.rows), block_size):
            yield chosen.read(chosen.rows[start : start + block_size])


def read_gctx_metadata(
    path: str | os.PathLike[str], *, gene_names: str | None = None
) -> Bunch:
    """Read the metadata of profiles and genes of a GCTX file, without values.

    Parameters
    ----------
    path : str or path
        The file, uncompressed.
    gene_names : str or None, default=None
        Column of the file's gene metadata that names the genes; None takes their ids.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `profiles`: DataFrame, index the ids of the profiles.
        - `genes`: DataFrame, index the names of the genes.

    Raises
    ------
    DataFileError
        If the file is empty, truncated, damaged or not a GCTX file.
    InputError
        If the file has no column `gene_names`.
    MissingDependencyError
        If h5py is not installed.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import read_gctx, read_gctx_metadata
    >>> known = read_gctx_metadata("level3.gctx").profiles  # doctest: +SKIP
    >>> a375 = known.index[known["cell_id"] == "A375"]  # doctest: +SKIP
    >>> data = read_gctx("level3.gctx", profiles=a375)  # doctest: +SKIP
    """
    with _select(path, None, None, gene_names) as chosen:
        return Bunch(profiles=chosen.profiles, genes=chosen.genes)


@contextmanager
def _select(
    path: str | os.PathLike[str],
    genes: Iterable[str] | None,
    profiles: Iterable[str] | None,
    gene_names: str | None,
) -> Iterator[_Selection]:
    """Open a file, read its metadata and resolve the requested ids."""
    with open_hdf5(path, _EXPECTED) as file:
        matrix = file.array("0/DATA/0/matrix")
        of_profiles = _read_table(file, "0/META/COL", "profiles")
        of_genes = _read_table(file, "0/META/ROW", "genes")
        expected = (len(of_profiles), len(of_genes))
        if matrix.shape != expected or matrix.dtype.kind not in "fiu":
            msg = (
                f"{path}: the matrix is {matrix.shape} of {matrix.dtype}, but the "
                f"metadata are of {expected[0]} profiles and {expected[1]} genes. The "
                "file is damaged or not a GCTX file."
            )
            raise DataFileError(msg)
        of_genes = name_genes(of_genes, gene_names, path)
        yield _Selection(
            matrix,
            of_profiles,
            of_genes,
            choose_ids(profiles, of_profiles.index, "profiles", path),
            choose_ids(genes, of_genes.index, "genes", path),
        )


def _read_table(file: Hdf5File, name: str, what: str) -> pd.DataFrame:
    """Read one of the two groups of metadata as a table, its `id` as the index."""
    group = file.group(name)
    ids = pd.Index(list(map(str, file.values(file.array("id", group)))))
    refuse_repeated(ids, what, file.path)
    columns = {}
    for column in group:
        if column == "id":
            continue
        stored = file.array(column, group)
        if stored.shape != (len(ids),):
            msg = (
                f"{file.path}: {name}/{column} has shape {stored.shape}, but there are "
                f"{len(ids)} ids. The file is damaged."
            )
            raise DataFileError(msg)
        columns[column] = read_metadata(file.values(stored))
    return pd.DataFrame(columns, index=range(len(ids))).set_index(ids)
