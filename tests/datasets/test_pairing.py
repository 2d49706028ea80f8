"""Treated profiles meet the controls of their own batch, and losses are counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import pair_with_controls, parse_doses, parse_times
from sklearn_csg2a.exceptions import InputError

COMPOUNDS = {"B1": "CCO", "B2": "c1ccccc1", "B3": "restricted", "B4": "C1CC"}
GENES = ["TP53", "EGFR", "MYC"]


@pytest.fixture
def screen():
    rows = [
        ("P1:A1", "P1", "A375", "ctl_vehicle", "DMSO", "-666"),
        ("P1:A2", "P1", "A375", "ctl_vehicle", "DMSO", "-666"),
        ("P1:B1", "P1", "A375", "trt_cp", "B1", "10 uM"),
        ("P1:B2", "P1", "A375", "trt_cp", "B1", "10 uM"),
        ("P1:B3", "P1", "A375", "trt_cp", "B2", "500 nM"),
        ("P2:A1", "P2", "HT29", "ctl_vehicle", "DMSO", "-666"),
        ("P2:B1", "P2", "HT29", "trt_cp", "B1", "10 uM"),
    ]
    names = ["well", "plate", "cell_id", "pert_type", "pert_id", "pert_dose"]
    metadata = pd.DataFrame(rows, columns=names).set_index("well")
    metadata["pert_time"] = "24 h"
    values = np.arange(21, dtype=float).reshape(7, 3) ** 1.5
    profiles = pd.DataFrame(values, index=metadata.index, columns=GENES)
    return profiles, metadata


def _pair(screen, **parameters):
    profiles, metadata = screen
    return pair_with_controls(
        profiles, metadata, **{"compounds": COMPOUNDS, **parameters}
    )


def test_each_profile_meets_the_mean_control_of_its_plate(screen):
    data = _pair(screen)
    profiles, _ = screen
    assert data.X.index.tolist() == ["P1:B1", "P1:B2", "P1:B3", "P2:B1"]
    assert data.X["cell_line"].tolist() == ["P1", "P1", "P1", "P2"]
    assert data.X["cell"].tolist() == ["A375"] * 3 + ["HT29"]
    assert data.X["dose"].tolist() == [10.0, 10.0, 0.5, 10.0]
    assert set(data.X["time"]) == {24.0}
    np.testing.assert_allclose(data.Y, profiles.loc[data.X.index], rtol=1e-6)
    means = [profiles.iloc[:2].mean(), profiles.iloc[5]]
    np.testing.assert_allclose(data.expression, means, rtol=1e-6)
    assert data.expression.dtypes.unique().tolist() == [np.float32]
    assert data.controls["n_wells"].tolist() == [2, 1]
    assert data.dropped.empty


def test_what_is_paired_trains_an_estimator(screen):
    data = _pair(screen)
    model = PerturbationRegressor(
        expression=data.expression, max_epochs=1, hidden_dim=4, early_stopping=False
    )
    assert model.fit(data.X, data.Y).predict(data.X).shape == data.Y.shape


def test_a_control_well_can_be_drawn_for_each_profile(screen):
    data = _pair(screen, how="sample", random_state=0)
    again = _pair(screen, how="sample", random_state=0)
    pd.testing.assert_frame_equal(data.X, again.X)
    profiles, metadata = screen
    assert (
        metadata.loc[data.X["cell_line"], "plate"].tolist() == data.X["batch"].tolist()
    )
    np.testing.assert_allclose(
        data.expression, profiles.loc[data.expression.index], rtol=1e-6
    )
    drawn = {_pair(screen, how="sample", random_state=i).X.iloc[0, 0] for i in range(9)}
    assert drawn == {"P1:A1", "P1:A2"}


def test_replicates_of_one_batch_are_averaged(screen):
    data = _pair(screen, replicates="mean")
    profiles, _ = screen
    assert data.X["n_replicates"].tolist() == [2, 1, 1]
    assert data.X["compound"].tolist() == ["B1", "B2", "B1"]
    np.testing.assert_allclose(data.Y.iloc[0], profiles.iloc[2:4].mean(), rtol=1e-6)


def test_blocks_give_what_the_whole_gives(screen):
    profiles, metadata = screen
    whole = _pair(screen, replicates="mean")
    blocks = (profiles.iloc[start : start + 2] for start in (4, 0, 2, 6))
    parts = _pair((blocks, metadata), replicates="mean")
    pd.testing.assert_frame_equal(whole.X, parts.X)
    pd.testing.assert_frame_equal(whole.Y, parts.Y)
    pd.testing.assert_frame_equal(whole.expression, parts.expression)


@pytest.mark.parametrize("in_blocks", [False, True])
def test_wells_without_a_profile_are_counted(screen, in_blocks):
    profiles, metadata = screen
    few = profiles.drop(["P1:B2", "P2:A1"])
    given = iter([few]) if in_blocks else few
    with pytest.warns(UserWarning, match="2 of 4 treated profiles were left out"):
        data = _pair((given, metadata), replicates="mean")
    assert data.dropped["reason"].to_dict() == {
        "P1:B2": "no profile",
        "P2:B1": "too few controls",
    }
    assert data.X["n_replicates"].tolist() == [1, 1]
    assert data.expression.index.tolist() == ["P1"] == data.controls.index.tolist()


def test_what_is_left_out_is_counted_by_reason(screen):
    profiles, metadata = screen
    metadata["pert_id"] = ["DMSO", "DMSO", "B1", "B3", "B4", "DMSO", "B9"]
    with pytest.warns(UserWarning, match=r"3 of 4 .*1: structure cannot be read"):
        data = _pair((profiles, metadata))
    assert data.dropped["reason"].to_dict() == {
        "P1:B2": "no structure",
        "P1:B3": "structure cannot be read",
        "P2:B1": "compounds= has no such id",
    }
    assert data.dropped["compound"].tolist() == ["B3", "B4", "B9"]
    assert len(data.X) == 1


def test_treatments_of_few_replicates_or_controls_are_left_out(screen):
    with pytest.warns(UserWarning, match="2: too few replicates"):
        data = _pair(screen, min_replicates=2)
    assert data.X.index.tolist() == ["P1:B1", "P1:B2"]
    with pytest.warns(UserWarning, match="1: too few controls"):
        data = _pair(screen, min_controls=2)
    assert data.expression.index.tolist() == ["P1"]


def test_a_dose_that_is_missing_is_counted_and_a_foreign_one_an_error(screen):
    profiles, metadata = screen
    metadata.loc["P1:B3", "pert_dose"] = "-666"
    with pytest.warns(UserWarning, match="1: no dose"):
        _pair((profiles, metadata))
    metadata.loc["P1:B3", "pert_dose"] = "10 ng/ml"
    with pytest.raises(InputError, match=r"dose: row 2 \(index 'P1:B3'\): '10 ng/ml"):
        _pair((profiles, metadata))


def test_units_structures_and_names_may_have_their_own_columns(screen):
    profiles, metadata = screen
    metadata = metadata.assign(
        pert_dose=10000.0, pert_dose_unit="nM", line=metadata["cell_id"], text="CCO"
    ).drop(columns="cell_id")
    data = pair_with_controls(
        profiles, metadata, columns={"cell": "line", "smiles": "text"}
    )
    assert set(data.X["dose"]) == {10.0}
    assert set(data.X["smiles"]) == {"CCO"}


def test_treated_profiles_can_be_chosen(screen):
    _, metadata = screen
    data = _pair(screen, treated=("pert_id", ["B2"]))
    assert data.X.index.tolist() == ["P1:B3"]
    data = _pair(
        screen, treated=metadata["pert_id"].eq("B2"), control=[True] * 2 + [False] * 5
    )
    assert data.X.index.tolist() == ["P1:B3"]


def test_cell_lines_are_never_mixed(screen):
    profiles, metadata = screen
    with pytest.raises(InputError, match=r"other cell line|more than one cell line"):
        _pair((profiles, metadata.assign(plate="P")))
    data = _pair((profiles, metadata.assign(plate="P")), batch=["plate", "cell_id"])
    assert data.expression.index.tolist() == ["P|A375", "P|HT29"]
    metadata.loc["P1:B1", "cell_id"] = "MCF7"
    with pytest.raises(InputError, match="'P1:B1' are of another cell line"):
        _pair((profiles, metadata))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch": "det_plate"}, r"batch: metadata has no column 'det_plate'"),
        ({"control": ("type", "x")}, r"control: metadata has no column 'type'"),
        (
            {"control": ("pert_type", "ctl")},
            "no row .* contains 'ctl_vehicle'; 'trt_cp'",
        ),
        ({"control": [True]}, "one True or False for each of the 7 rows"),
        ({"how": "median"}, "how='median' is unknown"),
        ({"replicates": "all"}, "replicates='all' is unknown"),
        ({"min_replicates": 0}, "min_replicates=0"),
        ({"columns": {"drug": "pert_id"}}, "'drug' unknown"),
        ({"columns": {"dose": "conc"}}, r"columns\['dose'\].*'conc'"),
        ({"compounds": None}, "metadata has no SMILES"),
        ({"compounds": {"X": "CCO"}}, "has none of the 2 ids"),
        ({"compounds": pd.Series(["C", "CC"], ["B1", "B1"])}, "more than one SMILES"),
        ({"min_controls": 9}, r"No treated profile is left of 4 \(4: too few controls"),
    ],
)
def test_wrong_parameters_are_explained(screen, parameters, message):
    with pytest.raises(InputError, match=message):
        _pair(screen, **parameters)


def test_profiles_and_metadata_must_fit(screen):
    profiles, metadata = screen
    with pytest.raises(InputError, match=r"'P2:B1' not in the index"):
        _pair((profiles, metadata.iloc[:-1]))
    with pytest.raises(InputError, match="more than one row for the profiles 'P1:A1'"):
        _pair((profiles, metadata.iloc[[0, *range(7)]]))
    with pytest.raises(InputError, match="occur more than once"):
        _pair((iter([profiles, profiles]), metadata))
    blocks = iter([profiles.iloc[:3], profiles.iloc[3:, ::-1]])
    with pytest.raises(InputError, match="same genes"):
        _pair((blocks, metadata))
    with pytest.raises(InputError, match="no block"):
        _pair((iter([]), metadata))


@pytest.mark.parametrize("in_blocks", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.reset_index(), r"'P1:A1'; .* has 0; 1.*set_index\('well'\)"),
        (
            lambda m: m.reset_index().rename(columns={"well": "distil_id"}),
            r"set_index\('distil_id'\)",
        ),
        (lambda m: m.set_axis(m.index.str.lower()), r"'P1:A1' and 'p1:a1'"),
        (lambda m: m.set_axis(list("abcdefg")), "with the column of the ids"),
        (lambda m: m.set_axis([*GENES, *"abcd"]), r"use profiles\.T"),
    ],
)
def test_metadata_that_are_not_indexed_by_profile_say_how(
    screen, change, message, in_blocks
):
    profiles, metadata = screen
    given = iter([profiles]) if in_blocks else profiles
    with pytest.raises(InputError, match=message):
        _pair((given, change(metadata)))


def test_ids_as_text_and_as_numbers_are_distinguished(screen):
    profiles, metadata = screen
    numbered = metadata.set_axis(range(7))
    with pytest.raises(InputError, match="One of them is text and the other numeric"):
        _pair((profiles.set_axis(list("0123456")), numbered))


@pytest.mark.parametrize(
    "code",
    ["-666", "-666.000000", "-666.0|-666.000000", "-666 -666", -666, -666.0, None],
)
@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("pert_id", "no compound"),
        ("pert_dose", "no dose"),
        ("pert_time", "no time"),
        ("cell_id", "no cell line"),
        ("plate", "no batch"),
    ],
)
def test_every_code_for_missing_is_a_reason(screen, column, reason, code):
    profiles, metadata = screen
    metadata[column] = metadata[column].astype(object)
    metadata.loc["P1:B3", column] = code
    with pytest.warns(UserWarning, match=rf"1 of 4 .*1: {reason} \('P1:B3'\)"):
        data = _pair((profiles, metadata))
    assert data.dropped["reason"].to_dict() == {"P1:B3": reason}


def test_structures_of_metadata_that_are_missing_are_named(screen):
    profiles, metadata = screen
    metadata["canonical_smiles"] = ["-666", "", "CCO", "-666.0|-666", "C1CC", "", "CCO"]
    with pytest.warns(UserWarning, match=r"1: no structure \('P1:B2'\), 1: structure"):
        data = _pair((profiles, metadata), compounds=None)
    assert data.dropped.index.tolist() == ["P1:B2", "P1:B3"]


def test_proteins_in_units_of_their_own_do_not_stop_the_others(screen):
    profiles, metadata = screen
    metadata.loc["P1:B3", ["pert_id", "pert_dose"]] = ["TNF", "100 ng/ml"]
    with pytest.warns(UserWarning, match=r"compounds= has no such id \('TNF'"):
        data = _pair((profiles, metadata))
    assert data.dropped["compound"].tolist() == ["TNF"]


def test_the_first_five_of_a_reason_are_named_and_all_are_listed():
    wells = pd.Index([f"w{i}" for i in range(12)])
    metadata = pd.DataFrame(
        {
            "plate": "P",
            "cell_id": "A375",
            "pert_type": ["ctl_vehicle"] + ["trt_cp"] * 11,
            "pert_id": ["DMSO", "b1", *(f"other{i}" for i in range(9)), "B 1"],
            "pert_dose": 10,
            "pert_time": 24,
        },
        index=wells,
    )
    profiles = pd.DataFrame({"TP53": 1.0}, index=wells)
    with pytest.warns(UserWarning, match=r"9: .*'other4'.*; and 4 more\)") as caught:
        data = pair_with_controls(profiles, metadata, compounds={"B1": "CCO"})
    assert "`dropped` of the result lists them all" in str(caught[0].message)
    assert data.X.index.tolist() == ["w1", "w11"]
    assert data.dropped.index.tolist() == [f"w{i}" for i in range(2, 11)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 uM", 10.0),
        ("0,5 uM", 0.5),
        ("10 \u03bcmol/L", 10.0),
        ("500 nmol/l", 0.5),
        ("3 Micromolar", 3.0),
        ("-666.000000", np.nan),
        ("-666.0|-666.000000", np.nan),
        ("-666 -666", np.nan),
        (-666.0, np.nan),
        ("NA", np.nan),
        ("10 um", 10.0),
        ("0.37 \xb5M", 0.37),
        ("0.37\u03bcM", 0.37),
        ("500 nM", 0.5),
        ("1e-1 mM", 100.0),
        ("250 pM", 0.00025),
        ("3.33", 3.33),
        (2, 2.0),
        ("0", 0.0),
        ("-666", np.nan),
        (-666, np.nan),
        (None, np.nan),
    ],
)
def test_doses_become_micromolar(text, expected):
    np.testing.assert_array_equal(parse_doses([text]), [expected])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24 h", 24.0),
        ("6hr", 6.0),
        ("3 d", 72.0),
        ("90 min", 1.5),
        (96, 96.0),
        ("1440 m", 24.0),
        ("1 week", 168.0),
        ("2 hrs.", 2.0),
        ("-666 -666", np.nan),
    ],
)
def test_times_become_hours(text, expected):
    np.testing.assert_array_equal(parse_times([text]), [expected])


def test_a_missing_unit_is_the_one_of_values_without():
    np.testing.assert_array_equal(
        parse_doses([10, -666, 500], units=["-666", "uM", "nM"]), [10.0, np.nan, 0.5]
    )


@pytest.mark.parametrize(
    "text", ["10 ng/ml", "-1 uM", "ten", "10 10", "inf", "uM", "1,000 nM"]
)
def test_invalid_doses_are_named_with_their_row(text):
    values = pd.Series(["1 uM", text], index=["a", "b"])
    with pytest.raises(InputError, match=r"dose: row 1 \(index 'b'\)"):
        parse_doses(values)


def test_many_wrong_doses_are_counted():
    with pytest.raises(InputError, match="and 3 more"):
        parse_doses(["x"] * 8)
