"""The report agrees with the numbers, and its page is self-contained."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="jinja2 is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")
report = pytest.importorskip(
    "benchmarks.report", reason="the benchmarks folder is not importable"
)
data_module = pytest.importorskip("benchmarks.data.load")
models = pytest.importorskip("benchmarks.models.registry")
results_module = pytest.importorskip("sklearn_csg2a.evaluation.results")
pictures = pytest.importorskip("sklearn_csg2a.evaluation.pictures")
report_data = pytest.importorskip("sklearn_csg2a.evaluation.panels")
tables = pytest.importorskip("sklearn_csg2a.evaluation.tables")
run = pytest.importorskip("benchmarks.run")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

OWN_NAIVE = {"mixed": "MeanEffects", "cell": "DrugMean", "drug": "CellMean"}

EMPTY = '<svg width="1pt" height="1pt"></svg>'


class Store:
    """Results written as the benchmark writes them, from errors given by the test."""

    def __init__(self, folder, data="screen"):
        self.folder, self.data = folder, data
        self.predictions = folder / "predictions"

    def add(self, errors, scheme="mixed", **columns):
        """Add the RMSE of models, a value for each fold; None is a fold not run."""
        rows = [
            {
                **dict.fromkeys(results_module.COLUMNS, ""),
                **dict.fromkeys(report_data.MEASURES, 0.0),
                "data": self.data,
                "scheme": scheme,
                "n_splits": 10,
                "fold": fold,
                "model": model,
                "seed": 0,
                "data_hash": data_module.load_data("screen").hash,
                "split_hash": f"{scheme}{fold}",
                "config_hash": f"{model:_<8}",
                "n_parameters": "",
                "naive_model": OWN_NAIVE[scheme],
                "n_train": 1440,
                "n_test": 160,
                "n_drugs": 40,
                "n_cells": 40,
                "rmse": rmse,
                "pearson": 1 - rmse / 3,
                "versions": "numpy 2",
                **{name: values.get(model, 0.0) for name, values in columns.items()},
            }
            for model, values in errors.items()
            for fold, rmse in enumerate(values)
            if rmse is not None
        ]
        results_module.results_table(self.folder, self.data).add(rows)
        results_module.folds_table(self.folder, self.data).add(rows)
        return rows

    def add_predictions(self, rows):
        """Store predictions of 160 rows for each result, of just its RMSE."""
        y = data_module.load_data("screen").y.to_numpy(dtype=float)
        (self.predictions / self.data).mkdir(parents=True, exist_ok=True)
        for row in rows:
            tested = np.arange(len(y))[row["fold"] :: 10]
            rng = np.random.default_rng(len(row["model"]) + 100 * row["fold"])
            noise = rng.normal(size=len(tested))
            noise *= row["rmse"] / np.sqrt(np.mean(noise**2))
            name = "{scheme}-{n_splits}-fold{fold}-{model}-seed{seed}-{config}.npz"
            path = (
                self.predictions
                / self.data
                / name.format(**row, config=row["config_hash"][:8])
            )
            np.savez(path, row=tested, y_true=y[tested], y_pred=y[tested] + noise)

    def report(self, *options):
        """Write the report; return Markdown and HTML."""
        folders = ["--results", self.folder, "--predictions", self.predictions]
        arguments = ["--data", self.data, *folders, *options]
        assert report.main([str(value) for value in arguments]) == 0
        return [
            (self.folder / f"{self.data}{suffix}").read_text("utf-8")
            for suffix in (".md", ".html")
        ]


@pytest.fixture
def drawn_store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def store(drawn_store, monkeypatch):
    """A store whose figures are made, but not drawn, which is what takes time."""
    monkeypatch.setattr(pictures, "as_svg", lambda figure: EMPTY)
    return drawn_store


def _table(text, start):
    """Return the rows of the first Markdown table with this column after `start`."""
    lines = text[text.index(start) :].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def _around(mean, n_folds=5):
    """Errors around a mean, not the same for all means."""
    return [
        mean + 0.01 * ((7 * fold + round(100 * mean)) % 5) for fold in range(n_folds)
    ]


def test_markdown_shows_the_figure_of_the_variants_from_a_file(drawn_store):
    drawn_store.add({"csg2a": _around(1.0), "csg2a_off": _around(1.1)})
    drawn_store.add({"MeanEffects": _around(1.4)})
    text, _ = drawn_store.report()
    (name,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    figure = (drawn_store.folder / name).read_text("utf-8")
    assert figure.startswith("<svg")
    assert figure.count("<path") > 20


def test_naive_model_that_wins_is_said_to(store):
    store.add({"csg2a": _around(1.4), "MeanEffects": _around(1.2)})
    text, page = store.report()
    for written in (text, page):
        assert "A NAIVE MODEL WINS: MeanEffects has the lowest RMSE (1.220)" in written
        assert "csg2a DOES NOT beat the best naive model, MeanEffects" in written
    assert "**1.220 ± " in text
    assert re.search(r"<strong>1\.220 ± ", page)


def test_classical_model_that_wins_is_said_to(store):
    errors = {"MeanEffects": 1.2, "RandomForest": 1.0, "csg2a": 1.1}
    store.add({model: _around(mean) for model, mean in errors.items()})
    text, _ = store.report()
    assert "A CLASSICAL MODEL WINS: RandomForest has the lowest RMSE (1.020)" in text
    assert "the best network is csg2a (1.120)" in text
    assert "A CLASSICAL MODEL WINS in PCC: RandomForest" in text


def test_model_that_wins_is_said_to(store):
    store.add({"csg2a": _around(1.0), "MeanEffects": _around(1.2)})
    text, _ = store.report()
    assert "csg2a beats the best naive model, MeanEffects: RMSE -0.200" in text
    assert "lower in 5 of 5 folds, significant, p" in text
    assert "NAIVE MODEL WINS:" not in text


def test_difference_that_is_not_significant_is_said_to_be(store):
    store.add({"csg2a": [1.0, 1.5, 1.2], "MeanEffects": [1.4, 1.1, 1.3]})
    text, _ = store.report()
    assert "csg2a has a lower RMSE, but not significantly, than the best" in text
    assert "not significant, p = " in text


def test_pairs_that_are_not_told_apart_are_listed(store):
    errors = {"csg2a": _around(1.0), "MeanEffects": _around(1.2)}
    store.add({**errors, "csg2a_on_factors": [1.0, 1.1]})
    text, _ = store.report()
    assert (
        "RMSE not significantly different (Holm's p in parentheses): "
        "csg2a_on_factors and csg2a (" in text
    )
    pairs = _table(text, "Row minus column in RMSE")
    assert pairs[0] == ["", "csg2a"]
    assert re.fullmatch(r"\+0\.040 \(0\.\d+\), 2 folds", pairs[2][1])


def test_pairs_that_are_not_told_apart_are_counted_where_they_are_many(store):
    networks = ["GraphDRP", "DRPreter", "DeepTTA", "PathDNN", "Precily", "csg2a"]
    store.add({"MeanEffects": [1.4, 1.5], **{name: [1.0, 1.1] for name in networks}})
    text, _ = store.report()
    assert "RMSE not significantly different: 15 of 15 pairs of models" in text
    assert "GraphDRP and DRPreter" not in text


def test_one_fold_is_not_tested(store):
    store.add({"csg2a": [1.0], "MeanEffects": [1.2]})
    text, _ = store.report()
    assert "lower in 1 of 1 folds, too few folds for a test." in text


def test_naive_correlation_that_is_higher_is_named(store):
    store.add(
        {"csg2a": [1.0, 1.1], "MeanEffects": [1.2, 1.3]},
        within_drug_pearson={"csg2a": 0.638, "MeanEffects": 0.64},
    )
    text, _ = store.report()
    assert (
        "A NAIVE MODEL WINS in within drug r: MeanEffects 0.640, against csg2a" in text
    )


def test_naive_model_that_beats_that_of_the_split_is_named(store):
    store.add({"TissueDrugMean": [1.1], "DrugMean": [1.2]}, "cell")
    text, _ = store.report()
    assert "TissueDrugMean has the lowest RMSE (1.100), not DrugMean (1.200)" in text


def test_models_are_only_compared_on_common_folds(store):
    store.add({"csg2a": [1.0, 1.2], "MeanEffects": [1.1, 1.3, 9.9]})
    text, _ = store.report()
    assert "Compared on folds 0, 1 of 10" in text
    overview = _table(text, "## Overview")
    assert overview[0][2] == "Mixed, RMSE (2 folds)"
    assert overview[2][2] == "1.200 ± 0.141"
    (of_all,) = _table(text, "Models with more folds")[2:3]
    assert of_all[:3] == ["MeanEffects", "0, 1, 2", "4.100 ± 5.024"]


def test_cell_with_fewer_folds_says_how_many_and_is_not_the_best(store):
    errors = {"csg2a": _around(1.1), "SVM": [0.1], "MeanEffects": _around(1.2)}
    store.add(errors)
    text, _ = store.report()
    cells = {row[0]: row[2] for row in _table(text, "## Overview")[:5]}
    assert cells["SVM"] == "0.100 (1 fold)"
    assert cells["csg2a"].startswith("**1.1")
    assert "Not compared, because some of these folds are missing: SVM" in text


def test_model_without_folds_in_a_scheme_shows_a_dash(store):
    store.add({"csg2a": [1.0, 1.1], "SVM": [1.0, 1.0], "MeanEffects": [1.2, 1.3]})
    store.add({"csg2a": [1.0, 1.1], "DrugMean": [1.2, 1.3]}, "cell")
    text, page = store.report()
    overview = {row[0]: row[2:] for row in _table(text, "## Overview")[:6]}
    assert overview["SVM"][2:] == [tables.DASH] * 2
    assert overview["DrugMean"][:2] == [tables.DASH] * 2
    assert f'<td class="number">{tables.DASH}</td>' in page


def test_naive_models_come_first(store):
    store.add({"csg2a": [1.0], "MeanEffects": [1.1], "GlobalMean": [2.0]})
    text, _ = store.report()
    names = [row[0] for row in _table(text, "## Overview")[2:5]]
    assert names == ["GlobalMean", "MeanEffects", "csg2a"]


def test_ranking_takes_seven_folds(store):
    errors = {"MeanEffects": 1.2, "csg2a_on_factors": 0.9, "csg2a": 1.0}
    store.add({model: _around(mean, 6) for model, mean in errors.items()})
    assert "No ranking: it requires three models" in store.report()[0]
    store.add({model: _around(mean, 7) for model, mean in errors.items()})
    store.add({"SVM": _around(1.1, 3)})
    text, page = store.report()
    assert "Mean ranks by RMSE over 7 folds" in text
    assert "fewer than 7 folds: SVM (3)" in text
    assert "Critical-difference diagram of 3 models" in page


def test_missing_predictions_are_said_to_be(store):
    store.add({"csg2a": [1.0], "MeanEffects": [1.2]})
    text, page = store.report()
    assert "No predictions of the compared models are stored here" in text
    assert page.count('<svg role="img"') == 2


def test_predictions_are_drawn_and_compounds_compared(store):
    rows = store.add({"csg2a": [0.1, 0.1], "MeanEffects": [1.0, 1.0]})
    store.add_predictions(rows)
    text, page = store.report()
    assert page.count('<svg role="img"') == 5
    assert "By compound, csg2a has a lower RMSE than MeanEffects for 40 of 40." in text


def test_predictions_of_another_result_are_not_taken(store):
    rows = store.add({"csg2a": [0.5], "MeanEffects": [1.0]})
    store.add_predictions([{**rows[0], "rmse": 0.7}, rows[1]])
    text, _ = store.report()
    assert "stored predictions that match the results" in text
    assert "csg2a (0)" in text


def test_limits_and_settings_of_the_data_are_reported(tmp_path, monkeypatch):
    monkeypatch.delenv("SKLEARN_CSG2A_DATA", raising=False)
    store = Store(tmp_path, "gdsc2")
    store.add({"csg2a": [1.0], "MeanEffects": [1.2]})
    text, page = store.report()
    assert "About 64 % of the ln IC50 values" in text
    assert "chosen on inner splits of the training rows" in text
    chosen = tmp_path / "settings.txt"
    chosen.write_text("By a search\non inner folds.\n\nOnce <only>.\n")
    text, page = store.report("--settings", chosen)
    assert "- By a search on inner folds.\n- Once <only>." in text
    assert "<li>Once &lt;only&gt;.</li>" in page
    assert "chosen on inner splits" not in text


def test_average_of_models_is_named_apart_from_the_best_single_model(tmp_path):
    store = Store(tmp_path)
    single = {"csg2a": [1.0, 1.1], "MeanEffects": [1.2, 1.3]}
    store.add({"csg2a_and_kernel": [0.9, 1.0], **single})
    text, _ = store.report()
    assert "csg2a_and_kernel, an average of models, has the lowest RMSE of all" in text
    assert "csg2a has the lowest RMSE of single models (1.050)." in text


def test_report_of_an_average_alone_can_be_written(tmp_path):
    store = Store(tmp_path)
    store.add({"csg2a_and_kernel": [0.9, 1.0]})
    assert "an average of models, has the lowest RMSE" in store.report()[0]


def test_page_needs_nothing_from_elsewhere(drawn_store):
    drawn_store.add({"csg2a": [1.0, 1.1], "MeanEffects": [1.2, 1.3]})
    _, page = drawn_store.report()
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    anchors = {source[1:] for source in sources if source.startswith("#")}
    assert anchors <= set(re.findall(r'id="([^"]*)"', page))


@pytest.mark.slow
def test_same_results_give_the_same_bytes(drawn_store):
    rows = drawn_store.add({"csg2a": [0.5, 0.6], "MeanEffects": [1.0, 1.1]})
    drawn_store.add_predictions(rows)
    assert drawn_store.report() == drawn_store.report()


def test_only_the_models_asked_for_are_shown(store):
    store.add({"csg2a": [1.0], "csg2a_off": [1.1], "MeanEffects": [1.2]})
    text, _ = store.report("--models", "csg2a")
    assert "csg2a_off" not in text
    assert "MeanEffects" in text


def test_no_results_are_an_error(store, capsys):
    folders = ["--results", str(store.folder)]
    assert report.main(["--data", "screen", *folders]) == 1
    assert "No results of screen in" in capsys.readouterr().err


def test_seeds_are_averaged_within_a_fold(store):
    rows = store.add({"csg2a": [1.0, 2.0]})
    again = [{**row, "seed": 1, "rmse": row["rmse"] + 2} for row in rows]
    results_module.results_table(store.folder, "screen").add(again)
    (panel,) = report_data.make_panels(
        report_data.read_results(store.folder, "screen")[0], models.ROSTER
    )
    assert list(panel.of_model("csg2a")["rmse"]) == [2.0, 3.0]


def test_tuned_model_is_of_its_kind_and_may_have_settings_of_its_own(store):
    rows = store.add({"SVM_tuned": _around(1.0), "SVM": _around(1.1)})
    rows += store.add({"csg2a": _around(1.2), "MeanEffects": _around(1.3)})
    for row in rows[:5]:
        row.update(n_candidates=20, config_hash=f"{row['fold']}" * 8)
    results_module.results_table(store.folder, "screen").add(rows)
    text, _ = store.report()
    assert "number of candidates: SVM_tuned 20." in text
    assert "A CLASSICAL MODEL WINS: SVM_tuned" in text
    assert "different settings" not in text
    names = [row[0] for row in _table(text, "## Overview")[2:6]]
    assert names == ["MeanEffects", "SVM", "SVM_tuned", "csg2a"]


def test_units_of_a_fold_are_rows_or_parts_whichever_are_more(store):
    store.add({"MeanEffects": [1.0]})
    results, _ = report_data.read_results(store.folder, "screen")
    (panel,) = report_data.make_panels(results, models.ROSTER)
    assert panel.test_to_train == pytest.approx(1 / 9)
    (panel,) = report_data.make_panels(results.assign(n_train=1280), models.ROSTER)
    assert panel.test_to_train == pytest.approx(1 / 8)
    (panel,) = report_data.make_panels(results.assign(n_splits=1), models.ROSTER)
    assert panel.test_to_train == 1


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        ({"a": range(3), "MeanEffects": range(10)}, range(3)),
        ({"a": range(6), "b": range(3)}, range(3)),
        ({"a": range(10), "b": range(3)}, range(10)),
        ({"a": range(4), "b": range(2, 6)}, range(2, 4)),
        ({"a": range(4), "MeanEffects": range(2)}, range(2)),
        ({"DrugMean": range(2), "MeanEffects": range(4)}, range(2)),
        ({"a": range(2), "MeanEffects": range(2, 4)}, range(2)),
    ],
)
def test_folds_that_cover_the_most_results_are_compared(finished, expected):
    folds = {model: frozenset(of_model) for model, of_model in finished.items()}
    assert report_data.choose_folds(folds) == tuple(expected)


CHECK = """<script>addEventListener("load", () => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const pictures = [...document.querySelectorAll("svg[role=img]")];
  const all = [...document.querySelectorAll("*")];
  const ids = all.map((one) => one.id).filter((id) => id);
  const body = document.body.dataset;
  body.pictures = pictures.length;
  body.drawn = pictures.filter((i) => i.getBoundingClientRect().width > 99).length;
  body.named = pictures.filter((i) => i.getAttribute("aria-label")).length;
  body.twice = ids.length - new Set(ids).size;
  body.overflows = document.documentElement.scrollWidth > innerWidth;
  body.unreachable = all.filter((one) => one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).overflowX === "auto" && one.tabIndex < 0).length;
});</script></body>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path")
@pytest.mark.parametrize("width", [400, 1300])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_shows_tables_and_pictures(drawn_store, tmp_path, scheme, width):
    image = pytest.importorskip("matplotlib.image")
    rows = drawn_store.add({"csg2a": [0.5, 0.6], "MeanEffects": [1.0, 1.1]})
    drawn_store.add_predictions(rows)
    drawn_store.add({"csg2a_off": [0.55, 0.66]})
    _, page = drawn_store.report()
    checked = tmp_path / "checked.html"  # the page itself allows no scripts
    policy = re.compile(r"<meta http-equiv=[^>]*>")
    checked.write_text(policy.sub("", page).replace("</body>", CHECK), "utf-8")
    shot = tmp_path / "shot.png"

    def browse(*options):
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"]
        command += [
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
        ]
        command += [f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"]
        done = subprocess.run(
            [*command, *map(str, options)],
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        assert "CONSOLE" not in done.stderr
        return done.stdout

    dom = browse("--dump-dom", f"--window-size={width},900", checked.as_uri())
    body = dict(re.findall(r'data-(\w+)="(\w+)"', dom))
    assert body["pictures"] == body["drawn"] == body["named"] == "6"
    assert body["twice"] == body["unreachable"] == "0"
    assert body["overflows"] == "false"
    assert "csg2a beats the best naive model" in dom
    browse(
        f"--window-size={width},3000",
        f"--screenshot={shot}",
        (tmp_path / "screen.html").as_uri(),
    )
    pixels = image.imread(shot)[..., :3]
    assert (pixels[0, 0] > 0.9).all() == (scheme == "light")
    assert pixels.std() > 0.05
