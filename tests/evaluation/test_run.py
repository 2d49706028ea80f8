"""Comparing models: what is finished is kept, and all see the same folds."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sklearn_csg2a
from sklearn_csg2a import ResidualRegressor, baselines
from sklearn_csg2a.baselines import GlobalMean
from sklearn_csg2a.metrics import rmse

run = pytest.importorskip(
    "benchmarks.run", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
models = pytest.importorskip("benchmarks.models.registry")
progress = pytest.importorskip("sklearn_csg2a.evaluation.progress")
report_data = pytest.importorskip("sklearn_csg2a.evaluation.panels")
store = pytest.importorskip("sklearn_csg2a.evaluation.store")

LADDER = list(models.NAIVE)


class CountedMean(GlobalMean):
    """A model that counts its fits and fails when told to."""

    n_fits = 0
    error = None

    def __init__(self, *, shift=0.0, columns=None, on_invalid_smiles="raise"):
        super().__init__(columns=columns, on_invalid_smiles=on_invalid_smiles)
        self.shift = shift

    def fit(self, X, y):
        if CountedMean.error is not None and CountedMean.n_fits == 1:
            raise CountedMean.error
        CountedMean.n_fits += 1
        return super().fit(X, y)


@pytest.fixture
def counted(monkeypatch):
    """Register a model and return its class; its parameter `shift` can be changed."""
    monkeypatch.setattr(CountedMean, "n_fits", 0)
    monkeypatch.setattr(CountedMean, "error", None)
    monkeypatch.setitem(
        models.MODELS, "counted", lambda data, scheme, seed: CountedMean()
    )
    return CountedMean


def _rows(folder):
    with (folder / "screen.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_all_models_of_a_fold_have_the_same_split_hash(benchmark):
    assert benchmark("--schemes", "mixed", "disjoint", "--models", "naive") == 0
    rows = _rows(benchmark.folder)
    assert len(rows) == 2 * 3 * len(LADDER)
    hashes = {}
    for row in rows:
        hashes.setdefault((row["scheme"], row["fold"]), set()).add(row["split_hash"])
    assert all(len(found) == 1 for found in hashes.values())
    assert len(set.union(*hashes.values())) == len(hashes) == 6


def test_a_half_trained_network_is_never_stored(benchmark, monkeypatch):
    class Interrupted(GlobalMean):
        interrupted_ = True

    def make(data, scheme, seed):
        return ResidualRegressor(GlobalMean(), Interrupted(), random_state=seed)

    monkeypatch.setitem(models.MODELS, "interrupted", make)
    assert benchmark("--models", "interrupted", "--folds", 1) == 130
    assert not (benchmark.folder / "screen.csv").exists()


def test_split_naive_model_has_no_skill_over_itself(benchmark):
    benchmark("--models", "naive", "--folds", 1)
    own = [row for row in _rows(benchmark.folder) if row["model"] == row["naive_model"]]
    assert {row["scheme"] for row in own} == {"mixed", "cell", "drug", "disjoint"}
    assert all(float(row["skill"]) == 0 for row in own)


def test_early_stopping_holds_out_rows_as_the_scheme_does(benchmark, monkeypatch):
    settings = {"max_epochs": 1, "hidden_dim": 4, "head_hidden": (8,)}
    monkeypatch.setitem(models.SCHEME_SETTINGS, "drug", settings)
    benchmark("--schemes", "drug", "--models", "csg2a", "--folds", 1)
    (row,) = _rows(benchmark.folder)
    assert row["epochs"] == row["best_epoch"] == "1"
    assert int(row["n_parameters"]) > 0
    validation = json.loads(row["settings"])["validation"]
    assert validation.startswith("DrugBlindKFold(")
    assert "random_state=1" in validation


def test_predictions_give_back_the_stored_error(benchmark):
    benchmark("--schemes", "cell", "--models", "DrugMean", "--folds", 1)
    (row,) = _rows(benchmark.folder)
    (path,) = benchmark.predictions.iterdir()
    with np.load(path) as arrays:
        found = rmse(arrays["y_true"], arrays["y_pred"])
        assert len(arrays["row"]) == int(row["n_test"])
    assert found == pytest.approx(float(row["rmse"]), rel=1e-5)


def test_what_is_stored_is_not_run_again(benchmark, counted):
    arguments = ["--schemes", "mixed", "--models", "counted"]
    benchmark(*arguments, "--folds", 2)
    before = (benchmark.folder / "screen.csv").read_bytes()
    benchmark(*arguments, "--folds", 2)
    assert (benchmark.folder / "screen.csv").read_bytes() == before
    assert counted.n_fits == 2
    benchmark(*arguments, "--folds", 3)
    assert counted.n_fits == 3
    benchmark(*arguments, "--folds", 3, "--again")
    assert counted.n_fits == 6


def test_other_settings_of_a_model_replace_its_results(benchmark, counted, monkeypatch):
    arguments = ["--schemes", "mixed", "--models", "counted", "--folds", 1]
    benchmark(*arguments)
    (before,) = _rows(benchmark.folder)
    monkeypatch.setitem(
        models.MODELS, "counted", lambda data, scheme, seed: CountedMean(shift=1.0)
    )
    benchmark(*arguments)
    (after,) = _rows(benchmark.folder)
    assert counted.n_fits == 2
    assert before["config_hash"] != after["config_hash"]
    assert after["settings"] == '{"shift": 1.0}'


def test_changed_folds_are_refused_until_their_manifest_is_deleted(
    benchmark, counted, monkeypatch, capsys
):
    arguments = ["--schemes", "mixed", "--models", "counted", "--folds", 1]
    benchmark(*arguments, "--models", "counted", "GlobalMean")
    monkeypatch.setattr("sklearn_csg2a.evaluation.folds.TEST_SEED", 7)
    (manifest,) = benchmark.folder.glob("*_folds.csv")
    before = manifest.read_bytes()
    assert benchmark(*arguments) == 1
    assert "_folds.csv: mixed 0 of 10" in capsys.readouterr().err
    assert manifest.read_bytes() == before
    assert counted.n_fits == 1
    manifest.unlink()
    benchmark(*arguments)
    assert counted.n_fits == 2
    results, notes = report_data.read_results(benchmark.folder, "screen")
    assert list(results["model"]) == ["counted"]
    assert notes[0].startswith("1 results were omitted: their folds (`split_hash`)")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit("killed")])
def test_a_stopped_run_is_continued(benchmark, counted, error):
    arguments = ["--schemes", "mixed", "--models", "counted", "--folds", 3]
    counted.error = error
    if isinstance(error, KeyboardInterrupt):
        assert benchmark(*arguments) == 130
    else:
        with pytest.raises(SystemExit):
            benchmark(*arguments)
    assert [row["fold"] for row in _rows(benchmark.folder)] == ["0"]
    counted.error = None
    assert benchmark(*arguments) == 0
    assert [row["fold"] for row in _rows(benchmark.folder)] == ["0", "1", "2"]
    assert counted.n_fits == 3


def test_failed_model_is_reported_and_the_others_are_run(benchmark, counted, capsys):
    counted.error = ValueError("no such luck")
    status = benchmark(
        "--schemes", "mixed", "--models", "counted", "GlobalMean", "--folds", 2
    )
    assert status == 1
    assert "counted seed 0 failed. ValueError: no such luck" in capsys.readouterr().err
    finished = {(row["model"], row["fold"]) for row in _rows(benchmark.folder)}
    assert finished == {("GlobalMean", "0"), ("GlobalMean", "1"), ("counted", "0")}


def test_unknown_model_is_refused_with_the_known_ones(benchmark, capsys):
    with pytest.raises(SystemExit):
        benchmark("--models", "oracle")
    message = capsys.readouterr().err
    assert "Unknown model or group 'oracle'" in message
    assert "naive, GlobalMean" in message


def test_models_without_a_seed_are_run_once(benchmark, counted):
    names = ["--models", "GlobalMean", "counted"]
    benchmark("--schemes", "cell", *names, "--folds", 1, "--seeds", 3, 4)
    found = sorted((row["model"], row["seed"]) for row in _rows(benchmark.folder))
    assert found == [("GlobalMean", "0"), ("counted", "3"), ("counted", "4")]


def test_rows_of_unknown_tissue_are_a_tissue(monkeypatch):
    def load(data_home):
        screen = data_module.load_screen(data_home)
        screen.X.loc[:4, "tissue"] = None
        return screen

    monkeypatch.setitem(data_module.LOADERS, "holes", load)
    tissue = data_module.load_data("holes").X["tissue"]
    assert tissue.iloc[:5].eq("unknown").all()
    assert tissue.notna().all()


def test_split_hash_depends_on_the_ids_and_not_on_their_order():
    manifest = pytest.importorskip("sklearn_csg2a.evaluation.folds")
    ids = np.array(["a", "b", "c", "d"])
    given = manifest.hash_split(ids, np.array([0, 1]), np.array([2, 3]))
    assert given == manifest.hash_split(ids, np.array([1, 0]), np.array([3, 2]))
    assert given != manifest.hash_split(ids, np.array([2, 3]), np.array([0, 1]))
    assert given != manifest.hash_split(ids, np.array([0]), np.array([1, 2, 3]))


def test_pretrained_file_is_part_of_the_configuration(tmp_path):
    path = tmp_path / "model.csg2a"
    hashes = []
    for content in (b"one", b"two", b"one"):
        path.write_bytes(content)
        make = models.DrugResponseRegressor
        hashes.append(models.config_hash(make(pretrained=str(path))))
    assert hashes[0] == hashes[2] != hashes[1]


# The hash of each estimator as it is made without arguments.
HASHES = {
    "DrugResponseRegressor": "6b224bd93013",
    "PerturbationRegressor": "74a5d1647486",
    "RandomForestResponse": "c353381eebee",
    "SVMResponse": "347d321f5e89",
    "GradientBoostingResponse": "066db5cab7e0",
    "PairwiseKernelRidge": "71d8083211d1",
}


@pytest.mark.parametrize("name", HASHES)
def test_configurations_are_those_of_the_stored_results(name):
    """A new parameter or default changes them: see ADDED_LATER in registry.py."""
    owner = baselines if hasattr(baselines, name) else sklearn_csg2a
    assert models.config_hash(getattr(owner, name)())[:12] == HASHES[name]


def test_parameters_added_later_keep_results_valid(monkeypatch):
    """Their former value is left out of the hash; any other value is in it."""
    make = models.DrugResponseRegressor
    with_it = models.config_hash(make())
    assert models.config_hash(make(train_encoder=True)) != with_it
    monkeypatch.setattr(models, "ADDED_LATER", {})
    assert models.config_hash(make()) != with_it


def test_precision_of_the_products_is_not_part_of_the_configuration():
    """It is chosen by the processor; results of any other machine stay valid."""
    make = models.DrugResponseRegressor
    low, full = make(precision="bf16"), make(precision="float32")
    assert models.config_hash(low) == models.config_hash(full)


def test_time_left_is_what_each_model_took_so_far():
    stored = [{"model": "GlobalMean", "fit_seconds": "60"}]

    class Waiting:
        model = "GlobalMean"

    stream = io.StringIO()
    line = progress.Progress([Waiting(), Waiting()], stored, jobs=1, stream=stream)
    assert line.time_left() == "about 0:02:00 left"
    line.jobs = 2
    assert line.time_left() == "about 0:01:00 left"


@pytest.mark.parametrize("name", ["run", "transfer", "transfer_curves", "perturbation"])
def test_P32_ctrl_c_while_a_program_is_being_loaded_ends_it(name, tmp_path):
    interrupting = tmp_path / "sklearn"  # found first, when scikit-learn is imported
    interrupting.mkdir()
    (interrupting / "__init__.py").write_text(
        "import signal, time\nsignal.raise_signal(signal.SIGINT)\ntime.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, str(Path(run.__file__).with_name(f"{name}.py"))],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert "start again to continue" in done.stderr
    assert "Traceback" not in done.stderr
