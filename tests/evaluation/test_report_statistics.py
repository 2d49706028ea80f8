"""The statistics of the report are those of the textbooks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from sklearn_csg2a._utils.p_values import adjust_holm

statistics = pytest.importorskip(
    "sklearn_csg2a.evaluation.statistics",
    reason="the benchmarks folder is not importable",
)


def test_holm_adjusts_by_hand():
    """0.01 * 3, then max(0.03, 0.02 * 2) = 0.04, then max(0.04, 0.04 * 1)."""
    found = adjust_holm(np.array([0.04, 0.01, 0.02]))
    np.testing.assert_allclose(found, [0.04, 0.03, 0.04])


def test_holm_adjusts_as_statsmodels_does():
    """Expected: statsmodels 0.15.0, multipletests(p, method="holm")."""
    p_values = np.array([0.216, 0.001, 0.041, 0.008, 0.039, 0.942, 0.042])
    expected = [0.432, 0.007, 0.195, 0.048, 0.195, 0.942, 0.195]
    np.testing.assert_allclose(adjust_holm(p_values), expected, rtol=1e-12)


def test_holm_keeps_the_order_and_never_lowers():
    p_values = np.random.default_rng(0).uniform(size=20)
    found = adjust_holm(p_values)
    assert (found >= p_values).all()
    assert (found <= 1).all()
    assert (np.diff(found[np.argsort(p_values)]) >= 0).all()


def test_holm_does_not_count_what_was_not_tested():
    found = adjust_holm(np.array([np.nan, 0.01, 0.5]))
    np.testing.assert_allclose(found, [np.nan, 0.02, 0.5])
    assert len(adjust_holm(np.array([]))) == 0


def test_interval_is_that_of_student():
    """With 3 folds, t = 4.3027 and the standard error 1 / sqrt(3)."""
    low, high = statistics.t_interval(np.array([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert np.isnan(statistics.t_interval(np.array([1.0]))).all()


def test_correction_widens_the_interval():
    """The standard error becomes sqrt(1/3 + 1/9) = 2/3, times 4.3027."""
    low, high = statistics.t_interval(np.array([1.0, 2.0, 3.0]), 1 / 9)
    assert (low, high) == pytest.approx((2 - 2.86844, 2 + 2.86844), abs=1e-4)


def test_without_correction_the_test_is_the_paired_t_test():
    first, second = np.random.default_rng(0).normal(size=(2, 8))
    found = statistics.corrected_t_test(first - second, 0.0)
    assert found.p == pytest.approx(ttest_rel(first, second).pvalue)
    assert found.n_folds == 8


def test_correction_of_nadeau_and_bengio_by_hand():
    """t = 2 / sqrt((1/3 + 1/9) * 1) = 3, of which p = 0.0954660 with 2 degrees."""
    found = statistics.corrected_t_test(np.array([1.0, 2.0, 3.0]), 1 / 9)
    assert found.p == pytest.approx(0.0954660, abs=1e-6)
    assert found.low < 0 < found.high


def test_one_fold_is_no_test():
    found = statistics.corrected_t_test(np.array([0.3]), 1 / 9)
    assert (found.n_folds, found.mean) == (1, 0.3)
    assert np.isnan([found.p, found.low, found.high]).all()
    assert np.isnan(statistics.corrected_t_test(np.array([]), 1 / 9).mean)


def test_models_that_never_differ_have_p_one():
    assert statistics.corrected_t_test(np.zeros(4), 1 / 9).p == 1
    assert statistics.corrected_t_test(np.full(4, 0.5), 1 / 9).p == 0


def test_ties_share_their_ranks():
    errors = np.array([[1.0, 2.0, 2.0], [1.0, 1.0, 3.0]])
    np.testing.assert_allclose(statistics.mean_ranks(errors), [1.25, 2.0, 2.75])


@pytest.mark.parametrize(
    ("n_models", "quantile"), [(2, 1.960), (5, 2.728), (10, 3.164)]
)
def test_critical_difference_is_that_of_nemenyis_table(n_models, quantile):
    expected = quantile * np.sqrt(n_models * (n_models + 1) / (6 * 12))
    found = statistics.critical_difference(n_models, 12)
    assert found == pytest.approx(expected, rel=1e-3)


def test_friedman_by_hand():
    """Ranks 1, 2, 3 in all of 4 folds: chi2 = 8 with 2 degrees, p = exp(-4)."""
    errors = np.tile([0.1, 0.2, 0.3], (4, 1)) + np.arange(4)[:, None]
    assert statistics.compare_ranks(errors).p == pytest.approx(np.exp(-4))
    assert statistics.compare_ranks(np.ones((4, 3))).p == 1


def test_bars_join_what_is_not_told_apart():
    ranks = np.array([1.0, 1.5, 2.4, 4.0])
    assert statistics.find_cliques(ranks, 1.0) == [(0, 1), (1, 2)]
    assert statistics.find_cliques(ranks, 0.5) == []
    assert statistics.find_cliques(ranks, 9.0) == [(0, 3)]
