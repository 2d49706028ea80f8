"""What the report says of the variants of csg2a, and what it leaves unsaid."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a._utils.p_values import adjust_holm

pytest.importorskip("jinja2", reason="jinja2 is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")
page = pytest.importorskip(
    "sklearn_csg2a.evaluation.page", reason="the benchmarks folder is not importable"
)
figures = pytest.importorskip("sklearn_csg2a.evaluation.figures")
pictures = pytest.importorskip("sklearn_csg2a.evaluation.pictures")
models = pytest.importorskip("benchmarks.models.registry")
report_data = pytest.importorskip("sklearn_csg2a.evaluation.panels")
statistics = pytest.importorskip("sklearn_csg2a.evaluation.statistics")
tables = pytest.importorskip("sklearn_csg2a.evaluation.tables")
variants = pytest.importorskip("sklearn_csg2a.evaluation.variants")

WHOLE = [1.0, 1.1, 1.2, 1.3]
SHUFFLED = [2.0, 2.11, 2.19, 2.3]
NAIVE = [1.4, 1.5, 1.6, 1.7]
TITLE = "Effect of each part of CSG2A"

EMPTY = '<svg width="1pt" height="1pt"></svg>'


@pytest.fixture(autouse=True)
def made(monkeypatch):
    """Make figures without drawing them, which is what takes time; the figures."""
    found = []

    def keep(figure):
        found.append(figure)
        return EMPTY

    monkeypatch.setattr(pictures, "as_svg", keep)
    return found


def _results(errors, scheme="mixed", seed=0, **columns):
    """Results of models, from a value for each fold; None is a fold not run."""
    return pd.DataFrame(
        [
            {
                **dict.fromkeys(report_data.MEASURES, 0.0),
                "scheme": scheme,
                "n_splits": 10,
                "fold": fold,
                "model": model,
                "seed": seed,
                "data_hash": "",
                "config_hash": model,
                "naive_model": "MeanEffects",
                "n_train": 900,
                "n_test": 100,
                "n_drugs": 9,
                "n_cells": 9,
                "n_candidates": np.nan,
                "rmse": rmse,
                "settings": "{}",
                "versions": "numpy 2",
                **{name: of_model[model] for name, of_model in columns.items()},
            }
            for model, values in errors.items()
            for fold, rmse in enumerate(values)
            if rmse is not None
        ]
    )


def _panel(*results):
    (panel,) = report_data.make_panels(pd.concat(results), models.ROSTER)
    return panel


def _report(tmp_path, *results):
    """Return the report as Markdown and HTML."""
    panels = report_data.make_panels(pd.concat(results), models.ROSTER)
    found = page.make_report(panels, [], page.Origin("none", tmp_path))
    return page.as_markdown(found), page.as_html(found)


def _split(text):
    """Split Markdown into the part before the variants and their section."""
    before, _, rest = text.partition(f"## {TITLE}\n")
    return before, rest.partition("\n## ")[0]


def _rows(text, start):
    """Return the cells of the first Markdown table after `start`, by model."""
    table = text[text.index(start) :].split("\n\n")[1]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {row[0]: row[1:] for row in cells}


def test_variants_are_the_ablations_and_the_encoders():
    encoders = {f"csg2a_{name}" for name in models.ENCODERS}
    assert set(models.VARIANTS) == set(models.ABLATIONS) | encoders
    assert set(models.VARIANTS) <= set(models.MODELS)


def test_variants_are_only_in_their_own_section(tmp_path):
    errors = {"csg2a": WHOLE, "csg2a_off": SHUFFLED, "csg2a_mat": WHOLE}
    others = {"csg2a_on_factors": WHOLE, "csg2a_and_kernel": WHOLE}
    text, html = _report(tmp_path, _results({**errors, **others, "MeanEffects": NAIVE}))
    before, section = _split(text)
    assert not any(model in before for model in models.VARIANTS)
    assert all(model in before for model in others)
    assert "csg2a_off" in section
    assert "csg2a_mat" in section
    assert not any(model in section for model in others)
    assert html.index('id="variants"') < html.index("attention off")
    assert '<details id="variants">' in html
    assert html.count('<svg role="img"') == 3  # scheme, errors by fold, variants


def test_no_variants_no_section(tmp_path):
    text, html = _report(tmp_path, _results({"csg2a": WHOLE, "MeanEffects": NAIVE}))
    assert TITLE not in text + html


def test_difference_is_of_the_same_fold_and_seed():
    seed_0 = _results({"csg2a": WHOLE, "csg2a_off": [1.1, None, 1.3]})
    seed_1 = _results({"csg2a": [9.0, 9.0, 9.0], "csg2a_off": [9.3]}, seed=1)
    seed_2 = _results({"csg2a_off": [50.0]}, seed=2)
    (effect,) = variants.compare_variants(_panel(seed_0, seed_1, seed_2))
    assert list(effect.rmse.index) == [0, 2]
    assert effect.differences == pytest.approx([0.2, 0.1])
    assert effect.n_seeds == 2
    assert effect.n_worse == 2


def test_interval_and_p_are_of_the_corrected_test_and_holm_over_the_variants():
    errors = {"csg2a_off": [1.01, 1.12, 1.2, 1.29], "csg2a_released": SHUFFLED}
    panel = _panel(_results({"csg2a": WHOLE, **errors}))
    effects = variants.compare_variants(panel)
    tests = [
        statistics.corrected_t_test(
            np.subtract(errors[effect.model], WHOLE), panel.test_to_train
        )
        for effect in effects
    ]
    assert [effect.test.p for effect in effects] == pytest.approx([t.p for t in tests])
    adjusted = adjust_holm(np.array([test.p for test in tests]))
    assert [effect.p_holm for effect in effects] == pytest.approx(adjusted)
    assert [effect.is_significant for effect in effects] == [False, True]


def test_significant_and_other_differences_are_listed_separately(tmp_path):
    errors = {
        "csg2a": WHOLE,
        "csg2a_off": [1.01, 1.08, 1.21, 1.31],
        "csg2a_paper": [0.87],
        "csg2a_rewired": [0.5, 0.61, 0.69, 0.8],
        "csg2a_shuffled_cells": SHUFFLED,
        "csg2a_morgan": WHOLE,
    }
    _, section = _split(_report(tmp_path, _results(errors, "cell"))[0])
    assert re.search(
        r"- Cell-blind: the error is significantly higher with expression shuffled "
        r"across cell lines \(\+1\.000, worse in 4 of 4 folds, p < 0\.001\)\. "
        r"The error is significantly lower with the interactome rewired but degrees "
        r"kept \(-0\.500, worse in 0 of 4 folds, p < 0\.001\)\. "
        r"The error is not significantly different with attention off \(\+0\.003, "
        r"worse in 3 of 4 folds\)\. "
        r"Not tested, because there is only one fold: attention as in the paper "
        r"\(-0\.130\)\. "
        r"Identical to csg2a in this scheme: compounds as Morgan fingerprints\.",
        section,
    )


def test_table_shows_schemes_side_by_side_and_bold_what_is_significant(tmp_path):
    mixed = {"csg2a": WHOLE, "csg2a_off": SHUFFLED, "csg2a_paper": [0.9]}
    cell = {"csg2a": [1.5, 1.6], "csg2a_off": [1.4, 1.75]}
    results = [_results(mixed), _results(cell, "cell")]
    _, section = _split(_report(tmp_path, *results)[0])
    rows = _rows(section, "Mean difference in RMSE")
    assert rows["model"] == ["with", "Mixed", "Cell-blind"]
    assert rows["csg2a"][1:] == ["1.150 (4 folds)", "1.550 (2 folds)"]
    assert rows["csg2a_off"][1:] == ["**+1.000 (4/4)**", "+0.025 (1/2)"]
    assert rows["csg2a_paper"][1:] == ["-0.100 (0/1)", tables.DASH]


def test_one_fold_has_a_difference_and_no_test(tmp_path):
    errors = {"csg2a": WHOLE, "csg2a_paper": [0.9]}
    _, section = _split(_report(tmp_path, _results(errors))[0])
    row = _rows(section, "Mixed: paired tests")["csg2a_paper"]
    dash = tables.DASH
    assert row[1:] == ["1", "1", "0.900", "1.000", "-0.100", dash, "0/1", dash, dash]


def test_variant_that_is_csg2a_itself_is_not_tested_nor_counted_by_holm():
    errors = {"csg2a": WHOLE, "csg2a_off": SHUFFLED, "csg2a_morgan": WHOLE}
    off, same = variants.compare_variants(_panel(_results(errors)))
    assert off.p_holm == off.test.p
    assert same.is_the_same
    assert np.isnan(same.p_holm)


@pytest.mark.parametrize("others", [{}, {"MeanEffects": NAIVE}])
def test_variants_without_csg2a_are_a_remark(tmp_path, others):
    errors = {"csg2a_off": WHOLE, "csg2a_mat": WHOLE, **others}
    text, html = _report(tmp_path, _results(errors))
    remark = "Mixed: no results of csg2a to compare with those of csg2a_off, csg2a_mat."
    assert remark in _split(text)[1]
    assert remark in html
    assert "numpy 2" in text


def test_variant_without_a_shared_fold_or_seed_is_a_remark(tmp_path):
    first = _results({"csg2a": [1.0, None], "csg2a_off": [None, 1.0]})
    second = _results({"csg2a_mat": [1.0]}, seed=1)
    _, section = _split(_report(tmp_path, first, second)[0])
    assert (
        "Mixed: not compared, because they share no fold and seed with csg2a: "
        "csg2a_off, csg2a_mat." in section
    )


def test_variant_of_other_settings_is_a_remark(tmp_path):
    given = {"learning_rate": 1e-3, "attention": "gated", "max_epochs": 20}
    settings = {
        "csg2a": json.dumps(given),
        "csg2a_off": json.dumps({**given, "attention": "off"}),
        "csg2a_rewired": json.dumps({**given, "max_epochs": 40}),
    }
    errors = dict.fromkeys(settings, WHOLE)
    text, _ = _report(tmp_path, _results(errors, settings=settings))
    assert "csg2a_rewired was fitted with other settings than csg2a (max_epo" in text
    assert "csg2a_off was fitted with other settings" not in text


def _draw(errors):
    """Draw the figure of the variants; return what it shows."""
    panel = _panel(_results(errors))
    effects = variants.compare_variants(panel)
    figures.draw_effects([(panel, effects)])
    return effects


def test_the_figure_shows_all_folds_and_the_intervals_near_them(made):
    errors = {"csg2a": WHOLE, "csg2a_off": [0.99, 1.13], "csg2a_mat": [1.04]}
    effects = _draw(errors)
    low, high = made[0].axes[0].get_xlim()
    assert effects[0].test.low < low < -0.01
    assert 0.04 < high < effects[0].test.high


def test_the_figure_of_equal_variants_has_zero_inside(made):
    _draw({"csg2a": WHOLE, "csg2a_off": WHOLE})
    low, high = made[0].axes[0].get_xlim()
    assert low < 0 < high


def test_figure_has_a_panel_for_each_scheme_and_a_line_for_each_variant(made):
    mixed = {"csg2a": WHOLE, "csg2a_mat": SHUFFLED, "csg2a_off": [1.1]}
    cell = {"csg2a": WHOLE, "csg2a_rewired": [1.1, 1.2]}
    panels = report_data.make_panels(
        pd.concat([_results(mixed), _results(cell, "cell")]), models.ROSTER
    )
    picture = figures.draw_effects(
        [(panel, variants.compare_variants(panel)) for panel in panels]
    )
    (figure,) = made
    assert [ax.get_title() for ax in figure.axes] == ["Mixed", "Cell-blind"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    present = ["csg2a_off", "csg2a_rewired", "csg2a_mat"]
    assert labels == [models.VARIANTS[model] for model in present]
    dots = [
        sorted(tuple(at) for of in ax.collections for at in of.get_offsets().round(2))
        for ax in figure.axes
    ]
    assert dots[0] == [(0.1, 0), (0.99, 2), (1, 2), (1, 2), (1.01, 2)]
    assert dots[1] == [(0.1, 1), (0.1, 1)]
    assert picture.alt == "RMSE of 3 variants minus that of csg2a, 2 schemes"
