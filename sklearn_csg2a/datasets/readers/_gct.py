"""Expression profiles in GCT files: text, one line per gene."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.datasets.readers._text import (
    GZIP_MAGIC,
    choose_ids,
    is_missing,
    name_genes,
    open_text,
    read_metadata,
    refuse_repeated,
    start_of_file,
)
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["read_gct"]

_EXPECTED = "a GCT file ('#1.2' or '#1.3' in its first line)"
_COUNT = re.compile(r"[0-9]{1,12}")

# Maximal ratio of sizes before and after gzip compression.
_GZIP_RATIO = 1032


@dataclass(frozen=True)
class _Layout:
    """Layout given in the first lines of a GCT file."""

    n_genes: int
    n_profiles: int
    n_gene_fields: int  # between the gene's id and its values
    n_profile_fields: int  # lines between the header and the genes
    header: tuple[str, ...]

    @property
    def first_value(self) -> int:
        """Position of the first profile in a line."""
        return 1 + self.n_gene_fields


def read_gct(
    path: str | os.PathLike[str],
    *,
    genes: Iterable[str] | None = None,
    profiles: Iterable[str] | None = None,
    gene_names: str | None = None,
) -> Bunch:
    r"""Read expression profiles from a GCT file, version 1.2 or 1.3.

    Parameters
    ----------
    path : str or path
        The file, gzip-compressed or not. The column Description of version 1.2 may be
        absent.
    genes : iterable of str or None, default=None
        The genes to read, in this order, by name (see `gene_names`); None reads all.
    profiles : iterable of str or None, default=None
        Ids of the profiles to read, in this order; None reads all.
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
        If the file is empty, truncated, damaged or not a GCT file, or its numbers of
        lines or fields differ from its header.
    InputError
        If a requested gene, profile or column is not in the file.

    Notes
    -----
    The file is read line by line: the memory is that of the result and of one line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_gct
    >>> text = "#1.2\n1\t2\nName\tDescription\tA1\tA2\nTP53\tp53\t6.5\t7.5\n"
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "plate.gct")
    ...     _ = path.write_text(text)
    ...     read_gct(path).expression
        TP53
    A1   6.5
    A2   7.5
    """
    with open_text(path, _EXPECTED) as lines:
        layout = _read_layout(lines, path)
        ids = pd.Index(layout.header[layout.first_value :], dtype=str)
        refuse_repeated(ids, "profiles", path)
        chosen = choose_ids(profiles, ids, "profiles", path)
        metadata = _read_profile_fields(lines, layout, chosen, path)
        table, values = _read_genes(lines, layout, chosen, path)
    table = name_genes(table, gene_names, path)
    positions = choose_ids(genes, table.index, "genes", path)
    if genes is not None:
        table, values = table.iloc[positions], values[positions]
    expression = pd.DataFrame(
        values.T, index=ids[chosen], columns=table.index, copy=False
    )
    return Bunch(
        expression=expression, profiles=metadata.set_index(ids[chosen]), genes=table
    )


def _fields(line: str) -> list[str]:
    """Split a line at tabs; strip blanks and quotes around fields."""
    return [_unquote(field.strip()) for field in line.rstrip("\r\n").split("\t")]


def _unquote(field: str) -> str:
    """Strip a pair of quotes."""
    if len(field) > 1 and field[0] == field[-1] == '"':
        return field[1:-1].replace('""', '"').strip()
    return field


def _read_layout(lines: IO[str], path: str | os.PathLike[str]) -> _Layout:
    """Read the version, the sizes and the header."""
    first = lines.readline()
    version = _fields(first.rstrip())[0]
    if version not in {"#1.2", "#1.3"}:
        msg = f"{path} begins with {first.strip()[:20]!r}; {_EXPECTED} was expected."
        raise DataFileError(msg)
    sizes = _fields(lines.readline().rstrip())
    n_sizes = 2 if version == "#1.2" else 4
    if len(sizes) != n_sizes or not all(map(_COUNT.fullmatch, sizes)):
        msg = (
            f"{path}, line 2: {sizes!r} are not the {n_sizes} counts that follow "
            f"{version!r}. The file is cut off or damaged; download it again."
        )
        raise DataFileError(msg)
    header = _fields(lines.readline())
    counts = [int(size) for size in sizes]
    if version == "#1.2":
        counts += [_count_descriptions(header, n_profiles=counts[1]), 0]
    n_genes, n_profiles, n_gene_fields, n_profile_fields = counts
    expected = 1 + n_gene_fields + n_profiles
    layout = _Layout(
        n_genes, n_profiles, n_gene_fields, n_profile_fields, tuple(header[:expected])
    )
    _fit_width(header, layout, 3, path)
    _check_size(layout, path)
    return layout


def _count_descriptions(header: list[str], n_profiles: int) -> int:
    """Return the number of fields between a gene's id and its values in version 1.2."""
    second = header[1] if len(header) > 1 else ""
    n_named = sum(map(bool, header[1:]))
    is_profile = second and not second.lower().startswith("desc")
    return 0 if is_profile and n_named == n_profiles else 1


def _check_size(layout: _Layout, path: str | os.PathLike[str]) -> None:
    """Raise an error if the header gives more values than the file can contain."""
    size = Path(path).stat().st_size
    if start_of_file(path, _EXPECTED).startswith(GZIP_MAGIC):
        size *= _GZIP_RATIO
    # each field has at least one byte, the tab or the end of the line after it
    n_lines = layout.n_profile_fields + layout.n_genes
    if n_lines * (layout.first_value + layout.n_profiles) > size:
        msg = (
            f"{path}, line 2 announces {layout.n_genes} genes of {layout.n_profiles} "
            "profiles, more than a file of its size can contain. It is cut off or "
            "damaged; download it again."
        )
        raise DataFileError(msg)


def _fit_width(
    fields: list[str], layout: _Layout, line: int, path: str | os.PathLike[str]
) -> list[str]:
    """Return the expected number of fields; only empty ones may follow."""
    expected = layout.first_value + layout.n_profiles
    if len(fields) < expected or any(fields[expected:]):
        msg = (
            f"{path}, line {line}: {len(fields)} fields where line 2 announces "
            f"{expected}. The file is cut off or damaged; download it again."
        )
        raise DataFileError(msg)
    return fields[:expected]


def _next_fields(
    lines: IO[str], layout: _Layout, line: int, path: str | os.PathLike[str]
) -> list[str]:
    """Return the fields of the next line, which must exist and be complete."""
    text = lines.readline()
    if not text.strip():
        n_lines = 3 + layout.n_profile_fields + layout.n_genes
        msg = (
            f"{path} ends before line {line}; line 2 announces {n_lines} lines. The "
            "file is cut off; download it again."
        )
        raise DataFileError(msg)
    return _fit_width(_fields(text), layout, line, path)


def _refuse_more_lines(
    lines: IO[str], layout: _Layout, path: str | os.PathLike[str]
) -> None:
    """Reject lines after the last expected gene."""
    first = 4 + layout.n_profile_fields + layout.n_genes
    for line, text in enumerate(lines, start=first):
        if text.strip():
            msg = (
                f"{path}, line {line}: {_fields(text)[0][:40]!r} follows after the "
                f"{layout.n_genes} genes that line 2 announces. Correct the count in "
                "line 2, or download the file again."
            )
            raise DataFileError(msg)


def _read_profile_fields(
    lines: IO[str],
    layout: _Layout,
    chosen: np.ndarray,
    path: str | os.PathLike[str],
) -> pd.DataFrame:
    """Read the lines that describe the profiles, one column each."""
    columns = {}
    for line in range(4, 4 + layout.n_profile_fields):
        name, *values = _next_fields(lines, layout, line, path)
        of_profiles = np.array(values[layout.n_gene_fields :], dtype=object)
        columns[name] = read_metadata(of_profiles[chosen])
    return pd.DataFrame(columns, index=range(len(chosen)))


def _read_genes(
    lines: IO[str],
    layout: _Layout,
    chosen: np.ndarray,
    path: str | os.PathLike[str],
) -> tuple[pd.DataFrame, np.ndarray]:
    """Read all genes: their metadata, and values (genes, chosen profiles)."""
    described = np.empty((layout.n_genes, layout.first_value), dtype=object)
    values = np.empty((layout.n_genes, len(chosen)), dtype=np.float32)
    first = 4 + layout.n_profile_fields
    for row in range(layout.n_genes):
        fields = _next_fields(lines, layout, first + row, path)
        described[row] = fields[: layout.first_value]
        numbers = _to_numbers(fields, layout, first + row, path)
        values[row] = numbers[chosen]
    _refuse_more_lines(lines, layout, path)
    ids = pd.Index(described[:, 0].astype(str))
    refuse_repeated(ids, "genes", path)
    names = layout.header[1 : layout.first_value]
    columns = {
        name: read_metadata(described[:, position])
        for position, name in enumerate(names, start=1)
    }
    return pd.DataFrame(columns, index=range(len(ids))).set_index(ids), values


def _to_numbers(
    fields: list[str], layout: _Layout, line: int, path: str | os.PathLike[str]
) -> np.ndarray:
    """Read the values of one gene in all profiles; empty and na are NaN."""
    texts = fields[layout.first_value :]
    try:
        return np.array(texts, dtype=np.float32)
    except ValueError:
        column = pd.Series(["nan" if is_missing(text) else text for text in texts])
    numbers = pd.to_numeric(column, errors="coerce")
    foreign = np.flatnonzero(numbers.isna() & (column != "nan"))
    if len(foreign):
        profile = layout.header[layout.first_value + foreign[0]]
        msg = (
            f"{path}, line {line} (gene {fields[0]!r}), profile {profile!r}: "
            f"{texts[foreign[0]]!r} is not a number."
        )
        raise DataFileError(msg)
    return numbers.to_numpy(dtype=np.float32)
