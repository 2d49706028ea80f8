"""Tables of learning curves of transfer, from their result file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sklearn_csg2a.evaluation.panels import TITLES
from sklearn_csg2a.evaluation.statistics import t_interval

MEASURES = {"rmse": "RMSE", "within_drug_pearson": "within drug r", "skill": "skill"}
CONTROL = "untrained_frozen"
INTRODUCTION = """\
CSG2A on GDSC2 whole, from a share of the training rows of each fold. "strict" is
pretrained on LINCS profiles of compounds that are not in the test fold, "untrained" was
never trained: only what "strict" gains over it is due to pretraining. Means over folds
that all models of a share have finished, one seed. Differences are paired over folds,
with a 95 % t-interval, which is somewhat too narrow because folds share training rows.
"""


def summarize(results: pd.DataFrame) -> str:
    """Return the summary of all schemes as Markdown."""
    results = results.copy()
    results[["model", "share"]] = results["model"].str.split("@", expand=True)
    for name in ("share", "fold", "n_train", *MEASURES):
        results[name] = pd.to_numeric(results[name])
    parts = ["# Learning curves of transfer from LINCS to GDSC2", INTRODUCTION.strip()]
    for scheme, title in TITLES.items():
        rows = results[results["scheme"] == scheme]
        if len(rows):
            parts += [f"## {title}", *_tables(rows)]
    return "\n\n".join(parts) + "\n"


def _tables(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the table of means, and that of differences from the control."""
    header = ["share", "rows", "folds", "model", *MEASURES.values()]
    lines, differences = [], []
    for share, of_share in rows.groupby("share"):
        wide = of_share.pivot_table(index="fold", columns="model", values="rmse")
        folds = wide.dropna().index if wide.dropna().size else wide.index
        kept = of_share[of_share["fold"].isin(folds)]
        n_rows = f"{kept['n_train'].mean():,.0f}"
        for model, values in kept.groupby("model", sort=False):
            means = [f"{values[name].mean():.3f}" for name in MEASURES]
            lines.append([f"{share:g}", n_rows, str(len(folds)), str(model), *means])
        for model in wide.columns:
            control = "paper_" * model.startswith("paper_") + CONTROL
            if control in wide and model != control:
                change = (wide[model] - wide[control]).loc[folds].dropna().to_numpy()
                differences.append([f"{share:g}", str(model), *_describe(change)])
    yield _as_table(header, lines)
    if differences:
        yield "RMSE minus that of the frozen network that was never trained:"
        yield _as_table(["share", "model", "difference", "lower in"], differences)


def _describe(change: np.ndarray) -> list[str]:
    """Return mean and interval of differences, and in how many folds they are < 0."""
    lower = f"{(change < 0).sum()} of {len(change)}"
    if len(change) < 2:
        return [f"{change.mean():+.3f}", lower]
    low, high = t_interval(change)
    return [f"{change.mean():+.3f} [{low:+.3f}, {high:+.3f}]", lower]


def _as_table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
