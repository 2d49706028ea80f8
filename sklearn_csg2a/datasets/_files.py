"""What the readers share: text that may be packed, ids to choose, missing values."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from sklearn_csg2a.exceptions import DataFileError, InputError, list_offenders

__all__ = [
    "GZIP_MAGIC",
    "choose_ids",
    "decode_text",
    "name_genes",
    "open_text",
    "read_metadata",
    "refuse_repeated",
    "start_of_file",
]

GZIP_MAGIC = b"\x1f\x8b"

# How the makers of L1000 files write that a value is not known.
_MISSING = ("", "-666", "-666.0", "na", "NA", "nan", "NaN")


# Older files have the micro sign of "10 uM" in Latin-1.
_LATIN_1 = "sklearn_csg2a.latin-1"


def _read_as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_LATIN_1, _read_as_latin_1)


def decode_text(value: bytes) -> str:
    """Read UTF-8, and Latin-1 where it is none."""
    return value.decode("utf-8", errors=_LATIN_1).strip()


def start_of_file(path: str | os.PathLike[str], expected: str) -> bytes:
    """Return the first bytes of a file, which must not be empty."""
    with Path(path).open("rb") as file:
        start = file.read(8)
    if not start:
        msg = f"{path} is empty; {expected} was expected. Fetch the file again."
        raise DataFileError(msg)
    return start


@contextmanager
def open_text(path: str | os.PathLike[str], expected: str) -> Iterator[IO[str]]:
    """Open a text file, packed by gzip or not; say what was expected if it fails."""
    packed = start_of_file(path, expected).startswith(GZIP_MAGIC)
    opener = gzip.open if packed else open
    try:
        with opener(path, "rt", encoding="utf-8", errors=_LATIN_1) as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        msg = (
            f"{path} cannot be unpacked ({error}): it is cut off or damaged; "
            f"{expected} was expected. Fetch the file again."
        )
        raise DataFileError(msg) from error


def read_metadata(values: np.ndarray) -> pd.Series:
    """Return one column of metadata: numbers where all are, missing codes as NaN."""
    column = pd.Series(values)
    if column.dtype.kind in "iuf":
        return column.mask(column == -666)
    if column.dtype.kind not in "OUST":
        return column
    known = column.mask(column.isin(_MISSING))
    if known.astype(str).str.match(r"0\d").any():  # 007 is a name
        return known
    numbers = pd.to_numeric(known, errors="coerce")
    return numbers if numbers.notna().equals(known.notna()) else known


def refuse_repeated(ids: pd.Index, what: str, path: str | os.PathLike[str]) -> None:
    """Raise if an id stands for two rows of a file."""
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        msg = (
            f"{path}: ids of {what} that occur more than once: "
            f"{list_offenders(map(repr, repeated))}. Ids must be unique."
        )
        raise DataFileError(msg)


def choose_ids(
    wanted: Iterable[str] | None,
    ids: pd.Index,
    what: str,
    path: str | os.PathLike[str],
) -> np.ndarray:
    """Return the positions of the ids wanted, in their order; None wants all."""
    if wanted is None:
        return np.arange(len(ids))
    if isinstance(wanted, str):
        msg = f"{what}={wanted!r} is one string; give a list of ids."
        raise InputError(msg)
    chosen = pd.Index([str(name) for name in wanted], dtype=object)
    positions = ids.get_indexer(chosen)
    unknown = chosen[positions < 0]
    if len(unknown):
        msg = (
            f"{what}: {list_offenders(map(repr, unknown))} not in {path}. Its ids look "
            f"like {list_offenders(map(repr, ids[:3]))}."
        )
        raise InputError(msg)
    return positions


def name_genes(
    genes: pd.DataFrame, gene_names: str | None, path: str | os.PathLike[str]
) -> pd.DataFrame:
    """Index the table of genes by one of its columns; None keeps the file's ids."""
    if gene_names is None:
        return genes
    if gene_names not in genes.columns:
        msg = (
            f"gene_names={gene_names!r}: {path} has no such column of gene metadata, "
            f"only {list_offenders(map(repr, genes.columns), limit=20)}."
        )
        raise InputError(msg)
    names = genes[gene_names]
    unnamed = genes.index[names.isna()]
    if len(unnamed):
        msg = (
            f"gene_names={gene_names!r}: {path} has no name for the genes "
            f"{list_offenders(map(repr, unnamed))}. Take another column, or None."
        )
        raise InputError(msg)
    named = genes.assign(id=genes.index).set_index(pd.Index(names.astype(str)))
    refuse_repeated(named.index, "genes", path)
    return named.rename_axis(None)
