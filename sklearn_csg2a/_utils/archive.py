"""One-file archives of named arrays: a zip of a manifest and safetensors."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from sklearn_csg2a._utils.files import regular_size, write_atomically
from sklearn_csg2a.exceptions import ModelFileError

__all__ = ["read_archive", "write_archive"]

_MANIFEST = "manifest.json"
_WEIGHTS = "weights.safetensors"
_DIGEST_BYTES = 64  # hexadecimal sha256, stored as the comment of the zip file


def write_archive(
    path: str | os.PathLike[str],
    manifest: dict[str, Any],
    arrays: dict[str, np.ndarray],
) -> None:
    """Write a manifest and arrays to one file, atomically.

    The file appears under its name only when it is complete: if the process is killed
    while writing, an existing file stays unchanged.
    """
    target = Path(path)
    weights = save_safetensors(
        {name: np.asarray(array, order="C") for name, array in arrays.items()}
    )
    manifest = {
        **manifest,
        "members": {_WEIGHTS: hashlib.sha256(weights).hexdigest()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (
            (_MANIFEST, json.dumps(manifest).encode()),
            (_WEIGHTS, weights),
        ):
            # a fixed date: the same model gives the same bytes
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
        archive.comment = b"0" * _DIGEST_BYTES
    body = buffer.getvalue()[:-_DIGEST_BYTES]
    digest = hashlib.sha256(body).hexdigest().encode()
    write_atomically(target, body + digest)


def read_archive(
    path: str | os.PathLike[str],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a file written by :func:`write_archive` and verify its checksums.

    Raises
    ------
    OSError
        If there is no such file (FileNotFoundError), or if it is not a regular file.
    ModelFileError
        If the file is damaged, truncated or not such an archive. No code in
        the file is executed.
    """
    _check_beginning(Path(path))
    content = Path(path).read_bytes()
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        msg = (
            f"{path}: the checksum of the file is wrong; it is damaged, truncated or "
            "was not written by this package. Copy it again from its source."
        )
        raise ModelFileError(msg)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if sorted(names) != [_MANIFEST, _WEIGHTS]:
                msg = f"{path}: contains {names}, expected {_MANIFEST} and {_WEIGHTS}."
                raise ModelFileError(msg)
            if any(
                info.compress_type != zipfile.ZIP_STORED or info.file_size > len(body)
                for info in archive.infolist()
            ):
                msg = f"{path}: a member claims more bytes than the file contains."
                raise ModelFileError(msg)
            manifest = json.loads(archive.read(_MANIFEST))
            weights = archive.read(_WEIGHTS)
        if manifest["members"][_WEIGHTS] != hashlib.sha256(weights).hexdigest():
            msg = f"{path}: {_WEIGHTS} does not match its sha256 in {_MANIFEST}."
            raise ModelFileError(msg)
        return manifest, load_safetensors(weights)
    except ModelFileError:
        raise
    except (
        zipfile.BadZipFile,
        SafetensorError,
        struct.error,
        ArithmeticError,
        EOFError,
        LookupError,
        RecursionError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        msg = f"{path}: cannot be read as a model file ({error})."
        raise ModelFileError(msg) from error


def _check_beginning(path: Path) -> None:
    """Reject what cannot be an archive before it is read to its end."""
    beginning = b""
    if regular_size(path) > _DIGEST_BYTES:  # special files of the system claim 0
        with path.open("rb") as file:
            beginning = file.read(2)
    if beginning != b"PK":
        msg = f"{path}: not a model file (a zip written by save_model was expected)."
        raise ModelFileError(msg)
