"""Intervals cover what they say, for the novelty that their splitter holds out."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_csg2a import DrugResponseRegressor, load_model, save_model
from sklearn_csg2a.baselines import (
    CellMean,
    DrugMean,
    MeanEffects,
    PairwiseKernelRidge,
    PotencyRegressor,
)
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    ClusterBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
    TissueBlindKFold,
)
from sklearn_csg2a.uncertainty import ConformalRegressor

SPLITTERS = [CellBlindKFold, DrugBlindKFold, DisjointKFold, MixedKFold]


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=30, n_compounds=40, n_genes=40, random_state=0)


def _ridge(screen):
    return PairwiseKernelRidge(expression=screen.expression)


def _names(n, what):
    return np.array([f"{what}{i}" for i in range(n)])


def _draw(rng, n_cells, n_drugs, spread_of_drugs=2.0, spread_of_cells=1.0):
    """Draw a screen whose responses are effects of cells and drugs, and noise."""
    cell, drug = map(np.ravel, np.indices((n_cells, n_drugs)))
    y = spread_of_cells * rng.normal(size=n_cells)[cell]
    y = (
        y
        + spread_of_drugs * rng.normal(size=n_drugs)[drug]
        + rng.normal(size=len(cell))
    )
    table = {
        "cell_line": _names(n_cells, "c")[cell],
        "drug": _names(n_drugs, "d")[drug],
    }
    return pd.DataFrame(table), y


def _covered(model, X, y):
    lower, upper = model.predict_interval(X).T
    return (lower <= y) & (y <= upper)


class Constant(RegressorMixin, BaseEstimator):
    """Predict the mean of y for anything."""

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize(
    ("cv", "new"),
    [
        (DrugBlindKFold(5, drug="drug"), "drug"),
        (CellBlindKFold(5), "cell_line"),
        (DisjointKFold(5, drug="drug"), "both"),
    ],
)
def test_new_units_are_covered_at_the_nominal_level(cv, new):
    shares = []
    for seed in range(30):
        X, y = _draw(np.random.RandomState(seed), 24, 24)
        of_cell = X["cell_line"].isin(_names(24, "c")[:3])
        of_drug = X["drug"].isin(_names(24, "d")[:3])
        test = {"drug": of_drug, "cell_line": of_cell, "both": of_drug & of_cell}[new]
        train = ~(of_drug | of_cell) if new == "both" else ~test
        model = ConformalRegressor(Constant(), cv=cv, coverage=0.8)
        model.fit(X[train], y[train])
        shares.append(_covered(model, X[test], y[test]).mean())
    assert 0.78 < np.mean(shares) < 0.9


def test_a_unit_with_many_rows_is_one_draw():
    """By rows, the one compound with small errors would make all intervals short."""
    X = pd.DataFrame({"drug": np.repeat(_names(20, "d"), [1000, *[2] * 19])})
    y = np.where(X["drug"] == "d0", 0.0, 1.0) * np.tile([-1.0, 1.0], len(X) // 2)
    by_drug = ConformalRegressor(DummyRegressor(), cv=DrugBlindKFold(5, drug="drug"))
    by_row = ConformalRegressor(DummyRegressor(), cv=5)
    widths = [
        np.ptp(model.fit(X, y).predict_interval(X[:1])) for model in (by_drug, by_row)
    ]
    assert widths[0] > 1.9
    assert widths[1] < 0.2


def test_the_number_of_rows_of_a_unit_does_not_matter():
    X = pd.DataFrame({"drug": np.repeat(_names(40, "d"), 2)})
    y = np.random.RandomState(0).normal(size=80)
    again = np.repeat(np.arange(80), np.where(np.arange(80) < 20, 5, 1))
    model = ConformalRegressor(
        DummyRegressor(strategy="constant", constant=0.0),
        cv=DrugBlindKFold(5, drug="drug"),
    )
    first = model.fit(X, y).predict_interval(X)
    repeated = model.fit(X.iloc[again], y[again]).predict_interval(X)
    assert np.allclose(first, repeated)


@pytest.mark.parametrize(
    ("cv", "counts"),
    [
        (CellBlindKFold(3), [30]),
        (DrugBlindKFold(3), [40]),
        (DisjointKFold(3), [30, 40]),
        (DisjointKFold(2, design="grid"), [30, 40]),
        (MixedKFold(3), [1080]),
        (TissueBlindKFold(3, tissue="tissue"), None),
        (ClusterBlindKFold(3, by="scaffold"), None),
        (KFold(3), [1080]),
        (ShuffleSplit(3, test_size=0.4, random_state=0), None),
    ],
)
def test_units_are_those_that_the_splitter_holds_out(cv, counts, screen):
    model = ConformalRegressor(MeanEffects(), cv=cv).fit(screen.X, screen.y)
    if counts is None:
        assert len(model.n_units_) == 1
        assert model.n_units_[0] < len(screen.X)
    else:
        assert model.n_units_ == counts


def test_groups_are_the_units_of_other_splitters():
    X, y = np.arange(60.0)[:, None], np.random.RandomState(0).normal(size=60)
    groups = np.arange(60) // 3
    model = ConformalRegressor(Ridge(), cv=GroupKFold(4)).fit(X, y, groups=groups)
    assert model.n_units_ == [20]
    folds = PredefinedSplit(groups % 4)
    assert ConformalRegressor(Ridge(), cv=folds).fit(X, y, groups).n_units_ == [20]
    with pytest.raises(InputError, match="does not hold out whole groups"):
        ConformalRegressor(Ridge(), cv=PredefinedSplit(np.arange(60) % 4)).fit(
            X, y, groups=groups
        )


def test_groups_stand_for_columns_of_ids():
    X, y = np.zeros((40, 2)), np.random.RandomState(0).normal(size=40)
    groups = np.column_stack([_names(8, "c").repeat(5), np.tile(_names(5, "d"), 8)])
    model = ConformalRegressor(Ridge(), cv=DisjointKFold(2)).fit(X, y, groups=groups)
    assert model.n_units_ == [8, 5]


def test_another_coverage_needs_no_new_fit(screen):
    model = ConformalRegressor(_ridge(screen), cv=MixedKFold(3))
    model.fit(screen.X, screen.y)
    widths = [np.ptp(model.predict_interval(screen.X[:1], c)) for c in (0.5, 0.9, 0.99)]
    assert widths == sorted(widths)
    same = (
        model.predict_interval(screen.X[:9]),
        model.predict_interval(screen.X[:9], 0.9),
    )
    assert np.array_equal(*same)


def test_intervals_are_around_the_predictions_of_the_model_of_all_rows(screen):
    model = ConformalRegressor(_ridge(screen), cv=MixedKFold(3))
    model.fit(screen.X, screen.y)
    alone = _ridge(screen).fit(screen.X, screen.y).predict(screen.X)
    assert np.array_equal(model.predict(screen.X), alone)
    assert np.allclose(model.predict_interval(screen.X).mean(axis=1), alone)


def test_with_few_units_intervals_are_infinite_and_a_warning_says_so(screen):
    few = screen.X["smiles"].isin(screen.X["smiles"].unique()[:6])
    model = ConformalRegressor(_ridge(screen), cv=DrugBlindKFold(3))
    model.fit(screen.X[few], screen.y[few])
    with pytest.warns(UserWarning, match=r"held out 6 units.*0\.857, not 0\.9"):
        interval = model.predict_interval(screen.X[:2])
    assert np.isinf(interval).all()
    assert np.isfinite(model.predict_interval(screen.X[:2], 0.8)).all()


@pytest.mark.parametrize(
    "adapt", [None, "errors", "tanimoto", "cell_distance", MeanEffects()]
)
def test_rows_with_an_invalid_smiles_have_no_interval(adapt, screen):
    ridge = _ridge(screen).set_params(on_invalid_smiles="nan")
    model = ConformalRegressor(ridge, cv=MixedKFold(3), adapt=adapt)
    model.fit(screen.X, screen.y)
    X = screen.X[:4].copy()
    whole = model.predict_interval(X)
    X.iloc[1, X.columns.get_loc("smiles")] = "nonsense"
    interval = model.predict_interval(X)
    assert np.isnan(interval[1]).all()
    assert np.allclose(interval[[0, 2, 3]], whole[[0, 2, 3]])
    nothing = model.predict_interval(X.iloc[[1]])
    assert nothing.shape == (1, 2)
    assert np.isnan(nothing).all()


@pytest.mark.parametrize("cv", [one(4) for one in SPLITTERS])
@pytest.mark.parametrize(
    "adapt", ["errors", "tanimoto", "cell_distance", MeanEffects()]
)
def test_widths_adapt_and_still_cover(adapt, cv, screen):
    rows = np.arange(len(screen.X))
    train, test = rows[rows % 4 > 0], rows[rows % 4 == 0]
    model = ConformalRegressor(_ridge(screen), cv=cv, adapt=adapt)
    model.fit(screen.X.iloc[train], screen.y.iloc[train])
    X, y = screen.X.iloc[test], screen.y.iloc[test]
    assert len(np.unique(np.ptp(model.predict_interval(X), axis=1).round(9))) > 1
    assert _covered(model, X, y).mean() > 0.8


@pytest.fixture(scope="module")
def noisy():
    """Draw a screen in which every other compound has large errors."""
    rng = np.random.RandomState(0)
    X, _ = _draw(rng, 60, 20)
    X = X.rename(columns={"drug": "smiles"})
    X["smiles"] = [f"{'C' * (1 + int(name[1:]))}O" for name in X["smiles"]]
    is_noisy = X["smiles"].str.len() % 2 == 0
    return X, rng.normal(size=len(X)) * np.where(is_noisy, 4.0, 0.5), is_noisy


@pytest.mark.parametrize(("adapt", "times"), [("errors", 3), (MeanEffects(), 4)])
@pytest.mark.parametrize("cv", [CellBlindKFold(5), MixedKFold(5)])
def test_compounds_with_large_errors_have_wide_intervals(cv, adapt, times, noisy):
    X, y, is_noisy = noisy
    model = ConformalRegressor(DrugMean(), cv=cv, adapt=adapt)
    width = np.ptp(model.fit(X, y).predict_interval(X), axis=1)
    assert np.median(width[is_noisy]) > times * np.median(width[~is_noisy])
    assert _covered(model, X, y).mean() > 0.88
    constant = ConformalRegressor(DrugMean(), cv=cv, adapt=None).fit(X, y)
    assert width.mean() < 0.9 * np.ptp(constant.predict_interval(X), axis=1).mean()


def test_errors_of_what_is_held_out_say_nothing_of_what_is_new(noisy):
    X, y, _ = noisy
    model = ConformalRegressor(Constant(), cv=DrugBlindKFold(5)).fit(X, y)
    width = np.ptp(model.predict_interval(X), axis=1)
    assert pd.Series(width).groupby(X["cell_line"]).nunique().max() == 1


def test_a_new_unit_has_the_width_of_an_average_one(noisy):
    X, y, is_noisy = noisy
    model = ConformalRegressor(DrugMean(), cv=MixedKFold(5)).fit(X, y)
    new = X[:3].assign(smiles=["c1ccccc1", "CCO", "OCC"], cell_line="new")
    other, known, same = np.ptp(model.predict_interval(new), axis=1)
    widths = np.ptp(model.predict_interval(X), axis=1)
    assert np.median(widths[~is_noisy]) < other < np.median(widths[is_noisy])
    assert same == pytest.approx(known)  # another SMILES of the compound
    assert known != pytest.approx(other)


def test_widths_by_errors_of_tables_without_compounds_follow_the_prediction():
    rng = np.random.RandomState(0)
    X = rng.uniform(0.1, 1, (400, 1))
    y = X[:, 0] * (1 + rng.normal(size=400))
    model = ConformalRegressor(Ridge(alpha=1e-3), cv=5).fit(X, y)
    low, high = np.ptp(model.predict_interval(np.array([[0.15], [0.95]])), axis=1)
    assert high > 1.5 * low


@pytest.mark.parametrize("adapt", ["errors", "tanimoto", MeanEffects()])
def test_a_model_without_errors_has_intervals_of_no_width(adapt, screen):
    model = ConformalRegressor(MeanEffects(), cv=MixedKFold(3), adapt=adapt)
    model.fit(screen.X, np.zeros(len(screen.X)))
    assert np.array_equal(model.predict_interval(screen.X[:5]), np.zeros((5, 2)))


def test_widths_are_constant_if_no_other_units_tell_the_size_of_errors(screen):
    cv = ShuffleSplit(1, test_size=0.5, random_state=0)
    model = ConformalRegressor(_ridge(screen), cv=cv).fit(screen.X, screen.y)
    assert np.ptp(np.ptp(model.predict_interval(screen.X), axis=1)) < 1e-9
    with pytest.raises(InputError, match="leaves no units"):
        model.set_params(adapt="tanimoto").fit(screen.X, screen.y)


@pytest.mark.parametrize(
    "model",
    [
        GaussianProcessRegressor(alpha=0.1),
        VotingRegressor([("a", Ridge()), ("b", Ridge(alpha=100))]),
        RandomForestRegressor(10, random_state=0),
        BaggingRegressor(Ridge(), max_features=0.5, random_state=0),
        make_pipeline(StandardScaler(), GaussianProcessRegressor(alpha=0.1)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_spread_of_models_that_have_one(model):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(80, 4))
    y = X[:, 0] + rng.normal(size=80)
    conformal = ConformalRegressor(model, cv=4, adapt="spread").fit(X, y)
    assert _covered(conformal, X, y).mean() > 0.8


def test_spread_of_a_model_of_potency(screen):
    model = ConformalRegressor(
        PotencyRegressor(), cv=DrugBlindKFold(4), adapt="spread"
    ).fit(screen.X, screen.y)
    assert np.isfinite(model.predict_interval(screen.X)).all()


@pytest.mark.parametrize("n_members", [1, 2])
def test_spread_of_networks(n_members, screen):
    network = DrugResponseRegressor(
        expression=screen.expression,
        hidden_dim=8,
        n_members=n_members,
        max_epochs=1,
        random_state=0,
    )
    model = ConformalRegressor(network, cv=MixedKFold(2), adapt="spread")
    width = np.ptp(model.fit(screen.X, screen.y).predict_interval(screen.X), axis=1)
    assert (width > 0).all()
    assert np.ptp(width) > 0


def test_spread_of_a_model_without_one_is_refused(screen):
    model = ConformalRegressor(_ridge(screen), cv=MixedKFold(3), adapt="spread")
    with pytest.raises(InputError, match="return_std"):
        model.fit(screen.X, screen.y)


def test_arrays_have_no_compounds_to_compare():
    X = np.random.RandomState(0).normal(size=(40, 3))
    with pytest.raises(InputError, match="column 'smiles'"):
        ConformalRegressor(Ridge(), cv=4, adapt="tanimoto").fit(X, X[:, 0])
    by_distance = ConformalRegressor(Ridge(), cv=4, adapt="cell_distance")
    assert np.isfinite(by_distance.fit(X, X[:, 0]).predict_interval(X)).all()


def test_other_names_of_columns_are_followed(screen):
    X = screen.X.rename(columns={"smiles": "SMILES", "cell_line": "model"})
    ridge = _ridge(screen).set_params(
        columns={"smiles": "SMILES", "cell_line": "model"}
    )
    cv = DrugBlindKFold(3, drug="SMILES")
    for adapt in ("tanimoto", "cell_distance"):
        model = ConformalRegressor(ridge, cv=cv, adapt=adapt).fit(X, screen.y)
        same = ConformalRegressor(_ridge(screen), cv=DrugBlindKFold(3), adapt=adapt)
        same.fit(screen.X, screen.y)
        assert np.allclose(
            model.predict_interval(X), same.predict_interval(screen.X), atol=1e-6
        )


@pytest.mark.parametrize(
    "adapt", [None, "errors", "tanimoto", "cell_distance", "spread", MeanEffects()]
)
def test_model_files_and_pickles_keep_intervals(adapt, screen, tmp_path):
    estimator = PotencyRegressor() if adapt == "spread" else _ridge(screen)
    model = ConformalRegressor(estimator, cv=DisjointKFold(3), adapt=adapt)
    model.fit(screen.X, screen.y)
    expected = model.predict_interval(screen.X, 0.8)
    path = tmp_path / "model.csg2a"
    save_model(model, path, include_expression=True)
    assert np.array_equal(load_model(path).predict_interval(screen.X, 0.8), expected)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict_interval(screen.X, 0.8), expected)
    assert not hasattr(clone(model), "estimator_")


def test_folds_are_the_same_at_every_fit(screen):
    model = ConformalRegressor(_ridge(screen), cv=MixedKFold(3, random_state=None))
    first = model.fit(screen.X, screen.y).predict_interval(screen.X)
    assert np.array_equal(
        first, model.fit(screen.X, screen.y).predict_interval(screen.X)
    )
    model.set_params(random_state=1).fit(screen.X, screen.y)
    assert not np.array_equal(first, model.predict_interval(screen.X))


def test_a_failed_fit_leaves_the_model_as_it_was(screen):
    model = ConformalRegressor(_ridge(screen), cv=MixedKFold(3))
    expected = model.fit(screen.X, screen.y).predict_interval(screen.X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(screen.X, screen.y.where(np.arange(len(screen.y)) != 3))
    assert np.array_equal(model.predict_interval(screen.X), expected)


def test_what_cannot_be_calibrated_is_refused(screen):
    fitted = CellMean().fit(screen.X, screen.y)
    with pytest.raises(InputError, match="FrozenEstimator"):
        ConformalRegressor(FrozenEstimator(fitted), cv=3).fit(screen.X, screen.y)
    with pytest.raises(InputError, match=r"class CellMean; .*: CellMean\(\)"):
        ConformalRegressor(CellMean, cv=3).fit(screen.X, screen.y)
    for rows, said in ((None, "X is None"), (screen.X.iloc[:0], "0 sample")):
        with pytest.raises(InputError, match=said):
            ConformalRegressor(CellMean(), cv=3).fit(rows, screen.y.iloc[:0])
    with pytest.raises(
        InputError, match=r"shape \(\d+, 2\).*takes one response per row"
    ):
        ConformalRegressor(CellMean(), cv=3).fit(
            screen.X, np.column_stack([screen.y, screen.y])
        )
    model = ConformalRegressor(CellMean(), cv=3).fit(screen.X, screen.y)
    for wrong in (0, 1, 90, "0.9"):
        with pytest.raises(InputError, match="between 0 and 1"):
            model.predict_interval(screen.X, wrong)
