"""P01-P03: every estimator check of scikit-learn runs, and passes."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor

N_CHECKS = {PerturbationRegressor: 53, DrugResponseRegressor: 52}
REGRESSORS = list(N_CHECKS)
# Needs SCIPY_ARRAY_API=1 before SciPy is imported: it runs in its own process.
SKIPPED = "check_array_api_input"


class TreatmentRows(RegressorMixin, BaseEstimator):
    """Give the numbers of X to a regressor as wide rows with compounds.

    The compound, its dose and its time follow from the row alone, so that equal
    rows stay equal treatments. What is no matrix is passed on as it is.
    """

    def __init__(self, regressor, random_state=None):
        self.regressor = regressor
        self.random_state = random_state

    def fit(self, X, y):
        treatments = self._as_treatments(X)
        validate_data(self, X, skip_check_array=True, reset=True)
        self.regressor_ = clone(self.regressor)
        self.regressor_.set_params(random_state=self.random_state)
        self.regressor_.fit(treatments, y)
        self.n_iter_ = self.regressor_.n_iter_
        return self

    def predict(self, X):
        check_is_fitted(self)
        treatments = self._as_treatments(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return self.regressor_.predict(treatments)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags = get_tags(self.regressor).target_tags
        return tags

    @staticmethod
    def _as_treatments(X):
        if sparse.issparse(X):
            return X
        values = np.asarray(X)
        if values.ndim != 2:
            return check_array(X)
        if 0 in values.shape or values.dtype.kind not in "fiu":
            return X
        names = [f"gene_{i}" for i in range(values.shape[1])]
        table = pd.DataFrame(values, columns=names)
        return table.assign(
            smiles=np.where(values[:, 0] > 0, "CCO", "c1ccccc1"),
            dose=np.where(values[:, 0] > 0, 1.0, 10.0),
            time=24.0,
        )


def _failures(results):
    return [
        f"{result['check_name']}: {result['exception']!r}"
        for result in results
        if result["status"] in {"failed", "xfail"}
    ]


def _run_suite(estimator):
    return check_estimator(
        estimator, expected_failed_checks={}, on_skip=None, on_fail=None
    )


# One of scikit-learn's checks shuffles with NumPy's global generator.
@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("regressor", REGRESSORS)
def test_P01_P02_every_check_of_scikit_learn_passes(regressor):
    results = _run_suite(regressor())
    assert _failures(results) == []
    assert len(results) >= N_CHECKS[regressor]
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert skipped <= {SKIPPED}


@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("regressor", REGRESSORS)
def test_P03_every_check_passes_on_tables_of_treatments(regressor):
    # Smaller than the default and as good on these data: the suite fits often.
    small = {"hidden_dim": 8, "max_epochs": 25, "learning_rate": 0.02}
    if regressor is DrugResponseRegressor:
        small["head_hidden"] = (16, 8)
    adapter = TreatmentRows(regressor(**small))
    results = _run_suite(adapter)
    assert _failures(results) == []
    assert len(results) >= N_CHECKS[regressor]
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert skipped <= {SKIPPED}


@pytest.mark.parametrize("regressor", REGRESSORS)
def test_P02_no_tag_makes_the_suite_smaller(regressor):
    tags = get_tags(regressor())
    assert not tags.no_validation
    assert not tags._skip_test
    assert not tags.non_deterministic
    assert not tags.regressor_tags.poor_score
    assert tags.input_tags.two_d_array
    assert not tags.input_tags.allow_nan
    assert not tags.input_tags.string
    assert not tags.input_tags.sparse
    assert tags.target_tags.required
    assert tags.target_tags.multi_output == (regressor is PerturbationRegressor)


ARRAY_API_SCRIPT = """
from sklearn.utils.estimator_checks import check_estimator
from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor

for regressor in (PerturbationRegressor, DrugResponseRegressor):
    results = check_estimator(regressor(), on_skip=None, on_fail=None)
    assert {r["status"] for r in results} == {"passed"}, [
        r["check_name"] for r in results if r["status"] != "passed"
    ]
    print(len(results))
"""


@pytest.mark.slow
def test_P01_no_check_is_skipped_with_the_array_api():
    done = subprocess.run(
        [sys.executable, "-c", ARRAY_API_SCRIPT],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [int(n) for n in done.stdout.split()] >= list(N_CHECKS.values())
