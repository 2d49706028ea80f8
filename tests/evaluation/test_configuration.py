"""What is stored of a configuration identifies it and contains no data."""

from __future__ import annotations

import copy
import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.encoders import PotencyEncoder
from sklearn_csg2a.evaluation.configuration import config_hash, list_settings

COMPOUNDS = ["C" * n for n in range(1, 60)]
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def _model(exclude):
    screen = pd.DataFrame({"A549": [1.0, 2.0]}, index=["CCO", "CCN"])
    return PairwiseKernelRidge(compound_encoder=PotencyEncoder(screen, exclude=exclude))


def test_settings_name_no_compound_of_a_long_list_and_no_value_of_a_table():
    text = list_settings(_model(COMPOUNDS))
    assert "CCCC" not in text
    assert "CCO" not in text
    assert re.fullmatch(
        r"[0-9a-f]{12}", json.loads(text)["compound_encoder"]["exclude"]
    )


def test_short_lists_are_written_out():
    text = list_settings(_model(["CCO", "CCN"]))
    assert json.loads(text)["compound_encoder"]["exclude"] == ["CCO", "CCN"]


def test_configurations_that_differ_in_one_item_of_a_long_list_differ():
    changed = [*COMPOUNDS[:-1], "CCO"]
    assert config_hash(_model(COMPOUNDS)) == config_hash(_model(list(COMPOUNDS)))
    assert config_hash(_model(COMPOUNDS)) != config_hash(_model(changed))
    assert config_hash(_model(COMPOUNDS)) != config_hash(_model(np.array(changed)))


def test_a_text_longer_than_any_file_name_is_a_text():
    long = "C" * 5000
    text = list_settings(_model([long, "CCO"]))
    assert json.loads(text)["compound_encoder"]["exclude"] == [long, "CCO"]
    assert config_hash(_model([long])) != config_hash(_model([long + "C"]))


def _longest_list(value):
    """Return the length of the longest list inside of a JSON value."""
    if isinstance(value, dict):
        return max(map(_longest_list, value.values()), default=0)
    if isinstance(value, list):
        return max([len(value), *map(_longest_list, value)])
    return 0


def _double(values):
    return 2 * values


def _triple(values):
    return 3 * values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FunctionTransformer(_double), FunctionTransformer(_triple)),
        (FunctionTransformer(lambda x: x), FunctionTransformer(lambda x: -x)),
        (FunctionTransformer(np.log1p), FunctionTransformer(np.expm1)),
        (GridSearchCV(Ridge(), {"alpha": [1]}), GridSearchCV(Ridge(), {"alpha": [2]})),
        (make_pipeline(Ridge(1.0)), make_pipeline(Ridge(2.0))),
        (
            FrozenEstimator(Ridge().fit([[0.0], [1.0]], [0.0, 1.0])),
            FrozenEstimator(Ridge().fit([[0.0], [1.0]], [0.0, 2.0])),
        ),
        (
            FunctionTransformer(kw_args={"x": pd.Series(np.arange(100.0))}),
            FunctionTransformer(kw_args={"x": pd.Series(np.arange(100.0) ** 2)}),
        ),
        (
            FunctionTransformer(kw_args={"x": sparse.eye_array(9)}),
            FunctionTransformer(kw_args={"x": 2 * sparse.eye_array(9)}),
        ),
    ],
)
def test_estimators_of_others_differ_where_their_parameters_do(one, other):
    assert config_hash(one) == config_hash(copy.deepcopy(one))
    assert config_hash(one) != config_hash(other)


def test_what_cannot_be_described_is_never_taken_for_the_same():
    class Local:
        """Cannot be pickled, and its text is an address."""

    one, other = (FunctionTransformer(kw_args={"x": Local()}) for _ in range(2))
    assert config_hash(one) != config_hash(other)


def test_settings_of_estimators_of_others_are_listed():
    class Open(BaseEstimator):
        """Takes parameters that its constructor does not name."""

        def __init__(self, **settings):
            self.settings = settings

        def get_params(self, deep=True):
            return dict(self.settings)

    assert json.loads(list_settings(Open(depth=3))) == {"depth": 3}
    assert json.loads(list_settings(Ridge(3.0))) == {"alpha": 3.0}


@pytest.mark.skipif(
    not RESULTS.is_dir(), reason="results belong to the repository, not the package"
)
def test_stored_results_contain_no_data():
    for path in RESULTS.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                settings = json.loads(row.get("settings") or "{}")
                assert _longest_list(settings) < 32, (path.name, row["model"])
