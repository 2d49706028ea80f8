"""Loaders read what is there, row by row, and say what is not."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import (
    DataNotFoundError,
    load_gdsc,
    load_gdsc2,
    load_gene_sets,
    load_interactome,
    load_lincs,
    load_nci60,
    load_tcga,
)
from sklearn_csg2a.exceptions import Csg2aError, DataFileError, InputError

LOADERS = [load_gdsc, load_gdsc2, load_interactome, load_lincs, load_nci60, load_tcga]

GDSC_FILES = {
    "response.csv.gz": "cell_line,drug,ln_ic50\nB,2,1.5\nA,1,-0.5\nA,2,2.5\n",
    "expression.csv.gz": "cell_line,TP53,EGFR\nA,0.5,-1\nB,1.5,2\n",
    "expression_landmark.csv.gz": "cell_line,source,DDR1\nA,NCI60,0.25\n",
    "mutations.csv.gz": "cell_line,TP53,EGFR\nA,0,1\nB,1,0\n",
    "cells.csv": "cell_line,tissue\nA,lung\nB,skin\n",
    "compounds.csv": "drug,smiles,target,target_pathway\n1,CCO,,\n2,CCN,EGFR,RTK\n",
}
FILES = {
    **{f"gdsc2/{name}": text for name, text in GDSC_FILES.items()},
    **{f"gdsc/{name}": text for name, text in GDSC_FILES.items()},
    "interactome/string_v12_900.csv.gz": "source,target\nTP53,MDM2\nTP53,EGFR\n",
    "interactome/string_v11_900_census.csv": "source,target\nTP53,EGFR\n",
    "gene_sets/hallmark_7.5.1.gmt.gz": "REPAIR\thttps\tTP53\tATM\nGROWTH\t\tEGFR\n",
    "lincs/treatments.csv": (
        "source,plate,well,cell_line,pert_id,name,smiles,dose,time,level,control\n"
        "s,P2,P2:A1,A375,B1,x,CCO,10.0,24.0,L3,1\n"
        "s,P1,P1:A1,A375,,,CCN,0.5,6.0,L3,0\n"
    ),
    "lincs/controls.csv": (
        "source,plate,well,cell_line,time,kind\n"
        "s,P1,P1,A375,6.0,DMSO mean\ns,P2,P2,A375,24.0,DMSO mean\n"
    ),
    "lincs/basal_164_cell_lines.csv.gz": ",DDR1,PAX8\nA375,6.5,7.5\n",
    "nci60/gi50.csv.gz": (
        "nsc,cell_line,nlog_gi50,n_exp,source\n"
        "740,MCF7,6.0,1,AOD_IOA\n740,MDAN,6.0,1,AOD_IOA\n295,7860,5.0,,NMTF_2200\n"
    ),
    "nci60/expression.csv.gz": "cell_line,A1BG\n7860,6.5\nMCF7,7.5\n",
    "nci60/cells.csv": (
        "cell_line,panel,depmap_id\n"
        "MCF7,Breast,ACH-000019\n7860,Renal,ACH-000649\nMDAN,Melanoma,\n"
    ),
    "nci60/compounds.csv.gz": "nsc,smiles,gdsc_drug\n295,CCO,\n740,CCN,126941\n",
    "tcga/response.csv": (
        "patient,cohort,drug_name,gdsc_drug,response,responder\n"
        "P2,LUAD,a,2.0,Complete Response,1\nP1,LUAD,b,,Stable Disease,0\n"
        "P1,LUAD,a,2.0,Stable Disease,0\n"
    ),
    "tcga/expression_rankz.csv.gz": "patient,TP53\nP1,0.5\nP2,-0.5\n",
    "tcga/expression_xena_log2tpm_3cohorts.csv.gz": "patient,TP53\nP1,3.5\n",
}


@pytest.fixture
def small_home(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
    np.savez(
        tmp_path / "lincs" / "level3.npz",
        perturbed=np.array([[1, 2], [3, 4]], dtype=np.float16),
        control=np.array([[5, 6], [7, 8]], dtype=np.float16),
        genes=np.array(["DDR1", "PAX8"]),
    )
    return tmp_path


@pytest.mark.parametrize("load", [load_gdsc, load_gdsc2])
def test_gdsc_rows_stay_in_the_order_of_the_file(load, small_home):
    data = load(data_home=small_home)
    assert data.X["cell_line"].tolist() == ["B", "A", "A"]
    assert data.X["drug"].tolist() == ["2", "1", "2"]
    assert data.X["smiles"].tolist() == ["CCN", "CCO", "CCN"]
    assert data.X["tissue"].tolist() == ["skin", "lung", "lung"]
    assert data.y.tolist() == [1.5, -0.5, 2.5]
    assert data.y.name == "ln_ic50"
    assert data.expression.loc["B"].tolist() == [1.5, 2.0]
    assert (data.expression.dtypes == np.float32).all()
    assert "64 %" in data.DESCR


def test_gdsc2_has_mutations_and_gdsc_landmark_genes(small_home):
    assert load_gdsc2(data_home=small_home).mutations.loc["A"].tolist() == [0, 1]
    data = load_gdsc(data_home=small_home)
    assert data.landmark_expression.loc["A"].tolist() == [0.25]
    assert data.landmark_source["A"] == "NCI60"


def test_interactome_keeps_the_edges_between_the_genes_asked_for(small_home):
    assert len(load_interactome(data_home=small_home)) == 2
    edges = load_interactome(data_home=small_home, genes=["EGFR", "TP53", "KRAS"])
    assert edges.to_dict("list") == {"source": ["TP53"], "target": ["EGFR"]}
    census = load_interactome(data_home=small_home, version="v11_census")
    assert census.equals(edges)


def test_gene_sets_are_lists_of_genes_by_name(small_home):
    gene_sets = load_gene_sets("hallmark", data_home=small_home)
    assert gene_sets == {"REPAIR": ["TP53", "ATM"], "GROWTH": ["EGFR"]}


def test_lincs_rows_name_the_control_of_their_own_plate(small_home):
    data = load_lincs(data_home=small_home)
    assert data.X["cell_line"].tolist() == ["control_001", "control_000"]
    assert data.X["cell"].tolist() == ["A375", "A375"]
    basal = data.expression.loc[data.X["cell_line"]]
    assert basal["DDR1"].tolist() == [7.0, 5.0]
    assert data.controls.loc[data.X["cell_line"], "plate"].tolist() == ["P2", "P1"]
    assert data.Y["PAX8"].tolist() == [2.0, 4.0]
    assert (data.Y.dtypes == np.float32).all()
    assert data.basal.loc["A375", "PAX8"] == 7.5


def test_lincs_tables_that_do_not_fit_the_arrays_are_refused(small_home):
    path = small_home / "lincs" / "treatments.csv"
    text = path.read_text()
    path.write_text(text.replace("L3,1", "L3,7"))
    with pytest.raises(InputError, match=r"'control': no such row .* in rows 0; there"):
        load_lincs(data_home=small_home)
    path.write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(InputError, match="has 3 rows, but the array 'perturbed'"):
        load_lincs(data_home=small_home)


def test_lincs_arrays_of_pickled_objects_are_refused(small_home):
    path = small_home / "lincs" / "level3.npz"
    genes = np.array(["DDR1", "PAX8"], dtype=object)
    np.savez(path, perturbed=np.ones((2, 2)), control=np.ones((2, 2)), genes=genes)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_lincs(data_home=small_home)
    np.savez(path, perturbed=np.ones((2, 2)))
    with pytest.raises(InputError, match="lacks the arrays 'control'; 'genes'"):
        load_lincs(data_home=small_home)


def test_nci60_is_in_ln_micromolar_and_leaves_out_lines_without_expression(small_home):
    data = load_nci60(data_home=small_home)
    assert data.X["cell_line"].tolist() == ["MCF7", "7860"]
    np.testing.assert_allclose(data.y, [0.0, np.log(10.0)])
    assert data.X["gdsc_drug"].tolist()[0] == "126941"
    assert data.expression.loc["7860"].tolist() == [6.5]
    assert data.dropped.loc[1].tolist() == ["MDAN", "740", "no expression"]
    assert "1: no expression (MDAN)" in data.DESCR


def test_tcga_takes_structures_from_gdsc_and_keeps_all_courses(small_home):
    data = load_tcga(data_home=small_home)
    assert data.X["cell_line"].tolist() == ["P2", "P1"]
    assert data.X["smiles"].tolist() == ["CCN", "CCN"]
    assert data.y.tolist() == [1, 0]
    assert len(data.courses) == 3
    assert data.dropped.loc[1].tolist() == ["P1", "b", "not in GDSC"]
    assert "1: not in GDSC (b)" in data.DESCR


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (load_gdsc2, "gdsc2/response.csv.gz"),
        (load_gdsc2, "gdsc2/compounds.csv"),
        (load_gdsc2, "gdsc2/expression.csv.gz"),
        (load_lincs, "lincs/level3.npz"),
        (load_nci60, "nci60/gi50.csv.gz"),
    ],
)
def test_damaged_files_are_named(load, name, small_home):
    path = small_home / name
    content = path.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        b"",
        b"\x1f\x8b\x08damage",
        b"PK\x03\x04",
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=path.name.replace(".", r"\.")):
            load(data_home=small_home)


@pytest.mark.parametrize("load", LOADERS)
def test_missing_file_is_named_with_its_place_and_the_remedy(load, tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        load(data_home=tmp_path)
    assert isinstance(raised.value, DataNotFoundError)
    assert isinstance(raised.value, Csg2aError)
    assert str(tmp_path) in str(raised.value)
    assert "SKLEARN_CSG2A_DATA" in str(raised.value)


def test_folder_is_taken_from_the_environment(small_home, monkeypatch):
    monkeypatch.setenv("SKLEARN_CSG2A_DATA", str(small_home))
    assert len(load_gdsc2().y) == 3
    monkeypatch.delenv("SKLEARN_CSG2A_DATA")
    with pytest.raises(DataNotFoundError, match="set the environment variable"):
        load_gdsc2()


def test_foreign_tables_are_refused_in_words(small_home):
    path = small_home / "gdsc2" / "cells.csv"
    path.write_text("cell_line,tissue\nA,lung\n")
    with pytest.raises(InputError, match=r"cell_line 'B': not in column 'cell_line'"):
        load_gdsc2(data_home=small_home)
    path.write_text("cell_line,organ\nA,lung\n")
    with pytest.raises(InputError, match=r"lacks the columns 'tissue'; it has"):
        load_gdsc2(data_home=small_home)


def test_unknown_choices_list_what_there_is():
    with pytest.raises(InputError, match="choose one of 'v12', 'v11_census'"):
        load_interactome(version="v10")
    with pytest.raises(InputError, match="choose one of 'hallmark', 'pid'"):
        load_gene_sets("kegg")


def test_gdsc2_has_its_published_size(data_home):
    data = load_gdsc2(data_home=data_home)
    assert data.X.shape == (82_833, 6)
    assert data.X["cell_line"].nunique() == 580
    assert data.X["smiles"].nunique() == 170
    assert data.expression.shape == data.mutations.shape == (580, 706)
    assert data.X["cell_line"].isin(data.expression.index).all()
    census = load_interactome(
        data_home=data_home, version="v11_census", genes=data.expression.columns
    )
    recent = load_interactome(data_home=data_home, genes=data.expression.columns)
    assert (len(census), len(recent)) == (3442, 1827)
    assert len(pd.unique(census.to_numpy().ravel())) == 528


@pytest.mark.slow
def test_other_screens_have_their_published_sizes(data_home):
    gdsc, lincs, nci60, tcga = (
        load(data_home=data_home)
        for load in (load_gdsc, load_lincs, load_nci60, load_tcga)
    )
    assert (len(gdsc.y), gdsc.X["smiles"].nunique()) == (207_335, 371)
    assert lincs.Y.shape == (1808, 978)
    assert lincs.expression.shape == (189, 978)
    assert len(nci60.y) == 162_927
    assert (len(tcga.courses), tcga.expression.shape) == (1333, (649, 1526))
    for data in (gdsc, lincs, nci60, tcga):
        assert data.X["cell_line"].isin(data.expression.index).all()
        assert data.X["smiles"].notna().all()


def _files_of(load):
    folder = load.__name__.removeprefix("load_")
    return [
        name
        for name in [*FILES, "lincs/level3.npz"]
        if name.startswith(f"{folder}/") and "census" not in name
        if name not in {"gdsc2/expression_landmark.csv.gz", "gdsc/mutations.csv.gz"}
    ]


@pytest.mark.parametrize(
    ("load", "name"),
    [(load, name) for load in LOADERS for name in _files_of(load)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_cut_off_is_named(load, name, small_home):
    content = (small_home / name).read_bytes()
    for size in range(0, len(content) - 1, 1 + len(content) // 12):
        cut = content[: size + (content[size - 1 : size] == b"\n")]
        (small_home / name).write_bytes(cut)
        with pytest.raises(DataFileError, match=name.partition("/")[2]):
            load(data_home=small_home)


@pytest.mark.parametrize(
    ("load", "name", "old", "new", "place"),
    [
        (load_gdsc2, "gdsc2/response.csv.gz", "1.5", "1.S", "'ln_ic50', row 0: '1.S'"),
        (load_gdsc2, "gdsc2/expression.csv.gz", "0.5", "O.5", "'TP53', row 'A': 'O.5'"),
        (load_gdsc2, "gdsc2/mutations.csv.gz", "B,1", "B,", "'TP53', row 'B'"),
        (load_gdsc, "gdsc/expression_landmark.csv.gz", "0.25", "x", "'DDR1', row 'A'"),
        (load_gdsc, "gdsc/response.csv.gz", "A,1,", "A,7,", "drug '7': not in column"),
        (load_lincs, "lincs/treatments.csv", "24.0", "2A.0", "'time', row 0: '2A.0'"),
        (load_lincs, "lincs/treatments.csv", "L3,1", "L3,", "value in .*'control'"),
        (load_nci60, "nci60/gi50.csv.gz", "5.0", "5.o", "'nlog_gi50', row 2: '5.o'"),
        (load_tcga, "tcga/response.csv", "Response,1", "Response,", "'responder', row"),
    ],
)
def test_a_value_that_is_damaged_is_named_with_its_file(
    load, name, old, new, place, small_home
):
    text = FILES[name].replace(old, new, 1).encode()
    packed = gzip.compress(text) if name.endswith(".gz") else text
    (small_home / name).write_bytes(packed)
    with pytest.raises(InputError, match=place) as caught:
        load(data_home=small_home)
    assert name in str(caught.value)


def test_arrays_that_announce_more_than_their_file_holds_are_refused(small_home):
    path = small_home / "lincs" / "level3.npz"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    shape = b"(2, 2), }" + b" " * 11
    huge = b"(90000000000, 2), }" + b" " * 1
    assert shape in members["perturbed.npy"]
    members["perturbed.npy"] = members["perturbed.npy"].replace(shape, huge)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataFileError, match=r"'perturbed.npy' of .* does not fit in"):
        load_lincs(data_home=small_home)
    genes = np.array(["DDR1", "PAX8"])
    np.savez(path, perturbed=np.ones((2, 3)), control=np.ones((2, 2)), genes=genes)
    with pytest.raises(DataFileError, match=r"level3.npz: the array 'perturbed' is"):
        load_lincs(data_home=small_home)
