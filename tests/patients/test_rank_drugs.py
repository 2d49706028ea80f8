"""Drugs are ranked by how unusual the predicted sensitivity of a sample is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sklearn_csg2a
from sklearn_csg2a import (
    LevelRankingRegressor,
    ResidualRegressor,
    load_model,
    rank_drugs,
    save_model,
)
from sklearn_csg2a.baselines import (
    DrugMean,
    LatentFactors,
    PairwiseKernelRidge,
    PotencyRegressor,
    RandomForestResponse,
    ResponseGaussianProcess,
)
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import (
    ExpressionScaleWarning,
    GeneMismatchError,
    InputError,
    InvalidSmilesError,
    UnknownCellLineError,
)
from sklearn_csg2a.model_selection import CellBlindKFold
from sklearn_csg2a.patients import predict_grid
from sklearn_csg2a.uncertainty import ApplicabilityDomain, ConformalRegressor

COLUMNS = [
    *("sample", "drug", "ln_ic50", "percentile", "lower", "upper", "in_domain", "rank")
]
DRUGS = {"aspirin": "CC(=O)Oc1ccccc1C(=O)O", "phenol": "Oc1ccccc1", "ethanol": "CCO"}


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=24, n_compounds=10, n_genes=40, random_state=0)


@pytest.fixture(scope="module")
def ridge(screen):
    model = PairwiseKernelRidge(expression=screen.expression)
    return model.fit(screen.X, screen.y)


@pytest.fixture(scope="module")
def patients(screen):
    noise = np.random.default_rng(1).normal(scale=0.3, size=(3, 40))
    return screen.expression.iloc[:3].set_axis(["P1", "P2", "P3"]) + noise


def test_one_row_for_each_sample_and_drug_best_first(ridge, screen, patients):
    ranking = rank_drugs(ridge, patients, screen.X[["drug", "smiles"]])
    assert ranking.columns.tolist() == COLUMNS
    assert ranking["sample"].tolist() == np.repeat(["P1", "P2", "P3"], 10).tolist()
    assert ranking["rank"].tolist() == [*range(1, 11)] * 3
    assert set(ranking["drug"]) == set(screen.X["drug"])
    assert all(
        percentile.is_monotonic_increasing
        for _, percentile in ranking.groupby("sample")["percentile"]
    )


def test_predictions_are_those_of_the_model(ridge, patients):
    ranking = rank_drugs(ridge, patients, DRUGS).set_index(["sample", "drug"])
    X = patients.assign(smiles=DRUGS["aspirin"])
    expected = ridge.predict(X)
    found = ranking["ln_ic50"].loc[["P1", "P2", "P3"], "aspirin"]
    np.testing.assert_allclose(found, expected)


def test_the_percentile_is_the_share_of_reference_cells_with_lower_predictions(
    ridge, screen, patients
):
    reference = screen.expression.iloc[5:15]
    ranking = rank_drugs(ridge, patients, DRUGS, reference=reference)
    grid = predict_grid(ridge, reference, DRUGS)
    for row in ranking.itertuples():
        expected = 100 * (grid[row.drug] < row.ln_ic50).mean()
        assert row.percentile == pytest.approx(expected)


def test_all_cells_of_the_table_are_the_reference_by_default(ridge, screen, patients):
    pd.testing.assert_frame_equal(
        rank_drugs(ridge, patients, DRUGS),
        rank_drugs(ridge, patients, DRUGS, reference=screen.expression.copy()),
    )


def test_a_cell_is_compared_by_its_own_values_though_its_name_is_known(
    ridge, screen, patients
):
    renamed = patients.set_axis(screen.expression.index[:3])
    by_name = rank_drugs(ridge, renamed, DRUGS)
    own = rank_drugs(ridge, patients, DRUGS)
    pd.testing.assert_frame_equal(
        by_name.drop(columns="sample"), own.drop(columns="sample")
    )
    assert by_name["sample"].unique().tolist() == renamed.index.tolist()


def test_a_model_without_cells_finds_nothing_unusual(screen):
    model = DrugMean().fit(screen.X, screen.y)
    ranking = rank_drugs(model, ["new"], reference=screen.expression.index)
    assert (ranking["percentile"] == 50).all()
    assert (ranking["rank"] == 1).all()


def test_drugs_below_all_reference_cells_are_ordered_by_their_distance(ridge, screen):
    class Shifted(PairwiseKernelRidge):
        def predict(self, X):
            at = (X["cell_line"] == "far").to_numpy() * X["smiles"].str.len()
            return super().predict(X) - 10 * at.to_numpy()

    model = Shifted(expression=screen.expression).fit(screen.X, screen.y)
    far = screen.expression.iloc[[0]].set_axis(["far"]) + 0.1
    ranking = rank_drugs(model, far, DRUGS)
    assert (ranking["percentile"] == 0).all()
    assert ranking["rank"].tolist() == [1, 2, 3]


def _search(model, screen):
    return GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2)


MODELS = {
    "voting": lambda ridge, _: VotingRegressor([("a", ridge), ("b", ridge)]),
    "pipeline": lambda ridge, _: make_pipeline("passthrough", ridge),
    "search": _search,
    "residual": lambda ridge, _: ResidualRegressor(LatentFactors(), ridge, cv=2),
    "levels": lambda ridge, _: LevelRankingRegressor(PotencyRegressor(), ridge),
    "process": lambda _, screen: ResponseGaussianProcess(expression=screen.expression),
    "forest": lambda _, screen: RandomForestResponse(
        expression=screen.expression, n_estimators=3, random_state=0
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_compounds_and_cells_are_found_inside_of_other_models(name, screen, patients):
    ridge = PairwiseKernelRidge(expression=screen.expression)
    model = MODELS[name](ridge, screen).fit(screen.X, screen.y)
    ranking = rank_drugs(model, patients)
    assert set(ranking["drug"]) == set(screen.X["smiles"])
    assert ranking["percentile"].between(0, 100).all()
    pd.testing.assert_frame_equal(
        ranking,
        rank_drugs(
            model, patients, screen.X["smiles"].unique(), reference=screen.expression
        ),
    )


def test_compounds_come_back_with_a_saved_model(ridge, screen, patients, tmp_path):
    save_model(ridge, tmp_path / "model.csg2a")
    loaded = load_model(tmp_path / "model.csg2a").set_params(expression=None)
    assert loaded.compounds_ == screen.X["smiles"].unique().tolist()
    with pytest.raises(InputError, match="pass reference="):
        rank_drugs(loaded, patients)
    pd.testing.assert_frame_equal(
        rank_drugs(loaded, patients, reference=screen.expression),
        rank_drugs(ridge, patients),
    )


def test_two_spellings_of_a_compound_are_ranked_once(screen, patients):
    X = screen.X[screen.X["drug"] == screen.X["drug"].iloc[0]]
    X = pd.concat([X.assign(smiles="CCO"), X.assign(smiles="OCC")])
    model = PairwiseKernelRidge(expression=screen.expression)
    model.fit(X, np.arange(len(X)))
    assert model.compounds_ == ["CCO", "OCC"]
    assert rank_drugs(model, patients)["drug"].unique().tolist() == ["CCO"]


NAMED = {
    "dict": DRUGS,
    "series": pd.Series(DRUGS),
    "drug": pd.DataFrame({"drug": DRUGS.keys(), "smiles": DRUGS.values()}),
    "name": pd.DataFrame({"smiles": DRUGS.values(), "name": DRUGS.keys()}),
    "index": pd.DataFrame({"smiles": pd.Series(DRUGS)}),
    "rows": pd.DataFrame({"drug": [*DRUGS] * 2, "smiles": [*DRUGS.values()] * 2}),
}


@pytest.mark.parametrize("form", NAMED)
def test_compounds_are_named_in_any_form(form, ridge, patients):
    pd.testing.assert_frame_equal(
        rank_drugs(ridge, patients, NAMED[form]), rank_drugs(ridge, patients, DRUGS)
    )


def test_a_list_of_smiles_names_itself(ridge, patients):
    ranking = rank_drugs(ridge, patients, list(DRUGS.values()))
    assert set(ranking["drug"]) == set(DRUGS.values())


@pytest.mark.parametrize(
    ("compounds", "said"),
    [
        ({}, "empty"),
        ("CCO", "a list"),
        (3, "SMILES by name"),
        (pd.DataFrame({"SMILES": ["CCO"]}), "'SMILES' is meant"),
        (pd.DataFrame({"drug": ["a", "a"], "smiles": ["CCO", "CCN"]}), "'a'"),
        (pd.DataFrame({"drug": ["a", None], "smiles": ["CCO", "CCN"]}), "no name"),
    ],
)
def test_unusable_compounds_are_named(ridge, patients, compounds, said):
    with pytest.raises(InputError, match=said):
        rank_drugs(ridge, patients, compounds)


def test_invalid_smiles_are_named_by_their_drug(ridge, patients):
    with pytest.raises(InvalidSmilesError, match="'nonsense': 'C1CC'"):
        rank_drugs(ridge, patients, {**DRUGS, "nonsense": "C1CC"})


def test_invalid_smiles_have_no_rank_where_the_model_allows_them(screen, patients):
    model = PairwiseKernelRidge(expression=screen.expression, on_invalid_smiles="nan")
    model.fit(screen.X, screen.y)
    ranking = rank_drugs(model, patients, {"nonsense": "C1CC", **DRUGS})
    last = ranking.groupby("sample").tail(1)
    assert (last["drug"] == "nonsense").all()
    assert last[["percentile", "rank"]].isna().all(axis=None)
    assert ranking["rank"].dropna().tolist() == [1, 2, 3] * 3


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda P: P.set_axis(["P1", "P1", "P2"]), InputError, "'P1'"),
        (lambda P: P.set_axis(["P1", None, "P2"]), InputError, "row 1"),
        (lambda P: P.iloc[:0], InputError, "empty"),
        (lambda P: P.iloc[0], InputError, "to_frame"),
        (lambda P: P.to_numpy(), InputError, "DataFrame"),
        (lambda P: P.add_prefix("X"), GeneMismatchError, "genes"),
        (lambda P: P.T, GeneMismatchError, "samples.T"),
        (lambda P: P.mul([1.0, np.nan, 1.0], axis=0), InputError, "index .P2."),
        (lambda P: ["P1"], UnknownCellLineError, "'P1'"),
        (lambda P: "P1", InputError, "a list"),
    ],
)
def test_unusable_samples_are_named(ridge, patients, change, error, said):
    with pytest.raises(error, match=said):
        rank_drugs(ridge, change(patients), DRUGS)


def test_an_unfitted_model_is_refused(screen, patients):
    model = PairwiseKernelRidge(expression=screen.expression)
    with pytest.raises(NotFittedError):
        rank_drugs(model, patients, DRUGS)
    with pytest.raises(NotFittedError):
        predict_grid(model, compounds=DRUGS)


def test_a_conformal_model_gives_its_own_limits(screen, patients):
    ridge = PairwiseKernelRidge(expression=screen.expression)
    model = ConformalRegressor(ridge, cv=CellBlindKFold(3)).fit(screen.X, screen.y)
    ranking = rank_drugs(model, patients)
    assert set(ranking["drug"]) == set(screen.X["smiles"])
    assert (ranking["lower"] < ranking["ln_ic50"]).all()
    assert (ranking["ln_ic50"] < ranking["upper"]).all()


def test_the_domain_of_the_training_rows_is_read(ridge, screen, patients):
    domain = ApplicabilityDomain(expression=screen.expression).fit(screen.X)
    strange = {"iodine": "II"}
    known = dict(screen.X[["drug", "smiles"]].drop_duplicates().to_numpy())
    ranking = rank_drugs(ridge, patients, {**known, **strange}, domain=domain)
    assert not ranking.loc[ranking["drug"] == "iodine", "in_domain"].any()
    described = domain.describe(patients.assign(smiles=known["CPD0001"]))
    found = ranking[ranking["drug"] == "CPD0001"].set_index("sample")["in_domain"]
    assert found.tolist() == described["in_domain"].tolist()


def test_one_cell_is_no_reference(ridge, screen, patients):
    with pytest.raises(InputError, match="at least 2"):
        rank_drugs(ridge, patients, DRUGS, reference=screen.expression.iloc[:1])


def test_a_model_without_compounds_ranks_none(screen, patients):
    model = PairwiseKernelRidge().fit(screen.expression.to_numpy(), np.arange(24))
    with pytest.raises(InputError, match="without compounds"):
        rank_drugs(model, patients)


def test_models_of_several_outputs_are_refused(screen, patients):
    model = DrugMean().fit(screen.X, np.column_stack([screen.y, screen.y]))
    with pytest.raises(InputError, match="2 values per row"):
        rank_drugs(model, patients, reference=screen.expression)


class Interval:
    """A stand-in for calibrated intervals."""

    def __init__(self, model):
        self.model = model

    def predict(self, X):
        return self.model.predict(X)

    def predict_interval(self, X):
        return self.predict(X)[:, None] + [-1.0, 2.0]


class Domain:
    """A stand-in for a domain: compounds of more than three atoms."""

    def describe(self, X):
        known = X["smiles"].str.len() > 3
        return pd.DataFrame({"in_domain": known, "tanimoto": 1.0}, index=X.index)


def test_limits_and_domain_stand_beside_the_prediction(ridge, patients):
    ranking = rank_drugs(
        ridge, patients, DRUGS, interval=Interval(ridge), domain=Domain()
    )
    np.testing.assert_allclose(ranking["lower"], ranking["ln_ic50"] - 1)
    np.testing.assert_allclose(ranking["upper"], ranking["ln_ic50"] + 2)
    assert (ranking["in_domain"] == (ranking["drug"] != "ethanol")).all()


def test_without_them_they_are_missing(ridge, patients):
    ranking = rank_drugs(ridge, patients, DRUGS)
    assert ranking[["lower", "upper", "in_domain"]].isna().all(axis=None)
    assert ranking.dtypes.loc[["in_domain", "rank"]].tolist() == ["boolean", "Int64"]


@pytest.mark.parametrize("given", ["interval", "domain"])
def test_objects_without_the_method_are_refused(ridge, patients, given):
    with pytest.raises(InputError, match=f"{given} is a PairwiseKernelRidge without"):
        rank_drugs(ridge, patients, DRUGS, **{given: ridge})


def test_renamed_columns_and_doses_reach_the_model(screen, patients):
    columns = {"cell_line": "id", "smiles": "SMILES", "dose": "uM"}
    X = screen.X.rename(columns=columns)
    X["uM"] = np.resize([1.0, 10.0], len(X))
    y = screen.y + X["uM"]
    model = PairwiseKernelRidge(expression=screen.expression, columns=columns)
    model.fit(X, y)
    table = pd.DataFrame({"smiles": pd.Series(DRUGS), "dose": [1.0, 10.0, 1.0]})
    ranking = rank_drugs(model, patients, table).set_index(["sample", "drug"])
    row = patients.iloc[[0]].assign(SMILES=DRUGS["phenol"], uM=10.0)
    assert ranking.loc[("P1", "phenol"), "ln_ic50"] == pytest.approx(
        model.predict(row)[0]
    )


def test_a_default_dose_is_warned_of_once(screen, patients):
    X = screen.X.assign(dose=np.resize([1.0, 10.0], len(screen.X)))
    model = PairwiseKernelRidge(expression=screen.expression).fit(X, screen.y)
    with pytest.warns(UserWarning, match="default_dose") as caught:
        rank_drugs(model, patients, DRUGS)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_another_scale_of_the_samples_is_warned_of_once(screen):
    scores = pd.DataFrame(
        np.random.default_rng(0).normal(size=(24, 40)),
        index=screen.expression.index,
        columns=screen.expression.columns,
    )
    model = PairwiseKernelRidge(expression=scores).fit(screen.X, screen.y)
    counts = (1000 * scores.abs()).set_axis(range(24), axis=0)
    with pytest.warns(ExpressionScaleWarning) as caught:
        rank_drugs(model, counts, DRUGS)
    assert len(caught) == 1


def test_many_rows_are_predicted_in_parts(ridge, patients, monkeypatch):
    whole = rank_drugs(ridge, patients, DRUGS)
    monkeypatch.setattr("sklearn_csg2a.treatments._grid._VALUES_AT_ONCE", 1)
    pd.testing.assert_frame_equal(rank_drugs(ridge, patients, DRUGS), whole)


def test_the_tables_given_stay_as_they_are(ridge, patients):
    before = patients.copy()
    rank_drugs(ridge, patients, NAMED["drug"])
    pd.testing.assert_frame_equal(patients, before)
    assert NAMED["drug"].columns.tolist() == ["drug", "smiles"]


def test_a_grid_holds_all_cells_and_compounds_by_default(ridge, screen):
    grid = predict_grid(ridge)
    assert grid.index.tolist() == screen.expression.index.tolist()
    assert grid.columns.tolist() == screen.X["smiles"].unique().tolist()
    row = pd.DataFrame({"cell_line": [grid.index[3]], "smiles": [grid.columns[2]]})
    assert grid.iloc[3, 2] == pytest.approx(ridge.predict(row)[0])


def test_the_package_exports_the_ranking():
    assert sklearn_csg2a.rank_drugs is rank_drugs
