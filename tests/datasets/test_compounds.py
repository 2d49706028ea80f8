"""Structures are found in whatever form a table of compounds has."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import pair_with_controls, read_gdsc_fitted
from sklearn_csg2a.datasets._compounds import find_smiles
from sklearn_csg2a.exceptions import DataFileError, InputError

SHEET = (
    "SANGER_MODEL_ID,DRUG_ID,DRUG_NAME,LN_IC50\n"
    "SIDM1,7,Ethanol,1.5\nSIDM1,8,Acetic-Acid,2.5\n"
)
SMILES = ["CCO", "CC(=O)O"]
TABLE = pd.DataFrame(
    {
        "DRUG_ID": [7, 8, 9],
        "DRUG_NAME": ["Ethanol", "acetic acid", "Other"],
        "TARGET": ["Ethanol", "Acetic-Acid", "x"],
        "SMILES": [*SMILES, "C"],
    }
)


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "fitted.csv"
    path.write_text(SHEET)
    return path


def _save(table, path, **how):
    table.to_csv(path, index=False, **how)
    return path


@pytest.mark.parametrize("drug", ["DRUG_NAME", "DRUG_ID"])
@pytest.mark.parametrize(
    "form",
    [
        lambda folder: TABLE,
        lambda folder: TABLE.rename(columns={"SMILES": "Canonical SMILES"}),
        lambda folder: TABLE.set_index("DRUG_NAME"),
        lambda folder: TABLE.set_index("DRUG_ID"),
        lambda folder: TABLE.astype({"DRUG_ID": float}),
        lambda folder: _save(TABLE, folder / "c.csv"),
        lambda folder: str(_save(TABLE, folder / "c.tsv", sep="\t")),
        lambda folder: _save(TABLE, folder / "c.csv", sep=";"),
        lambda folder: _save(TABLE, folder / "c.csv.gz"),
        lambda folder: _save(TABLE, folder / "c.zip"),
        lambda folder: _save(TABLE, folder / "c.csv", encoding="utf-8-sig"),
    ],
)
def test_a_table_or_a_path_gives_the_structures(sheet, tmp_path, form, drug):
    data = read_gdsc_fitted(sheet, compounds=form(tmp_path), drug=drug)
    assert data.X["smiles"].tolist() == SMILES


def test_a_frame_indexed_by_drug_gives_the_structures(sheet):
    frame = pd.DataFrame({"smiles": SMILES}, index=["ETHANOL", "Acetic acid"])
    assert read_gdsc_fitted(sheet, compounds=frame).X["smiles"].tolist() == SMILES
    series = frame["smiles"]
    assert read_gdsc_fitted(sheet, compounds=series).X["smiles"].tolist() == SMILES


@pytest.mark.parametrize("keys", [(7, 8), ("7", "8"), (7.0, 8.0)])
def test_ids_are_the_same_as_numbers_and_as_text(sheet, keys):
    compounds = dict(zip(keys, SMILES, strict=True))
    data = read_gdsc_fitted(sheet, compounds=compounds, drug="DRUG_ID")
    assert data.X["smiles"].tolist() == SMILES


def test_workbooks_are_read_as_sheets_are(sheet, tmp_path):
    TABLE.to_excel(tmp_path / "c.xlsx", index=False)
    data = read_gdsc_fitted(sheet, compounds=tmp_path / "c.xlsx")
    assert data.X["smiles"].tolist() == SMILES


def test_a_file_that_is_not_a_workbook_is_refused(sheet, tmp_path):
    (tmp_path / "c.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataFileError, match="cannot be read"):
        read_gdsc_fitted(sheet, compounds=tmp_path / "c.xlsx")


def test_an_exact_name_is_preferred_and_several_loose_ones_are_named_a_problem():
    ids = pd.Series(["AB-1", "a.b.1", "Q", None])
    found = find_smiles(ids, {"AB-1": "C", "AB1": "CC", "AB 1": "CCC"})
    assert found["smiles"].tolist() == ["C", None, None, None]
    assert found["problem"].tolist() == [
        None,
        "several compounds fit the name",
        "compounds= has no such id",
        "no compound",
    ]


def test_spellings_of_one_structure_do_not_conflict():
    ids = pd.Series(["x", "y"])
    twice = pd.DataFrame(
        {"name": ["x", "x", "y", "y"], "smiles": ["CCO", "OCC", np.nan, "CN"]}
    )
    assert find_smiles(ids, twice)["smiles"].tolist() == ["CCO", "CN"]
    twice.loc[1, "smiles"] = "CCN"
    with pytest.raises(InputError, match="more than one SMILES for 'x'"):
        find_smiles(ids, twice)


def test_the_error_of_a_table_without_structures_names_what_it_lacks(sheet, tmp_path):
    path = _save(TABLE.drop(columns="SMILES"), tmp_path / "screened.csv")
    with pytest.raises(InputError, match=r"no column of SMILES, only 'DRUG_ID'"):
        read_gdsc_fitted(sheet, compounds=path)


def test_foreign_ids_come_with_what_is_near(sheet):
    frame = pd.DataFrame({"drug": ["Ethanole", "Acid"], "smiles": SMILES})
    with pytest.raises(InputError, match=r"'Ethanol' \(nearest: 'Ethanole'\)"):
        read_gdsc_fitted(sheet, compounds=frame)


@pytest.mark.parametrize("compounds", [7, ["CCO"]])
def test_other_things_are_refused(sheet, compounds):
    with pytest.raises(InputError, match="must be a mapping or Series"):
        read_gdsc_fitted(sheet, compounds=compounds)


def test_damaged_files_are_named(sheet, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(DataFileError, match="empty"):
        read_gdsc_fitted(sheet, compounds=empty)
    empty.write_text("drug,smiles\n")
    with pytest.raises(DataFileError, match="no rows"):
        read_gdsc_fitted(sheet, compounds=empty)
    empty.write_text("drug,smiles\na,b\na,b,c\n")
    with pytest.raises(DataFileError, match="row 1: more fields than the header"):
        read_gdsc_fitted(sheet, compounds=empty)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(TABLE.to_csv().encode())[:-12])
    with pytest.raises(DataFileError, match="cut off or damaged"):
        read_gdsc_fitted(sheet, compounds=cut)


def test_pairing_takes_the_same_tables():
    profiles = pd.DataFrame({"G": [1.0, 2.0]}, index=["a", "b"])
    metadata = pd.DataFrame(
        {
            "cell_id": "A375",
            "pert_id": ["B1", "DMSO"],
            "pert_type": ["trt_cp", "ctl_vehicle"],
            "pert_dose": 10.0,
            "pert_time": 24.0,
            "pert_dose_unit": "um",
            "pert_time_unit": "h",
            "rna_plate": "P",
        },
        index=profiles.index,
    )
    table = pd.DataFrame({"pert_id": ["B1"], "canonical_smiles": ["CCO"]})
    data = pair_with_controls(profiles, metadata, compounds=table, batch="rna_plate")
    assert data.X["smiles"].tolist() == ["CCO"]
