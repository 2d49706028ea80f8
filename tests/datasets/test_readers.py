"""Readers give what a file holds, or say what is wrong with the file."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_csg2a.datasets import (
    iter_gctx,
    iter_h5ad,
    load_lincs,
    pair_with_controls,
    read_gct,
    read_gctx,
    read_gctx_metadata,
    read_h5ad,
)
from sklearn_csg2a.exceptions import (
    Csg2aError,
    DataFileError,
    InputError,
    MissingDependencyError,
)

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

PROFILES, GENES = ["A1", "A2", "A3"], ["p1", "p2"]
VALUES = np.array([[6.5, 1.0], [7.5, 2.0], [8.5, 3.0]], dtype=np.float32)
EXPRESSION = pd.DataFrame(VALUES, index=PROFILES, columns=GENES)
GCT = (
    "#1.3\n2\t3\t1\t3\n"
    "id\tpr_gene_symbol\tA1\tA2\tA3\n"
    "cell_id\tna\tA375\tA375\tHT29\n"
    "pert_dose\tna\t-666\t10\t0.5\n"
    "pert_type\tna\tctl_vehicle\ttrt_cp\ttrt_cp\n"
    "p1\tTP53\t6.5\t7.5\t8.5\n"
    "p2\tEGFR\t1\t2\t3\n"
)


def _write_gctx(path, values=VALUES, profiles=PROFILES, genes=GENES, **chunks):
    with h5py.File(path, "w") as file:
        file.create_dataset("0/DATA/0/matrix", data=values, **chunks)
        file["0/META/COL/id"] = np.array(profiles, dtype="S")
        file["0/META/COL/pert_idose"] = np.array(
            ["10 \xb5M".encode("latin-1")] * len(profiles)
        )
        file["0/META/COL/pert_dose"] = np.array([-666.0] + [10.0] * (len(profiles) - 1))
        file["0/META/ROW/id"] = np.array(genes, dtype="S")
        file["0/META/ROW/pr_gene_symbol"] = np.array(
            [f"SYMBOL{i}" for i in range(len(genes))], dtype="S"
        )
    return path


def _write_table(file, name, ids, columns):
    group = file.create_group(name)
    group.attrs["encoding-type"] = "dataframe"
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(list(columns), dtype=object)
    group["_index"] = np.array(ids, dtype=object)
    for column, values in columns.items():
        if isinstance(values, dict):
            for key, array in values.items():
                group[f"{column}/{key}"] = array
        else:
            group[column] = values


def _write_h5ad(path, kind="array", values=VALUES):
    with h5py.File(path, "w") as file:
        if kind == "array":
            file["X"] = values
        else:
            matrix = getattr(sparse, kind.replace("matrix", "array"))(values)
            group = file.create_group("X")
            group.attrs["encoding-type"] = kind
            group.attrs["shape"] = values.shape
            for key in ("data", "indices", "indptr"):
                group[key] = getattr(matrix, key)
        file["layers/doubled"] = 2 * values
        cells = {
            "codes": np.array([0, 1, -1], dtype=np.int8),
            "categories": np.array(["A375", "HT29"], dtype=object),
        }
        batch = {"values": np.array([1, 2, 3]), "mask": np.array([False, True, False])}
        _write_table(
            file, "obs", PROFILES, {"cell": cells, "batch": batch, "dose": [1.0, 2, 3]}
        )
        symbols = np.array(["TP53", "EGFR"], dtype=object)
        _write_table(file, "var", GENES, {"symbol": symbols})
    return path


@pytest.fixture
def gct(tmp_path):
    path = tmp_path / "plate.gct"
    path.write_text(GCT)
    return path


@pytest.fixture
def gctx(tmp_path):
    return _write_gctx(tmp_path / "level3.gctx")


@pytest.fixture
def h5ad(tmp_path):
    return _write_h5ad(tmp_path / "screen.h5ad")


def _check_reads_all_and_chooses(read, path):
    data = read(path)
    pd.testing.assert_frame_equal(data.expression, EXPRESSION, check_index_type=False)
    assert data.profiles.index.tolist() == PROFILES
    assert data.genes.index.tolist() == GENES
    chosen = read(path, genes=["p2", "p1"], profiles=["A3", "A1"])
    expected = EXPRESSION.loc[["A3", "A1"], ["p2", "p1"]]
    pd.testing.assert_frame_equal(chosen.expression, expected, check_index_type=False)
    assert chosen.profiles.index.tolist() == ["A3", "A1"]
    assert chosen.genes.index.tolist() == ["p2", "p1"]


def test_gct_gives_profiles_as_rows_and_those_asked_for(gct):
    _check_reads_all_and_chooses(read_gct, gct)


def test_gctx_gives_profiles_as_rows_and_those_asked_for(gctx):
    _check_reads_all_and_chooses(read_gctx, gctx)


@pytest.mark.parametrize("kind", ["array", "csr_matrix", "csc_matrix"])
def test_h5ad_gives_profiles_as_rows_and_those_asked_for(kind, tmp_path):
    _check_reads_all_and_chooses(read_h5ad, _write_h5ad(tmp_path / "a.h5ad", kind))


def test_metadata_of_gct_are_numbers_where_they_can_be_and_missing_where_coded(gct):
    profiles = read_gct(gct).profiles
    assert profiles["cell_id"].tolist() == ["A375", "A375", "HT29"]
    np.testing.assert_array_equal(profiles["pert_dose"], [np.nan, 10.0, 0.5])


def test_names_with_leading_zeros_stay_text(tmp_path):
    path = tmp_path / "plate.gct"
    path.write_text(GCT.replace("A375\tA375\tHT29", "007\t7\t12"))
    assert read_gct(path).profiles["cell_id"].tolist() == ["007", "7", "12"]


def test_gct_reads_the_micro_sign_of_older_files(tmp_path):
    path = tmp_path / "plate.gct"
    text = GCT.replace("pert_dose\tna\t-666\t10\t", "pert_idose\tna\t-666\t10 \xb5M\t")
    for encoding in ("latin-1", "utf-8"):
        path.write_bytes(text.encode(encoding))
        assert read_gct(path).profiles["pert_idose"].iloc[1] == "10 \xb5M"


def test_compressed_gct_and_version_1_2_are_read(tmp_path):
    path = tmp_path / "plate.gct.gz"
    text = "#1.2\n1\t2\nName\tDescription\tA1\tA2\np1\ta gene\t6.5\tNA\n"
    path.write_bytes(gzip.compress(text.encode()))
    data = read_gct(path)
    np.testing.assert_array_equal(data.expression, [[6.5], [np.nan]])
    assert data.genes.loc["p1", "Description"] == "a gene"


def test_genes_are_named_by_a_column_of_their_metadata(gct, gctx, h5ad):
    assert read_gct(gct, gene_names="pr_gene_symbol").expression.columns.tolist() == [
        "TP53",
        "EGFR",
    ]
    chosen = read_gct(gct, gene_names="pr_gene_symbol", genes=["EGFR"])
    assert chosen.genes["id"].tolist() == ["p2"]
    data = read_gctx(gctx, gene_names="pr_gene_symbol")
    assert data.expression.columns.tolist() == ["SYMBOL0", "SYMBOL1"]
    assert read_h5ad(h5ad, gene_names="symbol").expression.columns[0] == "TP53"
    with pytest.raises(InputError, match=r"'symbols'.*only 'pr_gene_symbol'"):
        read_gctx(gctx, gene_names="symbols")


def test_gctx_reads_the_micro_sign_of_older_files(gctx):
    profiles = read_gctx_metadata(gctx).profiles
    assert profiles["pert_idose"].iloc[0] == "10 \xb5M"
    assert np.isnan(profiles["pert_dose"].iloc[0])


@pytest.mark.parametrize("chunks", [{}, {"chunks": (7, 3), "compression": "gzip"}])
def test_blocks_of_gctx_together_are_the_whole(chunks, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 10)).astype(np.float32)
    names = [f"w{i}" for i in range(600)]
    genes = [f"g{i}" for i in range(10)]
    path = _write_gctx(tmp_path / "big.gctx", values, names, genes, **chunks)
    table = pd.DataFrame(values, index=names, columns=genes)
    wanted = rng.permutation(names)[:130].tolist()
    blocks = list(
        iter_gctx(path, profiles=wanted, genes=["g7", "g2", "g4"], block_size=50)
    )
    assert [len(block) for block in blocks] == [50, 50, 30]
    expected = table.loc[wanted, ["g7", "g2", "g4"]]
    pd.testing.assert_frame_equal(pd.concat(blocks), expected, check_index_type=False)
    whole = read_gctx(path).expression
    pd.testing.assert_frame_equal(whole, table, check_index_type=False)


@pytest.mark.parametrize("kind", ["array", "csr_matrix", "csc_matrix"])
def test_blocks_of_h5ad_together_are_the_whole(kind, tmp_path):
    path = _write_h5ad(tmp_path / "a.h5ad", kind)
    blocks = list(iter_h5ad(path, block_size=2))
    assert [len(block) for block in blocks] == [2, 1]
    pd.testing.assert_frame_equal(pd.concat(blocks), EXPRESSION, check_index_type=False)


def test_h5ad_reads_categories_masks_and_layers(h5ad):
    data = read_h5ad(h5ad, layer="doubled")
    np.testing.assert_array_equal(data.expression, 2 * VALUES)
    assert data.profiles["cell"].tolist()[:2] == ["A375", "HT29"]
    assert data.profiles["cell"].isna().tolist() == [False, False, True]
    assert data.profiles["batch"].isna().tolist() == [False, True, False]
    with pytest.raises(DataFileError, match="no 'layers/other'"):
        read_h5ad(h5ad, layer="other")


def test_categories_of_the_first_h5ad_files_are_read(h5ad):
    with h5py.File(h5ad, "a") as file:
        file["obs/__categories/line"] = np.array(["A375", "HT29"], dtype=object)
        file["obs/line"] = np.array([1, 0, 0], dtype=np.int8)
        categories = file["obs/__categories/line"].ref
        file["obs/line"].attrs["categories"] = categories
        file["obs"].attrs["column-order"] = np.array(["line"], dtype=object)
    assert read_h5ad(h5ad).profiles["line"].tolist() == ["HT29", "A375", "A375"]


def test_h5ad_whose_genes_are_not_unique_is_read_by_another_column(h5ad):
    with h5py.File(h5ad, "a") as file:
        file["var/_index"][...] = np.array(["p1", "p1"], dtype=object)
    with pytest.raises(DataFileError, match=r"ids of genes .* more than once: 'p1'"):
        read_h5ad(h5ad)
    assert read_h5ad(h5ad, gene_names="symbol").expression.columns[1] == "EGFR"


@pytest.mark.parametrize("name", ["gct", "gctx", "h5ad"])
def test_ids_that_are_not_in_the_file_are_named(name, request):
    read = {"gct": read_gct, "gctx": read_gctx, "h5ad": read_h5ad}[name]
    path = request.getfixturevalue(name)
    with pytest.raises(InputError, match=r"genes: 'p9' not in .* look like 'p1'; 'p2'"):
        read(path, genes=["p1", "p9"])
    with pytest.raises(InputError, match=r"profiles: 'B1'; 'B2' not in"):
        read(path, profiles=["B1", "A1", "B2"])
    with pytest.raises(InputError, match="give a list"):
        read(path, profiles="A1")


def test_ids_that_differ_in_case_come_with_what_may_be_meant(gct, gctx):
    with pytest.raises(InputError, match="one of these meant: 'p1' for 'P1'"):
        read_gctx(gctx, genes=["P1"])
    with pytest.raises(InputError, match="one of these meant: 'TP53' for 'tp-53'"):
        read_gct(gct, gene_names="pr_gene_symbol", genes=["tp-53", "EGFR"])


@pytest.mark.parametrize("read", [read_gct, read_gctx, read_h5ad])
def test_empty_and_foreign_files_are_refused(read, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(DataFileError, match=r"is empty; an? .* file .* was expected"):
        read(path)
    for content in (b"cell_line,smiles\nA,CCO\n", bytes(range(256)) * 8):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match="was expected") as caught:
            read(path)
        assert isinstance(caught.value, Csg2aError)
        assert isinstance(caught.value, ValueError)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (slice(0, 1), "line 2"),
        (slice(0, 3), "ends before line 4; line 2 announces 8 lines"),
        (slice(0, 7), "ends before line 8"),
    ],
)
def test_gct_that_lacks_lines_is_refused(lines, message, tmp_path):
    path = tmp_path / "cut.gct"
    path.write_text("\n".join(GCT.splitlines()[lines]) + "\n")
    with pytest.raises(DataFileError, match=message):
        read_gct(path)


def test_gct_that_ends_within_a_line_is_refused(tmp_path):
    path = tmp_path / "cut.gct"
    path.write_text(GCT.removesuffix("\t3\n"))
    with pytest.raises(
        DataFileError, match="line 8: 4 fields where line 2 announces 5"
    ):
        read_gct(path)


def test_truncated_gzip_gct_is_refused(tmp_path):
    path = tmp_path / "cut.gct.gz"
    path.write_bytes(gzip.compress(GCT.encode())[:-12])
    with pytest.raises(DataFileError, match="cut off or damaged"):
        read_gct(path)


def test_gct_with_text_among_its_values_says_where(tmp_path):
    path = tmp_path / "text.gct"
    path.write_text(GCT.replace("7.5", "high"))
    with pytest.raises(DataFileError, match=r"line 7 \(gene 'p1'\), profile 'A2': 'hi"):
        read_gct(path)


def test_gct_with_a_profile_twice_is_refused(tmp_path):
    path = tmp_path / "twice.gct"
    path.write_text(GCT.replace("\tA2\t", "\tA1\t"))
    with pytest.raises(DataFileError, match="more than once: 'A1'"):
        read_gct(path)


@pytest.mark.parametrize(("name", "read"), [("gctx", read_gctx), ("h5ad", read_h5ad)])
def test_hdf5_files_that_are_cut_off_packed_or_incomplete_are_refused(
    name, read, request, tmp_path
):
    content = request.getfixturevalue(name).read_bytes()
    path = tmp_path / "damaged"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataFileError, match="cut off or damaged"):
        read(path)
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataFileError, match="is gzip-compressed; decompress it first"):
        read(path)
    with h5py.File(path, "w") as file:
        file["something"] = np.zeros(3)
    with pytest.raises(DataFileError, match=r"has no .* was expected"):
        read(path)


def test_matrix_that_does_not_fit_its_metadata_is_refused(tmp_path):
    path = _write_gctx(tmp_path / "a.gctx", VALUES.T)
    with pytest.raises(DataFileError, match=r"\(2, 3\).* 3 profiles and 2 genes"):
        read_gctx(path)
    path = _write_h5ad(tmp_path / "a.h5ad", "csr_matrix", VALUES[:2])
    with pytest.raises(DataFileError, match=r"\(2, 2\).*3 and 2 rows"):
        read_h5ad(path)


@pytest.mark.parametrize("size", [0, 1.5, True])
def test_blocks_have_a_whole_number_of_profiles(size, gctx):
    with pytest.raises(InputError, match="block_size"):
        next(iter_gctx(gctx, block_size=size))


def test_hdf5_files_need_a_package_that_the_error_names(gctx, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"sklearn_csg2a\[h5\]"):
        read_gctx(gctx)


LOAD_PHASE_ONE = """
import resource, sys
import h5py, numpy as np
from sklearn_csg2a.datasets import read_gctx

with h5py.File(sys.argv[1], "w") as file:  # values that are all 0 take no space
    file.create_dataset("0/DATA/0/matrix", shape=(202_962, 978), dtype="float32")
    for name, size in (("COL", 202_962), ("ROW", 978)):
        file[f"0/META/{name}/id"] = np.arange(size).astype("S8")
print(*read_gctx(sys.argv[1]).expression.shape)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_202962_profiles_load_in_under_4_gb(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOAD_PHASE_ONE, str(tmp_path / "large.gctx")],
        check=True,
        capture_output=True,
        text=True,
    )
    n_profiles, n_genes, peak_kb = map(int, done.stdout.split())
    assert (n_profiles, n_genes) == (202_962, 978)
    assert peak_kb < 4e6


@pytest.fixture
def raw_formats(data_home):
    folder = data_home / "raw_formats"
    if not folder.is_dir():
        pytest.skip(f"no files as their makers publish them: {folder} is missing")
    return folder


def test_real_gct_plate_pairs_as_the_assembled_set_does(raw_formats, data_home):
    plate = read_gct(
        raw_formats / "LJP005_A375_24H_level3.gct", gene_names="pr_gene_symbol"
    )
    assert plate.expression.shape == (377, 978)
    assert plate.profiles["pert_type"].value_counts()["trt_cp"] == 328
    lincs = load_lincs(data_home=data_home)
    known = lincs.X[lincs.X["source"] == "cmapPy"].drop_duplicates("pert_id")
    with pytest.warns(UserWarning, match="no such id"):
        data = pair_with_controls(
            plate.expression,
            plate.profiles,
            batch="det_plate",
            compounds=known.set_index("pert_id")["smiles"],
        )
    rows = lincs.X.reset_index().merge(
        data.X.reset_index(names="well"), on="well", suffixes=("", "_read")
    )
    assert len(rows) == 345
    np.testing.assert_array_equal(rows["dose"], rows["dose_read"])
    np.testing.assert_array_equal(rows["time"], rows["time_read"])
    genes = lincs.Y.columns.intersection(data.Y.columns)
    assert len(genes) > 900
    np.testing.assert_allclose(
        lincs.Y.loc[rows["index"], genes], data.Y.loc[rows["well"], genes], rtol=1e-3
    )
    np.testing.assert_allclose(
        lincs.expression.loc[rows["cell_line"], genes],
        data.expression.loc[rows["cell_line_read"], genes],
        rtol=1e-3,
    )


def test_real_gctx_is_read_by_name_and_by_block(raw_formats):
    path = raw_formats / "modzs_n272x978.gctx"
    data = read_gctx(path, gene_names="pr_gene_symbol")
    assert data.expression.shape == (272, 978)
    assert data.expression.notna().to_numpy().all()
    assert {"6 h", "24 h"} <= set(data.profiles["pert_itime"])
    some = data.expression[["TP53", "EGFR"]].iloc[::-3]
    blocks = iter_gctx(
        path,
        gene_names="pr_gene_symbol",
        genes=some.columns,
        profiles=some.index,
        block_size=40,
    )
    pd.testing.assert_frame_equal(pd.concat(list(blocks)), some)


def test_real_h5ad_screen_pairs_within_its_plates(raw_formats):
    screen = read_h5ad(raw_formats / "CPC006_HT115_6H.h5ad")
    assert screen.expression.shape == (681, 978)
    data = pair_with_controls(screen.expression, screen.profiles, batch="rna_plate")
    assert data.X.shape[0] == 661
    assert data.dropped.empty
    assert data.controls["n_wells"].tolist() == [9, 11]
    assert set(data.X["time"]) == {6.0}
