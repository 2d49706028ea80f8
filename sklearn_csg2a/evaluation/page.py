"""What the report holds, and how it becomes Markdown and a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.evaluation import figures, tables, variants, words
from sklearn_csg2a.evaluation.comparisons import compare_models, rank_models
from sklearn_csg2a.evaluation.panels import Panel
from sklearn_csg2a.evaluation.predictions import (
    Predictions,
    per_compound,
    read_compounds,
    read_predictions,
)

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
    """Where the report takes what it says from."""

    data: str  # name of the data set
    predictions: Path
    load: Callable[[], Bunch] | None = None  # the data set, to name its compounds
    notes: Notes = field(default_factory=Notes)


@dataclass
class Section:
    """What there is to say and show about one scheme, or about the variants."""

    anchor: str
    title: str
    lead: str
    findings: list[str]
    tables: list[tables.Table]
    pictures: list[figures.Picture] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    has_files: bool = False  # whether the pictures are files that Markdown shows


@dataclass(frozen=True)
class Report:
    """All that the report says, before it is written in some form."""

    data: str
    warnings: Sequence[str]
    overview: tables.Table
    sections: Sequence[Section]
    notes: Notes
    versions: Sequence[str]


def make_report(
    panels: Sequence[Panel], warnings: Sequence[str], origin: Origin
) -> Report:
    """Put together tables, words and figures."""
    rows = pd.concat([part for p in panels for part in (p.rows, p.variants)])
    shown = [panel for panel in panels if panel.models]
    sections = [_make_section(panel, origin) for panel in shown]
    if any(len(panel.variants) for panel in panels):
        sections.append(_make_variants_section(panels))
    return Report(
        origin.data,
        warnings,
        tables.make_overview(shown),
        sections,
        origin.notes,
        sorted(rows["versions"].unique()),
    )


def _make_section(panel: Panel, origin: Origin) -> Section:
    """Make the section of one scheme."""
    errors = compare_models(panel, "rmse")
    correlations = compare_models(panel, panel.correlation)
    ranked = rank_models(panel)
    found = [
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
        [table for table in found if table is not None],
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
    """Make the section of what is different without a part of a model."""
    roster = panels[0].roster
    effects = [(panel, variants.compare_variants(panel)) for panel in panels]
    found = [(panel, of_panel) for panel, of_panel in effects if of_panel]
    section = Section(
        "variants",
        f"What each part of {roster.title} does",
        variants.say_lead(roster.whole),
        [variants.say_effects(*of_panel) for of_panel in found],
        [],
        remarks=[text for item in effects for text in variants.say_remarks(*item)],
        has_files=True,
    )
    if found:
        section.tables.append(variants.make_differences(found))
        section.tables += [variants.make_tests(*of_panel) for of_panel in found]
        section.pictures.append(figures.draw_effects(found))
    return section


def _add_predictions(section: Section, panel: Panel, origin: Origin) -> None:
    """Add what the stored predictions show, or why there is nothing to show."""
    found = read_predictions(origin.predictions / origin.data, panel)
    shown = found.shown(panel)
    section.remarks += _say_incomplete(found)
    if not shown:
        section.remarks.append(
            "No predictions of the models compared are stored here, so there are no "
            "plots of predicted against measured values and none by compound."
        )
        return
    of_model = {model: found.of_model[model] for model in shown}
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


def _say_incomplete(found: Predictions) -> Iterator[str]:
    """Name the models whose predictions are not stored for all folds compared."""
    if found.of_model and found.incomplete:
        names = ", ".join(f"{model} ({n})" for model, n in found.incomplete.items())
        yield (
            "Not in the plots of predictions, for want of stored predictions that fit "
            f"the results (folds that have them in brackets): {names}."
        )


def _say_worst(
    panel: Panel, scores: dict[str, pd.DataFrame], names: pd.Series
) -> Iterator[str]:
    """Name the compounds on which models are farthest behind the best naive one."""
    naive = scores[str(panel.best_naive)]["rmse"]
    for model, found in scores.items():
        if model == panel.best_naive:
            continue
        behind = (found["rmse"] - naive).sort_values(ascending=False, kind="stable")
        worst = behind[behind > 0].head(N_WORST)
        text = (
            f"By compound, {model} has a lower RMSE than {panel.best_naive} for "
            f"{int((behind < 0).sum())} of {len(behind)}"
        )
        if len(worst):
            named = zip(names.reindex(worst.index), worst, strict=True)
            listed = ", ".join(f"{name} ({gap:+.2f})" for name, gap in named)
            text += f"; it is farthest behind for {listed}"
        yield text + "."


def list_files(report: Report) -> Iterator[tuple[str, figures.Picture]]:
    """Yield the pictures that Markdown shows, with the names of their files."""
    for section in report.sections:
        if section.has_files:
            for number, picture in enumerate(section.pictures, start=1):
                yield f"{report.data}_{section.anchor}_{number}.svg", picture


def as_markdown(report: Report) -> str:
    """Write the report in Markdown, with the figures of `list_files` alone."""
    name_of = {picture: name for name, picture in list_files(report)}
    parts = [f"# {report.data}", *report.warnings]
    parts += ["## Overview", report.overview.as_markdown()]
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
    """Write the report as one page that needs nothing from elsewhere."""
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
    """Return the titles and texts that follow the results; empty ones left out."""
    every = [
        ("What limits these data", report.notes.limits),
        ("How the settings were chosen", report.notes.settings),
        ("Published numbers", report.notes.published),
        ("How to read the numbers", report.notes.methods),
        ("Versions", report.versions),
    ]
    return [(title, items) for title, items in every if items]


def _as_list(items: Sequence[str]) -> str:
    """Write a list in Markdown."""
    return "\n".join(f"- {item}" for item in items)
