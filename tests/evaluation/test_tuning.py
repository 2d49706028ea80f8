"""Tuning: an equal budget, judged inside the fold, kept candidate by candidate."""

from __future__ import annotations

import csv
import json
from typing import ClassVar

import numpy as np
import pytest

from sklearn_csg2a.baselines import GlobalMean
from sklearn_csg2a.exceptions import DivergedError

run = pytest.importorskip(
    "benchmarks.run", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
manifest = pytest.importorskip("sklearn_csg2a.evaluation.folds")
models = pytest.importorskip("benchmarks.models.registry")
spaces = pytest.importorskip("benchmarks.models.spaces")

CELLS = ["--schemes", "cell", "--models", "shifted", "--folds", 1]


class Shifted(GlobalMean):
    """The mean and a shift; remembers the rows that it is given."""

    fits: ClassVar[list] = []
    predictions: ClassVar[list] = []
    errors: ClassVar[dict] = {}  # error by number of the fit

    def __init__(self, *, shift=2.0, columns=None, on_invalid_smiles="raise"):
        super().__init__(columns=columns, on_invalid_smiles=on_invalid_smiles)
        self.shift = shift

    def fit(self, X, y):
        Shifted.fits.append((self.shift, set(X.index)))
        if (error := Shifted.errors.pop(len(Shifted.fits), None)) is not None:
            raise error
        return super().fit(X, y)

    def predict(self, X):
        Shifted.predictions.append((self.shift, set(X.index)))
        return super().predict(X) + self.shift


@pytest.fixture(autouse=True)
def _shifted(monkeypatch):
    """Register a model that is best without a shift, and what is tried."""
    monkeypatch.setattr(Shifted, "fits", [])
    monkeypatch.setattr(Shifted, "predictions", [])
    monkeypatch.setattr(Shifted, "errors", {})
    monkeypatch.setitem(models.MODELS, "shifted", lambda *given: Shifted())
    monkeypatch.setitem(spaces.SPACES, "shifted", {"shift": [0.0, 3.0, 5.0, 9.0]})


def _read(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _results(benchmark):
    return _read(benchmark.folder / "screen.csv")


def _scores(benchmark):
    return _read(benchmark.folder / "screen_tuning.csv")


def test_best_candidate_is_fitted_to_all_training_rows(benchmark):
    assert benchmark(*CELLS, "--tune", 5) == 0
    (row,) = _results(benchmark)
    scores = _scores(benchmark)
    assert row["model"] == "shifted_tuned"
    assert json.loads(row["settings"]) == {"shift": 0.0}
    assert [score["candidate"] for score in scores] == list("01234")
    assert scores[0]["changes"] == "{}"
    best = min(scores, key=lambda score: float(score["rmse"]))
    assert (row["candidate"], row["inner_rmse"]) == (best["candidate"], best["rmse"])
    assert row["n_candidates"] == "5"
    last_shift, last_rows = Shifted.fits[-1]
    assert (last_shift, len(last_rows)) == (0.0, int(row["n_train"]))


@pytest.mark.parametrize("scheme", ["mixed", "cell", "drug", "disjoint", "random811"])
def test_no_candidate_sees_a_test_row(benchmark, scheme):
    benchmark("--schemes", scheme, "--models", "shifted", "--folds", 1, "--tune", 2)
    data = data_module.load_data("screen")
    (fold,) = manifest.make_folds(data, [scheme], 10, 1)
    test = set(fold.test)
    *judged, final = zip(Shifted.fits, Shifted.predictions, strict=True)
    assert len(judged) == 2
    for (_, fitted), (_, predicted) in judged:
        assert not test & (fitted | predicted)
        assert not fitted & predicted
    assert final[1][1] == test
    assert not test & final[0][1]


@pytest.mark.parametrize("scheme", ["cell", "drug", "disjoint"])
def test_candidates_are_judged_on_what_is_new_alike(scheme):
    data = data_module.load_data("screen")
    (fold,) = manifest.make_folds(data, [scheme], 10, 1)
    inner = manifest.inner_fold(data, fold)
    train, test = data.X.iloc[inner.train], data.X.iloc[inner.test]
    for column, kinds in {"cell_line": "cell", "smiles": "drug"}.items():
        if scheme in {kinds, "disjoint"}:
            assert not set(train[column]) & set(test[column])


@pytest.mark.parametrize("at", [2, 4])
def test_a_stopped_search_is_continued(benchmark, at):
    Shifted.errors[at] = KeyboardInterrupt()
    assert benchmark(*CELLS, "--tune", 3) == 130
    assert len(_scores(benchmark)) == at - 1
    before = len(Shifted.fits)
    assert benchmark(*CELLS, "--tune", 3) == 0
    assert len(Shifted.fits) - before == 4 - (at - 1)
    assert len(_results(benchmark)) == 1
    benchmark(*CELLS, "--tune", 3)
    assert len(Shifted.fits) - before == 4 - (at - 1)


def test_larger_budget_adds_to_the_candidates_of_a_smaller_one(benchmark):
    benchmark(*CELLS, "--tune", 2)
    benchmark(*CELLS, "--tune", 4)
    assert len(Shifted.fits) == (2 + 1) + (2 + 1)
    (row,) = _results(benchmark)
    assert row["n_candidates"] == "4"


def test_candidate_that_diverges_is_the_worst(benchmark):
    Shifted.errors[2] = DivergedError("loss is nan")
    assert benchmark(*CELLS, "--tune", 3) == 0
    scores = _scores(benchmark)
    assert (scores[1]["rmse"], scores[1]["error"]) == ("", "loss is nan")
    assert _results(benchmark)[0]["candidate"] != "1"


def test_candidate_that_fails_is_tried_again(benchmark, capsys):
    Shifted.errors[2] = MemoryError("no room")
    assert benchmark(*CELLS, "--tune", 3) == 1
    assert "1 of 3 candidates have no score" in capsys.readouterr().err
    assert len(_scores(benchmark)) == 2
    assert benchmark(*CELLS, "--tune", 3) == 0
    assert len(_scores(benchmark)) == 3


def test_naive_models_are_run_as_they_are(benchmark):
    arguments = ["--models", "GlobalMean", "shifted", "--tune", 2]
    benchmark("--schemes", "cell", "--folds", 1, *arguments)
    found = {row["model"]: row["n_candidates"] for row in _results(benchmark)}
    assert found == {"GlobalMean": "", "shifted_tuned": "2"}


def test_model_without_a_space_is_refused(benchmark, monkeypatch, capsys):
    monkeypatch.delitem(spaces.SPACES, "shifted")
    with pytest.raises(SystemExit):
        benchmark(*CELLS, "--tune", 2)
    assert "shifted has no search space" in capsys.readouterr().err


def test_space_with_too_few_configurations_is_refused(benchmark, capsys):
    with pytest.raises(SystemExit):
        benchmark(*CELLS, "--tune", 6)
    assert "fewer than 5 configurations" in capsys.readouterr().err


def test_every_model_can_be_made_with_each_of_its_candidates():
    data = data_module.load_data("screen")
    for model in models.MODELS:
        if model in models.NAIVE:
            continue
        default, *others = spaces.draw_candidates(model, 4)
        assert default == {}
        assert others[:2] == spaces.draw_candidates(model, 3)[1:]
        for changes in others:
            made = models.MODELS[model](data, "mixed", 0).set_params(**changes)
            for name, value in changes.items():
                assert made.get_params()[name] == value


def test_logarithms_are_drawn_evenly():
    drawn = [
        spaces.LogUniform(0.01, 100.0).draw(np.random.RandomState(k))
        for k in range(300)
    ]
    assert 0.01 <= min(drawn) < 0.05
    assert 20 < max(drawn) <= 100
    assert 0.3 < np.median(drawn) < 3
