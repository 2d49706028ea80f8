"""Metrics of predicted changes of expression, and the ladder around them."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import (
    discrimination_score,
    most_changed_recall,
    pearson,
    replicate_ceiling,
    retrieve_profiles,
    share_of_gap,
    sign_agreement,
)

RNG = np.random.default_rng(0)
TRUE = RNG.normal(size=(40, 30))
COMPOUNDS = np.repeat([f"drug {i}" for i in range(20)], 2)


def test_the_truth_has_the_best_score_and_no_change_that_of_chance():
    nothing = np.zeros_like(TRUE)
    assert sign_agreement(TRUE, TRUE, n_top=10) == 1.0
    assert sign_agreement(TRUE, -TRUE, n_top=10) == 0.0
    assert sign_agreement(TRUE, nothing, n_top=10) == 0.5
    assert most_changed_recall(TRUE, TRUE, n_top=10) == 1.0
    assert most_changed_recall(TRUE, -2 * TRUE, n_top=10) == 1.0
    assert most_changed_recall(TRUE, nothing, n_top=10) == pytest.approx(10 / 30)


def test_only_the_most_changed_genes_count_for_the_direction():
    true, pred = [[5.0, -4.0, 0.1, 0.2]], [[1.0, -1.0, -1.0, -1.0]]
    assert sign_agreement(true, pred, n_top=2) == 1.0
    assert sign_agreement(true, pred, n_top=4) == 0.5


def test_random_predictions_find_the_share_of_genes_that_they_name():
    pred = RNG.normal(size=(2000, 30))
    true = RNG.normal(size=(2000, 30))
    assert most_changed_recall(true, pred, n_top=6) == pytest.approx(0.2, abs=0.02)
    assert sign_agreement(true, pred, n_top=6) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "correlation"])
def test_predictions_are_told_apart_by_their_own_truth(distance):
    score = discrimination_score(TRUE, TRUE, COMPOUNDS, distance=distance)
    assert score == 1.0
    near = TRUE + RNG.normal(scale=0.5, size=TRUE.shape)
    assert discrimination_score(TRUE, near, COMPOUNDS, distance=distance) > 0.95


@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "correlation"])
def test_one_prediction_for_all_tells_nothing_apart(distance):
    mean = np.tile(TRUE.mean(axis=0), (len(TRUE), 1))
    single = np.arange(len(TRUE))
    score = discrimination_score(TRUE, mean, single, distance=distance)
    assert score == pytest.approx(0.5)


def test_cells_are_not_told_apart_where_only_compounds_in_a_cell_are_compared():
    cell = np.arange(len(TRUE)) % 2
    of_cell = TRUE + np.where(cell, 50.0, -50.0)[:, None]
    pred = np.where(cell, 50.0, -50.0)[:, None] + np.zeros_like(TRUE)
    assert discrimination_score(of_cell, pred, COMPOUNDS) > 0.7
    score = discrimination_score(of_cell, pred, COMPOUNDS, within=cell)
    assert score == pytest.approx(0.5, abs=0.01)


def test_other_rows_of_the_compound_are_not_compared_with():
    true = np.array([[0.0, 0.0], [0.1, 0.0], [9.0, 9.0]])
    pred = true[[1, 0, 2]]  # replicates taken for each other
    assert discrimination_score(true, pred, ["a", "a", "b"]) == 1.0


def test_retrieval_gives_the_mean_profile_of_the_most_similar_compound():
    found = retrieve_profiles(
        ["CCCO", "c1ccccc1C", "OCC"],
        ["CCO", "Cc1ccccc1", "OCC", "CCCCCCCC"],
        [[1.0, 2.0], [8.0, 8.0], [3.0, 4.0], [0.0, 0.0]],
    )
    np.testing.assert_array_equal(found, [[2.0, 3.0], [8.0, 8.0], [2.0, 3.0]])


def test_the_ceiling_is_how_well_replicates_predict_each_other():
    signal = RNG.normal(size=(300, 1, 50))
    Y = (signal + RNG.normal(size=(300, 2, 50))).reshape(600, 50)
    labels = np.repeat(np.arange(300), 2)
    assert replicate_ceiling(Y, labels) == pytest.approx(0.5, abs=0.03)
    assert replicate_ceiling(Y, labels, pearson) == pytest.approx(0.5, abs=0.03)
    more = (signal + RNG.normal(size=(300, 5, 50))).reshape(1500, 50)
    assert replicate_ceiling(more, np.repeat(np.arange(300), 5)) > 0.6


def test_single_measurements_have_no_part_in_the_ceiling():
    Y = np.vstack([TRUE, TRUE[:1] * -5])
    labels = [*np.repeat(np.arange(20), 2), 99]
    assert replicate_ceiling(Y, labels) == replicate_ceiling(TRUE, labels[:-1])


def test_the_share_of_the_gap_is_that_from_naive_to_ceiling():
    assert share_of_gap(0.2, naive=0.2, ceiling=0.6) == 0.0
    assert share_of_gap(0.6, naive=0.2, ceiling=0.6) == 1.0
    assert share_of_gap(0.1, naive=0.2, ceiling=0.6) == -0.25
    assert share_of_gap(1.0, naive=2.0, ceiling=0.0) == 0.5  # errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sign_agreement(TRUE, TRUE, n_top=31), "from 1 to 30"),
        (lambda: sign_agreement(TRUE[:, 0], TRUE[:, 0]), "give arrays of shape"),
        (lambda: most_changed_recall(TRUE, TRUE[:2]), "the shape"),
        (lambda: discrimination_score(TRUE, TRUE, ["a"] * 40), "No row has"),
        (lambda: discrimination_score(TRUE, TRUE, ["a"]), "expected one label"),
        (lambda: discrimination_score(TRUE, TRUE, [None] * 40), "missing in row 0"),
        (
            lambda: discrimination_score(TRUE, TRUE, COMPOUNDS, distance="cosine"),
            "expected one of 'euclidean'",
        ),
        (lambda: retrieve_profiles(["C"], ["C"], TRUE), "1 entries and Y_train 40"),
        (lambda: replicate_ceiling(TRUE, np.arange(40)), "no value twice"),
        (lambda: share_of_gap(1.0, 2.0, 2.0), "there is no gap"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_name(call, message):
    with pytest.raises(InputError, match=message):
        call()
