from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import FeatureUnion

from sklearn_csg2a.encoders import MorganEncoder, PotencyEncoder, encode_compounds
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError

AMINES = ["CCCN", "CCCCN", "CCCCCN", "CCCCCCN"]
ACIDS = ["OC(=O)c1ccccc1", "OC(=O)c1ccccc1C", "OC(=O)c1ccccc1F"]


def make_responses(values=None):
    """Amines are potent (low), acids are not, in two assays of different level."""
    low, high = [-2.0] * len(AMINES), [3.0] * len(ACIDS)
    table = pd.DataFrame({"A": low + high}, index=AMINES + ACIDS)
    table["B"] = table["A"] + 10
    return table if values is None else table.assign(**values)


def encode(responses, smiles, **parameters):
    return PotencyEncoder(responses, **parameters).fit_transform(smiles)[:, 0]


def test_a_new_compound_is_as_potent_as_those_it_resembles():
    amine, acid = encode(make_responses(), ["CCCCCCCN", "OC(=O)c1ccccc1Cl"])
    assert amine < -0.5
    assert acid > 0.5


def test_a_compound_unlike_all_others_has_the_mean_potency():
    (unlike,) = encode(make_responses(), ["BrBr"])
    assert unlike == pytest.approx(0, abs=1e-6)


def test_spellings_and_salts_are_one_compound():
    encoding = encode(make_responses(), ["CCCCN", "NCCCC", "CCCCN.Cl"])
    assert np.ptp(encoding) == 0


def test_assays_of_another_level_do_not_count_as_potency():
    # Only the acids were measured in the assay whose responses are ten units higher.
    responses = make_responses()
    responses.loc[AMINES, "B"] = np.nan
    model = PotencyEncoder(responses).fit(AMINES)
    complete = PotencyEncoder(make_responses()).fit(AMINES)
    spread = np.ptp(complete.potencies_)
    assert spread == pytest.approx(5)
    assert np.ptp(model.potencies_) == pytest.approx(spread, abs=1e-3)


def test_nothing_is_learned_from_the_compounds_of_fit():
    responses = make_responses()
    one = PotencyEncoder(responses).fit(["CCO"])
    other = PotencyEncoder(responses).fit(ACIDS)
    np.testing.assert_array_equal(one.transform(AMINES), other.transform(AMINES))


def test_unit_of_the_responses_does_not_matter():
    np.testing.assert_allclose(
        encode(make_responses(), AMINES),
        encode(make_responses() * 1000 - 7, AMINES),
        rtol=1e-5,
    )


def test_a_screen_of_equally_potent_compounds_has_no_information():
    responses = make_responses() * 0 + 4.0
    np.testing.assert_allclose(encode(responses, AMINES), 0, atol=1e-9)


def make_screens(n_common=5, direction=-1.0):
    """A second screen of alcohols and some amines, in other units."""
    amines = [f"{'C' * n}N" for n in range(3, 12)]
    ours = pd.DataFrame({"A": np.arange(9.0), "B": np.arange(9.0) + 1}, index=amines)
    alcohols = [f"{'C' * n}O" for n in range(3, 12)]
    theirs = pd.DataFrame({"U": np.arange(9.0)}, index=alcohols)
    shared = ours.iloc[:n_common, 0].to_frame("U")
    return {"ours": ours, "theirs": pd.concat([theirs, shared]) * direction * 0.1 + 7}


@pytest.mark.parametrize("direction", [-1.0, 1.0])
def test_common_compounds_give_the_direction_and_scale_of_another_screen(direction):
    screens = make_screens(direction=direction)
    model = PotencyEncoder(screens).fit(AMINES)
    assert np.sign(model.loadings_["theirs"]) == direction
    short, long = model.transform(["CCCO", "CCCCCCCCCCCO"])[:, 0]
    assert short < 0 < long


def test_a_screen_that_agrees_with_no_other_counts_little():
    rng = np.random.default_rng(0)
    amines = [f"{'C' * n}N" for n in range(2, 32)]
    level = pd.Series(np.linspace(-3, 3, 30), index=amines)
    tables = {
        "good": level + rng.normal(size=30) / 10,
        "better": -level,
        "poor": pd.Series(rng.normal(size=30), index=amines),
    }
    screens = {name: one.to_frame("A") for name, one in tables.items()}
    model = PotencyEncoder(screens, output=["measured"]).fit(amines)
    loadings = model.loadings_
    assert loadings["good"] > 0.9 > -0.9 > loadings["better"]
    assert abs(loadings["poor"]) < 0.5
    measured = model.transform(amines)[:, 0]
    assert np.corrcoef(measured, level)[0, 1] > 0.98


def test_one_screen_by_name_is_that_screen():
    by_name = PotencyEncoder({"ours": make_responses()}).fit(AMINES)
    assert by_name.loadings_ == {"ours": 1.0}
    np.testing.assert_array_equal(
        by_name.transform(AMINES)[:, 0], encode(make_responses(), AMINES)
    )


def test_screens_without_enough_common_compounds_are_refused():
    with pytest.raises(InputError, match=r"'theirs'.*fewer than 5 .*'ours'"):
        PotencyEncoder(make_screens(n_common=4)).fit(AMINES)


def test_an_assay_of_few_compounds_hardly_moves_their_levels():
    rng = np.random.default_rng(0)
    smiles = [f"{'C' * n}N" for n in range(2, 42)]
    values = np.full((40, 40), np.nan)
    for row in range(40):
        values[row, (row + np.arange(4)) % 40] = rng.normal(size=4) + row / 10
    responses = pd.DataFrame(values, index=smiles)
    potencies = PotencyEncoder(responses).fit(smiles).potencies_
    plain = np.nanmean(values, axis=1)
    assert np.corrcoef(potencies, plain)[0, 1] > 0.99


def test_a_compound_of_few_measurements_counts_less():
    rng = np.random.default_rng(0)
    amines = [f"{'C' * n}N" for n in range(2, 10)]
    values = pd.DataFrame(rng.normal(size=(8, 20)), index=amines)
    values.loc["CCN"] += 5
    often = encode(values, ["CCN"])
    values.loc["CCN", 1:] = np.nan
    values.loc["CCN", 0] = 5
    assert 0 < encode(values, ["CCN"]) < often


def test_excluded_compounds_in_any_spelling_teach_nothing():
    responses = make_responses()
    changed = responses.copy()
    changed.loc["CCCCN"] = 100.0
    without = responses.drop(index="CCCCN")
    for table in (responses, changed):
        encoding = encode(table, AMINES + ACIDS, exclude=["NCCCC.Cl"])
        np.testing.assert_array_equal(encoding, encode(without, AMINES + ACIDS))
    with pytest.raises(InputError, match=r"has 0 compounds that exclude= leaves"):
        encode(responses, AMINES, exclude=AMINES + ACIDS)


def test_rows_of_one_compound_are_averaged():
    twice = pd.concat([make_responses(), make_responses().rename({"CCCN": "NCCC"})])
    model = PotencyEncoder(twice).fit(AMINES)
    assert len(model.compounds_) == 7
    np.testing.assert_allclose(
        model.transform(AMINES)[:, 0], encode(make_responses(), AMINES), rtol=1e-6
    )


def test_measured_and_predicted_potency_are_told_apart():
    responses = make_responses()
    responses.loc["CCCCN"] = [3.0, 13.0]  # unlike the other amines
    names = ["potency", "predicted", "measured", "is_measured", "distance"]
    encoder = PotencyEncoder(responses, output=names).fit(AMINES)
    assert list(encoder.get_feature_names_out()) == names
    rows = encoder.transform(["CCCCN", "CCCCNC", "BrBr"])
    known, new, unlike = (dict(zip(names, row, strict=True)) for row in rows)
    assert known["is_measured"] == 1
    assert known["distance"] == 0
    assert known["predicted"] < 0 < known["measured"]
    assert known["predicted"] < known["potency"] < known["measured"]
    assert new["is_measured"] == new["measured"] == 0
    assert new["predicted"] == new["potency"] < 0
    assert 0 < new["distance"] < unlike["distance"] == 1


def test_predicted_is_what_the_screen_says_without_the_compound():
    responses = make_responses({"A": [0, 1, 2, 3, 8, 9, 7]})
    responses["B"] = responses["A"] + 1
    # The deviation is from the mean of all, and the unit that of all: compare ranks.
    names = ["predicted"]
    all_in = PotencyEncoder(responses, output=names).fit_transform(AMINES + ACIDS)
    left_out = []
    for compound in AMINES + ACIDS:
        model = PotencyEncoder(responses, exclude=[compound]).fit(AMINES)
        value = model.transform([compound])[0, 0]
        left_out.append(value)
    assert np.corrcoef(all_in[:, 0], left_out)[0, 1] > 0.95


def test_it_can_be_combined_with_a_structure_encoder():
    union = FeatureUnion(
        [
            ("morgan", MorganEncoder(n_bits=64)),
            ("potency", PotencyEncoder(make_responses())),
        ],
        transformer_weights={"potency": 3.0},
    )
    encoding = encode_compounds(clone(union).fit(AMINES), AMINES + ACIDS)
    assert encoding.shape == (7, 65)
    alone = encode(make_responses(), AMINES + ACIDS)
    np.testing.assert_allclose(encoding[:, -1], 3 * alone, rtol=1e-6)
    assert list(union.fit(AMINES).get_feature_names_out())[-1] == "potency__potency"


def test_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        PotencyEncoder(make_responses()).transform(AMINES)


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        (make_responses({"B": np.inf}), r"finite.*7 found: row 0 .*'CCCN'.*'B'"),
        (make_responses() * np.nan, r"without any value.*'CCCN'"),
        (make_responses({"B": "text"}), "must hold numbers"),
        (make_responses().iloc[:1], "has 1 compounds; at least two are needed"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(responses, message):
    with pytest.raises(InputError, match=message):
        PotencyEncoder(responses).fit(AMINES)


def test_an_invalid_compound_is_named_with_its_row():
    responses = make_responses().rename(index={"CCCCN": "C1CC"})
    with pytest.raises(InvalidSmilesError, match=r"index of responses.*row 1 .*'C1CC'"):
        PotencyEncoder(responses).fit(AMINES)
    with pytest.raises(InvalidSmilesError, match="row 1"):
        encode(make_responses(), ["CCO", "not a molecule"])


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": 0.0},
        {"alpha": "0.1"},
        {"responses": [[1.0]]},
        {"responses": {}},
        {"output": ["potency", "potency"]},
        {"output": ["level"]},
        {"output": []},
        {"exclude": "CCO"},
    ],
)
def test_wrong_parameters_are_refused(parameters):
    model = PotencyEncoder(make_responses()).set_params(**parameters)
    with pytest.raises(ValueError, match=next(iter(parameters))):
        model.fit(AMINES)
