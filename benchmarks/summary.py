"""Turn the results of a data set into Markdown: a table for each scheme, and words.

    python benchmarks/summary.py --data gdsc2

Prints the text and writes it beside the results. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

if not __package__:  # run as a script, whose own folder is first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from scipy.stats import t

from benchmarks._manifest import SPLIT_NAIVE
from benchmarks._store import replaced
from benchmarks.models import MODELS, NAIVE
from benchmarks.run import RESULTS, folds_table, results_table

TITLES = {
    "mixed": "Mixed: new pairs of known cell lines and compounds",
    "cell": "Cell-blind: new cell lines",
    "drug": "Drug-blind: new compounds",
    "disjoint": "Disjoint: new cell lines and new compounds",
}

# Title, and digits after the point.
MEASURES = {
    "rmse": ("RMSE", 3),
    "pearson": ("PCC", 3),
    "spearman": ("Spearman", 3),
    "skill": ("skill", 3),
    "within_drug_pearson": ("within drug r", 3),
    "within_cell_pearson": ("within cell r", 3),
    "residual_pearson": ("residual r", 3),
    "fit_seconds": ("fit, s", 1),
}

# The correlation that the naive model of the split cannot reach.
OUT_OF_REACH = {
    "mixed": "residual_pearson",
    "cell": "within_drug_pearson",
    "drug": "within_cell_pearson",
    "disjoint": "pearson",
}

NUMBERS = (*MEASURES, "n_splits", "fold", "seed", "n_test", "n_drugs", "n_cells")

INTRODUCTION = """\
Mean and standard deviation over folds; seeds are averaged within a fold first. RMSE in
the unit of the response (ln uM for ln IC50). Skill is 1 - MSE / MSE of the split's own
naive model on the same fold, with a 95 % t-interval over folds. Folds share training
rows, so the intervals are somewhat too narrow. Within drug and within cell r are means
over compounds or cell lines of at least three test rows, with 0 where the prediction is
constant. Residual r correlates what mean effects of the training rows leave with what
the model adds to them. Bold: the lowest RMSE.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the summary and write it beside the results; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="gdsc2", help="data set")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--models", nargs="+", help="only these and the naive ones")
    options = parser.parse_args(arguments)
    results, notes = read_results(options.results, options.data)
    if options.models:
        results = results[results["model"].isin([*NAIVE, *options.models])]
    if results.empty:
        sys.stderr.write(f"No results of {options.data} in {options.results}.\n")
        return 1
    text = summarize(results, options.data, notes)
    path = options.results / f"{options.data}.md"
    with replaced(path) as part:
        part.write_text(text, encoding="utf-8")
    print(text)
    return 0


def read_results(folder: Path, data: str) -> tuple[pd.DataFrame, list[str]]:
    """Read the results on the folds of the manifest; say what is left out."""
    results = pd.DataFrame(results_table(folder, data).read().values())
    if results.empty:
        return results, []
    manifest = folds_table(folder, data)
    hash_of = {key: row["split_hash"] for key, row in manifest.read().items()}
    keys = [manifest.key_of(row) for row in results.to_dict("records")]
    valid = results["split_hash"] == [hash_of.get(key, "") for key in keys]
    notes = []
    if not valid.all():
        notes.append(
            f"{(~valid).sum()} results are on folds that are no longer those of the "
            "manifest, and left out."
        )
    results = results[valid].copy()
    same = ["scheme", "n_splits", "model", "seed"]
    n_configs = results.groupby(same)["config_hash"].nunique()
    notes += [
        f"{model} in {scheme}: folds with different settings of the model; run them "
        "again before you rely on the means."
        for scheme, _, model, _ in n_configs.index[n_configs > 1]
    ]
    for name in NUMBERS:
        results[name] = pd.to_numeric(results[name])
    return results, notes


def summarize(results: pd.DataFrame, data: str, notes: Sequence[str] = ()) -> str:
    """Return the summary of all schemes as Markdown."""
    parts = [f"# {data}", INTRODUCTION, *notes]
    for scheme, title in TITLES.items():
        of_scheme = results[results["scheme"] == scheme]
        for n_splits, of_split in of_scheme.groupby("n_splits"):
            parts += [f"## {title} ({n_splits} folds)", *_scheme_parts(of_split)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _scheme_parts(results: pd.DataFrame) -> Iterator[str]:
    """Yield what there is to say about one scheme."""
    scheme = results["scheme"].iloc[0]
    folds = per_fold(results)
    yield _say_folds(results, folds)
    yield make_table(folds)
    yield "\n".join(f"- {line}" for line in compare(folds, scheme))


def per_fold(results: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds, and keep the folds that all models have finished.

    The index is (model, fold), models in the order of the registry.
    """
    means = results.groupby(["model", "fold"])[list(MEASURES)].mean()
    n_models = results["model"].nunique()
    n_finished = means.groupby("fold").size()
    shared = n_finished.index[n_finished == n_models]
    if shared.empty:  # nothing to compare yet: each model on its own folds
        shared = n_finished.index
    kept = means[means.index.get_level_values("fold").isin(shared)]
    present = set(kept.index.get_level_values("model"))
    order = [name for name in MODELS if name in present]
    order += sorted(present - set(order))
    return kept.reindex(order, level="model")


def make_table(folds: pd.DataFrame) -> str:
    """Write one line per model: mean and sd over folds, and the interval of skill."""
    header = ["model"]
    for measure, (title, _) in MEASURES.items():
        header += [title, "95 % of skill"] if measure == "skill" else [title]
    best = folds["rmse"].groupby("model").mean().idxmin()
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for model, values in folds.groupby("model", sort=False):
        cells = [f"**{model}**" if model == best else str(model)]
        for measure, (_, digits) in MEASURES.items():
            cells.append(_mean_and_sd(values[measure], digits))
            if measure == "skill":
                cells.append(_as_interval(values[measure]))
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def compare(folds: pd.DataFrame, scheme: str) -> Iterator[str]:
    """Say in words where a naive model wins, and where it does not."""
    present = list(dict.fromkeys(folds.index.get_level_values("model")))
    naive = [model for model in present if model in NAIVE]
    others = [model for model in present if model not in NAIVE]
    if not naive:
        yield "No naive model has been run here: `--models naive` takes seconds."
        return
    means = folds.groupby("model").mean()
    lowest = means.loc[naive, "rmse"].idxmin()
    of_split = SPLIT_NAIVE[scheme]
    if of_split in naive and lowest != of_split:
        yield (
            f"Of the naive models {lowest} has the lowest RMSE "
            f"({means.loc[lowest, 'rmse']:.3f}), not {of_split} "
            f"({means.loc[of_split, 'rmse']:.3f}), against which skill is measured."
        )
    for model in others:
        yield _compare_rmse(folds, model, lowest)
        yield from _compare_correlation(means, model, naive, OUT_OF_REACH[scheme])
    if not others:
        yield f"Only naive models so far; {lowest} has the lowest RMSE."


def _compare_rmse(folds: pd.DataFrame, model: str, naive: str) -> str:
    """Compare a model with the best naive one, fold by fold."""
    pairs = pd.concat(
        [folds.loc[model, "rmse"], folds.loc[naive, "rmse"]], axis=1
    ).dropna()
    if pairs.empty:
        return f"{model} and {naive} have no fold in common."
    difference = pairs.iloc[:, 0] - pairs.iloc[:, 1]
    n_better, n_folds = int((difference < 0).sum()), len(difference)
    wins = "beats" if difference.mean() < 0 else "DOES NOT beat"
    return (
        f"{model} {wins} the best naive model, {naive}: RMSE "
        f"{difference.mean():+.3f} (95 % {_as_interval(difference)}), lower in "
        f"{n_better} of {n_folds} folds."
    )


def _compare_correlation(
    means: pd.DataFrame, model: str, naive: Sequence[str], measure: str
) -> Iterator[str]:
    """Say if a naive model has the higher correlation."""
    best = means.loc[naive, measure].idxmax()
    of_naive, of_model = means.loc[best, measure], means.loc[model, measure]
    if of_naive >= of_model:
        yield (
            f"A naive model wins in {MEASURES[measure][0]}: {best} {of_naive:.3f}, "
            f"{model} {of_model:.3f}."
        )


def _say_folds(results: pd.DataFrame, folds: pd.DataFrame) -> str:
    """Say which folds the table is over, and how many groups the correlations."""
    kept = sorted(set(folds.index.get_level_values("fold")))
    used = results[results["fold"].isin(kept)]
    sizes = used.drop_duplicates("fold")[["n_test", "n_drugs", "n_cells"]].mean()
    more = results.groupby("model")["fold"].nunique()
    beyond = more[more > len(kept)]
    text = (
        f"Folds {', '.join(map(str, kept))}; per fold {sizes['n_test']:,.0f} test "
        f"rows, within drug r over {sizes['n_drugs']:.0f} compounds and within cell r "
        f"over {sizes['n_cells']:.0f} cell lines on average. Seeds: "
        f"{', '.join(map(str, sorted(used['seed'].unique())))}."
    )
    if len(beyond):
        names = ", ".join(f"{model} ({n})" for model, n in beyond.items())
        text += f" Finished in more folds than all models share: {names}."
    uneven = (folds.groupby("model").size() < len(kept)).any()
    return text + (" The models do not share a fold yet." if uneven else "")


def _mean_and_sd(values: pd.Series, digits: int) -> str:
    """Write mean and standard deviation, the latter from two folds on."""
    found = values.dropna()
    if found.empty:
        return "n/a"
    if len(found) == 1:
        return f"{found.iloc[0]:.{digits}f}"
    return f"{found.mean():.{digits}f} ± {found.std():.{digits}f}"


def _as_interval(values: pd.Series) -> str:
    """Write the 95 % t-interval of the mean; it needs two folds."""
    low, high = t_interval(values.dropna().to_numpy())
    return "n/a" if np.isnan(low) else f"{low:+.3f} to {high:+.3f}"


def t_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % t-interval of the mean of (n_folds,); NaN below two folds."""
    if len(values) < 2:
        return float("nan"), float("nan")
    mean = float(np.mean(values))
    half = float(
        t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    )
    return mean - half, mean + half


if __name__ == "__main__":
    sys.exit(main())
