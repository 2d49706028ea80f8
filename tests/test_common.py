"""P01-P03: every estimator check of scikit-learn runs, and passes, on all estimators.

Estimators are found by their public names: a new one is tested without being listed.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from contextlib import suppress
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    RegressorMixin,
    TransformerMixin,
    clone,
    is_regressor,
)
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import Ridge
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_estimator,
    estimator_checks_generator,
    parametrize_with_checks,
)
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

import sklearn_csg2a
from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.baselines import MeanEffects, PotencyRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.estimators import _base as networks
from sklearn_csg2a.preprocessing._cohorts import CohortTransformer
from tests.remembered_trainings import RememberedTrainings

N_CHECKS = {PerturbationRegressor: 53, DrugResponseRegressor: 52}
REGRESSORS = list(N_CHECKS)
# Needs SCIPY_ARRAY_API=1 before SciPy is imported: it runs in its own process.
SKIPPED = "check_array_api_input"


SMILES = ["CCO", "c1ccccc1", "CC(=O)O", "CCN", "CC(C)O", "Oc1ccccc1"]
# What parameters without a default are given, by their names.
REQUIRED = {
    "base": Ridge(),
    "cv": 3,
    "estimator": Ridge(),
    "level": PotencyRegressor(),
    "ranking": MeanEffects(),
    "regressor": Ridge(),
    "responses": pd.DataFrame({"A": np.arange(6.0), "B": 1.0}, index=SMILES),
    "table": pd.DataFrame({"target": "A|B", "moa": list("ababab")}, index=SMILES),
}
# What makes a fit short, by the names of parameters.
SHORT = {
    "head_hidden": (8,),
    "hidden_dim": 8,
    "max_epochs": 1,
    "n_estimators": 5,
    "n_layers": 1,
}
NEEDS_A_GOOD_FIT = {"check_regressors_train"}


def _public_estimators():
    """Return the estimators among the public names of all public modules."""
    names = [
        f"sklearn_csg2a.{module.name}"
        for module in pkgutil.iter_modules(sklearn_csg2a.__path__)
        if not module.name.startswith("_")
    ]
    modules = [importlib.import_module(name) for name in ["sklearn_csg2a", *names]]
    public = [
        getattr(module, name)
        for module in modules
        for name in getattr(module, "__all__", [])
        if not name.startswith("_")
    ]
    return list(
        dict.fromkeys(
            one
            for one in public
            if inspect.isclass(one)
            and issubclass(one, BaseEstimator)
            and not inspect.isabstract(one)
        )
    )


def _make(estimator, **params):
    """Construct with defaults, and what has none by the name of the parameter."""
    accepted = inspect.signature(estimator).parameters
    required = {
        name: REQUIRED[name]
        for name, one in accepted.items()
        if one.default is one.empty and one.kind is not one.VAR_KEYWORD
    }
    return estimator(**required, **{k: v for k, v in params.items() if k in accepted})


ESTIMATORS = _public_estimators()
ENCODERS = [one for one in ESTIMATORS if get_tags(_make(one)).input_tags.string]
ON_NUMBERS = [one for one in ESTIMATORS if one not in [*ENCODERS, *REGRESSORS]]
NETWORKS = [one for one in ON_NUMBERS if hasattr(_make(one), "max_epochs")]
COHORTS = [one for one in ON_NUMBERS if issubclass(one, CohortTransformer)]
OTHERS = [one for one in ON_NUMBERS if one not in (*NETWORKS, *COHORTS)]
PREDICTORS = [one for one in ESTIMATORS if hasattr(one, "predict")]
# Those around another regressor, a ridge on numbers here, read what that one reads.
ON_TREATMENTS = [
    one for one in PREDICTORS if not {"base", "estimator"} & {*_make(one).get_params()}
]


class OneBatch(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Give a transformer of cohorts rows of one batch, whatever y is."""

    def __init__(self, transformer):
        self.transformer = transformer

    def fit(self, X, y=None):
        del y  # the second argument of the transformer is a label of the batch
        self.transformer_ = clone(self.transformer).fit(X)
        return self

    def transform(self, X):
        check_is_fitted(self)
        return self.transformer_.transform(X)

    def get_feature_names_out(self, input_features=None):
        return self.transformer_.get_feature_names_out(input_features)

    @property
    def n_features_in_(self):
        return self.transformer_.n_features_in_

    @property
    def feature_names_in_(self):
        return self.transformer_.feature_names_in_


class SmilesRows(TransformerMixin, BaseEstimator):
    """Give an encoder of SMILES a string for each row of numbers."""

    def __init__(self, encoder):
        self.encoder = encoder

    def fit(self, X, y=None):
        smiles = self._as_smiles(X)
        validate_data(self, X, skip_check_array=True, reset=True)
        self.encoder_ = clone(self.encoder).fit(smiles, y)
        return self

    def transform(self, X):
        check_is_fitted(self)
        smiles = self._as_smiles(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return self.encoder_.transform(smiles)

    def get_feature_names_out(self, input_features=None):
        check_is_fitted(self)
        return self.encoder_.get_feature_names_out()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags = get_tags(self.encoder).transformer_tags
        return tags

    @staticmethod
    def _as_smiles(X):
        if sparse.issparse(X):
            return X
        values = check_array(X, dtype="numeric")
        return [SMILES[int(abs(one) * 10) % len(SMILES)] for one in values[:, 0]]


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


def _name(check):
    return getattr(check, "func", check).__name__


def _run_suite(estimator):
    return check_estimator(
        estimator, expected_failed_checks={}, on_skip=None, on_fail=None
    )


@pytest.fixture(scope="module")
def remembered():
    return RememberedTrainings()


# One of scikit-learn's checks shuffles with NumPy's global generator.
@pytest.mark.changes_global_random_state
@parametrize_with_checks([regressor() for regressor in REGRESSORS])
def test_P01_P02_every_check_of_scikit_learn_passes(
    estimator, check, remembered, monkeypatch
):
    if _name(check) != "check_fit_idempotent":  # its claim is that fits repeat
        monkeypatch.setattr(networks, "train_network", remembered)
    try:
        check(estimator)
    except SkipTest:
        assert _name(check) == SKIPPED


@pytest.mark.parametrize("regressor", REGRESSORS)
def test_only_a_training_of_the_same_bits_is_remembered(regressor, monkeypatch):
    X = np.random.default_rng(0).normal(size=(12, 3))
    fits = [
        ({}, X, X[:, 0]),
        ({"random_state": 1}, X, X[:, 0]),
        ({"max_epochs": 3}, X, X[:, 0]),
        ({"learning_rate": 0.1}, X, X[:, 0]),
        ({}, X[::-1], X[:, 0]),
        ({}, X, X[:, 1]),
    ]

    def predict(params, X, y):
        small = {"hidden_dim": 4, "max_epochs": 2, "random_state": 0, **params}
        return regressor(**small).fit(X, y).predict(X)

    expected = [predict(*fit) for fit in fits]
    remembered = RememberedTrainings()
    monkeypatch.setattr(networks, "train_network", remembered)
    for _ in range(2):
        for fit, wanted in zip(fits, expected, strict=True):
            np.testing.assert_array_equal(predict(*fit), wanted)
    assert remembered.n_repeated == len(fits)


@pytest.mark.parametrize("regressor", REGRESSORS)
def test_P01_the_suite_is_as_large_as_it_was(regressor):
    checks = [_name(check) for _, check in estimator_checks_generator(regressor())]
    assert len(checks) >= N_CHECKS[regressor]


@pytest.mark.slow
@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("regressor", REGRESSORS)
def test_P03_every_check_passes_on_tables_of_treatments(regressor):
    # Smaller than the default, and longer only where the fit has to be good: the
    # suite fits often.
    small = {"hidden_dim": 8, "max_epochs": 3, "learning_rate": 0.02}
    if regressor is DrugResponseRegressor:
        small["head_hidden"] = (16, 8)
    checks = list(estimator_checks_generator(TreatmentRows(regressor(**small))))
    assert len(checks) >= N_CHECKS[regressor]
    for adapter, check in checks:
        if _name(check) in NEEDS_A_GOOD_FIT:
            adapter.set_params(regressor__max_epochs=25)
        try:
            check(adapter)
        except SkipTest:
            assert _name(check) == SKIPPED


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


@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("estimator", OTHERS)
def test_every_check_passes_on_every_public_estimator(estimator):
    model = _make(estimator)
    results = _run_suite(model)
    assert _failures(results) == []
    assert len(results) >= _least_number_of_checks(model)
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {SKIPPED}


def _least_number_of_checks(model):
    if not is_regressor(model):
        return 41
    return 53 if get_tags(model).target_tags.multi_output else 51


@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("transformer", COHORTS)
def test_every_check_passes_on_rows_of_one_batch(transformer):
    results = _run_suite(OneBatch(transformer()))
    assert _failures(results) == []
    assert len(results) >= 45
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {SKIPPED}


@pytest.mark.slow
@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("estimator", NETWORKS)
def test_every_check_passes_on_every_public_network(estimator):
    results = _run_suite(_make(estimator))
    assert _failures(results) == []
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {SKIPPED}


@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("estimator", NETWORKS)
def test_checks_that_need_no_good_fit_pass_on_short_fits(estimator):
    for short, check in estimator_checks_generator(_make(estimator, **SHORT)):
        if _name(check) not in NEEDS_A_GOOD_FIT:
            with suppress(SkipTest):
                check(short)


@pytest.mark.changes_global_random_state
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_check_passes_on_encoders_that_are_given_smiles(encoder):
    results = _run_suite(SmilesRows(_make(encoder)))
    assert _failures(results) == []
    assert len(results) >= 45
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {SKIPPED}
    with pytest.warns(SkipTestWarning):  # the rest of the suite feeds numbers
        assert _failures(_run_suite(_make(encoder))) == []


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    "given", [list, pd.Series, lambda one: pd.Series(one).to_frame()]
)
def test_encoders_give_named_columns_when_asked(encoder, given):
    compounds = given(SMILES)
    transformer = _make(encoder).set_output(transform="pandas")
    table = transformer.fit_transform(compounds)
    assert list(table.columns) == list(transformer.get_feature_names_out())
    np.testing.assert_array_equal(table, _make(encoder).fit_transform(SMILES))
    assert list(table.index) == list(range(len(SMILES)))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_can_be_shown_in_a_notebook(estimator):
    assert estimator.__name__ in _make(estimator)._repr_html_()


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=8, n_compounds=10, n_genes=24, random_state=0)


def _fit_on_screen(estimator, screen, y):
    params = {"expression": screen.expression, "random_state": 0}
    return _make(estimator, **SHORT, **params).fit(screen.X, y)


@pytest.mark.parametrize("predictor", ON_TREATMENTS)
def test_P23_one_row_alone_is_predicted_as_among_many(predictor, screen):
    model = _fit_on_screen(predictor, screen, screen.y)
    together = model.predict(screen.X)
    rows = np.random.default_rng(0).permutation(len(together))[: len(together) // 2]
    np.testing.assert_array_equal(model.predict(screen.X.iloc[rows]), together[rows])
    for row in rows[:3]:
        alone = model.predict(screen.X.iloc[[row]])
        np.testing.assert_array_equal(alone, together[[row]])


@pytest.mark.parametrize("predictor", ON_TREATMENTS)
def test_P13_a_constant_response_is_predicted_within_rounding(predictor, screen):
    y = np.full(len(screen.X), 2.345)
    predicted = _fit_on_screen(predictor, screen, y).predict(screen.X)
    np.testing.assert_allclose(predicted, y, rtol=0, atol=1e-6)


@pytest.mark.parametrize("predictor", ON_TREATMENTS)
def test_the_type_of_the_response_changes_nothing(predictor, screen):
    narrow = np.asarray(screen.y, dtype=np.float32)
    one, other = (
        _fit_on_screen(predictor, screen, y).predict(screen.X)
        for y in (narrow, narrow.astype(np.float64))
    )
    np.testing.assert_array_equal(one, other)


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
