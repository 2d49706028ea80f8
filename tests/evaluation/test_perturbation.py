"""The change from control is scored rightly, and the baselines are what they claim."""

from __future__ import annotations

import csv
from functools import partial

import numpy as np
import pandas as pd
import pytest

perturbation = pytest.importorskip(
    "benchmarks.perturbation", reason="the benchmarks folder is not importable"
)
change = pytest.importorskip("benchmarks.models.profiles.baselines")
change_kernel = pytest.importorskip("benchmarks.models.profiles.kernel")
network = pytest.importorskip("benchmarks.models.profiles.network")
data_module = pytest.importorskip("benchmarks.data.load")
lincs = pytest.importorskip("benchmarks.data.lincs")
change_summary = pytest.importorskip("benchmarks.studies.perturbation_summary")

ETHANOL, PROPANOL, BENZENE = "CCO", "CCCO", "c1ccccc1"


@pytest.fixture
def profiles():
    """Six wells of two plates, three genes; the controls are (1, 1, 1), (2, 2, 2)."""
    X = pd.DataFrame(
        {
            "cell_line": ["one", "one", "one", "two", "two", "two"],
            "smiles": [ETHANOL, BENZENE, ETHANOL, "OCC", BENZENE, PROPANOL],
            "cell": ["A375", "A375", "A375", "A375", "A375", "HT115"],
            "plate": ["P1", "P1", "P1", "P2", "P2", "P2"],
            "dose": 10.0,
            "time": 6.0,
        }
    )
    Y = pd.DataFrame(
        [[2, 1, 1], [1, 2, 1], [2, 1, 0], [3, 2, 2], [2, 2, 5], [2, 4, 2]],
        columns=["A", "B", "C"],
        dtype=float,
    )
    controls = pd.DataFrame(
        [[1.0] * 3, [2.0] * 3], index=["one", "two"], columns=["A", "B", "C"]
    )
    return lincs.make_profiles(X, Y, controls)


def test_change_is_what_the_control_leaves(profiles):
    np.testing.assert_array_equal(profiles.change[0], [1, 0, 0])
    np.testing.assert_array_equal(profiles.change[5], [0, 2, 0])


def test_profiles_are_scored_one_by_one():
    measured = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    predicted = np.array([[2.0, 4.0, 6.0], [3.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    scores = change.score_profiles(predicted, measured, np.array(["a", "a", "b"]))
    np.testing.assert_allclose(scores["pearson"], [1, -1, 0])
    np.testing.assert_allclose(scores["rmse"], np.sqrt([14 / 3, 8 / 3, 14 / 3]))


def test_compound_counts_once_however_many_profiles_it_has():
    scores = pd.DataFrame(
        {"compound": ["a", "a", "b"], "pearson": [0.2, 0.4, 1.0], "rmse": 1.0}
    )
    means = change.mean_over_compounds(scores)
    assert means["pearson"].to_dict() == pytest.approx({"a": 0.3, "b": 1.0})
    assert means["n_profiles"].to_dict() == {"a": 2, "b": 1}


def test_mean_change_is_that_of_the_training_profiles(profiles):
    predicted = change.predict_mean(profiles, np.array([0, 1]), np.array([3, 5]))
    np.testing.assert_allclose(predicted, [[0.5, 0.5, 0]] * 2)
    nothing = change.predict_no_change(profiles, np.array([0]), np.array([3]))
    np.testing.assert_array_equal(nothing, np.zeros((1, 3)))


def test_plate_mean_falls_back_on_the_cell_line_and_then_on_all(profiles):
    train, test = np.array([0, 1]), np.array([2, 3, 5])
    of_plate, of_cell, of_all = change.predict_plate_mean(profiles, train, test)
    np.testing.assert_allclose(of_plate, [0.5, 0.5, 0])
    np.testing.assert_allclose(of_cell, [0.5, 0.5, 0])
    np.testing.assert_allclose(of_all, [0.5, 0.5, 0])
    train = np.array([0, 4, 5])
    known = change.predict_plate_mean(profiles, train, np.array([1, 3]))
    np.testing.assert_allclose(known, [[1, 0, 0], [0, 1, 1.5]])
    train = np.array([4, 5])
    (of_cell,) = change.predict_plate_mean(profiles, train, np.array([1]))
    np.testing.assert_allclose(of_cell, [0, 0, 3])


def test_nearest_compound_is_the_most_similar_one(profiles):
    train = np.array([0, 2, 3, 4])
    (found,) = change.predict_nearest(profiles, train, np.array([5]))
    ethanol = profiles.change[[0, 2, 3]].mean(axis=0)  # in both spellings
    np.testing.assert_allclose(found, ethanol)


def test_nearest_compound_is_asked_in_the_cell_line_first(profiles):
    profiles.X.loc[3, "cell"] = "HT115"
    train, test = np.array([0, 2, 3, 4]), np.array([5])
    (found,) = change.predict_nearest_in_cell(profiles, train, test)
    np.testing.assert_allclose(found, profiles.change[3])
    (elsewhere,) = change.predict_nearest_in_cell(profiles, train[:2], test)
    np.testing.assert_allclose(elsewhere, profiles.change[[0, 2]].mean(axis=0))


def test_replicates_are_wells_of_one_treatment(profiles):
    found = change.replicate_agreement(profiles)
    assert len(found) == 4  # three pairs of ethanol, one of benzene
    assert found["same_control"].sum() == 1
    across = found[~found["same_control"]].groupby("compound")["pearson"].max()
    assert across.max() == pytest.approx(1.0)


def test_kernel_ridge_learns_from_a_similar_compound_only_what_it_shares(profiles):
    kernel = change_kernel.make_kernel(profiles, power=1)
    assert kernel[0, 2] == pytest.approx(1 + change_kernel.ACROSS)
    assert kernel[0, 5] == pytest.approx(change_kernel.ACROSS * 0.5, rel=0.5)
    assert kernel[0, 1] == 0
    train, test = np.array([0, 1, 4, 5]), np.array([2, 3])
    inner = [(np.array([0, 1, 2]), np.array([3])), (np.array([1, 2, 3]), np.array([0]))]
    predicted, chosen = change_kernel.predict_kernel_ridge(profiles, train, test, inner)
    assert predicted.shape == (2, 3)
    assert chosen["alpha"] in change_kernel.ALPHAS
    assert predicted[0, 0] > change.predict_plate_mean(profiles, train, test)[0, 0]


def test_plates_are_held_out_whole(profiles):
    folds = list(network.PlateKFold(2).split(profiles.X))
    assert sorted(set(profiles.X["plate"].iloc[test]).pop() for _, test in folds) == [
        "P1",
        "P2",
    ]
    assert all(
        set(profiles.X["plate"].iloc[train]).isdisjoint(profiles.X["plate"].iloc[test])
        for train, test in folds
    )


def test_tests_are_paired_over_compounds():
    """Three compounds that gain 0.1, 0.2 and 0.3: t = 0.2 / (0.1 / sqrt(3))."""
    found = change_summary.describe_differences(np.array([0.1, 0.2, 0.3]))
    assert found["difference"] == pytest.approx(0.2)
    assert found["p_t"] == pytest.approx(0.07418, abs=1e-5)
    assert 0.1 <= found["low"] < 0.2 < found["high"] <= 0.3
    nothing = change_summary.describe_differences(np.zeros(3))
    assert np.isnan(nothing["p_t"])


def test_profiles_of_a_compound_are_averaged_before_the_test():
    rows = [
        {"split": "compound", "unseen": unseen, "compound": compound, "rmse": 1.0}
        | {"model": model, "pearson": value if model == "csg2a" else 0.0}
        for unseen, compound, value in [
            (True, "a", 0.0),
            (True, "a", 0.4),
            (False, "b", 0.4),
        ]
        for model in ("mean_change", "csg2a")
    ]
    tests = change_summary.compare_models(pd.DataFrame(rows))
    of_all = tests[(tests["part"] == "all") & (tests["measure"] == "pearson")]
    assert list(of_all["difference"]) == pytest.approx([0.3])
    assert list(of_all["n_compounds"]) == [2]
    unseen = tests[(tests["part"] == "unseen") & (tests["measure"] == "pearson")]
    assert list(unseen["difference"]) == pytest.approx([0.2])


def test_tests_are_adjusted_for_the_number_of_models():
    rng = np.random.default_rng(0)
    rows = [
        {"split": "compound", "unseen": True, "compound": compound, "rmse": 1.0}
        | {"model": model, "pearson": gain + rng.normal()}
        for compound in "abcdefgh"
        for model, gain in [("plate_mean", 0.0), ("weak", 0.3), ("strong", 3.0)]
    ]
    tests = change_summary.compare_models(pd.DataFrame(rows))
    unseen = tests[(tests["part"] == "unseen") & (tests["measure"] == "pearson")]
    table = unseen.set_index("model")
    assert table.loc["strong", "p_adjusted"] == 2 * table.loc["strong", "p_t"]
    assert table.loc["weak", "p_adjusted"] == table.loc["weak", "p_t"]


def test_a_fifth_of_the_compounds_was_not_used_to_choose_settings():
    chains = ["C" * n + "O" for n in range(1, 11)]
    smiles = pd.Series([*chains, *(f"{chain}.Cl" for chain in chains)])
    unseen = network.find_unseen(smiles)
    assert unseen[:10].sum() == 2
    np.testing.assert_array_equal(unseen[:10], unseen[10:])  # salts with their parent
    np.testing.assert_array_equal(network.find_unseen(smiles[::-1])[::-1], unseen)


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """Run the program on the profiles of a simulated screen."""
    screen = data_module.load_screen(None)
    found = screen.perturbation
    X = found.X.assign(
        cell=found.X["cell_line"],
        plate=[f"P{i % 4}" for i in range(len(found.X))],
        dose=10.0,
        time=6.0,
    )
    made = lincs.make_profiles(X, found.Y, screen.expression)
    made.update(scaled=screen.expression, interactome=screen.interactome)
    monkeypatch.setattr(perturbation, "load", lambda data_home: made)
    monkeypatch.setattr(perturbation, "N_SPLITS", {"compound": 2, "plate": 2})
    monkeypatch.setattr(network, "NETWORK", {"max_epochs": 1, "hidden_dim": 4})
    monkeypatch.setattr(network, "N_COMPONENTS", 4)
    quick = partial(network.predict_by_network, n_members=1, max_epochs=1)
    monkeypatch.setitem(perturbation.MODELS, "csg2a_default", quick)

    def call(*arguments):
        folders = ["--results", str(tmp_path / "results")]
        folders += ["--cache", str(tmp_path / "cache")]
        return perturbation.main([*folders, *map(str, arguments)])

    call.folder = tmp_path / "results"
    return call


@pytest.mark.slow
def test_all_models_are_judged_and_compared(benchmark, capsys):
    assert benchmark() == 0
    with (benchmark.folder / "perturbation.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 2 * 2 * len(perturbation.MODELS)
    none = [row for row in rows if row["model"] == "no_change"]
    assert all(float(row["pearson"]) == 0 for row in none)
    naive = [row for row in rows if row["model"] == "mean_change"]
    assert all(float(row["skill"]) == 0 for row in naive)
    text = capsys.readouterr().out
    assert "Difference of r from mean_change, paired over compounds" in text
    assert (benchmark.folder / "perturbation_tests.csv").is_file()


def test_stored_results_are_not_made_again(benchmark, monkeypatch):
    arguments = ["--models", "mean_change", "csg2a", "--splits", "compound"]
    benchmark(*arguments)
    before = (benchmark.folder / "perturbation.csv").read_bytes()
    monkeypatch.setattr(
        perturbation, "evaluate", lambda *given: pytest.fail("fitted again")
    )
    assert benchmark(*arguments) == 0
    assert (benchmark.folder / "perturbation.csv").read_bytes() == before


def test_summary_is_of_models_that_have_finished_all_folds(benchmark, capsys):
    arguments = ["--splits", "compound", "--models"]
    benchmark(*arguments, "csg2a")
    assert "| csg2a |" in capsys.readouterr().out
    benchmark(*arguments, "mean_change")
    text = capsys.readouterr().out
    assert "| csg2a | all |" in text
    assert "plate_mean, paired" not in text


def test_whatever_the_network_learns_becomes_a_change(benchmark):
    profiles = perturbation.load(None)
    (fold, _) = perturbation.make_folds(profiles, "compound")
    for target in ("change", "on_plate", "perturbed"):
        learned, base = network.read_target(profiles, fold.train, fold.train, target)
        np.testing.assert_allclose(learned + base, profiles.change[fold.train])
