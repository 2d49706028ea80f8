"""GDSC tables are read as releases, the website and Excel write them."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import read_gdsc_fitted
from sklearn_csg2a.exceptions import DataFileError, InputError

SHEET = (
    "SANGER_MODEL_ID,CELL_LINE_NAME,DRUG_ID,DRUG_NAME,MIN_CONC,MAX_CONC,LN_IC50\n"
    "SIDM1,PFSK-1,7,Ethanol,0.01,10,1.5\n"
    'SIDM2,A673,8,"Acid, acetic",0.01,10,-2.25\n'
)
EXPORT = (
    "Drug Name,Drug ID,Cell Line Name,Cosmic ID,TCGA Classification,Tissue,"
    "Tissue Sub-type,IC50,AUC,Max Conc,RMSE,Z score,Dataset Version\n"
    "Ethanol,7,PFSK-1,683667,MB,nervous,x,1.5,0.9,10,0.1,0.4,GDSC2\n"
    "Acid,8,A673,684052.0,ES,bone,x,-2.25,0.9,10,0.1,0.4,GDSC2\n"
)
Y = [1.5, -2.25]


@pytest.fixture
def write(tmp_path):
    def _write(content):
        path = tmp_path / "fitted.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def _with_semicolons(text):
    return text.replace('"Acid, acetic"', "Acid+ acetic").replace(",", ";")


def _with_commas_in_numbers(text):
    return _with_semicolons(text).replace(".", ",")


@pytest.mark.parametrize(
    "change",
    [
        _with_semicolons,
        _with_commas_in_numbers,
        lambda text: _with_semicolons(text).replace(";", "\t"),
        lambda text: _with_commas_in_numbers(text).replace(";", "\t"),
        lambda text: "sep=;\n" + _with_semicolons(text),
        lambda text: "\ufeff" + text,
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be").join([b"\xfe\xff", b""]),
        lambda text: gzip.compress(("\ufeff" + text).encode()),
        lambda text: text.replace("Ethanol", "\xc9thanol").encode("latin-1"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", ",\n"),
        lambda text: text.replace("\n", ",,,\n"),
        lambda text: text + "\n,,,,,,\n\n",
        lambda text: text.replace("SIDM1,", "SIDM1 , ").replace("LN_IC50", "ln ic50"),
        lambda text: text.replace("Ethanol", '"Ethanol "').replace("1.5", '"1.5"'),
        lambda text: (
            text.replace("1.5", '"1,5"')
            .replace("0.01,10,-2.25", '"0,01",10,"-2,25"')
            .replace("0.01", '"0,01"')
        ),
        lambda text: text.replace("_CONC", "_CONC_MICROMOLAR"),
        lambda text: text.lower(),
    ],
)
def test_a_sheet_is_the_same_however_it_was_saved(change, write):
    data = read_gdsc_fitted(write(change(SHEET)))
    assert data.y.tolist() == Y
    assert [name.upper() for name in data.X["cell_line"]] == ["SIDM1", "SIDM2"]
    assert data.X["drug"].str.strip().tolist() == data.X["drug"].tolist()
    assert data.X["extrapolated"].tolist() == [False, False]


def test_the_export_of_the_website_holds_ln_ic50(write):
    data = read_gdsc_fitted(write(EXPORT), cell_line="Cell Line Name")
    assert data.y.tolist() == Y
    assert data.X["cell_line"].tolist() == ["PFSK-1", "A673"]
    assert data.X["tissue"].tolist() == ["nervous", "bone"]
    assert data.X["tcga_type"].tolist() == ["MB", "ES"]
    older = EXPORT.replace("Cosmic ID", "Cosmic sample Id").replace("Name", "name")
    data = read_gdsc_fitted(write(older), cell_line="COSMIC_ID", drug="DRUG_ID")
    assert data.X["drug"].tolist() == ["7", "8"]
    with pytest.raises(InputError, match=r"no column SANGER_MODEL_ID; .*'COSMIC_ID'"):
        read_gdsc_fitted(write(EXPORT))


def test_ids_that_were_floats_are_whole(write):
    text = EXPORT.replace("683667", "683667.0")
    data = read_gdsc_fitted(write(text), cell_line="COSMIC_ID")
    assert data.X["cell_line"].tolist() == ["683667", "684052"]


def test_ic50_of_any_other_table_is_not_taken_for_its_logarithm(write):
    text = SHEET.replace("LN_IC50", "IC50")
    with pytest.raises(DataFileError, match=r"IC50 may be in uM.*logarithm"):
        read_gdsc_fitted(write(text))
    with pytest.raises(DataFileError, match=r"column LN_IC50, row 0: '350\.5'.*in uM"):
        read_gdsc_fitted(write(SHEET.replace("1.5", "350.5")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10,1.5", "10,>10", r"column LN_IC50, row 0: '>10': not a number"),
        ("10,1.5", "10,inf", r"column LN_IC50, row 0: 'inf': not a number"),
        ("0.01,10,1.5", "n.d.,10,1.5", r"column MIN_CONC, row 0: 'n\.d\.'"),
        ("10,-2.25", '10,"-2,25"', r"commas \(column LN_IC50, row 1: '-2,25'\) and po"),
        ("10,-2.25", '10,"-2,2.5"', r"column LN_IC50, row 1: '-2,2\.5': not a number"),
        ("10,-2.25", "10,-2,25", r"row 1: more fields than the header has"),
        ("10,-2.25", "10,-2,25,3,4", r"cannot be read"),
        ("LN_IC50", "DRUG_ID", r"has 2 rows of the columns SANGER_MODEL_ID; CELL_L"),
    ],
)
def test_what_cannot_be_read_is_named_by_column_row_and_value(write, old, new, message):
    with pytest.raises(InputError, match=message) as caught:
        read_gdsc_fitted(write(SHEET.replace(old, new)))
    assert "fitted.csv" in str(caught.value)


@pytest.mark.parametrize("compounds", [{7: "CCO"}, pd.Series(["CCO"], index=[7])])
def test_text_among_ids_that_compounds_numbers_is_named(write, compounds):
    path = write(SHEET.replace(",7,", ",GDSC-7,"))
    with pytest.raises(InputError, match=r"column DRUG_ID, row 0: 'GDSC-7'"):
        read_gdsc_fitted(path, drug="DRUG_ID", compounds=compounds)


@pytest.mark.parametrize("code", ["", "NA", "nan", "n/a", "-666", "#N/A"])
def test_missing_values_are_named_by_row_and_listed(write, code):
    path = write(SHEET.replace("10,1.5", f"10,{code}"))
    with pytest.warns(UserWarning, match=r"1 of 2 rows .*1: no ln IC50 \(row 0\)"):
        data = read_gdsc_fitted(path)
    assert data.dropped.index.tolist() == [0]
    row = data.dropped.loc[0, ["cell_line", "drug", "reason"]]
    assert row.tolist() == ["SIDM1", "Ethanol", "no ln IC50"]


def test_names_are_matched_by_case_blanks_and_dashes_or_named(write):
    drugs = ["Drugone", "Drug two ", "Drug-three", "Drugfour", *"abcdefg"]
    rows = [f"S{i},{drug},{i}.5" for i, drug in enumerate(drugs)]
    path = write("SANGER_MODEL_ID,DRUG_NAME,LN_IC50\n" + "\n".join(rows))
    compounds = {"drugone": "C", "Drugtwo": "CC", "drug three": "CCC", "drugfor": "CO"}
    with pytest.warns(UserWarning, match="8 of 11 rows") as caught:
        data = read_gdsc_fitted(path, compounds=compounds)
    assert data.X["smiles"].tolist() == ["C", "CC", "CCC"]
    (warning,) = caught
    text = str(warning.message)
    assert "8: compounds= has no such id ('Drugfour' (nearest: 'drugfor', " in text
    assert "; 'a'; 'b'; 'c'; 'd'; and 3 more)" in text
    assert data.dropped["drug"].tolist() == ["Drugfour", *"abcdefg"]
    assert set(data.dropped["reason"]) == {"compounds= has no such id"}


def test_there_is_no_warning_if_nothing_is_left_out(write):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = read_gdsc_fitted(write(SHEET))
    assert data.dropped.empty
    assert data.dropped.columns.tolist() == ["cell_line", "drug", "reason"]
    np.testing.assert_array_equal(data.y, Y)


def test_old_workbooks_are_named(write):
    with pytest.raises(DataFileError, match=r"as \.xlsx or CSV"):
        read_gdsc_fitted(write(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
