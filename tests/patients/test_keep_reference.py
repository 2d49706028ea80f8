"""A model without its cells still ranks drugs: it keeps quantiles of predictions."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError

from sklearn_csg2a import DrugResponseRegressor, load_model, rank_drugs, save_model
from sklearn_csg2a.baselines import DrugMean, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import (
    ExpressionScaleWarning,
    GeneMismatchError,
    InputError,
)
from sklearn_csg2a.patients import keep_reference, predict_grid
from sklearn_csg2a.preprocessing import NormalScores

NEW = {"aspirin": "CC(=O)Oc1ccccc1C(=O)O"}


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=40, n_compounds=8, n_genes=40, random_state=0)


@pytest.fixture(scope="module")
def scores(screen):
    return NormalScores().fit_transform(screen.expression)


@pytest.fixture(scope="module")
def drugs(screen):
    return screen.X[["drug", "smiles"]].drop_duplicates()


@pytest.fixture
def model(screen, scores):
    model = DrugResponseRegressor(
        expression=scores, head_hidden=(8,), max_epochs=4, random_state=0
    )
    return model.fit(screen.X, screen.y)


@pytest.fixture
def shared(model, drugs, tmp_path, monkeypatch):
    """Return the model as another process loads it: without the table of cells."""
    monkeypatch.setattr(
        "sklearn_csg2a.persistence._read_values.find_table", lambda _: None
    )
    keep_reference(model, drugs, transformer=NormalScores())
    save_model(model, tmp_path / "model.csg2a")
    return load_model(tmp_path / "model.csg2a")


@pytest.fixture
def patients(screen):
    """Return a cohort of another platform."""
    rng = np.random.default_rng(1)
    values = 2.0 ** (4 + screen.expression + rng.normal(scale=0.2, size=(40, 40)))
    return values.set_axis([f"P{i}" for i in range(40)])


def test_percentiles_are_those_among_the_cells(model, shared, scores):
    samples = scores.iloc[:12] + 0.1
    with_cells = rank_drugs(model, samples)
    without = rank_drugs(shared, samples)
    assert shared.expression is None
    both = with_cells.merge(without, on=["sample", "drug"])
    np.testing.assert_array_equal(both["ln_ic50_x"], both["ln_ic50_y"])
    # 40 cells are 2.5 % each
    assert (both["percentile_x"] - both["percentile_y"]).abs().max() <= 2.5


def test_compounds_have_their_names_without_being_asked_for(shared, scores, drugs):
    ranking = rank_drugs(shared, scores.iloc[:2])
    assert set(ranking["drug"]) == set(drugs["drug"])
    assert predict_grid(shared, scores.iloc[:2]).columns.tolist() == list(drugs["drug"])


def test_another_spelling_of_a_kept_compound_is_found(shared, scores, drugs):
    one = drugs.iloc[0]
    ranking = rank_drugs(shared, scores.iloc[:3], {"mine": one["smiles"] + ".Cl"})
    assert ranking["percentile"].notna().all()


def test_other_compounds_need_a_reference(shared, scores):
    with pytest.raises(InputError, match=r"1 of 1 compounds .* 'aspirin'.*reference="):
        rank_drugs(shared, scores.iloc[:2], NEW)
    ranking = rank_drugs(shared, scores.iloc[:2], NEW, reference=scores)
    assert ranking["percentile"].between(0, 100).all()


def test_a_kept_compound_at_another_dose_needs_a_reference(shared, scores, drugs):
    with pytest.raises(InputError, match="8 of 8 compounds"):
        rank_drugs(shared, scores.iloc[:2], drugs.assign(dose=0.1))
    same = rank_drugs(shared, scores.iloc[:2], drugs.assign(dose=10.0))
    assert same["percentile"].notna().all()


def test_an_invalid_smiles_is_nan_where_the_model_allows_it(shared, scores, drugs):
    shared.set_params(on_invalid_smiles="nan")
    asked = {"broken": "C1CC", drugs["drug"].iloc[0]: drugs["smiles"].iloc[0]}
    ranking = rank_drugs(shared, scores.iloc[:2], asked).set_index("drug")
    assert ranking.loc["broken", ["ln_ic50", "percentile"]].isna().all(axis=None)
    assert ranking["percentile"].notna().sum() == 2


def test_a_cohort_on_another_scale_is_ranked_with_a_warning(shared, patients):
    with pytest.warns(ExpressionScaleWarning, match=r"NormalScores within the 40") as w:
        converted = rank_drugs(shared, patients)
    assert len(w) == 1
    assert w[0].filename == __file__
    given = rank_drugs(shared, NormalScores().fit_transform(patients))
    pd.testing.assert_frame_equal(converted, given)


def test_columns_that_are_no_genes_of_the_model_do_not_count(shared, patients):
    more = patients.assign(other=1.0, text="x")
    with pytest.warns(ExpressionScaleWarning):
        ranking = rank_drugs(shared, more)
    with pytest.warns(ExpressionScaleWarning):
        pd.testing.assert_frame_equal(ranking, rank_drugs(shared, patients))


@pytest.mark.parametrize("shift", [1.5, -1.5])
def test_a_cohort_that_is_shifted_as_a_whole_is_another_scale(shared, scores, shift):
    with pytest.warns(ExpressionScaleWarning):
        rank_drugs(shared, scores + shift)


def test_a_cohort_of_one_tumour_type_on_the_right_scale_is_left_alone(shared, scores):
    similar = scores.iloc[:12] * 0.7 + 0.2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = shared.predict(similar.assign(smiles="CCO"))
        found = rank_drugs(shared, similar, {"x": "CCO"}, reference=scores)
    by_sample = found.set_index("sample")["ln_ic50"].loc[similar.index]
    np.testing.assert_array_equal(by_sample, expected)


def test_few_samples_on_another_scale_are_told_what_to_do(shared, patients):
    with pytest.raises(InputError, match=r"3 samples, too few .*at least 10.*cohort"):
        rank_drugs(shared, patients.iloc[:3])
    in_cohort = NormalScores().fit(patients).transform(patients.iloc[:3])
    assert rank_drugs(shared, in_cohort)["percentile"].notna().all()


def test_genes_are_refused_by_name_before_anything_is_ranked(shared, patients):
    wrong = patients.copy()
    wrong.loc["P3"] = np.nan
    with pytest.raises(InputError, match="'P3'"):
        rank_drugs(shared, wrong)
    with pytest.raises(GeneMismatchError, match="0 of 40 genes match"):
        rank_drugs(shared, patients.add_prefix("ENSG"))


def test_predict_says_what_would_bring_a_cohort_to_the_scale(shared, patients):
    with pytest.warns(ExpressionScaleWarning, match=r"NormalScores\(\)\.fit_transform"):
        shared.predict(patients.assign(smiles="CCO"))


def test_a_new_fit_forgets_what_was_kept(model, screen, drugs):
    keep_reference(model, drugs)
    model.fit(screen.X, screen.y)
    assert not hasattr(model, "reference_")


def test_a_model_inside_of_an_ensemble_counts(shared, scores):
    ensemble = VotingRegressor([("one", shared)])
    ensemble.estimators_ = [shared]
    ensemble.named_estimators_ = {"one": shared}
    ranking = rank_drugs(ensemble, scores.iloc[:2])
    assert ranking["percentile"].notna().all()


def test_models_without_expression_keep_a_reference_of_ids(screen, drugs):
    model = DrugMean().fit(screen.X, screen.y)
    cells = screen.expression.index[:5].tolist()
    keep_reference(model, drugs, reference=cells)
    assert (rank_drugs(model, cells)["percentile"] == 50).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_levels": 1}, "n_levels is 1"),
        ({"n_levels": 2.5}, r"n_levels is 2\.5"),
        ({"compounds": {}}, "compounds is empty"),
        ({"reference": ["CELL000"]}, "reference has 1 cell"),
    ],
)
def test_what_cannot_be_kept_is_refused(model, changes, message):
    with pytest.raises(InputError, match=message):
        keep_reference(model, **changes)


def test_doses_are_refused(model, drugs):
    with pytest.raises(InputError, match="'dose'; a reference is kept for the default"):
        keep_reference(model, drugs.assign(dose=1.0))


def test_an_unfitted_model_is_refused():
    with pytest.raises(NotFittedError):
        keep_reference(PairwiseKernelRidge())


def test_quantiles_alone_are_kept(model, drugs):
    kept = keep_reference(model, drugs, n_levels=50).reference_
    assert kept["predictions"].shape == (50, 8)
    assert (np.diff(kept["predictions"], axis=0) >= 0).all()
    assert kept["n_cells"] == 40
