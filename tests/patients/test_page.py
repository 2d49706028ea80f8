"""The page of a ranking is whole, small, safe and says what it is not for."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.patients import write_ranking

pytest.importorskip("jinja2")


def make_ranking(n_samples=2, n_drugs=25, *, limits=True, domain=True):
    rng = np.random.default_rng(0)
    parts = []
    for i in range(n_samples):
        percentile = np.sort(rng.uniform(0, 100, size=n_drugs))
        part = pd.DataFrame({"sample": f"P{i}", "percentile": percentile})
        part["drug"] = [f"drug {k}" for k in range(n_drugs)]
        part["ln_ic50"] = rng.normal(size=n_drugs)
        part["lower"] = part["ln_ic50"] - 1 if limits else np.nan
        part["upper"] = part["ln_ic50"] + 1 if limits else np.nan
        values = [i % 4 > 0 for i in range(n_drugs)] if domain else [pd.NA] * n_drugs
        part["in_domain"] = pd.array(values, dtype="boolean")
        part["rank"] = pd.array(range(1, n_drugs + 1), dtype="Int64")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def write(tmp_path):
    def write(ranking, **settings):
        write_ranking(ranking, tmp_path / "page.html", **settings)
        return (tmp_path / "page.html").read_text("utf-8")

    return write


class Reader(HTMLParser):
    """Checks that elements are closed, and counts them."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text):
        super().__init__()
        self.open, self.count, self.attributes = [], {}, []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_says_what_it_is_not_for_and_has_a_section_for_each_sample(write):
    text = write(make_ranking(), title="Case 7")
    assert "Not for clinical use" in text
    page = Reader(text)
    assert page.count["section"] == 2
    assert page.count["details"] == 2
    assert "<h1>Case 7</h1>" in text
    assert text.count("15 other drugs") == 2


def test_the_page_needs_nothing_from_outside(write):
    text = write(make_ranking())
    assert not re.search(r"(?:src|href)=[\"'](?!#)", text)
    assert "<script" not in text
    assert "prefers-color-scheme: dark" in text


def test_what_bars_show_stands_as_text(write):
    text = write(make_ranking(1))
    for value in make_ranking(1)["percentile"]:
        assert f"{value:.1f}" in text
    assert text.count("&#9650; no") == 1 + 7  # the legend, and each drug outside
    page = Reader(text)
    assert ("aria-hidden", "true") in page.attributes
    assert page.count["caption"] == page.count["table"] == 2


def test_names_are_shown_as_text(write):
    ranking = make_ranking(1, 3)
    ranking["drug"] = ["<script>alert(1)</script>", "a & b", "C1=CC"]
    ranking["sample"] = "<b>P</b>"
    text = write(ranking)
    assert "<script" not in text
    assert "&lt;b&gt;P&lt;/b&gt;" in text


def test_what_was_not_given_is_said_and_not_shown(write):
    text = write(make_ranking(limits=False, domain=False))
    assert "No prediction intervals were given" in text
    assert "It was not checked" in text
    assert "Interval</th>" not in text
    assert "training data</th>" not in text


def test_drugs_without_a_prediction_come_last(write):
    ranking = make_ranking(1, 3)
    numbers = ["percentile", "ln_ic50", "lower", "upper", "rank"]
    ranking.loc[0, numbers] = pd.NA
    text = write(ranking)
    assert text.index("drug 1<") < text.index("drug 2<") < text.index("drug 0<")


@pytest.mark.slow
def test_a_large_ranking_is_cut_to_the_size_of_a_page(write):
    text = write(make_ranking(100, 300))
    assert len(text.encode()) <= 2_000_000
    assert Reader(text).count["section"] == 100
    assert "left out of this page" in text


def test_too_many_samples_for_a_page_are_refused(write, monkeypatch):
    monkeypatch.setattr("sklearn_csg2a.patients._page._MOST_BYTES", 10_000)
    with pytest.raises(InputError, match="several pages"):
        write(make_ranking(20))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns=["drug", "rank"]), "'drug', 'rank'"),
        (lambda table: table.iloc[:0], "empty"),
        (lambda table: table.to_dict(), "dict"),
    ],
)
def test_other_tables_are_refused(write, change, said):
    with pytest.raises(InputError, match=said):
        write(change(make_ranking()))


def test_at_least_one_drug_is_shown(write):
    with pytest.raises(InputError, match="n_top=0"):
        write(make_ranking(), n_top=0)


def test_columns_of_limits_and_domain_may_be_absent(write):
    ranking = make_ranking().drop(columns=["lower", "upper", "in_domain"])
    assert "No prediction intervals" in write(ranking)
