"""enrich finds sets of genes, and a null of other lists tells which mean something."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import enrich

GENES = [f"G{i}" for i in range(60)]

# Scores of the 60 genes, and what the gene set enrichment of gseapy 1.3.1 (weight 1)
# finds for three sets: the extreme of the running sum and the leading genes.
TEXT = """
    0.126 -0.132 0.64 0.105 -0.536 0.362 1.304 0.947 -0.704 -1.265 -0.623 0.041
    -2.325 -0.219 -1.246 -0.732 -0.544 -0.316 0.412 1.043 -0.129 1.366 -0.665 0.352
    0.903 0.094 -0.743 -0.922 -0.458 0.22 -1.01 -0.209 -0.159 0.541 0.215 0.355
    -0.654 -0.13 0.784 1.493 -1.259 1.514 1.346 0.781 0.264 -0.314 1.458 1.96 1.802
    1.315 0.357 -1.208 -0.004 0.656 -1.288 0.395 0.43 0.696 -1.184 -0.662
"""
SCORES = pd.Series([float(score) for score in TEXT.split()], index=GENES)
RANKED_SETS = {
    "a": ["G1", "G5", "G9", "G20", "G33", "G40"],
    "b": GENES[::4],
    "c": ["G2", "G3", "G17"],
}
EXTREMES = {"a": -0.647345, "b": -0.362643, "c": 0.333333}
LEADING = {
    "a": {"G9", "G40"},
    "b": {"G12", "G40", "G8", "G36", "G16", "G4", "G28"},
    "c": {"G2", "G3", "G17"},
}


def by_pathway(table):
    return table.set_index("pathway")


def random_sets(rng, n_sets=40, sizes=(4, 12)):
    return {
        f"S{i}": rng.choice(GENES, rng.integers(*sizes), replace=False).tolist()
        for i in range(n_sets)
    }


def test_overlap_is_tested_as_by_fisher():
    rng = np.random.default_rng(0)
    sets, genes = random_sets(rng), rng.choice(GENES, 15, replace=False).tolist()
    table = by_pathway(enrich(genes, sets, background=GENES))
    for name, members in sets.items():
        both = len(set(members) & set(genes))
        rest = len(members) - both
        counts = [[both, rest], [15 - both, 60 - 15 - rest]]
        expected = fisher_exact(counts, alternative="greater").pvalue
        assert table.loc[name, "p"] == pytest.approx(expected)
        assert table.loc[name, "overlap"] == both == len(table.loc[name, "genes"])
        assert set(table.loc[name, "genes"]) == set(members) & set(genes)
        assert table.loc[name, "size"] == len(members)


@pytest.mark.parametrize("genes", [GENES[:15], SCORES])
def test_all_sets_count_as_tests_and_the_smallest_p_comes_first(genes):
    table = enrich(genes, random_sets(np.random.default_rng(0)), background=GENES)
    np.testing.assert_allclose(
        table["p_adjusted"], false_discovery_control(table["p"].to_numpy())
    )
    assert table["p"].is_monotonic_increasing
    assert table["p_null"].isna().all()
    assert len(table) == 40


def test_only_genes_of_the_background_count():
    sets = {"known": ["G0", "G1", "OTHER"], "unknown": ["X", "Y"]}
    table = enrich(["G0", "G5"], sets, background=GENES)
    assert table["pathway"].tolist() == ["known"]
    assert table["size"].tolist() == [2]


def test_a_smaller_background_makes_the_same_overlap_less_surprising():
    sets, genes = {"set": GENES[:5]}, GENES[:4]
    few, many = (enrich(genes, sets, background=GENES[:n])["p"][0] for n in (10, 60))
    assert few > 100 * many


def test_scores_give_the_extremes_and_leading_genes_of_other_software():
    table = by_pathway(enrich(SCORES, RANKED_SETS, background=GENES))
    for name, extreme in EXTREMES.items():
        assert table.loc[name, "score"] == pytest.approx(extreme, abs=1e-6)
        assert set(table.loc[name, "genes"]) == LEADING[name]
        assert table.loc[name, "overlap"] == len(LEADING[name])


def test_a_set_at_the_end_of_the_ranking_has_a_small_p():
    top = SCORES.nlargest(6).index.tolist()
    last = SCORES.nsmallest(6).index.tolist()
    table = by_pathway(
        enrich(SCORES, {"top": top, "last": last, **RANKED_SETS}, background=GENES)
    )
    assert table.loc["top", "score"] == pytest.approx(1.0)
    assert table.loc["last", "score"] == pytest.approx(-1.0)
    assert (table.loc[["top", "last"], "p"] < 0.01).all()
    assert table.loc["a", "p"] > 0.05


def test_scores_of_no_set_give_p_values_that_are_uniform():
    rng = np.random.default_rng(3)
    p_values = np.concatenate(
        [
            enrich(
                pd.Series(rng.normal(size=60), GENES),
                random_sets(rng, 25),
                background=GENES,
                n_permutations=199,
            )["p"]
            for _ in range(20)
        ]
    )
    assert np.mean(p_values <= 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(p_values <= 0.5) == pytest.approx(0.5, abs=0.06)


def test_the_order_of_genes_changes_nothing():
    rng = np.random.default_rng(1)
    shuffled = SCORES.iloc[rng.permutation(60)]
    first, second = (
        enrich(scores, RANKED_SETS, background=GENES).drop(columns="genes")
        for scores in (SCORES, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)


def hub_lists(rng, n_lists, own=()):
    """Lists that a model with hubs finds: the first ten genes nearly always."""
    weight = np.where(np.arange(60) < 10, 12.0, 1.0)
    lists = [
        rng.choice(GENES, 15, replace=False, p=weight / weight.sum()).tolist()
        for _ in range(n_lists)
    ]
    return [list(dict.fromkeys([*own, *one]))[:15] for one in lists]


def test_what_every_list_has_is_significant_by_chance_but_not_by_the_null():
    rng = np.random.default_rng(0)
    sets = {"hubs": GENES[:8], "own": GENES[40:46], **random_sets(rng)}
    genes = hub_lists(rng, 1, own=GENES[40:45])[0]
    null = hub_lists(rng, 199)
    table = by_pathway(enrich(genes, sets, background=GENES, null=null))
    assert table.loc["hubs", "p"] < 0.01
    assert table.loc["hubs", "p_null"] > 0.05
    assert table.loc["own", "p"] < 0.01
    assert table.loc["own", "p_null"] <= 0.01


def as_scores(genes, rng):
    return pd.Series(np.isin(GENES, genes) * 2.0 + rng.random(60), GENES)


@pytest.mark.parametrize("scored", [False, True])
def test_among_lists_of_one_kind_at_most_one_in_twenty_is_significant(scored):
    rng = np.random.default_rng(7)
    sets = {"hubs": GENES[:8], **random_sets(rng, 60)}
    lists = hub_lists(rng, 60)
    if scored:
        lists = [as_scores(one, rng) for one in lists]
    by_null, by_chance = [], []
    for i, one in enumerate(lists):
        null = lists[:i] + lists[i + 1 :]
        table = enrich(one, sets, background=GENES, null=null, n_permutations=99)
        by_null.append(table["p_null"] <= 0.05)
        by_chance.append(table["p"] <= 0.05)
    assert np.mean(by_null) <= 0.05
    assert scored or np.mean(by_chance) > np.mean(by_null)


def test_a_null_may_be_named_and_of_lists_of_other_lengths():
    rng = np.random.default_rng(0)
    null = {f"drug {i}": rng.choice(GENES, 5 + i).tolist() for i in range(19)}
    named = enrich(GENES[:9], RANKED_SETS, background=GENES, null=null)
    listed = enrich(GENES[:9], RANKED_SETS, background=GENES, null=[*null.values()])
    pd.testing.assert_frame_equal(named, listed)
    assert named["p_null"].between(1 / 20, 1).all()


def test_pairs_of_genes_stand_for_their_genes():
    pairs = pd.DataFrame({"gene_i": ["G0", "G0", "G8"], "gene_j": ["G4", "G8", "G9"]})
    expected = enrich(["G0", "G4", "G8", "G9"], RANKED_SETS, background=GENES)
    pd.testing.assert_frame_equal(
        enrich(pairs, RANKED_SETS, background=GENES), expected
    )


def test_genes_may_be_ids_that_are_numbers():
    ids = list(range(100, 160))
    table = enrich(
        pd.Series(ids[:5], index=[3, 5, 8, 9, 11]),
        {"set": [str(i) for i in ids[:6]]},
        background=ids,
    )
    assert table["overlap"].tolist() == [5]


def test_few_null_lists_are_called_too_few():
    with pytest.warns(UserWarning, match=r"cannot be below 0\.25"):
        enrich(GENES[:5], RANKED_SETS, background=GENES, null=[GENES[:5]] * 3)


def test_genes_outside_of_the_background_are_named_and_left_out():
    with pytest.warns(UserWarning, match="1 of 6 genes in genes .*'TP53'"):
        table = enrich([*GENES[:5], "TP53"], RANKED_SETS, background=GENES)
    expected = enrich(GENES[:5], RANKED_SETS, background=GENES)
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"genes": []}, "genes is empty"),
        ({"genes": "TP53"}, "genes='TP53' is a str"),
        ({"genes": ["G1", None]}, "no gene at position 1"),
        ({"genes": ["ENSG1", "ENSG2"]}, "0 of 2 genes in genes.*gene symbols"),
        ({"genes": SCORES.head(50)}, "no score for 10 of 60 genes"),
        ({"genes": SCORES.replace(0.126, np.nan)}, "NaN or infinite for 'G0'"),
        ({"genes": pd.DataFrame({"a": ["G1"]})}, "without the columns 'gene_i'"),
        ({"gene_sets": {}}, "gene_sets is empty"),
        ({"gene_sets": "hallmark"}, r"load_gene_sets\('hallmark'\)"),
        ({"gene_sets": {"a": "G1"}}, r"gene_sets\['a'\]='G1' is a str"),
        ({"gene_sets": {"a": ["Trp53"]}}, "No gene of 1 sets.*species"),
        ({"background": ["G1"]}, r"background has 1 gene\(s\)"),
        ({"null": []}, "null is empty"),
        ({"null": GENES}, r"null\[0\]='G0' is a str"),
        ({"null": [SCORES]}, r"null\[0\] has scores"),
        ({"genes": SCORES, "null": [GENES]}, r"null\[0\] has no score"),
        ({"n_permutations": 0}, "n_permutations=0"),
    ],
)
def test_what_cannot_be_tested_is_refused_by_name(changed, message):
    given = {"genes": GENES[:5], "gene_sets": RANKED_SETS, "background": GENES}
    with pytest.raises(InputError, match=message):
        enrich(**given | changed)
