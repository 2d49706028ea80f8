"""Cell lines keep who they are when they change from one source's ids to another's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import map_cell_lines
from sklearn_csg2a.exceptions import DataFileError, InputError, UnknownCellLineError

MODEL = pd.DataFrame(
    {
        "ModelID": [f"ACH-00000{i}" for i in range(1, 8)],
        "PatientID": "PT-1",
        "CellLineName": [
            *("A-375", "MCF7", "TT", "T-T", "KMH-2", "KM-H2", "MDA-MB-435S"),
        ],
        "StrippedCellLineName": [
            "A375",
            "MCF7",
            "TT",
            "TT",
            "KMH2",
            "KMH2",
            "MDAMB435S",
        ],
        "CCLEName": [
            *("A375_SKIN", "MCF7_BREAST", "TT_THYROID", "TT_OESOPHAGUS"),
            *("KMH2_THYROID", "KMH2_HAEMATOPOIETIC", None),
        ],
        "COSMICID": [
            906793.0,
            905946.0,
            930299.0,
            910704.0,
            909976.0,
            909977.0,
            np.nan,
        ],
        "SangerModelID": [f"SIDM0000{i}" for i in range(1, 8)],
        "RRID": [f"CVCL_000{i}" for i in range(1, 8)],
    }
)
SAMPLE_INFO = MODEL.rename(
    columns={
        "ModelID": "DepMap_ID",
        "CellLineName": "cell_line_name",
        "StrippedCellLineName": "stripped_cell_line_name",
        "CCLEName": "CCLE_Name",
        "SangerModelID": "Sanger_Model_ID",
    }
).assign(alias=["A375M, A375P", None, None, None, None, None, "MDA-435"])
PASSPORTS = MODEL.rename(
    columns={
        "SangerModelID": "model_id",
        "CellLineName": "model_name",
        "ModelID": "BROAD_ID",
        "CCLEName": "CCLE_ID",
        "COSMICID": "COSMIC_ID",
    }
)[["model_id", "model_name", "BROAD_ID", "CCLE_ID", "COSMIC_ID", "RRID"]].assign(
    synonyms=["A375M;A375P", None, None, None, None, None, "MDA-435"]
)
LISTS = {"Model": MODEL, "sample_info": SAMPLE_INFO, "model_list": PASSPORTS}


@pytest.fixture(params=LISTS)
def models(request):
    return LISTS[request.param]


@pytest.mark.parametrize(
    "ids",
    [
        ["ACH-000001", "ACH-000002"],
        ["SIDM00001", "SIDM00002"],
        [906793, 905946],
        [906793.0, 905946.0],
        ["906793", "905946.0"],
        np.array([906793.0, 905946.0]),
        ["COSMIC:906793", "RRID:CVCL_0002"],
        ["CVCL_0001", "cvcl_0002"],
        ["A375_SKIN", "MCF7_BREAST"],
        ["A-375", "MCF7"],
        ["a375", "MCF-7"],
        [" A 375 ", "mcf.7"],
        ["A375", 905946],
    ],
)
def test_ids_of_any_kind_lead_to_any_other(models, ids):
    for to, expected in {
        "depmap": ["ACH-000001", "ACH-000002"],
        "sanger": ["SIDM00001", "SIDM00002"],
        "cosmic": ["906793", "905946"],
        "rrid": ["CVCL_0001", "CVCL_0002"],
        "ccle": ["A375_SKIN", "MCF7_BREAST"],
        "name": ["A-375", "MCF7"],
    }.items():
        assert map_cell_lines(ids, models, to=to).tolist() == expected


def test_a_file_and_a_frame_with_ids_as_index_say_the_same(models, tmp_path):
    models.to_csv(tmp_path / "models.csv", index=False)
    for form in (tmp_path / "models.csv", models.set_index(models.columns[0])):
        assert map_cell_lines(["A375"], form).tolist() == ["ACH-000001"]


def test_the_index_and_the_name_of_a_series_stay():
    ids = pd.Series(["MCF7", "A375", "MCF7"], index=list("xyz"), name="cell")
    mapped = map_cell_lines(ids, MODEL)
    assert mapped.to_dict() == {
        "x": "ACH-000002",
        "y": "ACH-000001",
        "z": "ACH-000002",
    }
    assert mapped.name == "cell"
    frame = pd.DataFrame({"TP53": [1.0]}, index=["A375"])
    frame.index = map_cell_lines(frame.index, MODEL)
    assert frame.index.tolist() == ["ACH-000001"]


def test_lines_whose_names_differ_by_a_dash_are_not_mixed_up(models):
    ids = ["TT", "T-T", "KMH-2", "KM-H2"]
    expected = ["ACH-000003", "ACH-000004", "ACH-000005", "ACH-000006"]
    assert map_cell_lines(ids, models).tolist() == expected
    for name in ("t.t", "T T", "KMH2", "kmh2"):
        with pytest.raises(UnknownCellLineError, match=rf"{name!r} \(fits '"):
            map_cell_lines([name], models)
    ccle = ["TT_THYROID", "TT_OESOPHAGUS"]
    assert map_cell_lines(ccle, models).tolist() == expected[:2]


def test_a_twin_is_not_taken_for_the_one_that_the_list_lacks():
    one = MODEL[MODEL["CellLineName"] != "T-T"]
    assert map_cell_lines(["TT"], one).tolist() == ["ACH-000003"]
    with pytest.raises(UnknownCellLineError, match="'T-T'"):
        map_cell_lines(["T-T"], one)


def test_the_stripped_names_of_twins_are_ambiguous_if_said_to_be_stripped():
    with pytest.raises(UnknownCellLineError, match="'TT ACH-000003', 'TT ACH"):
        map_cell_lines(
            ["TT"],
            MODEL.drop(columns="CellLineName"),
            from_="StrippedCellLineName",
        )


def test_synonyms_are_found_where_the_list_has_them():
    for models in (SAMPLE_INFO, PASSPORTS):
        ids = ["A375P", "mda435"]
        assert map_cell_lines(ids, models).tolist() == ["ACH-000001", "ACH-000007"]


def test_names_that_are_only_similar_are_not_joined():
    with pytest.raises(UnknownCellLineError, match=r"'MDA-MB-435' \(nearest: 'MDA-MB"):
        map_cell_lines(["MDA-MB-435"], MODEL)


def test_one_model_may_have_several_ids():
    rows = MODEL.iloc[[0, 0, 1]].reset_index(drop=True)
    rows["COSMICID"] = ["906793", "999999", "905946;905947"]
    assert map_cell_lines([906793, 999999, 905947], rows).tolist() == [
        "ACH-000001",
        "ACH-000001",
        "ACH-000002",
    ]
    with pytest.raises(
        UnknownCellLineError,
        match=r"several cosmic ids there: 'A375' \(906793, 999999\)",
    ):
        map_cell_lines(["A375"], rows, to="cosmic")


def test_tables_of_the_loaders_are_lists_of_cell_lines():
    cells = pd.DataFrame(
        {
            "cell_line": ["ACH-000001", "ACH-000002"],
            "cell_line_name": ["A-375", "MCF7"],
            "cosmic_id": [906793.0, np.nan],
        }
    )
    assert map_cell_lines(["A375", "mcf-7"], cells).tolist() == [*cells["cell_line"]]
    assert map_cell_lines(["ACH-000001"], cells, to="name").tolist() == ["A-375"]
    names = pd.DataFrame({"cell_line": ["A375"], "depmap_id": ["ACH-000001"]})
    assert map_cell_lines(["A-375"], names).tolist() == ["ACH-000001"]


def test_an_id_of_several_models_is_ambiguous():
    rows = MODEL.assign(COSMICID=906793.0)
    with pytest.raises(UnknownCellLineError, match="'A-375 ACH-000001', 'MCF7 ACH"):
        map_cell_lines([906793], rows)


def test_what_has_no_match_is_named_or_missing():
    ids = pd.Series(["A375", "Nalm-6", "MDA-MB-435S", None], index=list("abcd"))
    with pytest.raises(UnknownCellLineError, match=r"2 have|1 of 3 ids .*'Nalm-6'"):
        map_cell_lines(ids, MODEL)
    with pytest.warns(UserWarning, match=r"'Nalm-6'.*no cosmic id.*'MDA.*row 'd'") as w:
        mapped = map_cell_lines(ids, MODEL, to="cosmic", unmatched="nan")
    assert len(w) == 1
    assert mapped["a"] == "906793"
    assert mapped.isna().tolist() == [False, True, True, True]
    many = [f"line {i}" for i in range(30)]
    with pytest.raises(UnknownCellLineError, match=r"30 of 30 .*and 25 more"):
        map_cell_lines(many, MODEL)


def test_the_kind_of_ids_can_be_said():
    for from_, value in {
        "name": "A375",
        "CellLineName": "a-375",
        "cosmic": 906793.0,
        "COSMICID": 906793,
        "ccle": "A375_SKIN",
        "CCLE_Name": "A375_SKIN",
        "DepMap_ID": "ACH-000001",
    }.items():
        for to in ("SangerModelID", "SANGER_MODEL_ID", "Sanger"):
            mapped = map_cell_lines([value], MODEL, from_=from_, to=to)
            assert mapped.tolist() == ["SIDM00001"]
    with pytest.raises(UnknownCellLineError):
        map_cell_lines(["ACH-000001"], MODEL, from_="name")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"to": "x"}, "to='x' is neither one of depmap"),
        ({"from_": "x"}, "from_='x' is neither"),
        ({"unmatched": "drop"}, "choose raise or nan"),
        ({"ids": "A375"}, "is one string"),
        ({"models": pd.DataFrame({"a": [1]})}, "has the columns 'a'"),
        ({"models": ["A375"]}, "must be a DataFrame or a path"),
        ({"models": MODEL[["CellLineName"]]}, "to='depmap': models has no such ids"),
        ({"models": MODEL[["ModelID"]], "from_": "cosmic"}, "no such ids"),
    ],
)
def test_wrong_arguments_are_named(how, message):
    with pytest.raises(InputError, match=message):
        map_cell_lines(**{"ids": ["A375"], "models": MODEL} | how)


def test_damaged_lists_are_named(tmp_path):
    (tmp_path / "models.csv").write_text("ModelID,CellLineName\n")
    with pytest.raises(DataFileError, match=r"models.csv has no rows"):
        map_cell_lines(["A375"], tmp_path / "models.csv")
