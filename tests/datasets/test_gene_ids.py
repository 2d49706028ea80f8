"""Ids of genes become symbols, versions and copies on Y and all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import map_genes
from sklearn_csg2a.exceptions import GeneMismatchError, InputError

IDS = ["ENSG00000141510", "ENSG00000146648", "ENSG00000182378"]
SYMBOLS = ["TP53", "EGFR", "PLCXD1"]
HGNC = pd.DataFrame(
    {
        "hgnc_id": ["HGNC:11998", "HGNC:3236", "HGNC:23148"],
        "symbol": SYMBOLS,
        "name": ["tumor protein p53", "epidermal growth factor receptor", "x"],
        "entrez_id": [7157.0, 1956.0, 55344.0],
        "ensembl_gene_id": IDS,
    }
)
PASSPORTS = pd.DataFrame(
    {
        "gene_id": ["SIDG1", "SIDG2", "SIDG3"],
        "cosmic_gene_symbol": [*SYMBOLS[:2], None],
        "ensembl_gene_id": IDS,
        "entrez_id": ["7157", "1956", "55344"],
        "hgnc_id": ["HGNC:11998", "HGNC:3236", "HGNC:23148"],
        "hgnc_symbol": SYMBOLS,
    }
)
BIOMART = pd.DataFrame(
    {
        "Gene stable ID": [*IDS, IDS[0], "ENSG00000000001"],
        "Gene stable ID version": [f"{name}.3" for name in [*IDS, IDS[0]]]
        + ["ENSG00000000001.1"],
        "Gene Synonym": ["P53", None, None, "LFS1", None],
        "Gene name": [*SYMBOLS, SYMBOLS[0], None],
    }
)
GENCODE = pd.DataFrame(
    {"gene_id": [f"{name}.17" for name in IDS], "gene_name": SYMBOLS}
)
TABLES = {
    "HGNC": HGNC,
    "Passports": PASSPORTS,
    "BioMart": BIOMART,
    "GENCODE": GENCODE,
    "index": HGNC.set_index("ensembl_gene_id"),
}


def _expression(columns):
    values = np.arange(1.0, 2 * len(columns) + 1).reshape(2, -1)
    return pd.DataFrame(values, index=["a", "b"], columns=columns)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", [str, lambda n: f"{n}.12", str.lower])
def test_ids_of_ensembl_become_symbols(name, form, tmp_path):
    expression = _expression([form(gene) for gene in IDS])
    named = map_genes(expression, TABLES[name])
    assert named.columns.tolist() == SYMBOLS
    assert named.to_numpy().tolist() == expression.to_numpy().tolist()
    TABLES[name].to_csv(tmp_path / "genes.tsv", sep="\t", index=name == "index")
    assert map_genes(expression, tmp_path / "genes.tsv").columns.tolist() == SYMBOLS


@pytest.mark.parametrize(
    "table", [dict(zip(IDS, SYMBOLS, strict=True)), pd.Series(SYMBOLS, IDS)]
)
def test_symbols_by_id_are_a_table(table):
    assert map_genes(_expression(IDS), table).columns.tolist() == SYMBOLS


def test_a_file_without_header_is_read(tmp_path):
    GENCODE.to_csv(tmp_path / "genes.tsv", sep="\t", header=False, index=False)
    named = map_genes(_expression(IDS), tmp_path / "genes.tsv")
    assert named.columns.tolist() == SYMBOLS


@pytest.mark.parametrize(
    "ids",
    [
        [7157, 1956, 55344],
        ["7157", "1956", "55344.0"],
        ["HGNC:11998", "HGNC:3236", "HGNC:23148"],
        SYMBOLS,
        ["TP53", "ENSG00000146648.1", "55344"],
    ],
)
def test_other_ids_and_symbols_are_known(ids):
    assert map_genes(_expression(ids), HGNC).columns.tolist() == SYMBOLS
    assert map_genes(ids, HGNC).tolist() == SYMBOLS


@pytest.mark.parametrize("copy", ["ENSG00000182378.15_PAR_Y", "ENSGR0000182378.2"])
def test_copies_on_chromosome_y_are_left_out(copy):
    expression = _expression([f"{IDS[2]}.15", copy, IDS[0]])
    with pytest.warns(UserWarning, match=f"1 genes left out .*chromosome Y.*{copy}"):
        named = map_genes(expression, HGNC)
    assert named.columns.tolist() == ["PLCXD1", "TP53"]
    assert named["PLCXD1"].tolist() == [1, 4]
    assert named.attrs["dropped"] == {copy: "copies on chromosome Y"}
    alone = map_genes(_expression([copy, IDS[0]]), HGNC)
    assert alone.columns.tolist() == ["PLCXD1", "TP53"]


def test_symbols_of_several_ids_are_named_averaged_or_left_out():
    table = dict(zip(IDS, ["TP53", "EGFR", "TP53"], strict=True))
    expression = _expression(IDS)
    with pytest.raises(InputError, match=r"1 gene symbols .*'TP53'.*'mean'"):
        map_genes(expression, table)
    mean = map_genes(expression, table, duplicates="mean")
    assert mean["TP53"].tolist() == [2, 5]
    assert mean.columns.tolist() == ["TP53", "EGFR"]
    counts = map_genes(expression.astype(int), table, duplicates="mean")
    assert counts["TP53"].tolist() == [2, 5]
    with pytest.warns(UserWarning, match="gene symbols left out"):
        left = map_genes(expression, table, duplicates="drop")
    assert left.columns.tolist() == ["EGFR"]


def test_genes_without_a_symbol_are_left_out_kept_or_refused():
    table = pd.DataFrame(
        {"ensembl_gene_id": [IDS[0], IDS[1], IDS[1]], "symbol": ["TP53", "A", "B"]}
    )
    expression = _expression(IDS)
    with pytest.warns(UserWarning, match=r"no symbol\): 'ENSG00000182378'") as caught:
        named = map_genes(expression, table)
    assert len(caught) == 1
    assert named.columns.tolist() == ["TP53"]
    assert named.attrs["dropped"] == {IDS[1]: "several symbols", IDS[2]: "no symbol"}
    kept = map_genes(expression, table, unmapped="keep")
    assert kept.columns.tolist() == ["TP53", *IDS[1:]]
    with pytest.raises(GeneMismatchError, match=r"2 of 3 genes: 'ENSG.*several"):
        map_genes(expression, table, unmapped="raise")
    with pytest.warns(UserWarning, match="left out"):
        symbols = map_genes(IDS, table)
    assert symbols.isna().tolist() == [False, True, True]
    assert symbols.index.tolist() == IDS


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"genes": _expression(["g1", "g2"])}, r"None of the 2 genes, such as 'g1'"),
        ({"genes": "TP53"}, "is one string"),
        ({"table": HGNC.drop(columns="symbol")}, "no column of symbols"),
        ({"table": HGNC[["symbol", "name"]]}, "no column of ids"),
        ({"table": 7}, "not int"),
        ({"unmapped": "x"}, "unmapped='x' is unknown"),
        ({"duplicates": "x"}, "duplicates='x' is unknown"),
    ],
)
def test_wrong_arguments_are_named(how, message):
    with pytest.raises(InputError, match=message):
        map_genes(**{"genes": _expression(IDS), "table": HGNC} | how)
