"""Expression is read from each form in which DepMap, GDSC and Sanger publish it."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import (
    read_depmap_expression,
    read_gdsc_expression,
    read_passports_expression,
)
from sklearn_csg2a.exceptions import DataFileError, InputError

GENES = ["TP53 (7157)", "EGFR (1956)", "HLA-A (3105)"]
BY_MODEL = pd.DataFrame(
    [[3.5, 0.5, 1.0], [2.5, 4.0, 2.0]],
    index=["ACH-000001", "ACH-000002"],
    columns=GENES,
)
PROFILES = pd.DataFrame(
    {
        "SequencingID": ["CDS-1", "CDS-2", "CDS-3"],
        "ModelConditionID": ["MC-1", "MC-1", "MC-2"],
        "ModelID": ["ACH-000001", "ACH-000001", "ACH-000002"],
        "IsDefaultEntryForMC": ["Yes", "No", "Yes"],
        "IsDefaultEntryForModel": ["Yes", "No", "Yes"],
        **{
            gene: [BY_MODEL[gene].iloc[0], 9.0, BY_MODEL[gene].iloc[1]]
            for gene in GENES
        },
    }
)
EXPECTED = BY_MODEL.set_axis(["TP53", "EGFR", "HLA-A"], axis=1).astype(np.float32)

RMA = (
    "GENE_SYMBOLS\tGENE_title\tDATA.906826\tDATA.687983\tDATA.687983.1\n"
    "TP53\ttumor protein p53 [Source:HGNC]\t6.5\t7.0\t8.0\n"
    "\tnothing known\t1\t1\t1\n"
    "EGFR\tepidermal 5' receptor\t3.0\t9.0\t9.5\n"
)
WIDE = (
    "model_id,,SIDM00001,SIDM00002,SIDM00003\n"
    "model_name,,A-1,B-2,C 3\n"
    "dataset_name,,Sanger RNASeq,Broad (CCLE) RNASeq,Sanger RNASeq\n"
    "data_source,,sanger,broad,sanger\n"
    "gene_id,symbol,,,\n"
    "SIDG1,TP53,8,16,0\nSIDG2,EGFR,0.5,2,1\n"
)
MERGED = (
    "model_id,,,SIDM00001,SIDM00002,SIDM00003\n"
    "model_name,,,A-1,B-2,C 3\n"
    "data_source,,,sanger,broad,sanger\n"
    "symbol,ensembl_gene_id,gene_id,,,\n"
    "TP53,ENSG00000141510,SIDG1,8,16,0\nEGFR,ENSG00000146648,SIDG2,0.5,2,1\n"
)
LONG = (
    "dataset_id,model_id,model_name,gene_id,gene_symbol,read_count,rsem_tpm,"
    "data_source\n"
    "1,SIDM00001,A-1,SIDG1,TP53,80,8,sanger\n1,SIDM00001,A-1,SIDG2,EGFR,5,0.5,sanger\n"
    "2,SIDM00002,B-2,SIDG1,TP53,160,16,broad\n2,SIDM00002,B-2,SIDG2,EGFR,20,2,broad\n"
    "1,SIDM00003,C 3,SIDG2,EGFR,1,1,sanger\n1,SIDM00003,C 3,SIDG1,TP53,0,0,sanger\n"
)


@pytest.fixture
def write(tmp_path):
    def _write(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write


def _assert_expected(read):
    assert read.index.name == "cell_line"
    assert read.columns.name is None
    assert (read.dtypes == np.float32).all()
    pd.testing.assert_frame_equal(read, EXPECTED, check_names=False)


@pytest.mark.parametrize(
    "table",
    [
        BY_MODEL,
        BY_MODEL.rename_axis("ModelID"),
        BY_MODEL.rename_axis("DepMap_ID"),
        BY_MODEL.rename_axis("depmap_id"),
        BY_MODEL.rename_axis("Unnamed: 0"),
        BY_MODEL.set_axis(["TP53", "EGFR", "HLA-A"], axis=1),
        BY_MODEL.set_axis(
            ["TP53 (ENSG00000141510)", "EGFR (ENSG00000146648)", "HLA-A (nan)"], axis=1
        ),
        BY_MODEL.rename_axis("depmap_id")
        .reset_index()
        .assign(cell_line_display_name="A 1", lineage_1="Lung", lineage_2=None)
        .set_index(["depmap_id", "cell_line_display_name", "lineage_1", "lineage_2"]),
    ],
)
def test_tables_by_model_are_read_whatever_the_first_column_is_called(write, table):
    _assert_expected(read_depmap_expression(write(table.to_csv())))


@pytest.mark.parametrize(
    "flags", [("Yes", "No"), (True, False), ("TRUE", "FALSE"), (1, 0), ("yes", "no")]
)
@pytest.mark.parametrize("index", [True, False])
def test_the_default_profile_of_each_model_is_kept(write, flags, index):
    told = dict(zip(("Yes", "No"), flags, strict=True))
    table = PROFILES.map(lambda entry: told.get(entry, entry))
    with pytest.warns(UserWarning, match=r"1 profiles left out .*'CDS-2 of ACH-"):
        read = read_depmap_expression(write(table.to_csv(index=index)))
    _assert_expected(read)
    assert read.attrs["dropped"] == {
        "CDS-2 of ACH-000001": "not the default of their model"
    }


def test_a_table_by_condition_keeps_the_default_profile_of_each_condition(write):
    table = PROFILES.drop(columns="IsDefaultEntryForModel")
    with pytest.warns(UserWarning, match="1 profiles left out"):
        _assert_expected(read_depmap_expression(write(table.to_csv())))
    table["IsDefaultEntryForMC"] = "Yes"
    path = write(table.to_csv())
    with pytest.raises(InputError, match=r"1 cell lines occur .*'ACH-000001'.*mean"):
        read_depmap_expression(path)
    mean = read_depmap_expression(path, replicates="mean")
    assert mean.loc["ACH-000001"].tolist() == [6.25, 4.75, 5.0]
    with pytest.warns(UserWarning, match="1 cell lines left out"):
        left = read_depmap_expression(path, replicates="drop")
    assert left.index.tolist() == ["ACH-000002"]


def test_profiles_are_led_to_their_models(write, tmp_path):
    table = PROFILES[GENES].set_axis(["PR-a", "PR-b", "PR-c"])
    path = write(table.to_csv())
    with pytest.raises(InputError, match=r"names profiles \('PR-a'\).*profiles="):
        read_depmap_expression(path)
    default = pd.DataFrame(
        {
            "ModelID": ["ACH-000001", "ACH-000002", "ACH-000001"],
            "ProfileID": ["PR-a", "PR-c", "PR-z"],
            "ProfileType": ["rna", "rna", "wgs"],
        }
    )
    for profiles in (default, tmp_path / "OmicsDefaultModelProfiles.csv"):
        default.to_csv(tmp_path / "OmicsDefaultModelProfiles.csv", index=False)
        with pytest.warns(UserWarning, match="1 profiles left out .*'PR-b'"):
            _assert_expected(read_depmap_expression(path, profiles=profiles))
    flagged = pd.DataFrame(
        {
            "ProfileID": ["PR-a", "PR-b", "PR-c"],
            "ModelID": ["ACH-000001", "ACH-000001", "ACH-000002"],
            "IsDefaultEntryForModel": ["Yes", "No", "Yes"],
        }
    )
    with pytest.warns(UserWarning, match="1 profiles left out"):
        _assert_expected(read_depmap_expression(path, profiles=flagged))
    with pytest.raises(InputError, match="has none of the 3 profiles"):
        read_depmap_expression(path, profiles=default.tail(1))
    with pytest.raises(InputError, match="has the columns"):
        read_depmap_expression(path, profiles=default[["ModelID"]])


def test_symbols_of_several_columns_are_named_averaged_or_left_out(write):
    table = BY_MODEL.set_axis(["TP53 (7157)", "TP53 (ENSG1)", "nan (ENSG2)"], axis=1)
    path = write(table.to_csv())
    with pytest.raises(InputError, match=r"1 gene symbols occur .*'TP53'.*'mean'"):
        read_depmap_expression(path)
    mean = read_depmap_expression(path, duplicates="mean")
    assert mean.columns.tolist() == ["TP53", "ENSG2"]
    assert mean["TP53"].tolist() == [2.0, 3.25]
    with pytest.warns(UserWarning, match="gene symbols left out .*'TP53'"):
        left = read_depmap_expression(path, duplicates="drop")
    assert left.columns.tolist() == ["ENSG2"]
    with pytest.raises(InputError, match="duplicates='median' is unknown"):
        read_depmap_expression(path, duplicates="median")


def test_compressed_tables_and_other_separators_are_read(write, tmp_path):
    text = BY_MODEL.to_csv()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", text)
    (tmp_path / "bom.csv").write_text(text, encoding="utf-8-sig")
    (tmp_path / "a.tsv").write_text(BY_MODEL.to_csv(sep="\t"))
    (tmp_path / "de.csv").write_text(BY_MODEL.to_csv(sep=";", decimal=","))
    for name in ("a.csv.gz", "a.zip", "bom.csv", "a.tsv", "de.csv"):
        _assert_expected(read_depmap_expression(tmp_path / name))
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("b.csv", text)
    with pytest.raises(DataFileError, match=r"2 files \('a.csv'; 'b.csv'\)"):
        read_depmap_expression(tmp_path / "a.zip")


def test_missing_values_are_kept_and_told(write):
    table = BY_MODEL.copy()
    table.iloc[0, 1] = np.nan
    with pytest.warns(UserWarning, match="1 genes have no value .*'EGFR'"):
        read = read_depmap_expression(write(table.to_csv()))
    assert np.isnan(read.loc["ACH-000001", "EGFR"])
    table.iloc[1, 2] = np.nan
    with pytest.warns(UserWarning, match=r"2 genes have no value .*'HLA-A'"):
        read_depmap_expression(write(table.to_csv()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n", "begins with an empty line"),
        (BY_MODEL.T.to_csv(), r"models \(ACH-...\) in its columns"),
        (BY_MODEL.to_csv().replace("4.0", "high"), r"'EGFR .*row 1 .*'high' is not"),
        (BY_MODEL.to_csv()[:-9], "'ACH-000002'.*the file is cut off"),
        (BY_MODEL.to_csv().splitlines()[0] + "\n", "no rows below its header"),
        (",TP53..7157.,HLA.A..3105.\nACH-1,1,2\n", "R changed .*'TP53..7157.'"),
        ("ModelID\nACH-000001\n", "begins with the columns 'ModelID'"),
        (BY_MODEL.to_csv() + "ACH-3,1,2,3,4,5\n", "was expected"),
        (BY_MODEL.to_csv().replace(",TP53", "TP53", 1), "was expected"),
        (BY_MODEL.to_csv().replace("ACH-000002", ""), "row 1: no id of a model"),
        (BY_MODEL.reset_index(drop=True).to_csv(), "no column of models"),
        (PROFILES.to_csv().replace("No", "perhaps"), "'perhaps' is neither Yes nor No"),
        (PROFILES.to_csv().replace("Yes", "No"), "none of its 3 profiles"),
    ],
)
def test_invalid_depmap_tables_are_refused(write, text, message):
    with pytest.raises(DataFileError, match=message):
        read_depmap_expression(write(text))


def test_rma_values_are_read_with_symbols(write):
    path = write(RMA, "Cell_line_RMA_proc_basalExp.txt")
    with pytest.warns(UserWarning, match=r"1 genes left out \(no symbol\): 'row 1'"):
        read = read_gdsc_expression(path)
    assert read.index.tolist() == ["906826", "687983"]
    assert read.index.name == "cell_line"
    assert read["TP53"].tolist() == [6.5, 7.5]
    assert read["EGFR"].tolist() == [3.0, 9.25]
    with pytest.raises(InputError, match=r"1 cell lines .*'687983'"):
        read_gdsc_expression(path, replicates="error")


def test_means_of_any_values_are_taken(write):
    text = "GENE_SYMBOLS\tGENE_title\tDATA.9\tDATA.8\tDATA.9\nTP53\ta\t6.5\t7\t1.1\n"
    read = read_gdsc_expression(write(text), replicates="mean")
    assert read.index.tolist() == ["9", "8"]
    np.testing.assert_allclose(read["TP53"], [3.8, 7.0], rtol=1e-6)


def test_rma_values_are_read_with_ensembl_ids(write):
    text = "ensembl_gene\t906826\t687983\nENSG1\t6.5\t7.5\nENSG2\t1\t2\n"
    read = read_gdsc_expression(write(text))
    assert read.columns.tolist() == ["ENSG1", "ENSG2"]
    assert read.loc["687983"].tolist() == [7.5, 2.0]


def test_rma_values_of_repeated_symbols_are_treated_as_asked(write):
    path = write(RMA.replace("EGFR", "TP53").replace("\n\t", "\nX\t"))
    with pytest.raises(InputError, match="'TP53'"):
        read_gdsc_expression(path)
    read = read_gdsc_expression(path, duplicates="mean")
    assert read["TP53"].tolist() == [4.75, 8.375]


def test_stray_separators_at_the_end_of_lines_are_no_cell_line(write):
    text = "ensembl_gene\t906826\t687983\t\nENSG1\t6.5\t7.5\t\nENSG2\t1\t2\t\n"
    assert read_gdsc_expression(write(text)).shape == (2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RMA.replace("DATA.687983\t", "A-375\t"), "has the columns 'A-375'"),
        ("a\tb\n1\t2\n", "has the columns 'a'; 'b'"),
        (RMA.replace("7.0", "x"), r"column 'DATA.687983', row 0 \('TP53'\): 'x'"),
    ],
)
def test_invalid_rma_tables_are_refused(write, text, message):
    with pytest.raises(DataFileError, match=message):
        read_gdsc_expression(write(text))


@pytest.mark.parametrize("text", [WIDE, MERGED, LONG])
def test_passports_are_read_in_each_layout(write, text):
    read = read_passports_expression(write(text))
    assert read.index.tolist() == ["SIDM00001", "SIDM00002", "SIDM00003"]
    assert read.index.name == "cell_line"
    assert read["TP53"].tolist() == [8, 16, 0]
    assert read["EGFR"].tolist() == [0.5, 2, 1]
    assert (read.dtypes == np.float32).all()
    ids = read_passports_expression(write(text), genes="gene_id")
    assert sorted(ids.columns) == ["SIDG1", "SIDG2"]


@pytest.mark.parametrize("text", [WIDE, MERGED, LONG])
def test_one_source_of_the_passports_is_chosen(write, text, recwarn):
    read = read_passports_expression(write(text), data_source="sanger")
    assert read.index.tolist() == ["SIDM00001", "SIDM00003"]
    with pytest.raises(InputError, match=r"has only 'sanger'; 'broad'"):
        read_passports_expression(write(text), data_source="x")


def test_columns_of_genes_without_a_name_are_known_by_what_they_hold(write):
    text = MERGED.replace("symbol,ensembl_gene_id,gene_id,,,\n", "")
    read = read_passports_expression(write(text), genes="ensembl_gene_id")
    assert read.columns.tolist() == ["ENSG00000141510", "ENSG00000146648"]
    assert read_passports_expression(write(text)).columns.tolist() == ["TP53", "EGFR"]
    with pytest.raises(InputError, match=r"genes='ensembl_gene_id'.*no such column"):
        read_passports_expression(write(WIDE), genes="ensembl_gene_id")


def test_other_values_of_a_long_table_are_read_by_name(write):
    read = read_passports_expression(write(LONG), value="read_count")
    assert read["TP53"].tolist() == [80, 160, 0]
    with pytest.raises(DataFileError, match=r"no column of values \(fpkm\)"):
        read_passports_expression(write(LONG), value="fpkm")
    with pytest.raises(InputError, match="one kind of value"):
        read_passports_expression(write(WIDE), value="fpkm")


def test_models_of_two_sources_are_named_or_averaged(write):
    for text in (WIDE, MERGED, LONG):
        path = write(text.replace("SIDM00002", "SIDM00001"))
        with pytest.raises(InputError, match=r"1 cell lines .*'SIDM00001'"):
            read_passports_expression(path)
        mean = read_passports_expression(path, replicates="mean")
        assert mean.loc["SIDM00001", ["TP53", "EGFR"]].tolist() == [12, 1.25]


def test_genes_that_some_sources_do_not_measure_are_told(write):
    path = write(WIDE.replace("TP53,8,16", "TP53,8,"))
    with pytest.warns(UserWarning, match="1 genes have no value .*'TP53'"):
        read = read_passports_expression(path)
    assert read.isna().to_numpy().sum() == 1
    path = write(LONG.replace("2,SIDM00002,B-2,SIDG1,TP53,160,16,broad\n", ""))
    with pytest.warns(UserWarning, match="1 genes have no value .*'TP53'"):
        read_passports_expression(path)


def test_genes_without_a_name_are_counted(write):
    path = write(WIDE.replace("SIDG1,TP53", "SIDG1,"))
    with pytest.warns(UserWarning, match=r"1 genes left out \(no symbol\)"):
        assert read_passports_expression(path).columns.tolist() == ["EGFR"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a,b\n1,2\n", DataFileError, r"no column of models \(model_id\)"),
        (LONG.replace("model_id", "x"), DataFileError, "no column of models"),
        (LONG + LONG.splitlines()[1] + "\n", InputError, "row 6: 'SIDM00001' has a"),
        (WIDE.replace("SIDM00003", "C3"), DataFileError, "'C3' among the models"),
        (WIDE.replace("16", "many"), DataFileError, "'SIDM00002', row 0 .*'many'"),
    ],
)
def test_invalid_passports_tables_are_refused(write, text, error, message):
    with pytest.raises(error, match=message):
        read_passports_expression(write(text))
    with pytest.raises(InputError, match="genes='x' is unknown"):
        read_passports_expression(write(text), genes="x")


@pytest.mark.parametrize("text", ["sep=,\n" + WIDE, "SIDM00001\n"])
def test_passports_that_begin_otherwise_are_refused(tmp_path, text):
    path = tmp_path / "rnaseq.csv"
    path.write_bytes(text.encode())
    with pytest.raises(InputError, match=r"rnaseq\.csv"):
        read_passports_expression(path)
    with zipfile.ZipFile(tmp_path / "rnaseq.csv.zip", "w") as archive:
        archive.writestr("rnaseq.csv", text)
    with pytest.raises(InputError, match=r"rnaseq\.csv"):
        read_passports_expression(tmp_path / "rnaseq.csv.zip")


def test_the_first_of_columns_that_repeat_a_name_has_the_models(tmp_path):
    path = tmp_path / "depmap.csv"
    path.write_text(",,TP53 (7157),EGFR (1956)\nACH-000001,x,3.5,0.5\n")
    read = read_depmap_expression(path)
    assert read.index.tolist() == ["ACH-000001"]
    assert read.columns.tolist() == ["TP53", "EGFR"]
