"""One-file archives: complete or absent, checked to the last byte, data alone."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import stat
import zipfile

import numpy as np
import pytest

from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a.exceptions import ModelFileError

ARRAYS = {
    "doubles": np.linspace(0, 1, 7).reshape(7, 1),
    "scalar": np.asarray(3.5),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "bytes": np.arange(5, dtype=np.uint8),
    "transposed": np.arange(6).reshape(2, 3).T,
    "flags": np.array([True, False]),
}


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "file.csg2a"
    write_archive(path, {"kind": "test", "text": "ü"}, ARRAYS)
    return path


def _signed(content):
    """Add the checksum that the reader asks for first."""
    return content + hashlib.sha256(content).hexdigest().encode()


def _forge(path, members, compression=zipfile.ZIP_STORED):
    """Write a zip of one's own with a valid checksum of the whole file."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
        file.comment = b"0" * 64
    path.write_bytes(_signed(path.read_bytes()[:-64]))


def test_arrays_are_loaded_with_values_types_and_shapes(archive):
    manifest, arrays = read_archive(archive)
    assert manifest["text"] == "ü"
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_the_same_content_gives_the_same_bytes(archive, tmp_path):
    write_archive(tmp_path / "again", {"kind": "test", "text": "ü"}, ARRAYS)
    assert archive.read_bytes() == (tmp_path / "again").read_bytes()


def test_the_file_is_a_zip_with_a_checksum_of_each_member(archive):
    with zipfile.ZipFile(archive) as file:
        assert sorted(file.namelist()) == ["manifest.json", "weights.safetensors"]
        digests = json.loads(file.read("manifest.json"))["members"]
        weights = file.read("weights.safetensors")
    assert digests == {"weights.safetensors": hashlib.sha256(weights).hexdigest()}


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "none.csg2a")


def test_P38_every_flipped_byte_is_an_error(archive, monkeypatch):
    content = archive.read_bytes()
    damaged = bytearray(content)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: bytes(damaged))
    rng = np.random.default_rng(0)
    for position in rng.integers(len(content), size=1000):
        damaged[position] ^= int(rng.integers(1, 256))
        with pytest.raises(ModelFileError):
            read_archive(archive)
        damaged[position] = content[position]
    assert read_archive(archive)[0]["kind"] == "test"


def test_P38_every_truncation_is_an_error(archive, monkeypatch):
    content = archive.read_bytes()
    for length in np.linspace(0, len(content) - 1, 100).astype(int):
        kept = content[:length]
        monkeypatch.setattr("pathlib.Path.read_bytes", lambda _, kept=kept: kept)
        with pytest.raises(ModelFileError):
            read_archive(archive)


def test_appended_bytes_are_an_error(archive):
    archive.write_bytes(archive.read_bytes() + b"\n")
    with pytest.raises(ModelFileError, match="checksum"):
        read_archive(archive)


class _Payload:
    def __init__(self, canary):
        self.canary = str(canary)

    def __reduce__(self):
        return os.mkdir, (self.canary,)


@pytest.mark.parametrize("place", ["file", "manifest.json", "weights.safetensors"])
def test_P37_a_pickle_is_refused_and_not_run(tmp_path, place):
    path, canary = tmp_path / "model.csg2a", tmp_path / "canary"
    payload = pickle.dumps(_Payload(canary))
    if place == "file":
        path.write_bytes(payload)
    else:
        manifest = {"members": {place: hashlib.sha256(payload).hexdigest()}}
        members = {
            "manifest.json": json.dumps(manifest),
            "weights.safetensors": b"",
            place: payload,
        }
        _forge(path, members.items())
    with pytest.raises(ModelFileError):
        read_archive(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "names",
    [
        ["../manifest.json", "weights.safetensors"],
        ["manifest.json", "/tmp/weights.safetensors"],  # noqa: S108
        ["manifest.json"],
        ["manifest.json", "weights.safetensors", "code.py"],
        ["manifest.json", "weights.safetensors", "other/manifest.json"],
    ],
)
def test_P37_other_members_are_refused_and_not_extracted(tmp_path, names):
    path = tmp_path / "inner" / "model.csg2a"
    path.parent.mkdir()
    _forge(path, [(name, b"{}") for name in names])
    with pytest.raises(ModelFileError, match=r"expected manifest\.json"):
        read_archive(path)
    assert list(tmp_path.rglob("*.*")) == [path]


def test_P37_a_member_that_grows_when_unpacked_is_refused(tmp_path):
    path = tmp_path / "model.csg2a"
    members = [("manifest.json", b"{}"), ("weights.safetensors", bytes(10**7))]
    _forge(path, members, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**5
    with pytest.raises(ModelFileError, match="more bytes"):
        read_archive(path)


@pytest.mark.parametrize(
    "manifest", [b"[]", b"null", b"{}", b'{"members": 3}', b"\xff", b"[" * 10**5]
)
def test_an_invalid_manifest_is_an_error(tmp_path, manifest):
    path = tmp_path / "model.csg2a"
    _forge(path, [("manifest.json", manifest), ("weights.safetensors", b"")])
    with pytest.raises(ModelFileError):
        read_archive(path)


@pytest.mark.parametrize("broken", ["fsync", "write", "replace"])
def test_P35_a_failing_disk_keeps_the_old_file_and_leaves_no_other(
    archive, monkeypatch, broken
):
    before = archive.read_bytes()

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    if broken == "fsync":
        monkeypatch.setattr("os.fsync", fail)
    elif broken == "replace":
        monkeypatch.setattr("pathlib.Path.replace", fail)
    else:
        monkeypatch.delattr("os.O_TMPFILE", raising=False)
        monkeypatch.setattr("pathlib.Path.open", _full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_archive(archive, {"kind": "other"}, {})
    monkeypatch.undo()
    assert archive.read_bytes() == before
    assert list(archive.parent.iterdir()) == [archive]


def _full_disk(path, mode):
    """Open a file that is there but takes no byte."""
    assert mode == "xb"
    path.touch()
    return _FullDisk()


class _FullDisk:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def write(self, content):
        raise OSError(28, "No space left on device")


@pytest.mark.skipif(os.name != "posix", reason="permissions as on Unix")
def test_the_file_gets_the_permissions_of_any_new_file(archive, tmp_path):
    (tmp_path / "plain").touch()
    plain, written = (tmp_path / name for name in ("plain", archive.name))
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_missing_folders_are_made(tmp_path):
    write_archive(tmp_path / "a" / "b" / "model", {}, ARRAYS)
    assert (tmp_path / "a" / "b" / "model").is_file()


@pytest.mark.skipif(os.name != "posix", reason="special files as on Unix")
@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "empty"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = tmp_path / "model.csg2a"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
    error = ModelFileError if kind == "empty" else OSError
    with pytest.raises(error, match=r"model\.csg2a"):
        read_archive(path)


@pytest.mark.parametrize("start", [b"", b"PK"])
def test_a_file_of_another_kind_is_refused_before_it_is_read(tmp_path, start):
    path = tmp_path / "model.csg2a"
    path.write_bytes(start)
    os.truncate(path, 2**20 if start else 2**42)  # a hole: no bytes on disk
    with pytest.raises(ModelFileError, match=r"model\.csg2a"):
        read_archive(path)
