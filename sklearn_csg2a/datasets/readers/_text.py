"""Shared parts of the readers: compressed text, selection of ids, missing values."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.files import regular_size
from sklearn_csg2a._utils.names import match_names
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = [
    "GZIP_MAGIC",
    "choose_ids",
    "decode_text",
    "is_missing",
    "mask_missing",
    "name_genes",
    "open_text",
    "read_metadata",
    "refuse_repeated",
    "start_of_file",
]

GZIP_MAGIC = b"\x1f\x8b"

# Codes for missing values in L1000 files, besides -666, ...
_MISSING = {"", '""', "na", "n/a", "nan", "none", "null", "<na>", "#n/a"}
# ... which occurs alone, with decimals, or several times in one cell.
_CODE = re.compile(r"-666(?:\.0*)?(?:[\s|,;/]+-666(?:\.0*)?)*")

# Similar names are searched among at most so many ids, because it is slow.
_MAX_COMPARED = 50_000

# Encodings by byte order mark.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

# Older files have the micro sign of "10 uM" in Latin-1.
_LATIN_1 = "sklearn_csg2a.latin-1"


def _read_as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_LATIN_1, _read_as_latin_1)


def decode_text(value: bytes) -> str:
    """Read UTF-8, with Latin-1 for invalid bytes."""
    return value.decode("utf-8", errors=_LATIN_1).strip()


def start_of_file(path: str | os.PathLike[str], expected: str) -> bytes:
    """Return the first bytes of a regular file, which must not be empty."""
    regular_size(Path(path))  # a pipe or device may have no end
    with Path(path).open("rb") as file:
        start = file.read(8)
    if not start:
        msg = f"{path} is empty; {expected} was expected. Download the file again."
        raise DataFileError(msg)
    return start


@contextmanager
def open_text(path: str | os.PathLike[str], expected: str) -> Iterator[IO[str]]:
    """Open a text file, gzip-compressed or not; raise an informative error if it fails.

    The encoding is that of its byte order mark, else UTF-8 with Latin-1 for invalid
    bytes. The mark is not part of the text.
    """
    packed = start_of_file(path, expected).startswith(GZIP_MAGIC)
    opener = gzip.open if packed else open
    try:
        with opener(path, "rb") as binary:
            stream = io.BufferedReader(cast("io.RawIOBase", binary))
            encoding = _announced_encoding(stream.peek(4))
            errors = "strict" if encoding == "utf-16" else _LATIN_1
            with io.TextIOWrapper(stream, encoding=encoding, errors=errors) as file:
                yield file
    except MemoryError as error:
        msg = f"{path} needs more memory than there is; {expected} was expected."
        raise DataFileError(msg) from error
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        msg = (
            f"{path} cannot be read ({error}): it is cut off or damaged; "
            f"{expected} was expected. Download the file again."
        )
        raise DataFileError(msg) from error


def _announced_encoding(start: bytes) -> str:
    """Return the encoding given by the byte order mark of a text, else UTF-8."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    return "utf-8"


def is_missing(text: str) -> bool:
    """Tell whether a cell is a code for a missing value."""
    text = text.strip()
    if text.startswith("-666"):
        return _CODE.fullmatch(text) is not None
    return text.casefold() in _MISSING


def mask_missing(column: pd.Series) -> pd.Series:
    """Replace codes for missing values in a column by NaN."""
    if column.dtype.kind in "iuf":
        return column.mask(column == -666)
    if column.dtype.kind not in "OUST":
        return column
    codes = [value for value in column.dropna().unique() if _is_code(value)]
    return column.mask(column.isin(codes)) if codes else column


def _is_code(value: Any) -> bool:
    """Tell whether an entry, text or number, is a code for a missing value."""
    if isinstance(value, str):
        return is_missing(value)
    return isinstance(value, (int, float, np.number)) and value == -666


def read_metadata(values: np.ndarray) -> pd.Series:
    """Return one column of metadata: numeric if possible, missing codes as NaN."""
    known = mask_missing(pd.Series(values))
    if known.dtype.kind not in "OUST":
        return known
    if known.astype(str).str.match(r"0\d").any():  # 007 is a name
        return known
    numbers = pd.to_numeric(known, errors="coerce")
    return numbers if numbers.notna().equals(known.notna()) else known


def refuse_repeated(ids: pd.Index, what: str, path: str | os.PathLike[str]) -> None:
    """Raise an error if an id is repeated."""
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
    """Return the positions of the requested ids, in their order; None selects all."""
    if wanted is None:
        return np.arange(len(ids))
    if isinstance(wanted, str):
        msg = f"{what}={wanted!r} is one string; give a list of ids."
        raise InputError(msg)
    if not isinstance(wanted, Iterable):
        msg = f"{what}={wanted!r} is not a list; give a list of ids."
        raise InputError(msg)
    chosen = pd.Index([str(name) for name in wanted], dtype=object)
    positions = ids.get_indexer(chosen)
    unknown = chosen[positions < 0]
    if len(unknown):
        msg = (
            f"{what}: {list_offenders(map(repr, unknown))} not in {path}. Its ids look "
            f"like {list_offenders(map(repr, ids[:3]))}.{_suggest(unknown, ids)}"
        )
        raise InputError(msg)
    return positions


def _suggest(unknown: pd.Index, ids: pd.Index) -> str:
    """Suggest ids of a file that are similar to unknown ones."""
    if len(ids) > _MAX_COMPARED:
        return ""
    matches = match_names(unknown[:5].tolist(), ids.astype(str).tolist())
    near = {name: [known] for name, known in matches.matched.items()}
    near |= {name: known for name, known in matches.nearest.items() if known}
    near |= matches.ambiguous
    meant = [f"{known[0]!r} for {name!r}" for name, known in near.items()]
    return f" Is one of these meant: {list_offenders(meant)}?" if meant else ""


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
