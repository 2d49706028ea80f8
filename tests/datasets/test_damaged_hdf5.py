"""A damaged h5ad or GCTX file is refused before it takes memory or time."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from scipy import sparse

from sklearn_csg2a.datasets import iter_h5ad, read_gctx, read_h5ad
from sklearn_csg2a.exceptions import DataFileError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

VALUES = np.array([[0, 1, 2], [3, 0, 0], [0, 0, 4], [5, 6, 0]], dtype=np.float32)
HUGE = {"shape": (10**11,), "dtype": "f4", "chunks": (1000,)}


@pytest.fixture
def gctx(tmp_path):
    path = tmp_path / "a.gctx"
    with h5py.File(path, "w") as file:
        file["0/DATA/0/matrix"] = VALUES
        file["0/META/COL/id"] = np.array([b"a", b"b", b"c", b"d"])
        file["0/META/COL/dose"] = np.arange(4.0)
        file["0/META/ROW/id"] = np.array([b"p1", b"p2", b"p3"])
    return path


def _texts(*values):
    return np.array(values, dtype=object)


@pytest.fixture(params=["csr", "csc"])
def h5ad(tmp_path, request):
    path = tmp_path / "a.h5ad"
    matrix = getattr(sparse, f"{request.param}_array")(VALUES)
    with h5py.File(path, "w") as file:
        group = file.create_group("X")
        group.attrs["encoding-type"] = f"{request.param}_matrix"
        group.attrs["shape"] = np.array(VALUES.shape)
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(matrix, key)
        for name, ids in (("obs", "abcd"), ("var", "xyz")):
            table = file.create_group(name)
            table.attrs.update({"encoding-type": "dataframe", "_index": "_index"})
            table.attrs["column-order"] = np.array([], dtype=h5py.string_dtype())
            table["_index"] = _texts(*ids)
    return path


def _add_column(file, name, kind):
    """Create an empty group that obs lists as a column."""
    obs = file["obs"]
    obs.attrs["column-order"] = _texts(name)
    column = obs.create_group(name)
    column.attrs["encoding-type"] = kind
    return column


def _replace(file, name, value=None, **announced):
    del file[name]
    if announced:
        file.create_dataset(name, **announced)
    else:
        file[name] = value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("0/META/COL/id", HUGE, "does not fit in the file"),
        ("0/META/COL/dose", HUGE, "does not fit in the file"),
        ("0/DATA/0/matrix", HUGE, "does not fit in the file"),
        ("0/META/ROW/id", np.zeros((3, 2)), r"not a list: its shape is \(3, 2\)"),
        ("0/META/ROW/id", h5py.Empty("f4"), "without a shape"),
        ("0/META/ROW/id", np.array([1 + 2j] * 3), "not numbers or text"),
        ("0/META/ROW", np.arange(5), "an array, not a group"),
        ("0/META/COL/dose", h5py.SoftLink("/0/META"), "a group, not an array"),
        ("0/META/COL/dose", h5py.SoftLink("/0/META/COL/dose"), "do not end"),
        ("0/META/COL/dose", h5py.SoftLink("/none"), "has no 'dose'"),
    ],
)
def test_arrays_of_gctx_that_cannot_be_are_refused(gctx, name, value, message):
    with h5py.File(gctx, "a") as file:
        if isinstance(value, dict):
            _replace(file, name, **value)
        else:
            _replace(file, name, value)
    with pytest.raises(DataFileError, match=message) as caught:
        read_gctx(gctx)
    assert str(gctx) in str(caught.value)


def test_a_name_is_not_searched_among_the_values_of_a_huge_array(gctx):
    with h5py.File(gctx, "a") as file:
        _replace(file, "0/META/ROW", shape=(10**11,), dtype="f4", chunks=(1000,))
    with pytest.raises(DataFileError, match="0/META/ROW"):
        read_gctx(gctx)


def test_values_in_other_files_are_not_read(gctx, tmp_path):
    other = shutil.copy(gctx, tmp_path / "other.gctx")
    with h5py.File(gctx, "a") as file:
        link = h5py.ExternalLink(os.fspath(other), "/0/META/COL/dose")
        _replace(file, "0/META/COL/dose", link)
    with pytest.raises(DataFileError, match="'dose' is a link to another file"):
        read_gctx(gctx)
    with h5py.File(gctx, "a") as file:
        del file["0/META/COL/dose"]
        layout = h5py.VirtualLayout((4,), dtype="f8")
        layout[:] = h5py.VirtualSource(os.fspath(other), "0/META/COL/dose", (4,))
        file.create_virtual_dataset("0/META/COL/dose", layout)
    with pytest.raises(DataFileError, match="dose: its values are in another file"):
        read_gctx(gctx)
    with h5py.File(gctx, "a") as file:
        _replace(file, "0/META/COL/dose", shape=(4,), dtype="f8", external="/etc/group")
    with pytest.raises(DataFileError, match="dose: its values are in another file"):
        read_gctx(gctx)


def test_links_within_the_file_are_followed(gctx):
    with h5py.File(gctx, "a") as file:
        file["0/META/COL/time"] = h5py.SoftLink("dose")
        file["first"] = h5py.SoftLink("/0/META/COL/time")
        file["0/META/COL/again"] = h5py.SoftLink("/first")
    profiles = read_gctx(gctx).profiles
    assert profiles["time"].tolist() == profiles["again"].tolist() == [0, 1, 2, 3]


STORED = [
    {},
    {"chunks": (3,)},
    {"chunks": (4,), "compression": "gzip"},
    {"chunks": (2,), "compression": "gzip", "shuffle": True},
    {"chunks": (4,), "compression": "lzf"},
]


@pytest.mark.parametrize("how", STORED)
def test_texts_are_read_however_they_are_stored(gctx, how):
    names = ["A375", "", "1 \N{MICRO SIGN}M", "x" * 5000]
    with h5py.File(gctx, "a") as file:
        file["0/META/COL"].create_dataset(
            "name", data=_texts(*names), dtype=h5py.string_dtype(), **how
        )
    profiles = read_gctx(gctx).profiles
    assert profiles["name"].fillna("").tolist() == names


def test_one_text_that_is_referred_to_many_times_does_not_fill_the_memory(gctx):
    with h5py.File(gctx, "a") as file:
        del file["0/META/COL/dose"]
        texts = file.create_dataset(
            "0/META/COL/dose", (4,), h5py.string_dtype(), chunks=(4,)
        )
        texts[0] = "A" * 30_000
        file.flush()
        _, stored = texts.id.read_direct_chunk((0,))
        texts.id.write_direct_chunk((0,), stored[: len(stored) // 4] * 4)
    with pytest.raises(DataFileError, match="dose: its texts do not fit in the file"):
        read_gctx(gctx)


def test_a_heap_of_texts_without_end_is_not_walked_through(h5ad):
    content = h5ad.read_bytes()
    heap = content.index(b"GCOL")
    for place in (heap + 8, heap + 16):  # its size, its first object
        broken = bytearray(content)
        broken[place : place + 16] = bytes(16)
        h5ad.write_bytes(broken)
        with pytest.raises(DataFileError, match=rf"byte {heap}: a heap of texts"):
            read_h5ad(h5ad)


def test_a_heap_is_walked_through_behind_free_space(h5ad):
    content = bytearray(h5ad.read_bytes())
    heap = content.index(b"GCOL")
    at = heap + 16
    while number := int.from_bytes(content[at : at + 2], "little"):
        size = int.from_bytes(content[at + 8 : at + 16], "little")
        at += 16 + -(-size // 8) * 8
    assert number == 0
    content[at + 8 : at + 16] = (16).to_bytes(8, "little")  # then, nothing
    h5ad.write_bytes(content)
    with pytest.raises(DataFileError, match=rf"byte {heap}: a heap of texts"):
        read_h5ad(h5ad)


@pytest.mark.parametrize("how", STORED[:2])
def test_memory_is_not_taken_for_a_text_of_a_damaged_length(gctx, how):
    with h5py.File(gctx, "a") as file:
        del file["0/META/COL/dose"]
        texts = file.create_dataset(
            "0/META/COL/dose", data=_texts(*"abcd"), dtype=h5py.string_dtype(), **how
        )
        offset = (
            texts.id.get_chunk_info(0).byte_offset if how else texts.id.get_offset()
        )
    content = bytearray(gctx.read_bytes())
    content[offset : offset + 4] = b"\xff\xff\xff\x7f"
    gctx.write_bytes(content)
    with pytest.raises(DataFileError, match="dose: its texts do not fit in the file"):
        read_gctx(gctx)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X/indptr", np.array([1.5] * 5), "at places of .*float64"),
        ("X/indices", np.array([10**9] * 6), "outside its table"),
        ("X/data", np.array([True] * 3), "do not fit together"),
        ("X/data", _texts(*"abcdefg"), "data of object"),
        ("X/indptr", np.array(3), "not a list"),
        ("obs", np.array([1.5]), "/obs: not a table"),
        ("obs/_index", HUGE, "does not fit in the file"),
        ("obs/_index", h5py.SoftLink("/obs"), "do not|has no"),
        ("layers", np.arange(3), "an array, not a group"),
    ],
)
def test_parts_of_h5ad_that_cannot_be_are_refused(h5ad, name, value, message):
    with h5py.File(h5ad, "a") as file:
        if name not in file:
            file[name] = value
        elif isinstance(value, dict):
            _replace(file, name, **value)
        else:
            _replace(file, name, value)
    with pytest.raises(DataFileError, match=message):
        list(iter_h5ad(h5ad, block_size=2))


@pytest.mark.parametrize(
    "shape", [[10**12, 10**12], "nope", [1], -3, [4, 3, 2], _texts("a", "b")]
)
def test_a_shape_that_cannot_be_is_refused(h5ad, shape):
    with h5py.File(h5ad, "a") as file:
        file["X"].attrs["shape"] = shape
    with pytest.raises(DataFileError):
        read_h5ad(h5ad)


def test_an_empty_table_of_terabytes_is_refused(h5ad):
    ids = np.arange(300_000).astype("S8")
    with h5py.File(h5ad, "a") as file:
        for name in ("obs", "var"):
            _replace(file, f"{name}/_index", data=ids, shape=ids.shape, chunks=True)
        file["X"].attrs["shape"] = (len(ids), len(ids))
        _replace(file, "X/indptr", shape=(len(ids) + 1,), dtype="i8", chunks=True)
        for key in ("data", "indices"):
            _replace(file, f"X/{key}", np.zeros(0, dtype="i4"))
    with pytest.raises(DataFileError, match=r"a table of \(300000, 300000\) does not"):
        read_h5ad(h5ad)


def test_categories_do_not_nest(h5ad):
    with h5py.File(h5ad, "a") as file:
        cell = _add_column(file, "cell", "categorical")
        cell["codes"] = np.zeros(4, dtype="i1")
        cell["categories"] = cell  # a group within itself
    with pytest.raises(DataFileError, match="has no 'values'"):
        read_h5ad(h5ad)


def test_masks_and_codes_of_another_type_are_refused(h5ad):
    with h5py.File(h5ad, "a") as file:
        count = _add_column(file, "count", "nullable-integer")
        count["values"], count["mask"] = np.arange(4), _texts(*"abcd")
    with pytest.raises(DataFileError, match="count: a mask of 4 object for 4 values"):
        read_h5ad(h5ad)
    with h5py.File(h5ad, "a") as file:
        del file["obs/count"]
        cell = _add_column(file, "cell", "categorical")
        cell["codes"], cell["categories"] = np.array([0.5] * 4), _texts("A")
    with pytest.raises(DataFileError, match="codes: codes of type float64"):
        read_h5ad(h5ad)


HOW_WRITTEN = {
    "old form": {"libver": "earliest"},
    "new form": {"libver": "latest"},
    "behind other content": {"userblock_size": 1024},
}


def _write_h5ad(path, n_attributes=0, **how):
    """Write a table with texts as attributes; return the value of `_index`."""
    with h5py.File(path, "w", **how) as file:
        file["X"] = VALUES
        for name, ids in (("obs", "abcd"), ("var", "xyz")):
            table = file.create_group(name)
            for k in range(n_attributes):
                table.attrs[f"other {k}"] = "text " * k
            table.attrs.update({"encoding-type": "dataframe", "_index": "names"})
            table.attrs["column-order"] = _texts("first", "second")
            table["names"] = _texts(*ids)
            for column in ("first", "second"):
                table[column] = np.arange(len(ids))
    content = path.read_bytes()
    at = content.index(b"_index\0")
    text = content.index(b"GCOL", how.get("userblock_size", 0))
    place = (text - how.get("userblock_size", 0)).to_bytes(8, "little")
    return content.index(place, at) - 4


@pytest.mark.parametrize("how", HOW_WRITTEN)
@pytest.mark.parametrize("n_attributes", [0, 3, 40])
def test_texts_of_attributes_are_read_wherever_they_are(tmp_path, how, n_attributes):
    path = tmp_path / "a.h5ad"
    _write_h5ad(path, n_attributes, **HOW_WRITTEN[how])
    data = read_h5ad(path)
    assert data.profiles.index.tolist() == list("abcd")
    assert data.profiles.columns.tolist() == ["first", "second"]


@pytest.mark.parametrize("how", HOW_WRITTEN)
@pytest.mark.parametrize(
    ("first", "bytes_"),
    [(0, b"\xff\xff\xff\x7f"), (4, b"\x08"), (4, b"\xff" * 8), (12, b"\xff\x7f")],
    ids=["length", "place", "place outside", "number"],
)
def test_damaged_texts_of_attributes_are_not_searched(tmp_path, how, first, bytes_):
    path = tmp_path / "a.h5ad"
    value = _write_h5ad(path, **HOW_WRITTEN[how])
    content = bytearray(path.read_bytes())
    content[value + first : value + first + len(bytes_)] = bytes_
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=r"a\.h5ad"):
        read_h5ad(path)
