"""HDF5 does not open a group or array whose header, tree or heap is damaged."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from sklearn_csg2a.datasets import read_gctx, read_h5ad
from sklearn_csg2a.exceptions import DataFileError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)
NOWHERE = b"\xff" * 8


def _write(path, **how):
    with h5py.File(path, "w", **how) as file:
        file.create_dataset("0/DATA/0/matrix", data=VALUES, chunks=(1, 3))
        file["0/META/COL/id"] = np.array([b"a", b"b", b"c", b"d"])
        file["0/META/COL/dose"] = np.arange(4.0)
        file["0/META/COL/time"] = h5py.SoftLink("/0/META/COL/dose")
        file["0/META/ROW/id"] = np.array([b"p1", b"p2", b"p3"])
        for k in range(9):  # more than one block of a header
            file["0/META/ROW"].attrs[f"note {k}"] = "text " * 20
    return bytearray(path.read_bytes())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.gctx"


def _header(path, name):
    """Return the place of the header of a group or array."""
    with h5py.File(path) as file:
        return h5py.h5o.get_info(file[name].id).addr


def _message(content, header, kind):
    """Return the place of the content of a message in the first block of a header."""
    at = header + 16
    while True:
        found, size = struct.unpack_from("<HH", content, at)
        if found == kind:
            return at + 8
        at += 8 + size


def _symbol_table(path, content, name):
    """Return the places of the tree and the heap of the names of a group."""
    return struct.unpack_from(
        "<QQ", content, _message(content, _header(path, name), 17)
    )


def _names(path, content):
    """Return the place of the list of names of a group."""
    tree, _ = _symbol_table(path, content, "0/META/COL")
    return struct.unpack_from("<Q", content, tree + 32)[0]


def _pieces(path, content):
    """Return the place of the tree of the pieces of the matrix."""
    layout = _message(content, _header(path, "0/DATA/0/matrix"), 8)
    return struct.unpack_from("<Q", content, layout + 3)[0]


def _size_of_a_header(path, content):
    return _header(path, "0/META/COL") + 8, b"\xff\xff\xff\x7f"


def _version_of_a_header(path, content):
    return _header(path, "0/META/COL"), b"\x07"


def _size_of_a_message(path, content):
    return _header(path, "0/META/COL") + 18, b"\xff\xff"


def _place_of_a_further_block(path, content):
    return _message(content, _header(path, "0/META/ROW"), 16), NOWHERE


def _size_of_a_further_block(path, content):
    return _message(content, _header(path, "0/META/ROW"), 16) + 8, b"\0\0\0\0\1"


def _further_block_is_its_own(path, content):
    at = _message(content, _header(path, "0/META/ROW"), 16)
    return at, struct.pack("<QQ", at - 8, 24)


def _size_of_a_heap(path, content):
    return _symbol_table(path, content, "0/META/COL")[1] + 8, b"\0\0\0\0\1"


def _free_space_without_end(path, content):
    heap = _symbol_table(path, content, "0/META/COL")[1]
    _, free, start = struct.unpack_from("<QQQ", content, heap + 8)
    return start + free, struct.pack("<Q", free)


def _place_of_a_name(path, content):
    return _names(path, content) + 8, b"\xff\xff\xff\x7f"


def _text_of_a_link(path, content):
    entries = [_names(path, content) + 8 + 40 * k for k in range(3)]
    link = next(at for at in entries if content[at + 16] == 2)
    return link + 24, b"\xff\xff\xff\x7f"


def _names_are_listed_twice(path, content):
    tree, _ = _symbol_table(path, content, "0/META/COL")
    content[tree + 6] = 2  # children
    return tree + 48, struct.pack("<Q", _names(path, content))


def _tree_of_names_is_its_own(path, content):
    tree, _ = _symbol_table(path, content, "0/META/COL")
    content[tree + 5] = 1  # not a leaf
    return tree + 32, struct.pack("<Q", tree)


def _tree_of_another_kind(path, content):
    return _symbol_table(path, content, "0/META/COL")[0] + 4, b"\x01"


def _tree_of_many_names(path, content):
    return _symbol_table(path, content, "0/META/COL")[0] + 6, b"\xff\xff"


def _tree_of_pieces_is_its_own(path, content):
    tree = _pieces(path, content)
    content[tree + 5] = 3
    return tree + 24 + 32, struct.pack("<Q", tree)


def _size_of_a_piece(path, content):
    return _pieces(path, content) + 24, b"\xff\xff\xff\x7f"


def _place_of_a_piece(path, content):
    return _pieces(path, content) + 24 + 32, struct.pack("<Q", len(content) - 4)


def _lists_of_lists(path, content):
    at = _message(content, _header(path, "0/META/COL/id"), 3)
    content[at] = 0x19
    return at + 8, b"\x19\0\0\0\x10\0\0\0" * 40


def _first_header(path, content):
    return 64, NOWHERE[:7]


def _width_of_places(path, content):
    return 13, b"\x04"


def _form_of_the_file(path, content):
    return 8, b"\x09"


def _other_files(path, content):
    return 48, bytes(8)


INSIDE = [
    *(_size_of_a_header, _version_of_a_header, _size_of_a_message),
    *(_place_of_a_further_block, _size_of_a_further_block, _further_block_is_its_own),
    *(_size_of_a_heap, _free_space_without_end, _place_of_a_name, _text_of_a_link),
    *(_tree_of_names_is_its_own, _tree_of_another_kind, _tree_of_many_names),
    *(_tree_of_pieces_is_its_own, _size_of_a_piece, _place_of_a_piece),
    *(_names_are_listed_twice, _lists_of_lists),
]
AT_THE_START = [_first_header, _width_of_places, _form_of_the_file, _other_files]


def _damage(path, damage):
    content = _write(path)
    at, changed = damage(path, content)
    content[at : at + len(changed)] = changed
    path.write_bytes(content)


@pytest.mark.parametrize("damage", INSIDE)
def test_a_damaged_object_is_not_opened(path, damage):
    _damage(path, damage)
    with pytest.raises(DataFileError, match=r"a\.gctx, /.*: a broken header at byte"):
        read_gctx(path)


@pytest.mark.parametrize("damage", AT_THE_START)
def test_a_file_with_a_damaged_start_is_not_opened(path, damage):
    _damage(path, damage)
    with pytest.raises(DataFileError, match="the start of the file or the header"):
        read_gctx(path)


@pytest.mark.parametrize("n_bytes", [0, 8, 9, 40, 95, 600])
def test_the_first_bytes_of_a_file_are_not_a_file(path, n_bytes):
    path.write_bytes(_write(path)[:n_bytes])
    with pytest.raises(DataFileError, match=r"a\.gctx"):
        read_gctx(path)


@pytest.mark.parametrize(
    "how",
    [{}, {"libver": "latest"}, {"track_order": True}, {"userblock_size": 2048}],
    ids=["old", "new", "ordered", "user block"],
)
def test_many_groups_arrays_and_pieces_are_read(path, how):
    values = np.arange(6000.0).reshape(3000, 2)
    with h5py.File(path, "w", **how) as file:
        file.create_dataset("0/DATA/0/matrix", data=values, chunks=(2, 1))
        file["0/META/COL/id"] = [f"p{k}" for k in range(3000)]
        file["0/META/ROW/id"] = ["TP53", "ATM"]
        for k in range(500):
            file[f"0/META/COL/note {k}"] = np.arange(3000)
        for k in range(400):
            del file[f"0/META/COL/note {k}"]  # leaves gaps in the heap
    data = read_gctx(path)
    np.testing.assert_array_equal(data.expression, values)
    assert len(data.profiles.columns) == 100


def test_a_type_that_has_a_name_of_its_own_is_read(path):
    _write(path)
    with h5py.File(path, "a") as file:
        file["type"] = np.dtype("f8")
        del file["0/META/COL/dose"]
        stored = file.create_dataset("0/META/COL/dose", (4,), dtype=file["type"])
        stored[:] = np.arange(4)
        stored.attrs.create("unit", 1.0, dtype=file["type"])
    assert read_gctx(path).profiles["dose"].tolist() == [0, 1, 2, 3]
    content = bytearray(path.read_bytes())
    named = _header(path, "type")
    content[_message(content, named, 3) - 4] |= 2  # its type is in another header
    path.write_bytes(content)
    with pytest.raises(DataFileError, match="'dose': a broken header at byte"):
        read_gctx(path)


def test_a_reference_to_no_object_is_not_followed(tmp_path):
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        file["X"] = VALUES
        for name, ids in (("obs", "abcd"), ("var", "xyz")):
            table = file.create_group(name)
            table.attrs.update({"encoding-type": "dataframe", "_index": "_index"})
            table.attrs["column-order"] = np.array([], dtype=h5py.string_dtype())
            table["_index"] = np.array(list(ids), dtype=object)
        file["obs/__categories/cell"] = np.array(["A", "B"], dtype=object)
        file["obs/cell"] = np.array([0, 1, 0, -1], dtype="i1")
        file["obs/cell"].attrs["categories"] = file["obs/__categories/cell"].ref
        file["obs"].attrs["column-order"] = np.array(["cell"], dtype=object)
    assert read_h5ad(path).profiles["cell"].tolist()[:2] == ["A", "B"]
    content = bytearray(path.read_bytes())
    reference = struct.pack("<Q", _header(path, "obs/__categories/cell"))
    at = content.index(
        reference, content.index(b"categories\0", _header(path, "obs/cell"))
    )
    content[at : at + 8] = struct.pack("<Q", 2**40)
    path.write_bytes(content)
    with pytest.raises(DataFileError, match="a broken header at byte 1099511627776"):
        read_h5ad(path)
