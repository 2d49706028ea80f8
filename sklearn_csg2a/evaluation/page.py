"""Content of the report, and its conversion to Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.evaluation import figures, tables, variants, words
from sklearn_csg2a.evaluation.glance import Glance, look_at
from sklearn_csg2a.evaluation.pairs import compare_models, rank_models
from sklearn_csg2a.evaluation.panels import Panel
from sklearn_csg2a.evaluation.pictures import COLORS, Picture
from sklearn_csg2a.evaluation.predictions import (
    Predictions,
    per_compound,
    read_compounds,
    read_predictions,
)

_KINDS = {
    "naive": "naive models",
    "classical": "classical models",
    "network": "neural networks",
    "average": "averages of models",
}
TEMPLATES = Path(__file__).resolve().parent / "templates"
N_WORST = 3


@dataclass(frozen=True)
class Notes:
    """Texts of the report, each a sequence of paragraphs."""

    methods: Sequence[str] = ()
    limits: Sequence[str] = ()
    settings: Sequence[str] = ()
    published: Sequence[str] = ()


@dataclass(frozen=True)
class Origin:
    """The sources of the report."""

    data: str  # name of the data set
    predictions: Path | None = None  # where they are stored
    load: Callable[[], Bunch] | None = None  # the data set, for the names of compounds
    notes: Notes = field(default_factory=Notes)
    noise: float | None = None  # of a single measurement
    what: Mapping[str, str] = field(default_factory=dict)  # what each model is


@dataclass
class Section:
    """Texts, tables and figures of one scheme, or of the variants."""

    anchor: str
    title: str
    lead: str
    findings: list[str]
    tables: list[tables.Table]
    pictures: list[Picture] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    has_files: bool = False  # whether the pictures are files, included in Markdown


@dataclass(frozen=True)
class Report:
    """Content of the report, independent of its format."""

    data: str
    warnings: Sequence[str]
    glances: Sequence[Glance]
    lines: Sequence[str]  # how to read the pictures of the glances
    overview: tables.Table
    sections: Sequence[Section]
    notes: Notes
    versions: Sequence[str]

    @property
    def title(self) -> str:
        """Title of the page."""
        return f"Comparison of models: {self.data}"

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Kinds of models that there are, with their colors."""
        kinds = {one for glance in self.glances for one in glance.kinds}
        return [(_KINDS[kind], COLORS[kind]) for kind in COLORS if kind in kinds]


def make_report(
    panels: Sequence[Panel], warnings: Sequence[str], origin: Origin
) -> Report:
    """Combine tables, texts and figures."""
    rows = pd.concat([part for p in panels for part in (p.rows, p.variants)])
    panels_with_results = [panel for panel in panels if panel.models]
    glances = [
        look_at(panel, compare_models(panel, "rmse"), origin.noise, origin.what)
        for panel in panels_with_results
    ]
    sections = [_make_section(panel, origin) for panel in panels_with_results]
    if any(len(panel.variants) for panel in panels):
        sections.append(_make_variants_section(panels))
    return Report(
        origin.data,
        warnings,
        glances,
        list(explain_glances(origin.noise)),
        tables.make_overview(panels_with_results, origin.what),
        sections,
        origin.notes,
        sorted(rows["versions"].unique()),
    )


def _make_section(panel: Panel, origin: Origin) -> Section:
    """Make the section of one scheme."""
    errors = compare_models(panel, "rmse")
    correlations = compare_models(panel, panel.correlation)
    ranked = rank_models(panel)
    optional_tables = [
        tables.make_measures(panel),
        tables.make_cost(panel),
        tables.make_all_folds(panel),
        tables.make_tests(panel, errors),
        tables.make_pairs(panel, errors),
        tables.make_tests(panel, correlations),
        tables.make_pairs(panel, correlations),
        tables.make_ranks(panel, *ranked) if ranked else None,
    ]
    section = Section(
        f"{panel.scheme}-{panel.n_splits}",
        panel.title,
        words.describe_folds(panel),
        list(words.say_findings(panel, errors, correlations)),
        [table for table in optional_tables if table is not None],
    )
    section.pictures.append(figures.draw_folds(panel, errors))
    if ranked is None:
        section.remarks.append(words.say_why_no_ranks(panel))
    else:
        section.pictures.append(figures.draw_ranks(panel, *ranked))
        section.remarks += words.say_left_out_of_ranks(panel, ranked[0])
    _add_predictions(section, panel, origin)
    return section


def _make_variants_section(panels: Sequence[Panel]) -> Section:
    """Make the section about the variants of a model."""
    roster = panels[0].roster
    effects = [(panel, variants.compare_variants(panel)) for panel in panels]
    compared = [(panel, of_panel) for panel, of_panel in effects if of_panel]
    section = Section(
        "variants",
        f"Effect of each part of {roster.title}",
        variants.say_lead(roster.whole),
        [variants.say_effects(*of_panel) for of_panel in compared],
        [],
        remarks=[text for item in effects for text in variants.say_remarks(*item)],
        has_files=True,
    )
    if compared:
        section.tables.append(variants.make_differences(compared))
        section.tables += [variants.make_tests(*of_panel) for of_panel in compared]
        section.pictures.append(figures.draw_effects(compared))
    return section


def _add_predictions(section: Section, panel: Panel, origin: Origin) -> None:
    """Add figures of the stored predictions, or the reason why there are none."""
    if origin.predictions is None:
        return
    predictions = read_predictions(origin.predictions / origin.data, panel)
    models = predictions.ordered(panel)
    section.remarks += _say_incomplete(predictions)
    if not models:
        section.remarks.append(
            "No predictions of the compared models are stored here, so there are no "
            "plots of predicted against measured values or of errors by compound."
        )
        return
    of_model = {model: predictions.of_model[model] for model in models}
    section.pictures.append(figures.draw_predicted(panel, of_model))
    data_hash = panel.rows["data_hash"].iloc[0]
    compounds, reason = read_compounds(origin.load, data_hash)
    if compounds is None:
        section.remarks.append(f"No plots by compound: {reason}.")
        return
    identity = compounds["identity"].to_numpy()
    scores = {m: per_compound(rows, identity) for m, rows in of_model.items()}
    section.pictures.append(figures.draw_compound_correlations(panel, scores))
    if panel.best_naive in scores and len(scores) > 1:
        section.pictures.append(figures.draw_compound_errors(panel, scores))
        names = compounds.drop_duplicates("identity").set_index("identity")["name"]
        section.findings += _say_worst(panel, scores, names)


def _say_incomplete(predictions: Predictions) -> Iterator[str]:
    """List the models without stored predictions for all compared folds."""
    if predictions.of_model and predictions.incomplete:
        names = ", ".join(f"{m} ({n})" for m, n in predictions.incomplete.items())
        yield (
            "Not in the plots of predictions, because stored predictions that match "
            f"the results are missing (number of folds that have them): {names}."
        )


def _say_worst(
    panel: Panel, scores: dict[str, pd.DataFrame], names: pd.Series
) -> Iterator[str]:
    """List the compounds with the largest excess error over the best naive model."""
    naive = scores[str(panel.best_naive)]["rmse"]
    for model, of_compounds in scores.items():
        if model == panel.best_naive:
            continue
        excess = of_compounds["rmse"] - naive
        behind = excess.sort_values(ascending=False, kind="stable")
        worst = behind[behind > 0].head(N_WORST)
        text = (
            f"By compound, {model} has a lower RMSE than {panel.best_naive} for "
            f"{int((behind < 0).sum())} of {len(behind)}"
        )
        if len(worst):
            named = zip(names.reindex(worst.index), worst, strict=True)
            listed = ", ".join(f"{name} ({gap:+.2f})" for name, gap in named)
            text += f"; the difference is largest for {listed}"
        yield text + "."


def explain_glances(noise: float | None) -> Iterator[str]:
    """Say what the lines of the first pictures mean."""
    yield "dots: mean over folds, with its corrected 95 % interval and the folds"
    yield "dashed: the best naive model, which knows no more than the ids of a row"
    if noise is not None:
        yield f"dotted: the noise of a measurement ({noise:.3g}), all else predicted"


def list_files(report: Report) -> Iterator[tuple[str, Picture]]:
    """Yield the pictures included in Markdown, with their file names."""
    for section in report.sections:
        if section.has_files:
            for number, picture in enumerate(section.pictures, start=1):
                yield f"{report.data}_{section.anchor}_{number}.svg", picture


def as_markdown(report: Report) -> str:
    """Write the report in Markdown, with only the figures of `list_files`."""
    name_of = {picture: name for name, picture in list_files(report)}
    parts = [f"# {report.data}", *report.warnings]
    told = [f"{one.title}. {one.sentence}" for one in report.glances]
    parts += ["## Overview", _as_list(told), report.overview.as_markdown()]
    for section in report.sections:
        parts += [f"## {section.title}", section.lead]
        if section.findings:
            parts.append(_as_list(section.findings))
        parts += [table.as_markdown() for table in section.tables]
        for picture in section.pictures:
            if picture in name_of:
                parts += [f"![{picture.alt}]({name_of[picture]})", picture.caption]
        if section.remarks:
            parts.append(_as_list(section.remarks))
    for title, items in list_notes(report):
        parts += [f"## {title}", _as_list(items)]
    return "\n\n".join(parts) + "\n"


def as_html(report: Report) -> str:
    """Write the report as one self-contained page."""
    jinja2 = import_optional("jinja2", extra="report", purpose="The page")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("report.html")
    return template.render(report=report, notes=list_notes(report))


def list_notes(report: Report) -> list[tuple[str, Sequence[str]]]:
    """Return the titles and texts that follow the results, without empty ones."""
    every = [
        ("Limitations of these data", report.notes.limits),
        ("How the settings were chosen", report.notes.settings),
        ("Published numbers", report.notes.published),
        ("How to read the numbers", report.notes.methods),
        ("Versions", report.versions),
    ]
    return [(title, items) for title, items in every if items]


def _as_list(items: Sequence[str]) -> str:
    """Write a list in Markdown."""
    return "\n".join(f"- {item}" for item in items)
