"""Tables and text on transfer, from its result file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.models.registry import NAIVE
from sklearn_csg2a.evaluation.panels import TITLES
from sklearn_csg2a.evaluation.statistics import t_interval

MEASURES = {
    "rmse": "RMSE",
    "pearson": "PCC",
    "within_drug_pearson": "within drug r",
    "skill": "skill",
}
NUMBERS = (
    *MEASURES,
    "n_splits",
    "fold",
    "n_train",
    "n_test",
    "fit_seconds",
    "pretraining_profiles",
    "pretraining_compounds",
    "test_compounds",
    "test_compounds_seen",
    "test_cells",
    "test_cells_seen",
    "median_tanimoto",
)
REFERENCE = "scratch"
SCREENS = {
    "gdsc2": """\
CSG2A on the cell lines of GDSC2 with L1000 landmark expression, as z-scores over these
lines.""",
    "gdsc_full": """\
CSG2A on GDSC2 whole, with the 495 landmark genes of L1000 on its microarrays,
standardised over the training cells; the 24 that were not measured are 0.""",
}
INTRODUCTION = """\
The network starts from scratch, or from a perturbation model of LINCS profiles, frozen
or fine-tuned ("tuned"). "plain" is pretrained on all profiles, "strict" without those
of compounds in the test fold. Mean and standard deviation over folds that all of these
have finished; seeds are averaged within a fold first. Skill is 1 - MSE / MSE of the
naive model of the split. Differences are paired over folds, with a 95 % t-interval,
which is somewhat too narrow because folds share training rows. The profiles are from
few cell lines and compounds, so the results do not generalise to pretraining on
many.
"""


def summarize(results: pd.DataFrame, screen: str = "gdsc2") -> str:
    """Return the summary of all schemes as Markdown."""
    results = results.copy()
    for name in NUMBERS:
        results[name] = pd.to_numeric(results[name])
    parts = ["# Transfer from LINCS to GDSC2", f"{SCREENS[screen]} {INTRODUCTION}"]
    for scheme, title in TITLES.items():
        of_scheme = results[results["scheme"] == scheme]
        for n_splits, rows in of_scheme.groupby("n_splits"):
            parts += [f"## {title} ({n_splits} folds)", *_scheme_parts(rows)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _scheme_parts(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the parts of the section on one scheme."""
    folds = per_fold(rows)
    kept = folds.index.get_level_values("fold").unique()
    sizes = rows[rows["fold"].isin(kept)].drop_duplicates("fold")
    yield (
        f"Folds {', '.join(map(str, sorted(kept)))}; per fold "
        f"{sizes['n_train'].mean():,.0f} training and {sizes['n_test'].mean():,.0f} "
        "test rows."
    )
    yield _as_table(
        ["model", *MEASURES.values(), "fit, s"],
        [
            [
                str(model),
                *(_mean_and_sd(values[name]) for name in MEASURES),
                f"{values['fit_seconds'].mean():.1f}",
            ]
            for model, values in folds.groupby("model", sort=False)
        ],
    )
    variants = [name for name in _models(folds) if name not in NAIVE]
    pretrained = [name for name in variants if name != REFERENCE]
    if REFERENCE in variants and pretrained:
        yield "Difference from the network without pretraining:"
        yield _as_table(
            ["model", "RMSE", "lower in", "PCC", "within drug r"],
            [_differences(folds, name) for name in pretrained],
        )
    if pretrained:
        yield "Audit of the pretraining data, means over folds:"
        yield _audit_table(rows[rows["fold"].isin(kept)], pretrained)


def per_fold(rows: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds; keep the folds that all models have finished."""
    means = rows.groupby(["model", "fold"])[[*MEASURES, "fit_seconds"]].mean()
    n_finished = means.groupby("fold").size()
    shared = n_finished.index[n_finished == rows["model"].nunique()]
    kept = means[means.index.get_level_values("fold").isin(shared)]
    if kept.empty:  # no common fold yet
        kept = means
    present = set(_models(kept))
    ordered = [name for name in (*NAIVE, REFERENCE) if name in present]
    ordered += sorted(present - set(ordered))
    return kept.reindex(ordered, level="model")


def _models(folds: pd.DataFrame) -> list[str]:
    """Return the models, in order."""
    return list(dict.fromkeys(folds.index.get_level_values("model")))


def _differences(folds: pd.DataFrame, model: str) -> list[str]:
    """Compare a model with the one from scratch, fold by fold."""
    difference = (folds.loc[model] - folds.loc[REFERENCE]).dropna(subset="rmse")
    n_lower = int((difference["rmse"] < 0).sum())
    return [
        model,
        _with_interval(difference["rmse"]),
        f"{n_lower} of {len(difference)}",
        _with_interval(difference["pearson"]),
        _with_interval(difference["within_drug_pearson"]),
    ]


def _audit_table(rows: pd.DataFrame, models: list[str]) -> str:
    """Format the counts of the audits."""
    lines = []
    for model in models:
        of_model = rows[rows["model"] == model]
        means = of_model[list(NUMBERS)].mean()
        lines.append(
            [
                model,
                f"{means['pretraining_profiles']:,.0f}",
                f"{means['pretraining_compounds']:,.0f}",
                f"{means['test_compounds_seen']:.1f} of {means['test_compounds']:.1f}",
                f"{means['test_cells_seen']:.1f} of {means['test_cells']:.1f}",
                f"{means['median_tanimoto']:.2f}",
                f"{(of_model['audit'] == 'clean').sum()} of {len(of_model)}",
            ]
        )
    header = ["model", "profiles", "compounds", "test compounds seen"]
    header += ["test cell lines seen", "median Tanimoto to training", "clean folds"]
    return _as_table(header, lines)


def _as_table(header: list[str], lines: list[list[str]]) -> str:
    """Format a table in Markdown, with a left-aligned first column."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *lines])


def _mean_and_sd(values: pd.Series) -> str:
    """Format mean and, for at least two folds, standard deviation."""
    found = values.dropna()
    if found.empty:
        return "n/a"
    if len(found) == 1:
        return f"{found.iloc[0]:.3f}"
    return f"{found.mean():.3f} ± {found.std():.3f}"


def _with_interval(differences: pd.Series) -> str:
    """Format a mean difference and its 95 % t-interval."""
    values = differences.dropna().to_numpy()
    if not len(values):
        return "n/a"
    low, high = t_interval(values)
    text = f"{np.mean(values):+.3f}"
    return text if np.isnan(low) else f"{text} ({low:+.3f} to {high:+.3f})"
