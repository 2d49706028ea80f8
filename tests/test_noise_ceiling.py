"""The ceiling is what two measurements of the same pairs allow."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import noise_ceiling, pearson, rmse


@pytest.fixture
def screen():
    """Two measurements of 40 compounds on 100 cells, each with noise of 0.8."""
    rng = np.random.default_rng(0)
    drug = np.repeat(np.arange(40), 100)
    level, within = rng.normal(0, 2, 40)[drug], rng.normal(0, 1, len(drug))
    truth = level + within
    noise = rng.normal(0, 0.8, (2, len(drug)))
    assay = rng.normal(0.5, 1, 40)[drug]
    return drug, truth, truth + noise[0], truth + assay + noise[1]


def test_equal_measurements_leave_no_noise():
    ceiling = noise_ceiling([1, 2, 3, 4], [1, 2, 3, 4], list("aabb"), min_rows=2)
    assert (ceiling.rmse, ceiling.noise, ceiling.bias) == (0, 0, 0)
    assert ceiling.pearson == pytest.approx(1)
    assert ceiling.best_pearson_within == pytest.approx(1)


def test_noise_of_measurements_is_separated_from_effects_of_the_assay(screen):
    drug, _, first, second = screen
    ceiling = noise_ceiling(first, second, drug)
    assert ceiling.noise == pytest.approx(0.8, rel=0.05)
    assert ceiling.rmse == rmse(first, second) > 1.4
    assert ceiling.rmse_within == pytest.approx(0.8 * np.sqrt(2), rel=0.05)
    assert ceiling.bias == pytest.approx((second - first).mean())
    assert (ceiling.n_pairs, ceiling.n_groups) == (4000, 40)


def test_the_truth_reaches_the_best_correlations(screen):
    drug, truth, first, second = screen
    ceiling = noise_ceiling(first, second, drug)
    within = np.mean([pearson(first[drug == k], truth[drug == k]) for k in range(40)])
    assert ceiling.best_pearson_within == pytest.approx(within, abs=0.02)
    alike = noise_ceiling(first, second - (second - first).mean(), np.zeros(4000))
    assert alike.best_pearson == np.sqrt(alike.pearson)


def test_effects_of_the_assay_do_not_count_within_groups(screen):
    drug, _, first, second = screen
    moved = second + 5.0 * np.sin(drug)
    one, other = (noise_ceiling(first, values, drug) for values in (second, moved))
    assert one.noise == pytest.approx(other.noise)
    assert one.pearson_within == pytest.approx(other.pearson_within)
    assert other.rmse > one.rmse


def test_opposite_measurements_have_no_best_correlation():
    ceiling = noise_ceiling([1, 2, 3], [3, 2, 1], list("aaa"))
    assert ceiling.pearson == pytest.approx(-1)
    assert (ceiling.best_pearson, ceiling.best_pearson_within) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], ["a", "a"]), "first has the shape"),
        (([1, np.nan], [1, 2], ["a", "a"]), "first is not finite at row 1"),
        (([1, 2], [1, 2], ["a", None]), "groups is missing in row 1"),
        (([1, 2], [1, 2], ["a"]), "one group per row"),
        (([1, 2], [1, 2], ["a", "b"]), "pairs is a group of its own"),
        (([1, 2], [1, 2], ["a", "a"]), "None of the 1 groups"),
        (([[1, 2]] * 3, [[1, 2]] * 3, list("aaa")), r"must have the shape \(n,\)"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(arguments, message):
    with pytest.raises(InputError, match=message):
        noise_ceiling(*arguments)
