"""Spellings of one name are found, and nothing is guessed."""

from __future__ import annotations

import pytest

from sklearn_csg2a._utils.names import (
    describe_unmatched,
    match_names,
    plain_spelling,
)


@pytest.mark.parametrize(
    "wanted",
    [
        "A-375",
        "a375",
        " A 375 ",
        "A_375",
        "A.375",
        "A/375",
        "A\N{NON-BREAKING HYPHEN}375",
        "A\N{MINUS SIGN}375",
        "A\N{EN DASH}375",
        "A\N{NO-BREAK SPACE}375",
        "A\N{ZERO WIDTH SPACE}375",
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}375",
    ],
)
def test_spellings_that_differ_in_case_and_punctuation_match(wanted):
    assert match_names([wanted], ["MCF7", "A375"]).matched == {wanted: "A375"}


def test_an_exactly_known_name_is_never_ambiguous():
    matches = match_names(["TT", "T-T", "t.t"], ["TT", "T-T"])
    assert matches.matched == {"TT": "TT", "T-T": "T-T"}
    assert matches.ambiguous == {"t.t": ["TT", "T-T"]}
    assert matches.nearest == {}


def test_known_names_that_are_given_twice_are_one():
    assert match_names(["mcf-7"], ["MCF7", "MCF7"]).matched == {"mcf-7": "MCF7"}


def test_names_without_a_match_come_with_similar_ones():
    matches = match_names(["Sorafenib tosylate", "xyz"], ["Sorafenib", "Sunitinib"])
    assert matches.nearest["Sorafenib tosylate"][0] == "Sorafenib"
    assert matches.nearest["xyz"] == []


def test_what_tells_two_compounds_apart_is_kept():
    spellings = ["(+)-JQ1", "(-)-JQ1", "Nutlin-3a (-)", "Nutlin-3a", "NSC 1", "NSC 11"]
    assert len({plain_spelling(name) for name in spellings}) == len(spellings)


def test_names_of_punctuation_alone_match_nothing():
    matches = match_names(["-", ""], ["--", "MCF7"])
    assert not matches.matched
    assert not matches.ambiguous


def test_the_description_says_what_was_meant_and_counts_the_rest():
    matches = match_names(["t t", "MCF", *"abcdef"], ["TT", "T-T", "MCF7"])
    text = describe_unmatched(matches)
    assert "'t t' (fits 'TT', 'T-T' alike)" in text
    assert "'MCF' (nearest: 'MCF7')" in text
    assert text.endswith("and 3 more")
