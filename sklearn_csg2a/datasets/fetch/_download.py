"""Downloads that are resumed after interruption and verified by checksum.

The largest file has 49 GB. pooch, which is meant for small files, restarts the download
when the connection breaks, so it is not used here. Temporary names are fixed, so that
the next call finds or overwrites the files of a killed one.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.client
import logging
import os
import shutil
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import IO

from sklearn_csg2a._utils.files import naming_folder
from sklearn_csg2a._utils.progress import ProgressLine
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["download", "unpack"]

_LOGGER = logging.getLogger("sklearn_csg2a")
_BLOCK = 2**20
_SECONDS_WITHOUT_A_LINE = 2.0
_TEMPORARY = (urllib.error.URLError, http.client.HTTPException, OSError)


class _BrokenOffError(OSError):
    """The server closed the connection before the end of the file."""


def download(
    url: str,
    path: Path,
    *,
    sha512: str | None = None,
    md5: str | None = None,
    n_retries: int = 3,
    timeout: float = 60.0,
    pause: float = 2.0,
) -> Path:
    """Download a file unless it exists; resume an interrupted download.

    The data are in `<path>.part` until the file is complete and its checksum is
    correct. The `pause` in seconds grows with every try without progress.
    """
    if path.is_file():
        return path
    if not url.startswith(("https://", "http://")):
        msg = f"{url!r} is not a web address; it must begin with https://."
        raise InputError(msg)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _fetch(url, part, timeout)
            break
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:
                msg = f"{url}: the server answers {error.code} ({error.reason})."
                raise DataFileError(msg) from error
            reason: Exception = error
        except _TEMPORARY as error:
            if isinstance(error, OSError) and _is_local(error):
                with naming_folder(part):
                    raise
            reason = error
        failures = 0 if _size(part) > before else failures + 1
        if failures > n_retries:
            msg = (
                f"{url} could not be fetched ({reason}); {_size(part):,} bytes are in "
                f"{part}. Call again to resume the download."
            )
            raise ConnectionError(msg) from reason
        _LOGGER.warning("%s: %s; trying again", url, reason)
        time.sleep(pause * (failures + 1))
    _verify(part, url, {"SHA-512": sha512, "MD5": md5})
    part.replace(path)
    return path


def _verify(part: Path, url: str, checksums: dict[str, str | None]) -> None:
    """Delete a file whose checksum is not the published one, and raise an error."""
    for kind, expected in checksums.items():
        if expected is not None and _checksum(part, kind) != expected.lower():
            part.unlink()
            msg = (
                f"{url} does not have the {kind} checksum published for it; the file "
                "was deleted. Call again to repeat the download."
            )
            raise DataFileError(msg)


def _checksum(path: Path, kind: str) -> str:
    """Return a checksum of a file."""
    name = kind.replace("-", "").lower()
    with path.open("rb") as file:
        # Damage is looked for, not an attack, where nothing better is published.
        return hashlib.file_digest(
            file, lambda: hashlib.new(name, usedforsecurity=False)
        ).hexdigest()


def unpack(packed: Path, path: Path) -> Path:
    """Decompress a gzip file atomically, unless the result exists."""
    if path.is_file():
        return path
    part = path.with_name(path.name + ".part")
    try:
        with (
            naming_folder(path),
            packed.open("rb") as file,
            gzip.open(file, "rb") as source,
            part.open("wb") as target,
            _show(f"{packed.name}, unpacked", _size(packed)) as line,
        ):
            while block := source.read(16 * _BLOCK):
                target.write(block)
                line.update(file.tell())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        part.unlink(missing_ok=True)
        msg = (
            f"{packed} cannot be decompressed ({error}). Delete it and call again to "
            "repeat the download."
        )
        raise DataFileError(msg) from error
    part.replace(path)
    return path


def _size(path: Path) -> int:
    """Return the size of a file, 0 if it does not exist."""
    return path.stat().st_size if path.is_file() else 0


def _is_local(error: OSError) -> bool:
    """Tell whether an error comes from the local disk, so that a retry is useless."""
    of_disks = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
    return error.filename is not None or error.errno in of_disks


def _fetch(url: str, part: Path, timeout: float) -> None:
    """Download the missing part of a file."""
    start = _size(part)
    request = urllib.request.Request(url)  # noqa: S310 (download has checked it)
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310
    except urllib.error.HTTPError as error:
        whole = error.headers.get("Content-Range", "").rpartition("/")[2]
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        error.close()
        if whole != str(start):  # the existing data are not a part of that file
            part.unlink()
            _fetch(url, part, timeout)
        return
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0  # the server sends the file from its beginning
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        if total is not None:
            _check_space(part, total - start, url)
        with part.open("ab" if start else "wb") as file:
            _copy(response, file, part.stem, total)
    if total is not None and _size(part) < total:
        msg = f"the connection ended after {_size(part):,} of {total:,} bytes"
        raise _BrokenOffError(msg)


def _check_space(part: Path, n_bytes: int, url: str) -> None:
    """Raise an error if the disk has too little space."""
    free = shutil.disk_usage(part.parent).free
    if free < n_bytes:
        msg = (
            f"{url} needs {n_bytes / 1e9:.1f} GB more, but {os.fspath(part.parent)!r} "
            f"has {free / 1e9:.1f} GB left. Choose another data_home."
        )
        raise OSError(errno.ENOSPC, msg)


def _copy(
    response: http.client.HTTPResponse, file: IO[bytes], name: str, total: int | None
) -> None:
    """Write the data as they arrive."""
    with _show(name, total, file.tell()) as line:
        while block := response.read(_BLOCK):
            file.write(block)
            line.update(file.tell())


def _show(name: str, total: int | None, start: int = 0) -> ProgressLine:
    """Return a progress line that appears for long downloads."""
    return ProgressLine(
        total, name, start=start, in_bytes=True, delay=_SECONDS_WITHOUT_A_LINE
    )
