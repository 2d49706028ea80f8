"""Pretraining is compared on equal terms, and what it has seen is counted."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

transfer = pytest.importorskip(
    "benchmarks.transfer", reason="the benchmarks folder is not importable"
)
transfer_data = pytest.importorskip("benchmarks.data.transfer")
data_module = pytest.importorskip("benchmarks.data.load")
lincs_module = pytest.importorskip("benchmarks.data.lincs")
models = pytest.importorskip("benchmarks.models.registry")
pretraining = pytest.importorskip("benchmarks.models.pretraining")
transfer_summary = pytest.importorskip("benchmarks.studies.transfer_summary")

SMALL = {"max_epochs": 1, "hidden_dim": 4, "head_hidden": (8,), "batch_size": 256}


@pytest.fixture(scope="module")
def data():
    """A simulated screen whose first ten compounds are among the profiles."""
    screen = data_module.load_screen(None)
    made = lincs_module.make_profiles(
        screen.perturbation.X.assign(cell=screen.perturbation.X["cell_line"]),
        screen.perturbation.Y,
        screen.expression,
    )
    profiles = Bunch(
        X=made.X,
        Y=made.Y,
        expression=screen.expression,
        interactome=screen.interactome,
        compound=made.compound,
        ids=made.ids,
        hash=made.hash,
    )
    return transfer_data.make_transfer(
        screen.X, screen.y, screen.expression, screen.interactome, profiles
    )


@pytest.fixture
def benchmark(tmp_path, monkeypatch, data):
    """Run the program on the simulated screen, in folders of this test."""
    monkeypatch.setattr(transfer, "load_transfer", lambda *_: data)
    monkeypatch.setattr(transfer, "RESPONSE", {**SMALL, "dropout": 0.1})
    monkeypatch.setattr(transfer, "PRETRAINING", {"hidden_dim": 4, "max_epochs": 1})

    def call(*arguments):
        folders = ["--results", str(tmp_path / "results")]
        folders += ["--cache", str(tmp_path / "cache")]
        return transfer.main(
            ["--schemes", "drug", *folders, "--folds", "1", *map(str, arguments)]
        )

    call.folder = tmp_path
    return call


def _rows(folder):
    path = folder / "results" / "transfer.csv"
    with path.open(newline="", encoding="utf-8") as lines:
        return {row["model"]: row for row in csv.DictReader(lines)}


def test_all_variants_are_judged_on_one_fold(benchmark, capsys):
    assert benchmark() == 0
    rows = _rows(benchmark.folder)
    assert set(rows) == {*models.NAIVE, *transfer.VARIANTS}
    assert len({row["split_hash"] for row in rows.values()}) == 1
    assert len({rows[name]["config_hash"] for name in transfer.VARIANTS}) == 5
    text = capsys.readouterr().out
    assert "Difference from the network without pretraining" in text
    assert (benchmark.folder / "results" / "transfer.md").read_text() in text


def test_strict_pretraining_has_seen_no_test_compound(benchmark):
    benchmark("--variants", "plain_frozen", "strict_frozen")
    rows = _rows(benchmark.folder)
    plain, strict = rows["plain_frozen"], rows["strict_frozen"]
    assert int(plain["test_compounds_seen"]) > 0
    assert strict["test_compounds_seen"] == "0"
    assert strict["audit"] == "clean"
    assert "seen in pretraining" in plain["audit"]
    assert int(strict["pretraining_profiles"]) < int(plain["pretraining_profiles"])


def test_stored_results_and_models_are_not_made_again(benchmark, monkeypatch):
    benchmark("--variants", "scratch", "plain_frozen")
    before = (benchmark.folder / "results" / "transfer.csv").read_bytes()

    def refuse(*given):
        pytest.fail("fitted again")

    monkeypatch.setattr(transfer, "evaluate", refuse)
    assert benchmark("--variants", "scratch", "plain_frozen") == 0
    assert (benchmark.folder / "results" / "transfer.csv").read_bytes() == before


def test_frozen_and_tuned_start_from_one_pretraining(benchmark):
    benchmark("--variants", "plain_frozen", "plain_tuned")
    assert len(list((benchmark.folder / "cache" / "pretrained").glob("*.csg2a"))) == 1


def test_excluded_compounds_are_left_out_in_any_spelling(data):
    first = data.profiles.X["smiles"].iloc[0]
    plan = pretraining.plan_pretraining(
        data.profiles, {}, 0, excluded=pd.Series([f"{first}.Cl"])
    )
    assert 0 < len(plan.X) < len(data.profiles.X)
    assert first not in set(plan.X["smiles"])


def test_profiles_are_scaled_as_untreated_cells_are():
    genes = pd.Index(["A", "B"])
    lincs = Bunch(
        Y=np.array([[3.0, 8.0]]),
        change=np.array([[1.0, -4.0]]),
        genes=genes,
        location=pd.Series([1.0, 4.0], genes),
        scale=pd.Series([2.0, 4.0], genes),
        hash="",
    )
    found = transfer_data.scale_profiles(lincs, ["B", "A"], "perturbed")
    np.testing.assert_allclose(found["Y"], [[1.0, 1.0]])
    changed = transfer_data.scale_profiles(lincs, ["B", "A"], "change")
    np.testing.assert_allclose(changed["Y"], [[-1.0, 0.5]])
    assert changed["hash"] != found["hash"]


def test_cell_lines_are_matched_without_case_and_punctuation():
    names = pd.Series({"ACH-1": "MCF-7", "ACH-2": "A375"})
    found = transfer_data.match_cells(pd.Series(["MCF7", "a375", "HA1E"]), names)
    assert list(found) == ["ACH-1", "ACH-2", "HA1E"]


def test_difference_is_paired_over_folds():
    rmse = {"scratch": [1.0, 2.0, 3.0], "plain_frozen": [0.9, 1.8, 3.1]}
    rows = [
        {
            **dict.fromkeys(transfer_summary.NUMBERS, 1.0),
            "scheme": "drug",
            "n_splits": 10,
            "model": model,
            "fold": fold,
            "rmse": value,
            "audit": "clean",
        }
        for model, values in rmse.items()
        for fold, value in enumerate(values)
    ]
    text = transfer_summary.summarize(pd.DataFrame(rows))
    assert "| plain_frozen | -0.067 (-0.446 to +0.313) | 2 of 3 |" in text


def test_failed_variant_is_reported(benchmark, monkeypatch, capsys):
    def fail(*given):
        raise ValueError("no such luck")

    monkeypatch.setattr(transfer, "pretrain", fail)
    assert benchmark("--variants", "scratch", "plain_frozen") == 1
    assert "plain_frozen 0 failed. ValueError: no such luck" in capsys.readouterr().err
    assert "scratch" in _rows(benchmark.folder)


@pytest.mark.slow
def test_learning_curves_have_a_control_that_never_learned(data, tmp_path, monkeypatch):
    curves = pytest.importorskip("benchmarks.transfer_curves")
    monkeypatch.setattr(curves, "load_transfer", lambda *_: data)
    monkeypatch.setattr(curves, "RESPONSE", {**SMALL, "batch_size": 64, "dropout": 0.1})
    monkeypatch.setattr(curves, "PRETRAINING", {"hidden_dim": 4, "max_epochs": 2})
    monkeypatch.setattr(curves, "N_STEPS", 4)
    call = ["--schemes", "drug", "--folds", "1", "--shares", "0.5", "1"]
    call += ["--results", str(tmp_path / "results"), "--cache", str(tmp_path / "cache")]
    assert curves.main(call) == 0
    with (tmp_path / "results" / "transfer_curves.csv").open() as lines:
        rows = {row["model"]: row for row in csv.DictReader(lines)}
    names = {"PairwiseKernelRidge", *curves.DEFAULT}
    assert set(rows) == {f"{name}@{share}" for name in names for share in ("0.5", "1")}
    half, whole = rows["scratch@0.5"], rows["scratch@1"]
    assert int(half["n_train"]) * 2 == pytest.approx(int(whole["n_train"]), abs=1)
    assert half["n_test"] == whole["n_test"]
    assert half["split_hash"] != whole["split_hash"]
    text = (tmp_path / "results" / "transfer_curves.md").read_text()
    assert "never trained" in text
