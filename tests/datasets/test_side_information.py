"""What other sources know of compounds is read as published, and told apart."""

from __future__ import annotations

import gzip

import pytest

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.datasets import (
    DataNotFoundError,
    load_drugcell,
    load_repurposing_hub,
)
from sklearn_csg2a.exceptions import InputError

DRUGCELL = """\
cell_line,smiles,auc
KYSE450_OESOPHAGUS,CCO,1.01
HUH6,CCN,0.5
NB4_HAEMATOPOIETIC_AND_LYMPHOID_TISSUE,C1CC,0.25
NB4_HAEMATOPOIETIC_AND_LYMPHOID_TISSUE,CCN,
"""
HUB = """\
drug,smiles,n_structures,clinical_phase,moa,target,disease_area
a,C[C@H](N)O |r|,2,Launched,kinase inhibitor| tubulin inhibitor |,EGFR|ERBB2|EGFR,
b,CCN,1,Phase 1,,,oncology
NA,not a molecule,1,Preclinical,,,
c,,1,Preclinical,kinase inhibitor,,
"""


@pytest.fixture
def home(tmp_path):
    for name, text in (
        ("drugcell/auc.csv.gz", DRUGCELL),
        ("repurposing_hub/compounds.csv.gz", HUB),
    ):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_drugcell_rows_stay_in_the_order_of_the_file(home):
    data = load_drugcell(data_home=home)
    assert data.X["cell_line"].tolist() == ["KYSE450_OESOPHAGUS", "HUH6"]
    assert data.X["cell_line_name"].tolist() == ["KYSE450", "HUH6"]
    assert data.X["tissue"].tolist()[0] == "oesophagus"
    assert data.X["tissue"].isna().tolist() == [False, True]
    assert data.X["smiles"].tolist() == ["CCO", "CCN"]
    assert data.y.tolist() == [1.01, 0.5]
    assert data.y.name == "auc"


def test_drugcell_rows_that_cannot_be_used_are_listed(home):
    data = load_drugcell(data_home=home)
    assert data.dropped["reason"].to_dict() == {
        2: "structure cannot be read",
        3: "no response",
    }
    assert "1: structure cannot be read (C1CC)" in data.DESCR
    assert "2 rows are left out" in data.DESCR


def test_lists_of_the_hub_are_tuples(home):
    compounds = load_repurposing_hub(data_home=home).compounds
    assert compounds["drug"].tolist() == ["a", "b"]
    assert compounds["moa"].tolist() == [("kinase inhibitor", "tubulin inhibitor"), ()]
    assert compounds["target"].tolist() == [("EGFR", "ERBB2"), ()]
    assert compounds["disease_area"].tolist() == [(), ("oncology",)]
    exploded = compounds.explode("target")
    assert exploded["target"].tolist()[:2] == ["EGFR", "ERBB2"]
    assert compound_identities(compounds["smiles"])[0] is not None


def test_compounds_of_the_hub_without_structure_are_listed(home):
    data = load_repurposing_hub(data_home=home)
    assert data.dropped["reason"].tolist() == [
        "structure cannot be read",
        "no structure",
    ]
    assert "1: no structure (c)" in data.DESCR
    assert "1 with a mechanism of action" in data.DESCR


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (load_drugcell, "drugcell/auc.csv.gz"),
        (load_repurposing_hub, "repurposing_hub/compounds.csv.gz"),
    ],
)
def test_missing_damaged_and_foreign_files_are_named(load, name, home, tmp_path):
    path = home / name
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(InputError, match="lacks the columns"):
        load(data_home=home)
    path.write_bytes(path.read_bytes()[:9])
    with pytest.raises(InputError, match=path.name.replace(".", r"\.")):
        load(data_home=home)
    path.unlink()
    with pytest.raises(DataNotFoundError, match=name):
        load(data_home=home)


def test_drugcell_has_its_published_size(data_home):
    data = load_drugcell(data_home=data_home)
    assert len(data.y) == 11_145
    assert data.X["cell_line"].nunique() == 1_189
    assert data.dropped.empty
    assert data.y.between(0, 1.5).all()


@pytest.mark.slow
def test_the_hub_has_its_published_size(data_home):
    data = load_repurposing_hub(data_home=data_home)
    assert len(data.compounds) == 6_797
    assert data.dropped.empty
    assert data.compounds["moa"].map(bool).sum() == 6_231
    assert data.compounds["target"].map(bool).sum() == 4_382
