"""Batches and cohorts are brought to one scale; training samples learn nothing new."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr
from sklearn.base import clone

from sklearn_csg2a import load_model, save_model
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.preprocessing import ComBat, NormalScores, QuantileMatch

BATCH = np.repeat(["a", "b", "c"], [6, 5, 4])
METHODS = [
    ComBat(),
    ComBat(parametric=False),
    QuantileMatch(),
    QuantileMatch(by="sample"),
    NormalScores(),
]

# Samples 0, 6 and 14 of the example, adjusted by neuroCombat 0.2.12 (Python).
ADJUSTED = {
    "common": [
        [5.249969278, 6.763503486, 6.132567618, 10.375490404, 7.035781235],
        [5.456214872, 5.818610204, 8.425486033, 6.798682833, 11.497530993],
        [5.501706841, 5.699037539, 8.232847833, 7.613667355, 10.553522781],
    ],
    "reference": [
        [5.841470985, 5.169313861, 7.602921625, 7.849012505, 8.504309098],
        [5.950502376, 4.596473094, 8.789427286, 5.831747564, 11.313639912],
        [6.070498179, 4.592601584, 8.696134578, 6.103910497, 10.751048922],
    ],
    "nonparametric": [
        [5.940193065, 5.580684012, 6.397075214, 13.092236194, 5.851807646],
        [5.370501973, 6.732659955, 8.434773398, 7.712413112, 11.784302197],
        [5.362985113, 6.035437233, 8.47352898, 10.944748301, 11.060714295],
    ],
}
SETTINGS = {
    "common": {},
    "reference": {"reference": "a"},
    "nonparametric": {"parametric": False},
}


def example():
    """Return expression (15, 5) of three batches that differ in shift and spread."""
    row, gene = np.mgrid[0:15, 0:5]
    noise = np.sin(12.9898 * row + 78.233 * gene + 1)
    shift = np.repeat([0.0, 2.0, -1.5], [6, 5, 4])[:, None]
    factor = np.repeat([1.0, 2.0, 0.7], [6, 5, 4])[:, None]
    return 5 + gene + shift * (1 + 0.2 * gene) + factor * (1 + 0.3 * gene) * noise


def table(values, prefix="sample"):
    """Return a DataFrame with gene symbols."""
    genes = ["TP53", "EGFR", "MYC", "KRAS", "BRAF"]
    return pd.DataFrame(
        values, index=[f"{prefix}{i}" for i in range(len(values))], columns=genes
    )


@pytest.mark.parametrize("case", ADJUSTED)
def test_combat_has_the_numbers_of_another_implementation(case):
    adjusted = ComBat(**SETTINGS[case]).fit_transform(example(), BATCH)
    np.testing.assert_allclose(adjusted[[0, 6, 14]], ADJUSTED[case], atol=1e-8)


def test_new_cohorts_get_what_all_at_once_with_a_reference_gives():
    X = example()
    adjusted = ComBat().fit(X[:6]).transform(X[6:], BATCH[6:])
    at_once = ComBat(reference="a").fit_transform(X, BATCH)
    np.testing.assert_allclose(adjusted, at_once[6:])
    np.testing.assert_allclose(at_once[:6], X[:6])


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_patients_change_nothing_that_is_learned_from_training_cells(method):
    X = example()
    alone = clone(method).fit(X[:6])
    before = alone.transform(X[:6])
    alone.transform(X[6:] * 100, BATCH[6:])
    np.testing.assert_array_equal(alone.transform(X[:6]), before)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_each_new_cohort_is_adjusted_by_its_own_samples(method):
    X = example()
    fitted = clone(method).fit(X[:6])
    both = fitted.transform(X[6:], BATCH[6:])
    np.testing.assert_allclose(both[:5], fitted.transform(X[6:11], BATCH[6:11]))
    np.testing.assert_allclose(both[5:], fitted.transform(X[11:], BATCH[11:]))


def test_combat_brings_a_cohort_to_location_and_scale_of_the_training_cells():
    rng = np.random.default_rng(0)
    cells, patients = rng.normal(5, 1, (80, 200)), rng.normal(9, 3, (40, 200))
    adjusted = ComBat().fit(cells).transform(patients, ["TCGA"] * 40)
    assert adjusted.mean(0) == pytest.approx(cells.mean(0), abs=0.5)
    assert adjusted.std() == pytest.approx(cells.std(), rel=0.05)


@pytest.mark.parametrize("parametric", [True, False])
def test_a_gene_without_spread_in_a_cohort_stays_finite_and_is_centred(parametric):
    rng = np.random.default_rng(0)
    cells, patients = rng.normal(5, 1, (30, 20)), rng.normal(8, 1, (20, 20))
    patients[:, 3] = 0.0
    fitted = ComBat(parametric=parametric).fit(cells)
    adjusted = fitted.transform(patients, ["TCGA"] * 20)
    assert np.isfinite(adjusted).all()
    np.testing.assert_allclose(adjusted[:, 3], cells[:, 3].mean())
    cells[:, 5] = 1.0
    constant = ComBat(parametric=parametric).fit(cells)
    assert np.isfinite(constant.transform(patients, ["TCGA"] * 20)).all()
    np.testing.assert_allclose(constant.transform(cells), cells)


def test_quantile_match_gives_a_gene_the_distribution_of_the_training_cells():
    rng = np.random.default_rng(0)
    cells, patients = rng.gamma(2, size=(200, 3)), rng.normal(50, 9, (200, 3))
    adjusted = QuantileMatch().fit(cells).transform(patients, ["TCGA"] * 200)
    np.testing.assert_allclose(np.sort(adjusted, 0), np.sort(cells, 0))
    assert spearmanr(adjusted[:, 0], patients[:, 0]).statistic == pytest.approx(1)


def test_quantile_match_by_sample_gives_each_sample_the_mean_training_sample():
    X = example()
    adjusted = QuantileMatch(by="sample").fit(X[:6]).transform(X[6:], BATCH[6:])
    for sample in adjusted:
        np.testing.assert_allclose(np.sort(sample), np.sort(X[:6], axis=1).mean(0))


def test_normal_scores_are_quantiles_of_ranks_and_ignore_the_scale():
    X = np.array([[1.0], [8.0], [8.0], [20.0]])
    scores = NormalScores().fit_transform(X).ravel()
    np.testing.assert_allclose(scores, norm.ppf([0.125, 0.5, 0.5, 0.875]), atol=1e-12)
    np.testing.assert_allclose(NormalScores().fit_transform(np.exp(X)).ravel(), scores)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_tables_keep_their_index_and_genes_are_matched_by_name(method):
    X = table(example())
    fitted = clone(method).fit(X.iloc[:6])
    patients = X.iloc[6:].rename(index=str.upper)
    adjusted = fitted.transform(patients, BATCH[6:])
    assert list(adjusted.index) == list(patients.index)
    other_order = fitted.transform(
        patients[patients.columns[::-1]].assign(EXTRA1=0.0), BATCH[6:]
    )
    pd.testing.assert_frame_equal(other_order, adjusted)


def test_labels_in_a_series_are_matched_by_sample():
    X = table(example())
    labels = pd.Series(BATCH, index=X.index)
    expected = ComBat().fit_transform(X, BATCH)
    pd.testing.assert_frame_equal(
        ComBat().fit_transform(X, labels.sample(frac=1, random_state=0)), expected
    )


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_fitted_transformers_are_saved(method, tmp_path):
    X = table(example())
    fitted = clone(method).fit(X.iloc[:6])
    save_model(fitted, tmp_path / "cohort.csg2a")
    loaded = load_model(tmp_path / "cohort.csg2a")
    pd.testing.assert_frame_equal(
        loaded.transform(X.iloc[6:], BATCH[6:]), fitted.transform(X.iloc[6:], BATCH[6:])
    )


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (["a"] * 14, r"batch has shape \(14,\); expected one label for 15 rows"),
        ([None, *BATCH[1:]], "batch has no label in rows 0"),
        (np.linspace(0.5, 3, 15), r"must be labels, got 0\.5 in row 0"),
        (["lonely", *BATCH[1:]], "'lonely' has 1 sample; at least two"),
    ],
)
def test_labels_that_do_not_fit_are_refused(batch, message):
    with pytest.raises(InputError, match=message):
        ComBat().fit(example(), batch)


def test_what_cannot_be_adjusted_is_refused_by_name():
    X = table(example())
    with pytest.raises(InputError, match="reference='d' is not a batch of fit: 'a'"):
        ComBat(reference="d").fit(X, BATCH)
    fitted = ComBat().fit(X, BATCH)
    with pytest.raises(InputError, match=r"fitted to several batches .* give batch="):
        fitted.transform(X)
    with pytest.raises(InputError, match="'new' has 1 sample"):
        fitted.transform(X.iloc[:1], ["new"])
    with pytest.raises(GeneMismatchError, match="lacks 1 of 5 genes of fit: MYC"):
        fitted.transform(X.drop(columns="MYC"), BATCH)
    with pytest.raises(InputError, match="ranks within a cohort"):
        NormalScores().fit(X).transform(X.iloc[:1], ["new"])
