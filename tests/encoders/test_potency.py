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


def test_a_screen_where_all_are_equally_potent_says_nothing():
    responses = make_responses() * 0 + 4.0
    np.testing.assert_allclose(encode(responses, AMINES), 0, atol=1e-9)


def test_in_a_union_beside_a_structure_encoder():
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
    "parameters", [{"alpha": 0.0}, {"responses": [[1.0]]}, {"alpha": "0.1"}]
)
def test_wrong_parameters_are_refused(parameters):
    model = PotencyEncoder(make_responses()).set_params(**parameters)
    with pytest.raises(ValueError, match=str(next(iter(parameters)))):
        model.fit(AMINES)
