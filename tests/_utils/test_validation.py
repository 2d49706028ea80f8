"""Checks on numbers say what is wrong and where."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a._utils.sklearn_compat import validate_plain
from sklearn_csg2a._utils.validation import (
    holds_numbers,
    parse_numbers,
    to_finite_float32,
)
from sklearn_csg2a.exceptions import InputError


def _check(values):
    return to_finite_float32(
        np.asarray(values),
        name="X",
        where=lambda i, j: f"row {i}, column {j}",
        advice="Fill them.",
    )


def test_rows_are_named_by_position_and_by_label_where_it_differs():
    labels = np.array([0, "A549|vorinostat", 7], dtype=object)
    assert name_row(0, labels) == "row 0"
    assert name_row(1, labels) == "row 1 (index 'A549|vorinostat')"
    assert name_row(2, labels) == "row 2 (index 7)"
    assert name_row(2) == "row 2"


def test_at_most_five_offenders_are_listed_and_the_rest_counted():
    assert list_offenders(range(5)) == "0; 1; 2; 3; 4"
    assert list_offenders(range(17)) == "0; 1; 2; 3; 4; and 12 more"


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_finite_numbers_become_float32_in_a_new_array(dtype):
    values = np.array([[0, 1], [1, 0]], dtype=dtype)
    checked = _check(values)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, values)
    assert not np.shares_memory(checked, values)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (np.nan, "contains NaN: row 1, column 0: nan"),
        (np.inf, "contains infinity: row 1, column 0: inf"),
        (-np.inf, "contains infinity: row 1, column 0: -inf"),
        (1e39, r"too large for dtype\('float32'\): row 1, column 0: 1e\+39"),
        (-1e300, r"too large for dtype\('float32'\): row 1, column 0: -1e\+300"),
    ],
)
def test_what_float32_cannot_hold_is_named(bad, problem):
    with pytest.raises(InputError, match=f"^Input X .*{problem}. Fill them."):
        _check([[0.0, 1.0], [bad, 1.0]])


def test_nan_is_named_before_infinity_and_counted():
    values = np.full((4, 2), np.nan)
    values[0, 0] = np.inf
    with pytest.raises(InputError, match=r"contains NaN: row 0, column 1.*and 2 more"):
        _check(values)


def test_numbers_are_parsed_from_mixed_columns():
    column = pd.Series([1, "2.5", None, "10 uM", "nan", [3]], dtype=object)
    numbers, bad = parse_numbers(column)
    np.testing.assert_array_equal(numbers, [1, 2.5, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(bad, [False, False, False, True, True, True])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0], True),
        (pd.array([1, None], dtype="Int64"), True),
        (pd.Series(["1.5", "2", "low"], dtype=object), True),
        (pd.Series(["lung", "skin", "3"], dtype=object), False),
        (["lung", "skin"], False),
        (pd.Series([None, None], dtype=object), False),
        (pd.Series([], dtype=object), True),
        (pd.Categorical(["a", "b"]), False),
        (pd.to_datetime(["2020-01-01"]), False),
    ],
)
def test_a_column_counts_as_numbers_if_at_least_half_of_it_parses(values, expected):
    assert holds_numbers(pd.Series(values)) is expected


def test_plain_input_follows_the_rules_of_scikit_learn_but_for_finiteness():
    estimator = Ridge()
    frame = pd.DataFrame({"TP53": [1.0, np.nan], "EGFR": [0.0, 1.0]})
    validate_plain(estimator, frame, reset=True)
    assert estimator.n_features_in_ == 2
    assert list(estimator.feature_names_in_) == ["TP53", "EGFR"]
    with pytest.raises(ValueError, match="feature names should match"):
        validate_plain(estimator, frame[["EGFR", "TP53"]], reset=False)
    with (
        pytest.warns(UserWarning, match="does not have valid feature names"),
        pytest.raises(ValueError, match="X has 1 features, but Ridge is expecting 2"),
    ):
        validate_plain(estimator, [[1.0]], reset=False)
