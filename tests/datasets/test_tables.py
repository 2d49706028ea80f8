"""Readers of gene sets, STRING links and fitted dose responses."""

from __future__ import annotations

import gzip
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import (
    load_gene_sets,
    read_gdsc_fitted,
    read_gmt,
    read_string_links,
)
from sklearn_csg2a.exceptions import DataFileError, InputError, MissingDependencyError

LINKS = (
    "protein1 protein2 combined_score\n"
    "9606.P1 9606.P2 950\n9606.P2 9606.P1 950\n9606.P1 9606.P3 901\n"
    "9606.P4 9606.P3 999\n9606.P2 9606.P3 900\n9606.P1 9606.P4 990\n"
)
INFO = (
    "#string_protein_id\tpreferred_name\tprotein_size\tannotation\n"
    '9606.P1\tTP53\t393\t"Cellular tumor antigen; with a quote\n'
    "9606.P2\tMDM2\t491\t-\n9606.P3\tEGFR\t1210\t-\n9606.P4\tTP53\t1\t-\n"
)
ALIASES = (
    "#string_protein_id\talias\tsource\n"
    "9606.P1\tP04637\tUniProt_AC\n9606.P1\tTP53\tEnsembl_HGNC_symbol\n"
    "9606.P2\tMDM2\tEnsembl_HGNC_symbol\n9606.P2\tHDMX\tEnsembl_HGNC\n"
    "9606.P3\tEGFR\tEnsembl_HGNC_symbol\n9606.P4\tTP53\tBioMart_HUGO\n"
)
SHEET = (
    "DATASET,COSMIC_ID,CELL_LINE_NAME,SANGER_MODEL_ID,TCGA_DESC,DRUG_ID,DRUG_NAME,"
    "PUTATIVE_TARGET,PATHWAY_NAME,MIN_CONC,MAX_CONC,LN_IC50,AUC\n"
    "GDSC2,1,PFSK-1,SIDM1,MB,1003,Ethanol,X,Y,0.1,10,1.5,0.9\n"
    "GDSC2,2,A673,SIDM2,ES,1003,Ethanol,X,Y,0.1,10,3.5,0.9\n"
    "GDSC2,2,A673,SIDM2,ES,1004,Secret,,,0.1,10,-2.5,0.9\n"
    "GDSC2,2,A673,SIDM2,ES,1003,Ethanol,X,Y,0.1,10,,0.9\n"
)


@pytest.fixture
def write(tmp_path):
    def _write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return _write


def test_gene_sets_keep_the_order_of_the_file(write, tmp_path):
    text = "B set\thttps\tTP53\tATM\tTP53\n\nA\t\tEGFR\t\n"
    expected = {"B set": ["TP53", "ATM"], "A": ["EGFR"]}
    assert read_gmt(write("a.gmt", text)) == expected
    assert list(read_gmt(write("a.gmt", text))) == ["B set", "A"]
    packed = tmp_path / "a.gmt.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_gmt(packed) == expected


def test_gene_sets_of_other_programs_are_read(write, tmp_path):
    expected = {"A": ["TP53", "ATM"]}
    for text in (
        "A\t\tTP53,1.0\tATM,0.5\t\r\n",
        '"A"\t"x"\t"TP53"\t"ATM"\n',
        "\ufeffA\tx\tTP53\t ATM\n\n",
    ):
        assert read_gmt(write("a.gmt", text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "contains no gene set"),
        ("A\tx\tTP53\nB\tx\n", "line 2: not a gene set"),
        ("gene,score\nTP53,1\n", "line 1: not a gene set"),
        ("A\tx\tTP53\nA\tx\tATM\n", "line 2: the set 'A' is repeated"),
    ],
)
def test_invalid_gmt_files_are_refused(write, text, message):
    with pytest.raises(DataFileError, match=message):
        read_gmt(write("a.gmt", text))


def test_real_gene_sets_are_read_as_the_loader_reads_them(data_home):
    path = data_home / "gene_sets" / "hallmark_7.5.1.gmt.gz"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    assert read_gmt(path) == load_gene_sets("hallmark", data_home=data_home)


@pytest.mark.parametrize("names", [INFO, ALIASES])
def test_links_become_edges_between_genes(write, names):
    edges = read_string_links(write("links.txt", LINKS), write("names.txt", names))
    expected = pd.DataFrame(
        [("EGFR", "TP53", 0.999), ("MDM2", "TP53", 0.95)],
        columns=["source", "target", "score"],
    )
    pd.testing.assert_frame_equal(edges, expected)


def test_links_are_chosen_by_score_and_gene(write):
    paths = write("links.txt", LINKS), write("info.txt", INFO)
    assert len(read_string_links(*paths, threshold=899)) == 3
    chosen = read_string_links(*paths, genes=["EGFR", "TP53"])
    assert chosen["source"].tolist() == ["EGFR"]
    with pytest.raises(InputError, match="between 0 and 1000"):
        read_string_links(*paths, threshold=1001)


def test_detailed_links_have_more_columns(write):
    detailed = (
        "protein1 protein2 neighborhood experimental combined_score\n"
        "9606.P1 9606.P2 0 7 950\n"
    )
    edges = read_string_links(write("links.txt", detailed), write("info.txt", INFO))
    assert edges["score"].tolist() == [0.95]


def test_links_of_proteins_without_a_name_are_counted(write):
    links = write("links.txt", LINKS + "9606.P9 9606.P1 990\n")
    with pytest.warns(UserWarning, match=r"1 of 6 links .*'9606.P9'"):
        edges = read_string_links(links, write("info.txt", INFO))
    assert len(edges) == 2
    other = write("other.txt", INFO.replace("9606.", "10090."))
    with pytest.raises(InputError, match="None of the 6 links"):
        read_string_links(links, other)


@pytest.mark.parametrize(
    ("links", "names", "message"),
    [
        ("", INFO, "links.txt is empty"),
        ("source,target\n", INFO, "begins with 'source,target'"),
        (LINKS + "9606.P1 9606", INFO, r"links.txt.*was expected"),
        (LINKS, LINKS, "names.txt begins with 'protein1"),
        (LINKS, "#string_protein_id\tsize\nP1\t3\n", "names.txt has the columns"),
        (LINKS.replace("950", "high"), INFO, "links.txt.*was expected"),
    ],
)
def test_invalid_string_files_are_refused(write, links, names, message):
    with pytest.raises(DataFileError, match=message):
        read_string_links(write("links.txt", links), write("names.txt", names))


def test_fitted_sheet_becomes_treatments_and_ln_ic50(write):
    path = write("fitted.csv", SHEET)
    with pytest.warns(UserWarning, match=r"2 of 4 rows .*no structure"):
        data = read_gdsc_fitted(path, compounds={"Ethanol": "CCO", "Secret": ""})
    assert data.X.columns.tolist() == [
        "cell_line",
        "smiles",
        "drug",
        "tcga_type",
        "target",
        "target_pathway",
        "extrapolated",
    ]
    assert data.X["cell_line"].tolist() == ["SIDM1", "SIDM2"]
    assert data.X["extrapolated"].tolist() == [False, True]
    assert data.y.tolist() == [1.5, 3.5]
    assert data.y.name == "ln_ic50"
    assert data.dropped["reason"].to_dict() == {2: "no structure", 3: "no ln IC50"}
    assert data.dropped["drug"].tolist() == ["Secret", "Ethanol"]


def test_fitted_sheet_is_keyed_by_other_ids(write):
    path = write("fitted.csv", SHEET)
    with pytest.warns(UserWarning, match="1: no ln IC50"):
        data = read_gdsc_fitted(path, cell_line="CELL_LINE_NAME", drug="DRUG_ID")
    assert data.X["cell_line"].tolist() == ["PFSK-1", "A673", "A673"]
    assert data.X["drug"].tolist() == ["1003", "1003", "1004"]
    assert "smiles" not in data.X
    for key in (1003, "1003"):
        with pytest.warns(UserWarning, match="left out"):
            data = read_gdsc_fitted(path, drug="DRUG_ID", compounds={key: "CCO"})
        assert data.X["drug"].tolist() == ["1003", "1003"]
    with pytest.raises(InputError, match="choose one of SANGER_MODEL_ID"):
        read_gdsc_fitted(path, cell_line="id")
    with pytest.raises(InputError, match="has none of the"):
        read_gdsc_fitted(path, compounds={"Methanol": "CO"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "1 rows of the columns a; b"),
        (SHEET.splitlines()[0] + "\n", "no rows"),
        (SHEET.replace("-2.5", "low"), "column LN_IC50, row 2: 'low'"),
        ("PK\x03\x04", "cannot be (read|decompressed)"),
    ],
)
def test_invalid_fitted_sheets_are_refused(write, text, message):
    with pytest.raises(DataFileError, match=message):
        read_gdsc_fitted(write("fitted.csv", text))


def test_a_workbook_names_the_extra_that_reads_it(write, tmp_path, monkeypatch):
    pd.read_csv(write("fitted.csv", SHEET)).to_excel(tmp_path / "fitted.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingDependencyError, match=r"sklearn_csg2a\[excel\]"):
        read_gdsc_fitted(tmp_path / "fitted.xlsx")


def test_workbooks_are_read_as_sheets_are(write, tmp_path):
    sheet = pd.read_csv(write("fitted.csv", SHEET))
    sheet.to_excel(tmp_path / "fitted.xlsx", index=False)
    with pytest.warns(UserWarning, match="1: no ln IC50"):
        data = read_gdsc_fitted(tmp_path / "fitted.xlsx")
    np.testing.assert_array_equal(data.y, [1.5, 3.5, -2.5])


@pytest.mark.parametrize("n_lost", [2, 8, 12])
def test_a_sheet_that_ends_within_a_row_is_refused(write, n_lost):
    whole = SHEET.rstrip("\n")
    header = SHEET.splitlines()[0]
    row = whole.splitlines()[-1]
    cut = row[: row.rindex(",", 0, len(row) - n_lost)]
    assert cut.count(",") < header.count(",")
    path = write("fitted.csv", whole.removesuffix(row) + cut)
    with pytest.raises(DataFileError, match=r"last row .* \d+ of \d+ fields"):
        read_gdsc_fitted(path)


def test_the_first_of_columns_that_repeat_a_name_is_read(write):
    table = "smiles,name,smiles,name\nCCO,Ethanol,CCN,Camptothecin\n"
    with pytest.warns(UserWarning, match="rows of .* were left out"):
        data = read_gdsc_fitted(
            write("fitted.csv", SHEET), compounds=write("compounds.csv", table)
        )
    assert set(data.X["smiles"]) == {"CCO"}
