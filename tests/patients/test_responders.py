"""Predictions of responders are compared with those of non-responders, drug by drug."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu, ttest_ind

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.patients import compare_responders


@pytest.fixture(scope="module")
def courses():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"drug": np.repeat(["cisplatin", "a", "b"], 40), "responds": [0, 1] * 60}
    )
    table["predicted"] = rng.normal(size=120).round(1)
    table.loc[(table["drug"] == "a") & (table["responds"] == 1), "predicted"] -= 1.5
    return table


@pytest.fixture(scope="module")
def comparison(courses):
    return compare_responders(
        courses["predicted"], courses["responds"], courses["drug"], n_resamples=999
    )


def _groups(courses, drug):
    of_drug = courses[courses["drug"] == drug]
    return (of_drug.loc[of_drug["responds"] == k, "predicted"] for k in (1, 0))


def test_tests_are_those_of_scipy(courses, comparison):
    for drug, row in comparison.iterrows():
        lower, upper = _groups(courses, drug)
        test = ttest_ind(lower, upper, equal_var=False, alternative="less")
        assert row["p"] == pytest.approx(test.pvalue)
        u = mannwhitneyu(upper, lower).statistic
        assert row["auroc"] == pytest.approx(u / 400)
        assert row["difference"] == pytest.approx(lower.mean() - upper.mean())


def test_a_planted_effect_is_found_and_the_others_are_not(comparison):
    assert comparison.index.tolist() == ["a", "b", "cisplatin"]
    assert comparison.loc["a", ["p_holm", "p_permuted"]].max() < 0.01
    assert comparison.loc["a", "auroc_low"] > 0.5
    others = comparison.drop(index="a")
    assert (others["p_holm"] > 0.05).all()
    assert (others["auroc_low"] < 0.5).all()


def test_p_values_are_adjusted_over_the_drugs(comparison):
    p = comparison["p"].to_numpy()
    np.testing.assert_allclose(comparison["p_bh"], false_discovery_control(p))
    assert comparison["p_holm"].min() == pytest.approx(3 * p.min())


def test_permuted_labels_agree_with_the_rank_test(courses, comparison):
    for drug in ("b", "cisplatin"):
        lower, upper = _groups(courses, drug)
        p = mannwhitneyu(lower, upper, alternative="less").pvalue
        assert comparison.loc[drug, "p_permuted"] == pytest.approx(p, abs=0.04)


def test_no_drug_changes_the_numbers_of_another(courses, comparison):
    one = courses[courses["drug"] == "b"]
    alone = compare_responders(
        one["predicted"], one["responds"], one["drug"], n_resamples=999
    )
    left = ["p_holm", "p_bh"]
    pd.testing.assert_frame_equal(
        alone.drop(columns=left), comparison.loc[["b"]].drop(columns=left)
    )


def test_equal_predictions_are_chance_without_a_test():
    row = compare_responders([1.0] * 6, [0, 1] * 3, n_resamples=99).iloc[0]
    assert row["auroc"] == 0.5
    assert row["p_permuted"] == 1
    assert np.isnan(row["p"])
    assert np.isnan(row["p_holm"])


def test_a_drug_without_non_responders_is_listed_and_not_tested():
    table = compare_responders(
        [1.0, 2.0, 1.0, 2.0, 3.0, 4.0],
        [True, True, True, True, False, False],
        ["x", "x", "y", "y", "y", "y"],
        n_resamples=99,
    )
    assert table.loc["x", "n_non_responders"] == 0
    assert table.loc["x", ["auroc", "p", "p_permuted"]].isna().all()
    assert table.loc["y", "p_holm"] == table.loc["y", "p"]  # one test


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([1.0, 2.0], [0], None), "2, 1 and 2"),
        (([1.0, np.nan], [0, 1], None), "row 1"),
        (([1.0, "x"], [0, 1], None), "not a number"),
        (([1.0, 2.0], [0, 2], None), "row 1: 2"),
        (([1.0, 2.0], ["PR", "PD"], None), r"text 'PR'; 'PD';.*response == 'PR'"),
        (([1.0, 2.0], [0, 1], ["a", None]), "row 1"),
        (([[1.0, 2.0]], [0, 1], None), "shape"),
        (([], [], None), "empty"),
    ],
)
def test_unusable_courses_are_named(arguments, said):
    with pytest.raises(InputError, match=said):
        compare_responders(*arguments)


@pytest.mark.parametrize("setting", [{"n_resamples": 0}, {"confidence": 1.0}])
def test_settings_have_limits(setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        compare_responders([1.0, 2.0], [0, 1], **setting)
