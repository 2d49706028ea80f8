"""Tests over compounds and tables of the evaluation of predicted changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_csg2a._utils.p_values import adjust_holm
from sklearn_csg2a.metrics import share_of_gap

REFERENCES = ("mean_change", "plate_mean")
N_BOOTSTRAP = 5000
TITLES = {"compound": "Split by compound", "plate": "Split by plate"}
DESCRIPTIONS = {
    "no_change": "no change",
    "mean_change": "mean change of the training profiles",
    "nearest_compound": "mean change of the nearest training compound",
    "nearest_in_cell": "the same, of its profiles in the cell line",
    "plate_mean": "mean change of the plate; for a new plate, of the cell line",
    "kernel_ridge": "kernel ridge regression of residuals of plate_mean",
    "csg2a_default": "one network with default settings, target: perturbed expression",
    "csg2a_perturbed": "mean of five networks, target: perturbed expression",
    "csg2a": "mean of five networks, target: change",
    "csg2a_off": "the same without attention",
    "csg2a_on_plate": "mean of five networks, target: residuals of plate_mean",
}
INTRODUCTION = """\
Predicted and measured change from control (log2 units of L1000, level 3) of LINCS
profiles: correlation over the genes of each profile and RMSE, averaged over the
profiles of a compound, then over compounds. A constant prediction has correlation 0.
Skill is 1 - MSE / MSE of the mean change. "Raw r" correlates expression after treatment
itself, which the control alone predicts well: it is only given for comparison.
"""
NAIVE = (
    "no_change",
    "mean_change",
    "nearest_compound",
    "nearest_in_cell",
    "plate_mean",
)
JUDGED = {
    "direction": "right direction",
    "recall": "recall",
    "discrimination": "discrimination",
}
JUDGED_TEXT = """\
Of the 50 most changed genes of a profile: how many change in the predicted direction
(chance: 0.5) and how many are among the 50 of the prediction (chance: 0.05).
Discrimination is how many of the other profiles of the plate are farther from the
prediction than its own, by correlation (chance: 0.5). Share of the gap: of the way of r
from the best naive model to a prediction without noise."""
TEST_COLUMNS = [
    "split",
    "part",
    "model",
    "reference",
    "measure",
    "n_compounds",
    "difference",
    "low",
    "high",
    "share_higher",
    "p_t",
    "p_wilcoxon",
    "p_adjusted",
]
ALL, UNSEEN = "all", "unseen"
PARTS_TEXT = """\
Settings of the networks were chosen on profiles of four fifths of the compounds. Only
the "unseen" fifth, whose profiles nothing was chosen on, tells how much better than a
reference a network is; "all" is for models without chosen settings, such as kernel
ridge, which chooses its penalty in each fold on the training rows. p (adjusted): that
of the t-test, by Holm's method, for all models beside one reference."""


def compare_models(scores: pd.DataFrame) -> pd.DataFrame:
    """Compare each model with the references, paired over compounds.

    `scores` holds one row per profile: split, model, compound, pearson, rmse, and
    whether the compound is `unseen`. Returns the mean difference of each measure, its
    95 % bootstrap interval over compounds, the p-values of the paired t-test and of the
    Wilcoxon test, and the former adjusted for the models.
    """
    rows = []
    for split, of_split in scores.groupby("split", sort=False):
        parts = {ALL: of_split, UNSEEN: of_split[of_split["unseen"]]}
        for name, part in parts.items():
            rows += [{"split": split, "part": name, **row} for row in _compare(part)]
    table = pd.DataFrame(rows, columns=TEST_COLUMNS)
    family = ["split", "part", "reference", "measure"]
    table["p_adjusted"] = table.groupby(family)["p_t"].transform(
        lambda p: adjust_holm(p.to_numpy())
    )
    return table


def _compare(scores: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield the comparisons on some profiles."""
    measures = ["pearson", "rmse"]
    table = scores.pivot_table(measures, "compound", "model", aggfunc="mean")
    models = list(scores["model"].unique())
    for reference in REFERENCES:
        if reference not in models:
            continue
        for model in models:
            if model == reference:
                continue
            for measure in measures:
                difference = table[measure, model] - table[measure, reference]
                yield {
                    "model": model,
                    "reference": reference,
                    "measure": measure,
                    **describe_differences(difference.to_numpy()),
                }


def describe_differences(values: np.ndarray) -> dict[str, float]:
    """Return mean, interval and p-values of paired differences (n_compounds,)."""
    low, high = bootstrap_interval(values)
    same = bool((values == values[0]).all())  # tests are undefined then
    return {
        "n_compounds": len(values),
        "difference": float(np.mean(values)),
        "low": low,
        "high": high,
        "share_higher": float(np.mean(values > 0)),
        "p_t": np.nan if same else float(stats.ttest_1samp(values, 0.0).pvalue),
        "p_wilcoxon": np.nan if same else float(stats.wilcoxon(values).pvalue),
    }


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over compounds."""
    if len(values) == 1:  # SciPy requires two values
        return float(values[0]), float(values[0])
    low, high = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=N_BOOTSTRAP,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(low), float(high)


def by_plate(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean correlation of the profiles of each plate, by model and split."""
    return scores.pivot_table(
        "pearson", ["split", "model"], "plate", aggfunc="mean", sort=False
    )


def summarize(
    results: pd.DataFrame,
    tests: pd.DataFrame,
    agreement: pd.DataFrame,
    plates: pd.DataFrame,
) -> str:
    """Return the summary as Markdown."""
    results = results.copy()
    for name in ("fold", "n_test", "pearson", "rmse", "skill", "raw_pearson"):
        results[name] = pd.to_numeric(results[name])
    for name in ("fit_seconds", *JUDGED):
        results[name] = pd.to_numeric(results.get(name, np.nan))
    parts = ["# Change of expression on LINCS", INTRODUCTION, _ceiling(agreement)]
    parts.append(PARTS_TEXT)
    for split, title in TITLES.items():
        rows = results[results["split"] == split]
        if not rows.empty:
            parts += [f"## {title}", *_split_parts(rows, tests, split)]
            parts += _judged(rows, agreement)
            parts += ["Mean r of the profiles of each plate:", _by_plate(plates, split)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _ceiling(agreement: pd.DataFrame) -> str:
    """Describe the correlation of replicates."""
    across = agreement[~agreement["same_control"]]
    if across.empty:
        return "There are no replicates across controls, so the ceiling is not known."
    r = across["pearson"].mean()
    by_compound = across.groupby("compound")["pearson"].mean().to_numpy()
    low, high = bootstrap_interval(by_compound)
    most = f"{np.sqrt(r):.2f}" if r > 0 else "0"
    within = agreement[agreement["same_control"]]["pearson"]
    beside = (
        f" The {len(within)} pairs with one control agree at {within.mean():.3f}."
        if len(within)
        else ""
    )
    return (
        f"Ceiling: replicates (same compound, dose, time and cell line, different "
        f"controls) agree at r = {r:.3f} ({len(across)} pairs; mean over "
        f"{len(by_compound)} compounds {by_compound.mean():.3f}, 95 % {low:.3f} to "
        f"{high:.3f}). One well predicts another no better; a prediction without "
        f"noise would reach about the square root, {most}, what all wells of a plate "
        f"share included.{beside}"
    )


def _split_parts(rows: pd.DataFrame, tests: pd.DataFrame, split: str) -> Iterator[str]:
    """Yield the parts of the section on one kind of split."""
    sizes = rows.drop_duplicates("fold")
    yield (
        f"{len(sizes)} folds, {sizes['n_test'].sum():,.0f} test profiles. Mean and "
        "standard deviation over folds."
    )
    yield _as_table(
        ["model", "", "r of the change", "RMSE", "skill", "raw r", "fit, s"],
        [
            [
                model,
                DESCRIPTIONS.get(model, ""),
                *(_mean_and_sd(of_model[name]) for name in ("pearson", "rmse")),
                *(f"{of_model[name].mean():.3f}" for name in ("skill", "raw_pearson")),
                f"{of_model['fit_seconds'].mean():.1f}",
            ]
            for model, of_model in rows.groupby("model", sort=False)
        ],
    )
    part = tests[tests["split"] == split]
    for reference in REFERENCES:
        of_reference = part[part["reference"] == reference]
        if len(of_reference):
            yield f"Difference of r from {reference}, paired over compounds:"
            yield _test_table(of_reference[of_reference["measure"] == "pearson"])


def _judged(rows: pd.DataFrame, agreement: pd.DataFrame) -> Iterator[str]:
    """Yield direction, recall, discrimination and share of the gap of the models."""
    across = agreement.loc[~agreement["same_control"], "pearson"]
    means = rows.groupby("model", sort=False)[["pearson", *JUDGED]].mean()
    naive = means["pearson"].reindex(NAIVE).max()
    if means[list(JUDGED)].isna().all(axis=None) or across.empty or np.isnan(naive):
        return
    yield JUDGED_TEXT
    ceiling = float(np.sqrt(max(across.mean(), 0.0)))
    yield _as_table(
        ["model", *JUDGED.values(), "share of the gap"],
        [
            [
                str(model),
                *("" if np.isnan(of[name]) else f"{of[name]:.3f}" for name in JUDGED),
                f"{share_of_gap(of['pearson'], naive=naive, ceiling=ceiling):+.3f}",
            ]
            for model, of in means.iterrows()
        ],
    )


def _test_table(tests: pd.DataFrame) -> str:
    """Format the tests of one measure against one reference."""
    lines = [
        [
            row["model"],
            row["part"],
            str(row["n_compounds"]),
            f"{row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})",
            f"{100 * row['share_higher']:.0f} %",
            _as_p(row["p_t"]),
            _as_p(row["p_wilcoxon"]),
            _as_p(row["p_adjusted"]),
        ]
        for row in tests.to_dict("records")
    ]
    header = ["model", "on", "compounds", "difference (95 %)", "higher in"]
    return _as_table([*header, "p (t)", "p (Wilcoxon)", "p (adjusted)"], lines)


def _by_plate(plates: pd.DataFrame, split: str) -> str:
    """Format the mean correlations on each plate."""
    of_split = plates.loc[split]
    lines = [
        [str(model), *(f"{value:.3f}" for value in values)]
        for model, values in zip(of_split.index, of_split.to_numpy(), strict=True)
    ]
    return _as_table(["model", *map(str, of_split.columns)], lines)


def _as_p(value: float) -> str:
    """Format a p-value."""
    return "n/a" if np.isnan(value) else f"{value:.2g}"


def _as_table(header: list[str], lines: list[list[str]]) -> str:
    """Format a table in Markdown, with a left-aligned first column."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *lines])


def _mean_and_sd(values: pd.Series) -> str:
    """Format mean and, for at least two folds, standard deviation."""
    if len(values) == 1:
        return f"{values.iloc[0]:.3f}"
    return f"{values.mean():.3f} ± {values.std():.3f}"
