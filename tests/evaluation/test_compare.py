"""Any regressor is judged on any table, beside the naive models."""

from __future__ import annotations

import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline

import sklearn_csg2a
from sklearn_csg2a import compare
from sklearn_csg2a.baselines import DrugMean, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders import PairFeatures
from sklearn_csg2a.evaluation.candidates import list_seeds
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.metrics import NoiseCeiling
from sklearn_csg2a.model_selection import CellBlindKFold

NAIVE = {"GlobalMean", "DrugMean", "CellMean", "MeanEffects"}
OF_TISSUES = {"TissueMean", "TissueDrugMean"}


class Numbers(RegressorMixin, BaseEstimator):
    """Predict a number for each row; count the fits."""

    fits: list[tuple[str, int | None]] = []  # noqa: RUF012 (reset by each test)

    def __init__(self, value=0.0, error=None, random_state=None):
        self.value = value
        self.error = error
        self.random_state = random_state

    def fit(self, X, y):
        self.fits.append((self.value, self.random_state))
        if self.error is not None:
            raise self.error
        return self

    def predict(self, X):
        return np.full(len(X), float(self.value))


@pytest.fixture(autouse=True)
def _no_fits():
    Numbers.fits.clear()


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=10, n_compounds=12, n_genes=30, random_state=0)


@pytest.fixture(scope="module")
def judged(screen):
    models = {
        "ridge": make_pipeline(PairFeatures(screen.expression), Ridge(10.0)),
        "mean": DummyRegressor(),
    }
    return compare(models, screen.X, screen.y, n_splits=3)


def _only(result, model):
    return result.table[result.table["model"] == model].set_index("scheme")


def test_every_model_is_judged_in_every_scheme_beside_the_naive_ones(judged):
    table = judged.table
    assert list(dict.fromkeys(table["scheme"])) == ["mixed", "cell", "drug", "disjoint"]
    for _, rows in table.groupby("scheme"):
        assert set(rows["model"]) == NAIVE | OF_TISSUES | {"ridge", "mean"}
    assert (table["n_folds"] == 3).all()
    assert (table["n_seeds"] == 1).all()
    assert table.notna().all(axis=None) or judged.noise is None


def test_the_naive_model_of_the_split_has_no_skill(judged):
    own = {"mixed": "MeanEffects", "cell": "DrugMean", "drug": "CellMean"}
    for scheme, naive in own.items():
        assert _only(judged, naive).loc[scheme, "skill"] == 0
        assert _only(judged, "ridge").loc[scheme, "naive_model"] == naive
    assert _only(judged, "mean").loc["disjoint", "skill"] == pytest.approx(0)


def test_folds_give_the_means_and_spreads_of_the_table(judged):
    folds = judged.folds
    assert len(folds) == 4 * 3 * 8
    of_ridge = folds.query("model == 'ridge' and scheme == 'drug'")["rmse"]
    row = _only(judged, "ridge").loc["drug"]
    assert row["rmse"] == pytest.approx(of_ridge.mean())
    assert row["rmse_sd"] == pytest.approx(of_ridge.std())
    assert row["rmse_low"] < row["rmse"] < row["rmse_high"]


def test_tests_name_the_test_and_give_both_p(judged):
    tests = judged.tests
    assert set(tests["test"]) == {"corrected resampled t-test, paired by fold"}
    assert (tests["p_holm"] >= tests["p"]).all()
    assert set(tests["model"]) == {"ridge", "mean"}
    against = tests.query("scheme == 'cell' and measure == 'rmse'")
    row = against[(against["model"] == "mean") & (against["reference"] != "ridge")]
    means = judged.table.query("scheme == 'cell'").set_index("model")["rmse"]
    expected = means["mean"] - means[row["reference"].item()]
    assert row["difference"].item() == pytest.approx(expected)


def test_models_are_named_by_what_they_are(screen):
    ridge = make_pipeline(PairFeatures(screen.expression), Ridge())
    result = compare(
        [DummyRegressor(), DummyRegressor(strategy="median"), ridge],
        screen.X,
        screen.y,
        schemes="cell",
        n_splits=2,
        n_folds=1,
    )
    own = result.table[result.table["kind"] != "naive"]
    assert own["model"].tolist() == ["DummyRegressor 1", "DummyRegressor 2", "Ridge"]
    assert own["what"].iloc[2] == "PairFeatures → Ridge"
    assert set(own["kind"]) == {"classical"}


def test_one_model_needs_no_name(screen):
    result = compare(Numbers(), screen.X, screen.y, schemes="drug", n_splits=2)
    assert "Numbers" in set(result.table["model"])


def test_a_naive_model_that_is_passed_is_compared_once(screen):
    models = [DrugMean(), Numbers()]
    result = compare(models, screen.X, screen.y, schemes="drug", n_splits=2)
    assert (result.table["model"] == "DrugMean").sum() == 1
    with pytest.raises(InputError, match="'DrugMean' is the name of a naive model"):
        compare({"DrugMean": Numbers()}, screen.X, screen.y)


def test_each_seed_is_set_wherever_there_is_a_random_state(screen):
    model = VotingRegressor([("one", Numbers(1.0)), ("other", Numbers(2.0, None, 7))])
    result = compare(
        {"two": model, "one": DummyRegressor()},
        screen.X,
        screen.y,
        schemes=["cell"],
        n_splits=2,
        n_folds=1,
        seeds=(3, 5),
    )
    assert sorted(Numbers.fits) == [(1.0, 3), (1.0, 5), (2.0, 3), (2.0, 5)]
    seeds = result.table.set_index("model")["n_seeds"]
    assert seeds["two"] == 2
    assert seeds["one"] == 1
    assert model.estimators[1][1].random_state == 7


def test_seeds_reach_nested_models_but_no_splitters():
    forest = BaggingRegressor(RandomForestRegressor())
    assert set(list_seeds(forest)) == {"random_state", "estimator__random_state"}
    searched = sklearn_csg2a.ResidualRegressor(
        Ridge(), RandomForestRegressor(), cv=KFold(2, shuffle=True, random_state=1)
    )
    assert "cv__random_state" not in list_seeds(searched)


def test_finished_fits_are_read_from_the_store(screen, tmp_path):
    store = tmp_path / "results" / "mine.csv"
    settings = {"schemes": ["cell", "drug"], "n_splits": 2, "store": store}
    first = compare({"one": Numbers(1.0)}, screen.X, screen.y, **settings)
    assert len(Numbers.fits) == 4
    again = compare({"one": Numbers(1.0)}, screen.X, screen.y, **settings)
    assert len(Numbers.fits) == 4
    pd.testing.assert_frame_equal(again.folds, first.folds)
    compare({"one": Numbers(2.0)}, screen.X, screen.y, **settings)
    assert len(Numbers.fits) == 8
    compare({"one": Numbers(2.0)}, screen.X, screen.y + 1, **settings)
    assert len(Numbers.fits) == 12


def test_a_store_keeps_fits_of_other_settings_and_tables(screen, tmp_path):
    settings = {"schemes": ["drug"], "n_splits": 2, "store": tmp_path / "mine.csv"}
    for value, y in ((1.0, screen.y), (2.0, screen.y), (1.0, screen.y + 1)):
        compare({"one": Numbers(value)}, screen.X, y, **settings)
    assert len(Numbers.fits) == 6
    back = compare({"one": Numbers(1.0)}, screen.X, screen.y, **settings)
    assert len(Numbers.fits) == 6
    assert back.folds.groupby("model")["fold"].count()["one"] == 2


def test_results_are_the_same_with_and_without_a_store(screen, tmp_path):
    settings = {"schemes": ["drug"], "n_splits": 2}
    stored = compare(
        Numbers(), screen.X, screen.y, **settings, store=tmp_path / "mine.csv"
    )
    kept = compare(Numbers(), screen.X, screen.y, **settings)
    varying = [c for c in kept.folds.columns if not c.endswith("_seconds")]
    pd.testing.assert_frame_equal(stored.folds[varying], kept.folds[varying])


def test_a_store_that_is_another_file_is_refused(screen, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="not a file of stored results"):
        compare(Numbers(), screen.X, screen.y, store=other)
    with pytest.raises(InputError, match="is a folder"):
        compare(Numbers(), screen.X, screen.y, store=tmp_path)


def test_a_model_that_cannot_be_fitted_is_named_and_the_others_are_compared(screen):
    models = {
        "broken": Numbers(error=RuntimeError("no such luck")),
        "nan": Numbers(float("nan")),
        "fine": Numbers(),
    }
    with pytest.warns(UserWarning, match="broken failed in 2 fits") as caught:
        result = compare(models, screen.X, screen.y, schemes=["drug"], n_splits=2)
    assert len(caught) == 1
    assert "fine" in set(result.table["model"])
    assert set(result.failures["model"]) == {"broken", "nan"}
    assert len(result.failures) == 4
    assert result.failures["error"].str.contains("not finite").sum() == 2


def test_failed_fits_are_tried_again(screen, tmp_path):
    settings = {"schemes": ["drug"], "n_splits": 2, "store": tmp_path / "mine.csv"}
    with pytest.warns(UserWarning, match="no such luck"):
        compare(
            {"one": Numbers(error=RuntimeError("no such luck"))},
            screen.X,
            screen.y,
            **settings,
        )
    result = compare({"one": Numbers()}, screen.X, screen.y, **settings)
    assert result.failures.empty


def test_ctrl_c_stops_and_keeps_what_is_stored(screen, tmp_path):
    store = tmp_path / "mine.csv"
    models = {"fine": Numbers(), "stopped": Numbers(error=KeyboardInterrupt())}
    with pytest.raises(KeyboardInterrupt):
        compare(models, screen.X, screen.y, schemes=["drug"], n_splits=2, store=store)
    assert set(pd.read_csv(store)["model"]) == NAIVE | OF_TISSUES | {"fine"}
    fits = len(Numbers.fits)
    compare(
        {"fine": Numbers()}, screen.X, screen.y, schemes="drug", n_splits=2, store=store
    )
    assert len(Numbers.fits) == fits + 1


def test_columns_of_other_names_are_read(screen):
    names = {"cell_line": "DepMap_ID", "smiles": "SMILES"}
    X = screen.X.rename(columns=names)
    settings = {"schemes": ["cell"], "n_splits": 2}
    model = PairFeatures(screen.expression, columns=names)
    renamed = compare(
        make_pipeline(model, Ridge()), X, screen.y, columns=names, **settings
    )
    plain = compare(
        make_pipeline(PairFeatures(screen.expression), Ridge()),
        screen.X,
        screen.y,
        **settings,
    )
    pd.testing.assert_series_equal(renamed.table["rmse"], plain.table["rmse"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": np.zeros((3, 2))}, InputError, "X as a DataFrame"),
        ({"columns": {"cell_line": "DepMap"}}, InputError, "'DepMap'"),
        ({"schemes": ["drugs"]}, InputError, "Unknown scheme 'drugs'"),
        ({"schemes": []}, InputError, "schemes is empty"),
        ({"n_folds": 0}, InputError, "n_folds must be at least 1"),
        ({"schemes": None}, InputError, "Unknown scheme 'NoneType'"),
        ({"schemes": [KFold(2), KFold(3)]}, InputError, "same name: 'KFold'"),
        ({"schemes": "drug", "n_splits": 99}, InputError, "Scheme 'drug': Cannot"),
        ({"seeds": ()}, InputError, "seeds must be integers"),
        ({"seeds": None}, InputError, "seeds must be integers"),
        ({"seeds": (0.5,)}, InputError, "seeds must be integers"),
        ({"ceiling": -1.0}, InputError, "must not be negative"),
        ({"models": {}}, InputError, "at least one model"),
        ({"models": Ridge}, InputError, "not a class"),
        ({"models": {"x": "ridge"}}, InputError, "x: 'ridge'"),
        ({"models": {1: Ridge(), "1": Ridge()}}, InputError, "same name: '1'"),
        ({"models": DummyClassifier()}, InputError, "DummyClassifier, a classifier"),
        (
            {"models": {"k": make_pipeline("passthrough", KMeans())}},
            InputError,
            "KMeans, a clusterer",
        ),
        ({"models": PairFeatures()}, InputError, "model 0: PairFeatures."),
        ({"y": [1.0]}, InputError, "1"),
    ],
)
def test_what_cannot_be_compared_is_refused(screen, change, error, message):
    given = {"models": Numbers(), "X": screen.X, "y": screen.y} | change
    with pytest.raises(error, match=re.escape(message)):
        compare(given.pop("models"), given.pop("X"), given.pop("y"), **given)


def test_a_table_without_cells_or_with_wrong_compounds_is_refused(screen):
    with pytest.raises(InputError, match="'cell_line'"):
        compare(Numbers(), screen.X.drop(columns="cell_line"), screen.y)
    wrong = screen.X.assign(smiles="no compound")
    with pytest.raises(InvalidSmilesError, match="no compound"):
        compare(Numbers(), wrong, screen.y)


def test_tables_without_tissues_have_no_naive_model_of_them(screen):
    X = screen.X.drop(columns="tissue")
    result = compare(Numbers(), X, screen.y, schemes=["cell"], n_splits=2)
    assert set(result.table["model"]) == NAIVE | {"Numbers"}


def test_splitters_of_ones_own_are_schemes(screen):
    schemes = {
        "rows": KFold(2, shuffle=True, random_state=0),
        "cells": CellBlindKFold(2),
        "tissue": "tissue",
    }
    result = compare(Numbers(), screen.X, screen.y, schemes=schemes, n_splits=2)
    naive = result.table.groupby("scheme")["naive_model"].first()
    assert naive.to_dict() == {
        "rows": "MeanEffects",
        "cells": "MeanEffects",
        "tissue": "DrugMean",
    }


def test_a_splitter_needs_no_name_and_may_be_a_list_of_splits(screen):
    bare = compare(Numbers(), screen.X, screen.y, schemes=CellBlindKFold(2))
    splits = list(CellBlindKFold(2).split(screen.X))
    listed = compare(Numbers(), screen.X, screen.y, schemes={"mine": splits})
    assert bare.table["scheme"].unique().tolist() == ["CellBlindKFold"]
    assert listed.table["rmse"].tolist() == bare.table["rmse"].tolist()


def test_a_splitter_that_needs_groups_is_told_what_to_give_instead(screen):
    with pytest.raises(InputError, match=r"ClusterBlindKFold\(by=<column>\)"):
        compare(Numbers(), screen.X, screen.y, schemes={"mine": GroupKFold(2)})


def test_a_scheme_that_a_table_cannot_have_is_named(screen):
    X = screen.X[screen.X["smiles"] == screen.X["smiles"].iloc[0]]
    with pytest.raises(InputError, match=r"'drug'.*compound ids.*leave this scheme"):
        compare(Numbers(), X, screen.y[X.index], schemes=["cell", "drug"], n_splits=2)


def test_models_may_be_pairs_of_names_or_any_iterable(screen):
    settings = {"schemes": ["cell"], "n_splits": 2}
    pairs = compare(
        [("a", Numbers()), ("b", Numbers(1.0))], screen.X, screen.y, **settings
    )
    assert {"a", "b"} < set(pairs.table["model"])
    values = {"x": Numbers(1.0)}.values()
    assert "Numbers" in set(
        compare(values, screen.X, screen.y, **settings).table["model"]
    )


def test_meta_estimators_without_predict_before_fit_are_compared(screen):
    ridge = make_pipeline(PairFeatures(screen.expression), Ridge())
    stack = StackingRegressor([("ridge", ridge)], cv=2)
    result = compare(stack, screen.X, screen.y, schemes=["cell"], n_splits=2)
    assert "StackingRegressor" in set(result.table["model"])


def test_a_regressor_of_numbers_is_told_what_it_needs(screen):
    with pytest.warns(UserWarning, match="Put PairFeatures before"):
        compare(Ridge(), screen.X, screen.y, schemes=["cell"], n_splits=2)


def test_a_ceiling_says_how_much_of_the_way_is_gone(screen):
    settings = {"schemes": ["drug"], "n_splits": 2}
    kernel = PairwiseKernelRidge(expression=screen.expression)
    none = compare(kernel, screen.X, screen.y, **settings)
    assert none.noise is None
    assert none.table["ceiling_share"].isna().all()
    given = compare(kernel, screen.X, screen.y, **settings, ceiling=0.5)
    folds = given.folds
    reach = 1 - (0.5 / folds["naive_rmse"]) ** 2
    np.testing.assert_allclose(folds["ceiling_share"], folds["skill"] / reach)
    fields = dict.fromkeys(NoiseCeiling.__dataclass_fields__, 1.0) | {"noise": 0.5}
    same = compare(
        kernel, screen.X, screen.y, **settings, ceiling=NoiseCeiling(**fields)
    )
    pd.testing.assert_frame_equal(
        same.table.drop(columns="fit_seconds"), given.table.drop(columns="fit_seconds")
    )


def test_the_ceiling_is_estimated_from_replicates(screen):
    rng = np.random.default_rng(0)
    X = pd.concat([screen.X, screen.X], ignore_index=True)
    y = np.tile(screen.y, 2) + rng.normal(scale=0.3, size=len(X))
    result = compare(Numbers(), X, y, schemes=["drug"], n_splits=2)
    assert result.noise == pytest.approx(0.3, rel=0.2)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_backends_of_joblib_give_the_same_results(screen, backend):
    ridge = make_pipeline(PairFeatures(screen.expression), Ridge())
    settings = {"schemes": ["drug", "cell"], "n_splits": 2}
    alone = compare(ridge, screen.X, screen.y, **settings)
    with joblib.parallel_config(backend, n_jobs=2):
        together = compare(ridge, screen.X, screen.y, **settings)
    varying = [c for c in alone.folds.columns if not c.endswith("_seconds")]
    pd.testing.assert_frame_equal(together.folds[varying], alone.folds[varying])


@pytest.mark.changes_global_random_state  # by Dask
def test_a_cluster_of_dask_gives_the_same_results(screen):
    distributed = pytest.importorskip("distributed")
    ridge = make_pipeline(PairFeatures(screen.expression), Ridge())
    settings = {"schemes": ["drug"], "n_splits": 2}
    alone = compare(ridge, screen.X, screen.y, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=1,
                threads_per_worker=2,
                processes=False,
                dashboard_address=None,
            ) as cluster,
            distributed.Client(cluster),
            joblib.parallel_config("dask"),
        ):
            together = compare(ridge, screen.X, screen.y, **settings)
    varying = [c for c in alone.folds.columns if not c.endswith("_seconds")]
    pd.testing.assert_frame_equal(together.folds[varying], alone.folds[varying])


def test_comparison_prints_its_main_columns(judged):
    text = repr(judged)
    assert "ridge" in text
    assert "skill" in text


@pytest.mark.slow
def test_plot_and_page_are_made(judged, tmp_path):
    import matplotlib as mpl

    mpl.use("Agg")
    ax = judged.plot()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels.count("ridge") == 4
    assert judged.plot(ax) is ax
    page = judged.report(tmp_path / "page.html")
    assert "ridge" in page.read_text("utf-8")


def test_the_page_says_each_scheme_in_a_sentence_and_what_each_model_is(
    judged, tmp_path
):
    page = judged.report(tmp_path / "page.html").read_text("utf-8")
    first, *folded = page.partition("<main>")[2].split("<details")
    assert len(re.findall(r"<article>", first)) == 4
    for sentence in re.findall(r"<p>(.*?)</p>", first):
        assert re.search(r"has the lowest RMSE|No model beats", sentence)
    assert "<table" not in first
    assert all("<table" in part for part in folded[:5])
    assert "PairFeatures → Ridge" in folded[0]
    assert "mean of the compound" in folded[0]
    assert len(page) < 2_000_000


def test_the_page_shows_the_noise_and_says_what_failed(screen, tmp_path):
    models = {"fine": Numbers(), "broken": Numbers(error=RuntimeError("no luck"))}
    with pytest.warns(UserWarning, match="no luck"):
        result = compare(
            models, screen.X, screen.y, schemes=["drug"], n_splits=2, ceiling=0.25
        )
    page = result.report(tmp_path / "page.html").read_text("utf-8")
    assert "broken failed in 2 fits, first in drug, fold 0: RuntimeError" in page
    assert "the noise of a measurement (0.25)" in page
    assert "noise of a measurement 0.250" in page


def test_an_error_below_the_noise_is_no_share_of_the_way_to_it(screen, tmp_path):
    kernel = PairwiseKernelRidge(expression=screen.expression)
    settings = {"schemes": ["mixed"], "n_splits": 3, "ceiling": 1.15}
    result = compare(kernel, screen.X, screen.y, **settings)
    share = result.table.set_index("model").loc["PairwiseKernelRidge", "ceiling_share"]
    page = result.report(tmp_path / "page.html").read_text("utf-8")
    assert share > 1
    assert "its error is below the noise that was assumed" in page
