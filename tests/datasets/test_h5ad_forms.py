"""h5ad files are read in every form that anndata has given them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_csg2a.datasets import iter_h5ad, read_h5ad
from sklearn_csg2a.exceptions import DataFileError, InputError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

PROFILES, GENES = ["A1", "A2", "A3"], ["p1", "p2"]
VALUES = np.array([[6.5, 1.0], [0.0, 2.0], [8.5, 0.0]], dtype=np.float32)


def _texts(values):
    return np.array(values, dtype=object)


def _encode(stored, encoding, version="0.1.0", **attributes):
    stored.attrs.update(
        {"encoding-type": encoding, "encoding-version": version, **attributes}
    )
    return stored


def _write_masked(parent, name, values, mask, encoding):
    group = _encode(parent.create_group(name), encoding)
    group["values"], group["mask"] = values, np.array(mask)
    return group


def _write_strings(parent, name, values):
    """As anndata 0.12 writes the text of pandas 3."""
    mask = [value is None for value in values]
    texts = _texts([value or "" for value in values])
    return _write_masked(parent, name, texts, mask, "nullable-string-array")


def _write_categories(parent, name, codes, write_categories, *, ordered=False):
    group = _encode(parent.create_group(name), "categorical", "0.2.0", ordered=ordered)
    group["codes"] = np.array(codes, dtype=np.int8)
    write_categories(group)
    return group


def _write_frame(parent, name, ids, columns=(), index="_index"):
    group = _encode(parent.create_group(name), "dataframe", "0.2.0")
    group.attrs["_index"] = index
    group.attrs["column-order"] = np.array(list(columns), dtype=h5py.string_dtype())
    _write_strings(group, index, ids)
    return group


def _write_sparse(parent, name, values, kind):
    matrix = getattr(sparse, f"{kind}_array")(values)
    group = _encode(parent.create_group(name), f"{kind}_matrix", shape=values.shape)
    for key in ("data", "indices", "indptr"):
        group[key] = getattr(matrix, key)
    return group


@pytest.fixture
def screen(tmp_path):
    """A file of anndata 0.12 beside pandas 3."""
    path = tmp_path / "screen.h5ad"
    names = ["text", "category", "grade", "count", "flag", "plain"]
    with h5py.File(path, "w") as file:
        obs = _write_frame(file, "obs", PROFILES, names, index="well")
        _write_strings(obs, "text", ["x", None, "z"])
        _write_categories(
            obs,
            "category",
            [1, 0, -1],
            lambda group: _write_strings(group, "categories", ["A375", "HT29"]),
        )
        _write_categories(
            obs,
            "grade",
            [0, 1, 0],
            lambda group: group.create_dataset("categories", data=_texts(["lo", "hi"])),
            ordered=True,
        )
        _write_masked(obs, "count", [1, 2, 3], [0, 1, 0], "nullable-integer")
        flags = np.array([True, False, False])
        _write_masked(obs, "flag", flags, [False, False, True], "nullable-boolean")
        obs["plain"] = _texts(["p", "q", "r"])
        var = _write_frame(file, "var", GENES, ["symbol"])
        _write_strings(var, "symbol", ["TP53", "EGFR"])
        file["X"] = VALUES
        _write_sparse(file, "layers/counts", 2 * VALUES, "csc")
        wide = np.column_stack([VALUES, VALUES[:, 0]])
        _write_sparse(file, "raw/X", wide, "csr")
        _write_frame(file, "raw/var", [*GENES, "p3"])
    return path


def test_text_with_a_mask_is_read_as_text_and_missing(screen):
    data = read_h5ad(screen, gene_names="symbol")
    assert data.expression.index.tolist() == PROFILES
    assert data.expression.columns.tolist() == ["TP53", "EGFR"]
    profiles = data.profiles
    assert profiles["text"].isna().tolist() == [False, True, False]
    assert profiles["text"].dropna().tolist() == ["x", "z"]
    assert profiles["category"].tolist()[:2] == ["HT29", "A375"]
    assert profiles["category"].isna().tolist() == [False, False, True]
    assert profiles["grade"].max() == "hi"
    np.testing.assert_array_equal(profiles["count"], [1.0, np.nan, 3.0])
    assert profiles["flag"].tolist()[:2] == [True, False]
    assert profiles["flag"].isna().tolist() == [False, False, True]
    assert profiles["plain"].tolist() == ["p", "q", "r"]


def test_layers_and_raw_are_read_with_their_genes(screen):
    counts = read_h5ad(screen, layer="counts").expression
    np.testing.assert_array_equal(counts, 2 * VALUES)
    raw = read_h5ad(screen, use_raw=True, genes=["p3", "p1"])
    assert raw.genes.index.tolist() == ["p3", "p1"]
    np.testing.assert_array_equal(raw.expression, VALUES[:, [0, 0]])
    blocks = iter_h5ad(screen, use_raw=True, block_size=2)
    assert pd.concat(list(blocks)).shape == (3, 3)
    with pytest.raises(InputError, match="choose one"):
        read_h5ad(screen, layer="counts", use_raw=True)
    with pytest.raises(DataFileError, match=r"no 'layers/log', only 'counts'"):
        read_h5ad(screen, layer="log")


def test_a_file_without_x_names_its_layers(screen):
    with h5py.File(screen, "a") as file:
        del file["X"]
    with pytest.raises(DataFileError, match=r"has no X; give layer=, one of 'counts'"):
        read_h5ad(screen)


def test_a_table_without_an_order_of_its_columns_has_them_all(screen):
    with h5py.File(screen, "a") as file:
        del file["obs"].attrs["column-order"]
        file["obs"].attrs["_index"] = np.bytes_(b"well")
        file["var"].attrs["column-order"] = np.array([], dtype=float)
    data = read_h5ad(screen)
    assert set(data.profiles) >= {"text", "category", "count"}
    assert data.genes.columns.empty


def test_files_of_before_anndata_0_7_are_read(tmp_path):
    path = tmp_path / "old.h5ad"
    obs = [(b"A1", 1, 0.5), (b"A2", 0, 1.5), (b"A3", 1, 2.5)]
    matrix = sparse.csr_array(VALUES)
    with h5py.File(path, "w") as file:
        file["obs"] = np.array(
            obs, dtype=[("index", "S8"), ("cell", "i1"), ("d", "f4")]
        )
        file["var"] = np.array([(b"p1",), (b"p2",)], dtype=[("index", "S8")])
        file["uns/cell_categories"] = _texts(["A375", "HT29"])
        for name in ("X", "raw.X"):
            group = file.create_group(name)
            group.attrs.update({"h5sparse_format": "csr", "h5sparse_shape": (3, 2)})
            for key in ("data", "indices", "indptr"):
                group[key] = getattr(matrix, key)
        file["raw.var"] = file["var"][()]
    data = read_h5ad(path)
    np.testing.assert_array_equal(data.expression, VALUES)
    assert data.profiles["cell"].tolist() == ["HT29", "A375", "HT29"]
    assert data.profiles["d"].tolist() == [0.5, 1.5, 2.5]
    assert data.expression.columns.tolist() == GENES
    assert read_h5ad(path, use_raw=True).expression.shape == (3, 2)


def _cut_indices(file):
    del file["raw/X/indices"]
    file["raw/X/indices"] = np.array([0, 1])


def _point_outside(file):
    file["raw/X/indices"][0] = 7


def _turn_back(file):
    file["raw/X/indptr"][1] = 99


def _shorten_mask(file):
    del file["obs/count/mask"]
    file["obs/count/mask"] = np.array([True])


def _replace_codes(file):
    file["obs/category/codes"][0] = 9


def _replace_values(file):
    del file["raw/X"]
    file["raw/X"] = np.array([[b"a", b"b", b"c"]] * 3)


def _announce_much(file):
    del file["obs/plain"]
    file.create_dataset("obs/plain", shape=(2**40,), dtype="f8", chunks=(2**10,))


def _list_in_attribute(file):
    lists = h5py.vlen_dtype("u1")
    del file["obs"].attrs["_index"]
    one = np.empty(1, dtype=object)
    one[0] = np.array([1, 2], "u1")
    file["obs"].attrs.create("_index", one, dtype=lists)


def _lists_in_records(file):
    inner = np.dtype([("genes", h5py.vlen_dtype("f8"))])
    del file["obs"]
    file.create_dataset("obs", shape=(3,), dtype=[("index", "S8"), ("inside", inner)])


@pytest.mark.parametrize(
    "damage",
    [
        *(_list_in_attribute, _lists_in_records),
        *(_cut_indices, _point_outside, _turn_back, _shorten_mask, _replace_codes),
        *(_replace_values, _announce_much),
    ],
)
def test_damage_is_one_error_that_names_the_file(damage, screen):
    with h5py.File(screen, "a") as file:
        damage(file)
    with pytest.raises(DataFileError, match=r"screen\.h5ad"):
        read_h5ad(screen, use_raw=True)
